// A small runner: each test gets a browser context of its own, so nothing is shared but the server. A test fails when
// its body throws, when the page throws, or when a request leaves the server's origin.
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";

const kTestMs = 150_000;   // these limits only end what hangs: a busy machine is no failure
const kWaitMs = 30_000;
const tests = [];

/// options: {mock: true} for tests that need the stand-in's answers, {stand_in: true} for those that need keys and
/// books (stand_in.mjs), {keyed: true} for those of a running bedplate with tenants (BEDPLATE_KEY); the rest goes to the browser's context.
export function test(name, options, body) {
  tests.push({ name, options, body });
}

export function check(condition, message) {
  if (!condition) throw new Error(message);
}

export function equal(got, want, what) {
  const [a, b] = [JSON.stringify(got), JSON.stringify(want)];
  if (a !== b) throw new Error(`${what}: got ${a}, want ${b}`);
}

/// Waits until `ready` returns something true, and returns it.
export async function until(ready, what, limit_ms = kWaitMs) {
  const end = Date.now() + limit_ms;
  for (;;) {
    const value = await ready();
    if (value) return value;
    if (Date.now() > end) throw new Error(`timed out waiting: ${what}`);
    await new Promise((done) => setTimeout(done, 25));
  }
}

function unitResults() {
  if (!process.env.UNIT_RESULTS) return { passed: 0, failed: 0 };
  try {
    const results = JSON.parse(readFileSync(process.env.UNIT_RESULTS, "utf8"));
    for (const file of results.testResults) {
      for (const item of file.assertionResults) if (item.status === "failed") console.log(`FAIL  ${item.fullName}\n${item.failureMessages.join("\n")}`);
      if (file.status === "failed" && file.assertionResults.length === 0) console.log(`FAIL  ${file.name}\n${file.message}`);
    }
    return { passed: results.numPassedTests, failed: results.numFailedTests + (results.success ? 0 : results.numFailedTests === 0 ? 1 : 0) };
  } catch (error) {
    console.log(`FAIL  the unit tests left no results: ${error.message}`);
    return { passed: 0, failed: 1 };
  }
}

async function runOne(browser, server, { options, body }) {
  const { mock: _, stand_in: __, keyed: ___, permissions, ...context_options } = options;
  const context = await browser.newContext({ locale: "en-GB", viewport: { width: 1280, height: 820 }, reducedMotion: "reduce", ...context_options });
  const troubles = [];
  try {
    if (permissions) await context.grantPermissions(permissions);
    const page = await context.newPage();
    page.setDefaultTimeout(kWaitMs);
    page.on("pageerror", (error) => troubles.push(`the page threw: ${error.message}`));
    page.on("console", (line) => { if (/Content Security Policy|Refused to/.test(line.text())) troubles.push(`policy: ${line.text()}`); });
    context.on("request", (request) => {
      const url = new URL(request.url());
      if (url.origin !== server.url && url.protocol !== "blob:") troubles.push(`a request left the origin: ${request.url()}`);
    });
    let timer;
    const late = new Promise((_done, fail) => { timer = setTimeout(() => fail(new Error(`took over ${kTestMs} ms`)), kTestMs); });
    await Promise.race([body({ page, context, server }), late]).finally(() => clearTimeout(timer));
    if (troubles.length > 0) throw new Error(troubles.join("\n"));
  } finally {
    await context.close();
  }
}

/// makeServer: () -> {url, mock or null, stop}. A fresh one for each test, where there is a mock.
export async function runAll(makeServer, filters) {
  let { passed, failed } = unitResults();
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
  for (const item of tests) {
    if (filters.length > 0 && !filters.some((filter) => item.name.includes(filter))) continue;
    const server = await makeServer(item.options);
    try {
      if ((item.options.mock && !server.mock) || (item.options.stand_in && !server.stand_in)) continue;
      if (Boolean(item.options.keyed) !== Boolean(server.keyed)) continue;
      await runOne(browser, server, item);
      ++passed;
      console.log(`ok    ${item.name}`);
    } catch (error) {
      ++failed;
      console.log(`FAIL  ${item.name}\n      ${String(error.message).split("\n").slice(0, 12).join("\n      ")}`);
    } finally {
      await server.stop();
    }
  }
  await browser.close();
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 && passed > 0;
}

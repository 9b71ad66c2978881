// Method: the pages about money and access in a real browser, on the real server with tenants of every role and two
// months of usage in its books (stand_in.cc): signing in, what each role sees, that what is shown is what the books say,
// and keys from their making to their end.
import { readFileSync } from "node:fs";
import { accessible } from "./axe.mjs";
import { check, equal, test, until } from "./harness.mjs";
import { lastAnswer, limitAnswer, say } from "./steps.mjs";

const kStandIn = { stand_in: true };
const kPhone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };
const kPages = ["overview", "usage", "requests", "prices", "budgets", "keys", "tenants", "audit"];
const kHeadings = { overview: "Overview", usage: "Usage", requests: "Requests", prices: "Prices", budgets: "Budgets", keys: "Keys", tenants: "Tenants", audit: "Audit" };

async function signIn(page, server, name, path = "/") {
  await page.goto(server.url + path);
  await page.getByLabel("Your key").fill(server.keys[name].key);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.locator(".app").waitFor();
}

/// Opens a page by its address, and waits until what it loads is there.
async function openPage(page, server, path) {
  await page.goto(`${server.url}/#/${path}`);
  await page.locator(".page h1").waitFor();
  // Two frames on, a page that was there already has begun to load what the new address asks for, and says so.
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  await until(async () => (await page.locator(".page .loading, .page [aria-busy=true]").count()) === 0, `${path} to load`);
}

/// What the admin API says to a key.
async function ask(server, key, path) {
  const response = await fetch(server.url + path, { headers: { authorization: `Bearer ${server.keys[key].key}` } });
  equal(response.status, 200, path);
  return response.json();
}

/// "$1,234.5" as whole pico-dollars.
function pico(text) {
  const [whole, fraction = ""] = text.replace(/[$,\s]/g, "").split(".");
  return BigInt(whole) * 10n ** 12n + BigInt(fraction.padEnd(12, "0"));
}

function links(page) {
  return page.locator(".pages a").allTextContents();
}

test("signing in: a wrong key, a right one, and out again", kStandIn, async ({ page, context, server }) => {
  await page.goto(`${server.url}/#/usage`);
  await until(() => page.getByLabel("Your key").evaluate((element) => element === document.activeElement), "the box to have the focus");
  await accessible(page, "sign in");
  await page.getByLabel("Your key").fill(`${server.keys.operator.key}x`);
  await page.keyboard.press("Enter");
  check((await page.getByRole("alert").textContent()).includes("This key is not known here"), "a wrong key is told");
  await accessible(page, "wrong key");
  equal(await context.cookies(), [], "no cookie for a wrong key");
  await page.getByLabel("Your key").fill(` ${server.keys.operator.key}\n`);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Usage" }).waitFor();

  const cookies = await context.cookies();
  equal(cookies.map(({ name, httpOnly, sameSite, path }) => ({ name, httpOnly, sameSite, path })), [{ name: "bedplate_session", httpOnly: true, sameSite: "Strict", path: "/" }], "cookie");
  const seen = await page.evaluate(() => document.cookie + JSON.stringify({ ...localStorage, ...sessionStorage }));
  check(!seen.includes("bp_live_") && !seen.includes(cookies[0].value), "no script can read key or session");
  await page.reload();
  await page.getByRole("heading", { name: "Usage" }).waitFor();

  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Your key").waitFor();
  const stolen = await fetch(`${server.url}/v1/models`, { headers: { cookie: `bedplate_session=${cookies[0].value}` } });
  equal(stolen.status, 401, "the session has ended on the server too");
  await page.reload();
  await page.getByLabel("Your key").waitFor();
});

test("each role sees its pages, and no others", kStandIn, async ({ page, context, server }) => {
  const all = ["Overview", "Usage", "Requests", "Prices", "Budgets", "Keys"];
  for (const [key, pages, chats] of [
    ["operator", [...all, "Tenants", "Audit"], true],
    ["acme-owner", [...all, "Tenants", "Audit"], true],
    ["acme-billing", [...all, "Tenants"], false],
    ["acme-admin", [...all, "Projects"], true],
    ["acme-member", all, true],
    ["acme-auditor", [...all, "Tenants", "Audit"], false],
  ]) {
    await context.clearCookies();
    await page.goto("about:blank");
    await signIn(page, server, key);
    await until(async () => (await links(page)).length > 0, "the pages");
    equal(await links(page), pages, key);
    equal(await page.getByRole("button", { name: "New chat" }).count(), chats ? 1 : 0, `${key}: chats`);
    if (!chats) await page.getByRole("heading", { name: "Overview" }).waitFor();
    for (const one of kPages) {
      await openPage(page, server, one);
      const shown = pages.some((label) => label === kHeadings[one] || (one === "tenants" && label === "Projects"));
      equal(await page.getByText("This page is not for this key").count(), shown ? 0 : 1, `${key}: ${one}`);
      equal(await page.locator(".page .failure").count(), 0, `${key}: ${one} has no error`);
    }
    await openPage(page, server, "prices");
    equal(await page.getByRole("button", { name: "Add a price" }).count(), key === "operator" ? 1 : 0, `${key}: add a price`);
    await openPage(page, server, "keys");
    equal(await page.getByRole("button", { name: "New key" }).count(), /operator|owner|admin/.test(key) ? 1 : 0, `${key}: new key`);
  }
});

test("a member sees only what is theirs", kStandIn, async ({ page, server }) => {
  await signIn(page, server, "acme-member");
  await openPage(page, server, "keys");
  equal(await page.locator(".key-id").allTextContents(), [server.keys["acme-member"].id], "keys");
  await openPage(page, server, "usage?by=key");
  const report = await ask(server, "operator", `/admin/v1/usage?from=0&key=${server.keys["acme-member"].id}`);
  equal(await page.locator(".usage-top tbody th").allTextContents(), ["acme-member"], "usage");
  equal(await page.getByLabel("Split by").locator("option").allTextContents(), ["Key", "Model"], "what it can be split by");
  check(report.total.requests > 100, "the books have more than this page may show");
  await openPage(page, server, "requests");
  equal(await page.locator("thead th").allTextContents(), ["Time", "Model", "Tokens in", "Tokens out", "Cost"], "requests");
  const other = (await ask(server, "operator", `/admin/v1/requests?limit=1&tenant=globex`)).data[0];
  await openPage(page, server, `requests/${other.request}`);
  check((await page.getByRole("alert").textContent()).includes("the books know no request"), "another's request is told in the server's words");
  await openPage(page, server, "audit");
  await page.getByText("This page is not for this key").waitFor();
});

test("usage: chart, tables, CSV and the books say the same", kStandIn, async ({ page, server }) => {
  await signIn(page, server, "operator");
  await openPage(page, server, "usage?range=30d&by=tenant");
  const now = Math.floor(Date.now() / 1000), to = now - (now % 86400) + 86400;
  const report = await ask(server, "operator", `/admin/v1/usage?from=${to - 30 * 86400}&to=${to}&bucket=day&group_by=tenant`);
  const exact = (text) => pico(text);
  const title = (locator) => locator.locator(".money").evaluateAll((all) => all.map((one) => one.title));

  // The table of groups: every digit of every total.
  const of_tenant = new Map();
  for (const line of report.data) of_tenant.set(line.tenant, (of_tenant.get(line.tenant) ?? 0n) + exact(line.cost));
  const names = await page.locator(".usage-top tbody th").allTextContents();
  equal([...names].sort(), [...of_tenant.keys()].sort(), "tenants");
  const costs = await title(page.locator(".usage-top tbody"));
  names.forEach((name, i) => check(exact(costs[i]) === of_tenant.get(name), `${name}: ${costs[i]}`));
  equal(await title(page.locator(".usage-top tfoot")), [`$${report.total.cost}`], "total");

  // The table of days, and the bar under the pointer: the same words.
  const by_day = new Map();
  for (const line of report.data) by_day.set(line.from_at, (by_day.get(line.from_at) ?? 0n) + exact(line.cost));
  const days = [...by_day.keys()].sort((a, b) => b - a);
  const rows = page.locator("tr[data-bucket]");
  equal(await rows.count(), days.length, "days with usage");
  const totals = await rows.locator("td.total").allTextContents();
  days.forEach((day, i) => {
    const shown = pico(totals[i]), difference = shown > by_day.get(day) ? shown - by_day.get(day) : by_day.get(day) - shown;
    check(difference <= 5n * 10n ** 9n, `day ${day}: ${totals[i]} is rounded to the cent`);
  });
  const over = page.locator(".u-over");
  await over.scrollIntoViewIfNeeded();
  const box = await over.boundingBox();
  const heights = [];
  for (let i = 0; i < days.length; ++i) {
    const bucket = Number(await rows.nth(i).getAttribute("data-bucket"));
    await page.mouse.move(box.x + (bucket + 0.5) * box.width / 30, box.y + box.height - 3);
    await until(async () => (await rows.nth(i).getAttribute("class")) === "pointed", `the row of bar ${bucket} to be pointed out`);
    equal(await page.locator(".chart-told strong").textContent(), await rows.nth(i).locator("th").textContent(), "day");
    equal(await page.locator(".chart-sum").textContent(), totals[i], "sum");
    heights.push(by_day.get(days[i]));
  }
  // What is drawn: the height of each bar in pixels, against the table.
  const drawn = await page.evaluate((count) => {
    const canvas = document.querySelector(".chart canvas"), over = document.querySelector(".u-over");
    const scale = canvas.width / canvas.getBoundingClientRect().width, at = over.getBoundingClientRect(), from = canvas.getBoundingClientRect();
    const pixels = canvas.getContext("2d");
    const page = getComputedStyle(document.documentElement).backgroundColor.match(/\d+/g).map(Number);
    return Array.from({ length: count }, (_, bucket) => {
      const x = Math.round((at.left - from.left + (bucket + 0.5) * at.width / count) * scale);
      const column = pixels.getImageData(x, 0, 1, canvas.height).data;
      const bottom = Math.round((at.bottom - from.top) * scale), top = Math.round((at.top - from.top) * scale);
      let high = 0;
      for (let y = top; y < bottom; ++y) {
        const [r, g, b, a] = column.slice(4 * y, 4 * y + 4);
        const coloured = a > 200 && Math.max(r, g, b) - Math.min(r, g, b) > 40 && Math.abs(r - page[0]) + Math.abs(g - page[1]) + Math.abs(b - page[2]) > 90;
        if (coloured) { high = bottom - y; break; }
      }
      return high / scale;
    });
  }, 30);
  const highest = Number(heights.reduce((most, value) => (value > most ? value : most)));
  const highest_drawn = Math.max(...drawn);
  for (let i = 0; i < days.length; ++i) {
    const bucket = Number(await rows.nth(i).getAttribute("data-bucket"));
    const want = Number(heights[i]) / highest * highest_drawn;
    check(Math.abs(drawn[bucket] - want) <= 2.5, `the bar of ${days[i]} is ${drawn[bucket]} px high, its amount would be ${want.toFixed(1)}`);
  }

  const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Download CSV" }).click()]);
  const lines = readFileSync(await file.path(), "utf8").trim().split("\r\n").slice(1).map((line) => line.split(","));
  equal(lines.length, report.data.length, "lines of the CSV");
  const sum = lines.reduce((all, line) => all + pico(line.at(-1)), 0n);
  check(sum === pico(report.total.cost), "the CSV adds up to the total, to the last digit");
});

test("usage: time, buckets, what it is split by, and only a part", kStandIn, async ({ page, server }) => {
  await signIn(page, server, "operator");
  await openPage(page, server, "usage");
  const total = async () => (await page.locator(".usage-top tfoot td").first().textContent()).replace(/,/g, "");
  const loaded = () => until(async () => (await page.locator(".page [aria-busy=true]").count()) === 0, "it to load");
  const all = Number(await total());
  await page.getByLabel("Time").selectOption("7d");
  await loaded();
  await until(async () => Number(await total()) < all, "fewer in a week");
  check(page.url().includes("range=7d"), "the address says so");
  await page.getByLabel("Each bar is").selectOption("hour");
  await until(async () => /\d\d:00$/.test(await page.locator("tr[data-bucket] th").first().textContent()), "hours");
  await page.getByLabel("Split by").selectOption("key");
  await until(async () => (await page.locator(".usage-top tbody th").allTextContents()).includes("support-bot"), "keys by name");
  await page.getByRole("combobox", { name: "Show" }).selectOption("requests");
  await page.locator(".usage-top tbody").getByRole("button", { name: "support-bot" }).click();
  await until(async () => (await page.locator(".usage-top tbody tr").count()) === 1, "one key");
  check((await page.locator(".chip").textContent()).includes("Key: support-bot"), "what it is narrowed to");
  await page.locator(".chip").click();
  await until(async () => (await page.locator(".usage-top tbody tr").count()) > 1, "all again");
  await page.getByLabel("Time").selectOption("custom");
  await page.getByLabel("From", { exact: true }).fill("2001-01-01");
  await page.getByLabel("To and with").fill("2001-01-31");
  await page.getByText("Nothing was used").waitFor();
  await accessible(page, "empty usage");
});

test("requests: listed, read on, and one traced to its charges and transfers", kStandIn, async ({ page, server }) => {
  await signIn(page, server, "acme-owner");
  await openPage(page, server, "requests");
  const rows = page.locator("tbody tr");
  const first = await rows.count();
  await page.getByRole("button", { name: "Show earlier ones" }).click();
  await until(async () => (await rows.count()) > first, "more");
  const times = await rows.locator("th").allTextContents();
  const stamps = times.map((text) => Date.parse(`${text} UTC`));
  check(stamps.every((at, i) => i === 0 || at <= stamps[i - 1]), "the newest first, none twice");
  const newest = (await ask(server, "acme-owner", "/admin/v1/requests?limit=1")).data[0];
  await rows.first().getByRole("link").click();
  await page.getByRole("heading", { name: "One request" }).waitFor();
  await page.getByRole("heading", { name: "In the books" }).waitFor();
  const trace = await ask(server, "acme-owner", `/admin/v1/requests/${newest.request}`);
  const charges = page.getByRole("region", { name: "Charges" });
  equal(await charges.locator("tbody .money").evaluateAll((all) => all.map((one) => one.title)), trace.usage[0].charges.map((charge) => `$${charge.amount}`), "charges");
  equal(await charges.locator("tfoot .money").getAttribute("title"), `$${newest.cost}`, "their sum");
  const moved = page.getByRole("region", { name: "Transfers" });
  equal(await moved.locator("tbody tr").count(), trace.transfers.length, "transfers");
  check((await moved.textContent()).includes("Owed by acme, "), "accounts in words");
  await accessible(page, "one request");
  await page.getByRole("link", { name: "All requests" }).click();
  await page.getByRole("heading", { name: "Requests" }).waitFor();
});

test("a key: made, shown once, used, changed, rotated and revoked", { ...kStandIn, permissions: ["clipboard-read", "clipboard-write"] }, async ({ page, server }) => {
  await signIn(page, server, "acme-owner");
  await openPage(page, server, "keys");
  await page.getByRole("button", { name: "New key" }).click();
  await page.getByRole("dialog").waitFor();
  await accessible(page, "new key");
  await page.getByRole("textbox", { name: "Name" }).fill("made-here");
  await page.getByLabel("Project").selectOption("support-chat");
  await page.getByLabel("Requests a minute").fill("1,000");
  await page.getByRole("button", { name: "Make the key" }).click();
  const dialog = page.getByRole("dialog", { name: "The new key" });
  await dialog.waitFor();
  await accessible(page, "the secret");
  const secret = await dialog.locator(".secret code").textContent();
  await dialog.getByRole("button", { name: "Copy key" }).click();
  await until(async () => (await page.evaluate(() => navigator.clipboard.readText())) === secret, "the clipboard");
  await dialog.getByRole("button", { name: "I have copied it" }).click();
  check(!(await page.content()).includes(secret), "it is shown no more");
  const row = page.locator("tbody tr", { hasText: "made-here" });
  check((await row.textContent()).includes("1,000 requests/min"), "its limits are listed");

  const use = (key) => fetch(`${server.url}/v1/chat/completions`, {
    method: "POST", headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
    body: JSON.stringify({ model: "fake", messages: [{ role: "user", content: "Hi" }] }),
  }).then((response) => response.status);
  equal(await use(secret), 200, "it is good");

  await row.getByRole("button", { name: "Actions for made-here" }).click();
  await page.getByRole("menuitem", { name: "Change name and limits" }).click();
  await page.getByLabel("Requests a minute").fill("");
  await page.getByLabel("Requests at once").fill("3");
  await page.getByRole("button", { name: "Save" }).click();
  await until(async () => (await row.textContent()).includes("3 at once"), "the other limit");
  check(!(await row.textContent()).includes("requests/min"), "and not the one of before");

  await row.getByRole("button", { name: "Actions for made-here" }).click();
  await page.getByRole("menuitem", { name: "Give it another secret" }).click();
  await page.getByLabel("The earlier secret ends").selectOption("3600");
  await page.getByRole("button", { name: "Make the secret" }).click();
  const other = await page.getByRole("dialog", { name: "The other secret" }).locator(".secret code").textContent();
  await page.getByRole("button", { name: "I have copied it" }).click();
  equal([await use(secret), await use(other)], [200, 200], "both are good for an hour");

  await row.getByRole("button", { name: "Actions for made-here" }).click();
  await page.getByRole("menuitem", { name: "Revoke" }).click();
  await page.getByRole("dialog").waitFor();
  await accessible(page, "revoke");
  await page.getByRole("button", { name: "Cancel" }).click();
  equal(await use(other), 200, "cancelled");
  await row.getByRole("button", { name: "Actions for made-here" }).click();
  await page.getByRole("menuitem", { name: "Revoke" }).click();
  await page.getByRole("button", { name: "Revoke for good" }).click();
  await until(async () => (await row.count()) === 0, "it to go from the list");
  equal([await use(secret), await use(other)], [401, 401], "neither is good");
  await page.getByRole("combobox", { name: "Keys" }).selectOption({ label: "Also revoked and expired" });
  await page.locator("tbody tr", { hasText: "made-here" }).getByText("Revoked", { exact: true }).waitFor();

  await openPage(page, server, "audit");
  for (const what of ["made the key made-here", "changed the key made-here", "gave another secret to the key made-here", "revoked the key made-here"]) {
    check((await page.locator("tbody").textContent()).includes(what), `the audit has: ${what}`);
  }
});

test("revoking one's own key signs one out", kStandIn, async ({ page, server }) => {
  await signIn(page, server, "acme-admin", "/#/keys");
  await page.locator("tbody tr", { hasText: "yours" }).getByRole("button", { name: /^Actions/ }).click();
  await page.getByRole("menuitem", { name: "Revoke" }).click();
  await page.getByText("you will be signed out").waitFor();
  await page.getByRole("button", { name: "Revoke for good" }).click();
  await page.getByLabel("Your key").waitFor();
});

test("a price: what it will mean, what is wrong with it, and added", kStandIn, async ({ page, server }) => {
  await signIn(page, server, "operator", "/#/prices");
  await page.getByRole("button", { name: "Add a price" }).click();
  const meaning = page.locator(".meaning");
  await page.getByLabel("Dollars a million").fill("0,6");
  await until(async () => (await meaning.textContent()).includes("Write dollars in plain digits"), "a comma is told");
  check(await page.getByRole("button", { name: "Add the price" }).isDisabled(), "it can't be added");
  await page.getByLabel("Dollars a million").fill("0.123456789012");
  await page.getByLabel("For what").selectOption("output");
  await page.getByLabel("Of which model").fill("fake");
  await page.getByLabel("Asked of").selectOption("globex");
  await page.getByLabel("First day").fill("2099-01-01");
  equal(await meaning.textContent(), "From 1 Jan 2099, 00:00 UTC on, globex will pay $0.123456789012 for every million output tokens of the model fake, until another price for the same thing begins. A price that was added can't be removed: another one takes its place.", "meaning");
  await accessible(page, "add a price");
  await page.getByRole("button", { name: "Add the price" }).click();
  const row = page.locator("tbody tr", { hasText: "0.123456789012" });
  await row.waitFor();
  check(/Output tokens.*per million.*fake.*globex.*1 Jan 2099.*Later/.test(await row.textContent()), await row.textContent());
  // The same again is the server's to refuse, in its words.
  await page.getByRole("button", { name: "Add a price" }).click();
  await page.getByLabel("Dollars a million").fill("1");
  await page.getByLabel("First day").fill("2099-01-01");
  await page.getByLabel("For what").selectOption("output");
  await page.getByLabel("Of which model").fill("fake");
  await page.getByLabel("Asked of").selectOption("globex");
  await page.getByRole("button", { name: "Add the price" }).click();
  await page.getByRole("dialog").getByRole("alert").waitFor();
  await accessible(page, "a refused price");
});

test("tenants and projects: made, disabled and enabled", kStandIn, async ({ page, server }) => {
  await signIn(page, server, "operator", "/#/tenants");
  await page.getByRole("button", { name: "New tenant" }).click();
  await page.getByLabel("Name").fill("initech");
  await page.getByRole("button", { name: "Make the tenant" }).click();
  const card = page.locator(".card", { has: page.getByRole("heading", { name: "initech" }) });
  await card.getByText("default").waitFor();
  await card.getByRole("button", { name: "Actions for initech" }).click();
  await page.getByRole("menuitem", { name: "Add a project" }).click();
  await page.getByLabel("Name").fill("tps-reports");
  await page.getByRole("button", { name: "Add the project" }).click();
  await card.getByText("tps-reports").waitFor();
  await card.getByRole("button", { name: "Actions for initech" }).click();
  await page.getByRole("menuitem", { name: "Disable" }).click();
  await page.getByRole("dialog").waitFor();
  await accessible(page, "disable");
  await page.getByRole("button", { name: "Disable", exact: true }).click();
  await card.getByText(/^Disabled/).waitFor();
  await card.getByRole("button", { name: "Actions for initech" }).click();
  await page.getByRole("menuitem", { name: "Enable again" }).click();
  await until(async () => (await card.getByText(/^Disabled/).count()) === 0, "enabled");
  await openPage(page, server, "audit");
  await page.getByRole("button", { name: "Check that nothing was altered" }).click();
  await page.getByText("are whole and in order").waitFor();
});

test("a question to a real model: answered, and in the books to the last digit", { keyed: true }, async ({ page, server }) => {
  await signIn(page, server, "operator", "/#/prices");
  for (const [what, amount] of [["prompt", "1.25"], ["output", "3.75"]]) {
    await page.getByRole("button", { name: "Add a price" }).click();
    await page.getByLabel("For what").selectOption(what);
    await page.getByLabel("Dollars a million").fill(amount);
    await page.getByRole("button", { name: "Add the price" }).click();
    await page.locator("tbody tr", { hasText: `$${amount} per million` }).waitFor();
  }
  await page.waitForTimeout(1100);  // prices begin with a whole second
  await page.getByRole("button", { name: "New chat" }).click();
  await page.getByRole("combobox", { name: "Model" }).waitFor();
  await limitAnswer(page, 24);
  await say(page, "Count from one to ten, in words.");
  const stats = await lastAnswer(page).locator(".stats").textContent();
  const [, tokens_out] = /(\d+) tokens/.exec(stats), [, tokens_in] = /prompt (\d+)/.exec(stats);
  await until(async () => (await ask(server, "operator", "/admin/v1/requests")).data.length === 1, "it to be booked");
  await openPage(page, server, "requests");
  equal(await page.locator("tbody td.number").allTextContents().then((all) => all.slice(0, 2)), [tokens_in, tokens_out], "tokens");
  await page.locator("tbody th a").click();
  await page.getByRole("heading", { name: "In the books" }).waitFor();
  const cost = BigInt(tokens_in) * 1_250_000n + BigInt(tokens_out) * 3_750_000n;
  const shown = await page.getByRole("region", { name: "Charges" }).locator("tfoot .money").getAttribute("title");
  check(pico(shown) === cost, `${tokens_in} and ${tokens_out} tokens cost ${shown}`);
  await openPage(page, server, "overview");
  equal(await page.locator(".figure", { hasText: "Spent today" }).locator(".money").getAttribute("title"), shown, "spent today");
  equal(await page.locator(".figure", { hasText: "Requests today" }).locator(".figure-value").textContent(), "1", "requests today");
  await until(async () => /tokens\/s/.test(await page.locator(".figure", { hasText: "Being written now" }).textContent()), "what is going on now");
});

for (const scheme of ["light", "dark"]) {
  test(`axe finds nothing serious on the pages, ${scheme}`, { ...kStandIn, colorScheme: scheme }, async ({ page, server }) => {
    await signIn(page, server, "operator");
    for (const path of [...kPages, "usage?by=key&show=tokens", "usage?range=today"]) {
      await openPage(page, server, path);
      await accessible(page, path);
    }
    await page.getByRole("region", { name: "Audit" }).count();
    await openPage(page, server, "audit");
    await page.locator(".row-details summary").first().click();
    await accessible(page, "audit's details");
  });
}

test("on a phone the pages fit, and axe finds nothing serious", { ...kStandIn, ...kPhone }, async ({ page, server }) => {
  await signIn(page, server, "operator");
  for (const path of kPages) {
    await openPage(page, server, path);
    const wide = await page.evaluate(() => [...document.querySelectorAll("html, body, main, .page")].filter((element) => element.scrollWidth > element.clientWidth + 1).map((element) => element.className || element.tagName));
    equal(wide, [], `${path}: nothing is wider than the window`);
    await accessible(page, path);
  }
  await page.getByRole("button", { name: "Show the side bar" }).tap();
  await page.locator(".pages").getByRole("link", { name: "Usage" }).tap();
  await page.getByRole("heading", { name: "Usage" }).waitFor();
  equal(await page.locator(".sidebar").count(), 0, "the side bar makes way");
});

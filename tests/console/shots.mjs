// Pictures of each page, for people to look at: node shots.mjs FOLDER. Where the stand-in is, CONSOLE_STAND_IN says.
import { mkdirSync } from "node:fs";
import { chromium } from "playwright-core";
import { startStandIn } from "./stand_in.mjs";

const folder = process.argv[2] ?? "shots";
mkdirSync(folder, { recursive: true });
const server = await startStandIn();
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-dev-shm-usage"] });
const request = (await (await fetch(`${server.url}/admin/v1/requests?limit=1`, { headers: { authorization: `Bearer ${server.keys.operator.key}` } })).json()).data[0].request;
const kPaths = { overview: "overview", usage: "usage", "usage-tenant": "usage?by=tenant&range=7d", "usage-key": "usage?by=key&show=tokens", "usage-hour": "usage?range=today", requests: "requests", request: `requests/${request}`, prices: "prices", keys: "keys?all=1", tenants: "tenants", audit: "audit" };
for (const [name, width, height, scheme] of [["wide-light", 1280, 820, "light"], ["wide-dark", 1280, 820, "dark"], ["phone-light", 390, 844, "light"]]) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, reducedMotion: "reduce", isMobile: width < 600, hasTouch: width < 600 });
  const page = await context.newPage();
  const shot = (what) => page.screenshot({ path: `${folder}/${name}-${what}.png` });
  await page.goto(server.url);
  await page.getByLabel("Your key").waitFor();
  await shot("sign-in");
  await page.getByLabel("Your key").fill(server.keys.operator.key);
  await page.keyboard.press("Enter");
  await page.locator(".app").waitFor();
  for (const [what, path] of Object.entries(kPaths)) {
    await page.goto(`${server.url}/#/${path}`);
    await page.locator(".page h1").waitFor();
    await page.waitForTimeout(900);
    if (what === "usage-tenant" && width > 600) await page.mouse.move(width / 2, 480);
    await page.waitForTimeout(100);
    await shot(what);
    if (width < 600 || /usage$|request$/.test(what)) {
      await page.evaluate(() => document.querySelector(".page").scrollTo(0, 700));
      await shot(`${what}-2`);
    }
  }
  for (const [what, path, button] of [["new-key", "keys", "New key"], ["new-price", "prices", "Add a price"]]) {
    await page.goto(`${server.url}/#/${path}`);
    await page.getByRole("button", { name: button }).click();
    if (what === "new-price") await page.getByLabel("Dollars a million").fill("0.60");
    await page.waitForTimeout(300);
    await shot(what);
    await page.keyboard.press("Escape");
  }
  await page.goto(`${server.url}/#/`);
  await page.waitForTimeout(300);
  await shot("chat");
  await context.close();
}
await browser.close();
await server.stop();

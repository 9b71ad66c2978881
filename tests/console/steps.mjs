// What a person does on the page, by the names a screen reader would use.
import { until } from "./harness.mjs";

export async function open(page, server, path = "/") {
  await page.goto(server.url + path);
  await page.getByRole("textbox", { name: "Message" }).waitFor();
  await page.getByRole("combobox", { name: "Model" }).waitFor();
}

export const composer = (page) => page.locator("#composer");
export const answers = (page) => page.locator(".answer");
export const lastAnswer = (page) => page.locator(".answer").last();

export async function choose(page, server, model) {
  if (server.mock) await page.getByRole("combobox", { name: "Model" }).selectOption(model);
}

/// Sends without waiting for the end of the answer.
export async function send(page, text) {
  const before = await answers(page).count();
  await composer(page).fill(text);
  await composer(page).press("Enter");
  await until(async () => (await answers(page).count()) > before || (await page.locator(".editing").count()) > 0, "an answer to begin");
}

export async function finished(page, limit_ms = 60_000) {
  await until(async () => (await page.locator(".send.stop").count()) === 0 && (await page.locator("[aria-busy=true]").count()) === 0, "the answer to end", limit_ms);
}

export async function say(page, text) {
  await send(page, text);
  await finished(page);
}

export async function limitAnswer(page, tokens) {
  await page.getByRole("button", { name: "Parameters", exact: true }).click();
  await page.getByLabel("Longest answer").fill(String(tokens));
  await page.getByRole("button", { name: "Close parameters" }).click();
}

/// Waits until what the page has begun to write to its storage is there: a later reading waits for earlier writing.
export function stored(page) {
  return page.evaluate(() => new Promise((done, fail) => {
    const request = indexedDB.open("bedplate");
    request.onerror = () => fail(request.error);
    request.onsuccess = () => {
      const reading = request.result.transaction("conversations");
      reading.objectStore("conversations").count();
      reading.oncomplete = () => { request.result.close(); done(); };
    };
  }));
}

/// The next frame: what the page has put off until then is done.
export const drawn = (page) => page.evaluate(() => new Promise((done) => requestAnimationFrame(done)));

/// True when nothing is wider than the window.
export function fitsWidth(page) {
  return page.evaluate(() => document.documentElement.scrollWidth <= innerWidth && document.body.scrollWidth <= innerWidth
    && [...document.querySelectorAll("header, main, .messages, .composer, .sidebar, .parameters, .welcome")].every((element) => {
      const box = element.getBoundingClientRect();
      return box.left >= -0.5 && box.right <= innerWidth + 0.5 && (element.scrollWidth <= element.clientWidth + 1);
    }));
}

// Method: the built pages in a real browser, used as a person uses them, against a stand-in server that misbehaves on
// request (mock_server.mjs), or against a running bedplate (BEDPLATE_URL).
import { readFileSync } from "node:fs";
import { accessible } from "./axe.mjs";
import { check, equal, runAll, test, until } from "./harness.mjs";
import { MockServer } from "./mock_server.mjs";
import { startStandIn } from "./stand_in.mjs";
import "./pages_test.mjs";
import { answers, choose, composer, drawn, finished, fitsWidth, lastAnswer, limitAnswer, open, say, send, stored } from "./steps.mjs";

const kPhone = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };

// --- Chat ---

test("an answer streams in, and ends with its figures", {}, async ({ page, server }) => {
  await open(page, server);
  await choose(page, server, "mock-slow");
  await limitAnswer(page, process.env.BEDPLATE_URL ? 400 : 48);  // a small model writes 48 tokens before anybody can look twice
  await send(page, "Count slowly from one to a hundred, in words.");
  const sizes = new Set();
  await until(async () => {
    sizes.add(((await lastAnswer(page).locator(".markdown").textContent().catch(() => "")) ?? "").length);
    return sizes.size >= 4 || (await page.locator(".send.stop").count()) === 0;
  }, "text to grow");
  check(sizes.size >= 4, `the text came in ${sizes.size} steps`);
  await finished(page);
  const stats = await lastAnswer(page).locator(".stats").textContent();
  check(/tok\/s/.test(stats) && /first token/.test(stats) && /\d+ tokens/.test(stats) && /prompt \d+/.test(stats), `figures: ${stats}`);
});

test("text of all alphabets arrives unharmed, however the network cuts it", { mock: true }, async ({ page, server }) => {
  await open(page, server);
  await say(page, "naïve — 你好 مرحبا 👩‍👩‍👧");
  equal(await lastAnswer(page).locator(".markdown").textContent(), "You said: naïve — 你好 مرحبا 👩‍👩‍👧 — grüße, 你好, 👍🏽.", "answer");
});

test("stop ends the answer and the request, by button and by Escape", {}, async ({ page, server }) => {
  await open(page, server);
  await choose(page, server, "mock-slow");
  for (const how of ["button", "Escape"]) {
    await send(page, "Write a very long story about the sea, at least two thousand words.");
    await until(async () => ((await lastAnswer(page).locator(".markdown").textContent()) ?? "").length > 5, "some text", 60_000);
    if (how === "button") await page.getByRole("button", { name: "Stop answering" }).click();
    else await page.keyboard.press("Escape");
    await finished(page, 10_000);
    check((await lastAnswer(page).textContent()).includes("Stopped."), `${how}: it says so`);
    const text = await lastAnswer(page).locator(".markdown").textContent();
    check(text.length > 5, `${how}: what had come stays`);
    if (server.mock) await until(() => server.mock.lastChat.aborted, `${how}: the server sees the request go`, 10_000);
    await page.waitForTimeout(150);
    equal(await lastAnswer(page).locator(".markdown").textContent(), text, `${how}: nothing comes after`);
  }
});

test("history outlives a reload, and an address opens its chat", {}, async ({ page, server }) => {
  await open(page, server);
  await limitAnswer(page, 16);
  await say(page, "The first question");
  const text = await lastAnswer(page).locator(".markdown").textContent();
  await page.keyboard.press("Control+Shift+KeyO");
  await say(page, "Another chat");
  await stored(page);
  await page.reload();
  await until(async () => (await answers(page).count()) === 1, "the chat to be there");
  equal(await page.locator(".chat-title").allTextContents(), ["Another chat", "The first question"], "list");
  await page.getByRole("button", { name: "The first question", exact: true }).click();
  await until(async () => (await lastAnswer(page).locator(".markdown").textContent()) === text, "the old answer");
  check(page.url().includes("#/c/"), "the address names the chat");
  await page.goBack();
  await until(async () => (await page.locator(".bubble").first().textContent()) === "Another chat", "back");
  await until(async () => (await page.title()).startsWith("Another chat"), "the title follows");
});

test("parameters and the system prompt are sent, and only those that are set", { mock: true }, async ({ page, server }) => {
  await open(page, server);
  await say(page, "plain");
  equal(Object.keys(server.mock.lastChat.body).sort(), ["messages", "model", "stream", "stream_options"], "nothing unset is sent");
  await page.getByRole("button", { name: "Parameters", exact: true }).click();
  await page.getByLabel("System prompt").fill("Be brief.");
  const values = { Temperature: "0.3", "Top p": "0.9", "Min p": "0,05", "Top k": "40", "Longest answer": "77", Seed: "42", "Repetition penalty": "1.1", "Frequency penalty": "-0.5", "Presence penalty": "0.25" };
  for (const [label, value] of Object.entries(values)) await page.getByRole("textbox", { name: label, exact: true }).fill(value);
  await page.getByLabel("Stop texts").fill("END\n\\n\\n");
  await say(page, "with all");
  const { messages, model, stream, stream_options, ...parameters } = server.mock.lastChat.body;
  equal(parameters, { temperature: 0.3, top_p: 0.9, min_p: 0.05, top_k: 40, max_tokens: 77, seed: 42, repetition_penalty: 1.1, frequency_penalty: -0.5, presence_penalty: 0.25, stop: ["END", "\n\n"] }, "parameters");
  equal([model, stream, stream_options], ["mock-fast", true, { include_usage: true }], "the rest");
  equal(messages.map((item) => item.role), ["system", "user", "assistant", "user"], "roles");
  equal([messages[0].content, messages[3].content], ["Be brief.", "with all"], "contents");

  await page.getByLabel("Temperature", { exact: true }).fill("9");
  check(await page.getByText("A number from 0 to 2").isVisible(), "a wrong number is named");
  await say(page, "still the last good one");
  equal(server.mock.lastChat.body.temperature, 0.3, "a wrong number is not sent");
  await stored(page);
  await page.reload();
  await until(async () => (await answers(page).count()) === 3, "the chat to be there");
  await until(async () => (await page.getByLabel("Seed", { exact: true }).inputValue()) === "42", "parameters outlive a reload");
  await page.getByRole("button", { name: "Reset all to defaults" }).click();
  await say(page, "after reset");
  check(!("seed" in server.mock.lastChat.body) && server.mock.lastChat.body.messages[0].role === "user", "reset");
});

test("the chosen model answers, belongs to the chat, and is the next chat's too", { mock: true }, async ({ page, server }) => {
  await open(page, server);
  await choose(page, server, "mock-markdown");
  await say(page, "one");
  equal(server.mock.lastChat.body.model, "mock-markdown", "model");
  await page.keyboard.press("Control+Shift+KeyO");
  equal(await page.getByLabel("Model").inputValue(), "mock-markdown", "new chat");
  await choose(page, server, "mock-fast");
  await say(page, "two");
  await page.getByRole("button", { name: "one", exact: true }).click();
  await until(async () => (await page.getByLabel("Model").inputValue()) === "mock-markdown", "the chat's own model");
});

test("edit, answer again, and the versions of both", { mock: true }, async ({ page, server }) => {
  await open(page, server);
  await say(page, "first");
  await say(page, "second");
  await page.locator(".question").first().hover();
  await page.locator(".question").first().getByRole("button", { name: "Edit message" }).click();
  await page.getByRole("textbox", { name: "Edit message" }).fill("changed");
  await page.keyboard.press("Enter");
  await until(async () => (await answers(page).count()) === 1, "the branch to begin anew");
  await finished(page);
  equal(server.mock.lastChat.body.messages.map((item) => item.content), ["changed"], "only the new question is sent");
  check((await page.locator(".question").textContent()).includes("2/2"), "versions are counted");
  await page.getByRole("button", { name: "Previous question" }).click();
  equal(await page.locator(".bubble").allTextContents(), ["first", "second"], "the old branch is whole");
  await lastAnswer(page).getByRole("button", { name: "Answer again" }).click();
  await finished(page);
  check((await lastAnswer(page).textContent()).includes("2/2"), "two answers");
  equal(server.mock.lastChat.body.messages.at(-1).content, "second", "the same question");
  // The arrow in an empty box edits the last question.
  await composer(page).focus();
  await page.keyboard.press("ArrowUp");
  equal(await page.getByRole("textbox", { name: "Edit message" }).inputValue(), "second", "arrow up");
  await page.keyboard.press("Escape");
  await until(() => composer(page).evaluate((element) => element === document.activeElement), "focus to come back");
});

test("thoughts are shown apart from the answer", { mock: true }, async ({ page, server }) => {
  await open(page, server);
  await choose(page, server, "mock-think");
  await say(page, "hi");
  equal(await page.locator(".reasoning .plain").textContent(), "The user greets me.", "thoughts");
  check(!(await lastAnswer(page).locator(".markdown").textContent()).includes("greets"), "not in the answer");
});

test("an answer cut off at the limit says so", { mock: true }, async ({ page, server }) => {
  await open(page, server);
  await limitAnswer(page, 2);
  await say(page, "hi");
  check((await lastAnswer(page).textContent()).includes("Cut off at the limit"), "the reason is given");
});

// --- What a model writes ---

test("Markdown is set, code can be copied", { mock: true, permissions: ["clipboard-read", "clipboard-write"] }, async ({ page, server }) => {
  await open(page, server);
  await choose(page, server, "mock-markdown");
  await say(page, "go");
  const answer = lastAnswer(page);
  equal(await answer.locator("h4").textContent(), "Binary search", "heading, two levels below the page's own");
  equal(await answer.locator("figcaption span").textContent(), "python", "language");
  equal(await answer.locator("tbody tr").count(), 2, "table");
  equal(await answer.locator("li li").count(), 2, "nested list");
  const link = answer.locator("a");
  equal([await link.getAttribute("href"), await link.getAttribute("target")], ["https://example.com/search", "_blank"], "link");
  check((await link.getAttribute("rel")).includes("noopener"), "noopener");
  await answer.getByRole("button", { name: "Copy code" }).click();
  const copied = await until(async () => {
    const text = await page.evaluate(() => navigator.clipboard.readText());
    return text.startsWith("def find(") && text;
  }, "the code in the clipboard");
  check(copied.includes("    \"\"\"Return"), `copied: ${copied.slice(0, 40)}`);
  await answer.getByRole("button", { name: "Copy answer" }).click();
  await until(async () => (await page.evaluate(() => navigator.clipboard.readText())).startsWith("## Binary search"), "the whole answer");
});

test("a hostile answer runs nothing and loads nothing", { mock: true }, async ({ page, server }) => {
  await open(page, server);
  await choose(page, server, "mock-hostile");
  await say(page, "go");
  equal(await page.evaluate(() => globalThis.hacked ?? null), null, "script");
  equal(await lastAnswer(page).locator("img, script, iframe, [onclick], [onerror], [style]").count(), 0, "elements");
  const addresses = await lastAnswer(page).locator("a").evaluateAll((links) => links.map((link) => link.getAttribute("href")));
  equal(addresses, ["https://tracker.example/pixel.png", "https://example.com/?q=1&r=2", "https://example.com/auto"], "links");
  check((await lastAnswer(page).textContent()).includes("<script>window.hacked=1</script>"), "it shows as text");
});

test("the list follows the answer until the reader scrolls up", { mock: true }, async ({ page, server }) => {
  await open(page, server);
  await choose(page, server, "mock-long");
  await send(page, "go");
  const distance = () => page.locator(".messages").evaluate((list) => list.scrollHeight - list.scrollTop - list.clientHeight);
  const height = () => page.locator(".messages").evaluate((list) => list.scrollHeight);
  await until(async () => (await height()) > 1500, "the answer to grow");
  await until(async () => (await distance()) < 80, "it follows");
  await page.mouse.move(700, 400);
  await page.mouse.wheel(0, -500);
  await until(async () => (await distance()) > 200, "it let go");
  const top = await page.locator(".messages").evaluate((list) => list.scrollTop);
  const before = await height();
  await until(async () => (await height()) > before + 300, "more text");
  equal(await page.locator(".messages").evaluate((list) => list.scrollTop), top, "it stays where the reader is");
  await page.getByRole("button", { name: "Go to the newest message" }).click();
  await until(async () => (await distance()) < 80, "it follows again");
  await page.keyboard.press("Escape");
});

// --- What goes wrong ---

test("a model without a chat template: the message, and a way on", { mock: true }, async ({ page, server }) => {
  await open(page, server);
  await choose(page, server, "mock-base");
  await say(page, "Once upon a time");
  const card = page.locator(".failure");
  const text = await card.textContent();
  check(text.includes("no chat template") && text.includes("--chat-template") && text.includes("HTTP 400"), text);
  await card.getByRole("button", { name: "Continue the text instead" }).click();
  await until(async () => (await page.locator(".failure").count()) === 0, "the failure to go");
  await finished(page);
  equal([server.mock.lastChat.path, server.mock.lastChat.body.prompt], ["/v1/completions", "Once upon a time"], "request");
  check((await lastAnswer(page).textContent()).includes("and so it went on"), "the text goes on");
});

for (const [model, head, detail] of [
  ["mock-broken", "The server reported an error", "ran out of pages"],
  ["mock-cut", "The connection broke off", "before the answer was complete"],
  ["mock-context", "This chat no longer fits the model", "maximum context length is 8192"],
]) {
  test(`${head.toLowerCase()}: shown, kept, and tried again`, { mock: true }, async ({ page, server }) => {
    await open(page, server);
    await choose(page, server, model);
    await say(page, "go");
    const text = await page.locator(".failure").textContent();
    const shown = model === "mock-cut" ? /broke off|can't be reached/.test(text) : text.includes(head) && text.includes(detail);
    check(shown, text);
    if (model === "mock-broken") check((await lastAnswer(page).textContent()).includes("You said"), "what had come stays");
    await stored(page);
    await page.reload();
    await page.locator(".failure").waitFor();
    await choose(page, server, "mock-fast");
    await page.getByRole("button", { name: "Try again" }).click();
    await until(async () => (await lastAnswer(page).textContent()).includes("You said: go"), "the second try");
  });
}

test("a busy server: waits as long as it asked for", { mock: true }, async ({ page, server }) => {
  await open(page, server);
  await choose(page, server, "mock-busy");
  await say(page, "go");
  const button = page.locator(".failure").getByRole("button", { name: /Try again/ });
  const label = await button.evaluate((element) => (element.disabled ? element.textContent : "enabled"));
  check(/in [1-6] s/.test(label), `it counts down, and not before: ${label}`);
  await until(() => button.isEnabled(), "then it may");
});

test("a server that goes away and comes back", { mock: true }, async ({ page, server }) => {
  await open(page, server);
  const port = server.mock.port;
  await server.mock.stop();
  await say(page, "are you there");
  await page.getByRole("alert").waitFor();
  check((await page.locator(".failure").textContent()).includes("can't be reached"), "the message says so");
  await composer(page).fill("kept while waiting");
  check(await page.getByRole("button", { name: "Send" }).isDisabled(), "nothing is sent into the void");
  await server.mock.start(port);
  await until(async () => (await page.getByRole("alert").count()) === 0, "the banner to go by itself");
  equal(await composer(page).inputValue(), "kept while waiting", "text");
  await page.getByRole("button", { name: "Try again" }).click();
  await until(async () => (await lastAnswer(page).textContent()).includes("You said: are you there"), "the answer");
});

test("a server that wants a key", { mock: true }, async ({ page, server }) => {
  server.mock.key = "sk-test";
  await page.goto(server.url);
  await page.getByLabel("Your key").fill("sk-wrong");
  await page.keyboard.press("Enter");
  check((await page.getByRole("alert").textContent()).includes("This key is not known here"), "a wrong key is told");
  await page.getByLabel("Your key").fill("sk-test");
  await page.keyboard.press("Enter");
  await page.getByRole("combobox", { name: "Model" }).waitFor();
  await say(page, "hello");
  equal(server.mock.lastChat.headers.authorization ?? null, null, "the key is not in the page's hands");
  const kept = await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }) + document.cookie);
  check(!kept.includes("sk-test") && !kept.includes("session-"), `the page keeps neither key nor session: ${kept}`);
  // A server that was started again knows nobody any more.
  server.mock.session = "";
  await composer(page).fill("still there?");
  await composer(page).press("Enter");
  await page.getByLabel("Your key").waitFor();
  check((await page.getByText("no longer signed in").count()) === 1, "why it asks again");
});

// --- The list of chats ---

test("rename, search, delete and undo", { mock: true }, async ({ page, server }) => {
  await open(page, server);
  for (const text of ["apples", "pears"]) {
    await page.keyboard.press("Control+Shift+KeyO");
    await say(page, text);
  }
  const titles = () => page.locator(".chat-title").allTextContents();
  await page.getByRole("button", { name: "Actions for apples" }).click();
  await page.getByRole("menuitem", { name: "Rename" }).click();
  await page.getByRole("textbox", { name: "Chat name" }).fill("Fruit");
  await page.keyboard.press("Enter");
  await until(async () => (await titles()).includes("Fruit"), "the new name");
  await until(() => page.evaluate(() => document.activeElement?.textContent === "Fruit"), "focus comes back to it");
  await page.getByLabel("Search chats").fill("said: apples");
  await until(async () => JSON.stringify(await titles()) === "[\"Fruit\"]", "search looks into answers");
  await page.getByLabel("Search chats").fill("");
  await page.getByRole("button", { name: "pears", exact: true }).focus();
  await page.keyboard.press("Delete");
  equal(await titles(), ["Fruit"], "deleted");
  await page.getByRole("button", { name: "Undo" }).click();
  await until(async () => (await titles()).length === 2, "back");
  await stored(page);
  await page.reload();
  await until(async () => (await titles()).length === 2, "stored again");
});

test("export and import, and a file that is none", { mock: true }, async ({ page, server }) => {
  await open(page, server);
  await say(page, "for the file");
  await page.getByRole("button", { name: "More" }).click();
  const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("menuitem", { name: "Export all chats" }).click()]);
  const json = readFileSync(await file.path(), "utf8");
  equal(JSON.parse(json).conversations.length, 1, "exported");
  await page.getByRole("button", { name: "Actions for for the file" }).click();
  const [markdown] = await Promise.all([page.waitForEvent("download"), page.getByRole("menuitem", { name: "Export as Markdown" }).click()]);
  equal(markdown.suggestedFilename(), "for-the-file.md", "name");
  const importFile = async (name, content) => {
    await page.getByRole("button", { name: "More" }).click();
    const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.getByRole("menuitem", { name: "Import chats" }).click()]);
    await chooser.setFiles({ name, mimeType: "application/json", buffer: Buffer.from(content) });
  };
  await importFile("a.json", json);
  await until(async () => (await page.locator(".chat-title").count()) === 2, "a copy, nothing overwritten");
  await importFile("b.json", "{}");
  await page.getByText("holds no conversations").waitFor();
});

test("two tabs see each other's chats", { mock: true }, async ({ page, context, server }) => {
  await open(page, server);
  const other = await context.newPage();
  await open(other, server);
  await say(page, "from the first tab");
  await other.getByRole("button", { name: "from the first tab", exact: true }).waitFor();
});

test("a chat goes on while another is on show", { mock: true }, async ({ page, server }) => {
  await open(page, server);
  await choose(page, server, "mock-slow");
  await send(page, "slow one");
  await page.keyboard.press("Control+Shift+KeyO");
  await choose(page, server, "mock-fast");
  await say(page, "quick one");
  check((await lastAnswer(page).textContent()).includes("You said: quick one"), "the second is answered meanwhile");
  await page.getByRole("button", { name: /slow one/ }).first().click();
  await until(async () => (await lastAnswer(page).textContent()).includes("word20"), "the first went on");
  await page.keyboard.press("Escape");
});

// --- Keyboard, screens, accessibility ---

test("everything by keyboard alone", { mock: true }, async ({ page, server }) => {
  await open(page, server);
  const focused = () => page.evaluate(() => document.activeElement?.getAttribute("aria-label") ?? document.activeElement?.textContent ?? "");
  await until(() => composer(page).evaluate((element) => element === document.activeElement), "the box has the focus at once");
  await page.keyboard.type("line one");
  await page.keyboard.press("Shift+Enter");
  await page.keyboard.type("line two");
  await page.keyboard.press("Enter");
  await finished(page);
  equal(server.mock.lastChat.body.messages[0].content, "line one\nline two", "Shift+Enter starts a line");
  check(await composer(page).evaluate((element) => element === document.activeElement), "the focus stays in the box");
  await page.keyboard.press("Shift+Tab");
  const back = await focused();
  check(back !== "", "Shift+Tab goes back into the messages");
  // Tab from the start of the page reaches every control once, in a round, with a visible ring.
  await page.evaluate(() => document.activeElement.blur());
  const seen = [];
  for (let i = 0; i < 60; ++i) {
    await page.keyboard.press("Tab");
    const state = await page.evaluate(() => {
      const element = document.activeElement;
      if (element === document.body) return null;
      const rings = [element, element.closest("label"), element.closest(".composer-box")].filter(Boolean).map((item) => getComputedStyle(item));
      return { name: element.getAttribute("aria-label") ?? element.textContent, ring: rings.some((style) => style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0) };
    });
    if (!state) continue;  // the browser's own controls lie between the end of the page and its start
    if (seen.length > 1 && state.name === seen[0]) break;
    check(state.ring, `no visible focus on “${state.name}”`);
    seen.push(state.name);
  }
  for (const name of ["Skip to the message box", "New chat", "Search chats", "Model", "Parameters", "Conversation", "Message", "Copy answer", "Answer again", "Edit message", "More", "Hide the side bar"]) {
    check(seen.includes(name), `Tab never reached “${name}”: ${seen.join(", ")}`);
  }
  // Shortcuts.
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
  await page.keyboard.press("Escape");
  await until(async () => (await page.getByRole("dialog").count()) === 0, "the dialog to close");
  await page.keyboard.press("/");
  check(await composer(page).evaluate((element) => element === document.activeElement), "/ goes to the box at once");
  await page.keyboard.press("Control+KeyK");
  await until(async () => (await focused()) === "Search chats", "search");
  await page.keyboard.press("Control+Period");
  await page.getByRole("heading", { name: "Parameters" }).waitFor();
  await page.keyboard.press("Control+KeyB");
  await until(async () => (await page.locator(".sidebar").count()) === 0, "the side bar to hide");
  await page.keyboard.press("Control+Shift+KeyO");
  await page.getByText("What shall we work on?").waitFor();
  await page.keyboard.press("Alt+ArrowDown");
  await until(async () => (await answers(page).count()) === 1, "the next chat");
  await page.keyboard.press("Control+KeyB");
  // A menu by keyboard. The box asks for the focus once more after the next drawing: that must be over.
  await drawn(page);
  await page.getByRole("button", { name: /^Actions for/ }).focus();
  await page.keyboard.press("Enter");
  await until(async () => (await focused()) === "Rename", "the first entry has the focus");
  await page.keyboard.press("ArrowDown");
  equal(await focused(), "Export as Markdown", "arrow down");
  await page.keyboard.press("Escape");
  await until(async () => (await focused()).startsWith("Actions for"), "focus comes back");
});

test("an answer is told to screen readers, sentence by sentence", { mock: true }, async ({ page, server }) => {
  await open(page, server);
  await page.evaluate(() => {
    globalThis.told = [];
    const region = document.querySelector("[role=status].off-screen");
    new MutationObserver(() => globalThis.told.push(region.textContent)).observe(region, { childList: true, characterData: true, subtree: true });
  });
  await say(page, "hello");
  const told = await page.evaluate(() => globalThis.told.join(" / "));
  const heard = told.replaceAll(" / ", "").replaceAll("\u00a0", "");  // a slow answer is told in more pieces
  check(/Answering/.test(told) && /You said: hello/.test(heard) && /Answer finished/.test(told), `told: ${told}`);
  check((await page.evaluate(() => globalThis.told.length)) < 8, "not token by token");
});

test("on a phone: nothing is too wide, and the panels work by touch", { ...kPhone }, async ({ page, server }) => {
  await open(page, server);
  check(await fitsWidth(page), "empty page");
  await choose(page, server, "mock-markdown");
  if (!server.mock) await limitAnswer(page, 32);
  await say(page, "Averyveryveryveryveryveryveryveryveryveryveryveryveryveryveryveryveryverylongword and a table");
  check(await fitsWidth(page), "a chat with code and a table");
  if (server.mock) {
    await choose(page, server, "mock-base");
    await say(page, "go");
    check(await fitsWidth(page), "a failure");
  }
  await page.getByRole("button", { name: "Show the side bar" }).tap();
  await page.locator(".sidebar").waitFor();
  check(await fitsWidth(page), "side bar");
  check(await page.locator("main").evaluate((element) => element.inert), "what lies below is out of reach");
  await page.locator(".cover").tap({ position: { x: 350, y: 400 } });
  await until(async () => (await page.locator(".sidebar").count()) === 0, "a tap beside it closes it");
  await page.getByRole("button", { name: "Parameters", exact: true }).tap();
  await page.locator(".parameters").waitFor();
  check(await fitsWidth(page), "parameters");
  const small = await page.locator("button:visible").evaluateAll((buttons) => buttons.filter((button) => {
    const box = button.getBoundingClientRect();
    return box.width > 0 && (box.width < 24 || box.height < 24);
  }).map((button) => button.getAttribute("aria-label") ?? button.textContent));
  equal(small, [], "buttons too small to touch");
});

test("a window of 320 pixels, and text at 200 %", { mock: true, viewport: { width: 320, height: 560 } }, async ({ page, server }) => {
  await open(page, server);
  await choose(page, server, "mock-markdown");
  await say(page, "go");
  check(await fitsWidth(page), "320 px");
  await page.evaluate(() => { document.documentElement.style.fontSize = "200%"; });
  check(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "200 %");
});

for (const scheme of ["light", "dark"]) {
  test(`axe finds nothing serious, ${scheme}`, { mock: true, colorScheme: scheme }, async ({ page, server }) => {
    await open(page, server);
    const background = await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    equal(background, scheme === "light" ? "rgb(255, 255, 255)" : "rgb(25, 25, 24)", "the system's theme is followed");
    await accessible(page, "empty");
    await choose(page, server, "mock-markdown");
    await say(page, "go");
    await page.mouse.move(700, 300);
    await accessible(page, "chat");
    await choose(page, server, "mock-base");
    await say(page, "go");
    await page.getByRole("button", { name: "Parameters", exact: true }).click();
    await page.getByLabel("Seed", { exact: true }).fill("-1");
    await accessible(page, "failure and parameters");
    await page.getByRole("button", { name: "More" }).click();
    await accessible(page, "menu");
    await page.getByRole("menuitem", { name: "Keyboard shortcuts" }).click();
    await page.getByRole("dialog").waitFor();
    await accessible(page, "dialog");
    await page.keyboard.press("Escape");
    await page.goto(`${server.url}/#/licences`);
    await page.getByText("marked", { exact: true }).click();
    await accessible(page, "licences");
    await server.mock.stop();
    await page.goto(`${server.url}/#/`);
    await page.evaluate(() => dispatchEvent(new Event("online")));
    await page.getByRole("alert").waitFor();
    await accessible(page, "no server");
    await server.mock.start(server.mock.port);
  });
}

test("axe finds nothing serious on a phone", { mock: true, ...kPhone }, async ({ page, server }) => {
  await open(page, server);
  await choose(page, server, "mock-markdown");
  await say(page, "go");
  await accessible(page, "chat");
  await page.getByRole("button", { name: "Show the side bar" }).tap();
  await accessible(page, "side bar");
});

test("the theme can be chosen, and is there before the first paint", { colorScheme: "light" }, async ({ page, server }) => {
  await open(page, server);
  await page.locator(".themes").getByTitle("Dark").click();
  const background = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  equal(await background(), "rgb(25, 25, 24)", "dark");
  await page.reload({ waitUntil: "commit" });
  await until(() => page.evaluate(() => document.documentElement?.dataset.theme === "dark"), "set before anything is drawn");
  await page.getByRole("textbox", { name: "Message" }).waitFor();
  equal(await background(), "rgb(25, 25, 24)", "still dark");
  await page.locator(".themes").getByTitle("Follow the system").click();
  equal(await background(), "rgb(255, 255, 255)", "the system's again");
});

test("the licences page lists what is bundled, with texts", {}, async ({ page, server }) => {
  await page.goto(`${server.url}/#/licences`);
  for (const name of ["preact", "marked", "@fontsource-variable/inter", "lucide-static"]) await page.getByText(name, { exact: true }).waitFor();
  await page.getByText("preact", { exact: true }).click();
  await page.locator("details[open]", { hasText: "Permission is hereby granted" }).waitFor();
});

test("without storage the page works, and says that it forgets", { mock: true }, async ({ page, server }) => {
  await page.addInitScript(() => {
    Object.defineProperty(globalThis, "indexedDB", { get: () => { throw new DOMException("denied", "SecurityError"); } });
    Object.defineProperty(globalThis, "localStorage", { get: () => { throw new DOMException("denied", "SecurityError"); } });
  });
  await open(page, server);
  await say(page, "hello");
  check((await lastAnswer(page).textContent()).includes("You said: hello"), "it answers");
  await page.getByText("does not allow storage").waitFor();
});

const dist = new URL("../../console/dist", import.meta.url).pathname;
const real = process.env.BEDPLATE_URL?.replace(/\/$/, "");
const ok = await runAll(async (options) => {
  const stop = async () => undefined;
  const key = process.env.BEDPLATE_KEY;
  if (real) return { url: new URL(real).origin, mock: null, stop, ...(key ? { keyed: true, keys: { operator: { key } } } : {}) };
  if (options.stand_in) return startStandIn();
  const mock = new MockServer(dist);
  return { url: await mock.start(), mock, stop: () => mock.stop().catch(() => undefined) };
}, process.argv.slice(2));
process.exit(ok ? 0 : 1);

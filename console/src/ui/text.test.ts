// Method: tables of texts for the small functions between a model's words and the page.
import { expect, test, vi } from "vitest";
vi.mock("virtual:icons", () => ({ default: {} }));
vi.stubGlobal("localStorage", { getItem: () => null, setItem: () => undefined, removeItem: () => undefined });
vi.stubGlobal("navigator", { platform: "Linux" });
const { decodeEntities, safeAddress } = await import("./markdown.tsx");
const { highlight } = await import("./highlight.ts");
const { sentenceEnd } = await import("./announcer.tsx");
const { parseKnob, stopsFrom } = await import("./parameters.tsx");

test("entities are decoded once, and only known ones", () => {
  expect(decodeEntities("&lt;b&gt; &amp;lt; &#65;&#x1F600; &nosuch; &constructor; &#0; &#xD800; &")).toBe("<b> &lt; A😀 &nosuch; &constructor; \ufffd \ufffd &");
});

test("only web and mail addresses may be followed", () => {
  expect(safeAddress("https://example.com/a b")).toBe("https://example.com/a%20b");
  expect(safeAddress("mailto:a@example.com")).toBe("mailto:a@example.com");
  for (const bad of ["javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:alert(1)", "java\nscript:alert(1)", "data:text/html,x", "vbscript:x",
    "file:///etc/passwd", "/v1/models", "//example.com", "#x", "", "blob:https://example.com/x"]) {
    expect(safeAddress(bad), bad).toBeUndefined();
  }
});

test("colouring never changes the text", () => {
  const codes = ["", "def f(x):\n  return 'a\\'b' # c", "int main() { /* open", "`a ${b}", "\"\"\"doc", "x = 1e9 + 0xff", "<!-- x", "'".repeat(999), "\\".repeat(99)];
  for (const code of codes) {
    for (const language of ["python", "cpp", "sql", "", "nosuch"]) {
      expect(highlight(code, language).map((piece) => piece.text).join("")).toBe(code);
    }
  }
  expect(highlight("return 1 # x", "python").map((piece) => piece.kind)).toEqual(["keyword", "plain", "number", "plain", "comment"]);
});

test("answers are read by whole sentences", () => {
  expect(sentenceEnd("One. Two", 0)).toBe(4);
  expect(sentenceEnd("3.14 is", 0)).toBe(0);
  expect(sentenceEnd("好。再", 0)).toBe(2);
  expect(sentenceEnd("One. Two! ", 4)).toBe(9);
});

test("parameters are numbers in range, or say why not", () => {
  const range = { min: 0, max: 2, step: 0.05 };
  expect(parseKnob("", range)).toBeUndefined();
  expect(parseKnob(" 0,7 ", range)).toBe(0.7);
  expect(parseKnob("3", range)).toContain("0 to 2");
  expect(parseKnob("hot", range)).toContain("number");
  expect(parseKnob("1.5", { min: 1, max: 100, step: 1 })).toContain("whole");
  expect(stopsFrom("a\n\n\\n\\n\n")).toEqual(["a", "\n\n"]);
  expect(stopsFrom("\n")).toBeUndefined();
});

// Method: small trees built by hand; the properties of export and import on them, and on damaged files.
import { expect, test } from "vitest";
import {
  branchOf, leafBelow, promptFor, siblingsOf, titleFrom, tokensPerSecond, turnsFor, withChange, withMessage, without,
  type Conversation, type Message,
} from "./conversation.ts";
import { kConversationsMax, overflow } from "./store.ts";
import { conversationFrom, fileNameFor, fromJson, toJson, toMarkdown } from "./transfer.ts";

function fresh(id = "c1"): Conversation {
  return { id, title: "T", titled_by_user: false, created_ms: 1, updated_ms: 1, model: "m", mode: "chat", system: "", parameters: {}, messages: {}, leaf: null };
}

function message(id: string, parent: string | null, role: Message["role"], content: string, created_ms: number): Message {
  return { id, parent, role, content, created_ms };
}

/// q1 - a1 - q2 - a2, and q2b - a2b beside q2.
function tree(): Conversation {
  return [
    message("q1", null, "user", "one", 1), message("a1", "q1", "assistant", "eins", 2), message("q2", "a1", "user", "two", 3),
    message("a2", "q2", "assistant", "zwei", 4), message("q2b", "a1", "user", "TWO", 5), message("a2b", "q2b", "assistant", "ZWEI", 6),
  ].reduce(withMessage, fresh());
}

const ids = (messages: Message[]) => messages.map((item) => item.id);

test("a branch, its siblings, and switching between them", () => {
  const c = tree();
  expect(ids(branchOf(c))).toEqual(["q1", "a1", "q2b", "a2b"]);
  expect(ids(siblingsOf(c, c.messages.q2b!))).toEqual(["q2", "q2b"]);
  expect(leafBelow(c, "q2")).toBe("a2");
  expect(ids(branchOf(c, leafBelow(c, "q2")))).toEqual(["q1", "a1", "q2", "a2"]);
  expect(leafBelow(c, "q1")).toBe("a2b");
  expect(ids(branchOf(without(c, "a2b")))).toEqual(["q1", "a1", "q2b"]);
  expect(without(c, "nobody")).toBe(c);
  expect(withChange(c, "nobody", { content: "x" })).toBe(c);
});

test("what a model is asked", () => {
  const c = { ...tree(), system: "Be kind." };
  expect(turnsFor(c, "q2").map((turn) => turn.content)).toEqual(["Be kind.", "one", "eins", "two"]);
  expect(turnsFor(withChange(c, "a1", { content: "" }), "q2").map((turn) => turn.content)).toEqual(["Be kind.", "one\n\ntwo"]);
  expect(promptFor(c, "q2")).toBe("oneeinstwo");
});

test("titles are short, whole words, and never cut a character", () => {
  expect(titleFrom("  **Hello**\n world ")).toBe("Hello world");
  expect(titleFrom("")).toBe("New chat");
  expect(titleFrom("👍🏽".repeat(100))).not.toMatch(/[\ud800-\udbff](?![\udc00-\udfff])/);
  expect([...titleFrom("word ".repeat(100))].length).toBeLessThanOrEqual(61);
});

test("tokens a second leave the first token out", () => {
  expect(tokensPerSecond({ completion_tokens: 11, decode_ms: 1000 })).toBe(10);
  expect(tokensPerSecond({ completion_tokens: 1, decode_ms: 0 })).toBeUndefined();
  expect(tokensPerSecond({})).toBeUndefined();
});

test("an export reads back the same", () => {
  const c = { ...tree(), parameters: { temperature: 0.5, stop: ["\n"] }, system: "s", titled_by_user: true };
  expect(fromJson(toJson([c], new Date(0)), 9)).toEqual([c]);
  expect(toMarkdown(c)).toContain("## You\n\nTWO\n\n");
  expect(fileNameFor("a/b: “c” 你好?", "md")).toBe("a-b-c-你好.md");
  expect(fileNameFor("...", "md")).toBe("conversation.md");
});

test("damaged and hostile files are refused or cut down, and never loop", () => {
  for (const bad of ["", "{", "[]", "{}", "{\"format\":\"bedplate.conversations\",\"conversations\":[]}",
    "{\"format\":\"bedplate.conversations\",\"version\":99,\"conversations\":[{}]}", "{\"format\":\"bedplate.conversations\",\"version\":1,\"conversations\":[5,null,[]]}"]) {
    expect(() => fromJson(bad, 9), bad).toThrow();
  }
  const looped = conversationFrom({
    id: "../x", title: 5, leaf: "b", parameters: { temperature: "hot", top_k: 3, evil: 1, stop: [1, "s"] },
    messages: {
      a: { id: "a", parent: "b", role: "user", content: "x" }, b: { id: "b", parent: "a", role: "assistant", content: "y" },
      c: { id: "c", parent: null, role: "user", content: "kept" }, d: { id: "d", parent: "gone", role: "user", content: "lost" },
      e: { id: "e", parent: "c", role: "system", content: "no such role" }, f: { id: "constructor", parent: "c", role: "assistant", content: { toString: 1 } },
    },
  }, 9)!;
  expect(looped.id).toBe("");
  expect(Object.keys(looped.messages).sort()).toEqual(["c", "constructor"]);
  expect(ids(branchOf(looped))).toEqual(["c", "constructor"]);
  expect(looped.messages["constructor"]!.content).toBe("");
  expect(looped.title).toBe("kept");
  expect(looped.parameters).toEqual({ top_k: 3, stop: ["s"] });
});

test("a full history gives up its oldest, never the one in use", () => {
  const many = Array.from({ length: kConversationsMax + 3 }, (_, i) => ({ ...fresh(`c${i}`), updated_ms: i }));
  expect(overflow(many, null).map((c) => c.id)).toEqual(["c0", "c1", "c2"]);
  expect(overflow(many, "c1").map((c) => c.id)).toContain("c0");
  expect(overflow(many, "c1").map((c) => c.id)).not.toContain("c1");
  expect(overflow(many.slice(0, 10), null)).toEqual([]);
  const huge = withMessage(fresh("huge"), message("q", null, "user", "x".repeat(40_000_000), 0));
  expect(overflow([{ ...huge, updated_ms: 1 }, { ...fresh("small"), updated_ms: 2 }], null).map((c) => c.id)).toEqual(["huge"]);
});

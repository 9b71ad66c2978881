// Method: a table of stream payloads and error answers, as servers send them and as broken ones might.
import { expect, test } from "vitest";
import { eventsOf } from "./client.ts";
import { ApiError, failureFrom } from "./errors.ts";

test("pieces of a chat, a completion, reasoning, the end and the usage", () => {
  const all = (value: unknown) => [...eventsOf(JSON.stringify(value))];
  expect(all({ choices: [{ delta: { role: "assistant" } }], usage: null })).toEqual([]);
  expect(all({ choices: [{ delta: { content: "a" } }] })).toEqual([{ type: "text", text: "a" }]);
  expect(all({ choices: [{ text: "b" }] })).toEqual([{ type: "text", text: "b" }]);
  expect(all({ choices: [{ delta: { reasoning_content: "r" } }] })).toEqual([{ type: "reasoning", text: "r" }]);
  expect(all({ choices: [{ delta: {}, finish_reason: "length" }] })).toEqual([{ type: "finish", reason: "length" }]);
  expect(all({ choices: [], usage: { prompt_tokens: 3, completion_tokens: 4, prompt_tokens_details: { cached_tokens: 2 } } }))
    .toEqual([{ type: "usage", usage: { prompt_tokens: 3, completion_tokens: 4, cached_tokens: 2 } }]);
  for (const odd of [{}, [], 1, null, { choices: 3 }, { choices: [null] }, { choices: [{ delta: { content: 7 } }] }]) expect(all(odd)).toEqual([]);
});

test("an error in the stream, and text that is not JSON, are thrown", () => {
  expect(() => [...eventsOf(JSON.stringify({ error: { message: "gone", code: "x" } }))]).toThrow("gone");
  expect(() => [...eventsOf("{")]).toThrow(ApiError);
});

test("failures keep what the server said and know what kind they are", () => {
  const kind = (status: number, body: unknown) => failureFrom(status, body).kind;
  expect(kind(400, { error: { message: "x", code: "context_length_exceeded" } })).toBe("context");
  expect(kind(400, { error: { message: "This model has no chat template" } })).toBe("template");
  expect(kind(401, undefined)).toBe("key");
  expect(kind(429, { error: { message: "x" } })).toBe("busy");
  expect(kind(404, { error: { message: "x" } })).toBe("request");
  expect(kind(500, "nonsense")).toBe("server");
  const failure = failureFrom(429, { error: { message: "full", code: 429, param: null } }, new Headers({ "retry-after": "7", "x-request-id": "r1" }));
  expect(failure).toEqual({ kind: "busy", message: "full", status: 429, code: "429", request_id: "r1", retry_after_s: 7 });
  expect(failureFrom(502, undefined).message).toContain("502");
  expect(failureFrom(500, { error: { message: "x".repeat(100_000) } }).message.length).toBe(2000);
});

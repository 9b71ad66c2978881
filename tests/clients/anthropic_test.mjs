// The TypeScript SDK (the package that ANTHROPIC_SDK names) against a running server (BEDPLATE_URL): types, stream order,
// usage, error classes.
// Method: only the SDK's public interface, as an application would use it. Ends with `N passed, N failed`.
import assert from "node:assert/strict";

import { longSchema, longTokens, model, question, run, runsOf, url } from "./runner.mjs";

const { default: Anthropic, BadRequestError, NotFoundError } = await import(process.env.ANTHROPIC_SDK);

const client = new Anthropic({ baseURL: url, apiKey: "none", maxRetries: 0, timeout: 300_000 });
const messages = [{ role: "user", content: question }];
const ask = { model, messages, max_tokens: 32 };
const first = { headers: { "anthropic-version": "2023-06-01" } };
const greedy = { ...ask, temperature: 0 };

await run({
  async message() {
    const answer = await client.messages.create(greedy, first);
    assert.equal(answer.type, "message");
    assert.equal(answer.content[0].type, "text");
    assert.match(answer.content[0].text, /Paris/);
    assert.ok(["end_turn", "max_tokens"].includes(answer.stop_reason));
    assert.ok(answer.usage.input_tokens + answer.usage.cache_read_input_tokens > 10);
    assert.ok(answer._request_id);
  },
  async streamEqualsWhole() {
    const whole = await client.messages.create(greedy, first);
    const stream = client.messages.stream(greedy, first);
    const events = [];
    let text = "";
    stream.on("streamEvent", (event) => events.push(event.type));
    stream.on("text", (piece) => (text += piece));
    const final = await stream.finalMessage();
    assert.equal(text, whole.content[0].text);
    assert.equal(final.content[0].text, text);
    assert.equal(final.usage.output_tokens, whole.usage.output_tokens);
    assert.deepEqual(runsOf(events.filter((type) => type !== "ping")), [
      "message_start",
      "content_block_start",
      "content_block_delta",
      "content_block_stop",
      "message_delta",
      "message_stop",
    ]);
  },
  async newestVersion() {
    const answer = await client.messages.create({ ...ask, max_tokens: 4 });
    assert.ok(answer.usage.output_tokens <= 4);
    const newest = { headers: { "anthropic-version": "2026-10-21" } };
    await assert.rejects(client.messages.create({ ...ask, temperature: 1 }, newest), BadRequestError);
  },
  async countTokensAndModels() {
    const counted = await client.messages.countTokens({ model, messages });
    const { usage } = await client.messages.create(greedy, first);
    assert.equal(counted.input_tokens, usage.input_tokens + usage.cache_read_input_tokens);
    const listed = [];
    for await (const one of client.models.list()) listed.push(one.id);
    assert.deepEqual(listed, [model]);
    assert.equal((await client.models.retrieve(model)).type, "model");
  },
  async errorsHaveTheirClasses() {
    await assert.rejects(client.messages.create({ ...ask, model: "no-such-model" }), (error) => {
      assert.ok(error instanceof NotFoundError);
      assert.equal(error.error.error.type, "not_found_error");
      assert.equal(error.error.request_id, error.requestID);
      return true;
    });
    await assert.rejects(client.messages.create({ ...ask, max_tokens: 0 }), BadRequestError);
  },
  async abortedStream() {
    const format = { type: "json_schema", schema: longSchema };
    const stream = client.messages.stream({ ...greedy, max_tokens: longTokens, output_config: { format } }, first);
    await assert.rejects(async () => {
      for await (const event of stream) if (event.type === "content_block_delta") stream.abort();
    }, Anthropic.APIUserAbortError);
    assert.equal((await client.messages.create({ ...greedy, max_tokens: 1 }, first)).usage.output_tokens, 1);
  },
});

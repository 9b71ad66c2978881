// OpenAI's SDK for Node against a running server (BEDPLATE_URL): Responses, streamed, stored, continued and cancelled.
// Method: only the SDK's public interface, as an application would use it. Ends with `N passed, N failed`.
import assert from "node:assert/strict";

import OpenAI from "openai";
import { zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";

import { longTokens, model, question, run, runsOf, url, weather } from "./runner.mjs";

const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0, timeout: 300_000 });
const ask = { model, input: question, temperature: 0, max_output_tokens: 40 };
const tool = { type: "function", name: "get_weather", description: "The weather", parameters: weather, strict: false };
/** As it is on the wire; the SDK adds a getter and a request id. */
const plain = ({ _request_id, output_text, ...response }) => JSON.parse(JSON.stringify(response));

await run({
  async response() {
    const answer = await client.responses.create({ ...ask, metadata: { a: "b" } });
    assert.equal(answer.object, "response");
    assert.equal(answer.status, "completed");
    assert.match(answer.output_text, /Paris/);
    assert.deepEqual(answer.output.map((item) => item.type), ["message"]);
    const { usage } = answer;
    assert.equal(usage.total_tokens, usage.input_tokens + usage.output_tokens);
    assert.equal(usage.output_tokens_details.reasoning_tokens, 0);
    assert.equal(typeof usage.input_tokens_details.cached_tokens, "number");
    const counted = await client.responses.inputTokens.count({ model, input: question });
    assert.equal(counted.input_tokens, usage.input_tokens);
    const cut = await client.responses.create({ ...ask, max_output_tokens: 2, store: false });
    assert.equal(cut.status, "incomplete");
    assert.equal(cut.incomplete_details.reason, "max_output_tokens");
  },
  async streamEqualsWhole() {
    const whole = await client.responses.create({ ...ask, store: false });
    const events = [];
    for await (const event of await client.responses.create({ ...ask, stream: true })) events.push(event);
    assert.deepEqual(events.map((event) => event.sequence_number), [...events.keys()]);
    assert.deepEqual(runsOf(events.map((event) => event.type.replace("response.", ""))), [
      "created",
      "in_progress",
      "output_item.added",
      "content_part.added",
      "output_text.delta",
      "output_text.done",
      "content_part.done",
      "output_item.done",
      "completed",
    ]);
    const deltas = events.filter((event) => event.type === "response.output_text.delta");
    assert.ok(deltas.length > 1);
    assert.equal(deltas.map((event) => event.delta).join(""), whole.output_text);
    const { response } = events.at(-1);
    assert.equal(response.usage.output_tokens, whole.usage.output_tokens);
    assert.deepEqual(plain(await client.responses.retrieve(response.id)), plain(response));
    const stream = client.responses.stream({ ...ask, store: false });
    let text = "";
    stream.on("response.output_text.delta", (event) => (text += event.delta));
    assert.equal((await stream.finalResponse()).output_text, whole.output_text);
    assert.equal(text, whole.output_text);
  },
  async conversationByIdEqualsByHand() {
    const first = await client.responses.create(ask);
    const next = { ...ask, input: "And of Italy?" };
    const second = await client.responses.create({ ...next, previous_response_id: first.id });
    assert.equal(second.previous_response_id, first.id);
    const input = [{ role: "user", content: question }, ...first.output, { role: "user", content: next.input }];
    const byHand = await client.responses.create({ ...next, input, store: false });
    assert.equal(byHand.output_text, second.output_text);
    assert.equal(byHand.usage.input_tokens, second.usage.input_tokens);
    const items = [];
    for await (const item of client.responses.inputItems.list(second.id)) items.push(item.content[0].text);
    assert.deepEqual(items, [next.input]);
    await client.responses.delete(first.id);
    await assert.rejects(client.responses.retrieve(first.id), OpenAI.NotFoundError);
  },
  async forcedTool() {
    const tools = [{ type: "web_search" }, tool];
    const forced = { ...ask, tools, max_output_tokens: 100, tool_choice: { type: "function", name: "get_weather" } };
    const answer = await client.responses.create(forced);
    const [call] = answer.output;
    assert.equal(call.type, "function_call");
    assert.equal(call.name, "get_weather");
    assert.equal(typeof JSON.parse(call.arguments).city, "string");
    const stream = client.responses.stream(forced);
    let fragments = "";
    stream.on("response.function_call_arguments.delta", (event) => (fragments += event.delta));
    const final = await stream.finalResponse();
    assert.equal(final.output[0].arguments, call.arguments);
    assert.equal(fragments, call.arguments);
    const input = [{ type: "function_call_output", call_id: call.call_id, output: "18 degrees, sunny" }];
    const after = { ...ask, tools, input, previous_response_id: answer.id, tool_choice: "none" };
    const told = await client.responses.create(after);
    assert.deepEqual(told.output.map((item) => item.type), ["message"]);
  },
  async parsedBySchema() {
    const format = zodTextFormat(z.object({ city: z.enum(["Paris", "Rome"]), sure: z.boolean() }), "answer");
    const answer = await client.responses.parse({ ...ask, max_output_tokens: 100, text: { format } });
    assert.ok(["Paris", "Rome"].includes(answer.output_parsed.city));
    assert.equal(typeof answer.output_parsed.sure, "boolean");
  },
  async inTheBackground() {
    const long = { ...ask, max_output_tokens: longTokens, ignore_eos: true, background: true };
    const begun = await client.responses.create(long);
    const cancelled = await client.responses.cancel(begun.id);
    assert.equal(cancelled.status, "cancelled");
    const stream = await client.responses.create({ ...ask, background: true, stream: true });
    const seen = [];
    for await (const event of stream) {
      seen.push(event);
      if (seen.length === 5) break;
    }
    const { id } = seen[0].response;
    const rest = await client.responses.retrieve(id, { stream: true, starting_after: seen.at(-1).sequence_number });
    for await (const event of rest) seen.push(event);
    assert.deepEqual(seen.map((event) => event.sequence_number), [...seen.keys()]);
    assert.equal(seen.at(-1).type, "response.completed");
  },
  async errorsHaveTheirClasses() {
    const unknown = client.responses.create({ ...ask, previous_response_id: `resp_${"0".repeat(32)}` });
    await assert.rejects(unknown, (error) => {
      assert.ok(error instanceof OpenAI.BadRequestError);
      assert.equal(error.code, "previous_response_not_found");
      return true;
    });
    const image = [{ role: "user", content: [{ type: "input_image", image_url: "https://example.com/a.png", detail: "auto" }] }];
    await assert.rejects(client.responses.create({ ...ask, input: image }), (error) => {
      assert.ok(error instanceof OpenAI.BadRequestError);
      assert.match(error.message, /input\[0\]\.content\[0\]/);
      return true;
    });
  },
});

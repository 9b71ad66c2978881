// OpenAI's SDK for Node against a running server (BEDPLATE_URL): chats, and what goes wrong with them.
// Method: only the SDK's public interface, as an application would use it. Ends with `N passed, N failed`.
import assert from "node:assert/strict";

import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";

import { longTokens, model, question, run, url, weather } from "./runner.mjs";

const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0, timeout: 300_000 });
const messages = [{ role: "user", content: question }];
const greedy = { model, messages, max_tokens: 32, temperature: 0 };
/** Takes seconds, whatever the model would rather say. */
const long = { ...greedy, max_tokens: longTokens, ignore_eos: true };
const tool = { type: "function", function: { name: "get_weather", description: "The weather", parameters: weather } };
const Answer = z.object({ city: z.enum(["Paris", "Rome"]), sure: z.boolean() });

await run({
  async chat() {
    const answer = await client.chat.completions.create(greedy);
    assert.equal(answer.object, "chat.completion");
    assert.equal(answer.model, model);
    const [choice] = answer.choices;
    assert.equal(choice.message.role, "assistant");
    assert.match(choice.message.content, /Paris/);
    assert.ok(["stop", "length"].includes(choice.finish_reason));
    const { usage } = answer;
    assert.ok(usage.prompt_tokens > 10);
    assert.equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
    assert.ok(answer._request_id);
    const again = await client.chat.completions.create(greedy);
    assert.ok(again.usage.prompt_tokens_details.cached_tokens > 0);
    assert.equal(again.usage.prompt_tokens, usage.prompt_tokens);
  },
  async streamEqualsWhole() {
    const whole = await client.chat.completions.create(greedy);
    const ask = { ...greedy, stream: true, stream_options: { include_usage: true } };
    const chunks = [];
    for await (const chunk of await client.chat.completions.create(ask)) chunks.push(chunk);
    const last = chunks.pop();
    assert.deepEqual(last.choices, []);
    assert.equal(last.usage.completion_tokens, whole.usage.completion_tokens);
    assert.ok(chunks.every((chunk) => chunk.id === last.id && chunk.object === "chat.completion.chunk" && !chunk.usage));
    const deltas = chunks.map((chunk) => chunk.choices[0].delta);
    assert.equal(deltas[0].role, "assistant");
    assert.ok(deltas.slice(1).every((delta) => delta.role === undefined));
    assert.equal(deltas.map((delta) => delta.content ?? "").join(""), whole.choices[0].message.content);
    const reasons = chunks.map((chunk) => chunk.choices[0].finish_reason);
    assert.equal(reasons.at(-1), whole.choices[0].finish_reason);
    assert.ok(reasons.slice(0, -1).every((reason) => reason === null));
  },
  async streamHelper() {
    const stream = client.chat.completions.stream(greedy);
    let text = "";
    stream.on("content", (delta) => (text += delta));
    const final = await stream.finalChatCompletion();
    assert.match(text, /Paris/);
    assert.equal(final.choices[0].message.content, text);
  },
  async forcedTool() {
    const ask = { ...greedy, tools: [tool], tool_choice: "required", max_tokens: 100 };
    const whole = (await client.chat.completions.create(ask)).choices[0];
    const [call] = whole.message.tool_calls;
    assert.equal(whole.finish_reason, "tool_calls");
    assert.equal(whole.message.tool_calls.length, 1);
    assert.equal(call.function.name, "get_weather");
    assert.equal(typeof JSON.parse(call.function.arguments).city, "string");
    const stream = client.chat.completions.stream(ask);
    const done = [];
    stream.on("tool_calls.function.arguments.done", (event) => done.push([event.index, event.name, event.arguments]));
    const final = await stream.finalChatCompletion();
    assert.deepEqual(done, [[0, "get_weather", call.function.arguments]]);
    assert.deepEqual(final.choices[0].message.tool_calls[0].function.arguments, call.function.arguments);
  },
  // The SDK's own loop: it runs the tool with the arguments that it has parsed, and asks again with the result.
  async runTools() {
    const asked = [];
    const look = (input) => {
      asked.push(input);
      return "Sunny, 21 degrees.";
    };
    const runnable = { type: "function", function: { ...tool.function, function: look, parse: JSON.parse } };
    const choice = { type: "function", function: { name: "get_weather" } };
    const ask = { ...greedy, max_tokens: 100, tools: [runnable], tool_choice: choice };
    const runner = client.chat.completions.runTools(ask, { maxChatCompletions: 2 });
    await runner.done();
    assert.equal(asked.length, 1);
    assert.equal(typeof asked[0].city, "string");
    const roles = runner.messages.map((message) => message.role);
    assert.deepEqual(roles.slice(0, 3), ["user", "assistant", "tool"]);
    assert.equal(runner.messages[2].content, "Sunny, 21 degrees.");
    const told = await client.chat.completions.create({ ...greedy, messages: runner.messages, tools: [tool], tool_choice: "none" });
    assert.equal(typeof told.choices[0].message.content, "string");
  },
  async parsedBySchema() {
    const format = zodResponseFormat(Answer, "answer");
    const answer = await client.chat.completions.parse({ ...greedy, max_tokens: 100, response_format: format });
    const { parsed } = answer.choices[0].message;
    assert.ok(["Paris", "Rome"].includes(parsed.city));
    assert.equal(typeof parsed.sure, "boolean");
  },
  async completionsAndLogprobs() {
    const ask = { model, prompt: "The capital of France is", max_tokens: 4, temperature: 0, logprobs: 2 };
    const answer = await client.completions.create(ask);
    const { text, logprobs } = answer.choices[0];
    assert.match(text, /Paris/);
    assert.equal(logprobs.tokens.join(""), text);
    let streamed = "";
    for await (const chunk of await client.completions.create({ ...ask, stream: true })) streamed += chunk.choices[0].text;
    assert.equal(streamed, text);
    const chat = await client.chat.completions.create({ ...greedy, max_tokens: 2, logprobs: true, top_logprobs: 2 });
    assert.equal(chat.choices[0].logprobs.content[0].top_logprobs.length, 2);
  },
  async models() {
    const listed = [];
    for await (const one of client.models.list()) listed.push(one.id);
    assert.deepEqual(listed, [model]);
    assert.equal((await client.models.retrieve(model)).object, "model");
  },
  async errorsHaveTheirClasses() {
    await assert.rejects(client.chat.completions.create({ ...greedy, model: "no-such-model" }), (error) => {
      assert.ok(error instanceof OpenAI.NotFoundError);
      assert.equal(error.code, "model_not_found");
      assert.ok(error.requestID);
      return true;
    });
    await assert.rejects(client.chat.completions.create({ ...greedy, temperature: 9 }), (error) => {
      assert.ok(error instanceof OpenAI.BadRequestError);
      assert.equal(error.param, "temperature");
      assert.equal(error.type, "invalid_request_error");
      return true;
    });
    const overlong = [{ role: "user", content: "word ".repeat(20000) }];
    await assert.rejects(client.chat.completions.create({ ...greedy, messages: overlong }), (error) => {
      assert.ok(error instanceof OpenAI.BadRequestError);
      assert.equal(error.code, "context_length_exceeded");
      return true;
    });
    const cut = { ...greedy, max_tokens: 2, response_format: zodResponseFormat(Answer, "answer") };
    await assert.rejects(client.chat.completions.parse(cut), OpenAI.LengthFinishReasonError);
    await assert.rejects(client.embeddings.create({ model, input: "hello" }), OpenAI.NotFoundError);
    const nowhere = new OpenAI({ baseURL: "http://127.0.0.1:9/v1", apiKey: "none", maxRetries: 0 });
    await assert.rejects(nowhere.models.list(), OpenAI.APIConnectionError);
    const hasty = client.chat.completions.create(long, { timeout: 100 });
    await assert.rejects(hasty, OpenAI.APIConnectionTimeoutError);
  },
  async abortedStream() {
    const stream = client.chat.completions.stream(long);
    await assert.rejects(async () => {
      for await (const chunk of stream) if (chunk.choices[0]?.delta.content) stream.abort();
    }, OpenAI.APIUserAbortError);
    assert.equal((await client.chat.completions.create({ ...greedy, max_tokens: 1 })).usage.completion_tokens, 1);
  },
});

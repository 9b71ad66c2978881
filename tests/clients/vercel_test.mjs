// The Vercel AI SDK against a running server (BEDPLATE_URL), through each of its providers that speaks one of our APIs.
// Method: the same tests for each provider, with the SDK's public interface alone. It checks every answer against
// schemas of its own, and gives usage in one form, so the providers' numbers and texts can be held against each other.
// Ends with `N passed, N failed`.
import assert from "node:assert/strict";

import { createAmazonBedrock } from "@ai-sdk/amazon-bedrock";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { APICallError, generateText, isStepCount, jsonSchema, Output, streamText, tool } from "ai";

import { longSchema, longTokens, model as name, question, run, runsOf, url, weather } from "./runner.mjs";

const openai = createOpenAI({ baseURL: `${url}/v1`, apiKey: "none" });
const anthropic = createAnthropic({ baseURL: `${url}/v1`, apiKey: "none" });
const bedrock = createAmazonBedrock({
  baseURL: url,
  region: "eu-west-1",
  accessKeyId: "none",
  secretAccessKey: "none",
  sessionToken: "",
});
const providers = {
  chat: openai.chat,
  responses: openai.responses,
  anthropic,
  bedrock,
};
// A retry would hide a fault; what an SDK warns of is about models that it doesn't know.
const common = { prompt: question, maxOutputTokens: 32, temperature: 0, maxRetries: 0 };
globalThis.AI_SDK_LOG_WARNINGS = false;

const city = jsonSchema({
  type: "object",
  properties: { city: { enum: ["Paris", "Rome"] }, sure: { type: "boolean" } },
  required: ["city", "sure"],
  additionalProperties: false,
});

/** What every provider that was asked has told of the same question; toldBy() asks one that wasn't. */
const told = {};
async function toldBy(key, model) {
  if (!told[key]) await whole(key, model);
  return told[key];
}

async function whole(key, model) {
  const answer = await generateText({ ...common, model });
  assert.match(answer.text, /Paris/);
  assert.ok(["stop", "length"].includes(answer.finishReason));
  const { usage } = await generateText({ ...common, model });
  assert.ok(usage.inputTokenDetails.cacheReadTokens > 0, JSON.stringify(usage));
  assert.equal(usage.inputTokens, usage.inputTokenDetails.noCacheTokens + usage.inputTokenDetails.cacheReadTokens);
  assert.equal(usage.totalTokens, usage.inputTokens + usage.outputTokens);
  assert.equal(answer.usage.inputTokens, usage.inputTokens);
  told[key] = [answer.text, usage.inputTokens, usage.outputTokens, usage.inputTokenDetails.cacheReadTokens];
  const [first] = Object.values(told);
  assert.deepEqual(told[key], first, "another API, other text or usage");
}

async function stream(key, model) {
  const [text, ...tokens] = await toldBy(key, model);
  const result = streamText({ ...common, model });
  const parts = [];
  for await (const part of result.stream) parts.push(part);
  // Anthropic's provider adds one of its own, of kind "custom", to tell what message_start has.
  assert.deepEqual(runsOf(parts.map((part) => part.type).filter((kind) => kind !== "custom")), [
    "start",
    "start-step",
    "text-start",
    "text-delta",
    "text-end",
    "finish-step",
    "finish",
  ]);
  const deltas = parts.filter((part) => part.type === "text-delta");
  assert.ok(deltas.length > 1);
  assert.equal(deltas.map((part) => part.text).join(""), text);
  const { inputTokens, outputTokens } = parts.at(-1).totalUsage;
  assert.deepEqual([inputTokens, outputTokens], tokens.slice(0, 2));
}

// Two steps: a call that must come, which the SDK answers, and what the model says then.
async function tools(key, model) {
  for (const ask of [generateText, streamText]) {
    const looked = [];
    const execute = async (input) => {
      looked.push(input);
      return { sky: "sunny", celsius: 21 };
    };
    const result = await ask({
      ...common,
      model,
      maxOutputTokens: 200,
      tools: { get_weather: tool({ description: "The weather", inputSchema: jsonSchema(weather), execute }) },
      prepareStep: ({ stepNumber }) => ({ toolChoice: stepNumber ? "none" : "required" }),
      stopWhen: isStepCount(2),
      onError: ({ error }) => assert.fail(error),
    });
    const steps = await result.steps;
    assert.equal(steps.length, 2);
    assert.equal(steps[0].finishReason, "tool-calls");
    assert.deepEqual(steps[0].toolCalls.map((call) => call.toolName), ["get_weather"]);
    assert.equal(typeof steps[0].toolCalls[0].input.city, "string");
    assert.deepEqual(looked, [steps[0].toolCalls[0].input]);
    assert.deepEqual(steps[0].toolResults[0].output, { sky: "sunny", celsius: 21 });
    assert.deepEqual(steps[1].toolCalls, []);
    assert.ok(steps[1].text);
    assert.ok(steps[1].usage.inputTokenDetails.cacheReadTokens > 0);
  }
}

async function object(key, model) {
  const { output } = await generateText({ ...common, model, maxOutputTokens: 100, output: Output.object({ schema: city }) });
  assert.deepEqual(Object.keys(output), ["city", "sure"]);
  assert.ok(["Paris", "Rome"].includes(output.city));
  assert.equal(typeof output.sure, "boolean");
}

async function errors(key, model, make) {
  const unknown = generateText({ ...common, model: make("no-such-model") });
  await assert.rejects(unknown, (error) => {
    assert.ok(APICallError.isInstance(error));
    assert.equal(error.statusCode, 404);
    assert.equal(error.isRetryable, false);
    assert.match(error.message, /no-such-model/);
    return true;
  });
  const long = generateText({ ...common, model, prompt: "word ".repeat(20000) });
  await assert.rejects(long, (error) => {
    assert.equal(error.statusCode, 400);
    assert.match(error.message, /prompt is too long|maximum context length|[Ii]nput is too long/);
    return true;
  });
}

async function abortedStream(key, model) {
  const [, , outputTokens] = await toldBy(key, model);
  const abort = new AbortController();
  const kinds = [];
  // A call and no text, since the provider for Bedrock makes a tool of a schema, and shows its text when it is whole.
  const tools = { write: tool({ description: "Writes a list", inputSchema: jsonSchema(longSchema) }) };
  const long = { ...common, model, maxOutputTokens: longTokens, tools, toolChoice: "required" };
  for await (const part of streamText({ ...long, abortSignal: abort.signal }).stream) {
    kinds.push(part.type);
    if (part.type === "tool-input-delta") abort.abort();
  }
  assert.equal(kinds.at(-1), "abort");
  assert.ok(!kinds.includes("tool-call"), "the call was over before it was cut");
  assert.equal((await generateText({ ...common, model, maxOutputTokens: 16 })).usage.outputTokens, outputTokens);
}

const tests = {};
for (const test of [whole, stream, tools, object, errors, abortedStream])
  for (const [key, make] of Object.entries(providers)) tests[`${test.name} ${key}`] = () => test(key, make(name), make);
await run(tests);

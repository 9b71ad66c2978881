// @aws-sdk/client-bedrock-runtime against a running server (BEDPLATE_URL): types, stream order, usage, error classes.
// Method: only the SDK's public interface, as an application would use it. Ends with `N passed, N failed`.
//
// By itself this client speaks HTTP/2, which Amazon's endpoint has and this server doesn't; the HTTP/1.1 handler is part
// of the same SDK.
import assert from "node:assert/strict";

import {
  BedrockRuntimeClient,
  ConverseCommand,
  ConverseStreamCommand,
  CountTokensCommand,
  InvokeModelCommand,
  InvokeModelWithResponseStreamCommand,
  ResourceNotFoundException,
  ValidationException,
} from "@aws-sdk/client-bedrock-runtime";
import { NodeHttpHandler } from "@smithy/node-http-handler";

import { longSchema, longTokens, model as modelId, question, run, runsOf, url } from "./runner.mjs";

const client = new BedrockRuntimeClient({
  endpoint: url,
  region: "eu-west-1",
  credentials: { accessKeyId: "none", secretAccessKey: "none" },
  maxAttempts: 1,
  requestHandler: new NodeHttpHandler({ requestTimeout: 300_000 }),
});
const messages = [{ role: "user", content: [{ text: question }] }];
const greedy = { modelId, messages, inferenceConfig: { maxTokens: 32, temperature: 0 } };
const anthropic = {
  anthropic_version: "bedrock-2023-05-31",
  max_tokens: 32,
  temperature: 0,
  messages: [{ role: "user", content: question }],
};
const decoder = new TextDecoder();

await run({
  async converseStreamEqualsWhole() {
    const whole = await client.send(new ConverseCommand(greedy));
    assert.match(whole.output.message.content[0].text, /Paris/);
    assert.ok(["end_turn", "max_tokens"].includes(whole.stopReason));
    assert.ok(whole.metrics.latencyMs > 0 && whole.$metadata.requestId);
    const kinds = [];
    let text = "";
    let usage;
    for await (const event of (await client.send(new ConverseStreamCommand(greedy))).stream) {
      kinds.push(Object.keys(event)[0]);
      text += event.contentBlockDelta?.delta.text ?? "";
      usage = event.metadata?.usage ?? usage;
    }
    assert.equal(text, whole.output.message.content[0].text);
    assert.equal(usage.outputTokens, whole.usage.outputTokens);
    assert.equal(
      usage.inputTokens + usage.cacheReadInputTokens,
      whole.usage.inputTokens + whole.usage.cacheReadInputTokens,
    );
    const order = ["messageStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata"];
    assert.deepEqual(runsOf(kinds), order);
  },
  async invokeModel() {
    const body = JSON.stringify(anthropic);
    const whole = await client.send(new InvokeModelCommand({ modelId, body }));
    const message = JSON.parse(decoder.decode(whole.body));
    assert.match(message.content[0].text, /Paris/);
    const chunks = [];
    const streamed = await client.send(new InvokeModelWithResponseStreamCommand({ modelId, body }));
    for await (const event of streamed.body) chunks.push(JSON.parse(decoder.decode(event.chunk.bytes)));
    const text = chunks.map((chunk) => chunk.delta?.text ?? "").join("");
    assert.equal(text, message.content[0].text);
    assert.equal(chunks.at(-1).type, "message_stop");
    assert.equal(chunks.at(-1)["amazon-bedrock-invocationMetrics"].outputTokenCount, message.usage.output_tokens);
  },
  async countTokensAndArns() {
    const counted = await client.send(new CountTokensCommand({ modelId, input: { converse: { messages } } }));
    const arn = `arn:aws:bedrock:eu-west-1::foundation-model/${modelId}`;
    const { usage } = await client.send(new ConverseCommand({ ...greedy, modelId: arn }));
    assert.equal(counted.inputTokens, usage.inputTokens + usage.cacheReadInputTokens);
  },
  async errorsHaveTheirClasses() {
    await assert.rejects(client.send(new ConverseCommand({ ...greedy, modelId: "no.such-model:0" })), (error) => {
      assert.ok(error instanceof ResourceNotFoundException);
      assert.equal(error.$metadata.httpStatusCode, 404);
      assert.match(error.message, /no\.such-model:0/);
      return true;
    });
    await assert.rejects(client.send(new ConverseStreamCommand({ ...greedy, messages: [] })), ValidationException);
  },
  async abortedStream() {
    const abort = new AbortController();
    const structure = { jsonSchema: { name: "long", schema: JSON.stringify(longSchema) } };
    const long = {
      ...greedy,
      inferenceConfig: { maxTokens: longTokens, temperature: 0 },
      outputConfig: { textFormat: { type: "json_schema", structure } },
    };
    const { stream } = await client.send(new ConverseStreamCommand(long), { abortSignal: abort.signal });
    for await (const event of stream) {
      if (!event.contentBlockDelta) continue;
      abort.abort();
      break;
    }
    const few = await client.send(new ConverseCommand({ ...greedy, inferenceConfig: { maxTokens: 1 } }));
    assert.equal(few.usage.outputTokens, 1);
  },
});

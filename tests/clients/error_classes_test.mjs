// Each class of error that OpenAI's, Anthropic's and Amazon's SDKs for TypeScript have, provoked once; and what the Vercel
// AI SDK makes of the same.
// Method: as in error_classes_test.py. Ends with `N passed, N failed`.
import assert from "node:assert/strict";

import { createAmazonBedrock } from "@ai-sdk/amazon-bedrock";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import * as newest from "@anthropic-ai/sdk";
import * as aws from "@aws-sdk/client-bedrock-runtime";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { generateText } from "ai";
import * as first from "anthropic-sdk-first-major";
import * as openai from "openai";

import { provoke, tooLong, wayOf, withoutWay } from "./error_ways.mjs";
import { run } from "./runner.mjs";

const messages = [{ role: "user", content: "Hi" }];
const general = (module) => [module.APIError, module.InternalServerError];
/** Of one that isn't an answer. */
const unanswered = ["APIUserAbortError", "APIConnectionError", "InternalServerError"];

function askAnthropic(module) {
  return (way) => {
    const client = new module.default({ baseURL: way.url, apiKey: way.secrets.key, maxRetries: 0 });
    const format = { type: "json_schema", schema: tooLong };
    const long = way.long ? { max_tokens: 8000, output_config: { format } } : { max_tokens: 1 };
    return client.messages.create({ model: way.model, messages, ...long });
  };
}

function bedrock(way) {
  return new aws.BedrockRuntimeClient({
    endpoint: way.url,
    region: "eu-west-1",
    credentials: { accessKeyId: way.secrets.access_key_id, secretAccessKey: way.secrets.secret_access_key },
    maxAttempts: 1,
    requestHandler: new NodeHttpHandler({ requestTimeout: 60_000 }),
  });
}

function converse(way) {
  const asked = { modelId: way.model, messages: [{ role: "user", content: [{ text: "Hi" }] }] };
  if (!way.long) return { ...asked, inferenceConfig: { maxTokens: 1 } };
  const structure = { jsonSchema: { name: "long", schema: JSON.stringify(tooLong) } };
  return {
    ...asked,
    inferenceConfig: { maxTokens: 8000 },
    outputConfig: { textFormat: { type: "json_schema", structure } },
  };
}

const bedrockWays = [
  ["400 ValidationException", "ValidationException"],
  ["another's model", "AccessDeniedException"],
  ["unknown model", "ResourceNotFoundException"],
  ["too long", "ModelTimeoutException"],
  ["too often", "ThrottlingException"],
  ["429 ModelNotReadyException", "ModelNotReadyException"],
  ["424 ModelErrorException", "ModelErrorException"],
  ["500 InternalServerException", "InternalServerException"],
  ["503 ServiceUnavailableException", "ServiceUnavailableException"],
];
const invokeWays = [
  ["400 ServiceQuotaExceededException", "ServiceQuotaExceededException"],
  ["424 ModelStreamErrorException", "ModelStreamErrorException"],
];

async function vercel(make) {
  const ways = [400, "wrong key", "another's model", "unknown model", 408, 409, 422, "too often", 500, 503];
  const retried = [408, 409, "too often", 500, 503];
  const ask = (way) => generateText({ model: make(way), prompt: "Hi", maxOutputTokens: 1, maxRetries: 0 });
  await provoke(ways.map((way) => [way, "AI_APICallError"]), ask, (error, way) => {
    assert.equal(error.isRetryable, retried.includes(way), `${way}: ${error.statusCode}`);
    if (typeof way === "number") assert.equal(error.statusCode, way);
  });
}

await run({
  async openai() {
    const ways = [
      [400, "BadRequestError"],
      ["wrong key", "AuthenticationError"],
      ["another's model", "PermissionDeniedError"],
      ["unknown model", "NotFoundError"],
      ["too long", "APIError"], // a 408 has no class of its own
      [409, "ConflictError"],
      [422, "UnprocessableEntityError"],
      ["too often", "RateLimitError"],
      [500, "InternalServerError"],
      [503, "InternalServerError"],
    ];
    await provoke(ways, (way) => {
      const client = new openai.OpenAI({ baseURL: `${way.url}/v1`, apiKey: way.secrets.key, maxRetries: 0 });
      const long = way.long ? { max_tokens: 8000, ignore_eos: true } : { max_tokens: 1 };
      return client.chat.completions.create({ model: way.model, messages, ...long });
    });
    // OAuthError is what a server of tokens answers.
    assert.deepEqual(withoutWay(openai, general(openai), ways, [...unanswered, "OAuthError"]), []);
  },
  async anthropic() {
    const ways = [
      [400, "BadRequestError"],
      ["wrong key", "AuthenticationError"],
      [402, "PaymentRequiredError"],
      ["another's model", "PermissionDeniedError"],
      ["unknown model", "NotFoundError"],
      ["too long", "RequestTimeoutError"],
      [409, "ConflictError"],
      [412, "PreconditionFailedError"],
      [413, "ContentTooLargeError"],
      [422, "UnprocessableEntityError"],
      ["too often", "RateLimitError"],
      [431, "RequestHeaderFieldsTooLargeError"],
      [499, "ClientClosedRequestError"],
      [500, "InternalServerError"],
      [501, "NotImplementedError"],
      [503, "ServiceUnavailableError"],
      [504, "GatewayTimeoutError"],
      [529, "OverloadedError"],
    ];
    await provoke(ways, askAnthropic(newest));
    assert.deepEqual(withoutWay(newest, general(newest), ways, unanswered), []);
  },
  async anthropicFirstMajor() {
    const ways = [
      [400, "BadRequestError"],
      ["wrong key", "AuthenticationError"],
      ["another's model", "PermissionDeniedError"],
      ["unknown model", "NotFoundError"],
      ["too long", "APIError"],
      [409, "ConflictError"],
      [422, "UnprocessableEntityError"],
      ["too often", "RateLimitError"],
      [500, "InternalServerError"],
      [529, "InternalServerError"],
    ];
    await provoke(ways, askAnthropic(first));
    assert.deepEqual(withoutWay(first, general(first), ways, unanswered), []);
  },
  async bedrock() {
    await provoke(bedrockWays, (way) => bedrock(way).send(new aws.ConverseCommand(converse(way))));
    const body = JSON.stringify({ prompt: "Hi" });
    await provoke(invokeWays, (way) =>
      bedrock(way).send(new aws.InvokeModelWithResponseStreamCommand({ modelId: way.model, body })),
    );
    // ConflictException is of jobs, which write their answer to a store of Amazon's.
    const ways = [...bedrockWays, ...invokeWays];
    assert.deepEqual(withoutWay(aws, [aws.BedrockRuntimeServiceException], ways, ["ConflictException"]), []);
  },
  async bedrockStreamThatFails() {
    const way = wayOf("too long");
    const { stream } = await bedrock(way).send(new aws.ConverseStreamCommand(converse(way)));
    await assert.rejects(async () => {
      for await (const event of stream) assert.ok(event);
    }, aws.ModelStreamErrorException);
  },
  vercelChat: () => vercel((way) => createOpenAI({ baseURL: `${way.url}/v1`, apiKey: way.secrets.key }).chat(way.model)),
  vercelResponses: () =>
    vercel((way) => createOpenAI({ baseURL: `${way.url}/v1`, apiKey: way.secrets.key }).responses(way.model)),
  vercelAnthropic: () => vercel((way) => createAnthropic({ baseURL: `${way.url}/v1`, apiKey: way.secrets.key })(way.model)),
  vercelBedrock: () =>
    vercel((way) =>
      createAmazonBedrock({
        baseURL: way.url,
        region: "eu-west-1",
        accessKeyId: way.secrets.access_key_id,
        secretAccessKey: way.secrets.secret_access_key,
        sessionToken: "",
      })(way.model),
    ),
});

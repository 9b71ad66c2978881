// Method: scripted events to the encoders of Converse and of InvokeModel's forms; streams are taken apart by our own
// decoder (tests/clients has botocore do the same) and compared as text.
#include <gtest/gtest.h>

#include "base/base64.h"
#include "base/cat.h"
#include "base/json.h"
#include "serve/bedrock/converse_encode.h"
#include "serve/bedrock/errors.h"
#include "serve/bedrock/event_message.h"
#include "serve/bedrock/invoke.h"

namespace bedplate::bedrock {
namespace {

using Kind = OutputPiece::Kind;

ReplyIdentity Identity() {
  return {
      .id = "1", .request_id = "req_1", .created_unix_seconds = 5, .model = "m", .fingerprint = "fp", .elapsed_ms = [] {
        return int64_t{12};
      }};
}
const Usage kUsage = {.prompt_tokens = 10, .cached_tokens = 4, .output_tokens = 3};

Event Read() {
  return PromptRead{.prompt_tokens = 10, .cached_tokens = 4, .prompt_text = {}, .prompt_logprobs = {}};
}
Event Delta(std::vector<OutputPiece> pieces) {
  return OutputDelta{.choice = 0, .pieces = std::move(pieces), .tokens = {TokenId{1}}, .logprobs = {}};
}
Event Finished(FinishReason reason, std::string stop_string = {}) {
  return ChoiceFinished{.choice = 0, .reason = reason, .stop_string = std::move(stop_string)};
}
std::vector<Event> Everything() {
  return {Read(), Delta({{.kind = Kind::kReasoning, .text = "Hm"}}),
          Delta({{.kind = Kind::kText, .text = "Ok"},
                 {.kind = Kind::kCallBegin, .text = "f", .call_id = "call_1"},
                 {.kind = Kind::kCallArguments, .text = "{\"a\":"}}),
          Delta({{.kind = Kind::kCallArguments, .text = "1}"}, {.kind = Kind::kCallEnd, .text = {}}}),
          Finished(FinishReason::kToolCalls)};
}
std::string Encode(ReplyEncoder& encoder, const std::vector<Event>& events) {
  std::string out;
  for (const Event& event : events) encoder.OnEvent(0, event, out);
  encoder.OnDone(kUsage, out);
  return out;
}
std::string Converse(ConverseReplyOptions options, const std::vector<Event>& events) {
  return Encode(*MakeConverseEncoder(options, Identity()), events);
}
// "name payload" a line; bytes of chunks decoded.
std::string Lines(std::string_view stream) {
  std::string out;
  while (!stream.empty()) {
    const auto message = TakeMessage(stream);
    EXPECT_TRUE(message.ok() && message->has_value());
    if (!message.ok() || !message->has_value()) break;
    const EventMessage& event = **message;
    std::string payload = event.payload;
    if (event.headers[0].second == "chunk") {
      payload = DecodeBase64(ParseJson(payload)->Find("bytes")->as_string()).value_or("no base64");
    }
    out += Cat(event.headers[0].second, " ", payload, "\n");
  }
  return out;
}
// Signatures are opaque; their place is what counts.
std::string WithoutSignature(std::string text) {
  constexpr std::string_view kName = "\"signature\":\"";
  const size_t at = text.find(kName);
  return at == std::string::npos ? text : text.replace(at + kName.size(), 64, "S");  // a SHA-256 in hex
}

constexpr std::string_view kUsageJson =
    R"("usage":{"inputTokens":6,"outputTokens":3,"totalTokens":13,"cacheReadInputTokens":4,"cacheWriteInputTokens":0})";

TEST(ConverseWhole, HoldsBlocksInOrder) {
  EXPECT_EQ(WithoutSignature(Converse({}, Everything())),
            Cat(R"({"output":{"message":{"role":"assistant","content":[)"
                R"({"reasoningContent":{"reasoningText":{"text":"Hm","signature":"S"}}},{"text":"Ok"},)"
                R"({"toolUse":{"toolUseId":"call_1","name":"f","input":{"a":1}}}]}},"stopReason":"tool_use",)",
                kUsageJson, R"(,"metrics":{"latencyMs":12}})"));
}

TEST(ConverseStream, EventsComeInOrder) {
  EXPECT_EQ(WithoutSignature(Lines(Converse({.stream = true, .with_stop_sequence = true}, Everything()))),
            Cat(R"(messageStart {"role":"assistant"}
contentBlockDelta {"delta":{"reasoningContent":{"text":"Hm"}},"contentBlockIndex":0}
contentBlockDelta {"delta":{"reasoningContent":{"signature":"S"}},"contentBlockIndex":0}
contentBlockStop {"contentBlockIndex":0}
contentBlockDelta {"delta":{"text":"Ok"},"contentBlockIndex":1}
contentBlockStop {"contentBlockIndex":1}
contentBlockStart {"start":{"toolUse":{"toolUseId":"call_1","name":"f"}},"contentBlockIndex":2}
contentBlockDelta {"delta":{"toolUse":{"input":"{\"a\":"}},"contentBlockIndex":2}
contentBlockDelta {"delta":{"toolUse":{"input":"1}"}},"contentBlockIndex":2}
contentBlockStop {"contentBlockIndex":2}
messageStop {"stopReason":"tool_use","additionalModelResponseFields":{"stop_sequence":null}}
metadata {)",
                kUsageJson, R"(,"metrics":{"latencyMs":12}}
)"));
}

TEST(ConverseAnswers, SayWhyTheyEnd) {
  const auto reason = [](ConverseReplyOptions options, const std::vector<Event>& events) {
    const Json answer = *ParseJson(Converse(options, events));
    return Cat(answer.Find("stopReason")->as_string(), answer.Find("additionalModelResponseFields") == nullptr
                                                           ? ""
                                                           : WriteJson(*answer.Find("additionalModelResponseFields")));
  };
  EXPECT_EQ(reason({}, {Read(), Finished(FinishReason::kStop)}), "end_turn");
  EXPECT_EQ(reason({}, {Read(), Finished(FinishReason::kStop, "\n")}), "stop_sequence");
  EXPECT_EQ(reason({.with_stop_sequence = true}, {Read(), Finished(FinishReason::kStop, "x")}),
            R"(stop_sequence{"stop_sequence":"x"})");
  EXPECT_EQ(reason({.output_tokens_max = 3}, {Read(), Finished(FinishReason::kLength)}), "max_tokens");
  EXPECT_EQ(reason({.output_tokens_max = 4}, {Read(), Finished(FinishReason::kLength)}),
            "model_context_window_exceeded");
  const std::vector<Event> botched = {Read(),
                                      Delta({{.kind = Kind::kCallBegin, .text = "f", .call_id = "c"},
                                             {.kind = Kind::kCallArguments, .text = "{\"a"},
                                             {.kind = Kind::kCallEnd, .text = {}}}),
                                      Finished(FinishReason::kToolCalls)};
  EXPECT_EQ(reason({}, botched), "malformed_tool_use");
  EXPECT_NE(Converse({}, botched).find(R"("input":{"INVALID_JSON":"{\"a"})"), std::string::npos);
  EXPECT_NE(Lines(Converse({.stream = true}, botched)).find("malformed_tool_use"), std::string::npos);
}

Call Invoke(std::string_view body, bool stream) {
  Result<Call> call = DecodeInvoke(*ParseJson(body), {.model = "m", .stream = stream});
  EXPECT_TRUE(call.ok()) << call.status().message();
  return *std::move(call);
}

constexpr std::string_view kAnthropic =
    R"({"anthropic_version":"bedrock-2023-05-31","max_tokens":9,"messages":[{"role":"user","content":"a"}]})";
constexpr std::string_view kChat = R"({"model":"other","messages":[{"role":"user","content":"a"}],"max_tokens":9})";
constexpr std::string_view kLlama = R"({"prompt":"a","max_gen_len":9})";
constexpr std::string_view kMetrics =
    R"("amazon-bedrock-invocationMetrics":{"inputTokenCount":6,"outputTokenCount":3,"invocationLatency":12,)"
    R"("firstByteLatency":12,"cacheReadInputTokenCount":4,"cacheWriteInputTokenCount":0})";

const std::vector<Event> kHello = {Read(), Delta({{.kind = Kind::kText, .text = "Hel"}}),
                                   Delta({{.kind = Kind::kText, .text = "lo"}}), Finished(FinishReason::kStop)};

TEST(Invoke, TheBodySaysItsForm) {
  EXPECT_EQ(Invoke(kAnthropic, false).requests[0].output_tokens_max, 9u);
  EXPECT_EQ(Invoke(kChat, false).model, "m");
  const Request llama = Invoke(kLlama, true).requests[0];
  EXPECT_EQ(std::get<TextPrompt>(llama.prompt).text, "a");
  EXPECT_EQ(llama.output_tokens_max, 9u);
  EXPECT_FLOAT_EQ(llama.sampling.temperature, 0.5f);
  EXPECT_FLOAT_EQ(llama.sampling.top_p, 0.9f);
  EXPECT_EQ(Invoke(R"({"prompt":"a"})", false).requests[0].output_tokens_max, 512u);
  EXPECT_EQ(Invoke(R"({"prompt":"a","max_tokens":3,"echo":true})", false).requests[0].output_tokens_max, 3u);
  for (const std::string_view wrong :
       {"[]", "{}", R"({"anthropic_version":"2023-06-01","messages":[]})", R"({"prompt":1})",
        R"({"prompt":"a","images":["AA=="]})", R"({"prompt":"a","temperature":2})", R"({"inputText":"titan"})"}) {
    EXPECT_EQ(DecodeInvoke(*ParseJson(wrong), {.model = "m"}).status().code(), StatusCode::kInvalidArgument) << wrong;
  }
}

TEST(Invoke, WholeAnswersAreTheFormsWithCountsInTheHead) {
  const auto encoder = Invoke(kLlama, false).make_encoder(Identity());
  EXPECT_EQ(Encode(*encoder, kHello),
            R"({"generation":"Hello","prompt_token_count":10,"generation_token_count":3,"stop_reason":"stop"})");
  std::string fields;
  for (const HttpField& field : encoder->WholeFields()) fields += Cat(field.name, ": ", field.value, "\n");
  EXPECT_EQ(fields,
            "content-type: application/json\nx-amzn-requestid: req_1\nx-amzn-bedrock-input-token-count: 6\n"
            "x-amzn-bedrock-output-token-count: 3\nx-amzn-bedrock-cache-read-input-token-count: 4\n"
            "x-amzn-bedrock-cache-write-input-token-count: 0\nx-amzn-bedrock-invocation-latency: 12\n");
  const std::string message = Encode(*Invoke(kAnthropic, false).make_encoder(Identity()), kHello);
  EXPECT_NE(
      message.find(R"("type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"Hello"}])"),
      std::string::npos)
      << message;
}

TEST(Invoke, StreamsAreChunksAndTheLastHasTheMetrics) {
  EXPECT_EQ(Lines(Encode(*Invoke(kLlama, true).make_encoder(Identity()), kHello)),
            Cat(R"(chunk {"generation":"Hel","prompt_token_count":10,"generation_token_count":1,"stop_reason":null}
chunk {"generation":"lo","prompt_token_count":null,"generation_token_count":2,"stop_reason":null}
chunk {"generation":"","prompt_token_count":null,"generation_token_count":2,"stop_reason":"stop",)",
                kMetrics, "}\n"));
  const std::string message = Lines(Encode(*Invoke(kAnthropic, true).make_encoder(Identity()), kHello));
  EXPECT_TRUE(message.starts_with("chunk {\"type\":\"message_start\"")) << message;
  EXPECT_TRUE(message.ends_with(Cat("chunk {\"type\":\"message_stop\",", kMetrics, "}\n"))) << message;
  const std::string chat = Lines(Encode(*Invoke(kChat, true).make_encoder(Identity()), kHello));
  EXPECT_TRUE(chat.starts_with("chunk {\"id\":\"chatcmpl-1\"")) << chat;
  EXPECT_TRUE(chat.ends_with(Cat(",", kMetrics, "}\n"))) << chat;
  EXPECT_NE(chat.find("\"finish_reason\":\"stop\""), std::string::npos);
  EXPECT_EQ(chat.find("[DONE]"), std::string::npos);
}

TEST(Streams, PingAndFailInTheirOwnShape) {
  std::string out;
  MakeConverseEncoder({.stream = true}, Identity())->OnPing(out);
  Invoke(kAnthropic, true).make_encoder(Identity())->OnPing(out);
  Invoke(kChat, true).make_encoder(Identity())->OnPing(out);
  for (const Status& status : {Status::ResourceExhausted("a"), Status::Internal("b"), Status::InvalidArgument("c"),
                               Status::Unavailable("d"), Status(StatusCode::kDeadlineExceeded, "e")}) {
    AppendStreamFailure(status, out);
  }
  EXPECT_EQ(Lines(out),
            "ping {}\nchunk {\"type\":\"ping\"}\nping {}\nthrottlingException {\"message\":\"a\"}\n"
            "internalServerException {\"message\":\"b\"}\nvalidationException {\"message\":\"c\"}\n"
            "serviceUnavailableException {\"message\":\"d\"}\nmodelStreamErrorException {\"message\":\"e\"}\n");
}

}  // namespace
}  // namespace bedplate::bedrock

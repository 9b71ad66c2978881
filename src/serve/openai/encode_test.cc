// Method: scripted events to the encoders; their output is compared as text, or parsed as a client would.
#include "serve/openai/encode.h"

#include <gtest/gtest.h>

#include "base/cat.h"
#include "base/json.h"
#include "serve/openai/errors.h"
#include "serve/openai/legacy_logprobs.h"

namespace bedplate::openai {
namespace {

const ReplyIdentity kIdentity = {
    .id = "1", .request_id = "req_1", .created_unix_seconds = 5, .model = "m", .fingerprint = "fp_1"};
const Usage kUsage = {.prompt_tokens = 10, .cached_tokens = 4, .output_tokens = 3};

OutputDelta Delta(uint32_t choice, std::string text, std::vector<TokenLogprob> logprobs = {}) {
  std::vector<OutputPiece> pieces;
  if (!text.empty()) pieces.push_back({.kind = OutputPiece::Kind::kText, .text = std::move(text)});
  return {.choice = choice, .pieces = std::move(pieces), .tokens = {TokenId{1}}, .logprobs = std::move(logprobs)};
}
OutputDelta Pieces(std::vector<OutputPiece> pieces) {
  return {.choice = 0, .pieces = std::move(pieces), .tokens = {TokenId{1}}, .logprobs = {}};
}
TokenLogprob Logprob(std::string bytes, float logprob, std::vector<TokenAlternative> top = {}) {
  return {.chosen = {.token = TokenId{1}, .bytes = std::move(bytes), .logprob = logprob}, .top = std::move(top)};
}
std::string Encode(ReplyEncoder& encoder, const std::vector<Event>& events, size_t part = 0) {
  std::string out;
  for (const Event& event : events) encoder.OnEvent(part, event, out);
  return out;
}

constexpr std::string_view kChunkHead =
    R"(data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":5,"model":"m","system_fingerprint":"fp_1","choices":[)";

TEST(ChatStream, ChunksAreExactlyOpenAis) {
  const auto encoder =
      MakeChatEncoder({.stream = true, .include_usage = true, .logprobs = false, .choices = 1}, kIdentity);
  std::string out = Encode(*encoder, {PromptRead{}, Delta(0, "a\"\n"), Delta(0, ""),
                                      ChoiceFinished{.choice = 0, .reason = FinishReason::kLength, .stop_string = {}}});
  encoder->OnDone(kUsage, out);
  const std::string end = ",\"usage\":null}\n\n";
  EXPECT_EQ(
      out,
      Cat(kChunkHead,
          R"({"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}])",
          end, kChunkHead, R"({"index":0,"delta":{"content":"a\"\n"},"logprobs":null,"finish_reason":null}])", end,
          kChunkHead, R"({"index":0,"delta":{},"logprobs":null,"finish_reason":"length"}])", end, kChunkHead,
          R"(],"usage":{"prompt_tokens":10,"completion_tokens":3,"total_tokens":13,)",
          R"("prompt_tokens_details":{"cached_tokens":4,"cache_write_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,)",
          R"("accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}})", "\n\n", "data: [DONE]\n\n"));
}

TEST(ChatStream, WhoAsksForATierIsToldWhichItWas) {
  for (const bool stream : {false, true}) {
    const auto encoder = MakeChatEncoder({.stream = stream, .service_tier = true}, kIdentity);
    std::string out = Encode(*encoder, {PromptRead{}});
    encoder->OnDone(kUsage, out);
    EXPECT_NE(out.find(R"("system_fingerprint":"fp_1","service_tier":"default","choices":[)"), std::string::npos)
        << out;
  }
}

TEST(ChatStream, EveryEventIsJson) {
  const auto encoder =
      MakeChatEncoder({.stream = true, .include_usage = false, .logprobs = true, .choices = 2}, kIdentity);
  std::string out = Encode(
      *encoder, {PromptRead{}, Delta(1, "", {Logprob("\xE2\x82", -0.5f)}),
                 Delta(1, "\xE2\x82\xAC", {Logprob("\xAC", -std::numeric_limits<float>::infinity())}), ChoiceFinished{},
                 ChoiceFinished{.choice = 1, .reason = FinishReason::kStop, .stop_string = {}}});
  encoder->OnDone(kUsage, out);
  int events = 0;
  for (size_t at = 0; at < out.size(); ++events) {
    const size_t end = out.find("\n\n", at);
    ASSERT_NE(end, std::string::npos);
    const std::string data = out.substr(at + 6, end - at - 6);
    if (data != "[DONE]") EXPECT_TRUE(ParseJson(data).ok()) << data;
    at = end + 2;
  }
  EXPECT_EQ(events, 7);  // two roles, two deltas, two ends, DONE
  EXPECT_NE(out.find(R"("token":"��","logprob":-0.5,"bytes":[226,130])"), std::string::npos) << out;
  EXPECT_NE(out.find(R"("logprob":-9999.0,"bytes":[172])"), std::string::npos);
}

// Reasoning, text, and two calls whose arguments come in pieces.
std::vector<Event> ToolEvents() {
  using Kind = OutputPiece::Kind;
  return {PromptRead{}, Pieces({{.kind = Kind::kReasoning, .text = "Hm"}}),
          Pieces({{.kind = Kind::kText, .text = "Ok."},
                  {.kind = Kind::kCallBegin, .text = "f", .call_id = "call_1"},
                  {.kind = Kind::kCallArguments, .text = "{\"a\":"}}),
          Pieces({{.kind = Kind::kCallArguments, .text = "1}"},
                  {.kind = Kind::kCallEnd, .text = {}},
                  {.kind = Kind::kCallBegin, .text = "g", .call_id = "call_2"},
                  {.kind = Kind::kCallArguments, .text = "{}"},
                  {.kind = Kind::kCallEnd, .text = {}}}),
          ChoiceFinished{.choice = 0, .reason = FinishReason::kToolCalls, .stop_string = {}}};
}

TEST(ChatStream, CallsComeInDeltas) {
  const auto encoder =
      MakeChatEncoder({.stream = true, .include_usage = false, .logprobs = false, .choices = 1}, kIdentity);
  const std::string out = Encode(*encoder, ToolEvents());
  std::vector<std::string> deltas;
  for (size_t at = out.find("\"delta\":"); at != std::string::npos; at = out.find("\"delta\":", at + 1)) {
    deltas.push_back(out.substr(at + 8, out.find(",\"logprobs\"", at) - at - 8));
  }
  EXPECT_EQ(
      deltas,
      (std::vector<std::string>{
          R"({"role":"assistant","content":"","refusal":null})",
          R"({"reasoning_content":"Hm","reasoning":"Hm"})",
          R"({"content":"Ok."})",
          R"({"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"f","arguments":""}}]})",
          R"({"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":"}}]})",
          R"({"tool_calls":[{"index":0,"function":{"arguments":"1}"}}]})",
          R"({"tool_calls":[{"index":1,"id":"call_2","type":"function","function":{"name":"g","arguments":""}}]})",
          R"({"tool_calls":[{"index":1,"function":{"arguments":"{}"}}]})",
          "{}",
      }));
  EXPECT_NE(out.find(R"("finish_reason":"tool_calls")"), std::string::npos);
}

TEST(ChatWhole, HasCallsAndReasoning) {
  const auto encoder =
      MakeChatEncoder({.stream = false, .include_usage = false, .logprobs = false, .choices = 1}, kIdentity);
  std::string out = Encode(*encoder, ToolEvents());
  encoder->OnDone({.prompt_tokens = 10, .cached_tokens = 4, .output_tokens = 3, .reasoning_tokens = 1}, out);
  EXPECT_NE(
      out.find(
          R"("message":{"role":"assistant","content":"Ok.","reasoning_content":"Hm","reasoning":"Hm","tool_calls":[)"
          R"({"id":"call_1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}},)"
          R"({"id":"call_2","type":"function","function":{"name":"g","arguments":"{}"}}],"refusal":null},"logprobs":null,)"
          R"("finish_reason":"tool_calls")"),
      std::string::npos)
      << out;
  EXPECT_NE(out.find(R"("reasoning_tokens":1)"), std::string::npos);
}

TEST(ChatWhole, JoinsDeltasByChoice) {
  const auto encoder =
      MakeChatEncoder({.stream = false, .include_usage = false, .logprobs = true, .choices = 2}, kIdentity);
  std::string out =
      Encode(*encoder, {PromptRead{}, Delta(0, "a", {Logprob("a", -1)}), Delta(1, "x", {Logprob("x", -2)}),
                        Delta(0, "b", {Logprob("b", -3, {{TokenId{2}, "c", -0.25f}})}), ChoiceFinished{},
                        ChoiceFinished{.choice = 1, .reason = FinishReason::kLength, .stop_string = {}}});
  EXPECT_EQ(out, "");
  encoder->OnDone(kUsage, out);
  const Result<Json> reply = ParseJson(out);
  ASSERT_TRUE(reply.ok()) << out;
  const auto& choices = reply->Find("choices")->as_array();
  EXPECT_EQ(choices[0].Find("message")->Find("content")->as_string(), "ab");
  EXPECT_EQ(choices[0].Find("logprobs")->Find("content")->as_array().size(), 2u);
  EXPECT_EQ(choices[1].Find("finish_reason")->as_string(), "length");
  EXPECT_EQ(reply->Find("usage")->Find("total_tokens")->as_int(), 13);
}

TEST(CompletionsWhole, LegacyLogprobsWithEcho) {
  const auto encoder = MakeCompletionsEncoder(
      {.stream = false, .include_usage = false, .logprobs = true, .prompts = 2, .choices = 1}, kIdentity);
  PromptRead prompt{.prompt_tokens = 2, .cached_tokens = 0, .prompt_text = "\xC3\xA4 b", .prompt_logprobs = {}};
  prompt.prompt_logprobs.emplace_back();
  prompt.prompt_logprobs.emplace_back(Logprob(" b", -1, {{TokenId{2}, " c", -0.5f}}));
  std::string out = Encode(*encoder, {prompt, Delta(0, "d", {Logprob("d", -2)}), ChoiceFinished{}}, 1);
  encoder->OnDone(kUsage, out);
  const Result<Json> reply = ParseJson(out);
  ASSERT_TRUE(reply.ok()) << out;
  const Json& choice = reply->Find("choices")->as_array()[1];
  EXPECT_EQ(choice.Find("index")->as_int(), 1);
  EXPECT_EQ(choice.Find("text")->as_string(), "\xC3\xA4 bd");
  EXPECT_EQ(WriteJson(*choice.Find("logprobs")),
            "{\"tokens\":[\"\xC3\xA4\",\" b\",\"d\"],\"token_logprobs\":[null,-1.0,-2.0],"
            "\"top_logprobs\":[null,{\" c\":-0.5,\" b\":-1.0},{\"d\":-2.0}],\"text_offset\":[0,1,3]}");
}

TEST(CompletionsStream, EchoComesFirst) {
  const auto encoder = MakeCompletionsEncoder(
      {.stream = true, .include_usage = false, .logprobs = false, .prompts = 1, .choices = 2}, kIdentity);
  PromptRead prompt;
  prompt.prompt_text = "P";
  std::string out = Encode(
      *encoder, {prompt, Delta(1, "d"), ChoiceFinished{.choice = 1, .reason = FinishReason::kStop, .stop_string = {}}});
  encoder->OnDone(kUsage, out);
  EXPECT_LT(out.find(R"({"index":1,"text":"P","logprobs":null,"finish_reason":null})"), out.find(R"("text":"d")"));
  EXPECT_NE(out.find(R"({"index":1,"text":"","logprobs":null,"finish_reason":"stop"})"), std::string::npos);
  EXPECT_TRUE(out.ends_with("data: [DONE]\n\n"));
}

TEST(LegacyTokenName, SpellsBytesThatAreNoText) {
  EXPECT_EQ(LegacyTokenName("ab"), "ab");
  EXPECT_EQ(LegacyTokenName("\xE2\x82"), "bytes:\\xe2\\x82");
}

TEST(ErrorResponse, HasOpenAisShapeAndRetryTimes) {
  const HttpResponse plain = ErrorResponse(Status::InvalidArgument("no").WithParam("n"), "r");
  EXPECT_EQ(plain.status, 400);
  EXPECT_EQ(plain.body, R"({"error":{"message":"no","type":"invalid_request_error","param":"n","code":null}})");
  const HttpResponse busy = ErrorResponse(Status::ResourceExhausted("full").WithRetryAfterMs(900'000), "r");
  EXPECT_EQ(busy.status, 429);
  EXPECT_NE(busy.body.find(R"("code":"rate_limit_exceeded")"), std::string::npos);
  EXPECT_EQ(busy.fields[1].value, "60");  // seconds: what clients still wait for
  EXPECT_EQ(ErrorResponse(Status(StatusCode::kUnauthenticated, "x"), "r").status, 401);
  const Status overflow = Status::InvalidArgument("9 tokens.").WithReason("context_length_exceeded");
  EXPECT_NE(ErrorResponse(overflow, "r").body.find(R"x("message":"9 tokens. (context_length_exceeded)")x"),
            std::string::npos);
}

}  // namespace
}  // namespace bedplate::openai

// Method: a real server on a free port with a scripted engine that reasons, answers and tells its usage. Every call of
// every route that a model is asked by must tell the client the same tokens, each by its dialect's own definition.
#include <gtest/gtest.h>

#include <optional>

#include "base/base64.h"
#include "serve/bedrock/event_message.h"
#include "serve/route_calls_testing.h"
#include "serve/served_testing.h"

namespace bedplate {
namespace {

// Five tokens, three of them reasoning.
constexpr Usage kUsage{.prompt_tokens = 9, .cached_tokens = 4, .output_tokens = 5, .reasoning_tokens = 3};

void ReasonAndAnswer(const FakeEngine::Submitted& running) {
  const auto say = [](OutputPiece::Kind kind, std::string text, size_t tokens) {
    return OutputDelta{.choice = 0,
                       .pieces = {{.kind = kind, .text = std::move(text), .call_id = {}}},
                       .tokens = std::vector<TokenId>(tokens, TokenId{1}),
                       .logprobs = {}};
  };
  running.events->Push({PromptRead{.prompt_tokens = kUsage.prompt_tokens,
                                   .cached_tokens = kUsage.cached_tokens,
                                   .prompt_text = {},
                                   .prompt_logprobs = {}},
                        say(OutputPiece::Kind::kReasoning, "Let me see.", 3),
                        say(OutputPiece::Kind::kText, "Hello", 2)});
  for (uint32_t i = 0; i < running.request.request.choices; ++i) {
    running.events->Push({ChoiceFinished{.choice = i, .reason = FinishReason::kStop, .stop_string = {}}});
  }
  running.events->Push({RequestFinished{kUsage}});
}

int64_t CountAt(const Json& object, std::string_view name) {
  const Json* value = object.Find(name);
  EXPECT_TRUE(value != nullptr && value->is_int()) << name << " in " << WriteJson(object);
  return value != nullptr && value->is_int() ? value->as_int() : -1;
}
Json In(const Json& object, std::string_view name) {
  const Json* value = object.Find(name);
  EXPECT_NE(value, nullptr) << name << " in " << WriteJson(object);
  return value == nullptr ? Json() : *value;
}

/// The JSON values of an answer, in order: one, or those of a stream.
std::vector<Json> ValuesOf(const RawAnswer& answer) {
  std::vector<Json> out;
  const auto add = [&](std::string_view text) {
    Result<Json> value = ParseJson(text);
    EXPECT_TRUE(value.ok()) << text;
    if (value.ok()) out.push_back(*std::move(value));
  };
  const std::string& type = answer.fields.at("content-type");
  if (type == "application/json") {
    add(answer.body);
  } else if (type == bedrock::kEventStreamType) {
    for (std::string_view rest = answer.body; !rest.empty();) {
      const auto message = bedrock::TakeMessage(rest);
      if (!message.ok() || !message->has_value()) break;
      add((*message)->payload);
      const Json* bytes = out.back().Find("bytes");
      if (bytes == nullptr) continue;
      const auto chunk = DecodeBase64(bytes->as_string());
      out.pop_back();
      if (chunk) add(*chunk);
    }
  } else {
    constexpr std::string_view kData = "data: ";
    for (size_t at = 0; (at = answer.body.find(kData, at)) != std::string::npos;) {
      const size_t end = answer.body.find("\n\n", at);
      const std::string frame = answer.body.substr(at + kData.size(), end - at - kData.size());
      if (frame != "[DONE]") add(frame);
      at = end;
    }
  }
  return out;
}

/// The last member of that name, in the values or in what they have under "message" or "response".
Json Last(const std::vector<Json>& values, std::string_view name) {
  Json found;
  for (const Json& value : values) {
    for (const Json* where : {&value, value.Find("message"), value.Find("response")}) {
      const Json* here = where == nullptr ? nullptr : where->Find(name);
      if (here != nullptr && !here->is_null()) found = *here;
    }
  }
  EXPECT_FALSE(found.is_null()) << name;
  return found;
}

/// What a client is told. reasoning: where its dialect has a word for it.
struct Told {
  int64_t prompt = 0, cached = 0, output = 0;
  std::optional<int64_t> reasoning;
};

Told ReadTold(UsageForm form, const RawAnswer& answer) {
  const std::vector<Json> values = ValuesOf(answer);
  Told told;
  switch (form) {
    case UsageForm::kOpenAi:
    case UsageForm::kResponses: {
      const Json usage = Last(values, "usage");
      const bool chat = form == UsageForm::kOpenAi;
      const std::string prompt = chat ? "prompt_tokens" : "input_tokens";
      const std::string output = chat ? "completion_tokens" : "output_tokens";
      told = {CountAt(usage, prompt), CountAt(In(usage, prompt + "_details"), "cached_tokens"), CountAt(usage, output),
              CountAt(In(usage, output + "_details"), "reasoning_tokens")};
      EXPECT_EQ(CountAt(usage, "total_tokens"), told.prompt + told.output);
      break;
    }
    case UsageForm::kAnthropic:
    case UsageForm::kInvokeAnthropic: {
      const Json usage = Last(values, "usage");
      const int64_t cached = CountAt(usage, "cache_read_input_tokens");
      told = {CountAt(usage, "input_tokens") + cached, cached, CountAt(usage, "output_tokens"),
              CountAt(In(usage, "output_tokens_details"), "thinking_tokens")};
      break;
    }
    case UsageForm::kConverse: {
      const Json usage = Last(values, "usage");
      const int64_t cached = CountAt(usage, "cacheReadInputTokens");
      told = {CountAt(usage, "inputTokens") + cached, cached, CountAt(usage, "outputTokens"), {}};
      EXPECT_EQ(CountAt(usage, "totalTokens"), told.prompt + told.output);
      break;
    }
    case UsageForm::kInvokeLlama:
      told = {Last(values, "prompt_token_count").as_int(), -1, Last(values, "generation_token_count").as_int(), {}};
      break;
    case UsageForm::kUntold:
      break;
  }
  return told;
}

/// InvokeModel's own numbers beside those of the body's form: in the head, or in a stream's last chunk.
Told ReadInvocation(const RawAnswer& answer) {
  if (answer.fields.at("content-type") == bedrock::kEventStreamType) {
    const Json metrics = Last(ValuesOf(answer), "amazon-bedrock-invocationMetrics");
    const int64_t cached = CountAt(metrics, "cacheReadInputTokenCount");
    return {CountAt(metrics, "inputTokenCount") + cached, cached, CountAt(metrics, "outputTokenCount"), {}};
  }
  const auto number = [&](const char* what) {
    return std::stoll(answer.fields.at(Cat("x-amzn-bedrock-", what, "-token-count")));
  };
  return {number("input") + number("cache-read-input"), number("cache-read-input"), number("output"), {}};
}

void ExpectAll(const Told& told, bool tells_cached) {
  EXPECT_EQ(told.prompt, kUsage.prompt_tokens);
  if (tells_cached) EXPECT_EQ(told.cached, kUsage.cached_tokens);
  EXPECT_EQ(told.output, kUsage.output_tokens);
  if (told.reasoning) EXPECT_EQ(*told.reasoning, kUsage.reasoning_tokens);
}

TEST(UsageServer, EveryDialectTellsTheSameTokens) {
  for (const BilledCall& call : BilledCalls()) {
    if (call.form == UsageForm::kUntold || call.choices != 1) continue;
    SCOPED_TRACE(Cat(call.route, " ", call.about));
    Served served(FakeEngine::Mode::kHold);
    RawClient client(served.port());
    client.Send(PostText(call.path, call.body));
    ReasonAndAnswer(served.engine.WaitFor(0));
    const RawAnswer answer = client.Answer();
    ASSERT_EQ(answer.status, 200) << answer.body;
    const Told told = ReadTold(call.form, answer);
    ExpectAll(told, call.form != UsageForm::kInvokeLlama);
    const bool has_reasoning = call.form != UsageForm::kConverse && call.form != UsageForm::kInvokeLlama;
    EXPECT_EQ(told.reasoning.has_value(), has_reasoning);
    if (call.route.starts_with("POST /model/*/invoke")) ExpectAll(ReadInvocation(answer), /*tells_cached=*/true);
  }
}

}  // namespace
}  // namespace bedplate

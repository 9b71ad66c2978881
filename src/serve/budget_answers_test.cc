// What each dialect says of budgets: refusals, and answers that ended at their last paid token.
#include <gtest/gtest.h>

#include "base/json.h"
#include "request/admission.h"
#include "serve/anthropic/encode.h"
#include "serve/anthropic/errors.h"
#include "serve/bedrock/converse_encode.h"
#include "serve/bedrock/errors.h"
#include "serve/openai/encode.h"
#include "serve/openai/errors.h"

namespace bedplate {
namespace {

std::string FieldOf(const HttpResponse& response, std::string_view name) {
  for (const HttpField& field : response.fields) {
    if (field.name == name) return field.value;
  }
  return "";
}

TEST(BudgetAnswers, ARefusalNamesTheBudgetAndWhenItBeginsAnew) {
  const Status month = StatusOf(Refusal{.kind = Refusal::Kind::kBudget,
                                        .retry_after_ms = 86'400'000,
                                        .budget = "search",
                                        .budget_ends = "2026-12-01T00:00:00Z"});
  const HttpResponse openai = openai::ErrorResponse(month, "req_1");
  EXPECT_EQ(openai.status, 429);
  EXPECT_NE(openai.body.find(R"("type":"insufficient_quota")"), std::string::npos) << openai.body;
  EXPECT_NE(openai.body.find(R"("code":"insufficient_quota")"), std::string::npos) << openai.body;
  const HttpResponse anthropic = anthropic::ErrorResponse(month, "req_1");
  EXPECT_EQ(anthropic.status, 400);
  EXPECT_NE(
      anthropic.body.find(R"("type":"invalid_request_error","message":"You have reached your specified API usage)"),
      std::string::npos)
      << anthropic.body;
  const HttpResponse bedrock = bedrock::ErrorResponse(month, "req_1");
  EXPECT_EQ(bedrock.status, 400);
  EXPECT_EQ(FieldOf(bedrock, "x-amzn-errortype"), "ServiceQuotaExceededException");
  for (const HttpResponse* response : {&openai, &anthropic, &bedrock}) {
    EXPECT_NE(response->body.find("'search'"), std::string::npos) << response->body;
    EXPECT_NE(response->body.find("2026-12-01T00:00:00Z"), std::string::npos) << response->body;
    EXPECT_EQ(FieldOf(*response, "retry-after"), "") << "nobody waits a day";
    EXPECT_EQ(FieldOf(*response, "x-should-retry"), "false");
  }
}

TEST(BudgetAnswers, WaitingIsAdvisedWhereItHelps) {
  const Status held = StatusOf(Refusal{.kind = Refusal::Kind::kBudgetHeld, .retry_after_ms = 1000, .budget = "search"});
  const Status soon = StatusOf(Refusal{
      .kind = Refusal::Kind::kBudget, .retry_after_ms = 7000, .budget = "b", .budget_ends = "2026-12-01T00:00:00Z"});
  EXPECT_EQ(FieldOf(openai::ErrorResponse(held, ""), "retry-after"), "1");
  EXPECT_EQ(FieldOf(openai::ErrorResponse(held, ""), "x-should-retry"), "true");
  EXPECT_EQ(anthropic::ErrorResponse(held, "").status, 429);
  EXPECT_EQ(FieldOf(bedrock::ErrorResponse(held, ""), "x-amzn-errortype"), "ThrottlingException");
  EXPECT_EQ(FieldOf(openai::ErrorResponse(soon, ""), "retry-after"), "7");
  const Status never = StatusOf(Refusal{.kind = Refusal::Kind::kBudget, .budget = "b"});
  EXPECT_EQ(FieldOf(openai::ErrorResponse(never, ""), "retry-after"), "");
  EXPECT_EQ(FieldOf(openai::ErrorResponse(never, ""), "x-should-retry"), "false");
}

const ChoiceFinished kUnpaid{.reason = FinishReason::kLength, .unpaid = true};
const Usage kUsed{.prompt_tokens = 5, .output_tokens = 3};

std::string Said(ReplyEncoder& encoder, const ChoiceFinished& finished) {
  std::string out;
  encoder.OnBegin(out);
  encoder.OnEvent(0, PromptRead{.prompt_tokens = 5, .prompt_text = {}, .prompt_logprobs = {}}, out);
  encoder.OnEvent(0, finished, out);
  encoder.OnDone(kUsed, out);
  return out;
}

TEST(BudgetAnswers, AnAnswerThatABudgetEndedSaysSo) {
  const ReplyIdentity identity{.id = "1", .request_id = "req_1", .model = "m", .fingerprint = "f"};
  const ChoiceFinished by_length{.reason = FinishReason::kLength};
  for (const bool stream : {false, true}) {
    const auto chat = [&](const ChoiceFinished& finished) {
      return Said(*openai::MakeChatEncoder({.stream = stream, .choices = 1}, identity), finished);
    };
    EXPECT_NE(chat(kUnpaid).find(R"("finish_reason":"length","bedplate_stop":"budget")"), std::string::npos);
    EXPECT_EQ(chat(by_length).find("bedplate_stop"), std::string::npos);
    const auto messages = [&](const ChoiceFinished& finished) {
      return Said(*anthropic::MakeMessagesEncoder({.stream = stream, .output_tokens_max = 100}, identity), finished);
    };
    EXPECT_NE(messages(kUnpaid).find(R"("stop_reason":"max_tokens")"), std::string::npos) << messages(kUnpaid);
    EXPECT_NE(messages(kUnpaid).find(R"("bedplate_stop":"budget")"), std::string::npos) << messages(kUnpaid);
    EXPECT_EQ(messages(by_length).find("bedplate_stop"), std::string::npos);
    const auto converse = [&](const ChoiceFinished& finished) {
      return Said(*bedrock::MakeConverseEncoder({.stream = stream, .output_tokens_max = 100}, identity), finished);
    };
    for (const std::string_view said :
         {R"("stopReason":"max_tokens")", R"("additionalModelResponseFields":{"bedplate_stop":"budget"})"}) {
      EXPECT_NE(converse(kUnpaid).find(said), std::string::npos) << converse(kUnpaid);
    }
    EXPECT_EQ(converse(by_length).find("bedplate_stop"), std::string::npos);
  }
}

}  // namespace
}  // namespace bedplate

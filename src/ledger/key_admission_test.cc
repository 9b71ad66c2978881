// Keys and their limits on a clock that stands still until told: who is let in, when, and what is counted.
#include "ledger/key_admission.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "base/cat.h"

namespace bedplate {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::string Entry(std::string_view name, std::string_view secret, std::string_view more = "") {
  return Cat("[[keys]]\nname = \"", name, "\"\nsha256 = \"", *Sha256HexOf(secret), "\"\n", more, "\n");
}
KeyFile FileOf(std::string_view text) {
  auto file = KeyFile::Parse(text, "keys.toml");
  EXPECT_TRUE(file.ok()) << file.status().message();
  return *std::move(file);
}

class KeyAdmissionTest : public testing::Test {
 protected:
  void Use(std::string_view limits) {
    admission = std::make_unique<KeyAdmission>(FileOf(Entry("ada", "s", limits)), clock);
  }
  Admitted Try(uint32_t prompt_tokens) {
    return admission->Admit({.tenant = "default", .project = "default", .key = "ada"},
                            {.model = "m", .prompt_tokens = prompt_tokens, .output_tokens_max = 1000});
  }
  std::unique_ptr<Permit> Admit(uint32_t prompt_tokens) {
    Admitted admitted = Try(prompt_tokens);
    auto* const permit = std::get_if<std::unique_ptr<Permit>>(&admitted);
    EXPECT_NE(permit, nullptr);
    return permit == nullptr ? nullptr : std::move(*permit);
  }
  Refusal Refused(uint32_t prompt_tokens) {
    const Admitted admitted = Try(prompt_tokens);
    const auto* const refusal = std::get_if<Refusal>(&admitted);
    EXPECT_NE(refusal, nullptr);
    return refusal == nullptr ? Refusal{} : *refusal;
  }

  SimClock clock;
  std::unique_ptr<KeyAdmission> admission;
};

TEST_F(KeyAdmissionTest, KnowsKeysByTheirSecret) {
  admission = std::make_unique<KeyAdmission>(
      FileOf(Entry("ada", "s3cret") + Entry("old", "other", "expires = 1970-01-01T00:00:05Z") +
             "[[keys]]\nname = \"signer\"\naccess_key_id = \"BPAKABCDEFGHIJKLMNOP\"\n"
             "secret_access_key = \"0123456789012345678901234567890123456789\"\n"),
      clock);
  for (const auto* credentials : {"Bearer s3cret", "bearer s3cret", "BEARER  s3cret"}) {
    const auto principal = admission->Authenticate(credentials);
    ASSERT_TRUE(principal.ok());
    EXPECT_EQ(principal->key, "ada");
  }
  for (const auto* credentials :
       {"", "Bearer", "Bearer ", "Bearer s3cre", "Bearer s3cret ", "Basic s3cret", "s3cret"}) {
    const auto principal = admission->Authenticate(credentials);
    EXPECT_EQ(principal.status().code(), StatusCode::kUnauthenticated) << credentials;
    EXPECT_EQ(principal.status().message().find("s3cre"), std::string::npos);
  }
  EXPECT_TRUE(admission->Authenticate("Bearer other").ok());
  clock.Advance(seconds(4));  // it starts at second 1
  EXPECT_EQ(admission->Authenticate("Bearer other").status().reason(), "expired_key");
  const auto pair = admission->FindAccessKey("BPAKABCDEFGHIJKLMNOP");
  ASSERT_TRUE(pair.ok());
  EXPECT_EQ(pair->secret, "0123456789012345678901234567890123456789");
  EXPECT_EQ(pair->principal.key, "signer");
  EXPECT_EQ(admission->FindAccessKey("BPAKABCDEFGHIJKLMNOQ").status().reason(), "unknown_access_key");
}

TEST_F(KeyAdmissionTest, ConcurrencyCountsUntilSettledOnce) {
  Use("concurrent_requests = 2");
  auto first = Admit(1);
  auto second = Admit(1);
  const Refusal refusal = Refused(1);
  EXPECT_EQ(refusal.kind, Refusal::Kind::kConcurrency);
  EXPECT_EQ(refusal.limit, 2u);
  EXPECT_EQ(refusal.used, 2u);
  EXPECT_GT(refusal.retry_after_ms, 0u);
  first->Settle({});
  first->Settle({});
  first.reset();  // three ends of one request free one place
  auto third = Admit(1);
  Refused(1);
  second.reset();  // unsettled
  Admit(1)->Settle({});
}

TEST_F(KeyAdmissionTest, RequestsPerMinuteRefillEvenly) {
  Use("requests_per_minute = 6");
  for (int i = 0; i < 6; ++i) Admit(1)->Settle({});
  const Refusal refusal = Refused(1);
  EXPECT_EQ(refusal.kind, Refusal::Kind::kRequests);
  EXPECT_EQ(refusal.retry_after_ms, 10'000u);
  ASSERT_TRUE(refusal.rates.requests);
  EXPECT_EQ(refusal.rates.requests->remaining, 0u);
  EXPECT_EQ(refusal.rates.requests->reset, seconds(60));
  EXPECT_FALSE(refusal.rates.tokens);
  clock.Advance(milliseconds(9'999));
  Refused(1);  // and refusals cost nothing
  clock.Advance(milliseconds(1));
  auto permit = Admit(1);
  EXPECT_EQ(permit->Rates().requests->remaining, 0u);
  permit->Settle({});
  clock.Advance(seconds(600));
  EXPECT_EQ(Admit(1)->Rates().requests->remaining, 5u) << "no more than one minute's gathers";
}

TEST_F(KeyAdmissionTest, TokensAreTakenAsTheyAreUsed) {
  Use("tokens_per_minute = 600");
  auto permit = Admit(100);
  EXPECT_EQ(permit->Rates().tokens->remaining, 500u);
  permit->Note({.prompt_tokens = 100, .output_tokens = 0});
  permit->Note({.prompt_tokens = 100, .output_tokens = 30});
  permit->Note({.prompt_tokens = 100, .output_tokens = 30});
  EXPECT_EQ(permit->Rates().tokens->remaining, 470u);
  permit->Settle({.prompt_tokens = 100, .output_tokens = 700});  // overdrawn by 200
  permit->Settle({.prompt_tokens = 100, .output_tokens = 900});  // too late to count
  const Refusal refusal = Refused(0);
  EXPECT_EQ(refusal.kind, Refusal::Kind::kTokens);
  EXPECT_EQ(refusal.limit, 600u);
  EXPECT_EQ(refusal.used, 800u);
  EXPECT_EQ(refusal.retry_after_ms, 20'100u);  // (200 + 1) tokens at 10 a second
  EXPECT_EQ(Refused(50).retry_after_ms, 25'000u);
  clock.Advance(milliseconds(25'000));
  EXPECT_EQ(Admit(50)->Rates().tokens->remaining, 0u);
}

TEST_F(KeyAdmissionTest, APromptAboveTheMinutesTokensNeverFits) {
  Use("tokens_per_minute = 600");
  const Refusal refusal = Refused(601);
  EXPECT_EQ(refusal.kind, Refusal::Kind::kPromptTooLong);
  EXPECT_EQ(StatusOf(refusal).code(), StatusCode::kTooLarge);
  EXPECT_EQ(StatusOf(refusal).retry_after_ms(), 0u);
  Admit(600);
}

TEST_F(KeyAdmissionTest, WhatDidNotRunIsGivenBack) {
  Use("tokens_per_minute = 600\nrequests_per_minute = 1");
  Admit(600).reset();
  auto permit = Admit(600);
  permit->Note({.prompt_tokens = 600, .output_tokens = 0});
  permit.reset();  // but what was noted was used
  Refused(1);
}

TEST_F(KeyAdmissionTest, ReplacedKeysKeepTheirMinute) {
  Use("requests_per_minute = 2");
  auto running = Admit(1);
  admission->Replace(FileOf(Entry("ada", "new", "requests_per_minute = 2") + Entry("bob", "b")));
  EXPECT_FALSE(admission->Authenticate("Bearer s").ok());
  EXPECT_TRUE(admission->Authenticate("Bearer new").ok());
  auto second = Admit(1);
  Refused(1);
  admission->Replace(FileOf(Entry("bob", "b")));
  const Refusal gone = Refused(1);
  EXPECT_EQ(gone.kind, Refusal::Kind::kKeyGone);
  EXPECT_EQ(StatusOf(gone).code(), StatusCode::kUnauthenticated);
  running->Settle({.prompt_tokens = 1, .output_tokens = 5});
}

}  // namespace
}  // namespace bedplate

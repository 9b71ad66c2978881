// Method: failures of several addresses on a clock that stands still until told.
#include "serve/attempt_meter.h"

#include <gtest/gtest.h>

#include "base/cat.h"

namespace bedplate {
namespace {

using std::chrono::seconds;

TEST(AttemptMeter, TenAtOnceThenOneInSixSeconds) {
  SimClock clock;
  AttemptMeter attempts(clock);
  for (uint64_t i = 0; i < AttemptMeter::kAMinute; ++i) {
    EXPECT_EQ(attempts.WaitOf("10.0.0.1"), Duration{}) << i;
    attempts.CountFailure("10.0.0.1");
  }
  EXPECT_EQ(attempts.WaitOf("10.0.0.1"), seconds(6));
  EXPECT_EQ(attempts.WaitOf("10.0.0.2"), Duration{}) << "another address";
  clock.Advance(seconds(6));
  EXPECT_EQ(attempts.WaitOf("10.0.0.1"), Duration{});
  attempts.CountFailure("10.0.0.1");
  EXPECT_GT(attempts.WaitOf("10.0.0.1"), Duration{});
  clock.Advance(seconds(60));
  EXPECT_EQ(attempts.WaitOf("10.0.0.1"), Duration{});
}

TEST(AttemptMeter, ManyAddressesPushOutTheOnesThatFailedLongestAgo) {
  SimClock clock;
  AttemptMeter attempts(clock);
  const auto fail_ten_times = [&](const std::string& address) {
    for (uint64_t i = 0; i < AttemptMeter::kAMinute; ++i) attempts.CountFailure(address);
  };
  fail_ten_times("first");
  for (size_t i = 1; i < AttemptMeter::kOthersMax; ++i) attempts.CountFailure(Cat("other-", i));
  clock.Advance(seconds(1));
  EXPECT_GT(attempts.WaitOf("first"), Duration{});
  fail_ten_times("last");
  EXPECT_EQ(attempts.WaitOf("first"), Duration{}) << "forgotten";
  EXPECT_GT(attempts.WaitOf("last"), Duration{});
}

}  // namespace
}  // namespace bedplate

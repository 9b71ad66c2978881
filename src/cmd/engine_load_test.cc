// Method: a simulated model behind a real engine; what a round counts, and a load that can't fit.
#include "cmd/engine_load.h"

#include <gtest/gtest.h>

#include "engine/sim_testing.h"

namespace bedplate {
namespace {

constexpr size_t kMemory = size_t{600} << 20;

TEST(EngineLoad, ARoundCountsEveryTokenOfEveryStream) {
  const SystemClock clock;
  const EngineLoad load{.streams = 5, .prompt = 40, .generate = 30};
  auto bench = EngineBench::Create(load, kMemory, MakeSimLoadedModel({.windows = {0}}), clock);
  ASSERT_TRUE(bench.ok()) << bench.status().message();
  for (int round = 0; round < 2; ++round) {
    const Result<EngineRound> measured = (*bench)->Run();
    ASSERT_TRUE(measured.ok()) << measured.status().message();
    EXPECT_GT(measured->seconds, 0);
    EXPECT_NEAR(measured->tokens_per_second, 5 * 30 / measured->seconds, 1e-6 * measured->tokens_per_second);
    EXPECT_GT(measured->first_token_p50_seconds, 0);
    EXPECT_LE(measured->first_token_p50_seconds, measured->seconds);
  }
}

TEST(EngineLoad, MoreThanTheContextIsRefused) {
  const SystemClock clock;
  const EngineLoad load{.streams = 1, .prompt = 4000, .generate = 200};
  const auto bench = EngineBench::Create(load, kMemory, MakeSimLoadedModel({.windows = {0}}), clock);
  EXPECT_EQ(bench.status().code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace bedplate

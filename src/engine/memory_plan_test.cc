// The least memory that is stated is enough, and one byte less is not, over many options; the plan keeps to the budget.
#include "engine/memory_plan.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "engine/sim_testing.h"
#include "model/tiny_model_testing.h"

namespace bedplate {
namespace {

TEST(MemoryPlan, TheLeastMemoryIsEnoughAndOneByteLessIsNot) {
  Prng rng(TestSeed());
  for (int round = 0; round < 200; ++round) {
    const SimModel model({.windows = rng.Pick<std::vector<uint32_t>>({{0}, {0, 64}, {32}}),
                          .context_length = 4096,
                          .page_bytes = rng.Pick<size_t>({1u << 10, 1u << 16, 1u << 20})});
    EngineOptions options;
    options.context_tokens_max = rng.Pick<uint32_t>({0, 16, 1000, 4096});
    options.step_tokens_max = static_cast<uint32_t>(rng.Range(16, 1024));
    options.sequences_max = static_cast<uint32_t>(rng.Range(1, 256));
    if (rng.Chance(0.3)) options.cache_memory_bytes = static_cast<size_t>(rng.Range(4 << 20, 1 << 28));
    if (rng.Chance(0.3)) options.cache_disk_bytes = static_cast<uint64_t>(rng.Range(4 << 20, int64_t{1} << 36));
    const Result<size_t> least = LeastMemory(options, model);
    ASSERT_TRUE(least.ok()) << least.status().message();
    options.memory_bytes = *least;
    const Result<MemoryPlan> plan = PlanMemory(options, model);
    ASSERT_TRUE(plan.ok()) << plan.status().message();
    EXPECT_LE(plan->bytes, *least);
    options.memory_bytes = *least - 1;
    EXPECT_FALSE(PlanMemory(options, model).ok());
    options.memory_bytes = *least + static_cast<size_t>(rng.Range(0, 1 << 30));
    const Result<MemoryPlan> roomy = PlanMemory(options, model);
    ASSERT_TRUE(roomy.ok()) << roomy.status().message();
    EXPECT_LE(roomy->bytes, options.memory_bytes);
  }
}

TEST(MemoryPlan, TheLeastWithADraftModelIsEnoughForBoth) {
  Prng rng(TestSeed());
  for (int round = 0; round < 100; ++round) {
    const auto pick = [&] {
      return SimModel({.windows = rng.Pick<std::vector<uint32_t>>({{0}, {0, 64}}),
                       .page_bytes = static_cast<size_t>(rng.Range(1 << 10, 1 << 20))});
    };
    const SimModel model = pick(), draft = pick();
    EngineOptions options;
    options.sequences_max = static_cast<uint32_t>(rng.Range(1, 64));
    if (rng.Chance(0.5)) options.cache_memory_bytes = static_cast<size_t>(rng.Range(4 << 20, 1 << 28));
    const size_t tiers = PlanTiers(options, model)->bytes;
    const Result<size_t> least = LeastMemory(options, model, &draft);
    ASSERT_TRUE(least.ok()) << least.status().message();
    for (const size_t more : {size_t{0}, static_cast<size_t>(rng.Range(0, 1 << 28))}) {
      EngineOptions own = options, drafts = options;
      drafts.cache_memory_bytes = 0;
      drafts.memory_bytes = DraftMemory(*least + more - tiers, model, draft);
      own.memory_bytes = *least + more - drafts.memory_bytes;
      EXPECT_TRUE(PlanMemory(own, model).ok());
      EXPECT_TRUE(PlanMemory(drafts, draft).ok());
    }
  }
}

TEST(MemoryPlan, Q8PagesGiveNearlyTwiceTheTokens) {
  const TinyModel tiny({"llama", 256, 64, 256, 0, true}, TestSeed());
  const auto f16 = tiny.Load(1, BestIsa(), KvType::kF16), q8 = tiny.Load(1, BestIsa(), KvType::kQ8);
  EngineOptions options;
  options.sequences_max = 4;
  const Result<size_t> least = LeastMemory(options, *f16), least_q8 = LeastMemory(options, *q8);
  ASSERT_TRUE(least.ok() && least_q8.ok());
  EXPECT_LT(*least_q8, *least);
  options.memory_bytes = *least + (size_t{256} << 20);
  const Result<MemoryPlan> of_f16 = PlanMemory(options, *f16), of_q8 = PlanMemory(options, *q8);
  ASSERT_TRUE(of_f16.ok() && of_q8.ok());
  EXPECT_LE(of_q8->bytes, options.memory_bytes);
  // 34 bytes for 64; what a page costs beside them is the same.
  EXPECT_GT(of_q8->pages[0], of_f16->pages[0] * 17 / 10);
}

TEST(MemoryPlan, ADraftModelMayHaveTheShorterContext) {
  const SimModel model({.context_length = 4096}), draft({.context_length = 512});
  EngineOptions options;
  options.context_tokens_max = 2048;
  EXPECT_TRUE(LeastMemory(options, model, &draft).ok());
}

TEST(MemoryPlan, WrongOptionsHaveNoLeastMemory) {
  EngineOptions options;
  options.step_tokens_max = 0;
  EXPECT_EQ(LeastMemory(options, SimModel({})).status().code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace bedplate

// Method: the rule's consequences on made-up costs; the table of costs against what it was told.

#include "engine/draft_choice.h"

#include <gtest/gtest.h>

#include <numeric>

#include "base/random.h"

namespace bedplate {
namespace {

/// Every step of this many rows takes fixed + rows units.
StepCost LinearCost(double fixed, uint32_t rows_max) {
  StepCost cost;
  for (uint32_t rows = 1; rows <= rows_max; ++rows) cost.Note(rows, fixed + rows);
  return cost;
}
uint32_t Total(std::span<const uint32_t> counts) {
  return std::accumulate(counts.begin(), counts.end(), 0u);
}

TEST(DraftChoice, TakesWhatPaysAndNoMore) {
  DraftChoice choice(8, 15);
  const std::vector<double> sure(15, 0.95), poor(15, 0.1);
  const auto one = [&](const std::vector<double>& chances, const StepCost& cost, uint32_t rows = 1) {
    choice.Clear();
    choice.Offer(chances);
    return choice.Choose({.rows = rows, .spare = 64}, cost)[0];
  };
  EXPECT_EQ(one(sure, LinearCost(1000, 32)), 15u);  // rows cost nothing
  EXPECT_EQ(one(sure, LinearCost(0, 32)), 0u);      // a row costs a step
  EXPECT_EQ(one(poor, LinearCost(3, 32)), 0u);
  const uint32_t some = one(sure, LinearCost(4, 32));
  EXPECT_GT(some, 3u);
  EXPECT_LT(some, 15u);
  EXPECT_EQ(one(sure, LinearCost(4, 256), 200), 0u);  // beside a prefill
}

TEST(DraftChoice, GivesRowsToTheSequencesThatUseThemBest) {
  DraftChoice choice(8, 15);
  choice.Offer(std::vector<double>(15, 0.2));
  choice.Offer({});
  choice.Offer(std::vector<double>(15, 0.99));
  const auto counts = choice.Choose({.rows = 3, .spare = 10}, LinearCost(100, 32));
  EXPECT_EQ(counts[1], 0u);
  EXPECT_LE(counts[0], 1u);
  EXPECT_GE(counts[2], 9u);
  EXPECT_EQ(Total(counts), 10u);  // what fits
}

TEST(DraftChoice, ALoadedStepGetsNone) {
  DraftChoice choice(32, 15);
  for (int i = 0; i < 32; ++i) choice.Offer(std::vector<double>(15, 0.9));
  EXPECT_EQ(Total(choice.Choose({.rows = 32, .spare = 400}, LinearCost(3, 256))), 0u);
  EXPECT_EQ(Total(choice.Choose({.rows = 32, .spare = 400}, StepCost())), 0u);  // nor by the typical curve
}

TEST(DraftChoice, CouldPayIsAboveWhatChooseTakes) {
  Prng rng(TestSeed());
  int could = 0, could_not = 0;
  for (int round = 0; round < 400; ++round) {
    StepCost cost;
    if (rng.Chance(0.8))
      cost = LinearCost(static_cast<double>(rng.Range(0, 60)), static_cast<uint32_t>(rng.Range(1, 90)));
    const auto sequences = static_cast<uint32_t>(rng.Range(1, 40));
    const DraftChoice::Step step{.rows = sequences + static_cast<uint32_t>(rng.Range(0, 60)),
                                 .spare = std::min(sequences * 15, static_cast<uint32_t>(rng.Range(0, 300)))};
    DraftChoice choice(40, 15);
    for (uint32_t i = 0; i < sequences; ++i) choice.Offer(std::vector<double>(15, 1.0));
    const uint32_t taken = Total(choice.Choose(step, cost));
    if (DraftChoice::CouldPay(step, cost)) {
      ++could;
    } else {
      ++could_not;
      // It looks at every eighth row count where the table of costs has one entry for eight or more.
      EXPECT_LE(taken == 0 ? 0.0 : (step.rows + taken) / cost.Of(step.rows + taken),
                step.rows / cost.Of(step.rows) * (1 + DraftChoice::kLeastGain) * 1.02)
          << step.rows << " rows, " << step.spare << " spare";
    }
  }
  EXPECT_GT(could, 50);
  EXPECT_GT(could_not, 50);
}

TEST(DraftChoice, CouldPaySparesALoadedStepTheGuessing) {
  EXPECT_TRUE(DraftChoice::CouldPay({.rows = 1, .spare = 15}, StepCost()));
  EXPECT_TRUE(DraftChoice::CouldPay({.rows = 4, .spare = 60}, StepCost()));
  EXPECT_FALSE(DraftChoice::CouldPay({.rows = 32, .spare = 400}, StepCost()));
  EXPECT_FALSE(DraftChoice::CouldPay({.rows = 1, .spare = 0}, StepCost()));
  EXPECT_FALSE(DraftChoice::CouldPay({.rows = 1, .spare = 15}, LinearCost(0, 64)));  // a row costs a step
  EXPECT_TRUE(
      DraftChoice::CouldPay({.rows = 32, .spare = 400}, LinearCost(60, 256)));  // where memory is the limit still
}

TEST(DraftChoice, TakesAllInTurnsWhenTold) {
  DraftChoice choice(4, 15);
  choice.Offer(std::vector<double>(15, 0.1));
  choice.Offer(std::vector<double>(2, 0.1));
  const auto counts = choice.TakeAll(9);
  EXPECT_EQ(counts[0], 7u);
  EXPECT_EQ(counts[1], 2u);
}

TEST(StepCost, IsTheTypicalCurveUntilMeasured) {
  StepCost cost;
  cost.Note(7, 0.0);  // a clock that stands still
  EXPECT_EQ(cost.Of(1), 1.0);
  for (uint32_t rows = 2; rows < 600; ++rows) {
    EXPECT_EQ(cost.Of(rows), StepCost::Typical(rows));
    EXPECT_GT(cost.Of(rows), cost.Of(rows - 1));
  }
}

TEST(StepCost, TellsWhatItWasToldAndFollows) {
  StepCost cost = LinearCost(10, 400);
  EXPECT_NEAR(cost.Of(8), 18.0 / 11, 0.01);
  EXPECT_NEAR(cost.Of(100), 110.0 / 11, 1.0);  // 16 row counts share an entry
  for (int i = 0; i < 100; ++i) cost.Note(8, 36);
  EXPECT_NEAR(cost.Of(8), 36.0 / 11, 0.01);
  cost.Note(8, 36'000);  // one slow step is forgiven
  EXPECT_LT(cost.Of(8), 50.0 / 11);
}

TEST(StepCost, NearestMeasurementScaledByTheCurve) {
  StepCost cost;
  for (int i = 0; i < 20; ++i) cost.Note(1, 0.040);
  EXPECT_NEAR(cost.Of(16), StepCost::Typical(16), 1e-9);
  for (int i = 0; i < 20; ++i) cost.Note(16, 0.060);
  EXPECT_NEAR(cost.Of(16), 1.5, 1e-9);
  EXPECT_NEAR(cost.Of(17), 1.5 * StepCost::Typical(17) / StepCost::Typical(16), 1e-9);
}

TEST(StepCost, ForgetsWhatIsLongAgo) {
  StepCost cost;
  cost.Note(16, 100.0);  // wrong
  for (int i = 0; i < 10'000; ++i) cost.Note(1, 1.0);
  EXPECT_NEAR(cost.Of(16), StepCost::Typical(16), 1e-9);
}

}  // namespace
}  // namespace bedplate

// Plans of made-up steps: every row and segment is there once, and nobody waits where it can be helped.
#include "model/attention_plan.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"
#include "kernels/attention.h"

namespace bedplate {
namespace {

constexpr size_t kRowState = 10;

AttentionPlan PlanOf(const std::vector<SequenceSlice>& sequences, uint32_t threads, uint32_t kv_heads,
                     size_t floats = 100'000) {
  AttentionPlan plan;
  PlanAttention(sequences, {threads, kv_heads, kRowState, floats}, plan);
  return plan;
}

SequenceSlice Slice(uint32_t rows, uint32_t start) {
  return {rows, start, {}};
}

TEST(AttentionPlan, OneStreamIsCutWhereThreadsWouldWait) {
  EXPECT_TRUE(PlanOf({Slice(1, 8000)}, 1, 1).cut.empty());
  EXPECT_TRUE(PlanOf({Slice(1, 8000)}, 2, 2).cut.empty()) << "a kv head for each";
  EXPECT_TRUE(PlanOf({Slice(1, 511)}, 2, 1).cut.empty()) << "one segment";
  const AttentionPlan two = PlanOf({Slice(1, 8000)}, 2, 1);
  ASSERT_EQ(two.cut.size(), 8u);
  EXPECT_EQ(two.cut[0].segment_begin, 0u);
  EXPECT_EQ(two.cut[0].segment_end, 2u);
  EXPECT_EQ(two.cut[7].segment_end, 16u);
  ASSERT_EQ(two.shared.size(), 1u);
  EXPECT_EQ(two.shared[0].segments, 16u);
  EXPECT_EQ(PlanOf({Slice(1, 8000)}, 8, 2).cut.size(), 16u);
  EXPECT_EQ(PlanOf({Slice(1, 512)}, 2, 1).cut.size(), 2u);
  EXPECT_EQ(PlanOf({Slice(4, 8000)}, 2, 3).cut.size(), 3u) << "of a speculating stream";
}

TEST(AttentionPlan, ALongSequenceBesideShortOnesIsCutAlone) {
  std::vector<SequenceSlice> sequences(12, Slice(1, 100));
  sequences.push_back(Slice(1, 20000));
  const AttentionPlan plan = PlanOf(sequences, 4, 2);
  ASSERT_EQ(plan.shared.size(), 1u);
  EXPECT_EQ(plan.shared[0].first_row, 12u);
  EXPECT_EQ(plan.cut.size(), 12u + 8u);
  EXPECT_TRUE(PlanOf(std::vector<SequenceSlice>(12, Slice(1, 8000)), 4, 2).cut.empty());
}

TEST(AttentionPlan, WhatFindsNoRoomStaysWhole) {
  const std::vector<SequenceSlice> sequences = {Slice(1, 8000), Slice(1, 8000), Slice(1, 8000)};
  EXPECT_EQ(PlanOf(sequences, 2, 1, size_t{3} * 16 * kRowState).shared.size(), 3u);
  const AttentionPlan less = PlanOf(sequences, 2, 1, size_t{3} * 16 * kRowState - 1);
  EXPECT_EQ(less.shared.size(), 2u);
  EXPECT_EQ(less.cut.back().states, AttentionTask::kWhole);
  EXPECT_TRUE(PlanOf(sequences, 2, 1, 15 * kRowState).cut.empty());
}

TEST(AttentionPlan, CoversEveryRowAndSegmentOnce) {
  Prng rng(TestSeed());
  for (int run = 0; run < 2000; ++run) {
    std::vector<SequenceSlice> sequences;
    for (int64_t i = rng.Range(1, 20); i > 0; --i) {
      sequences.push_back(Slice(static_cast<uint32_t>(rng.Pick<int64_t>({1, 1, 1, 4, 16, 17, 200})),
                                static_cast<uint32_t>(rng.Pick<int64_t>({0, 100, 511, 512, 5000, 30000}))));
    }
    const auto floats = static_cast<size_t>(rng.Range(0, 20'000));
    const auto threads = static_cast<uint32_t>(rng.Range(1, 9));
    const AttentionPlan plan = PlanOf(sequences, threads, static_cast<uint32_t>(rng.Range(1, 4)), floats);
    ASSERT_LE(plan.cut.size(), plan.whole.size() + size_t{4} * threads) << "what Reserve counts on";
    const std::vector<AttentionTask>& tasks = plan.cut.empty() ? plan.whole : plan.cut;
    uint32_t first = 0;
    for (uint32_t s = 0; s < sequences.size(); ++s) {
      const uint32_t segments = (sequences[s].start + sequences[s].rows + kAttentionSegment - 1) / kAttentionSegment;
      uint32_t rows = 0, next_segment = 0;
      size_t states = AttentionTask::kWhole;
      for (const AttentionTask& task : tasks) {
        if (task.sequence != s) continue;
        ASSERT_EQ(task.first_row, first);
        if (task.states == AttentionTask::kWhole) {
          ASSERT_EQ(task.row_begin, rows);
          rows = task.row_end;
          continue;
        }
        ASSERT_EQ(task.row_begin, 0u);
        ASSERT_EQ(task.segment_begin, next_segment);
        ASSERT_GT(task.segment_end, task.segment_begin);
        next_segment = task.segment_end;
        rows = task.row_end;
        states = task.states;
      }
      ASSERT_EQ(rows, sequences[s].rows);
      const auto shared = std::ranges::find(plan.shared, first, &SharedSequence::first_row);
      if (states == AttentionTask::kWhole) {
        ASSERT_EQ(shared, plan.shared.end());
      } else {
        ASSERT_EQ(next_segment, segments);
        ASSERT_NE(shared, plan.shared.end());
        ASSERT_EQ(shared->states, states);
        ASSERT_EQ(shared->segments, segments);
        ASSERT_EQ(shared->rows, sequences[s].rows);
        ASSERT_LE(states + size_t{segments} * shared->rows * kRowState, floats);
      }
      first += sequences[s].rows;
    }
  }
}

}  // namespace
}  // namespace bedplate

#include "model/attention_plan.h"

#include <algorithm>

#include "kernels/attention.h"

namespace bedplate {
namespace {

constexpr uint32_t kTasksPerThread = 4;  // with so many, whoever finishes first finds more to do

uint32_t EndOf(const AttentionTask& task, std::span<const SequenceSlice> sequences) {
  return sequences[task.sequence].start + task.row_end;
}

// Keys that queries meet.
uint64_t CostOf(const AttentionTask& task, std::span<const SequenceSlice> sequences) {
  return uint64_t{task.row_end - task.row_begin} * EndOf(task, sequences);
}

bool LeavesThreadsIdle(std::span<const AttentionTask> tasks, std::span<const SequenceSlice> sequences, uint64_t total,
                       const AttentionPlanLimits& limits) {
  const uint64_t count = tasks.size() * uint64_t{limits.kv_heads};
  if (count < uint64_t{kTasksPerThread} * limits.threads && count % limits.threads != 0) return true;
  uint64_t longest = 0;
  for (const AttentionTask& task : tasks) longest = std::max(longest, CostOf(task, sequences));
  return 4 * longest * limits.threads > 5 * total;
}

}  // namespace

void AttentionPlan::Reserve(uint32_t rows_max, uint32_t threads) {
  whole.reserve(rows_max);
  cut.reserve(rows_max + size_t{kTasksPerThread} * threads);  // pieces are not smaller than that part of all
  shared.reserve(rows_max);
}

void PlanAttention(std::span<const SequenceSlice> sequences, const AttentionPlanLimits& limits, AttentionPlan& plan) {
  plan.whole.clear();
  plan.cut.clear();
  plan.shared.clear();
  uint32_t first = 0;
  uint64_t total = 0;  // of all kv heads
  for (uint32_t s = 0; s < sequences.size(); ++s) {
    const uint32_t rows = sequences[s].rows;
    for (uint32_t i = 0; i < rows; i += kAttentionTaskRows) {
      plan.whole.push_back(
          {.sequence = s, .first_row = first, .row_begin = i, .row_end = std::min(i + kAttentionTaskRows, rows)});
      total += CostOf(plan.whole.back(), sequences) * limits.kv_heads;
    }
    first += rows;
  }
  if (limits.threads == 1 || !LeavesThreadsIdle(plan.whole, sequences, total, limits)) return;

  const uint64_t wanted = uint64_t{kTasksPerThread} * limits.threads;
  const uint64_t most = (total + wanted - 1) / wanted;
  size_t used = 0;
  for (const AttentionTask& task : plan.whole) {
    const uint32_t rows = sequences[task.sequence].rows;
    const uint32_t segments = (EndOf(task, sequences) + kAttentionSegment - 1) / kAttentionSegment;
    const auto pieces =
        static_cast<uint32_t>(std::min<uint64_t>(segments, (CostOf(task, sequences) + most - 1) / most));
    const size_t floats = size_t{segments} * rows * limits.row_state_floats;
    if (rows > kAttentionTaskRows || pieces < 2 || used + floats > limits.states_floats) {
      plan.cut.push_back(task);
      continue;
    }
    for (uint32_t i = 0; i < pieces; ++i) {
      AttentionTask piece = task;
      piece.segment_begin = segments * i / pieces;
      piece.segment_end = segments * (i + 1) / pieces;
      piece.states = used;
      plan.cut.push_back(piece);
    }
    plan.shared.push_back({.first_row = task.first_row, .rows = rows, .segments = segments, .states = used});
    used += floats;
  }
  if (plan.shared.empty()) plan.cut.clear();
}

}  // namespace bedplate

#pragma once
/// How a step's attention is cut into tasks, which threads claim one after another, each for one kv head. Normally a
/// task is up to 16 rows of a sequence and all that they see. Where that leaves threads without work (few tasks that
/// threads can't share evenly, such as one stream on more threads than kv heads, or a long sequence beside short ones),
/// a sequence of few rows is cut into runs of segments (kAttentionSegment), too: their sums are kept apart and then
/// merged in the order that they are always merged in, so the bits don't tell.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "model/step_model.h"

namespace bedplate {

/// Rows of one sequence; of them, segments [segment_begin, segment_end).
struct AttentionTask {
  static constexpr size_t kWhole = SIZE_MAX;

  uint32_t sequence = 0;
  uint32_t first_row = 0;               // of the sequence, in the batch
  uint32_t row_begin = 0, row_end = 0;  // in the sequence's slice
  uint32_t segment_begin = 0, segment_end = 0;
  size_t states = kWhole;  // where the sums of its sequence's segments begin, in floats; kWhole: it isn't cut
};

/// A sequence that was cut: segments' sums to be merged.
struct SharedSequence {
  uint32_t first_row = 0, rows = 0, segments = 0;
  size_t states = 0;
};

struct AttentionPlan {
  std::vector<AttentionTask> whole;  // for layers with a sliding window, which aren't cut
  std::vector<AttentionTask> cut;    // for the others; empty: `whole` is for them, too
  std::vector<SharedSequence> shared;

  /// So that no plan of so many rows allocates.
  void Reserve(uint32_t rows_max, uint32_t threads);
};

struct AttentionPlanLimits {
  uint32_t threads = 1;
  uint32_t kv_heads = 1;
  size_t row_state_floats = 0;  // what a row's sums over all its heads take, of one segment
  size_t states_floats = 0;     // room for them
};

inline constexpr uint32_t kAttentionTaskRows = 16;  // share widened keys, and are few enough to spread over threads

/// Overwrites `plan`.
void PlanAttention(std::span<const SequenceSlice> sequences, const AttentionPlanLimits& limits, AttentionPlan& plan);

}  // namespace bedplate

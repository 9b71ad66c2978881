#pragma once
/// Splits the memory budget: scratch, logits, tables and the prefix cache's tiers first, all the rest into pages.
///
/// At least one sequence must fit: the asked context, or 256 tokens, in full groups, and a window in sliding ones. What
/// is left over is dealt a page to every group at a time, so that a cached prefix has its window; a sliding group stops
/// at what sequences_max sequences can hold at once (their windows and a chunk each), and only full groups go on.

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "engine/engine.h"
#include "model/step_model.h"

namespace bedplate {

/// Of the prefix cache's tiers; all 0 where there are none.
struct TierPlan {
  uint32_t memory_runs = 0, file_runs = 0;
  uint32_t write_buffers = 0, read_buffers = 0;
  size_t bytes = 0;  // of memory: runs, buffers and tables
};
Result<TierPlan> PlanTiers(const EngineOptions& options, const StepModel& model);

struct MemoryPlan {
  StepLimits limits;
  std::vector<uint32_t> pages;  // by group
  TierPlan tiers;
  uint32_t context_tokens_max = 0;
  size_t bytes = 0;  // of all: at most the budget
};

/// The least memory_bytes that an engine takes for these options (whose own is not looked at), with a draft model or
/// without.
Result<size_t> LeastMemory(const EngineOptions& options, const StepModel& model, const StepModel* draft = nullptr);

/// The draft model's part of what both have, without tiers: room for as many positions as the model's.
size_t DraftMemory(size_t memory_bytes, const StepModel& model, const StepModel& draft);

/// kInvalidArgument names the option that is wrong; kResourceExhausted says how much memory would do.
Result<MemoryPlan> PlanMemory(const EngineOptions& options, const StepModel& model);

}  // namespace bedplate

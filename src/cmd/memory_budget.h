#pragma once
/// --memory, the budget of a whole process: its resident memory, mapped files included, stays below it, from the first
/// page of a model's file that is read to the last request.
///
///   program    code, libraries, stacks, what the allocator holds back
///   traffic    requests and answers on their way, outside the engine; only a server has it
///   a model    packed weights, allocated or mapped; all of the embedding's pages in the model's file, since any token
///              may be looked up; tokenizer and template; pages of the file in flight while packing, and rounding of
///              allocations to huge pages
///   an engine  keys and values, scratch, logits, tables: engine/memory_plan.h. It gets all that is left
///
/// Decided before anything large is read: a budget that is too small is refused with what would do.

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "engine/engine.h"
#include "engine/model_loader.h"

namespace bedplate {

struct MemoryWish {
  std::string memory;           // as in --memory; empty: a share of what is free
  size_t traffic_bytes = 0;     // kServeTrafficBytes for a server
  size_t engine_bytes_max = 0;  // of all engines together, where no budget was given
};

inline constexpr size_t kServeTrafficBytes = size_t{96} << 20;

/// The memory_bytes of each model's engine.
Result<std::vector<size_t>> PlanEngineMemory(const MemoryWish& wish, std::span<const OpenedModel> models,
                                             const EngineOptions& engine);

}  // namespace bedplate

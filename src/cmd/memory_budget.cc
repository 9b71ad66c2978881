#include "cmd/memory_budget.h"

#include <algorithm>
#include <numeric>

#include "base/cat.h"
#include "base/log.h"
#include "cmd/memory_size.h"
#include "engine/memory_plan.h"

namespace bedplate {
namespace {

// An allowance, about twice what a server was seen to hold before it opens a model.
constexpr size_t kProgramBytes = size_t{48} << 20;
// Five allocations rounded up to huge pages, and while packing some hundred KiB of the file a thread.
constexpr size_t kModelSlackBytes = size_t{24} << 20;

struct Needs {
  size_t weights = 0, embeddings = 0, text = 0, rest = 0;
  std::vector<size_t> engines;  // the least of each
  [[nodiscard]] size_t fixed() const { return weights + embeddings + text + rest; }
  [[nodiscard]] size_t engines_least() const { return std::accumulate(engines.begin(), engines.end(), size_t{0}); }
};

Result<Needs> NeedsOf(const MemoryWish& wish, std::span<const OpenedModel> models, const EngineOptions& engine) {
  Needs needs;
  needs.rest = kProgramBytes + wish.traffic_bytes;
  for (const OpenedModel& opened : models) {
    for (const OpenedModel* one = &opened; one != nullptr; one = one->draft.get()) {
      needs.weights += one->model->weight_bytes();
      needs.embeddings += one->model->embedding_bytes();
      needs.text += one->text_bytes();
      needs.rest += kModelSlackBytes;
    }
    BP_ASSIGN_OR_RETURN(const size_t least,
                        LeastMemory(engine, *opened.model, opened.draft ? opened.draft->model.get() : nullptr));
    needs.engines.push_back(least);
  }
  return needs;
}

/// Rounded up, in the form that --memory takes.
std::string Enough(size_t bytes) {
  constexpr size_t kMiB = size_t{1} << 20;
  return Cat((bytes + kMiB - 1) / kMiB, "MiB");
}

Status TooLittle(const MemoryWish& wish, const Needs& needs) {
  return Status::ResourceExhausted(
      Cat("--memory ", wish.memory, " is too little; --memory ", Enough(needs.fixed() + needs.engines_least()),
          " would do: ", MemorySizeText(needs.weights), " of weights, ", MemorySizeText(needs.embeddings),
          " of embeddings, ", MemorySizeText(needs.text), " for the tokenizer, ", MemorySizeText(needs.rest),
          " for the program and its traffic, and at least ", MemorySizeText(needs.engines_least()),
          " to compute and for one sequence. Give more, lower --context, --step-tokens or --sequences, or use a "
          "smaller model"));
}

}  // namespace

Result<std::vector<size_t>> PlanEngineMemory(const MemoryWish& wish, std::span<const OpenedModel> models,
                                             const EngineOptions& engine) {
  BP_ASSIGN_OR_RETURN(const Needs needs, NeedsOf(wish, models, engine));
  const size_t least = needs.engines_least();
  size_t for_engines = 0;
  if (!wish.memory.empty()) {
    BP_ASSIGN_OR_RETURN(const size_t budget, ParseMemorySize(wish.memory));
    if (budget < needs.fixed() + least) return TooLittle(wish, needs);
    for_engines = budget - needs.fixed();
  } else {
    const size_t available = AvailableMemory();
    const size_t left = available - std::min(available, needs.fixed());
    for_engines = std::max(least, std::min(left / 2, wish.engine_bytes_max));
    if (left < least) {
      LogWarning("this machine has too little free memory for the model: expect it to be slow, or to be ended",
                 {{"needed", MemorySizeText(needs.fixed() + least)}, {"free", MemorySizeText(available)}});
    }
  }
  std::vector<size_t> out = needs.engines;
  for (size_t& bytes : out) bytes += (for_engines - least) / models.size();
  return out;
}

}  // namespace bedplate

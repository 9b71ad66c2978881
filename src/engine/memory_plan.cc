#include "engine/memory_plan.h"

#include <algorithm>

#include "base/cat.h"
#include "engine/kv_pages.h"
#include "engine/sampler.h"

namespace bedplate {
namespace {

constexpr uint32_t kContextLeast = 256;       // a server that can't hold this much is of no use
constexpr uint64_t kTokensMost = 1ull << 26;  // keeps page and slot numbers within 32 bits
// Besides its bytes in the model a page costs an entry in its pool (5 bytes) and one in a sequence's tables (36,
// doubled because vectors grow by doubling).
constexpr size_t kPageOverhead = 5 + 2 * 36;

uint32_t PagesFor(uint64_t tokens) {
  return static_cast<uint32_t>((tokens + kPageTokens - 1) / kPageTokens);
}

Status CheckOptions(const EngineOptions& o, const StepModel& model) {
  const auto at_least_one = [](std::string_view name, uint32_t value) {
    return value >= 1 ? Status::Ok() : Status::InvalidArgument(Cat(name, " is 0; it must be at least 1"));
  };
  BP_RETURN_IF_ERROR(at_least_one("step_tokens_max", o.step_tokens_max));
  BP_RETURN_IF_ERROR(at_least_one("prefill_chunk_max", o.prefill_chunk_max));
  BP_RETURN_IF_ERROR(at_least_one("sequences_max", o.sequences_max));
  BP_RETURN_IF_ERROR(at_least_one("queue_max", o.queue_max));
  if (o.memory_bytes == 0) return Status::InvalidArgument("memory_bytes is 0; give the engine a memory budget");
  if (o.context_tokens_max > model.context_length()) {
    return Status::InvalidArgument(Cat("the context was set to ", o.context_tokens_max,
                                       " tokens, but the model was made for at most ", model.context_length()));
  }
  return Status::Ok();
}

/// Every running sequence wants one row; what is left over scores prompts: as many rows as a 32nd of the budget holds.
uint32_t LogitRows(const EngineOptions& o, uint32_t sequences_max, uint32_t vocabulary) {
  const size_t rows = o.memory_bytes / 32 / (size_t{vocabulary} * sizeof(float));
  return sequences_max + static_cast<uint32_t>(std::clamp<size_t>(rows, 8, 256));
}

/// Tokens that full groups have room for; `least` of them are one sequence.
struct Room {
  uint64_t tokens = 0;
  uint64_t least = 0;
};

uint32_t GroupPages(const PageGroup& group, const EngineOptions& o, uint32_t sequences_max, const Room& room) {
  if (group.sliding_window == 0) return PagesFor(room.tokens);
  const uint64_t one = KvPages::WindowPages(group.sliding_window, kPageTokens);
  const uint64_t all = sequences_max * uint64_t{KvPages::WindowPages(group.sliding_window, o.prefill_chunk_max)} +
                       PagesFor(o.step_tokens_max);
  return static_cast<uint32_t>(std::min(all, one + PagesFor(room.tokens) - PagesFor(room.least)));
}

}  // namespace

Result<MemoryPlan> PlanMemory(const EngineOptions& options, const StepModel& model) {
  BP_RETURN_IF_ERROR(CheckOptions(options, model));
  const uint32_t sequences_max = std::min(options.sequences_max, options.step_tokens_max);
  MemoryPlan plan;
  plan.limits = {.rows_max = options.step_tokens_max,
                 .logit_rows_max = LogitRows(options, sequences_max, model.vocabulary())};
  const std::span<const PageGroup> groups = model.page_groups();
  const size_t fixed = model.ScratchBytes(plan.limits) +
                       size_t{plan.limits.logit_rows_max} * model.vocabulary() * sizeof(float) +
                       Sampler::ScratchBytes(model.vocabulary());
  const uint64_t least =
      options.context_tokens_max > 0 ? options.context_tokens_max : std::min(kContextLeast, model.context_length());
  const auto bytes_for = [&](uint64_t tokens) {
    size_t bytes = fixed + PagesFor(tokens) * PrefixTree::BytesPerNode(groups.size());
    for (const PageGroup& g : groups) {
      bytes += GroupPages(g, options, sequences_max, {tokens, least}) * (g.page_bytes + kPageOverhead);
    }
    return bytes;
  };
  if (bytes_for(least) > options.memory_bytes) {
    return Status::ResourceExhausted(
        Cat("the memory budget of ", options.memory_bytes, " bytes is too small: one sequence of ", least,
            " tokens needs ", bytes_for(least), " bytes (", fixed,
            " for computing, the rest for keys and values). Give more memory, or lower the "
            "context, the tokens a step or the sequences at once"));
  }
  uint64_t low = least, high = kTokensMost;  // low fits
  while (low < high) {
    const uint64_t middle = low + (high - low + 1) / 2;
    if (bytes_for(middle) <= options.memory_bytes)
      low = middle;
    else
      high = middle - 1;
  }
  plan.bytes = bytes_for(low);
  const bool has_full_group = std::ranges::any_of(groups, [](const PageGroup& g) { return g.sliding_window == 0; });
  for (const PageGroup& g : groups) plan.pages.push_back(GroupPages(g, options, sequences_max, {low, least}));
  const uint64_t reach = has_full_group ? PagesFor(low) * uint64_t{kPageTokens} : model.context_length();
  const uint32_t wanted = options.context_tokens_max > 0 ? options.context_tokens_max : model.context_length();
  plan.context_tokens_max = static_cast<uint32_t>(std::min<uint64_t>(wanted, reach));
  return plan;
}

}  // namespace bedplate

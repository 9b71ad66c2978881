#include "engine/memory_plan.h"

#include <algorithm>

#include "base/cat.h"
#include "engine/kv_pages.h"
#include "engine/sampler.h"
#include "pages/page_tiers.h"

namespace bedplate {
namespace {

constexpr uint32_t kContextLeast = 256;       // a server that can't hold this much is of no use
constexpr uint64_t kTokensMost = 1ull << 26;  // keeps page and slot numbers within 32 bits
// Besides its bytes in the model a page costs an entry in its pool (5 bytes) and one in a sequence's tables (36,
// doubled because vectors grow by doubling).
constexpr size_t kPageOverhead = 5 + 2 * 36;
// The runs of one long step wait to be written together, and a few of decoding sequences.
constexpr uint32_t kWriteBuffersMore = 8, kWriteBuffersMost = 64;
constexpr uint32_t kReadBuffers = 8;  // two restores at once, read ahead

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
  return std::move(PlanTiers(o, model)).status();
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

/// The bytes of everything, by how many tokens full groups hold.
class Costs {
 public:
  Costs(const EngineOptions& options, const StepModel& model)
      : options_(options),
        groups_(model.page_groups()),
        sequences_max_(std::min(options.sequences_max, options.step_tokens_max)),
        limits_{.rows_max = options.step_tokens_max,
                .logit_rows_max = LogitRows(options, sequences_max_, model.vocabulary())},
        fixed_(model.ScratchBytes(limits_) + size_t{limits_.logit_rows_max} * model.vocabulary() * sizeof(float) +
               Sampler::ScratchBytes(model.vocabulary()) + PlanTiers(options, model)->bytes),
        least_tokens_(options.context_tokens_max > 0 ? options.context_tokens_max
                                                     : std::min(kContextLeast, model.context_length())) {}

  [[nodiscard]] uint32_t Pages(const PageGroup& group, uint64_t tokens) const {
    return GroupPages(group, options_, sequences_max_, {tokens, least_tokens_});
  }
  [[nodiscard]] size_t BytesFor(uint64_t tokens) const {
    size_t bytes = fixed_ + PagesFor(tokens) * PrefixTree::BytesPerNode(groups_.size());
    for (const PageGroup& g : groups_) bytes += Pages(g, tokens) * (g.page_bytes + kPageOverhead);
    return bytes;
  }
  [[nodiscard]] const StepLimits& limits() const { return limits_; }
  [[nodiscard]] size_t fixed() const { return fixed_; }  // without pages
  [[nodiscard]] uint64_t least_tokens() const { return least_tokens_; }

 private:
  const EngineOptions& options_;
  const std::span<const PageGroup> groups_;
  const uint32_t sequences_max_;
  const StepLimits limits_;
  const size_t fixed_;
  const uint64_t least_tokens_;
};

Result<size_t> LeastAlone(EngineOptions options, const StepModel& model) {
  // More memory means more rows of logits, which take memory: up to where it holds what it asks for itself.
  for (options.memory_bytes = 1;;) {
    BP_RETURN_IF_ERROR(CheckOptions(options, model));
    const Costs costs(options, model);
    const size_t bytes = costs.BytesFor(costs.least_tokens());
    if (bytes <= options.memory_bytes) return options.memory_bytes;
    options.memory_bytes = bytes;
  }
}

size_t PositionBytes(const StepModel& model) {
  size_t bytes = 0;
  for (const PageGroup& group : model.page_groups()) bytes += group.page_bytes / kPageTokens;
  return bytes;
}

}  // namespace

Result<TierPlan> PlanTiers(const EngineOptions& options, const StepModel& model) {
  TierPlan plan;
  if (options.cache_memory_bytes == 0 && options.cache_disk_bytes == 0) return plan;
  if (!options.prefix_cache) {
    return Status::InvalidArgument("memory and disk for the prefix cache were given, but the prefix cache is off");
  }
  std::vector<size_t> page_bytes;
  for (const PageGroup& group : model.page_groups()) page_bytes.push_back(group.page_bytes);
  const size_t run = PageTiers::BytesPerRun(page_bytes);
  const size_t entry = TierIndex::BytesPerSlot() + sizeof(uint32_t);
  const auto too_small = [&](std::string_view what, uint64_t bytes) {
    return Status::InvalidArgument(Cat(what, " for the prefix cache is ", bytes, " bytes, but ", kPageTokens,
                                       " tokens of this model take ", run, "; give more, or none"));
  };
  if (options.cache_memory_bytes > 0) {
    plan.memory_runs = static_cast<uint32_t>(std::min<size_t>(options.cache_memory_bytes / (run + entry), 1u << 28));
    if (plan.memory_runs == 0) return too_small("the memory", options.cache_memory_bytes);
    plan.bytes += plan.memory_runs * (run + entry);
  }
  if (options.cache_disk_bytes > 0) {
    plan.file_runs = PageFile::SlotsWithin(options.cache_disk_bytes, run);
    if (plan.file_runs == 0) return too_small("the disk space", options.cache_disk_bytes);
    plan.write_buffers = std::min(PagesFor(options.step_tokens_max) + kWriteBuffersMore, kWriteBuffersMost);
    plan.read_buffers = kReadBuffers;
    plan.bytes += plan.file_runs * entry + (plan.write_buffers + plan.read_buffers) * run;
  }
  return plan;
}

size_t DraftMemory(size_t memory_bytes, const StepModel& model, const StepModel& draft) {
  const auto own = static_cast<double>(PositionBytes(model)), drafts = static_cast<double>(PositionBytes(draft));
  return static_cast<size_t>(static_cast<double>(memory_bytes) * drafts / (own + drafts));
}

Result<size_t> LeastMemory(const EngineOptions& options, const StepModel& model, const StepModel* draft) {
  BP_ASSIGN_OR_RETURN(const size_t own, LeastAlone(options, model));
  if (draft == nullptr) return own;
  BP_ASSIGN_OR_RETURN(const TierPlan tiers, PlanTiers(options, model));
  EngineOptions draft_options = options;  // as draft_model.cc has them
  draft_options.cache_memory_bytes = 0;
  draft_options.cache_disk_bytes = 0;
  draft_options.context_tokens_max = std::min(options.context_tokens_max, draft->context_length());
  BP_ASSIGN_OR_RETURN(const size_t drafts, LeastAlone(draft_options, *draft));
  // Both parts grow with the whole: look for the least whole that gives each enough.
  size_t low = own + drafts, high = low;
  const auto enough = [&](size_t whole) {
    const size_t part = DraftMemory(whole - tiers.bytes, model, *draft);
    return part >= drafts && whole - part >= own;
  };
  while (!enough(high)) high *= 2;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (enough(middle))
      high = middle;
    else
      low = middle + 1;
  }
  return high;
}

Result<MemoryPlan> PlanMemory(const EngineOptions& options, const StepModel& model) {
  BP_RETURN_IF_ERROR(CheckOptions(options, model));
  const Costs costs(options, model);
  const std::span<const PageGroup> groups = model.page_groups();
  const uint64_t least = costs.least_tokens();
  MemoryPlan plan;
  plan.limits = costs.limits();
  if (costs.BytesFor(least) > options.memory_bytes) {
    return Status::ResourceExhausted(
        Cat("the memory budget of ", options.memory_bytes, " bytes is too small: one sequence of ", least,
            " tokens needs ", costs.BytesFor(least), " bytes (", costs.fixed(),
            " for computing and for the tiers of the prefix cache, the rest for keys and values). Give more memory, or "
            "lower the context, the tokens a step, the sequences at once or the memory of the prefix cache"));
  }
  uint64_t low = least, high = kTokensMost;  // low fits
  while (low < high) {
    const uint64_t middle = low + (high - low + 1) / 2;
    if (costs.BytesFor(middle) <= options.memory_bytes)
      low = middle;
    else
      high = middle - 1;
  }
  plan.bytes = costs.BytesFor(low);
  BP_ASSIGN_OR_RETURN(plan.tiers, PlanTiers(options, model));
  const bool has_full_group = std::ranges::any_of(groups, [](const PageGroup& g) { return g.sliding_window == 0; });
  for (const PageGroup& g : groups) plan.pages.push_back(costs.Pages(g, low));
  const uint64_t reach = has_full_group ? PagesFor(low) * uint64_t{kPageTokens} : model.context_length();
  const uint32_t wanted = options.context_tokens_max > 0 ? options.context_tokens_max : model.context_length();
  plan.context_tokens_max = static_cast<uint32_t>(std::min<uint64_t>(wanted, reach));
  return plan;
}

}  // namespace bedplate

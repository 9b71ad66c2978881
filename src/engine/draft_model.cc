// Plan. Draft() first catches up by a chunk, and goes on with the sequences that are then one token short; for those
// each step computes one token of every sequence and draws the next. What it computed of guesses stays in its pages: if
// the sequence then writes them, they need no computing (Open compares).

#include "engine/draft_model.h"

#include <algorithm>
#include <utility>

#include "base/cat.h"
#include "base/check.h"
#include "kernels/isa.h"

namespace bedplate {
namespace {

constexpr double kNewestStep = 1.0 / 8;  // weight of the newest measurement of a step's time
// A sequence for which there were no pages is not tried again before it has written so many more tokens.
constexpr uint32_t kTokensWithoutPages = 64;

TokenId TokenAt(const Sequence& sequence, uint32_t position) {
  return position < sequence.known() ? sequence.tokens[position] : sequence.draft[position - sequence.known()];
}

}  // namespace

Status CheckSameVocabulary(const LoadedModel& model, const LoadedModel& draft) {
  const Tokenizer &a = *model.tokenizer, &b = *draft.tokenizer;
  const auto refuse = [&](std::string_view what) {
    return Status::InvalidArgument(
        Cat("'", draft.id, "' can't draft for '", model.id, "': both must have the same vocabulary, but ", what));
  };
  if (a.size() != b.size()) return refuse(Cat("they have ", b.size(), " and ", a.size(), " tokens"));
  for (uint32_t i = 0; i < a.size(); ++i) {
    const TokenId id{static_cast<int32_t>(i)};
    if (a.TokenText(id) != b.TokenText(id)) {
      return refuse(Cat("token ", i, " is '", b.TokenText(id), "' in one and '", a.TokenText(id), "' in the other"));
    }
  }
  const uint32_t needed = std::min<uint32_t>(a.size(), model.model->vocabulary());
  if (draft.model->vocabulary() < needed) {
    return refuse(Cat("the draft model's weights have only ", draft.model->vocabulary(), " of ", needed, " tokens"));
  }
  return Status::Ok();
}

Result<std::unique_ptr<DraftModel>> DraftModel::Create(const EngineOptions& options,
                                                       std::unique_ptr<LoadedModel> loaded, uint32_t vocabulary,
                                                       const Clock& clock) {
  EngineOptions own = options;
  own.context_tokens_max = std::min(options.context_tokens_max, loaded->model->context_length());
  auto planned = PlanMemory(own, *loaded->model);
  if (!planned.ok()) {
    return Status(planned.status().code(), Cat("for the draft model '", loaded->id, "', ", planned.status().message()));
  }
  MemoryPlan plan = *std::move(planned);
  BP_RETURN_IF_ERROR(loaded->model->Reserve(plan.limits, plan.pages));
  BP_ASSIGN_OR_RETURN(Buffer logits, Buffer::Allocate(size_t{plan.limits.logit_rows_max} * loaded->model->vocabulary() *
                                                      sizeof(float)));
  return std::unique_ptr<DraftModel>(
      new DraftModel(own, std::move(loaded), vocabulary, clock, std::move(plan), std::move(logits)));
}

DraftModel::DraftModel(const EngineOptions& options, std::unique_ptr<LoadedModel> loaded, uint32_t vocabulary,
                       const Clock& clock, MemoryPlan plan, Buffer logits)
    : loaded_(std::move(loaded)),
      clock_(clock),
      plan_(std::move(plan)),
      chunk_tokens_(options.prefill_chunk_max),
      prefix_cache_(options.prefix_cache),
      // A token that the other model's weights don't have must not be computed on a guess.
      sampler_(VectorKernelsFor(BestIsa()), loaded_->model->vocabulary(),
               std::min(vocabulary, loaded_->tokenizer->size())),
      logits_(std::move(logits)) {
  work_.reserve(options.sequences_max);
  tokens_.reserve(plan_.limits.rows_max);
  logit_rows_.reserve(options.sequences_max);
  StartEmpty();
  slices_.resize(options.sequences_max);
  for (SequenceSlice& slice : slices_) slice.page_tables.resize(kv_->groups());
}

void DraftModel::StartEmpty() {
  kv_ = std::make_unique<KvPages>(KvPages::Options{.sliding_windows = SlidingWindows(*loaded_->model),
                                                   .capacities = plan_.pages,
                                                   .chunk_tokens = chunk_tokens_,
                                                   .prefix_cache = prefix_cache_});
}

uint32_t DraftModel::DepthMax(const Sequence& sequence) const {
  if (sequence.known() < sequence.drafting.not_before) return 0;
  const uint32_t context = std::min(plan_.context_tokens_max, loaded_->model->context_length());
  return sequence.known() < context ? context - sequence.known() : 0;
}

void DraftModel::Draft(std::span<Sequence* const> sequences, uint32_t depth) {
  work_.clear();
  for (Sequence* sequence : sequences) {
    Open(*sequence);
    sequence->draft.clear();
    work_.push_back({.sequence = sequence, .computed = sequence->drafting.computed, .rows = 0, .guesses_left = depth});
  }
  CatchUp();
  for (;;) {
    for (Work& work : work_) work.rows = 1;
    std::erase_if(work_, [&](const Work& work) { return work.guesses_left == 0 || !HasPages(work); });
    if (work_.empty()) return;
    Step(/*guess=*/true);
  }
}

bool DraftModel::HasPages(const Work& work) {
  return kv_->Grow(work.sequence->drafting.pages, work.computed, work.rows) == work.rows;
}

/// Ready to go on from where the model's pages agree with what is known.
void DraftModel::Open(Sequence& sequence) {
  Sequence::Drafting& drafting = sequence.drafting;
  if (drafting.pages.empty()) {
    drafting.computed = kv_->Start(drafting.pages, sequence.request.salt, sequence.tokens, sequence.known() - 1);
    drafting.guessed.clear();
  }
  // Of the guesses whose keys and values are there, those that were written count as computed.
  for (size_t i = 0; i < drafting.guessed.size() && drafting.computed < sequence.known() - 1; ++i) {
    if (sequence.tokens[drafting.computed] != drafting.guessed[i]) break;
    ++drafting.computed;
  }
  drafting.guessed.clear();
  kv_->Trim(drafting.pages, std::max(drafting.computed, 1u));
}

/// Computes a chunk of what is missing, and leaves in the work those of whom one known token is left: a long prompt is
/// read over several of the engine's steps, since other streams wait for each.
void DraftModel::CatchUp() {
  uint32_t rows_left = std::min(plan_.limits.rows_max, chunk_tokens_);
  for (Work& work : work_) {
    const uint32_t missing = work.sequence->known() - 1 - work.computed;
    work.rows = std::min(missing, rows_left);
    rows_left -= work.rows;
  }
  std::erase_if(work_, [&](const Work& work) {
    if (work.rows == 0 || HasPages(work)) return false;
    kv_->Release(work.sequence->drafting.pages);  // what it holds may be all that others lack
    work.sequence->drafting.not_before = work.sequence->known() + kTokensWithoutPages;
    return true;
  });
  if (std::ranges::any_of(work_, [](const Work& work) { return work.rows > 0; })) Step(/*guess=*/false);
  std::erase_if(work_, [](const Work& work) { return work.computed + 1 < work.sequence->known(); });
}

/// Computes the rows of every sequence that has some; a guess is drawn from each one's last.
void DraftModel::Step(bool guess) {
  tokens_.clear();
  logit_rows_.clear();
  size_t slices = 0;
  for (Work& work : work_) {
    if (work.rows == 0) continue;
    for (uint32_t i = 0; i < work.rows; ++i) tokens_.push_back(TokenAt(*work.sequence, work.computed + i));
    SequenceSlice& slice = slices_[slices++];
    slice.rows = work.rows;
    slice.start = work.computed;
    for (size_t g = 0; g < kv_->groups(); ++g) slice.page_tables[g] = work.sequence->drafting.pages.table(g);
    if (guess) logit_rows_.push_back(static_cast<uint32_t>(tokens_.size()) - 1);
    work.computed += work.rows;
  }
  auto* logits = reinterpret_cast<float*>(logits_.data());
  const Instant start = clock_.Now();
  loaded_->model->Forward({.tokens = tokens_, .sequences = std::span(slices_).first(slices), .logit_rows = logit_rows_},
                          logits);
  const size_t vocabulary = loaded_->model->vocabulary();
  for (size_t i = 0; i < work_.size(); ++i) {
    Work& work = work_[i];
    Sequence& sequence = *work.sequence;
    Sequence::Drafting& drafting = sequence.drafting;
    if (work.computed <= sequence.known()) {
      drafting.computed = work.computed;
      kv_->Settle(drafting.pages, sequence.request.salt, sequence.tokens, work.computed);
    } else {
      drafting.guessed.push_back(sequence.draft.back());
    }
    if (!guess) continue;
    const auto token = Draw(sequence, {logits + i * vocabulary, vocabulary});
    work.guesses_left = token.has_value() ? work.guesses_left - 1 : 0;
    if (token.has_value()) sequence.draft.push_back(*token);
    if (token.has_value() && sequence.output.IsEnd(*token)) {
      sequence.draft.pop_back();  // an end is never drafted: the draw itself must say so
      work.guesses_left = 0;
    }
  }
  const double seconds = std::chrono::duration<double>(clock_.Now() - start).count();
  if (guess && seconds > 0) step_seconds_ += (step_seconds_ == 0 ? 1 : kNewestStep) * (seconds - step_seconds_);
}

/// The counts are those of what is known: penalties for guesses of this step are left out, which costs acceptance only.
std::optional<TokenId> DraftModel::Draw(Sequence& sequence, std::span<float> row) {
  const auto position = sequence.known() + static_cast<uint32_t>(sequence.draft.size());
  const DrawKey key{.seed = sequence.request.seed, .choice = sequence.choice(), .position = position};
  Sampler::Clean(row);
  return sampler_.Draw(row, sequence.request.request().sampling, sequence.counts, key);
}

}  // namespace bedplate

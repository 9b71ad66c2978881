#pragma once
/// A smaller model of the same vocabulary that guesses what sequences write next: speculative sampling (Leviathan et
/// al., arXiv 2211.17192; Chen et al., arXiv 2302.01318), with a guess counting only if it equals the draw.
///
/// It draws with the sequence's own parameters and the random number of each position, so that where both models agree
/// about the distribution, they agree about the token at any temperature too. It has pages of its own, with a prefix
/// tree like the engine's; a sequence that finds no page there goes without a draft.
///
/// Threads: engine thread only. Errors: Create's; none later.

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/status.h"
#include "engine/engine.h"
#include "engine/kv_pages.h"
#include "engine/live_request.h"
#include "engine/memory_plan.h"
#include "engine/sampler.h"

namespace bedplate {

/// Equal ids must mean equal text. kInvalidArgument says where the two part.
Status CheckSameVocabulary(const LoadedModel& model, const LoadedModel& draft);

class DraftModel {
 public:
  /// options: the engine's, with the memory that the draft model has for pages and scratch. vocabulary: of the model
  /// that it drafts for; no guess is beyond it.
  static Result<std::unique_ptr<DraftModel>> Create(const EngineOptions& options, std::unique_ptr<LoadedModel> loaded,
                                                    uint32_t vocabulary, const Clock& clock);

  /// Fills the drafts of these sequences with `depth` guesses each; those without room get none. What it has not seen
  /// of them it computes first, a chunk a call; until it has caught up with a sequence, that one gets none either.
  void Draft(std::span<Sequence* const> sequences, uint32_t depth);
  /// How many guesses a sequence has room for in the model's context.
  [[nodiscard]] uint32_t DepthMax(const Sequence& sequence) const;
  /// What one more guess for each sequence costs, in seconds; 0: not measured yet.
  [[nodiscard]] double step_seconds() const { return step_seconds_; }
  /// Forgets everything, after a step that failed; no sequence has pages.
  void StartEmpty();
  /// The sequence gives its pages up.
  void Release(Sequence& sequence) { kv_->Release(sequence.drafting.pages); }

  [[nodiscard]] uint32_t used_pages() const { return kv_->used_pages(); }
  void CheckIntegrity() const { kv_->CheckIntegrity(); }

 private:
  DraftModel(const EngineOptions& options, std::unique_ptr<LoadedModel> loaded, uint32_t vocabulary, const Clock& clock,
             MemoryPlan plan, Buffer logits);

  /// A sequence being drafted for: the rows it has in the step are tokens [computed, computed + rows) of what is known
  /// and guessed.
  struct Work {
    Sequence* sequence = nullptr;
    uint32_t computed = 0;
    uint32_t rows = 0;
    uint32_t guesses_left = 0;
  };

  void Open(Sequence& sequence);
  void CatchUp();
  [[nodiscard]] bool HasPages(const Work& work);
  void Step(bool guess);
  [[nodiscard]] std::optional<TokenId> Draw(Sequence& sequence, std::span<float> row);

  const std::unique_ptr<LoadedModel> loaded_;
  const Clock& clock_;
  const MemoryPlan plan_;
  const uint32_t chunk_tokens_;
  const bool prefix_cache_;
  std::unique_ptr<KvPages> kv_;
  Sampler sampler_;
  Buffer logits_;  // [logit_rows_max, vocabulary]
  std::vector<Work> work_;
  std::vector<TokenId> tokens_;
  std::vector<SequenceSlice> slices_;
  std::vector<uint32_t> logit_rows_;
  double step_seconds_ = 0;
};

}  // namespace bedplate

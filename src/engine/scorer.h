#pragma once
/// Runs token sequences through a model one at a time and shows the logits of every position: perplexity,
/// log-probabilities, comparisons with references. Not for serving: it owns the model's pages.

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/ids.h"
#include "base/status.h"
#include "model/step_model.h"

namespace bedplate {

class Scorer {
 public:
  /// tokens_max: the longest sequence. Takes memory for its pages; the model must not have been reserved before.
  static Result<Scorer> Create(StepModel& model, uint32_t tokens_max);

  /// Calls visit(i, logits) for i = first_position .. n - 1: logits [vocabulary] of what follows tokens[0..i].
  Status Score(std::span<const TokenId> tokens, uint32_t first_position,
               const std::function<void(uint32_t position, std::span<const float> logits)>& visit);

 private:
  Scorer(StepModel& model, uint32_t tokens_max);
  StepModel* model_;
  StepLimits limits_;
  uint32_t tokens_max_;
  std::vector<std::vector<PageId>> page_tables_;  // by group: every position has its page
  std::vector<float> logits_;
};

}  // namespace bedplate

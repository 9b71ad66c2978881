#include "engine/live_request.h"

#include <algorithm>

namespace bedplate {
Sequence::Sequence(LiveRequest& owner, uint32_t choice_index, const Tokenizer& tokenizer)
    : request(owner),
      rank{.due = owner.arrived_at - owner.request().priority * kPriorityWorth,
           .arrival = owner.arrival,
           .choice = choice_index},
      output_tokens_max(owner.prepared.output_tokens_max),
      output(tokenizer, owner.prepared, choice_index) {
  const size_t reserve = owner.prepared.tokens.size() + std::min(owner.prepared.output_tokens_max, kOutputReserve);
  tokens.reserve(reserve);
  tokens = owner.prepared.tokens;
  tokens.reserve(reserve);
  if (Penalises(owner.request().sampling)) counts.AddPrompt(owner.prepared.tokens, reserve);
}

TokenMasks::Cursor* Sequence::Constrain() {
  if (constraint == nullptr && request.prepared.constraint != nullptr) {
    constraint = std::make_unique<TokenMasks::Cursor>(*request.prepared.constraint);
  }
  return constraint.get();
}

}  // namespace bedplate

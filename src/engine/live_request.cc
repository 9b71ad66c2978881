#include "engine/live_request.h"

#include <algorithm>

namespace bedplate {
namespace {

// Room for the prompt and this many output tokens is taken when the sequence is made; long outputs grow by doubling.
constexpr size_t kOutputReserve = 1024;

bool Penalises(const SamplingParams& p) {
  return p.repetition_penalty != 1.0f || p.frequency_penalty != 0.0f || p.presence_penalty != 0.0f;
}

}  // namespace

Sequence::Sequence(LiveRequest& owner, uint32_t choice_index, const Tokenizer& tokenizer)
    : request(owner),
      rank{.priority = owner.request().priority, .arrival = owner.arrival, .choice = choice_index},
      output_tokens_max(owner.prepared.output_tokens_max),
      output(tokenizer, owner.request(), choice_index, owner.prepared.output_tokens_max) {
  const size_t reserve =
      owner.prepared.tokens.size() + std::min<size_t>(owner.prepared.output_tokens_max, kOutputReserve);
  tokens.reserve(reserve);
  tokens = owner.prepared.tokens;
  tokens.reserve(reserve);
  if (Penalises(owner.request().sampling)) counts.AddPrompt(owner.prepared.tokens, reserve);
}

}  // namespace bedplate

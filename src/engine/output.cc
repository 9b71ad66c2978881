#include "engine/output.h"

#include <algorithm>

#include "base/check.h"

namespace bedplate {
namespace {

TokenAlternative Alternative(const Tokenizer& tokenizer, TokenId token, float logprob) {
  return {.token = token,
          .bytes = tokenizer.Contains(token) ? std::string(tokenizer.TokenBytes(token)) : std::string(),
          .logprob = logprob};
}

}  // namespace

TokenLogprob Describe(const Tokenizer& tokenizer, const ScoredToken& scored) {
  TokenLogprob out{.chosen = Alternative(tokenizer, scored.token, scored.logprob), .top = {}};
  out.top.reserve(scored.top.size());
  for (const auto& [token, logprob] : scored.top) out.top.push_back(Alternative(tokenizer, token, logprob));
  return out;
}

ChoiceOutput::ChoiceOutput(const Tokenizer& tokenizer, const Request& request, uint32_t choice,
                           uint32_t output_tokens_max)
    : tokenizer_(tokenizer),
      request_(request),
      choice_(choice),
      output_tokens_max_(output_tokens_max),
      decoder_(tokenizer),
      stops_(request.stop_strings) {}

bool ChoiceOutput::IsEnd(TokenId token) const {
  if (!request_.ignore_end_of_generation && tokenizer_.IsEndOfGeneration(token)) return true;
  return std::ranges::find(request_.stop_tokens, token) != request_.stop_tokens.end();
}

ChoiceOutput::Accepted ChoiceOutput::Accept(TokenId token, const std::optional<ScoredToken>& scored) {
  BP_CHECK(tokens_ < output_tokens_max_);
  ++tokens_;
  Accepted accepted{.delta = {.choice = choice_, .text = {}, .tokens = {token}, .logprobs = {}}, .finished = {}};
  if (scored.has_value()) accepted.delta.logprobs.push_back(Describe(tokenizer_, *scored));
  StopMatcher::Fed fed = stops_.Feed(decoder_.Push(token));
  accepted.delta.text = std::move(fed.text);
  if (!fed.stop_string.has_value() && tokens_ < output_tokens_max_) return accepted;
  accepted.finished = {.choice = choice_, .reason = FinishReason::kStop, .stop_string = {}};
  if (fed.stop_string.has_value()) {
    accepted.finished->stop_string = request_.stop_strings[*fed.stop_string];
    return accepted;
  }
  Accepted rest = End();  // the last token allowed: a stop string may still end in the replaced bytes of its character
  accepted.delta.text += rest.delta.text;
  accepted.finished = rest.finished;
  if (rest.finished->stop_string.empty()) accepted.finished->reason = FinishReason::kLength;
  return accepted;
}

ChoiceOutput::Accepted ChoiceOutput::End() {
  StopMatcher::Fed fed = stops_.Feed(decoder_.Flush());
  Accepted accepted{.delta = {.choice = choice_, .text = std::move(fed.text), .tokens = {}, .logprobs = {}},
                    .finished = ChoiceFinished{.choice = choice_, .reason = FinishReason::kStop, .stop_string = {}}};
  if (fed.stop_string.has_value()) {
    accepted.finished->stop_string = request_.stop_strings[*fed.stop_string];
  } else {
    accepted.delta.text += stops_.Flush();
  }
  return accepted;
}

}  // namespace bedplate

#pragma once
/// Turns the tokens of one choice into its events: text in whole characters, stop strings cut off, log-probabilities
/// attached, the reason why it ended.

#include <optional>
#include <string>

#include "engine/sampler.h"
#include "engine/stop_matcher.h"
#include "request/event.h"
#include "request/request.h"
#include "text/tokenizer.h"
#include "text/tokenizer_stream.h"

namespace bedplate {

/// With the bytes that the tokens stand for. Ids beyond the tokenizer's have none.
TokenLogprob Describe(const Tokenizer& tokenizer, const ScoredToken& scored);

class ChoiceOutput {
 public:
  struct Accepted {
    OutputDelta delta;
    std::optional<ChoiceFinished> finished;
  };

  /// The tokenizer and the request outlive it. output_tokens_max >= 1.
  ChoiceOutput(const Tokenizer& tokenizer, const Request& request, uint32_t choice, uint32_t output_tokens_max);

  /// Would end the output without being part of it.
  [[nodiscard]] bool IsEnd(TokenId token) const;
  /// A token that is not an end. Nothing follows a finished choice.
  Accepted Accept(TokenId token, const std::optional<ScoredToken>& scored);
  /// An end token came: what was held back becomes text.
  Accepted End();

  [[nodiscard]] uint32_t tokens() const { return tokens_; }

 private:
  const Tokenizer& tokenizer_;
  const Request& request_;
  const uint32_t choice_;
  const uint32_t output_tokens_max_;
  uint32_t tokens_ = 0;
  StreamDecoder decoder_;
  StopMatcher stops_;
};

}  // namespace bedplate

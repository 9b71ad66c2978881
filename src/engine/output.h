#pragma once
/// Turns the tokens of one choice into its events: whole characters, read for reasoning and calls of tools, stop
/// strings cut off the text (they are not looked for in the rest), log-probabilities attached, the reason why it ended.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "engine/sampler.h"
#include "engine/stop_matcher.h"
#include "request/event.h"
#include "request/request.h"
#include "text/output_parser.h"
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

  /// The tokenizer and the request outlive it.
  ChoiceOutput(const Tokenizer& tokenizer, const PreparedRequest& prepared, uint32_t choice);

  /// Would end the output without being part of it.
  [[nodiscard]] bool IsEnd(TokenId token) const;
  /// A token that is not an end. Nothing follows a finished choice. completes: nothing can follow what the constraint
  /// asks for, so nothing is waited for; that is no cut, whatever the token count.
  Accepted Accept(TokenId token, const std::optional<ScoredToken>& scored, bool completes = false);
  /// An end token came: what was held back becomes text.
  Accepted End();

  [[nodiscard]] uint32_t tokens() const { return tokens_; }
  [[nodiscard]] uint32_t reasoning_tokens() const { return reasoning_tokens_; }

 private:
  struct Ending {
    FinishReason reason;
    std::string stop_string;
    bool unpaid = false;
  };
  // Text becomes pieces. Something: the choice ends with them, whatever would follow.
  std::optional<Ending> Read(std::string_view text, std::vector<OutputPiece>& pieces);
  std::optional<Ending> Tell(std::vector<ParsedPiece> parsed, std::vector<OutputPiece>& pieces);
  Ending ReadEnd(std::vector<OutputPiece>& pieces);
  [[nodiscard]] Accepted Finish(OutputDelta delta, Ending ending) const;

  const Tokenizer& tokenizer_;
  const PreparedRequest& prepared_;
  const uint32_t choice_;
  const bool one_call_;
  uint32_t tokens_ = 0;
  uint32_t reasoning_tokens_ = 0;
  uint32_t calls_ = 0;  // begun
  StreamDecoder decoder_;
  std::unique_ptr<OutputParser> parser_;  // null: all is text
  StopMatcher stops_;
};

}  // namespace bedplate

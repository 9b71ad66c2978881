#pragma once
/// What the engine tells about one request, in order:
///   PromptRead, then per choice any number of OutputDelta and one ChoiceFinished, then one RequestFinished;
///   or, at any point instead of the rest, one RequestFailed. Exactly one of RequestFinished and RequestFailed comes,
///   last.

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "base/status.h"

namespace bedplate {

struct TokenAlternative {
  TokenId token;
  std::string bytes;  // what the token stands for; may be part of a UTF-8 character
  float logprob = 0;  // natural log, of the model's own distribution (before sampling parameters)
};

struct TokenLogprob {
  TokenAlternative chosen;
  std::vector<TokenAlternative> top;  // most likely first
};

struct Usage {
  uint32_t prompt_tokens = 0;               // includes cached
  uint32_t cached_tokens = 0;               // of the prompt, not computed again
  uint32_t output_tokens = 0;               // over all choices
  uint32_t reasoning_tokens = 0;            // of the output
  uint32_t prediction_accepted_tokens = 0;  // output tokens that the request's prediction foretold
  uint32_t prediction_rejected_tokens = 0;  // tokens of the prediction, for each choice, that did not appear so
  bool operator==(const Usage&) const = default;
};

enum class FinishReason : uint8_t {
  kStop,
  kLength,
  kToolCalls,  // ended by itself, or after its one call, and has called tools
};

struct PromptRead {
  uint32_t prompt_tokens = 0;
  uint32_t cached_tokens = 0;
  std::string prompt_text;                                   // only with echo
  std::vector<std::optional<TokenLogprob>> prompt_logprobs;  // only if asked; the first token has none
};

/// A part of what a choice says. Calls of tools come one after another, each as a begin, fragments of its arguments, an
/// end; text and reasoning may stand between them.
struct OutputPiece {
  enum class Kind : uint8_t {
    kText,           // the answer
    kReasoning,      // what the model wrote for itself before it
    kCallBegin,      // text: the tool's name
    kCallArguments,  // text: a fragment of the arguments, which are JSON if the model wrote JSON
    kCallEnd,
  };
  Kind kind = Kind::kText;
  std::string text;          // whole UTF-8 characters
  std::string call_id = {};  // kCallBegin: the call's name in later messages: letters, digits, '_'; at most 64
  bool operator==(const OutputPiece&) const = default;
};

struct OutputDelta {
  uint32_t choice = 0;
  std::vector<OutputPiece> pieces;     // in order; none while a character, a stop string or a marker is incomplete
  std::vector<TokenId> tokens;         // the tokens computed since the last delta
  std::vector<TokenLogprob> logprobs;  // one per token, if asked
  uint32_t reasoning_tokens = 0;       // of the tokens
};

struct ChoiceFinished {
  uint32_t choice = 0;
  FinishReason reason = FinishReason::kStop;
  std::string stop_string = {};  // the one that matched, if any
  bool unpaid = false;           // kLength: no further token was allowed (output_allowance.h)
};

struct RequestFinished {
  Usage usage;
};
struct RequestFailed {
  Status status;
  Usage usage;
};

/// The text of a delta alone: all that there is where nothing was looked for.
inline std::string TextOf(const OutputDelta& delta) {
  std::string text;
  for (const OutputPiece& piece : delta.pieces) {
    if (piece.kind == OutputPiece::Kind::kText) text += piece.text;
  }
  return text;
}

using Event = std::variant<PromptRead, OutputDelta, ChoiceFinished, RequestFinished, RequestFailed>;

}  // namespace bedplate

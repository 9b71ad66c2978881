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
  uint32_t prediction_accepted_tokens = 0;  // output tokens that the request's prediction foretold
  uint32_t prediction_rejected_tokens = 0;  // tokens of the prediction, for each choice, that did not appear so
  bool operator==(const Usage&) const = default;
};

enum class FinishReason : uint8_t { kStop, kLength };

struct PromptRead {
  uint32_t prompt_tokens = 0;
  uint32_t cached_tokens = 0;
  std::string prompt_text;                                   // only with echo
  std::vector<std::optional<TokenLogprob>> prompt_logprobs;  // only if asked; the first token has none
};

struct OutputDelta {
  uint32_t choice = 0;
  std::string text;             // whole UTF-8 characters; may be empty while a character or stop string is incomplete
  std::vector<TokenId> tokens;  // the tokens computed since the last delta
  std::vector<TokenLogprob> logprobs;  // one per token, if asked
};

struct ChoiceFinished {
  uint32_t choice = 0;
  FinishReason reason = FinishReason::kStop;
  std::string stop_string;  // the one that matched, if any
};

struct RequestFinished {
  Usage usage;
};
struct RequestFailed {
  Status status;
  Usage usage;
};

using Event = std::variant<PromptRead, OutputDelta, ChoiceFinished, RequestFinished, RequestFailed>;

}  // namespace bedplate

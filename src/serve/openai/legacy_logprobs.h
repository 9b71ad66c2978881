#pragma once
/// The logprobs of /v1/completions: four parallel arrays, tokens, token_logprobs, top_logprobs (an object by token) and
/// text_offset (in characters of the choice's text, the echoed prompt included).

#include <optional>
#include <string>
#include <vector>

#include "request/event.h"

namespace bedplate::openai {

/// Keeps the offset of one choice; the arrays are written piece by piece (streams) or once.
class LegacyLogprobs {
 public:
  /// The prompt's, with echo. prompt_text tells what the first token is, which has no log-probability.
  void AddPrompt(const PromptRead& prompt);
  void Add(const TokenLogprob& logprob);
  /// Appends {"tokens":[...],...} of what was added since the last call.
  void AppendJson(std::string& out);

 private:
  void AddToken(const std::string& bytes, std::optional<float> logprob);
  std::string tokens_, token_logprobs_, top_logprobs_, text_offset_;  // JSON, comma-separated
  size_t offset_ = 0;
};

/// A token as a string: its text, or, where its bytes are no text, "bytes:\xe2\x80" as OpenAI writes it.
std::string LegacyTokenName(const std::string& bytes);

}  // namespace bedplate::openai

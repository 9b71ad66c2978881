#pragma once
/// What a client asked, in no dialect: plain values that cross rooms. A dialect decodes to one Request and encodes the
/// Events (event.h) that come back. Limits named here are checked by the engine's Prepare, whatever the dialect.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "base/json.h"
#include "request/constraint.h"

namespace bedplate {

struct ToolCall {
  std::string id;
  std::string name;
  std::string arguments;  // JSON text
};

struct Message {
  std::string role;     // "system", "developer", "user", "assistant", "tool"
  std::string content;  // text parts joined
  std::string name;
  std::string reasoning;  // an assistant's earlier reasoning, where the client sends it back
  std::vector<ToolCall> tool_calls;
  std::string tool_call_id;
};

/// Which tools the answer may or must call.
struct ToolChoice {
  enum class Kind : uint8_t { kAuto, kRequired, kNamed };
  Kind kind = Kind::kAuto;
  std::string name;  // kNamed
};

/// To be rendered by the model's chat template. Its answer is read for reasoning and calls of tools (OutputPiece).
struct ChatPrompt {
  std::vector<Message> messages;
  Json tools;  // [{"type": "function", "function": {"name": ..., ...}}], as templates expect it; null: none
  ToolChoice tool_choice = {};
  bool parallel_tool_calls = true;  // false: the answer ends after its first call
  /// How much to think first: "none", or a word that the template knows; empty: as the model does by itself. Ignored
  /// where the template has no variable for it.
  std::string reasoning_effort = {};
  bool drops_oldest = false;  // where it doesn't fit, as few of the oldest turns as needed go; no system message does
  std::string answer_begin = {};    // the answer goes on from this text, which is not part of the output; empty: none
  Json::Object template_arguments;  // extra variables for the template, such as enable_thinking; they win
};
struct TextPrompt {
  std::string text;
};  // raw text, no template, special tokens parsed
struct TokenPrompt {
  std::vector<TokenId> tokens;
};  // used as they are
using Prompt = std::variant<ChatPrompt, TextPrompt, TokenPrompt>;

/// How the next token is drawn. Order: logit_bias, penalties, then temperature 0 takes the highest logit (lowest id on
/// a tie); otherwise top_k, typical_p, top_p and min_p narrow the candidates, the temperature shapes them, and one is
/// drawn by a random number that is a function of (seed, choice, position) alone.
struct SamplingParams {
  float temperature = 1.0f;                           // 0 to 2; 0 is greedy
  uint32_t top_k = 0;                                 // 0: all
  float top_p = 1.0f;                                 // (0, 1]
  float min_p = 0.0f;                                 // [0, 1]
  float typical_p = 1.0f;                             // (0, 1]
  float repetition_penalty = 1.0f;                    // (0, 10]; over prompt and output (Keskar et al. 2019)
  float frequency_penalty = 0.0f;                     // -2 to 2, over the output, per occurrence
  float presence_penalty = 0.0f;                      // -2 to 2, over the output
  std::vector<std::pair<TokenId, float>> logit_bias;  // added to logits; -100 to 100
  std::optional<uint64_t> seed;                       // none: the engine draws one
};

struct Request {
  std::string id;  // made once per request, unique; appears in logs and answers
  std::string model;
  Prompt prompt;
  SamplingParams sampling;
  uint32_t choices = 1;                       // n: independent sequences over one prompt; 1 to 128
  std::optional<uint32_t> output_tokens_max;  // none: up to the context's end
  bool output_ends_with_context = false;      // an output_tokens_max that doesn't fit means up to the context's end
  std::vector<std::string> stop_strings;      // up to 16, none empty; the output ends before the first that appears
  std::vector<TokenId> stop_tokens;           // also end the output; not part of it
  bool ignore_end_of_generation = false;      // go on past the model's end tokens (benchmarks)
  std::optional<uint32_t>
      logprobs_top;  // log-probabilities of each output token, with that many alternatives (0 to 20)
  std::optional<uint32_t> prompt_logprobs_top;  // the same for the prompt's tokens (recomputes: no prefix hit)
  std::optional<Constraint> constraint;         // what the output must look like (constraint.h)
  std::string cache_salt;                       // requests of different ones never share cached prompts
  std::string prediction;                       // text that much of the output is expected to repeat; empty: none
  bool speculation = true;  // false: this request's tokens are computed one by one. The same tokens either way
  bool echo = false;        // completions: the prompt's text first
  int32_t priority = 0;     // among those of its flow, higher first: in the queue, in prompt rows, last to be preempted
  uint64_t flow = 0;        // whose share it is of: a hash of the tenant; 0: one for everybody
  uint32_t weight = 1;      // of that share, at least 1
};

}  // namespace bedplate

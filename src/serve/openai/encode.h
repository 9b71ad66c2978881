#pragma once
/// Events to OpenAI's answers. A stream is chunks as "data: {...}\n\n", ended by "data: [DONE]\n\n":
///   chat: per choice one chunk with the role, then the deltas of reasoning (in both names that clients know, reasoning
///   and reasoning_content), content and tool calls, then an empty delta with the finish_reason;
///   completions: deltas of text, the prompt's first with echo, the last with the finish_reason;
///   with include_usage every chunk has "usage": null, and one more with "choices": [] has the numbers.
/// The text before and after what changes in a chunk is made once per answer.
/// Sources: https://platform.openai.com/docs/api-reference/chat/streaming, /completions.

#include <memory>
#include <string>

#include "request/event.h"
#include "serve/dialect.h"

namespace bedplate::openai {

struct ChatReplyOptions {
  bool stream = false;
  bool include_usage = false;
  bool logprobs = false;
  uint32_t choices = 1;
  bool service_tier = false;  // one was asked for: the answer says that it got the default
};
std::unique_ptr<ReplyEncoder> MakeChatEncoder(ChatReplyOptions options, const ReplyIdentity& identity);

struct CompletionsReplyOptions {
  bool stream = false;
  bool include_usage = false;
  bool logprobs = false;
  uint32_t prompts = 1;
  uint32_t choices = 1;  // per prompt; choice i of prompt p has index p * choices + i
};
std::unique_ptr<ReplyEncoder> MakeCompletionsEncoder(CompletionsReplyOptions options, const ReplyIdentity& identity);

// ---- Shared by the two ----

/// {"prompt_tokens":...,"completion_tokens":...,"total_tokens":...,"prompt_tokens_details":{"cached_tokens":...},...}
std::string UsageJson(const Usage& usage);
/// What follows a choice's finish_reason: that a budget ended it; mostly nothing.
std::string_view StopMark(bool unpaid);
std::string_view FinishReasonName(FinishReason reason);  // "stop", "length", "tool_calls"
/// Members of an answer or chunk up to choices: {"id":..,"object":..,"created":..,"model":..,"system_fingerprint":..,
std::string ReplyHead(std::string_view object, std::string_view id_prefix, const ReplyIdentity& identity);
/// JSON has no infinities; OpenAI writes -9999 for "can't happen".
float PrintableLogprob(float logprob);
/// How a stream of chunks that begin with head (up to "choices":[) ends: with the numbers if asked, and [DONE].
void AppendStreamEnd(std::string_view head, bool include_usage, const Usage& total, std::string& out);
void AppendStreamFailure(const Status& status, std::string& out);

}  // namespace bedplate::openai

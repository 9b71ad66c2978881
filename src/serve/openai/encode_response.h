#pragma once
/// Events to a response: always as a stream of typed, numbered events, "event: TYPE\ndata: {"type":TYPE,
/// "sequence_number":N,...}\n\n", N from 0 without gaps. What a client gets that didn't ask for a stream is the
/// response in its last event.
///
///   response.created, [response.queued,] response.in_progress,
///   for each item of the output, one after another:
///     response.output_item.added,
///     message:       response.content_part.added, response.output_text.delta*, response.output_text.done,
///                    response.content_part.done
///     reasoning:     the same with response.reasoning_text.delta and .done
///     function_call: response.function_call_arguments.delta*, response.function_call_arguments.done
///     custom_tool_call: response.custom_tool_call_input.delta, response.custom_tool_call_input.done, at its end: the
///                    model writes its input as JSON, whose characters come out when it is whole
///     response.output_item.done,
///   one of response.completed, response.incomplete, response.failed.
///
/// A response in the background says created and queued as soon as the engine has taken it. One that was cancelled ends
/// with response.failed, its status "cancelled": OpenAI has no event of that name.
/// Source: https://platform.openai.com/docs/api-reference/responses-streaming.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "serve/dialect.h"

namespace bedplate::openai {

struct ResponseReplyOptions {
  Json::Object echo{};  // what a response repeats of its request
  bool stream = false;
  bool background = false;  // then a stream
  bool logprobs = false;
  std::vector<std::string> custom_tools{};  // the names of those that are called with a text
  std::function<int64_t()> unix_seconds{};
};
std::unique_ptr<ReplyEncoder> MakeResponseEncoder(ResponseReplyOptions options, const ReplyIdentity& identity);

/// The response (as JSON) with another status: what has become of one whose server ended, or that can't be stored.
Json WithFailure(Json response, std::string_view status, std::string_view message);

/// {"object":"response.input_tokens","input_tokens":N}
std::string EncodeInputTokens(uint32_t input_tokens);

}  // namespace bedplate::openai

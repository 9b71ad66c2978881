#pragma once
/// Events to Anthropic's answers: a message whose content is blocks (thinking, text, tool_use), in the order in which
/// the model said them. A stream is named events:
///   message_start, then per block content_block_start, content_block_delta...,
///   content_block_stop (a ping follows the first start), then message_delta
///   with the reason and the usage, then message_stop; or, instead of the rest,
///   error.
/// input_tokens leave out what came from the prefix cache, which cache_read_input_tokens counts. Nothing is charged for
/// filling it: cache_creation_input_tokens is 0. Source: https://docs.anthropic.com/en/api/messages-streaming.

#include <memory>
#include <string>

#include "request/event.h"
#include "serve/dialect.h"

namespace bedplate::anthropic {

struct MessagesReplyOptions {
  bool stream = false;
  uint32_t output_tokens_max = 0;  // as asked; an answer that the context ended is shorter
};
std::unique_ptr<ReplyEncoder> MakeMessagesEncoder(MessagesReplyOptions options, ReplyIdentity identity);

/// What a count_tokens request is answered.
std::string EncodeTokenCount(uint32_t input_tokens);

}  // namespace bedplate::anthropic

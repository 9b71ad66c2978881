#pragma once
/// Events to Converse's answers: a message whose content is blocks (reasoningContent, text, toolUse), in the order in
/// which the model said them. A stream is event messages (event_message.h):
///   messageStart, then per block contentBlockStart (of a toolUse only), contentBlockDelta..., contentBlockStop, then
///   messageStop with the reason, then metadata with the usage; or, instead of the rest, an exception.
/// inputTokens leave out what came from the prefix cache, which cacheReadInputTokens counts; totalTokens are all. While
/// a stream has nothing to say, an event `ping` comes now and then, which clients skip as they skip new events.

#include <memory>
#include <optional>

#include "request/event.h"
#include "serve/dialect.h"

namespace bedplate::bedrock {

struct ConverseReplyOptions {
  bool stream = false;
  bool with_stop_sequence = false;                 // additionalModelResponseFields: {"stop_sequence": ...}
  std::optional<uint32_t> output_tokens_max = {};  // as asked; an answer that the context ended is shorter
};
std::unique_ptr<ReplyEncoder> MakeConverseEncoder(ConverseReplyOptions options, ReplyIdentity identity);

/// What CountTokens is answered.
std::string EncodeTokenCount(uint32_t input_tokens);

}  // namespace bedplate::bedrock

#pragma once
/// `system` and `messages` to the messages of a chat. One of Anthropic's turns may become several: results of tools are
/// messages of their own, before the text that comes with them.

#include "base/status.h"
#include "request/request.h"
#include "serve/anthropic/decode.h"
#include "serve/field_reader.h"

namespace bedplate::anthropic {

Status ReadConversation(const FieldReader& fields, Version version, ChatPrompt& prompt);

}  // namespace bedplate::anthropic

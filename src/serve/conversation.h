#pragma once
/// What dialects whose turns hold blocks do with a conversation once it is read.

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "request/request.h"

namespace bedplate {

/// Blocks of one message are lines of it.
void AddLine(std::string_view more, std::string& text);

/// Neighbours of one role become one message, as many templates insist that roles take turns; results of tools stay. A
/// last message of the assistant is what the answer begins with. kInvalidArgument where no message is left.
Status FinishConversation(ChatPrompt& prompt);

}  // namespace bedplate

#pragma once
/// From a chat's messages and tools to what a chat template reads. Templates differ in more than their markers; what
/// they need of a message is decided here, by the traits of their text (chat_template.h).
///
/// A template that takes no tools would drop them without a word. For such a model the tools are told in the system
/// message, and calls and results of earlier turns become text, in Hermes' format: <tool_call>{"name": ...,
/// "arguments": {...}}</tool_call>, <tool_response>...</tool_response>.
///
/// Pure; any thread.

#include "base/json.h"
#include "request/request.h"
#include "text/chat_template.h"

namespace bedplate {

/// Everything but the bos and eos tokens and the time.
ChatTemplate::Inputs TemplateInputs(const ChatPrompt& prompt, const ChatTemplate& chat_template);

/// The same chat with the system messages that are not at its beginning made part of the users': many templates
/// refuse them there, and agents send them.
ChatPrompt WithSystemAtBeginning(const ChatPrompt& prompt);

}  // namespace bedplate

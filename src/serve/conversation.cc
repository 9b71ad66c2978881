#include "serve/conversation.h"

#include <utility>

namespace bedplate {
namespace {

std::vector<Message> Joined(std::vector<Message> messages) {
  std::vector<Message> joined;
  for (Message& message : messages) {
    const bool joins = !joined.empty() && joined.back().role == message.role && message.role != "tool";
    if (!joins) {
      joined.push_back(std::move(message));
      continue;
    }
    Message& last = joined.back();
    AddLine(message.content, last.content);
    AddLine(message.reasoning, last.reasoning);
    for (ToolCall& call : message.tool_calls) last.tool_calls.push_back(std::move(call));
  }
  return joined;
}

}  // namespace

void AddLine(std::string_view more, std::string& text) {
  if (!text.empty() && !more.empty()) text += "\n";
  text += more;
}

Status FinishConversation(ChatPrompt& prompt) {
  const auto none = [] {
    return Status::InvalidArgument("messages: a user's message is required").WithParam("messages");
  };
  if (prompt.messages.empty()) return none();
  prompt.messages = Joined(std::move(prompt.messages));
  Message& last = prompt.messages.back();
  if (last.role != "assistant" || !last.tool_calls.empty()) return Status::Ok();
  prompt.answer_begin = std::move(last.content);
  prompt.messages.pop_back();
  return prompt.messages.empty() ? none() : Status::Ok();
}

}  // namespace bedplate

#include "serve/anthropic/decode_content.h"

#include <utility>

#include "base/cat.h"
#include "serve/conversation.h"

namespace bedplate::anthropic {
namespace {

// Claude Code begins the system text with this line, whose value changes from request to request: it is about billing,
// and would keep every prompt from being found in the prefix cache.
constexpr std::string_view kBillingLine = "x-anthropic-billing-header:";

Status Refuse(const std::string& path, const std::string& type, std::string_view why) {
  return Unsupported(Cat(path, ".type"), Cat(path, ".type: blocks of type '", type.substr(0, 50), "' ", why));
}
constexpr std::string_view kTextOnly = "are not supported: the models here read text only.";

std::string_view WithoutBillingLine(std::string_view text) {
  if (!text.starts_with(kBillingLine)) return text;
  const size_t end = text.find('\n');
  return end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
}

// Calls visit(fields, type) for each block of an array.
template <class Visit>
Status ForEachBlock(const Json::Array& blocks, const std::string& path, Visit visit) {
  for (size_t i = 0; i < blocks.size(); ++i) {
    const std::string at = Cat(path, "[", i, "]");
    if (!blocks[i].is_object()) return WrongType(at, "an object", blocks[i]);
    const FieldReader fields(blocks[i], at);
    BP_ASSIGN_OR_RETURN(const std::string type, fields.RequiredString("type"));
    BP_RETURN_IF_ERROR(visit(fields, type, at));
  }
  return Status::Ok();
}

// A string, or blocks of text.
Result<std::string> ReadText(const Json& content, const std::string& path) {
  if (content.is_string()) return content.as_string();
  if (!content.is_array()) return WrongType(path, "a string or an array of content blocks", content);
  std::string text;
  BP_RETURN_IF_ERROR(
      ForEachBlock(content.as_array(), path,
                   [&](const FieldReader& block, const std::string& type, const std::string& at) -> Status {
                     if (type != "text") return Refuse(at, type, kTextOnly);
                     BP_ASSIGN_OR_RETURN(const std::string piece, block.RequiredString("text"));
                     AddLine(piece, text);
                     return Status::Ok();
                   }));
  return text;
}

Status ReadSystem(const FieldReader& fields, ChatPrompt& prompt) {
  const Json* system = fields.Get("system");
  if (system == nullptr) return Status::Ok();
  Message message;
  message.role = "system";
  if (system->is_array()) {
    bool first = true;
    BP_RETURN_IF_ERROR(ForEachBlock(
        system->as_array(), "system",
        [&](const FieldReader& block, const std::string& type, const std::string& at) -> Status {
          if (type != "text") return Refuse(at, type, kTextOnly);
          BP_ASSIGN_OR_RETURN(const std::string text, block.RequiredString("text"));
          AddLine(std::exchange(first, false) ? WithoutBillingLine(text) : std::string_view(text), message.content);
          return Status::Ok();
        }));
  } else if (system->is_string()) {
    message.content = WithoutBillingLine(system->as_string());
  } else {
    return fields.WrongType("system", "a string or an array of text blocks", *system);
  }
  if (!message.content.empty()) prompt.messages.push_back(std::move(message));
  return Status::Ok();
}

// A document that is text; others are files.
Status ReadDocument(const FieldReader& block, const std::string& at, std::string& text) {
  const Json* found = block.Get("source");
  const Json source = found == nullptr ? Json() : *found;
  const Json* kind = source.Find("type");
  const std::string type = kind != nullptr && kind->is_string() ? kind->as_string() : "";
  const Json* data = type == "text" ? source.Find("data") : type == "content" ? source.Find("content") : nullptr;
  if (data == nullptr) {
    return Unsupported(Cat(at, ".source"), Cat(at, ".source: documents of type '", type.substr(0, 50),
                                               "' are not supported: the models here read text "
                                               "only; send it as text."));
  }
  BP_ASSIGN_OR_RETURN(const std::string* title, block.String("title"));
  if (title != nullptr) AddLine(*title, text);
  BP_ASSIGN_OR_RETURN(const std::string content, ReadText(*data, Cat(at, ".source")));
  AddLine(content, text);
  return Status::Ok();
}

// A string, or blocks of text and documents that are text.
Status ReadResultContent(const Json& content, const std::string& path, std::string& text) {
  if (!content.is_array()) {
    BP_ASSIGN_OR_RETURN(text, ReadText(content, path));
    return Status::Ok();
  }
  return ForEachBlock(content.as_array(), path,
                      [&](const FieldReader& block, const std::string& type, const std::string& at) -> Status {
                        if (type == "document") return ReadDocument(block, at, text);
                        if (type != "text") return Refuse(at, type, kTextOnly);
                        BP_ASSIGN_OR_RETURN(const std::string piece, block.RequiredString("text"));
                        AddLine(piece, text);
                        return Status::Ok();
                      });
}

Status ReadToolResult(const FieldReader& block, const std::string& at, ChatPrompt& prompt) {
  Message result;
  result.role = "tool";
  BP_ASSIGN_OR_RETURN(result.tool_call_id, block.RequiredString("tool_use_id"));
  if (const Json* content = block.Get("content")) {
    BP_RETURN_IF_ERROR(ReadResultContent(*content, Cat(at, ".content"), result.content));
  }
  BP_ASSIGN_OR_RETURN(const auto failed, block.Bool("is_error"));
  if (failed.value_or(false) && !result.content.starts_with("Error")) {
    result.content = result.content.empty() ? "Error" : Cat("Error: ", result.content);
  }
  prompt.messages.push_back(std::move(result));
  return Status::Ok();
}

Status ReadUserTurn(const Json::Array& blocks, const std::string& path, Version version, ChatPrompt& prompt) {
  Message message;
  message.role = "user";
  bool has_text = false;
  BP_RETURN_IF_ERROR(ForEachBlock(
      blocks, path, [&](const FieldReader& block, const std::string& type, const std::string& at) -> Status {
        if (type == "tool_result") return ReadToolResult(block, at, prompt);
        has_text = true;
        if (type == "document") return ReadDocument(block, at, message.content);
        if (type != "text") return Refuse(at, type, kTextOnly);
        if (version == Version::k2026 && block.Get("citations") != nullptr) {
          return Status::InvalidArgument(Cat(at,
                                             ".citations: not accepted in user turns since "
                                             "anthropic-version 2026-10-21."))
              .WithParam(Cat(at, ".citations"));
        }
        BP_ASSIGN_OR_RETURN(const std::string text, block.RequiredString("text"));
        AddLine(text, message.content);
        return Status::Ok();
      }));
  if (has_text) prompt.messages.push_back(std::move(message));
  return Status::Ok();
}

Status ReadAssistantTurn(const Json::Array& blocks, const std::string& path, Version version, ChatPrompt& prompt) {
  Message message;
  message.role = "assistant";
  BP_RETURN_IF_ERROR(ForEachBlock(
      blocks, path, [&](const FieldReader& block, const std::string& type, const std::string& at) -> Status {
        if (type == "text") {
          BP_ASSIGN_OR_RETURN(const std::string text, block.RequiredString("text"));
          AddLine(text, message.content);
        } else if (type == "thinking") {
          BP_ASSIGN_OR_RETURN(const std::string thinking, block.RequiredString("thinking"));
          AddLine(thinking, message.reasoning);
        } else if (type == "tool_use") {
          ToolCall call;
          BP_ASSIGN_OR_RETURN(call.id, block.RequiredString("id"));
          BP_ASSIGN_OR_RETURN(call.name, block.RequiredString("name"));
          const Json* input = block.Get("input");
          if (input != nullptr && !input->is_object()) return block.WrongType("input", "an object", *input);
          call.arguments = input == nullptr ? "{}" : WriteJson(*input);
          message.tool_calls.push_back(std::move(call));
        } else if (type == "document" && version == Version::k2023) {
          return ReadDocument(block, at, message.content);
        } else if (type != "redacted_thinking") {  // which nobody but its maker can read
          return Refuse(at, type, "are not supported in assistant turns.");
        }
        return Status::Ok();
      }));
  prompt.messages.push_back(std::move(message));
  return Status::Ok();
}

Status ReadTurn(const Json& turn, const std::string& path, Version version, ChatPrompt& prompt) {
  if (!turn.is_object()) return WrongType(path, "an object", turn);
  const FieldReader fields(turn, path);
  BP_ASSIGN_OR_RETURN(const std::string role, fields.RequiredString("role"));
  const Json* content = fields.Get("content");
  const std::string at = fields.PathOf("content");
  if (content == nullptr) return Status::InvalidArgument(Cat(at, ": Field required")).WithParam(at);
  if (role != "user" && role != "assistant" && role != "system") {
    return Status::InvalidArgument(
               Cat(path, ".role: '", role.substr(0, 50), "'; allowed: user, assistant, and system between turns."))
        .WithParam(Cat(path, ".role"));
  }
  if (content->is_array() && role == "user") return ReadUserTurn(content->as_array(), at, version, prompt);
  if (content->is_array() && role == "assistant") return ReadAssistantTurn(content->as_array(), at, version, prompt);
  Message message;
  message.role = role;
  BP_ASSIGN_OR_RETURN(message.content, ReadText(*content, at));
  prompt.messages.push_back(std::move(message));
  return Status::Ok();
}

}  // namespace

Status ReadConversation(const FieldReader& fields, Version version, ChatPrompt& prompt) {
  BP_RETURN_IF_ERROR(ReadSystem(fields, prompt));
  const Json* messages = fields.Get("messages");
  if (messages == nullptr) return Status::InvalidArgument("messages: Field required").WithParam("messages");
  if (!messages->is_array()) return fields.WrongType("messages", "an array of objects", *messages);
  if (messages->as_array().empty()) {
    return Status::InvalidArgument("messages: at least one message is required").WithParam("messages");
  }
  for (size_t i = 0; i < messages->as_array().size(); ++i) {
    BP_RETURN_IF_ERROR(ReadTurn(messages->as_array()[i], Cat("messages[", i, "]"), version, prompt));
  }
  return FinishConversation(prompt);
}

}  // namespace bedplate::anthropic

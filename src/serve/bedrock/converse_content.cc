#include "serve/bedrock/converse_content.h"

#include <algorithm>
#include <optional>

#include "base/base64.h"
#include "base/cat.h"
#include "serve/conversation.h"
#include "serve/field_reader.h"
#include "text/template_unicode.h"

namespace bedplate::bedrock {
namespace {

Status Refuse(const std::string& at, std::string_view kind, std::string_view why) {
  std::string path = Cat(at, ".", kind.substr(0, 50));
  std::string message = Cat(path, ": blocks of this kind ", why);
  return Unsupported(std::move(path), std::move(message));
}
constexpr std::string_view kTextOnly = "are not supported: the models here read text only.";

// Calls visit(kind, value, path) for each block of an array.
template <class Visit>
Status ForEachBlock(const Json& blocks, const std::string& path, Visit visit) {
  if (!blocks.is_array()) return WrongType(path, "an array of content blocks", blocks);
  for (size_t i = 0; i < blocks.as_array().size(); ++i) {
    const std::string at = Cat(path, "[", i, "]");
    BP_ASSIGN_OR_RETURN(const auto member, ReadUnion(blocks.as_array()[i], at));
    BP_RETURN_IF_ERROR(visit(*member.first, *member.second, at));
  }
  return Status::Ok();
}

Status AddText(const Json& value, const std::string& at, std::string& text) {
  if (!value.is_string()) return WrongType(Cat(at, ".text"), "a string", value);
  AddLine(value.as_string(), text);
  return Status::Ok();
}

// The text of a document's source, if it is of a format that is text.
Result<std::string> ReadSource(const Json& source, const std::string& format, const std::string& at) {
  BP_ASSIGN_OR_RETURN(const auto member, ReadUnion(source, at));
  const auto& [kind, value] = member;
  std::string text;
  if (*kind == "text") {
    BP_RETURN_IF_ERROR(AddText(*value, at, text));
  } else if (*kind == "content") {
    BP_RETURN_IF_ERROR(ForEachBlock(
        *value, Cat(at, ".content"), [&](const std::string& part, const Json& piece, const std::string& where) {
          return part == "text" ? AddText(piece, where, text) : Refuse(where, part, kTextOnly);
        }));
  } else if (*kind == "bytes") {
    constexpr std::string_view kFormats[] = {"txt", "md", "csv", "html"};
    if (std::ranges::find(kFormats, format) == std::end(kFormats)) {
      return Unsupported(Cat(at, ".bytes"), Cat(at, ".bytes: documents of format '", format.substr(0, 20),
                                                "' can't be read; send txt, md, csv or html, or the text itself."));
    }
    const auto bytes = value->is_string() ? DecodeBase64(value->as_string()) : std::nullopt;
    if (!bytes || jinja::FindInvalidUtf8(*bytes) < bytes->size())
      return InvalidField(Cat(at, ".bytes"), "not UTF-8 text in base64.");
    text = *bytes;
  } else {
    return Refuse(at, *kind, "are not supported: nothing is fetched from elsewhere; send the text itself.");
  }
  return text;
}

Status AddDocument(const Json& value, const std::string& at, std::string& text) {
  const std::string path = Cat(at, ".document");
  if (!value.is_object()) return WrongType(path, "an object", value);
  const FieldReader fields(value, path);
  BP_ASSIGN_OR_RETURN(const std::string name, fields.RequiredString("name"));
  BP_ASSIGN_OR_RETURN(const std::string* format, fields.String("format"));
  const Json* source = fields.Get("source");
  if (source == nullptr) return InvalidField(fields.PathOf("source"), "required.");
  BP_ASSIGN_OR_RETURN(const std::string content,
                      ReadSource(*source, format == nullptr ? "txt" : *format, fields.PathOf("source")));
  AddLine(name, text);
  BP_ASSIGN_OR_RETURN(const std::string* context, fields.String("context"));
  if (context != nullptr) AddLine(*context, text);
  AddLine(content, text);
  return Status::Ok();
}

Result<std::string> RequiredName(const FieldReader& fields, std::string_view member, std::string_view allowed) {
  BP_ASSIGN_OR_RETURN(const std::string name, fields.RequiredString(member));
  const bool fits = std::ranges::all_of(name, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           allowed.find(c) != std::string_view::npos;
  });
  if (!name.empty() && name.size() <= 64 && fits) return name;
  return InvalidField(fields.PathOf(member), Cat("1 to 64 letters, digits and any of ", allowed, " are allowed."));
}

Status ReadToolResult(const Json& value, const std::string& at, ChatPrompt& prompt) {
  const std::string path = Cat(at, ".toolResult");
  if (!value.is_object()) return WrongType(path, "an object", value);
  const FieldReader fields(value, path);
  Message result;
  result.role = "tool";
  BP_ASSIGN_OR_RETURN(result.tool_call_id, RequiredName(fields, "toolUseId", "_.:-"));
  const Json* content = fields.Get("content");
  if (content == nullptr) return InvalidField(fields.PathOf("content"), "required.");
  BP_RETURN_IF_ERROR(ForEachBlock(*content, fields.PathOf("content"),
                                  [&](const std::string& kind, const Json& piece, const std::string& where) {
                                    if (kind == "text") return AddText(piece, where, result.content);
                                    if (kind == "document") return AddDocument(piece, where, result.content);
                                    if (kind != "json") return Refuse(where, kind, kTextOnly);
                                    AddLine(WriteJson(piece), result.content);
                                    return Status::Ok();
                                  }));
  BP_ASSIGN_OR_RETURN(const std::string* status, fields.String("status"));
  if (status != nullptr && *status != "success" && *status != "error") {
    return InvalidField(fields.PathOf("status"), Cat("'", status->substr(0, 50), "'; allowed: success, error."));
  }
  if (status != nullptr && *status == "error" && !result.content.starts_with("Error")) {
    result.content = result.content.empty() ? "Error" : Cat("Error: ", result.content);
  }
  prompt.messages.push_back(std::move(result));
  return Status::Ok();
}

Status ReadToolUse(const Json& value, const std::string& at, Message& message) {
  const std::string path = Cat(at, ".toolUse");
  if (!value.is_object()) return WrongType(path, "an object", value);
  const FieldReader fields(value, path);
  ToolCall call;
  BP_ASSIGN_OR_RETURN(call.id, RequiredName(fields, "toolUseId", "_.:-"));
  BP_ASSIGN_OR_RETURN(call.name, RequiredName(fields, "name", "_-"));
  if (fields.Get("type") != nullptr) {
    return Unsupported(fields.PathOf("type"), Cat(fields.PathOf("type"), ": tools run in the client only."));
  }
  const Json* input = fields.Get("input");
  if (input != nullptr && !input->is_object()) return fields.WrongType("input", "an object", *input);
  call.arguments = input == nullptr ? "{}" : WriteJson(*input);
  message.tool_calls.push_back(std::move(call));
  return Status::Ok();
}

Status ReadReasoning(const Json& value, const std::string& at, Message& message) {
  const std::string path = Cat(at, ".reasoningContent");
  BP_ASSIGN_OR_RETURN(const auto member, ReadUnion(value, path));
  if (*member.first == "redactedContent") return Status::Ok();  // which nobody but its maker can read
  if (*member.first != "reasoningText" || !member.second->is_object()) {
    return Refuse(path, *member.first, "are not supported in assistant turns.");
  }
  const FieldReader fields(*member.second, Cat(path, ".reasoningText"));
  BP_ASSIGN_OR_RETURN(const std::string text, fields.RequiredString("text"));
  AddLine(text, message.reasoning);
  return Status::Ok();
}

Status ReadUserTurn(const Json& content, const std::string& path, ChatPrompt& prompt) {
  Message message;
  message.role = "user";
  bool has_text = false;
  BP_RETURN_IF_ERROR(
      ForEachBlock(content, path, [&](const std::string& kind, const Json& value, const std::string& at) -> Status {
        if (kind == "toolResult") return ReadToolResult(value, at, prompt);
        if (kind == "cachePoint") return CheckCachePoint(value, at);
        has_text = true;
        if (kind == "text") return AddText(value, at, message.content);
        if (kind == "document") return AddDocument(value, at, message.content);
        if (kind == "toolUse" || kind == "reasoningContent")
          return Refuse(at, kind, "belong in the assistant's turns.");
        if (kind == "guardContent") return Refuse(at, kind, "are not supported: there are no guardrails here.");
        return Refuse(at, kind, kTextOnly);
      }));
  if (has_text) prompt.messages.push_back(std::move(message));
  return Status::Ok();
}

Status ReadAssistantTurn(const Json& content, const std::string& path, ChatPrompt& prompt) {
  Message message;
  message.role = "assistant";
  BP_RETURN_IF_ERROR(
      ForEachBlock(content, path, [&](const std::string& kind, const Json& value, const std::string& at) -> Status {
        if (kind == "text") return AddText(value, at, message.content);
        if (kind == "toolUse") return ReadToolUse(value, at, message);
        if (kind == "reasoningContent") return ReadReasoning(value, at, message);
        if (kind == "cachePoint") return CheckCachePoint(value, at);
        return Refuse(at, kind, "are not supported in assistant turns.");
      }));
  prompt.messages.push_back(std::move(message));
  return Status::Ok();
}

Status ReadSystemTurn(const Json& content, const std::string& path, ChatPrompt& prompt) {
  Message message;
  message.role = "system";
  BP_RETURN_IF_ERROR(
      ForEachBlock(content, path, [&](const std::string& kind, const Json& value, const std::string& at) -> Status {
        if (kind == "text") return AddText(value, at, message.content);
        if (kind == "cachePoint") return CheckCachePoint(value, at);
        return Refuse(at, kind, "are not supported in system text.");
      }));
  if (!message.content.empty()) prompt.messages.push_back(std::move(message));
  return Status::Ok();
}

Status ReadTurn(const Json& turn, const std::string& path, ChatPrompt& prompt) {
  if (!turn.is_object()) return WrongType(path, "an object", turn);
  const FieldReader fields(turn, path);
  BP_ASSIGN_OR_RETURN(const std::string role, fields.RequiredString("role"));
  const Json* content = fields.Get("content");
  if (content == nullptr) return InvalidField(fields.PathOf("content"), "required.");
  const std::string at = fields.PathOf("content");
  if (role == "user") return ReadUserTurn(*content, at, prompt);
  if (role == "assistant") return ReadAssistantTurn(*content, at, prompt);
  if (role == "system") return ReadSystemTurn(*content, at, prompt);
  return InvalidField(fields.PathOf("role"), Cat("'", role.substr(0, 50), "'; allowed: user, assistant, system."));
}

}  // namespace

Result<std::pair<const std::string*, const Json*>> ReadUnion(const Json& value, const std::string& path) {
  if (!value.is_object()) return WrongType(path, "an object", value);
  std::pair<const std::string*, const Json*> found{nullptr, nullptr};
  size_t members = 0;
  for (const auto& [name, member] : value.as_object()) {
    if (member.is_null()) continue;
    found = {&name, &member};
    ++members;
  }
  if (members == 1) return found;
  return InvalidField(path, Cat("it must have exactly one member, but has ", members, "."));
}

Status CheckCachePoint(const Json& value, const std::string& path) {
  const Json* type = value.Find("type");
  if (type != nullptr && type->is_string() && type->as_string() == "default") return Status::Ok();
  return InvalidField(Cat(path, ".cachePoint.type"), "allowed: default.");
}

Status ReadConversation(const FieldReader& fields, ChatPrompt& prompt) {
  if (const Json* system = fields.Get("system")) {
    BP_RETURN_IF_ERROR(ReadSystemTurn(*system, fields.PathOf("system"), prompt));
  }
  const Json* messages = fields.Get("messages");
  const std::string path = fields.PathOf("messages");
  if (messages != nullptr && !messages->is_array())
    return fields.WrongType("messages", "an array of objects", *messages);
  if (messages == nullptr || messages->as_array().empty())
    return InvalidField(path, "at least one message is required.");
  for (size_t i = 0; i < messages->as_array().size(); ++i) {
    BP_RETURN_IF_ERROR(ReadTurn(messages->as_array()[i], Cat(path, "[", i, "]"), prompt));
  }
  return FinishConversation(prompt);
}

}  // namespace bedplate::bedrock

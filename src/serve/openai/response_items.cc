#include "serve/openai/response_items.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/cat.h"

namespace bedplate::openai {
namespace {

constexpr size_t kItemsMax = 10'000;
constexpr size_t kResponseIdLength = 32;

/// The parts' texts, joined.
std::string JoinedTexts(const Json* parts) {
  if (parts == nullptr) return {};
  if (parts->is_string()) return parts->as_string();
  std::string text;
  if (!parts->is_array()) return text;
  for (const Json& part : parts->as_array()) text += TextAt(part, part.Find("refusal") != nullptr ? "refusal" : "text");
  return text;
}

/// Reads one request's items, each to the form that is stored.
class ItemReader {
 public:
  ItemReader(std::string_view response, ResponseHistory& history) : response_(response), history_(history) {}

  Result<Json> Read(const Json& item, size_t index) {
    const std::string path = Cat("input[", index, "]");
    if (!item.is_object()) return WrongType(path, "an object", item);
    const FieldReader fields(item, path);
    BP_ASSIGN_OR_RETURN(const std::string* type, fields.String("type"));
    BP_ASSIGN_OR_RETURN(const std::string* role, fields.String("role"));
    if (type == nullptr && role == nullptr) return Reference(fields);  // OpenAI lets their type be left out, too
    if (type == nullptr || *type == "message") return MessageItem(fields, index);
    if (*type == "function_call" || *type == "custom_tool_call") return CallItem(fields, *type, index);
    if (*type == "function_call_output" || *type == "custom_tool_call_output") {
      return CallOutputItem(fields, *type, index);
    }
    if (*type == "reasoning") return ReasoningItem(fields, index);
    if (*type == "item_reference") return Reference(fields);
    return Unsupported(fields.PathOf("type"),
                       Cat("Items of type '", type->substr(0, 50), "' are not supported; allowed: message, ",
                           "function_call, function_call_output, custom_tool_call, custom_tool_call_output, ",
                           "reasoning, item_reference."));
  }

  Json UserText(const std::string& text) {
    return Json::Object{{"id", Cat("msg_", response_, "_i0")},
                        {"type", "message"},
                        {"status", "completed"},
                        {"role", "user"},
                        {"content", Json::Array{Json::Object{{"type", "input_text"}, {"text", text}}}}};
  }

 private:
  /// The client's id, or one of ours.
  Result<Json> IdOf(const FieldReader& fields, std::string_view prefix, size_t index) const {
    BP_ASSIGN_OR_RETURN(const std::string* id, fields.String("id"));
    if (id != nullptr && !id->empty()) return Json(*id);
    return Json(Cat(prefix, "_", response_, "_i", index));
  }

  Result<Json> MessageItem(const FieldReader& fields, size_t index) const {
    BP_ASSIGN_OR_RETURN(std::string role, fields.RequiredString("role"));
    constexpr std::string_view kRoles[] = {"system", "developer", "user", "assistant"};
    if (std::ranges::find(kRoles, role) == std::end(kRoles)) {
      return Status::InvalidArgument(Cat("Invalid value: '", role.substr(0, 50),
                                         "'. Supported values are: 'assistant', 'system', 'developer', and 'user'."))
          .WithParam(fields.PathOf("role"))
          .WithReason("invalid_value");
    }
    BP_ASSIGN_OR_RETURN(Json::Array content, Parts(fields, "content", role == "assistant"));
    BP_ASSIGN_OR_RETURN(Json id, IdOf(fields, "msg", index));
    return Json(Json::Object{{"id", std::move(id)},
                             {"type", "message"},
                             {"status", "completed"},
                             {"role", std::move(role)},
                             {"content", std::move(content)}});
  }

  /// A string, or parts of text; what the assistant said is output, the rest input.
  static Result<Json::Array> Parts(const FieldReader& fields, std::string_view name, bool output) {
    const auto part_of = [output](const std::string& text) {
      Json::Object part{{"type", output ? "output_text" : "input_text"}, {"text", text}};
      if (output) part.emplace_back("annotations", Json::Array{});
      return Json(std::move(part));
    };
    const Json* content = fields.Get(name);
    if (content == nullptr) {
      return Status::InvalidArgument(Cat("Missing required parameter: '", fields.PathOf(name), "'."))
          .WithParam(fields.PathOf(name))
          .WithReason("missing_required_parameter");
    }
    if (content->is_string()) return Json::Array{part_of(content->as_string())};
    if (!content->is_array()) return fields.WrongType(name, "a string or an array of content parts", *content);
    Json::Array parts;
    for (size_t i = 0; i < content->as_array().size(); ++i) {
      const Json& part = content->as_array()[i];
      const std::string path = Cat(fields.PathOf(name), "[", i, "]");
      if (!part.is_object()) return WrongType(path, "an object", part);
      const FieldReader of_part(part, path);
      BP_ASSIGN_OR_RETURN(const std::string type, of_part.RequiredString("type"));
      if (type == "refusal") {
        BP_ASSIGN_OR_RETURN(std::string refusal, of_part.RequiredString("refusal"));
        parts.emplace_back(Json::Object{{"type", "refusal"}, {"refusal", std::move(refusal)}});
      } else if (type == "input_text" || type == "output_text" || type == "text") {
        BP_ASSIGN_OR_RETURN(const std::string text, of_part.RequiredString("text"));
        parts.push_back(part_of(text));
      } else {
        return Unsupported(Cat(path, ".type"), Cat("Content of type '", type.substr(0, 50), "' in '", path,
                                                   "' is not supported: the models here read text only."));
      }
    }
    return parts;
  }

  Result<Json> CallItem(const FieldReader& fields, const std::string& type, size_t index) const {
    const bool custom = type == "custom_tool_call";
    const char* const said = custom ? "input" : "arguments";
    BP_ASSIGN_OR_RETURN(std::string call_id, fields.RequiredString("call_id"));
    BP_ASSIGN_OR_RETURN(std::string name, fields.RequiredString("name"));
    BP_ASSIGN_OR_RETURN(std::string arguments, fields.RequiredString(said));
    BP_ASSIGN_OR_RETURN(Json id, IdOf(fields, custom ? "ctc" : "fc", index));
    return Json(Json::Object{{"id", std::move(id)},
                             {"type", type},
                             {"status", "completed"},
                             {"call_id", std::move(call_id)},
                             {"name", std::move(name)},
                             {said, std::move(arguments)}});
  }

  Result<Json> CallOutputItem(const FieldReader& fields, const std::string& type, size_t index) const {
    BP_ASSIGN_OR_RETURN(std::string call_id, fields.RequiredString("call_id"));
    BP_ASSIGN_OR_RETURN(Json::Array parts, Parts(fields, "output", /*output=*/false));
    BP_ASSIGN_OR_RETURN(Json id, IdOf(fields, type == "custom_tool_call_output" ? "ctco" : "fco", index));
    const bool is_text = fields.Get("output")->is_string();
    return Json(Json::Object{{"id", std::move(id)},
                             {"type", type},
                             {"status", "completed"},
                             {"call_id", std::move(call_id)},
                             {"output", is_text ? *fields.Get("output") : Json(std::move(parts))}});
  }

  /// Its text, in full or as a summary. What another server has encrypted is kept for the client, and can't be read.
  Result<Json> ReasoningItem(const FieldReader& fields, size_t index) const {
    BP_ASSIGN_OR_RETURN(Json id, IdOf(fields, "rs", index));
    Json::Object item{{"id", std::move(id)}, {"type", "reasoning"}};
    for (const auto& [name, type] : {std::pair{"summary", "summary_text"}, {"content", "reasoning_text"}}) {
      Json::Array parts;
      const Json* given = fields.Get(name);
      if (given != nullptr && !given->is_array()) return fields.WrongType(name, "an array of parts", *given);
      for (size_t i = 0; given != nullptr && i < given->as_array().size(); ++i) {
        const Json& part = given->as_array()[i];
        const std::string path = Cat(fields.PathOf(name), "[", i, "]");
        if (!part.is_object()) return WrongType(path, "an object", part);
        BP_ASSIGN_OR_RETURN(std::string text, FieldReader(part, path).RequiredString("text"));
        parts.emplace_back(Json::Object{{"type", type}, {"text", std::move(text)}});
      }
      item.emplace_back(name, std::move(parts));
    }
    if (const Json* encrypted = fields.Get("encrypted_content")) item.emplace_back("encrypted_content", *encrypted);
    return Json(std::move(item));
  }

  Result<Json> Reference(const FieldReader& fields) {
    BP_ASSIGN_OR_RETURN(const std::string id, fields.RequiredString("id"));
    BP_ASSIGN_OR_RETURN(const std::vector<KnownItem>* items, ItemsOf(ResponseIdOfItem(id)));
    const auto at =
        std::ranges::find_if(*items, [&](const KnownItem& known) { return TextAt(known.item, "id") == id; });
    if (at == items->end()) {
      return Status::InvalidArgument(Cat("Item with id '", id.substr(0, 100), "' not found."))
          .WithParam("input")
          .WithReason("item_not_found");
    }
    BP_RETURN_IF_ERROR(Take(at->bytes, bytes_referred_));
    return at->item;
  }

  struct KnownItem {
    Json item;
    size_t bytes = 0;  // as JSON
  };
  /// Of one response, which is read once. None where there is no such response, or the id is none that we gave.
  Result<const std::vector<KnownItem>*> ItemsOf(const std::string& response_id) {
    const auto [at, is_new] = read_.try_emplace(response_id);
    if (!is_new || response_id.empty()) return &at->second;
    Result<Json::Array> items = history_.ItemsOf(response_id);
    if (!items.ok() && items.status().code() != StatusCode::kNotFound) return std::move(items).status();
    if (!items.ok()) return &at->second;
    for (Json& item : *items) {
      const size_t bytes = WriteJson(item).size();
      BP_RETURN_IF_ERROR(Take(bytes, bytes_read_));
      at->second.push_back({.item = std::move(item), .bytes = bytes});
    }
    return &at->second;
  }
  static Status Take(size_t bytes, size_t& taken) {
    taken += bytes;
    if (taken <= kHistoryBytesMax) return Status::Ok();
    return Status::InvalidArgument(
               Cat("Invalid 'input': the responses that it refers to have more than ", kHistoryBytesMax, " bytes."))
        .WithParam("input")
        .WithReason("invalid_value");
  }

  const std::string response_;
  ResponseHistory& history_;
  std::map<std::string, std::vector<KnownItem>> read_;  // by response
  size_t bytes_read_ = 0, bytes_referred_ = 0;
};

/// Puts messages together from items.
class MessageBuilder {
 public:
  Status Add(const Json& item) {
    const std::string type = TextAt(item, "type");
    if (type == "reasoning") {
      const std::string text = JoinedTexts(item.Find("content"));
      reasoning_ += text.empty() ? JoinedTexts(item.Find("summary")) : text;
      return Status::Ok();
    }
    if (type == "function_call" || type == "custom_tool_call") {
      Message& message = Assistant(/*open_for_calls=*/true);
      std::string arguments = type == "function_call"
                                  ? TextAt(item, "arguments")
                                  : WriteJson(Json::Object{{std::string(kCustomInput), TextAt(item, "input")}});
      message.tool_calls.push_back(
          {.id = TextAt(item, "call_id"), .name = TextAt(item, "name"), .arguments = std::move(arguments)});
      calls_.push_back(TextAt(item, "call_id"));
      return Status::Ok();
    }
    if (type == "function_call_output" || type == "custom_tool_call_output") return AddOutput(item);
    const std::string role = TextAt(item, "role");
    Message& message = role == "assistant" ? Assistant(/*open_for_calls=*/false) : Append(role);
    message.content = JoinedTexts(item.Find("content"));
    return Status::Ok();
  }
  std::vector<Message> Take() { return std::move(messages_); }

 private:
  Message& Append(std::string role) {
    reasoning_.clear();  // reasoning that nothing came of
    Message message;
    message.role = std::move(role);
    messages_.push_back(std::move(message));
    return messages_.back();
  }
  Message& Assistant(bool open_for_calls) {
    const bool goes_on = !messages_.empty() && messages_.back().role == "assistant" && reasoning_.empty();
    if (goes_on && open_for_calls) return messages_.back();
    std::string reasoning = std::exchange(reasoning_, {});
    Message& message = Append("assistant");
    message.reasoning = std::move(reasoning);
    return message;
  }
  Status AddOutput(const Json& item) {
    const std::string call_id = TextAt(item, "call_id");
    if (std::ranges::find(calls_, call_id) == calls_.end()) {
      return Status::InvalidArgument(
                 Cat("No tool call found for function call output with call_id ", call_id.substr(0, 100), "."))
          .WithParam("input")
          .WithReason("invalid_value");
    }
    Message& message = Append("tool");
    message.tool_call_id = call_id;
    message.content = JoinedTexts(item.Find("output"));
    return Status::Ok();
  }

  std::vector<Message> messages_;
  std::vector<std::string> calls_;
  std::string reasoning_;  // of the assistant's message that comes next
};

}  // namespace

std::string CustomInputOf(std::string_view arguments) {
  for (const std::string_view end : {"", "\"}"}) {
    const Result<Json> parsed = ParseJson(Cat(arguments, end));
    const Json* input = parsed.ok() ? parsed->Find(kCustomInput) : nullptr;
    if (input != nullptr && input->is_string()) return input->as_string();
  }
  return std::string(arguments);
}

Result<Json> ParseOwnJson(std::string_view text) {
  return ParseJson(text, {.depth_max = JsonLimits{}.depth_max + 8});
}

std::string TextAt(const Json& object, std::string_view member) {
  const Json* value = object.Find(member);
  return value != nullptr && value->is_string() ? value->as_string() : std::string();
}

Result<Json::Array> ReadInputItems(const FieldReader& fields, std::string_view response, ResponseHistory& history) {
  ItemReader reader(response, history);
  const Json* input = fields.Get("input");
  if (input == nullptr) return Json::Array{};
  if (input->is_string()) return Json::Array{reader.UserText(input->as_string())};
  if (!input->is_array()) return fields.WrongType("input", "a string or an array of items", *input);
  if (input->as_array().size() > kItemsMax) {
    return Status::InvalidArgument(
               Cat("Invalid 'input': ", input->as_array().size(), " items; allowed: ", kItemsMax, "."))
        .WithParam("input")
        .WithReason("array_above_max_length");
  }
  Json::Array items;
  for (size_t i = 0; i < input->as_array().size(); ++i) {
    BP_ASSIGN_OR_RETURN(Json item, reader.Read(input->as_array()[i], i));
    items.push_back(std::move(item));
  }
  return items;
}

Result<std::vector<Message>> MessagesOfItems(const Json::Array& items) {
  MessageBuilder builder;
  for (const Json& item : items) BP_RETURN_IF_ERROR(builder.Add(item));
  return builder.Take();
}

std::string ResponseIdOfItem(std::string_view item_id) {
  const size_t begin = item_id.find('_');
  if (begin == std::string_view::npos) return {};
  const std::string_view response = item_id.substr(begin + 1, kResponseIdLength);
  if (response.size() < kResponseIdLength || item_id.substr(begin + 1 + kResponseIdLength, 1) != "_") return {};
  return Cat("resp_", response);
}

}  // namespace bedplate::openai

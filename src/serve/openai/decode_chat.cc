#include <algorithm>

#include "base/cat.h"
#include "serve/openai/decode.h"
#include "serve/openai/decode_common.h"
#include "serve/openai/encode.h"
#include "serve/openai/errors.h"
#include "serve/openai/fields.h"
#include "serve/openai/limits.h"

namespace bedplate::openai {
namespace {

// What a content part of another type is called in the refusal.
Status RefusePart(const std::string& path, const std::string& type) {
  return Unsupported(Cat(path, ".type"), Cat("Content of type '", type.substr(0, 50), "' in '", path,
                                             "' is not supported: the models here "
                                             "read text only."));
}

// A string, null, or an array of text parts, which are joined.
Result<std::string> ReadContent(const FieldReader& message) {
  const Json* content = message.Get("content");
  if (content == nullptr) return std::string();
  if (content->is_string()) return content->as_string();
  if (!content->is_array()) return message.WrongType("content", "a string or an array of content parts", *content);
  std::string text;
  for (size_t i = 0; i < content->as_array().size(); ++i) {
    const Json& part = content->as_array()[i];
    const std::string path = Cat(message.PathOf("content"), "[", i, "]");
    if (!part.is_object()) return WrongType(path, "an object", part);
    const FieldReader fields(part, path);
    BP_ASSIGN_OR_RETURN(const std::string type, fields.RequiredString("type"));
    if (type != "text" && type != "refusal") return RefusePart(path, type);
    BP_ASSIGN_OR_RETURN(const std::string piece, fields.RequiredString(type));
    text += piece;
  }
  return text;
}

Result<std::vector<ToolCall>> ReadToolCalls(const FieldReader& message) {
  std::vector<ToolCall> calls;
  const Json* list = message.Get("tool_calls");
  if (list == nullptr) return calls;
  if (!list->is_array()) return message.WrongType("tool_calls", "an array", *list);
  for (size_t i = 0; i < list->as_array().size(); ++i) {
    const Json& item = list->as_array()[i];
    const std::string path = Cat(message.PathOf("tool_calls"), "[", i, "]");
    if (!item.is_object()) return WrongType(path, "an object", item);
    const FieldReader fields(item, path);
    const Json* function = fields.Get("function");
    if (function == nullptr || !function->is_object()) {
      return Status::InvalidArgument(Cat("'", path, "' is not a function call.")).WithParam(Cat(path, ".function"));
    }
    const FieldReader of_function(*function, Cat(path, ".function"));
    ToolCall call;
    BP_ASSIGN_OR_RETURN(const std::string* id, fields.String("id"));
    if (id != nullptr) call.id = *id;
    BP_ASSIGN_OR_RETURN(call.name, of_function.RequiredString("name"));
    BP_ASSIGN_OR_RETURN(call.arguments, of_function.RequiredString("arguments"));
    calls.push_back(std::move(call));
  }
  return calls;
}

Result<Message> ReadMessage(const Json& item, const std::string& path) {
  if (!item.is_object()) return WrongType(path, "an object", item);
  const FieldReader fields(item, path);
  Message message;
  BP_ASSIGN_OR_RETURN(message.role, fields.RequiredString("role"));
  constexpr std::string_view kRoles[] = {"system", "developer", "user", "assistant", "tool"};
  if (std::find(std::begin(kRoles), std::end(kRoles), message.role) == std::end(kRoles)) {
    return Status::InvalidArgument(Cat("Invalid value for '", path, ".role': '", message.role.substr(0, 50),
                                       "'; allowed: system, developer, user, assistant, tool."))
        .WithParam(Cat(path, ".role"))
        .WithReason("invalid_value");
  }
  BP_ASSIGN_OR_RETURN(message.content, ReadContent(fields));
  BP_ASSIGN_OR_RETURN(message.tool_calls, ReadToolCalls(fields));
  const bool may_lack_content = message.role == "assistant";
  if (fields.Get("content") == nullptr && !may_lack_content) {
    return Status::InvalidArgument(Cat("Missing required parameter: '", path, ".content'."))
        .WithParam(Cat(path, ".content"))
        .WithReason("missing_required_parameter");
  }
  if (fields.Get("function_call") != nullptr) {
    return Unsupported(Cat(path, ".function_call"), "'function_call' is not supported; use 'tool_calls'.");
  }
  if (fields.Get("audio") != nullptr) {
    return Unsupported(Cat(path, ".audio"),
                       Cat("'", path, ".audio' is not supported: the models here read text only."));
  }
  for (const auto& [name, target] : {std::pair{"name", &message.name},
                                     {"tool_call_id", &message.tool_call_id},
                                     {"reasoning_content", &message.reasoning},
                                     {"reasoning", &message.reasoning}}) {
    BP_ASSIGN_OR_RETURN(const std::string* value, fields.String(name));
    if (value != nullptr && target->empty()) *target = *value;
  }
  return message;
}

Status ReadMessages(const FieldReader& fields, ChatPrompt& prompt) {
  const Json* messages = fields.Get("messages");
  if (messages == nullptr) {
    return Status::InvalidArgument("Missing required parameter: 'messages'.")
        .WithParam("messages")
        .WithReason("missing_required_parameter");
  }
  if (!messages->is_array()) return fields.WrongType("messages", "an array of objects", *messages);
  if (messages->as_array().empty()) {
    return Status::InvalidArgument("Invalid 'messages': empty array; at least one message is needed.")
        .WithParam("messages")
        .WithReason("empty_array");
  }
  for (size_t i = 0; i < messages->as_array().size(); ++i) {
    BP_ASSIGN_OR_RETURN(Message message, ReadMessage(messages->as_array()[i], Cat("messages[", i, "]")));
    prompt.messages.push_back(std::move(message));
  }
  return Status::Ok();
}

Status CheckTools(const FieldReader& fields, const Json& tools) {
  if (!tools.is_array()) return fields.WrongType("tools", "an array of objects", tools);
  for (size_t i = 0; i < tools.as_array().size(); ++i) {
    const Json& tool = tools.as_array()[i];
    const std::string path = Cat("tools[", i, "]");
    if (!tool.is_object()) return WrongType(path, "an object", tool);
    BP_ASSIGN_OR_RETURN(const std::string type, FieldReader(tool, path).RequiredString("type"));
    if (type != "function")
      return Unsupported(Cat(path, ".type"), Cat("Tools of type '", type.substr(0, 50), "' are not supported."));
    const Json* function = tool.Find("function");
    if (function == nullptr || !function->is_object()) {
      return Status::InvalidArgument(Cat("Missing required parameter: '", path, ".function'."))
          .WithParam(Cat(path, ".function"))
          .WithReason("missing_required_parameter");
    }
    BP_RETURN_IF_ERROR(FieldReader(*function, Cat(path, ".function")).RequiredString("name").status());
  }
  return Status::Ok();
}

// {"type": "allowed_tools", "allowed_tools": {...}}.
bool IsAllowedTools(const Json& choice) {
  const Json* type = choice.Find("type");
  return type != nullptr && *type == Json("allowed_tools");
}

// "none", "auto", "required", {"type": "function", "function": {"name": ...}}, allowed tools.
Status ReadToolChoice(const FieldReader& fields, ChatPrompt& prompt) {
  const Json* choice = fields.Get("tool_choice");
  if (choice == nullptr) return Status::Ok();
  if (choice->is_string() && choice->as_string() == "auto") return Status::Ok();
  if (choice->is_string() && choice->as_string() == "none") {
    prompt.tools = Json();  // the model is not told of any
    return Status::Ok();
  }
  if (choice->is_string() && choice->as_string() == "required") {
    prompt.tool_choice.kind = ToolChoice::Kind::kRequired;
  } else if (IsAllowedTools(*choice)) {
    const Json* allowed = choice->Find("allowed_tools");
    if (allowed == nullptr || !allowed->is_object()) {
      return WrongType("tool_choice.allowed_tools", "an object", allowed == nullptr ? Json() : *allowed);
    }
    BP_RETURN_IF_ERROR(ReadAllowedTools(FieldReader(*allowed, "tool_choice.allowed_tools"), prompt));
  } else {
    const Json* function = choice->Find("function");
    const Json* name = function == nullptr ? nullptr : function->Find("name");
    if (name == nullptr || !name->is_string()) {
      return Unsupported("tool_choice",
                         "'tool_choice' must be \"none\", \"auto\", \"required\", {\"type\": \"function\", "
                         "\"function\": {\"name\": ...}} or {\"type\": \"allowed_tools\", \"allowed_tools\": ...}.");
    }
    prompt.tool_choice = {.kind = ToolChoice::Kind::kNamed, .name = name->as_string()};
  }
  if (prompt.tool_choice.kind == ToolChoice::Kind::kAuto || !prompt.tools.is_null()) return Status::Ok();
  return Status::InvalidArgument("'tool_choice' asks for a call, but there are no 'tools'.").WithParam("tool_choice");
}

Status ReadTools(const FieldReader& fields, ChatPrompt& prompt) {
  if (fields.Get("functions") != nullptr) return Unsupported("functions", "'functions' is not supported; use 'tools'.");
  if (fields.Get("function_call") != nullptr) {
    return Unsupported("function_call", "'function_call' is not supported; use 'tool_choice'.");
  }
  const Json* tools = fields.Get("tools");
  if (tools != nullptr) BP_RETURN_IF_ERROR(CheckTools(fields, *tools));
  if (tools != nullptr && !tools->as_array().empty()) prompt.tools = *tools;
  BP_ASSIGN_OR_RETURN(const auto parallel, fields.Bool("parallel_tool_calls"));
  prompt.parallel_tool_calls = parallel.value_or(true);
  return ReadToolChoice(fields, prompt);
}

Status ReadTemplateArguments(const FieldReader& fields, ChatPrompt& prompt) {
  BP_ASSIGN_OR_RETURN(const std::string* effort, fields.String("reasoning_effort"));
  if (effort != nullptr) prompt.reasoning_effort = *effort;
  const Json* arguments = fields.Get("chat_template_kwargs");
  if (arguments == nullptr) return Status::Ok();
  if (!arguments->is_object()) return fields.WrongType("chat_template_kwargs", "an object", *arguments);
  for (const auto& [name, value] : arguments->as_object()) {
    if (name == "messages" || name == "tools" || name == "bos_token" || name == "eos_token") {
      return Status::InvalidArgument(Cat("'chat_template_kwargs' must not set '", name, "'."))
          .WithParam(Cat("chat_template_kwargs.", name));
    }
    prompt.template_arguments.emplace_back(name, value);
  }
  return Status::Ok();
}

// Predicted outputs: {"type": "content", "content": text}, the text as in a message.
Status ReadPrediction(const FieldReader& fields, Request& request) {
  const Json* prediction = fields.Get("prediction");
  if (prediction == nullptr) return Status::Ok();
  if (!prediction->is_object()) return fields.WrongType("prediction", "an object", *prediction);
  const FieldReader of_prediction(*prediction, "prediction");
  BP_ASSIGN_OR_RETURN(const std::string type, of_prediction.RequiredString("type"));
  if (type != "content") {
    return Unsupported("prediction.type",
                       Cat("A prediction of type '", type.substr(0, 50), "' is not supported; use \"content\"."));
  }
  if (of_prediction.Get("content") == nullptr) {
    return Status::InvalidArgument("Missing required parameter: 'prediction.content'.")
        .WithParam("prediction.content")
        .WithReason("missing_required_parameter");
  }
  BP_ASSIGN_OR_RETURN(request.prediction, ReadContent(of_prediction));
  return Status::Ok();
}

Status ReadLimits(const FieldReader& fields, Request& request) {
  if (fields.Get("max_output_tokens") != nullptr) {  // a limit must not be overlooked
    return Unsupported("max_output_tokens", "'max_output_tokens' is not supported; use 'max_completion_tokens'.");
  }
  BP_ASSIGN_OR_RETURN(const auto old_name, fields.Int("max_tokens", 1, INT32_MAX));
  BP_ASSIGN_OR_RETURN(const auto new_name, fields.Int("max_completion_tokens", 1, INT32_MAX));
  if (const auto most = new_name ? new_name : old_name) request.output_tokens_max = static_cast<uint32_t>(*most);

  BP_ASSIGN_OR_RETURN(const auto logprobs, fields.Bool("logprobs"));
  BP_ASSIGN_OR_RETURN(const auto top, fields.Int("top_logprobs", 0, kLogprobsMax));
  if (logprobs.value_or(false))
    request.logprobs_top = static_cast<uint32_t>(top.value_or(0));
  else if (top.value_or(0) > 0) {
    return Status::InvalidArgument("'top_logprobs' needs 'logprobs' to be true.").WithParam("top_logprobs");
  }
  return Status::Ok();
}

Status RefuseOtherModalities(const FieldReader& fields) {
  if (const Json* modalities = fields.Get("modalities")) {
    if (!modalities->is_array()) return fields.WrongType("modalities", "an array of strings", *modalities);
    for (const Json& modality : modalities->as_array()) {
      if (!modality.is_string() || modality.as_string() != "text") {
        return Unsupported("modalities", "'modalities' other than [\"text\"] are not supported.");
      }
    }
  }
  for (const std::string_view name : {"audio", "web_search_options"}) {
    if (fields.Get(name) != nullptr) return Unsupported(std::string(name), Cat("'", name, "' is not supported."));
  }
  return Status::Ok();
}

}  // namespace

Result<Call> DecodeChat(const Json& body) {
  BP_RETURN_IF_ERROR(CheckIsObject(body));
  const FieldReader fields(body, "", ChatFields());
  Call call;
  BP_ASSIGN_OR_RETURN(call.model, fields.RequiredString("model"));
  Request request;
  ChatPrompt prompt;
  BP_RETURN_IF_ERROR(ReadMessages(fields, prompt));
  BP_RETURN_IF_ERROR(ReadTools(fields, prompt));
  BP_RETURN_IF_ERROR(ReadTemplateArguments(fields, prompt));
  BP_RETURN_IF_ERROR(ReadCommon(fields, request));
  BP_RETURN_IF_ERROR(ReadChoices(fields, request));
  BP_RETURN_IF_ERROR(ReadLimits(fields, request));
  BP_RETURN_IF_ERROR(ReadPrediction(fields, request));
  BP_RETURN_IF_ERROR(ReadConstraint(fields, request));
  BP_RETURN_IF_ERROR(RefuseOtherModalities(fields));
  BP_ASSIGN_OR_RETURN(const StreamChoice stream, ReadStream(fields));
  const ChatReplyOptions reply{.stream = stream.stream,
                               .include_usage = stream.include_usage,
                               .logprobs = request.logprobs_top.has_value(),
                               .choices = request.choices,
                               .service_tier = fields.Get("service_tier") != nullptr};
  request.prompt = std::move(prompt);
  call.stream = stream.stream;
  call.requests.push_back(std::move(request));
  call.make_encoder = [reply](const ReplyIdentity& identity) { return MakeChatEncoder(reply, identity); };
  return call;
}

Dialect ChatDialect() {
  return {.decode = [](const Json& body, const HttpRequest&) { return DecodeChat(body); },
          .error_response = &ErrorResponse,
          .limit_fields = &AppendLimitFields};
}

}  // namespace bedplate::openai

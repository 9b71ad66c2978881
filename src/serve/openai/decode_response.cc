#include "serve/openai/decode_response.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/cat.h"
#include "serve/field_reader.h"
#include "serve/openai/decode_common.h"
#include "serve/openai/encode_response.h"
#include "serve/openai/fields.h"

namespace bedplate::openai {
namespace {

constexpr size_t kMetadataMax = 16;
constexpr size_t kMetadataKeyMax = 64;
constexpr size_t kMetadataValueMax = 512;

Status Invalid(std::string param, std::string message) {
  return Status::InvalidArgument(std::move(message)).WithParam(std::move(param)).WithReason("invalid_value");
}

/// A function in the form that templates expect.
Result<Json> ReadFunction(const FieldReader& fields) {
  BP_ASSIGN_OR_RETURN(std::string name, fields.RequiredString("name"));
  BP_ASSIGN_OR_RETURN(const std::string* description, fields.String("description"));
  const Json* parameters = fields.Get("parameters");
  if (parameters != nullptr && !parameters->is_object()) {
    return fields.WrongType("parameters", "a JSON schema: an object", *parameters);
  }
  Json::Object function{{"name", std::move(name)}};
  if (description != nullptr) function.emplace_back("description", *description);
  if (parameters != nullptr) function.emplace_back("parameters", *parameters);
  return Json(Json::Object{{"type", "function"}, {"function", std::move(function)}});
}

std::string_view NameOfTool(const Json& tool) {
  return tool.Find("function")->Find("name")->as_string();
}

/// A tool whose input is free text, as a function of one string. One whose input must follow a grammar is not offered:
/// nothing would hold a model to it that calls the tool by itself.
Result<std::optional<Json>> ReadCustom(const FieldReader& tool) {
  BP_ASSIGN_OR_RETURN(std::string name, tool.RequiredString("name"));
  BP_ASSIGN_OR_RETURN(const std::string* description, tool.String("description"));
  if (const Json* format = tool.Get("format")) {
    if (!format->is_object()) return tool.WrongType("format", "an object", *format);
    BP_ASSIGN_OR_RETURN(const std::string type, FieldReader(*format, tool.PathOf("format")).RequiredString("type"));
    if (type != "text") return std::optional<Json>();
  }
  const Json input = Json::Object{{std::string(kCustomInput), Json::Object{{"type", "string"}}}};
  Json::Object function{{"name", std::move(name)}};
  if (description != nullptr) function.emplace_back("description", *description);
  function.emplace_back("parameters", Json::Object{{"type", "object"},
                                                   {"properties", input},
                                                   {"required", Json::Array{std::string(kCustomInput)}},
                                                   {"additionalProperties", false}});
  return std::optional<Json>(Json::Object{{"type", "function"}, {"function", std::move(function)}});
}

/// custom: gets the names of those whose input is text.
Status ReadFunctions(const FieldReader& fields, ChatPrompt& prompt, std::vector<std::string>& custom) {
  const Json* tools = fields.Get("tools");
  if (tools == nullptr) return Status::Ok();
  if (!tools->is_array()) return fields.WrongType("tools", "an array of objects", *tools);
  Json::Array functions;
  for (size_t i = 0; i < tools->as_array().size(); ++i) {
    const Json& tool = tools->as_array()[i];
    const std::string path = Cat("tools[", i, "]");
    if (!tool.is_object()) return WrongType(path, "an object", tool);
    const FieldReader of_tool(tool, path);
    BP_ASSIGN_OR_RETURN(const std::string type, of_tool.RequiredString("type"));
    if (type == "custom") {
      BP_ASSIGN_OR_RETURN(std::optional<Json> tool_of_text, ReadCustom(of_tool));
      if (!tool_of_text.has_value()) continue;
      custom.emplace_back(NameOfTool(*tool_of_text));
      functions.push_back(*std::move(tool_of_text));
    }
    if (type != "function") continue;  // one that the model is not told of
    BP_ASSIGN_OR_RETURN(Json function, ReadFunction(of_tool));
    functions.push_back(std::move(function));
  }
  if (!functions.empty()) prompt.tools = std::move(functions);
  return Status::Ok();
}

/// "none", "auto", "required", {"type": "function" | "custom", "name": ...}, allowed tools.
Status ReadFunctionChoice(const FieldReader& fields, const std::vector<std::string>& custom, ChatPrompt& prompt) {
  const Json* choice = fields.Get("tool_choice");
  if (choice == nullptr) return Status::Ok();
  if (choice->is_string()) {
    const std::string& word = choice->as_string();
    if (word == "none") prompt.tools = Json();  // the model is not told of any
    if (word == "required") prompt.tool_choice.kind = ToolChoice::Kind::kRequired;
    if (word != "none" && word != "required" && word != "auto") {
      return Invalid("tool_choice", Cat("Invalid value: '", word.substr(0, 50),
                                        "'. Supported values are: 'none', 'auto', and 'required'."));
    }
  } else {
    if (!choice->is_object()) return fields.WrongType("tool_choice", "a string or an object", *choice);
    const FieldReader of_choice(*choice, "tool_choice");
    BP_ASSIGN_OR_RETURN(const std::string type, of_choice.RequiredString("type"));
    if (type == "function") {
      BP_ASSIGN_OR_RETURN(std::string name, of_choice.RequiredString("name"));
      prompt.tool_choice = {.kind = ToolChoice::Kind::kNamed, .name = std::move(name)};
    } else if (type == "custom") {
      BP_ASSIGN_OR_RETURN(std::string name, of_choice.RequiredString("name"));
      if (std::ranges::find(custom, name) == custom.end()) {
        return Invalid("tool_choice.name",
                       Cat("'tools' has no custom tool '", name.substr(0, 100), "' whose input is text."));
      }
      prompt.tool_choice = {.kind = ToolChoice::Kind::kNamed, .name = std::move(name)};
    } else if (type == "allowed_tools") {
      BP_RETURN_IF_ERROR(ReadAllowedTools(of_choice, prompt));
    } else {
      return Unsupported("tool_choice.type",
                         Cat("A tool of type '", type.substr(0, 50),
                             "' can't be chosen: only functions and custom tools are called here."));
    }
  }
  if (prompt.tool_choice.kind == ToolChoice::Kind::kAuto || !prompt.tools.is_null()) return Status::Ok();
  return Invalid("tool_choice", "'tool_choice' asks for a call, but 'tools' has no function that may be called.");
}

Status CheckMetadata(const FieldReader& fields) {
  const Json* metadata = fields.Get("metadata");
  if (metadata == nullptr) return Status::Ok();
  if (!metadata->is_object()) return fields.WrongType("metadata", "an object", *metadata);
  if (metadata->as_object().size() > kMetadataMax) {
    return Invalid("metadata", Cat("Invalid 'metadata': too many properties; allowed: ", kMetadataMax, "."));
  }
  for (const auto& [key, value] : metadata->as_object()) {
    const std::string path = Cat("metadata.", key.substr(0, 100));
    if (!value.is_string()) return WrongType(path, "a string", value);
    if (key.size() > kMetadataKeyMax || value.as_string().size() > kMetadataValueMax) {
      return Invalid(path, Cat("Invalid '", path, "': too long; a name has at most ", kMetadataKeyMax,
                               " bytes, a value ", kMetadataValueMax, "."));
    }
  }
  return Status::Ok();
}

/// What other servers run for the client and we don't.
Status RefuseTheRest(const FieldReader& fields) {
  for (const std::string_view name : {"conversation", "prompt", "moderation"}) {
    if (fields.Get(name) != nullptr) return Unsupported(std::string(name), Cat("'", name, "' is not supported."));
  }
  for (const std::string_view name : {"max_tokens", "max_completion_tokens"}) {  // a limit must not be overlooked
    if (fields.Get(name) == nullptr) continue;
    return Unsupported(std::string(name), Cat("'", name, "' is not supported; use 'max_output_tokens'."));
  }
  return Status::Ok();
}

/// Whether the text's log-probabilities are wanted: by include or by top_logprobs.
Status ReadLogprobs(const FieldReader& fields, Request& request) {
  BP_ASSIGN_OR_RETURN(const auto top, fields.Int("top_logprobs", 0, kLogprobsMax));
  const Json* include = fields.Get("include");
  if (include != nullptr && !include->is_array()) return fields.WrongType("include", "an array of strings", *include);
  bool wanted = top.value_or(0) > 0;
  for (size_t i = 0; include != nullptr && i < include->as_array().size(); ++i) {
    const Json& one = include->as_array()[i];
    if (!one.is_string()) return WrongType(Cat("include[", i, "]"), "a string", one);
    wanted = wanted || one.as_string() == "message.output_text.logprobs";
  }
  if (wanted) request.logprobs_top = static_cast<uint32_t>(top.value_or(0));
  return Status::Ok();
}

Status ReadReasoning(const FieldReader& fields, ChatPrompt& prompt) {
  const Json* reasoning = fields.Get("reasoning");
  if (reasoning == nullptr) return Status::Ok();
  if (!reasoning->is_object()) return fields.WrongType("reasoning", "an object", *reasoning);
  BP_ASSIGN_OR_RETURN(const std::string* effort, FieldReader(*reasoning, "reasoning").String("effort"));
  if (effort != nullptr) prompt.reasoning_effort = *effort;
  return Status::Ok();
}

Status ReadTruncation(const FieldReader& fields, ChatPrompt& prompt) {
  BP_ASSIGN_OR_RETURN(const std::string* truncation, fields.String("truncation"));
  if (truncation == nullptr || *truncation == "disabled") return Status::Ok();
  if (*truncation != "auto") {
    return Invalid("truncation", Cat("Invalid value: '", truncation->substr(0, 50),
                                     "'. Supported values are: 'auto' and 'disabled'."));
  }
  prompt.drops_oldest = true;
  return Status::Ok();
}

/// The whole conversation: instructions (which are this request's alone), what came before, and the input.
Status ReadConversation(const FieldReader& fields, const ResponseContext& context, ResponseCall& out,
                        ChatPrompt& prompt) {
  BP_ASSIGN_OR_RETURN(out.input, ReadInputItems(fields, context.response, context.history));
  BP_ASSIGN_OR_RETURN(const std::string* previous, fields.String("previous_response_id"));
  Json::Array items;
  if (previous != nullptr) {
    BP_ASSIGN_OR_RETURN(items, context.history.ItemsUpTo(*previous));
  }
  items.insert(items.end(), out.input.begin(), out.input.end());
  BP_ASSIGN_OR_RETURN(prompt.messages, MessagesOfItems(items));
  if (prompt.messages.empty()) {
    return Status::InvalidArgument("Missing required parameter: 'input'.")
        .WithParam("input")
        .WithReason("missing_required_parameter");
  }
  BP_ASSIGN_OR_RETURN(const std::string* instructions, fields.String("instructions"));
  if (instructions == nullptr || instructions->empty()) return Status::Ok();
  Message message;
  message.role = "system";
  message.content = *instructions;
  prompt.messages.insert(prompt.messages.begin(), std::move(message));
  return Status::Ok();
}

Status ReadModes(const FieldReader& fields, ResponseCall& out) {
  BP_ASSIGN_OR_RETURN(const auto stream, fields.Bool("stream"));
  BP_ASSIGN_OR_RETURN(const auto background, fields.Bool("background"));
  BP_ASSIGN_OR_RETURN(const auto store, fields.Bool("store"));
  out.stream = stream.value_or(false);
  out.background = background.value_or(false);
  out.store = store.value_or(true);
  if (!out.background || out.store) return Status::Ok();
  return Invalid("background", "'background' needs 'store': nobody could come back for the answer.");
}

/// What an answer repeats of its request.
Json::Object Echo(const FieldReader& fields, const ResponseCall& decoded, const Request& request) {
  const auto given = [&](std::string_view name, const Json& otherwise) {
    const Json* value = fields.Get(name);
    return value == nullptr ? otherwise : *value;
  };
  Json::Object text{{"format", Json::Object{{"type", "text"}}}};
  if (const Json* value = fields.Get("text")) {
    if (const Json* format = FieldReader(*value, "text").Get("format")) text[0].second = *format;
    if (const Json* verbosity = value->Find("verbosity")) text.emplace_back("verbosity", *verbosity);
  }
  Json::Object reasoning{{"effort", nullptr}, {"summary", nullptr}};
  if (const Json* value = fields.Get("reasoning")) {
    if (const Json* effort = value->Find("effort")) reasoning[0].second = *effort;
  }
  return {{"background", decoded.background},
          {"instructions", given("instructions", {})},
          {"max_output_tokens", given("max_output_tokens", {})},
          {"max_tool_calls", given("max_tool_calls", {})},
          {"metadata", given("metadata", Json::Object{})},
          {"parallel_tool_calls", given("parallel_tool_calls", true)},
          {"previous_response_id", given("previous_response_id", {})},
          {"prompt_cache_key", given("prompt_cache_key", {})},
          {"reasoning", std::move(reasoning)},
          {"safety_identifier", given("safety_identifier", {})},
          {"service_tier", "default"},
          {"store", decoded.store},
          {"temperature", given("temperature", static_cast<double>(request.sampling.temperature))},
          {"text", std::move(text)},
          {"tool_choice", given("tool_choice", "auto")},
          {"tools", given("tools", Json::Array{})},
          {"top_logprobs", given("top_logprobs", 0)},
          {"top_p", given("top_p", static_cast<double>(request.sampling.top_p))},
          {"truncation", given("truncation", "disabled")},
          {"user", given("user", {})}};
}

}  // namespace

Result<ResponseCall> DecodeResponse(const Json& body, const ResponseContext& context) {
  BP_RETURN_IF_ERROR(CheckIsObject(body));
  const FieldReader fields(body, "", ResponseFields());
  ResponseCall out;
  BP_ASSIGN_OR_RETURN(out.call.model, fields.RequiredString("model"));
  Request request;
  ChatPrompt prompt;
  BP_RETURN_IF_ERROR(RefuseTheRest(fields));
  BP_RETURN_IF_ERROR(ReadModes(fields, out));
  BP_RETURN_IF_ERROR(ReadConversation(fields, context, out, prompt));
  std::vector<std::string> custom;
  BP_RETURN_IF_ERROR(ReadFunctions(fields, prompt, custom));
  BP_RETURN_IF_ERROR(ReadFunctionChoice(fields, custom, prompt));
  BP_ASSIGN_OR_RETURN(const auto parallel, fields.Bool("parallel_tool_calls"));
  prompt.parallel_tool_calls = parallel.value_or(true);
  BP_RETURN_IF_ERROR(ReadReasoning(fields, prompt));
  BP_RETURN_IF_ERROR(ReadResponseConstraint(fields, request));
  BP_RETURN_IF_ERROR(ReadTruncation(fields, prompt));
  BP_RETURN_IF_ERROR(ReadCommon(fields, request));
  BP_RETURN_IF_ERROR(ReadLogprobs(fields, request));
  BP_RETURN_IF_ERROR(CheckMetadata(fields));
  BP_ASSIGN_OR_RETURN(const auto most, fields.Int("max_output_tokens", 1, INT32_MAX));
  if (most.has_value()) request.output_tokens_max = static_cast<uint32_t>(*most);
  request.output_ends_with_context = true;  // it is an upper bound
  const ResponseReplyOptions reply{.echo = Echo(fields, out, request),
                                   .stream = out.stream || out.background,
                                   .background = out.background,
                                   .logprobs = request.logprobs_top.has_value(),
                                   .custom_tools = std::move(custom),
                                   .unix_seconds = context.unix_seconds};
  out.call.stream = out.stream || out.background;
  request.prompt = std::move(prompt);
  out.call.requests.push_back(std::move(request));
  out.call.make_encoder = [reply](const ReplyIdentity& identity) { return MakeResponseEncoder(reply, identity); };
  return out;
}

}  // namespace bedplate::openai

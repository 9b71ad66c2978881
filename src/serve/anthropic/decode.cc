#include "serve/anthropic/decode.h"

#include <algorithm>
#include <limits>

#include "base/cat.h"
#include "serve/anthropic/decode_content.h"
#include "serve/anthropic/description.h"
#include "serve/anthropic/encode.h"
#include "serve/anthropic/errors.h"
#include "serve/anthropic/limits.h"
#include "serve/field_reader.h"

namespace bedplate::anthropic {
namespace {

constexpr size_t kStopSequencesMax = 16;

Status ReadSampling(const FieldReader& fields, Version version, SamplingParams& sampling) {
  if (version == Version::k2026) {
    for (const std::string_view name : {"temperature", "top_p", "top_k"}) {
      if (fields.Get(name) == nullptr) continue;
      return InvalidField(std::string(name),
                          "not accepted since anthropic-version 2026-10-21, at any value; leave it out.");
    }
    return Status::Ok();
  }
  BP_ASSIGN_OR_RETURN(const auto temperature, fields.Number("temperature", 0, 1));
  if (temperature) sampling.temperature = static_cast<float>(*temperature);
  BP_ASSIGN_OR_RETURN(const auto top_p, fields.Number("top_p", 0, 1));
  // 0: the smallest set of tokens, which is one.
  if (top_p) sampling.top_p = std::max(static_cast<float>(*top_p), std::numeric_limits<float>::min());
  BP_ASSIGN_OR_RETURN(const auto top_k, fields.Int("top_k", 0, INT32_MAX));
  if (top_k) sampling.top_k = static_cast<uint32_t>(*top_k);
  return Status::Ok();
}

Status ReadStops(const FieldReader& fields, Request& request) {
  const Json* stops = fields.Get("stop_sequences");
  if (stops == nullptr) return Status::Ok();
  if (!stops->is_array()) return fields.WrongType("stop_sequences", "an array of strings", *stops);
  if (stops->as_array().size() > kStopSequencesMax) {
    return InvalidField("stop_sequences", Cat(stops->as_array().size(), " entries; allowed: ", kStopSequencesMax, "."));
  }
  for (const Json& stop : stops->as_array()) {
    if (!stop.is_string()) return WrongType("stop_sequences", "an array of strings", stop);
    if (stop.as_string().find_first_not_of(" \t\r\n") == std::string::npos) {
      return InvalidField("stop_sequences", "each stop sequence must contain more than white space.");
    }
    request.stop_strings.push_back(stop.as_string());
  }
  return Status::Ok();
}

// A function tool in the form that templates expect.
Result<Json> ReadTool(const Json& tool, const std::string& path) {
  if (!tool.is_object()) return WrongType(path, "an object", tool);
  const FieldReader fields(tool, path);
  BP_ASSIGN_OR_RETURN(const std::string* type, fields.String("type"));
  if (type != nullptr && *type != "custom") {
    return Unsupported(Cat(path, ".type"), Cat(path, ".type: tools of type '", type->substr(0, 50),
                                               "' are not supported; define the tool with name and input_schema."));
  }
  BP_ASSIGN_OR_RETURN(const std::string name, fields.RequiredString("name"));
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
  if (name.empty() || name.size() > 128 || name.find_first_not_of(kAllowed) != std::string::npos) {
    return InvalidField(Cat(path, ".name"), "1 to 128 letters, digits, '_' and '-' are allowed.");
  }
  const Json* schema = fields.Get("input_schema");
  if (schema == nullptr || !schema->is_object())
    return InvalidField(Cat(path, ".input_schema"), "an object is required.");
  Json::Object function{{"name", name}};
  BP_ASSIGN_OR_RETURN(const std::string* description, fields.String("description"));
  if (description != nullptr) function.emplace_back("description", *description);
  function.emplace_back("parameters", *schema);
  return Json(Json::Object{{"type", "function"}, {"function", std::move(function)}});
}

Status ReadToolChoice(const FieldReader& fields, ChatPrompt& prompt) {
  const Json* choice = fields.Get("tool_choice");
  if (choice == nullptr) return Status::Ok();
  if (!choice->is_object()) return fields.WrongType("tool_choice", "an object", *choice);
  const FieldReader of_choice(*choice, "tool_choice");
  BP_ASSIGN_OR_RETURN(const std::string type, of_choice.RequiredString("type"));
  BP_ASSIGN_OR_RETURN(const auto alone, of_choice.Bool("disable_parallel_tool_use"));
  prompt.parallel_tool_calls = !alone.value_or(false);
  if (type == "none") {
    prompt.tools = Json();  // the model is not told of any
    return Status::Ok();
  }
  if (type == "any") {
    prompt.tool_choice.kind = ToolChoice::Kind::kRequired;
  } else if (type == "tool") {
    prompt.tool_choice.kind = ToolChoice::Kind::kNamed;
    BP_ASSIGN_OR_RETURN(prompt.tool_choice.name, of_choice.RequiredString("name"));
  } else if (type != "auto") {
    return InvalidField("tool_choice.type", Cat("'", type.substr(0, 50), "'; allowed: auto, any, tool, none."));
  }
  if (type != "auto" && prompt.tools.is_null())
    return InvalidField("tool_choice", "there are no tools to choose from.");
  return Status::Ok();
}

Status ReadTools(const FieldReader& fields, ChatPrompt& prompt) {
  if (const Json* tools = fields.Get("tools")) {
    if (!tools->is_array()) return fields.WrongType("tools", "an array of objects", *tools);
    Json::Array list;
    for (size_t i = 0; i < tools->as_array().size(); ++i) {
      BP_ASSIGN_OR_RETURN(Json tool, ReadTool(tools->as_array()[i], Cat("tools[", i, "]")));
      list.push_back(std::move(tool));
    }
    if (!list.empty()) prompt.tools = std::move(list);
  }
  if (const Json* servers = fields.Get("mcp_servers"); servers != nullptr && *servers != Json(Json::Array{})) {
    return Unsupported("mcp_servers", "mcp_servers: not supported; run the tools in the client.");
  }
  return ReadToolChoice(fields, prompt);
}

// {"type": "json_schema", "schema": {...}}: what the answer's text is held to.
Status ReadFormat(const FieldReader& fields, std::string_view name, Request& request) {
  const Json* format = fields.Get(name);
  if (format == nullptr) return Status::Ok();
  if (!format->is_object()) return fields.WrongType(name, "an object", *format);
  const FieldReader of_format(*format, fields.PathOf(name));
  BP_ASSIGN_OR_RETURN(const std::string type, of_format.RequiredString("type"));
  if (type != "json_schema") {
    return InvalidField(of_format.PathOf("type"), Cat("'", type.substr(0, 50), "'; allowed: json_schema."));
  }
  const Json* schema = of_format.Get("schema");
  if (schema == nullptr) return InvalidField(of_format.PathOf("schema"), "Field required");
  if (!schema->is_object()) return of_format.WrongType("schema", "a JSON schema: an object", *schema);
  if (request.constraint.has_value()) return InvalidField(fields.PathOf(name), "output_config.format says it already.");
  request.constraint =
      Constraint{.form = JsonSchemaForm{.schema = *schema, .param = of_format.PathOf("schema")}, .after = {}};
  return Status::Ok();
}

// How much to think: output_config.effort, or else what `thinking` asks for. Token budgets are not kept to.
Status ReadThinking(const FieldReader& fields, ChatPrompt& prompt, Request& request) {
  if (const Json* thinking = fields.Get("thinking")) {
    if (!thinking->is_object()) return fields.WrongType("thinking", "an object", *thinking);
    const FieldReader of_thinking(*thinking, "thinking");
    BP_ASSIGN_OR_RETURN(const std::string type, of_thinking.RequiredString("type"));
    if (type != "enabled" && type != "disabled" && type != "adaptive") {
      return InvalidField("thinking.type", Cat("'", type.substr(0, 50), "'; allowed: enabled, adaptive, disabled."));
    }
    prompt.reasoning_effort = type == "disabled" ? "none" : "medium";
  }
  const Json* output = fields.Get("output_config");
  if (output == nullptr) return Status::Ok();
  if (!output->is_object()) return fields.WrongType("output_config", "an object", *output);
  const FieldReader of_output(*output, "output_config");
  BP_ASSIGN_OR_RETURN(const std::string* effort, of_output.String("effort"));
  if (effort != nullptr && prompt.reasoning_effort != "none") prompt.reasoning_effort = *effort;
  return ReadFormat(of_output, "format", request);
}

}  // namespace

Version VersionOf(const HttpRequest& head) {
  const std::string* version = head.Find("anthropic-version");
  return version != nullptr && *version >= "2026-10-21" ? Version::k2026 : Version::k2023;
}

Result<Call> DecodeMessages(const Json& body, DecodeOptions options) {
  if (!body.is_object()) {
    return Status::InvalidArgument(Cat("The request's body must be a JSON object, but is ", body.kind(), "."));
  }
  const FieldReader fields(body, "", options.counting ? CountTokensFields() : MessagesFields());
  Call call;
  BP_ASSIGN_OR_RETURN(call.model, fields.RequiredString("model"));
  Request request;
  ChatPrompt prompt;
  BP_RETURN_IF_ERROR(ReadConversation(fields, options.version, prompt));
  BP_RETURN_IF_ERROR(ReadTools(fields, prompt));
  BP_RETURN_IF_ERROR(ReadThinking(fields, prompt, request));
  BP_RETURN_IF_ERROR(ReadSampling(fields, options.version, request.sampling));
  BP_RETURN_IF_ERROR(ReadStops(fields, request));
  BP_RETURN_IF_ERROR(ReadFormat(fields, "output_format", request));  // its name in a beta
  if (fields.Get("response_format") != nullptr) {  // an output must not be free because its form is asked for elsewhere
    return Unsupported("response_format", "response_format: not known here; use output_config.format.");
  }
  MessagesReplyOptions reply;
  BP_ASSIGN_OR_RETURN(const auto output_max, fields.Int("max_tokens", 1, INT32_MAX));
  if (!output_max.has_value() && !options.counting) return InvalidField("max_tokens", "Field required");
  if (!options.counting) {
    // Clients ask for more than small models hold; the answer then says that the context ended it.
    reply.output_tokens_max = static_cast<uint32_t>(*output_max);
    request.output_tokens_max = reply.output_tokens_max;
    request.output_ends_with_context = true;
    BP_ASSIGN_OR_RETURN(const auto stream, fields.Bool("stream"));
    call.stream = reply.stream = stream.value_or(false);
  }
  request.prompt = std::move(prompt);
  call.requests.push_back(std::move(request));
  call.make_encoder = [reply](ReplyIdentity identity) { return MakeMessagesEncoder(reply, std::move(identity)); };
  return call;
}

Dialect MessagesDialect() {
  return {.decode =
              [](const Json& body, const HttpRequest& head) {
                return DecodeMessages(body, {.version = VersionOf(head), .counting = false});
              },
          .error_response = &ErrorResponse,
          .limit_fields = &AppendLimitFields};
}

Dialect CountTokensDialect() {
  return {.decode =
              [](const Json& body, const HttpRequest& head) {
                return DecodeMessages(body, {.version = VersionOf(head), .counting = true});
              },
          .error_response = &ErrorResponse,
          .limit_fields = &AppendLimitFields};
}

}  // namespace bedplate::anthropic

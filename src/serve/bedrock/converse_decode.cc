#include "serve/bedrock/converse_decode.h"

#include <algorithm>
#include <limits>

#include "base/cat.h"
#include "serve/bedrock/converse_content.h"
#include "serve/bedrock/converse_encode.h"
#include "serve/bedrock/description.h"
#include "serve/field_reader.h"
#include "serve/openai/decode_common.h"

namespace bedplate::bedrock {
namespace {

constexpr size_t kStopSequencesMax = 16;

// The member, which must be an object; nullptr where it is absent.
Result<const Json*> Object(const FieldReader& fields, std::string_view name) {
  const Json* value = fields.Get(name);
  if (value != nullptr && !value->is_object()) return fields.WrongType(name, "an object", *value);
  return value;
}

Status ReadStops(const FieldReader& config, Request& request) {
  const Json* stops = config.Get("stopSequences");
  if (stops == nullptr) return Status::Ok();
  const std::string path = config.PathOf("stopSequences");
  if (!stops->is_array()) return WrongType(path, "an array of strings", *stops);
  if (stops->as_array().size() > kStopSequencesMax) {
    return InvalidField(path, Cat(stops->as_array().size(), " entries; allowed: ", kStopSequencesMax, "."));
  }
  for (const Json& stop : stops->as_array()) {
    if (!stop.is_string()) return WrongType(path, "an array of strings", stop);
    if (stop.as_string().empty()) return InvalidField(path, "a stop sequence must not be empty.");
    request.stop_strings.push_back(stop.as_string());
  }
  return Status::Ok();
}

Status ReadInferenceConfig(const FieldReader& fields, Request& request) {
  BP_ASSIGN_OR_RETURN(const Json* object, Object(fields, "inferenceConfig"));
  if (object == nullptr) return Status::Ok();
  const FieldReader config(*object, fields.PathOf("inferenceConfig"));
  BP_ASSIGN_OR_RETURN(const auto output_max, config.Int("maxTokens", 1, INT32_MAX));
  if (output_max) {
    // Clients ask for more than small models hold; the answer then says that the context ended it.
    request.output_tokens_max = static_cast<uint32_t>(*output_max);
    request.output_ends_with_context = true;
  }
  BP_ASSIGN_OR_RETURN(const auto temperature, config.Number("temperature", 0, 1));
  if (temperature) request.sampling.temperature = static_cast<float>(*temperature);
  BP_ASSIGN_OR_RETURN(const auto top_p, config.Number("topP", 0, 1));
  // 0: the smallest set of tokens, which is one.
  if (top_p) request.sampling.top_p = std::max(static_cast<float>(*top_p), std::numeric_limits<float>::min());
  return ReadStops(config, request);
}

// A tool in the form that templates expect.
Result<Json> ReadToolSpec(const Json& spec, const std::string& path) {
  if (!spec.is_object()) return WrongType(path, "an object", spec);
  const FieldReader fields(spec, path);
  BP_ASSIGN_OR_RETURN(const std::string name, fields.RequiredString("name"));
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
  if (name.empty() || name.size() > 64 || name.find_first_not_of(kAllowed) != std::string::npos) {
    return InvalidField(fields.PathOf("name"), "1 to 64 letters, digits, '_' and '-' are allowed.");
  }
  BP_ASSIGN_OR_RETURN(const Json* holder, Object(fields, "inputSchema"));
  const Json* schema = holder == nullptr ? nullptr : holder->Find("json");
  if (schema == nullptr || !schema->is_object()) {
    return InvalidField(Cat(fields.PathOf("inputSchema"), ".json"), "a JSON schema, an object, is required.");
  }
  Json::Object function{{"name", name}};
  BP_ASSIGN_OR_RETURN(const std::string* description, fields.String("description"));
  if (description != nullptr) function.emplace_back("description", *description);
  function.emplace_back("parameters", *schema);
  return Json(Json::Object{{"type", "function"}, {"function", std::move(function)}});
}

Status ReadToolChoice(const FieldReader& config, ChatPrompt& prompt) {
  const Json* choice = config.Get("toolChoice");
  if (choice == nullptr) return Status::Ok();
  const std::string path = config.PathOf("toolChoice");
  BP_ASSIGN_OR_RETURN(const auto member, ReadUnion(*choice, path));
  const auto& [kind, value] = member;
  if (*kind == "auto") return Status::Ok();
  if (*kind == "any") {
    prompt.tool_choice.kind = ToolChoice::Kind::kRequired;
  } else if (*kind == "tool" && value->is_object()) {
    prompt.tool_choice.kind = ToolChoice::Kind::kNamed;
    BP_ASSIGN_OR_RETURN(prompt.tool_choice.name, FieldReader(*value, Cat(path, ".tool")).RequiredString("name"));
  } else {
    return InvalidField(path, Cat("'", kind->substr(0, 50), "'; allowed: auto, any, tool with a name."));
  }
  return Status::Ok();
}

Status ReadToolConfig(const FieldReader& fields, ChatPrompt& prompt) {
  BP_ASSIGN_OR_RETURN(const Json* object, Object(fields, "toolConfig"));
  if (object == nullptr) return Status::Ok();
  const FieldReader config(*object, fields.PathOf("toolConfig"));
  const Json* tools = config.Get("tools");
  if (tools == nullptr || !tools->is_array())
    return InvalidField(config.PathOf("tools"), "an array of tools is required.");
  Json::Array list;
  for (size_t i = 0; i < tools->as_array().size(); ++i) {
    const std::string path = Cat(config.PathOf("tools"), "[", i, "]");
    BP_ASSIGN_OR_RETURN(const auto member, ReadUnion(tools->as_array()[i], path));
    if (*member.first == "cachePoint") {
      BP_RETURN_IF_ERROR(CheckCachePoint(*member.second, path));
    } else if (*member.first == "toolSpec") {
      BP_ASSIGN_OR_RETURN(Json tool, ReadToolSpec(*member.second, Cat(path, ".toolSpec")));
      list.push_back(std::move(tool));
    } else {
      const std::string at = Cat(path, ".", member.first->substr(0, 50));
      return Unsupported(at, Cat(at, ": not supported: tools run in the client; give their toolSpec."));
    }
  }
  if (list.empty()) return InvalidField(config.PathOf("tools"), "at least one toolSpec is required.");
  prompt.tools = std::move(list);
  return ReadToolChoice(config, prompt);
}

// {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": TEXT, "name", "description"}}}}.
Status ReadTextFormat(const Json& format, const std::string& path, Request& request) {
  const FieldReader fields(format, path);
  BP_ASSIGN_OR_RETURN(const std::string type, fields.RequiredString("type"));
  if (type != "json_schema") {
    return InvalidField(fields.PathOf("type"), Cat("'", type.substr(0, 50), "'; allowed: json_schema."));
  }
  BP_ASSIGN_OR_RETURN(const Json* structure, Object(fields, "structure"));
  const Json* definition = structure == nullptr ? nullptr : structure->Find("jsonSchema");
  const std::string at = Cat(fields.PathOf("structure"), ".jsonSchema");
  if (definition == nullptr || !definition->is_object()) return InvalidField(at, "required.");
  BP_ASSIGN_OR_RETURN(const std::string text, FieldReader(*definition, at).RequiredString("schema"));
  Result<Json> schema = ParseJson(text);
  if (!schema.ok() || !(schema->is_object() || schema->is_bool())) {
    return InvalidField(Cat(at, ".schema"), "the string is no JSON schema.");
  }
  request.constraint =
      Constraint{.form = JsonSchemaForm{.schema = *std::move(schema), .param = Cat(at, ".schema")}, .after = {}};
  return Status::Ok();
}

Status ReadOutputConfig(const FieldReader& fields, Request& request, ChatPrompt& prompt) {
  BP_ASSIGN_OR_RETURN(const Json* object, Object(fields, "outputConfig"));
  if (object == nullptr) return Status::Ok();
  const FieldReader config(*object, fields.PathOf("outputConfig"));
  BP_ASSIGN_OR_RETURN(const std::string* effort, config.String("effort"));
  if (effort != nullptr) prompt.reasoning_effort = *effort;
  BP_ASSIGN_OR_RETURN(const Json* format, Object(config, "textFormat"));
  return format == nullptr ? Status::Ok() : ReadTextFormat(*format, config.PathOf("textFormat"), request);
}

// As models of several makers call it.
Status ReadThinking(const FieldReader& fields, ChatPrompt& prompt) {
  for (const std::string_view name : {"thinking", "reasoning_config"}) {
    BP_ASSIGN_OR_RETURN(const Json* thinking, Object(fields, name));
    if (thinking == nullptr) continue;
    const FieldReader of_thinking(*thinking, fields.PathOf(name));
    BP_ASSIGN_OR_RETURN(const std::string type, of_thinking.RequiredString("type"));
    if (type != "enabled" && type != "disabled" && type != "adaptive") {
      return InvalidField(of_thinking.PathOf("type"),
                          Cat("'", type.substr(0, 50), "'; allowed: enabled, adaptive, disabled."));
    }
    prompt.reasoning_effort = type == "disabled" ? "none" : "medium";
  }
  BP_ASSIGN_OR_RETURN(const std::string* effort, fields.String("reasoning_effort"));
  if (effort != nullptr) prompt.reasoning_effort = *effort;
  return Status::Ok();
}

std::string NamesOfTaken(FieldTable table) {
  std::string names;
  for (const std::span<const Field> group : table) {
    for (const Field& field : group) {
      if (field.support != Support::kRefused) names += Cat(names.empty() ? "" : ", ", field.name);
    }
  }
  return names;
}

Status ReadAdditionalFields(const FieldReader& fields, Request& request, ChatPrompt& prompt) {
  BP_ASSIGN_OR_RETURN(const Json* object, Object(fields, "additionalModelRequestFields"));
  if (object == nullptr) return Status::Ok();
  const std::string path = fields.PathOf("additionalModelRequestFields");
  for (const auto& [name, value] : object->as_object()) {
    const Field* known = FindField(AdditionalModelFields(), name);
    if ((known == nullptr || known->support == Support::kRefused) && !value.is_null()) {
      const std::string at = Cat(path, ".", name.substr(0, 100));
      return Unsupported(at, Cat(at, ": not known here; allowed: ", NamesOfTaken(AdditionalModelFields()), "."));
    }
  }
  const FieldReader additional(*object, path, AdditionalModelFields());
  BP_RETURN_IF_ERROR(openai::ReadSampling(additional, request.sampling));
  return ReadThinking(additional, prompt);
}

// Of the fields that an answer may be asked to carry along, the one that there is.
Result<bool> WantsStopSequence(const FieldReader& fields) {
  const Json* paths = fields.Get("additionalModelResponseFieldPaths");
  if (paths == nullptr) return false;
  if (!paths->is_array()) return fields.WrongType("additionalModelResponseFieldPaths", "an array of strings", *paths);
  bool wanted = false;
  for (const Json& path : paths->as_array()) {
    if (!path.is_string() || !path.as_string().starts_with('/')) {
      return InvalidField(fields.PathOf("additionalModelResponseFieldPaths"),
                          "each must be a JSON Pointer: \"/name\".");
    }
    wanted = wanted || path.as_string() == "/stop_sequence";
  }
  return wanted;
}

Status RefuseWhatIsNotHere(const FieldReader& fields) {
  if (fields.Get("guardrailConfig") != nullptr) {
    return Unsupported("guardrailConfig", "guardrailConfig: not supported: there are no guardrails here.");
  }
  if (const Json* variables = fields.Get("promptVariables");
      variables != nullptr && *variables != Json(Json::Object{})) {
    return Unsupported("promptVariables", "promptVariables: not supported: there are no stored prompts here.");
  }
  return Status::Ok();
}

}  // namespace

Result<Call> DecodeConverse(const Json& body, ConverseOptions options) {
  if (!body.is_object()) {
    return Status::InvalidArgument(Cat("The request's body must be a JSON object, but is ", body.kind(), "."));
  }
  const FieldReader fields(body, "", ConverseFields());
  Request request;
  ChatPrompt prompt;
  BP_RETURN_IF_ERROR(RefuseWhatIsNotHere(fields));
  BP_RETURN_IF_ERROR(ReadConversation(fields, prompt));
  BP_RETURN_IF_ERROR(ReadToolConfig(fields, prompt));
  BP_RETURN_IF_ERROR(ReadAdditionalFields(fields, request, prompt));
  BP_RETURN_IF_ERROR(ReadInferenceConfig(fields, request));
  BP_RETURN_IF_ERROR(ReadOutputConfig(fields, request, prompt));
  ConverseReplyOptions reply{.stream = options.stream, .output_tokens_max = request.output_tokens_max};
  BP_ASSIGN_OR_RETURN(reply.with_stop_sequence, WantsStopSequence(fields));
  request.prompt = std::move(prompt);
  Call call;
  call.model = std::move(options.model);
  call.stream = options.stream;
  call.requests.push_back(std::move(request));
  call.make_encoder = [reply](ReplyIdentity identity) { return MakeConverseEncoder(reply, std::move(identity)); };
  return call;
}

}  // namespace bedplate::bedrock

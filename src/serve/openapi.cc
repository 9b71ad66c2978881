#include "serve/openapi.h"

#include <algorithm>
#include <utility>

#include "base/ascii.h"
#include "base/cat.h"
#include "base/check.h"

namespace bedplate {
namespace {

Json Ref(std::string_view name) {
  return Json::Object{{"$ref", Cat("#/components/schemas/", name)}};
}

/// JSON that is written in our sources.
Json OwnJson(std::string_view text) {
  Result<Json> json = ParseJson(text);
  BP_CHECK(json.ok());
  return *std::move(json);
}

Json AnyOf(Json::Array alternatives) {
  return Json::Object{{"anyOf", std::move(alternatives)}};
}

Json ExactWord(std::string_view word) {
  if (word == "any") return Json::Object{};
  if (word.starts_with('=')) return Json::Object{{"const", std::string(word.substr(1))}};
  if (word.starts_with('#')) return Ref(word.substr(1));
  return Json::Object{{"type", std::string(word)}};
}

/// "a|b": an enum where all are texts.
Json ExactAlternatives(std::string_view words) {
  Json::Array texts, schemas;
  while (true) {
    const size_t bar = words.find('|');
    const std::string_view word = words.substr(0, bar);
    if (word.starts_with('=')) texts.emplace_back(std::string(word.substr(1)));
    schemas.push_back(ExactWord(word));
    if (bar == std::string_view::npos) break;
    words.remove_prefix(bar + 1);
  }
  if (schemas.size() == 1) return std::move(schemas[0]);
  if (texts.size() == schemas.size()) return Json::Object{{"type", "string"}, {"enum", std::move(texts)}};
  return AnyOf(std::move(schemas));
}

Json ExactObject(const Json::Object& form) {
  Json::Object properties;
  Json::Array required;
  for (const auto& [name, member] : form) {
    if (name == "*") return Json::Object{{"type", "object"}, {"additionalProperties", ExactSchema(member)}};
    const bool optional = name.ends_with('?');
    std::string plain = optional ? name.substr(0, name.size() - 1) : name;
    if (!optional) required.emplace_back(plain);
    properties.emplace_back(std::move(plain), ExactSchema(member));
  }
  return Json::Object{{"type", "object"},
                      {"properties", std::move(properties)},
                      {"required", std::move(required)},
                      {"additionalProperties", false}};
}

/// What is taken for one member of a client's object. Null counts as absent.
Json FieldSchema(const Field& field) {
  const Json null = Json::Object{{"type", "null"}};
  switch (field.support) {
    case Support::kIgnored:
      return Json::Object{{"description", "Ignored."}};
    case Support::kRefused: {
      Json schema = field.schema.empty() ? null : AnyOf({OwnJson(field.schema), null});
      schema.as_object().emplace_back("description", "Refused: anything else is an error that names it.");
      return schema;
    }
    case Support::kSupported:
      break;
  }
  Json schema = field.schema.empty() ? Json(Json::Object{}) : OwnJson(field.schema);
  return field.required ? schema : AnyOf({std::move(schema), null});
}

Json FieldsSchema(FieldTable table, bool closed) {
  Json::Object properties;
  Json::Array required;
  for (const std::span<const Field> group : table) {
    for (const Field& field : group) {
      properties.emplace_back(std::string(field.name), FieldSchema(field));
      if (field.required) required.emplace_back(std::string(field.name));
    }
  }
  Json::Object schema{{"type", "object"}, {"properties", std::move(properties)}};
  if (!required.empty()) schema.emplace_back("required", std::move(required));
  if (closed) schema.emplace_back("additionalProperties", Json::Object{{"type", "null"}});
  return schema;
}

Json SchemaOf(const Schema& schema) {
  switch (schema.form) {
    case Schema::Form::kFields:
      return FieldsSchema(schema.fields, /*closed=*/false);
    case Schema::Form::kClosedFields:
      return FieldsSchema(schema.fields, /*closed=*/true);
    case Schema::Form::kExact:
      return ExactSchema(OwnJson(schema.text));
    case Schema::Form::kJsonSchema:
      break;
  }
  return OwnJson(schema.text);
}

struct ApiWords {
  std::string_view tag, error;
};
ApiWords WordsOf(Api api) {
  switch (api) {
    case Api::kOpenAi:
      return {"OpenAI", "OpenAiError"};
    case Api::kAnthropic:
      return {"Anthropic", "AnthropicError"};
    case Api::kOpenAiOrAnthropic:
      return {"OpenAI and Anthropic", "OpenAiOrAnthropicError"};
    case Api::kBedrock:
      return {"Amazon Bedrock", "BedrockError"};
    case Api::kAdmin:
      return {"Administration", "OpenAiError"};
    case Api::kServer:
      break;
  }
  return {"Server", "OpenAiError"};
}
constexpr Api kApis[] = {Api::kOpenAi,  Api::kAnthropic, Api::kOpenAiOrAnthropic,
                         Api::kBedrock, Api::kAdmin,     Api::kServer};

/// A stream is a text; contentSchema tells what one event of it carries.
Json StreamSchema(const Operation& operation) {
  return Json::Object{{"type", "string"},
                      {"contentMediaType", std::string(operation.stream_type)},
                      {"contentSchema", Ref(operation.events)}};
}

Json Content(std::string_view type, Json schema) {
  return Json::Object{{std::string(type), Json::Object{{"schema", std::move(schema)}}}};
}

Json Responses(const Operation& operation) {
  Json::Object content;
  if (!operation.answer.empty()) {
    const bool text = operation.answer == "string";
    content = Content(operation.answer_type, text ? ExactWord("string") : Ref(operation.answer)).as_object();
  }
  if (!operation.events.empty()) {
    content.push_back(Content(operation.stream_type, StreamSchema(operation)).as_object().front());
  }
  const Json error = Json::Object{{"$ref", Cat("#/components/responses/", WordsOf(operation.api).error)}};
  return Json::Object{{"200", Json::Object{{"description", "The answer."}, {"content", std::move(content)}}},
                      {"4XX", error},
                      {"5XX", error}};
}

Json Parameters(const Operation& operation) {
  Json::Array out;
  for (const Parameter& parameter : operation.parameters) {
    out.emplace_back(Json::Object{{"name", std::string(parameter.name)},
                                  {"in", std::string(parameter.in)},
                                  {"required", parameter.in == "path"},
                                  {"description", std::string(parameter.about)},
                                  {"schema", OwnJson(parameter.schema)}});
  }
  return out;
}

Json RequestBody(const Operation& operation) {
  Json::Object of_type{{"schema", Ref(operation.body)}};
  Json::Object examples;
  for (const std::string_view example : operation.examples) {
    examples.emplace_back(Cat("example ", examples.size() + 1), Json::Object{{"value", OwnJson(example)}});
  }
  if (!examples.empty()) of_type.emplace_back("examples", std::move(examples));
  return Json::Object{{"required", operation.body_required},
                      {"content", Json::Object{{"application/json", std::move(of_type)}}}};
}

Json OperationJson(const Operation& operation, std::string_view prefix, bool needs_key) {
  std::string id(operation.id);
  if (!prefix.empty()) id = Cat(prefix.substr(1), "_", id);
  Json::Object out{{"operationId", std::move(id)},
                   {"tags", Json::Array{std::string(WordsOf(operation.api).tag)}},
                   {"summary", std::string(operation.summary)}};
  if (!operation.parameters.empty()) out.emplace_back("parameters", Parameters(operation));
  if (!operation.body.empty()) out.emplace_back("requestBody", RequestBody(operation));
  out.emplace_back("responses", Responses(operation));
  if (!needs_key) out.emplace_back("security", Json::Array{});
  return out;
}

/// The path under which Bedrock's host has another API, or none.
std::string_view PrefixOf(std::string_view pattern) {
  for (const std::string_view prefix : {"/openai", "/anthropic"}) {
    if (pattern.starts_with(prefix) && pattern.substr(prefix.size()).starts_with('/')) return prefix;
  }
  return {};
}

Json::Object Paths(const std::vector<Route>& routes, std::span<const ApiDescription> apis) {
  Json::Object paths;
  const auto add = [&](const Route& route, const Operation& operation) {
    const std::string_view prefix = PrefixOf(route.pattern);
    if (operation.method != route.method || operation.pattern != route.pattern.substr(prefix.size())) return;
    std::string path = Cat(prefix, operation.path);
    auto at = std::ranges::find(paths, path, &Json::Member::first);
    if (at == paths.end()) at = paths.insert(paths.end(), {std::move(path), Json::Object{}});
    at->second.as_object().emplace_back(AsciiLower(route.method),
                                        OperationJson(operation, prefix, route.access != RouteAccess::kOpen));
  };
  for (const Route& route : routes) {
    for (const ApiDescription& api : apis) {
      for (const Operation& operation : api.operations) add(route, operation);
    }
  }
  return paths;
}

Json ErrorResponses() {
  const auto header = [](std::string about) {
    return Json::Object{{"description", std::move(about)}, {"schema", Json::Object{{"type", "string"}}}};
  };
  Json::Object out;
  for (const Api api : kApis) {
    const std::string name(WordsOf(api).error);
    if (std::ranges::find(out, name, &Json::Member::first) != out.end()) continue;
    out.emplace_back(
        name, Json::Object{{"description", "An error in this API's form; docs/ lists which status means what."},
                           {"headers", Json::Object{{"x-request-id", header("The request's id.")},
                                                    {"retry-after", header("Seconds until another try may succeed.")}}},
                           {"content", Content("application/json", Ref(name))}});
  }
  return out;
}

Json SecuritySchemes() {
  const auto key = [](std::string name, std::string about) {
    return Json::Object{
        {"type", "apiKey"}, {"in", "header"}, {"name", std::move(name)}, {"description", std::move(about)}};
  };
  return Json::Object{
      {"bearer", Json::Object{{"type", "http"}, {"scheme", "bearer"}, {"description", "A key of the server's."}}},
      {"api_key", key("x-api-key", "The same key; it counts where both are there.")},
      {"sigv4", key("Authorization", "AWS Signature Version 4, service bedrock, by an access key of the server's.")}};
}

Json Security(bool has_keys) {
  Json::Array any;
  if (!has_keys) any.emplace_back(Json::Object{});  // everyone is let in
  for (const char* scheme : {"bearer", "api_key", "sigv4"}) any.emplace_back(Json::Object{{scheme, Json::Array{}}});
  return any;
}

}  // namespace

Json ExactSchema(const Json& form) {
  if (form.is_object()) return ExactObject(form.as_object());
  if (form.is_array()) return Json::Object{{"type", "array"}, {"items", ExactSchema(form.as_array().at(0))}};
  return ExactAlternatives(form.as_string());
}

std::string OpenApiDocument(const std::vector<Route>& routes, std::span<const ApiDescription> apis, bool has_keys) {
  Json::Object named;
  for (const ApiDescription& api : apis) {
    for (const Schema& schema : api.schemas) named.emplace_back(std::string(schema.name), SchemaOf(schema));
  }
  return WriteJson(Json::Object{
      {"openapi", "3.1.0"},
      {"info",
       Json::Object{
           {"title", "Bedplate"},
           {"version", BEDPLATE_VERSION},
           {"license", Json::Object{{"name", "Apache 2.0"}, {"identifier", "Apache-2.0"}}},
           {"description",
            "What this server answers: OpenAI's API, Anthropic's Messages and Amazon Bedrock's runtime. Members of a "
            "request's body that are not named are ignored; null counts as absent. A stream is a text whose "
            "contentSchema tells what one of its events carries: the JSON after data:, or one message of an Amazon "
            "event stream as an object with the message's type as the only name."}}},
      {"servers", Json::Array{Json::Object{{"url", "/"}}}},
      {"security", Security(has_keys)},
      {"paths", Paths(routes, apis)},
      {"components",
       Json::Object{
           {"schemas", std::move(named)}, {"responses", ErrorResponses()}, {"securitySchemes", SecuritySchemes()}}}});
}

}  // namespace bedplate

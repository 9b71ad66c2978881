// What an output must look like: OpenAI's response_format, and the same wishes as the users of vLLM
// (structured_outputs, guided_*), llama.cpp (grammar, json_schema, a schema beside json_object) and SGLang (regex,
// ebnf) write them.

#include <algorithm>
#include <array>
#include <optional>

#include "base/cat.h"
#include "serve/openai/decode_common.h"

namespace bedplate::openai {
namespace {

using Form = Constraint::Form;

Status Missing(std::string path) {
  return Status::InvalidArgument(Cat("Missing required parameter: '", path, "'."))
      .WithParam(std::move(path))
      .WithReason("missing_required_parameter");
}

/// A schema, or (guided_json) the text of one.
Result<Form> ReadSchema(const Json& value, std::string path) {
  if (value.is_object() || value.is_bool()) return Form(JsonSchemaForm{.schema = value, .param = std::move(path)});
  if (!value.is_string()) return WrongType(std::move(path), "a JSON schema: an object", value);
  Result<Json> parsed = ParseJson(value.as_string());
  if (!parsed.ok() || !(parsed->is_object() || parsed->is_bool())) {
    return Status::InvalidArgument(Cat("Invalid '", path, "': the string is no JSON schema."))
        .WithParam(std::move(path))
        .WithReason("invalid_value");
  }
  return Form(JsonSchemaForm{.schema = *std::move(parsed), .param = std::move(path)});
}

Result<Form> ReadChoiceForm(const Json& value, std::string path) {
  if (!value.is_array()) return WrongType(std::move(path), "an array of strings", value);
  ChoiceForm form{.choices = {}, .param = path};
  for (size_t i = 0; i < value.as_array().size(); ++i) {
    if (!value.as_array()[i].is_string()) return WrongType(Cat(path, "[", i, "]"), "a string", value.as_array()[i]);
    form.choices.push_back(value.as_array()[i].as_string());
  }
  return Form(std::move(form));
}

Result<Form> ReadText(const Json& value, std::string path, bool regex) {
  if (!value.is_string()) return WrongType(std::move(path), "a string", value);
  if (regex) return Form(RegexForm{.pattern = value.as_string(), .param = std::move(path)});
  return Form(GrammarForm{.text = value.as_string(), .param = std::move(path)});
}

/// OpenAI's: a name of up to 64 letters, digits, - and _; the schema. `strict` makes no difference: it always holds.
Result<Form> ReadNamedSchema(const FieldReader& fields) {
  BP_ASSIGN_OR_RETURN(const std::string name, fields.RequiredString("name"));
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  if (name.empty() || name.size() > 64 || !std::ranges::all_of(name, allowed)) {
    return Status::InvalidArgument(
               Cat("Invalid '", fields.PathOf("name"), "': expected 1 to 64 letters, digits, underscores and dashes."))
        .WithParam(fields.PathOf("name"))
        .WithReason("invalid_value");
  }
  BP_RETURN_IF_ERROR(fields.Bool("strict").status());
  const Json* schema = fields.Get("schema");
  if (schema == nullptr) return Missing(fields.PathOf("schema"));
  if (!schema->is_object()) return fields.WrongType("schema", "a JSON schema: an object", *schema);
  return ReadSchema(*schema, fields.PathOf("schema"));
}

/// flat: the schema's members stand beside the type, as in responses; else in a member "json_schema", as in chats.
Result<std::optional<Form>> ReadFormat(const FieldReader& fields, std::string_view member, bool flat) {
  const Json* format = fields.Get(member);
  if (format == nullptr) return std::optional<Form>();
  if (!format->is_object()) return fields.WrongType(member, "an object", *format);
  const FieldReader of_format(*format, fields.PathOf(member));
  BP_ASSIGN_OR_RETURN(const std::string type, of_format.RequiredString("type"));
  if (type == "text") return std::optional<Form>();
  if (type == "json_object") {
    const Json* schema = of_format.Get("schema");  // not OpenAI's, but what other servers take
    if (schema == nullptr) return std::optional<Form>(JsonObjectForm());
    if (!schema->is_object()) return of_format.WrongType("schema", "a JSON schema: an object", *schema);
    BP_ASSIGN_OR_RETURN(Form form, ReadSchema(*schema, of_format.PathOf("schema")));
    return std::optional<Form>(std::move(form));
  }
  if (type != "json_schema") {
    return Status::InvalidArgument(Cat("Invalid value: '", type.substr(0, 50),
                                       "'. Supported values are: 'text', 'json_object', and 'json_schema'."))
        .WithParam(of_format.PathOf("type"))
        .WithReason("invalid_value");
  }
  const Json* schema = flat ? format : of_format.Get("json_schema");
  const std::string path = flat ? fields.PathOf(member) : of_format.PathOf("json_schema");
  if (schema == nullptr) return Missing(path);
  if (!schema->is_object()) return WrongType(path, "an object", *schema);
  BP_ASSIGN_OR_RETURN(Form form, ReadNamedSchema(FieldReader(*schema, path)));
  return std::optional<Form>(std::move(form));
}

Status RefuseField(std::string path) {
  std::string message = Cat("'", path, "' is not supported: the white space of JSON is fixed (see the documentation).");
  return Unsupported(std::move(path), std::move(message));
}

/// vLLM's: exactly one of json, regex, choice, grammar, json_object.
Result<std::optional<Form>> ReadStructuredOutputs(const FieldReader& fields) {
  const Json* object = fields.Get("structured_outputs");
  if (object == nullptr) return std::optional<Form>();
  if (!object->is_object()) return fields.WrongType("structured_outputs", "an object", *object);
  const FieldReader of(*object, "structured_outputs");
  if (of.Get("whitespace_pattern") != nullptr) return RefuseField(of.PathOf("whitespace_pattern"));
  if (of.Get("structural_tag") != nullptr) {
    return Unsupported(of.PathOf("structural_tag"), "'structured_outputs.structural_tag' is not supported.");
  }
  BP_ASSIGN_OR_RETURN(const auto compact, of.Bool("disable_any_whitespace"));
  BP_ASSIGN_OR_RETURN(const auto any_object, of.Bool("json_object"));
  std::optional<Form> form;
  size_t forms = 0;
  const auto take = [&](Result<Form> read) -> Status {
    if (!read.ok()) return std::move(read).status();
    form = *std::move(read);
    ++forms;
    return Status::Ok();
  };
  if (const Json* json = of.Get("json")) BP_RETURN_IF_ERROR(take(ReadSchema(*json, of.PathOf("json"))));
  if (const Json* regex = of.Get("regex")) BP_RETURN_IF_ERROR(take(ReadText(*regex, of.PathOf("regex"), true)));
  if (const Json* choice = of.Get("choice")) BP_RETURN_IF_ERROR(take(ReadChoiceForm(*choice, of.PathOf("choice"))));
  if (const Json* grammar = of.Get("grammar")) {
    BP_RETURN_IF_ERROR(take(ReadText(*grammar, of.PathOf("grammar"), false)));
  }
  if (any_object.value_or(false)) BP_RETURN_IF_ERROR(take(Form(JsonObjectForm())));
  if (forms != 1) {
    return Status::InvalidArgument(
               Cat("'structured_outputs' holds ", forms,
                   " of 'json', 'regex', 'choice', 'grammar' and 'json_object'; allowed: exactly 1."))
        .WithParam("structured_outputs")
        .WithReason("invalid_value");
  }
  if (auto* schema = std::get_if<JsonSchemaForm>(&*form)) schema->compact = compact.value_or(false);
  return form;
}

/// Ways of other APIs. An output must not be free because its form was asked for in a place that is not read here.
Status RefuseElsewhere(const FieldReader& fields, std::initializer_list<std::string_view> names,
                       std::string_view first) {
  for (const std::string_view name : names) {
    if (fields.Get(name) == nullptr) continue;
    return Unsupported(
        std::string(name),
        Cat("'", name, "' is no parameter here; what the output must look like is said by '", first, "'."));
  }
  return Status::Ok();
}

/// Other servers', each in a member of its own. first: the API's own way, and what it asks for.
Status ReadOne(const FieldReader& fields, std::string_view first, std::optional<Form> form, Request& request) {
  std::string_view from;
  const auto take = [&](std::string_view name, Form another) -> Status {
    if (!from.empty()) {
      return Status::InvalidArgument(Cat("'", name, "' and '", from,
                                         "' both say what the output must look like; "
                                         "only one of them can be followed."))
          .WithParam(std::string(name))
          .WithReason("invalid_value");
    }
    from = name;
    request.constraint = Constraint{.form = std::move(another), .after = {}};
    return Status::Ok();
  };
  if (form.has_value()) BP_RETURN_IF_ERROR(take(first, *std::move(form)));
  BP_ASSIGN_OR_RETURN(std::optional<Form> structured, ReadStructuredOutputs(fields));
  if (structured.has_value()) BP_RETURN_IF_ERROR(take("structured_outputs", *std::move(structured)));
  for (const std::string_view name :
       {"guided_json", "json_schema", "guided_regex", "regex", "guided_choice", "guided_grammar", "grammar", "ebnf"}) {
    const Json* value = fields.Get(name);
    if (value == nullptr) continue;
    const std::string path(name);
    const bool regex = name == "guided_regex" || name == "regex";
    Result<Form> read = name == "guided_json" || name == "json_schema" ? ReadSchema(*value, path)
                        : name == "guided_choice"                      ? ReadChoiceForm(*value, path)
                                                                       : ReadText(*value, path, regex);
    if (!read.ok()) return std::move(read).status();
    BP_RETURN_IF_ERROR(take(name, *std::move(read)));
  }
  if (fields.Get("guided_whitespace_pattern") != nullptr) return RefuseField("guided_whitespace_pattern");
  return RefuseElsewhere(fields, {"output_config", "output_format", "format"}, first);
}

}  // namespace

Status ReadConstraint(const FieldReader& fields, Request& request) {
  BP_RETURN_IF_ERROR(RefuseElsewhere(fields, {"text"}, "response_format"));
  BP_ASSIGN_OR_RETURN(std::optional<Form> format, ReadFormat(fields, "response_format", /*flat=*/false));
  return ReadOne(fields, "response_format", std::move(format), request);
}

Status ReadResponseConstraint(const FieldReader& fields, Request& request) {
  if (fields.Get("response_format") != nullptr) {
    return Unsupported("response_format",
                       "'response_format' is a parameter of chats; in responses it is 'text.format'.");
  }
  std::optional<Form> format;
  if (const Json* text = fields.Get("text")) {
    if (!text->is_object()) return fields.WrongType("text", "an object", *text);
    BP_ASSIGN_OR_RETURN(format, ReadFormat(FieldReader(*text, "text"), "format", /*flat=*/true));
  }
  return ReadOne(fields, "text.format", std::move(format), request);
}

}  // namespace bedplate::openai

#include "engine/forced_calls.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/cat.h"
#include "base/json.h"

namespace bedplate {
namespace {

Status Invalid(std::string message) {
  return Status::InvalidArgument(std::move(message)).WithParam("tool_choice").WithReason("invalid_value");
}

/// How a call is written around its arguments: before the name, between the two, behind.
struct Frame {
  std::string_view open, middle, close;
};
Frame FrameOf(const OutputParserOptions& output, const Tokenizer& tokenizer) {
  const auto is_text = [&](std::string_view marker) {
    const auto token = tokenizer.Find(marker);
    return !token.has_value() || !tokenizer.IsControl(*token);
  };
  switch (output.format.calls) {
    case CallSyntax::kHermes:
      if (!is_text("<tool_call>") || !is_text("</tool_call>")) break;
      return {"<tool_call>\n{\"name\": ", ", \"arguments\": ", "}\n</tool_call>"};
    case CallSyntax::kLlama:
      return {"{\"name\": ", ", \"parameters\": ", "}"};
    default:
      break;
  }
  return {"{\"name\": ", ", \"arguments\": ", "}"};
}

bool AllowsObjects(const Json& type) {
  if (type == Json("object")) return true;
  return type.is_array() && std::ranges::find(type.as_array(), Json("object")) != type.as_array().end();
}

/// The schema, and an object: nothing else is a call's arguments. None: a schema that no object fits.
std::optional<Json> ArgumentsSchema(const Json* parameters) {
  if (parameters == nullptr || parameters->is_null() || *parameters == Json(true)) {
    return Json(Json::Object{{"type", "object"}});
  }
  if (!parameters->is_object()) return std::nullopt;
  Json::Object schema = parameters->as_object();
  const auto type = std::ranges::find(schema, "type", &Json::Member::first);
  if (type == schema.end()) {
    schema.emplace_back("type", "object");
  } else if (AllowsObjects(type->second)) {
    type->second = "object";
  } else {
    return std::nullopt;
  }
  return Json(std::move(schema));
}

Result<StructuralForm::Alternative> AlternativeFor(const Json& function, size_t index, const std::string& name,
                                                   const Frame& frame) {
  std::string param = Cat("tools[", index, "].function.parameters");
  std::optional<Json> schema = ArgumentsSchema(function.Find("parameters"));
  if (!schema.has_value()) {
    return Status::InvalidArgument(Cat("The parameters of the tool '", name.substr(0, 100),
                                       "' are no schema of an object: a call of it can't be forced."))
        .WithParam(std::move(param))
        .WithReason("invalid_constraint");
  }
  return StructuralForm::Alternative{
      .begin = Cat(frame.open, WriteJson(name), frame.middle),
      .content = {.schema = *std::move(schema), .compact = false, .param = std::move(param)},
      .end = std::string(frame.close)};
}

const Json* FunctionOf(const Json& tool) {
  const Json* function = tool.Find("function");
  const Json* name = function == nullptr ? nullptr : function->Find("name");
  return name != nullptr && name->is_string() ? function : nullptr;
}

}  // namespace

Result<Constraint> ForcedCall(const ChatPrompt& prompt, const OutputParserOptions& output, const Tokenizer& tokenizer) {
  if (output.format.calls == CallSyntax::kHarmony) {
    return Invalid(
        "'tool_choice' can't force a call with this model: its format (harmony) needs tokens that a constrained output "
        "can't have. Allowed: auto, none.");
  }
  const Frame frame = FrameOf(output, tokenizer);
  const bool named = prompt.tool_choice.kind == ToolChoice::Kind::kNamed;
  StructuralForm form;
  for (size_t i = 0; prompt.tools.is_array() && i < prompt.tools.as_array().size(); ++i) {
    const Json* function = FunctionOf(prompt.tools.as_array()[i]);
    if (function == nullptr) continue;
    const std::string& name = function->Find("name")->as_string();
    if (named && name != prompt.tool_choice.name) continue;
    BP_ASSIGN_OR_RETURN(auto alternative, AlternativeFor(*function, i, name, frame));
    form.alternatives.push_back(std::move(alternative));
  }
  if (form.alternatives.empty()) {
    return Invalid(
        named ? Cat("'tool_choice' names '", prompt.tool_choice.name.substr(0, 100), "', which is none of the 'tools'.")
              : std::string("'tool_choice' asks for a call, but there are no 'tools'."));
  }
  return Constraint{.form = std::move(form), .after = {}};
}

Result<StructuralForm> CallsByChoice(const ChatPrompt& prompt, const OutputParserOptions& output,
                                     const Tokenizer& tokenizer) {
  if (output.format.calls == CallSyntax::kHarmony) {
    return Status::InvalidArgument(
               "With this model's format (harmony) an output can't be held to a form and call 'tools' besides: leave "
               "out "
               "one of them, or send \"tool_choice\": \"none\".")
        .WithParam("tools")
        .WithReason("invalid_value");
  }
  // Small models forget the marker, and the parser takes a call without one: so it is allowed, too.
  constexpr Frame kAlone{"{\"name\": ", ", \"arguments\": ", "}"};
  const Frame frame = FrameOf(output, tokenizer);
  StructuralForm form;
  const auto add = [&](const Json& name, const Frame& around) {
    form.alternatives.push_back(
        {.begin = Cat(around.open, WriteJson(name), around.middle),
         .content = {.schema = Json::Object{{"type", "object"}}, .compact = false, .param = "tools"},
         .end = std::string(around.close)});
  };
  for (const Json& tool : prompt.tools.as_array()) {
    const Json* function = FunctionOf(tool);
    if (function == nullptr) continue;
    add(*function->Find("name"), frame);
    if (frame.open != kAlone.open) add(*function->Find("name"), kAlone);
  }
  return form;
}

}  // namespace bedplate

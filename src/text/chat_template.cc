#include "text/chat_template.h"

#include <algorithm>

#include "base/cat.h"
#include "text/template_ast.h"
#include "text/template_interpreter.h"

namespace bedplate {
namespace {

constexpr size_t kSourceBytesMax = size_t{1} << 20;

Status WrongMember(std::string_view name, std::string_view allowed, const Json& found) {
  return Status::InvalidArgument(Cat("\"", name, "\" must be ", allowed, ", not ", found.kind()))
      .WithParam(std::string(name));
}

}  // namespace

Result<ChatTemplate> ChatTemplate::Parse(std::string_view source) {
  if (source.size() > kSourceBytesMax) {
    return Status::InvalidArgument(
        Cat("the chat template has ", source.size(), " bytes; at most ", kSourceBytesMax, " are allowed"));
  }
  BP_ASSIGN_OR_RETURN(std::shared_ptr<const Program> program, jinja::ParseTemplate(source));
  return ChatTemplate(std::move(program), source);
}

ChatTemplate::ChatTemplate(std::shared_ptr<const Program> program, std::string_view source)
    : program_(std::move(program)) {
  const auto has = [&](std::string_view text) { return source.find(text) != std::string_view::npos; };
  traits_.takes_tools = Reads("tools");
  traits_.output = FormatOfTemplate(source, traits_.takes_tools);
  for (const std::string_view asks : {"content is none", "content is not none", "content'] is none",
                                      "content'] is not none", "content\"] is none", "content\"] is not none"}) {
    traits_.null_content = traits_.null_content || has(asks);
  }
  traits_.short_call_ids = has("|length != 9") || has("| length != 9");
}

bool ChatTemplate::Reads(std::string_view variable) const {
  return std::ranges::find(variables(), variable) != variables().end();
}

Result<std::vector<TemplateSegment>> ChatTemplate::Render(const Inputs& inputs, const TemplateLimits& limits) const {
  jinja::Interpreter interpreter(inputs, limits);
  const jinja::Text text = interpreter.Render(*program_);
  const jinja::Run& run = interpreter.run();
  if (run.failed()) return Status::InvalidArgument(Cat("chat template, line ", run.error_line(), ": ", run.message()));
  std::vector<TemplateSegment> segments;
  size_t begin = 0;
  for (const jinja::Text::Run& part : text.Runs()) {
    segments.push_back({std::string(text.bytes().substr(begin, part.end - begin)), part.trusted});
    begin = part.end;
  }
  return segments;
}

const std::vector<std::string>& ChatTemplate::variables() const {
  return program_->variables;
}

std::string Join(const std::vector<TemplateSegment>& segments) {
  std::string out;
  for (const TemplateSegment& segment : segments) out += segment.text;
  return out;
}

Result<ChatTemplate::Inputs> InputsFromJson(const Json& request, int64_t now_unix_seconds) {
  if (!request.is_object())
    return Status::InvalidArgument(Cat("the input must be an object with \"messages\", not ", request.kind()));
  ChatTemplate::Inputs inputs;
  inputs.now_unix_seconds = now_unix_seconds;
  if (request.Find("messages") == nullptr)
    return Status::InvalidArgument("the input lacks \"messages\"").WithParam("messages");
  for (const auto& [name, value] : request.as_object()) {
    if (name == "messages") {
      if (!value.is_array()) return WrongMember(name, "an array of messages", value);
      inputs.messages = value;
    } else if (name == "tools") {
      if (!value.is_array() && !value.is_null()) return WrongMember(name, "an array of tools or null", value);
      inputs.tools = value;
    } else if (name == "add_generation_prompt") {
      if (!value.is_bool()) return WrongMember(name, "a boolean", value);
      inputs.add_generation_prompt = value.as_bool();
    } else if (name == "bos_token" || name == "eos_token") {
      if (!value.is_string() && !value.is_null()) return WrongMember(name, "a string or null", value);
      (name == "bos_token" ? inputs.bos_token : inputs.eos_token) = value.is_string() ? value.as_string() : "";
    } else if (name == "chat_template_kwargs") {
      if (!value.is_object() && !value.is_null()) return WrongMember(name, "an object or null", value);
      if (value.is_object())
        inputs.extra.insert(inputs.extra.end(), value.as_object().begin(), value.as_object().end());
    } else {
      inputs.extra.emplace_back(name, value);
    }
  }
  return inputs;
}

}  // namespace bedplate

// bedplate render: messages on standard input through a chat template.
#include <cstdio>
#include <memory>

#include "base/cat.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "cmd/commands.h"
#include "cmd/model_options.h"
#include "cmd/text_input.h"

namespace bedplate {
namespace {

struct RenderOptions {
  std::string model;
  std::string template_path;
  bool json = false;
};

Status RunRender(const RenderOptions& options) {
  if (options.model.empty() == options.template_path.empty()) {
    return Status::InvalidArgument("give either MODEL or --template FILE");
  }
  std::optional<ChatTemplate> chat_template;
  std::string bos, eos;
  if (!options.template_path.empty()) {
    BP_ASSIGN_OR_RETURN(const std::string source, ReadFile(options.template_path, size_t{1} << 20));
    BP_ASSIGN_OR_RETURN(chat_template, ChatTemplate::Parse(source));
  } else {
    BP_ASSIGN_OR_RETURN(const ModelFile file, OpenModelFile(options.model));
    BP_ASSIGN_OR_RETURN(TextSide text, LoadTextSide(file));
    if (!text.chat_template) {
      return Status::InvalidArgument(Cat(options.model, " has no chat template; give one with --template FILE"));
    }
    chat_template = std::move(text.chat_template);
    if (text.tokenizer->bos()) bos = text.tokenizer->TokenText(*text.tokenizer->bos());
    if (text.tokenizer->eos()) eos = text.tokenizer->TokenText(*text.tokenizer->eos());
  }
  BP_ASSIGN_OR_RETURN(const std::string input, ReadInput("-"));
  BP_ASSIGN_OR_RETURN(const Json request, ParseJson(input));
  BP_ASSIGN_OR_RETURN(ChatTemplate::Inputs inputs, InputsFromJson(request, SystemClock().UnixSeconds()));
  if (request.Find("bos_token") == nullptr) inputs.bos_token = bos;
  if (request.Find("eos_token") == nullptr) inputs.eos_token = eos;
  BP_ASSIGN_OR_RETURN(const std::vector<TemplateSegment> segments, chat_template->Render(inputs));
  if (!options.json) {
    std::fputs(Join(segments).c_str(), stdout);
    return Status::Ok();
  }
  std::string out;
  JsonWriter w(out);
  w.BeginArray();
  for (const TemplateSegment& segment : segments) {
    w.BeginObject();
    w.Key("text");
    w.String(segment.text);
    w.Key("trusted");
    w.Bool(segment.trusted);
    w.EndObject();
  }
  w.EndArray();
  std::printf("%s\n", out.c_str());
  return Status::Ok();
}

}  // namespace

void AddRenderCommand(Program& program) {
  auto options = std::make_shared<RenderOptions>();
  CommandLine command = program.Add("render", "Turn chat messages (JSON on standard input) into a prompt",
                                    [options] { return RunRender(*options); });
  command.Add("MODEL", &options->model, "a model whose own chat template is used");
  command.Add("--template", &options->template_path, "a Jinja file to use instead");
  command.Add("--json", &options->json, "print segments with where they come from, rather than text");
  command.Footer(
      "Input: {\"messages\": [...], \"tools\": [...], \"add_generation_prompt\": true, \"bos_token\": \"...\", "
      "\"eos_token\": \"...\"}\n"
      "Example:\n  echo '{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}' | bedplate render smollm2-135m");
}

}  // namespace bedplate

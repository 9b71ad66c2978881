#include "cmd/model_options.h"

#include <algorithm>

#include "base/cat.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/thread_team.h"
#include "cmd/catalogue.h"

namespace bedplate {

void ModelOptions::AddTo(CLI::App& command, bool with_chat_template) {
  command.add_option("MODEL", model, "a model's name (see: bedplate models), a .gguf file, or a Hugging Face folder")
      ->required();
  AddTuningTo(command);
  if (with_chat_template) {
    command.add_option("--chat-template", chat_template_path,
                       "a Jinja file to use in place of the model's own chat template");
  }
}

void ModelOptions::AddTuningTo(CLI::App& command) {
  command.add_option("--threads", threads, "threads that compute; default: every CPU this process may use")
      ->envname("BEDPLATE_THREADS");
  command
      .add_option("--isa", isa,
                  "instruction set: auto, scalar, avx2, avx512, avx512vnni; results are the same bits with each")
      ->envname("BEDPLATE_ISA");
}

uint32_t ModelOptions::Threads() const {
  return threads == 0 ? UsableCpuCount() : threads;
}

Result<Isa> ModelOptions::ChosenIsa() const {
  if (isa == "auto") return BestIsa();
  const std::optional<Isa> wanted = ParseIsa(isa);
  const auto supported = SupportedIsas();
  if (!wanted || std::find(supported.begin(), supported.end(), *wanted) == supported.end()) {
    std::string names;
    for (const Isa known : supported) names += Cat(" ", IsaName(known));
    return Status::InvalidArgument(Cat("--isa ", isa, " is not available; this machine has:", names));
  }
  return *wanted;
}

Result<ModelLoadOptions> ModelOptions::LoadOptions() const {
  if (Threads() > 1024) return Status::InvalidArgument(Cat("--threads is ", Threads(), "; allowed: 1 to 1024"));
  ModelLoadOptions options;
  options.threads = Threads();
  BP_ASSIGN_OR_RETURN(options.isa, ChosenIsa());
  if (!chat_template_path.empty()) {
    BP_ASSIGN_OR_RETURN(options.chat_template, ReadFile(chat_template_path, size_t{1} << 20));
  }
  return options;
}

Result<ModelFile> OpenModelFile(const std::string& name_or_path) {
  BP_ASSIGN_OR_RETURN(const std::filesystem::path path, ResolveModel(name_or_path));
  return ModelFile::Open(path);
}

Result<LoadedModel> OpenModel(const ModelOptions& options) {
  BP_ASSIGN_OR_RETURN(const ModelLoadOptions load, options.LoadOptions());
  BP_ASSIGN_OR_RETURN(const std::filesystem::path path, ResolveModel(options.model));
  return LoadModel(path, ModelIdOf(options.model), SystemClock().UnixSeconds(), load);
}

std::string ModelIdOf(const std::string& name_or_path) {
  const std::filesystem::path path(name_or_path);
  const std::filesystem::path last = path.has_filename() ? path.filename() : path.parent_path().filename();
  return last.extension() == ".gguf" ? last.stem().string() : last.string();
}

}  // namespace bedplate

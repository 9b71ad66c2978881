#include "cmd/model_options.h"

#include <algorithm>

#include "base/cat.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/thread_team.h"
#include "cmd/catalogue.h"
#include "cmd/memory_size.h"

namespace bedplate {
namespace {

constexpr uint32_t kThreadsMax = 1024;

}  // namespace

void ModelOptions::AddTo(CommandLine& command) {
  command.Add("MODEL", &model, "a model's name (see: bedplate models), a .gguf file, or a Hugging Face folder",
              {.required = true});
  AddTuningTo(command);
}

void ModelOptions::AddTuningTo(CommandLine& command) {
  command.Add("--threads", &threads, "threads that compute; default: every CPU this process may use",
              {.max = kThreadsMax, .setting = "threads"});
  command.Add(
      "--isa", &isa,
      "instruction set: auto, scalar, avx2, avx512, avx512vnni, avx512bf16; results are the same bits with each",
      {.setting = "isa"});
  command.Add("--kv-type", &kv_type,
              "keys and values in memory: bf16; f16: as many bytes, prompts are read more slowly with AVX-512 BF16; "
              "q8: little more than half the bytes; results differ slightly",
              {.choices = {"bf16", "f16", "q8"}, .setting = "kv_type"});
  command.Add("--no-packed-cache", &no_packed_cache,
              "pack the weights and make the tokenizer at every start, and keep nothing of it on the disk",
              {.setting = "no_packed_cache"});
  command.Add("--packed-cache-max", &packed_cache_max,
              "what packed weights and tokenizers may take on the disk, over all models; the longest unused go first",
              {.setting = "packed_cache_max"});
}

void ModelOptions::AddChatTemplateTo(CommandLine& command) {
  command.Add("--chat-template", &chat_template_path, "a Jinja file in place of the model's own chat template",
              {.setting = "chat_template"});
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

Result<KvType> ModelOptions::ChosenKvType() const {
  if (const std::optional<KvType> type = ParseKvType(kv_type)) return *type;
  return Status::InvalidArgument(Cat("--kv-type ", kv_type, " is unknown; allowed: bf16, f16, q8"));
}

Result<ModelLoadOptions> ModelOptions::LoadOptions() const {
  ModelLoadOptions options;
  options.threads = std::min<uint32_t>(Threads(), kThreadsMax);
  BP_ASSIGN_OR_RETURN(options.isa, ChosenIsa());
  BP_ASSIGN_OR_RETURN(options.kv_type, ChosenKvType());
  if (!no_packed_cache) {
    BP_ASSIGN_OR_RETURN(options.packed_cache.bytes_max, ParseMemorySize(packed_cache_max));
    // Without a data folder a model can still be served by its path.
    if (const auto folder = PackedCacheFolder(); folder.ok()) options.packed_cache.folder = *folder;
  }
  if (!chat_template_path.empty()) {
    BP_ASSIGN_OR_RETURN(options.chat_template, ReadFile(chat_template_path, size_t{1} << 20));
  }
  return options;
}

Result<std::filesystem::path> PackedCacheFolder() {
  BP_ASSIGN_OR_RETURN(const std::filesystem::path data, DataFolder());
  return data / "cache" / "packed";
}

Result<ModelFile> OpenModelFile(const std::string& name_or_path) {
  BP_ASSIGN_OR_RETURN(const std::filesystem::path path, ResolveModel(name_or_path));
  return ModelFile::Open(path);
}

Result<LoadedModel> OpenModel(const ModelOptions& options, OpenModelOptions how) {
  BP_ASSIGN_OR_RETURN(ModelLoadOptions load, options.LoadOptions());
  load.packed_cache.write = how.cache_packed;
  BP_ASSIGN_OR_RETURN(const std::filesystem::path path, ResolveModel(options.model));
  return LoadModel(path, ModelIdOf(options.model), SystemClock().UnixSeconds(), load);
}

std::string ModelIdOf(const std::string& name_or_path) {
  const std::filesystem::path path(name_or_path);
  const std::filesystem::path last = path.has_filename() ? path.filename() : path.parent_path().filename();
  return last.extension() == ".gguf" ? last.stem().string() : last.string();
}

}  // namespace bedplate

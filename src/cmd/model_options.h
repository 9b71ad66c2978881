#pragma once
/// The options that every command which runs a model shares, and opening the model they name.

#include <memory>
#include <string>

#include "cmd/command_line.h"
#include "engine/model_loader.h"
#include "model/transformer.h"

namespace bedplate {

struct ModelOptions {
  std::string model;     // a path, or the name of a pulled model
  uint32_t threads = 0;  // 0: every usable CPU
  std::string isa = "auto";
  std::string kv_type{KvTypeName(kDefaultKvType)};
  std::string chat_template_path;
  bool no_packed_cache = false;
  std::string packed_cache_max = "64GiB";

  void AddTo(CommandLine& command);        // MODEL and those of AddTuningTo
  void AddTuningTo(CommandLine& command);  // --threads, --isa, --kv-type, and those of the packed cache
  void AddChatTemplateTo(CommandLine& command);
  [[nodiscard]] uint32_t Threads() const;
  [[nodiscard]] Result<Isa> ChosenIsa() const;
  [[nodiscard]] Result<KvType> ChosenKvType() const;
  [[nodiscard]] Result<ModelLoadOptions> LoadOptions() const;
};

/// Where packed weights are kept between starts.
Result<std::filesystem::path> PackedCacheFolder();

/// The model of that name or path. Errors say how to get it.
Result<ModelFile> OpenModelFile(const std::string& name_or_path);
/// Weights and text side together; the StepModel is a Transformer.
struct OpenModelOptions {
  bool cache_packed = true;  // off: packed weights are taken from the cache, but none are added
};
Result<LoadedModel> OpenModel(const ModelOptions& options, OpenModelOptions how = {});
/// "…/qwen2.5.gguf" -> "qwen2.5": what a model is called when only its path was given.
std::string ModelIdOf(const std::string& name_or_path);

}  // namespace bedplate

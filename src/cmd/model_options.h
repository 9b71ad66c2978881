#pragma once
/// The options that every command which runs a model shares, and opening the model they name.

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "engine/model_loader.h"
#include "model/transformer.h"

namespace bedplate {

struct ModelOptions {
  std::string model;     // a path, or the name of a pulled model
  uint32_t threads = 0;  // 0: every usable CPU
  std::string isa = "auto";
  std::string chat_template_path;

  /// Adds MODEL, --threads and --isa (and --chat-template where it matters) to a command.
  void AddTo(CLI::App& command, bool with_chat_template = false);
  void AddTuningTo(CLI::App& command);
  [[nodiscard]] uint32_t Threads() const;
  [[nodiscard]] Result<Isa> ChosenIsa() const;
  [[nodiscard]] Result<ModelLoadOptions> LoadOptions() const;
};

/// The model of that name or path. Errors say how to get it.
Result<ModelFile> OpenModelFile(const std::string& name_or_path);
/// Weights and text side together; the StepModel is a Transformer.
Result<LoadedModel> OpenModel(const ModelOptions& options);
/// "…/qwen2.5.gguf" -> "qwen2.5": what a model is called when only its path was given.
std::string ModelIdOf(const std::string& name_or_path);

}  // namespace bedplate

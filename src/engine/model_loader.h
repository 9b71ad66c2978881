#pragma once
/// From a model's path to something the engine can serve: weights, tokenizer and chat template, each from the file
/// itself.

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/status.h"
#include "engine/engine.h"
#include "kernels/isa.h"
#include "model/model_file.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace bedplate {

struct ModelLoadOptions {
  uint32_t threads = 1;
  Isa isa = Isa::kScalar;
  std::string chat_template;  // Jinja source that replaces the file's; empty: the file's
};

/// The text side alone; a vocabulary-only file will do.
struct TextSide {
  std::unique_ptr<Tokenizer> tokenizer;
  std::optional<ChatTemplate> chat_template;
};
Result<TextSide> LoadTextSide(const ModelFile& file, const std::string& chat_template_override = "");

/// id: the name clients ask for. Packs the weights, so it takes a while for large models.
Result<LoadedModel> LoadModel(const std::filesystem::path& path, std::string id, int64_t now_unix_seconds,
                              const ModelLoadOptions& options);

}  // namespace bedplate

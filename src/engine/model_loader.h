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
#include "model/transformer.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace bedplate {

struct ModelLoadOptions {
  uint32_t threads = 1;
  Isa isa = Isa::kScalar;
  KvType kv_type = kDefaultKvType;  // of a draft model too
  std::string chat_template = {};   // Jinja source that replaces the file's; empty: the file's
  PackedCacheOptions packed_cache = {};
};

/// The text side alone; a vocabulary-only file will do.
struct TextSide {
  std::unique_ptr<Tokenizer> tokenizer;
  std::optional<ChatTemplate> chat_template;
  bool from_cache = false;  // the tokenizer's tables were mapped
};
/// The tokenizer's tables come from the cache where it has them; only GGUF files', whose content has the vocabulary in
/// it: a folder's is that of its weights.
Result<TextSide> LoadTextSide(const ModelFile& file, const std::string& chat_template_override = "",
                              const PackedCacheOptions& cache = {});

/// A model whose settings have been read and checked: enough to plan memory (memory_plan.h) before anything large is
/// read or packed.
struct OpenedModel {
  std::string id;
  int64_t created_unix_seconds = 0;
  std::string chat_template;  // as in ModelLoadOptions
  std::unique_ptr<Transformer> model;
  std::unique_ptr<OpenedModel> draft;  // goes into LoadedModel::draft
  /// Heap that tokenizer and template will take, at most: an estimate from the sizes of their tables. The
  /// whole budget is held to what a process takes in tests/faults.
  [[nodiscard]] size_t text_bytes() const;
};
/// id: the name clients ask for.
Result<OpenedModel> OpenModelForLoading(const std::filesystem::path& path, std::string id, int64_t now_unix_seconds,
                                        const ModelLoadOptions& options);
/// Loads weights and, meanwhile on another thread, the text side. Takes seconds where the weights have to be packed.
Result<LoadedModel> FinishLoading(OpenedModel opened);
/// Both.
Result<LoadedModel> LoadModel(const std::filesystem::path& path, std::string id, int64_t now_unix_seconds,
                              const ModelLoadOptions& options);

}  // namespace bedplate

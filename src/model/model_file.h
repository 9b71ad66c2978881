#pragma once
/// A model on disk, whichever way it is stored: a GGUF file (or the first of a split set), or a Hugging Face folder
/// (config.json, safetensors, tokenizer.json). Tensors carry GGUF names in both, so the architectures see one naming.
/// What the two formats store differently in the *numbers* is not hidden but said, in ModelConfig: Q/K rows of the
/// llama architecture (rope.style) and Gemma's norms (norm_plus_one).
///
/// Owns:    the mappings. Views stay valid while the ModelFile lives, also when it is moved.
/// Threads: const after Open; any thread may read.
/// Errors:  Open checks everything that reading later relies on; a message names file, field and byte offset.
/// Cost:    Open reads headers and metadata only; tensor bytes come in as they are touched.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/file.h"
#include "base/status.h"
#include "model/gguf.h"
#include "model/hf_folder.h"
#include "model/tensor_view.h"

namespace bedplate {

class ModelFile {
 public:
  /// path: a .gguf file (of a split set "...-00001-of-00003.gguf" the first, the others are found beside it) or a
  /// folder.
  static Result<ModelFile> Open(const std::filesystem::path& path);

  [[nodiscard]] bool is_gguf() const { return hf_ == nullptr; }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] const GgufMetadata& metadata() const { return metadata_; }  // of a GGUF file; empty for a folder
  [[nodiscard]] const HfFiles& hf() const { return *hf_; }                  // of a folder only
  [[nodiscard]] uint32_t gguf_version() const { return gguf_version_; }

  [[nodiscard]] std::span<const TensorView> tensors() const { return tensors_; }
  [[nodiscard]] const TensorView* FindTensor(std::string_view name) const;
  [[nodiscard]] bool vocabulary_only() const { return tensors_.empty(); }
  [[nodiscard]] uint64_t parameters() const;    // elements of all tensors
  [[nodiscard]] uint64_t tensor_bytes() const;  // bytes of all tensors, as stored
  [[nodiscard]] uint64_t file_bytes() const;    // of all mapped files
  [[nodiscard]] std::span<const MappedFile> files() const { return files_; }

  /// Says that the whole pages of these bytes of a tensor are not needed any more (they have been packed), so that they
  /// leave resident memory. Any thread.
  void ReleasePages(const TensorView& tensor, size_t offset, size_t length) const;

 private:
  ModelFile() = default;
  static Result<ModelFile> OpenGguf(const std::filesystem::path& path);
  static Result<ModelFile> OpenFolder(const std::filesystem::path& path);
  Status IndexTensors();

  std::filesystem::path path_;
  std::vector<MappedFile> files_;
  uint32_t gguf_version_ = 0;
  GgufMetadata metadata_;
  std::unique_ptr<HfFiles> hf_;
  std::vector<TensorView> tensors_;
  std::unordered_map<std::string, size_t> index_;
};

}  // namespace bedplate

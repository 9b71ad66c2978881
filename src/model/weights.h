#pragma once
/// A model's weights in memory, ready for the kernels: matrices packed (matmul.h), or mapped from the cache of packed
/// weights; vectors as f32; the token embedding read row by row from the model's file. Loaded once; afterwards
/// immutable.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "base/status.h"
#include "base/thread_team.h"
#include "kernels/matmul.h"
#include "model/model_config.h"
#include "model/model_file.h"
#include "model/packed_cache.h"

namespace bedplate {

/// y = W x + bias. An empty bias is none.
struct Linear {
  PackedMatrix matrix;
  std::vector<float> bias;  // [outputs]
};

/// One decoder layer. What an architecture does not have stays empty.
struct LayerWeights {
  std::vector<float> attention_norm;  // [width]
  Linear q, k, v;                     // [heads x head_dim, width], [kv_heads x head_dim, width] twice
  std::vector<float> q_norm, k_norm;  // [head_dim]
  Linear attention_output;            // [width, heads x head_dim]
  std::vector<float> post_attention_norm;
  std::vector<float> ffn_norm;
  Linear gate, up;  // [ffn_width, width]
  Linear down;      // [width, ffn_width]
  std::vector<float> post_ffn_norm;
};

/// What weights will take, known from the settings and the tensors' shapes.
struct WeightsSize {
  size_t packed_bytes = 0;     // resident, allocated or mapped
  size_t embedding_bytes = 0;  // of the file's pages: resident as far as tokens have been looked up
  uint32_t inputs_max = 0;     // of any matrix
};

class Weights {
 public:
  /// Checks every tensor's shape against the config.
  static Result<WeightsSize> Measure(const ModelFile& file, const ModelConfig& config);

  /// Checks as Measure does, then maps the matrices from the cache, or packs them with the team; the file's pages are
  /// released as they are packed, so that both together never exceed the packed bytes by more than some MiB. The file
  /// must outlive the weights (the embedding's rows stay in it).
  static Result<Weights> Load(const ModelFile& file, const ModelConfig& config, const PackedCacheOptions& cache,
                              ThreadTeam& team);

  /// The embedding of one token, [width] values, unscaled. token < config.vocabulary.
  void Embed(uint32_t token, float* out) const;

  [[nodiscard]] const std::vector<LayerWeights>& layers() const { return layers_; }
  [[nodiscard]] const std::vector<float>& output_norm() const { return output_norm_; }
  [[nodiscard]] const Linear& head() const { return head_; }
  [[nodiscard]] const std::vector<float>& rope_factors() const { return rope_factors_; }  // [dims / 2] or empty
  [[nodiscard]] size_t bytes() const { return plan_.bytes; }
  [[nodiscard]] bool from_cache() const { return mapped_.has_value(); }
  [[nodiscard]] const PackedPlan& plan() const { return plan_; }
  [[nodiscard]] const std::byte* packed() const;                     // the plan's bytes
  [[nodiscard]] uint32_t inputs_max() const { return inputs_max_; }  // of any matrix

 private:
  friend class WeightsLoader;
  Weights() = default;

  PackedPlan plan_;
  Buffer arena_;                            // the matrices, one of the two
  std::optional<OpenedPackedFile> mapped_;  // the other
  std::vector<LayerWeights> layers_;
  std::vector<float> output_norm_;
  Linear head_;
  std::vector<float> rope_factors_;
  const TensorView* embedding_ = nullptr;
  uint32_t width_ = 0;
  uint32_t inputs_max_ = 0;
};

}  // namespace bedplate

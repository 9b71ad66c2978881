#pragma once
/// A decoder-only transformer on this machine's processors: weights, keys and values, and the forward pass.

#include <memory>
#include <optional>

#include "base/thread_team.h"
#include "kernels/isa.h"
#include "kernels/kv_layout.h"
#include "model/kv_store.h"
#include "model/model_config.h"
#include "model/model_file.h"
#include "model/step_model.h"
#include "model/weights.h"

namespace bedplate {

/// Changes whenever the same inputs may give other bits. Sent with packed files and between nodes; results are only
/// exchanged between equal versions, and between equal types of keys and values (KvType).
inline constexpr uint32_t kNumericsVersion = 3;

struct TransformerOptions {
  uint32_t threads = 1;
  Isa isa = Isa::kScalar;
  KvType kv_type = kDefaultKvType;
  PackedCacheOptions packed_cache = {};
};

struct StepBuffers;

/// Threads: Forward and Reserve from one thread at a time; it brings its own team.
class Transformer final : public StepModel {
 public:
  /// Takes the file (the embedding's rows stay in it) and checks settings and tensors. Nothing large is read or
  /// allocated: the sizes below are known, so that memory can be planned.
  static Result<std::unique_ptr<Transformer>> Open(ModelFile file, const TransformerOptions& options);
  /// Maps the weights from the cache, or packs them, which takes some seconds per gigabyte. Once, before Reserve.
  Status LoadWeights();
  /// After LoadWeights: adds packed weights that were not mapped, and these tables, to the cache, meanwhile.
  void KeepForNextStart(KeptTables tables);
  /// All of it, without tables.
  static Result<std::unique_ptr<Transformer>> Load(ModelFile file, const TransformerOptions& options);
  ~Transformer() override;

  [[nodiscard]] const ModelConfig& config() const { return config_; }
  [[nodiscard]] const ModelFile& file() const { return file_; }
  [[nodiscard]] KvType kv_type() const { return kv_.type(); }
  [[nodiscard]] size_t weight_bytes() const { return size_.packed_bytes; }
  [[nodiscard]] size_t embedding_bytes() const { return size_.embedding_bytes; }
  [[nodiscard]] const Weights& weights() const { return *weights_; }  // after LoadWeights
  [[nodiscard]] const PackedCacheOptions& packed_cache() const { return packed_cache_; }

  [[nodiscard]] uint32_t vocabulary() const override { return config_.vocabulary; }
  [[nodiscard]] uint32_t context_length() const override { return config_.context_length; }
  [[nodiscard]] std::span<const PageGroup> page_groups() const override { return kv_.groups(); }
  [[nodiscard]] size_t ScratchBytes(const StepLimits& limits) const override;
  Status Reserve(const StepLimits& limits, std::span<const uint32_t> pages_per_group) override;
  [[nodiscard]] std::span<std::byte> PageBytes(size_t group, PageId page) override {
    return kv_.PageBytes(group, page);
  }
  [[nodiscard]] std::string KvIdentity() const override;
  void Forward(const BatchView& batch, float* logits) override;

 private:
  void FindKeyOffsets();
  Transformer(ModelFile file, ModelConfig config, WeightsSize size, const TransformerOptions& options);

  ModelFile file_;
  ModelConfig config_;
  WeightsSize size_;
  KvStore kv_;
  PackedCacheOptions packed_cache_;
  Isa isa_;
  std::unique_ptr<ThreadTeam> team_;
  std::optional<Weights> weights_;
  std::unique_ptr<PackedCacheWriter> cache_writer_;  // reads file_ and weights_
  std::vector<double> rope_frequencies_[2];          // full and sliding layers, scaling applied
  std::vector<std::vector<float>> key_offsets_;      // by layer; empty: none
  std::unique_ptr<StepBuffers> buffers_;
};

}  // namespace bedplate

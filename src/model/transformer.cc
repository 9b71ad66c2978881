#include "model/transformer.h"

#include <algorithm>

#include "base/cat.h"
#include "model/architecture.h"
#include "model/key_offset.h"
#include "model/rope_scaling.h"
#include "model/step_worker.h"

namespace bedplate {
namespace {

constexpr uint32_t kHeadGroupMax = 64;  // what a task of attention needs beside its rows grows with it

Status CheckSupported(const ModelConfig& c) {
  if (c.experts > 0)
    return Status::Unimplemented(
        "mixture-of-experts models are not supported yet; register another server as provider");
  if (c.head_dim != c.value_head_dim || c.head_dim % 16 != 0) {
    return Status::Unimplemented(Cat("heads of ", c.head_dim, " (keys) and ", c.value_head_dim,
                                     " (values) dims are not supported; both must be equal and a multiple of 16"));
  }
  if (c.heads / c.kv_heads > kHeadGroupMax) {
    return Status::Unimplemented(
        Cat(c.heads / c.kv_heads, " query heads per key head; allowed: up to ", kHeadGroupMax));
  }
  return Status::Ok();
}

}  // namespace

Result<std::unique_ptr<Transformer>> Transformer::Open(ModelFile file, const TransformerOptions& options) {
  BP_ASSIGN_OR_RETURN(ModelConfig config, ReadModelConfig(file));
  BP_RETURN_IF_ERROR(CheckSupported(config));
  BP_ASSIGN_OR_RETURN(const WeightsSize size, Weights::Measure(file, config));
  return std::unique_ptr<Transformer>(new Transformer(std::move(file), std::move(config), size, options));
}

Result<std::unique_ptr<Transformer>> Transformer::Load(ModelFile file, const TransformerOptions& options) {
  BP_ASSIGN_OR_RETURN(std::unique_ptr<Transformer> model, Open(std::move(file), options));
  BP_RETURN_IF_ERROR(model->LoadWeights());
  model->KeepForNextStart({});
  return model;
}

Transformer::Transformer(ModelFile file, ModelConfig config, WeightsSize size, const TransformerOptions& options)
    : file_(std::move(file)),
      config_(std::move(config)),
      size_(size),
      kv_(config_, options.kv_type),
      packed_cache_(options.packed_cache),
      isa_(options.isa),
      team_(std::make_unique<ThreadTeam>(options.threads)) {}

Status Transformer::LoadWeights() {
  BP_CHECK(!weights_);
  BP_ASSIGN_OR_RETURN(weights_, Weights::Load(file_, config_, packed_cache_, *team_));
  rope_frequencies_[0] = ScaledRopeFrequencies(config_.rope, weights_->rope_factors());
  rope_frequencies_[1] = ScaledRopeFrequencies(config_.rope_local, {});
  FindKeyOffsets();
  return Status::Ok();
}

void Transformer::KeepForNextStart(KeptTables tables) {
  if (packed_cache_.folder.empty() || !packed_cache_.write) return;
  PackedCacheWriter::Work work;
  work.tables = std::move(tables);
  if (!weights_->from_cache()) {
    work.plan = &weights_->plan();
    work.weights = weights_->packed();
  }
  if (work.plan == nullptr && work.tables.bytes.bytes.empty()) return;
  cache_writer_ = std::make_unique<PackedCacheWriter>(packed_cache_, file_, std::move(work));
}

// A soft cap sees the number that offsets take off all scores of a query, and where keys are normalised after the bias
// it is no longer the same in each: so offsets are not for models that have either.
void Transformer::FindKeyOffsets() {
  if (kv_.type() == KvType::kF16 || !config_.attention_bias || config_.attention_softcap != 0.0f || config_.qk_norm) {
    return;
  }
  for (uint32_t i = 0; i < config_.layers; ++i) {
    const bool sliding = config_.layer_is_sliding[i];
    key_offsets_.push_back(KeyOffset(weights_->layers()[i].k.bias, sliding ? config_.rope_local : config_.rope,
                                     rope_frequencies_[sliding ? 1 : 0], config_.kv_heads, config_.head_dim));
  }
}

Transformer::~Transformer() = default;

size_t Transformer::ScratchBytes(const StepLimits& limits) const {
  return StepBuffers::Bytes(config_, limits, size_.inputs_max, team_->size());
}

Status Transformer::Reserve(const StepLimits& limits, std::span<const uint32_t> pages_per_group) {
  BP_ASSIGN_OR_RETURN(buffers_, StepBuffers::Allocate(config_, limits, size_.inputs_max, team_->size()));
  return kv_.Allocate(pages_per_group);
}

std::string Transformer::KvIdentity() const {
  return Cat("numerics ", kNumericsVersion, "; ", kv_.LayoutIdentity());
}

void Transformer::Forward(const BatchView& batch, float* logits) {
  BP_CHECK(buffers_ != nullptr && weights_.has_value());
  StepBuffers& b = *buffers_;
  BP_CHECK(!batch.tokens.empty() && batch.tokens.size() <= b.limits.rows_max);
  BP_CHECK(batch.logit_rows.size() <= std::max(b.limits.rows_max, b.limits.logit_rows_max));
  b.row_sequence.clear();
  b.row_position.clear();
  for (uint32_t s = 0; s < batch.sequences.size(); ++s) {
    const SequenceSlice& slice = batch.sequences[s];
    for (uint32_t i = 0; i < slice.rows; ++i) {
      b.row_sequence.push_back(s);
      b.row_position.push_back(slice.start + i);
    }
  }
  BP_CHECK(b.row_position.size() == batch.tokens.size());
  PlanAttention(batch.sequences, StepBuffers::PlanLimits(config_, team_->size()), b.attention);
  b.next_task[0].store(0);
  b.next_task[1].store(0);

  const StepContext context{config_,
                            *weights_,
                            kv_,
                            MatmulKernelsFor(isa_),
                            VectorKernelsFor(isa_),
                            AttentionKernelsFor(isa_, kv_.type()),
                            {rope_frequencies_[0], rope_frequencies_[1]},
                            key_offsets_,
                            batch,
                            b};
  const LayerForward layer_forward = LayerOf(config_.architecture);
  team_->Run([&](ThreadTeam::Member member) {
    StepWorker step(context, member);
    step.Embed();
    for (uint32_t i = 0; i < config_.layers; ++i) layer_forward(step, weights_->layers()[i], i);
    step.Logits(logits);
  });
}

}  // namespace bedplate

#pragma once
/// The vocabulary that architectures are written in: what one thread of the team does in each part of a layer. All
/// threads run the same calls; each call shares its work among them and ends with a barrier, so a call may read
/// whatever earlier calls wrote.
///
/// Shapes: R rows in the step. x is the residual stream [R x width]; normed [R x width]; q [R x heads x head_dim];
/// k, v [R x kv_heads x head_dim]; attended as q; hidden [R x ffn_width], as floats or quantised, as the matrix it goes
/// into reads it; branch [R x width], where norms follow projections.

#include <atomic>
#include <span>
#include <vector>

#include "base/buffer.h"
#include "base/thread_team.h"
#include "kernels/attention.h"
#include "kernels/matmul.h"
#include "kernels/vector_kernels.h"
#include "model/attention_plan.h"
#include "model/kv_store.h"
#include "model/step_model.h"
#include "model/weights.h"

namespace bedplate {

/// Scratch of a step, allocated once by Transformer::Reserve and shared by the team.
struct StepBuffers {
  static Result<std::unique_ptr<StepBuffers>> Allocate(const ModelConfig& config, const StepLimits& limits,
                                                       uint32_t inputs_max, uint32_t threads);
  /// Bytes that Allocate takes.
  static size_t Bytes(const ModelConfig& config, const StepLimits& limits, uint32_t inputs_max, uint32_t threads);
  /// What these buffers have room for.
  static AttentionPlanLimits PlanLimits(const ModelConfig& config, uint32_t threads);

  StepLimits limits;
  Buffer memory;
  float *x, *normed, *q, *k, *v, *attended, *branch;
  float* hidden;
  std::byte* quantized_hidden;             // in hidden's place
  float* rope[2];                          // [R][cosines, sines of dims / 2], full and sliding layers
  std::byte* quantized;                    // of whichever rows but hidden's were prepared last
  std::vector<std::byte*> matmul_scratch;  // by thread
  std::vector<float*> attention_scratch;   // by thread
  std::vector<float*> passed_on[2];        // by thread: outputs of a few tiles, of all rows, on their way
  std::vector<uint32_t> row_sequence;      // [R]: index into the batch's sequences
  std::vector<uint32_t> row_position;      // [R]
  AttentionPlan attention;
  float* attention_states;             // of sequences that threads share, as the plan places them
  std::atomic<uint32_t> next_task[2];  // claimed alternately, so that one can be reset while the other is in use
};

/// What a step works on; the same for all threads.
struct StepContext {
  const ModelConfig& config;
  const Weights& weights;
  const KvStore& kv;
  const MatmulKernels& matmul;
  const VectorKernels& vector;
  const AttentionKernels& attention;
  std::span<const double> rope_frequencies[2];
  std::span<const std::vector<float>> key_offsets;  // by layer; empty: none
  const BatchView& batch;
  StepBuffers& buffers;
};

class StepWorker {
 public:
  StepWorker(const StepContext& context, ThreadTeam::Member member);

  /// x = embedding of each token, times the config's scale; and the cosines and sines of each row's position.
  void Embed();
  /// normed = rms_norm(x) * gain, prepared as input for the matmuls that follow.
  void Norm(const std::vector<float>& gain);
  /// q, k, v from normed.
  void ProjectQkv(const LayerWeights& layer);
  /// RMS norm of each head of q and k (Qwen 3, Gemma 3).
  void NormHeads(const LayerWeights& layer);
  /// Turns q and k by their positions, takes the layer's offset off k, and stores k and v in their pages.
  void RotateAndStore(uint32_t layer);
  /// attended = softmax(q k) v over each sequence's pages; prepared as input.
  void Attend(uint32_t layer);
  /// x += W attended.
  void AddAttention(const Linear& output);
  /// hidden = act(gate normed) * (up normed); prepared as input.
  void GatedHidden(const LayerWeights& layer);
  /// x += W hidden.
  void AddHidden(const Linear& down);
  /// The same two, with a norm between the projection and the residual (Gemma 3).
  void AddAttention(const Linear& output, const std::vector<float>& post_norm);
  void AddHidden(const Linear& down, const std::vector<float>& post_norm);
  /// logits [logit_rows x vocabulary] of the batch's logit rows.
  void Logits(float* logits);

 private:
  struct Range {
    uint32_t begin, end;
  };
  [[nodiscard]] Range Share(uint32_t n) const;  // this thread's part of n items
  [[nodiscard]] uint32_t rows() const { return static_cast<uint32_t>(c_.batch.tokens.size()); }
  void Finish();  // the barrier that ends a call
  std::atomic<uint32_t>& next_task() { return c_.buffers.next_task[call_ & 1]; }

  void Quantize(const float* values, uint32_t n_rows, uint32_t width);  // this thread's share, then a barrier
  void QuantizeRows(const float* values, uint32_t width, Range rows);
  void MergeShared();  // of sequences that threads have shared, then a barrier
  MatmulInput Input(const float* values, uint32_t n_rows, uint32_t width) const;
  [[nodiscard]] MatmulInput HiddenInput() const;
  /// outs: each [rows x outputs], or null where what done(row, first output, count, values) makes of them is all.
  template <class Done>
  void Project(std::span<const Linear* const> linears, std::span<float* const> outs, const MatmulInput& input,
               Done done);
  void AddResidual(const Linear& linear, const MatmulInput& input);
  void AddNormed(const Linear& linear, const MatmulInput& input, const std::vector<float>& post_norm);

  const StepContext& c_;
  ThreadTeam::Member member_;
  uint32_t call_ = 0;  // counts barriers; the same in every thread
};

}  // namespace bedplate

#pragma once
/// What a model is, as numbers: read from GGUF metadata or config.json into one checked struct that the architectures,
/// the page pool and `inspect` use. Everything here is in range: no zero heads, no width that heads don't divide.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "kernels/kv_layout.h"

namespace bedplate {

class ModelFile;

enum class Architecture : uint8_t {
  kLlama,   // Llama 2 and 3, SmolLM2, Mistral
  kQwen2,   // and 2.5: biases on Q, K, V
  kQwen3,   // RMS norm on each head of Q and K
  kGemma3,  // text: sliding layers, norms before and after, GELU gate
};
std::string_view ArchitectureName(Architecture architecture);  // GGUF's: "llama", "qwen2", "qwen3", "gemma3"

enum class Activation : uint8_t { kSilu, kGeluTanh };

/// Rotary position embedding (Su et al., RoFormer). Frequency i of d/2 is theta^(-2i/d), then scaled:
///   kLinear  every frequency divided by factor.
///   kLlama3  wavelengths above original_context / low_freq_factor divided by factor, those below original_context /
///            high_freq_factor kept, between them blended (Llama 3.1). GGUF files hold the result as the tensor
///            "rope_freqs.weight" [d/2], each frequency to be divided by it, and have scaling kNone here.
///   kYarn    Peng et al., YaRN: ramp between beta_fast and beta_slow rotations over original_context; cos and sin
///   times
///            yarn_attn_factor * (1 + 0.1 ln(factor)) (yarn_magnitude below is that product, ready to use).
struct RopeConfig {
  enum Style : uint8_t {
    kInterleaved,  // pairs (2i, 2i+1): llama-architecture GGUF files, whose Q/K rows were permuted for it
    kHalves,       // pairs (i, i + d/2): all others, and every Hugging Face folder
  };
  enum Scaling : uint8_t { kNone, kLinear, kLlama3, kYarn };

  float theta = 10000.0f;
  uint32_t dims = 0;  // leading dimensions of a head that rotate; even, <= head_dim
  Style style = kHalves;
  Scaling scaling = kNone;
  float factor = 1.0f;            // >= 1
  float low_freq_factor = 1.0f;   // kLlama3
  float high_freq_factor = 4.0f;  // kLlama3
  uint32_t original_context = 0;  // kLlama3, kYarn: the context it was trained with before scaling
  float yarn_attn_factor = 1.0f;
  float yarn_magnitude = 1.0f;  // what cos and sin are multiplied by
  float beta_fast = 32.0f;
  float beta_slow = 1.0f;
  float ext_factor = 0.0f;  // 1 for kYarn: how much of the extrapolated frequencies the ramp mixes in
  bool operator==(const RopeConfig&) const = default;
};

struct ModelConfig {
  Architecture architecture = Architecture::kLlama;
  std::string name;     // as the file calls itself; may be empty
  std::string license;  // SPDX id or what the file says; may be empty

  uint32_t layers = 0;
  uint32_t width = 0;  // of the residual stream
  uint32_t heads = 0;  // of queries; a multiple of kv_heads
  uint32_t kv_heads = 0;
  uint32_t head_dim = 0;  // of queries and keys; heads * head_dim need not be width
  uint32_t value_head_dim = 0;
  uint32_t ffn_width = 0;
  uint32_t vocabulary = 0;      // rows of token_embd, so logits; may exceed the tokenizer's count
  uint32_t context_length = 0;  // positions the model was made for, scaling included

  float norm_epsilon = 1e-5f;
  bool norm_plus_one = false;  // norm weights are stored as w, use 1 + w (Gemma from a Hugging Face folder)
  Activation activation = Activation::kSilu;
  RopeConfig rope;        // full layers
  RopeConfig rope_local;  // sliding layers; equals rope where the model makes no difference

  uint32_t sliding_window = 0;  // positions a sliding layer sees, itself included; 0: the model has no such layer
  std::vector<bool> layer_is_sliding;  // [layers]

  float attention_scale = 1.0f;        // scores are q.k times this
  float attention_softcap = 0.0f;      // c: scores become c * tanh(score / c); 0: none
  float final_softcap = 0.0f;          // the same for logits
  float embedding_scale = 1.0f;        // token embeddings are multiplied by this
  bool qk_norm = false;                // blk.N.attn_q_norm.weight and attn_k_norm.weight
  bool attention_bias = false;         // blk.N.attn_{q,k,v}.bias
  bool attention_output_bias = false;  // blk.N.attn_output.bias
  bool post_norms = false;             // blk.N.post_attention_norm.weight and post_ffw_norm.weight
  bool tied_embeddings = false;        // no output.weight: token_embd serves as output matrix

  uint32_t experts = 0;  // 0: dense
  uint32_t experts_used = 0;

  /// Bytes of keys and values that one position takes over all layers.
  [[nodiscard]] uint64_t KvBytesPerToken(KvType type = kDefaultKvType) const {
    return uint64_t{layers} * kv_heads * (KvVectorBytes(type, head_dim) + KvVectorBytes(type, value_head_dim));
  }
};

/// Errors: kUnimplemented for an architecture or feature that we do not run (by name, with those we do run);
/// kDataLoss for a required key that is missing (by name), or a value out of range (with the range).
/// A vocabulary-only file has no config: kInvalidArgument.
Result<ModelConfig> ReadModelConfig(const ModelFile& file);

/// The architecture's name as the file states it ("llama", "phi3"); empty when it states none. Never fails.
std::string StatedArchitecture(const ModelFile& file);

}  // namespace bedplate

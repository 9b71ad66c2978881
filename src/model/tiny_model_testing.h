#pragma once
/// Small random models of every architecture, written to a file and loaded like any other: for tests.

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "kernels/dequantize.h"
#include "model/test_files.h"
#include "model/transformer.h"

namespace bedplate {

inline constexpr uint32_t kTinyVocabulary = 50, kTinyLayers = 3, kTinyHeads = 4, kTinyKvHeads = 2;

struct TinyShape {
  const char* architecture;
  uint32_t width, head_dim, ffn_width, window;  // window 0: none
  bool quantised;
  double rope_base = 10000.0;
  float key_bias = 0.0f;  // more on the slowest pair of each head's keys; of qwen2
  uint32_t context = 256;
};

class TinyModel {
 public:
  /// more: what else the file says, a tokenizer perhaps.
  TinyModel(const TinyShape& shape, uint64_t seed, const std::function<void(GgufBuilder&)>& more = {})
      : shape_(shape), rng_(seed) {
    const std::string a = shape.architecture;
    if (more) more(file_);
    file_.String("general.architecture", a);
    file_.Uint(a + ".block_count", kTinyLayers);
    file_.Uint(a + ".embedding_length", shape.width);
    file_.Uint(a + ".feed_forward_length", shape.ffn_width);
    file_.Uint(a + ".attention.head_count", kTinyHeads);
    file_.Uint(a + ".attention.head_count_kv", kTinyKvHeads);
    file_.Uint(a + ".attention.key_length", shape.head_dim);
    file_.Uint(a + ".attention.value_length", shape.head_dim);
    if (a == "llama") file_.Uint(a + ".rope.dimension_count", shape.head_dim);
    file_.Uint(a + ".context_length", shape.context);
    file_.Float(a + ".attention.layer_norm_rms_epsilon", 1e-5f);
    file_.Float(a + ".rope.freq_base", static_cast<float>(shape.rope_base));
    if (shape.window != 0) file_.Uint(a + ".attention.sliding_window", shape.window);
    const uint32_t q = kTinyHeads * shape.head_dim, kv = kTinyKvHeads * shape.head_dim;
    Matrix("token_embd.weight", WeightType::kF32, kTinyVocabulary, shape.width);
    for (uint32_t i = 0; i < kTinyLayers; ++i) {
      const std::string blk = "blk." + std::to_string(i) + ".";
      Vector(blk + "attn_norm.weight", shape.width);
      Matrix(blk + "attn_q.weight", Type(0), q, shape.width);
      Matrix(blk + "attn_k.weight", Type(1), kv, shape.width);
      Matrix(blk + "attn_v.weight", Type(2), kv, shape.width);
      Matrix(blk + "attn_output.weight", Type(3), shape.width, q);
      if (a == "qwen2") {
        Vector(blk + "attn_q.bias", q);
        Vector(blk + "attn_k.bias", kv);
        Vector(blk + "attn_v.bias", kv);
      }
      if (HeadNorms()) {
        Vector(blk + "attn_q_norm.weight", shape.head_dim);
        Vector(blk + "attn_k_norm.weight", shape.head_dim);
      }
      if (IsGemma()) {
        Vector(blk + "post_attention_norm.weight", shape.width);
        Vector(blk + "post_ffw_norm.weight", shape.width);
      }
      Vector(blk + "ffn_norm.weight", shape.width);
      Matrix(blk + "ffn_gate.weight", Type(4), shape.ffn_width, shape.width);
      Matrix(blk + "ffn_up.weight", Type(5), shape.ffn_width, shape.width);
      Matrix(blk + "ffn_down.weight", Type(6), shape.width, shape.ffn_width);
    }
    Vector("output_norm.weight", shape.width);
    if (!IsGemma()) Matrix("output.weight", Type(2), kTinyVocabulary, shape.width);
    path_ = folder_.Write("tiny.gguf", file_.Build());
  }

  std::unique_ptr<Transformer> Load(uint32_t threads, Isa isa, KvType kv_type, const PackedCacheOptions& cache) const {
    Result<ModelFile> file = ModelFile::Open(path_);
    EXPECT_TRUE(file.ok()) << file.status().message();
    Result<std::unique_ptr<Transformer>> model = Transformer::Load(std::move(*file), {threads, isa, kv_type, cache});
    EXPECT_TRUE(model.ok()) << model.status().message();
    return std::move(*model);
  }

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  std::unique_ptr<Transformer> Load(uint32_t threads, Isa isa, KvType kv_type = kDefaultKvType) const {
    return Load(threads, isa, kv_type, {});
  }

  [[nodiscard]] bool IsGemma() const { return std::string_view(shape_.architecture) == "gemma3"; }
  [[nodiscard]] bool HeadNorms() const { return IsGemma() || std::string_view(shape_.architecture) == "qwen3"; }

  /// The forward pass as the papers write it, in double, for F32 weights. Logits of the last token. Defined in
  /// transformer_test.cc.
  [[nodiscard]] std::vector<double> Reference(const std::vector<TokenId>& tokens, const ModelConfig& config) const;

 private:
  using Row = std::vector<double>;
  WeightType Type(size_t i) const {
    constexpr WeightType kTypes[] = {WeightType::kQ4_K, WeightType::kQ6_K, WeightType::kQ8_0, WeightType::kQ5_0,
                                     WeightType::kQ4_1, WeightType::kBF16, WeightType::kQ5_K};
    return shape_.quantised ? kTypes[i] : WeightType::kF32;
  }
  void Vector(const std::string& name, uint32_t n) {
    std::vector<float> values = rng_.Floats(n, 0.5f);
    if (name.find("bias") == std::string::npos) {
      for (float& v : values) v += 1.0f;
    }
    if (name.find("attn_k.bias") != std::string::npos) {
      for (size_t i = shape_.head_dim / 2 - 1; i < n; i += shape_.head_dim / 2) values[i] += shape_.key_bias;
    }
    Put(name, WeightType::kF32, {n}, Bytes(values));
    tensors_.emplace_back(name, values);
  }
  void Matrix(const std::string& name, WeightType type, uint32_t outputs, uint32_t inputs) {
    if (type == WeightType::kF32) {
      const std::vector<float> values =
          rng_.Floats(size_t{outputs} * inputs, 1.7f / std::sqrt(static_cast<float>(inputs)));
      Put(name, type, {outputs, inputs}, Bytes(values));
      tensors_.emplace_back(name, values);
      return;
    }
    std::string bytes(RowBytes(type, inputs) * outputs, '\0');
    for (char& c : bytes) c = static_cast<char>(rng_.Range(0, 255));
    SetScales(type, bytes);
    Put(name, type, {outputs, inputs}, bytes);
  }
  // Random bytes are valid quants, but random scales would be NaN now and then: put small ones in every block.
  void SetScales(WeightType type, std::string& bytes) {
    const WeightTypeInfo& info = InfoOf(type);
    const auto put = [&](size_t at, float value) {
      const uint16_t half = type == WeightType::kBF16 ? F32ToBf16(value) : F32ToF16(value);
      std::memcpy(bytes.data() + at, &half, 2);
    };
    for (size_t block = 0; block < bytes.size(); block += info.block_bytes) {
      const float scale = 0.001f + 0.002f * rng_.Unit();
      switch (type) {
        case WeightType::kBF16:
          put(block, (rng_.Unit() - 0.5f) * 0.2f);
          break;
        case WeightType::kQ6_K:
          put(block + 208, scale * 0.02f);
          break;
        case WeightType::kQ4_K:
        case WeightType::kQ5_K:
          put(block, scale * 0.1f);
          put(block + 2, scale * 0.1f);
          break;
        case WeightType::kQ4_1:
          put(block, scale * 4);
          put(block + 2, -scale * 30);
          break;
        default:
          put(block, scale);
          break;
      }
    }
  }
  void Put(const std::string& name, WeightType type, const std::vector<uint64_t>& shape, std::string bytes) {
    file_.Tensor(name, type, shape, std::move(bytes));
  }
  static std::string Bytes(const std::vector<float>& values) {
    return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
  }
  [[nodiscard]] const std::vector<float>& At(const std::string& name) const {
    for (const auto& [known, values] : tensors_) {
      if (known == name) return values;
    }
    ADD_FAILURE() << name;
    return tensors_.front().second;
  }
  [[nodiscard]] Row Product(const std::string& name, const Row& x) const {
    const std::vector<float>& w = At(name);
    Row y(w.size() / x.size());
    for (size_t o = 0; o < y.size(); ++o) {
      for (size_t i = 0; i < x.size(); ++i) y[o] += double{w[o * x.size() + i]} * x[i];
    }
    return y;
  }
  [[nodiscard]] Row Normed(const std::string& name, const double* x, size_t n) const {
    const std::vector<float>& gain = At(name);
    double squares = 0;
    for (size_t i = 0; i < n; ++i) squares += x[i] * x[i];
    Row y(n);
    for (size_t i = 0; i < n; ++i) y[i] = x[i] / std::sqrt(squares / static_cast<double>(n) + 1e-5) * double{gain[i]};
    return y;
  }
  void NormHeads(const std::string& name, Row& x) const {
    for (size_t h = 0; h < x.size(); h += shape_.head_dim) {
      const Row y = Normed(name, x.data() + h, shape_.head_dim);
      std::copy(y.begin(), y.end(), x.begin() + static_cast<ptrdiff_t>(h));
    }
  }
  void Turn(Row& x, uint32_t position, bool neighbours) const {
    const size_t half = shape_.head_dim / 2;
    for (size_t h = 0; h < x.size(); h += shape_.head_dim) {
      for (size_t i = 0; i < half; ++i) {
        const double angle = position * std::pow(shape_.rope_base, -2.0 * static_cast<double>(i) / shape_.head_dim);
        double& a = x[h + (neighbours ? 2 * i : i)];
        double& b = x[h + (neighbours ? 2 * i + 1 : i + half)];
        const double turned = a * std::cos(angle) - b * std::sin(angle);
        b = a * std::sin(angle) + b * std::cos(angle);
        a = turned;
      }
    }
  }

  TinyShape shape_;
  Prng rng_;
  GgufBuilder file_;
  TemporaryFolder folder_;
  std::filesystem::path path_;
  std::vector<std::pair<std::string, std::vector<float>>> tensors_;
};

}  // namespace bedplate

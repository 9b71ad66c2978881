// Small random models of every architecture: against a plain forward pass in double, and against themselves with other
// threads, instruction sets, cuts and neighbours, where every bit must be equal.
#include "model/transformer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "base/random.h"
#include "kernels/dequantize.h"
#include "model/test_files.h"

namespace bedplate {
namespace {

constexpr uint32_t kVocabulary = 50, kLayers = 3, kHeads = 4, kKvHeads = 2;

struct Shape {
  const char* architecture;
  uint32_t width, head_dim, ffn_width, window;  // window 0: none
  bool quantised;
};

class TinyModel {
 public:
  TinyModel(const Shape& shape, uint64_t seed) : shape_(shape), rng_(seed) {
    const std::string a = shape.architecture;
    file_.String("general.architecture", a);
    file_.Uint(a + ".block_count", kLayers);
    file_.Uint(a + ".embedding_length", shape.width);
    file_.Uint(a + ".feed_forward_length", shape.ffn_width);
    file_.Uint(a + ".attention.head_count", kHeads);
    file_.Uint(a + ".attention.head_count_kv", kKvHeads);
    file_.Uint(a + ".attention.key_length", shape.head_dim);
    file_.Uint(a + ".attention.value_length", shape.head_dim);
    if (a == "llama") file_.Uint(a + ".rope.dimension_count", shape.head_dim);
    file_.Uint(a + ".context_length", 256);
    file_.Float(a + ".attention.layer_norm_rms_epsilon", 1e-5f);
    file_.Float(a + ".rope.freq_base", 10000.0f);
    if (shape.window != 0) file_.Uint(a + ".attention.sliding_window", shape.window);
    const uint32_t q = kHeads * shape.head_dim, kv = kKvHeads * shape.head_dim;
    Matrix("token_embd.weight", WeightType::kF32, kVocabulary, shape.width);
    for (uint32_t i = 0; i < kLayers; ++i) {
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
    if (!IsGemma()) Matrix("output.weight", Type(2), kVocabulary, shape.width);
    path_ = folder_.Write("tiny.gguf", file_.Build());
  }

  std::unique_ptr<Transformer> Load(uint32_t threads, Isa isa) const {
    Result<ModelFile> file = ModelFile::Open(path_);
    EXPECT_TRUE(file.ok()) << file.status().message();
    Result<std::unique_ptr<Transformer>> model = Transformer::Load(std::move(*file), {threads, isa});
    EXPECT_TRUE(model.ok()) << model.status().message();
    return std::move(*model);
  }

  [[nodiscard]] bool IsGemma() const { return std::string_view(shape_.architecture) == "gemma3"; }
  [[nodiscard]] bool HeadNorms() const { return IsGemma() || std::string_view(shape_.architecture) == "qwen3"; }

  // The forward pass as the papers write it, in double, for F32 weights. Logits of the last token.
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
  void Turn(Row& x, uint32_t position, bool neighbours, double base) const {
    const size_t half = shape_.head_dim / 2;
    for (size_t h = 0; h < x.size(); h += shape_.head_dim) {
      for (size_t i = 0; i < half; ++i) {
        const double angle = position * std::pow(base, -2.0 * static_cast<double>(i) / shape_.head_dim);
        double& a = x[h + (neighbours ? 2 * i : i)];
        double& b = x[h + (neighbours ? 2 * i + 1 : i + half)];
        const double turned = a * std::cos(angle) - b * std::sin(angle);
        b = a * std::sin(angle) + b * std::cos(angle);
        a = turned;
      }
    }
  }

  Shape shape_;
  Prng rng_;
  GgufBuilder file_;
  TemporaryFolder folder_;
  std::filesystem::path path_;
  std::vector<std::pair<std::string, std::vector<float>>> tensors_;
};

std::vector<double> TinyModel::Reference(const std::vector<TokenId>& tokens, const ModelConfig& config) const {
  const uint32_t width = shape_.width, dim = shape_.head_dim;
  const size_t n = tokens.size();
  std::vector<Row> x(n);
  for (size_t p = 0; p < n; ++p) {
    const float* row = At("token_embd.weight").data() + static_cast<size_t>(tokens[p].value) * width;
    x[p].assign(row, row + width);
    if (IsGemma()) {
      for (double& v : x[p]) v *= std::sqrt(static_cast<double>(width));
    }
  }
  for (uint32_t layer = 0; layer < kLayers; ++layer) {
    const std::string blk = "blk." + std::to_string(layer) + ".";
    const bool sliding = config.layer_is_sliding[layer];
    std::vector<Row> q(n), k(n), v(n);
    for (size_t p = 0; p < n; ++p) {
      const Row normed = Normed(blk + "attn_norm.weight", x[p].data(), width);
      q[p] = Product(blk + "attn_q.weight", normed);
      k[p] = Product(blk + "attn_k.weight", normed);
      v[p] = Product(blk + "attn_v.weight", normed);
      if (std::string_view(shape_.architecture) == "qwen2") {
        for (auto [row, name] : {std::pair{&q[p], "attn_q.bias"}, {&k[p], "attn_k.bias"}, {&v[p], "attn_v.bias"}}) {
          for (size_t i = 0; i < row->size(); ++i) (*row)[i] += double{At(blk + name)[i]};
        }
      }
      if (HeadNorms()) {
        NormHeads(blk + "attn_q_norm.weight", q[p]);
        NormHeads(blk + "attn_k_norm.weight", k[p]);
      }
      const bool neighbours = std::string_view(shape_.architecture) == "llama";
      for (Row* row : {&q[p], &k[p]}) Turn(*row, static_cast<uint32_t>(p), neighbours, 10000.0);
    }
    for (size_t p = 0; p < n; ++p) {
      Row attended(q[p].size());
      const size_t first = sliding && p + 1 > shape_.window ? p + 1 - shape_.window : 0;
      for (uint32_t h = 0; h < kHeads; ++h) {
        const size_t kv = size_t{h / (kHeads / kKvHeads)} * dim;
        Row weight(n);
        double total = 0;
        for (size_t s = first; s <= p; ++s) {
          double dot = 0;
          for (uint32_t i = 0; i < dim; ++i) dot += q[p][h * dim + i] * k[s][kv + i];
          weight[s] = std::exp(dot / std::sqrt(static_cast<double>(dim)));
          total += weight[s];
        }
        for (size_t s = first; s <= p; ++s) {
          for (uint32_t i = 0; i < dim; ++i) attended[h * dim + i] += weight[s] / total * v[s][kv + i];
        }
      }
      Row branch = Product(blk + "attn_output.weight", attended);
      if (IsGemma()) branch = Normed(blk + "post_attention_norm.weight", branch.data(), width);
      for (uint32_t i = 0; i < width; ++i) x[p][i] += branch[i];
    }
    for (size_t p = 0; p < n; ++p) {
      const Row normed = Normed(blk + "ffn_norm.weight", x[p].data(), width);
      Row hidden = Product(blk + "ffn_gate.weight", normed);
      const Row up = Product(blk + "ffn_up.weight", normed);
      for (size_t i = 0; i < hidden.size(); ++i) {
        const double g = hidden[i];
        const double gelu = 0.5 * g * (1 + std::tanh(std::sqrt(2 / M_PI) * (g + 0.044715 * g * g * g)));
        hidden[i] = (IsGemma() ? gelu : g / (1 + std::exp(-g))) * up[i];
      }
      Row branch = Product(blk + "ffn_down.weight", hidden);
      if (IsGemma()) branch = Normed(blk + "post_ffw_norm.weight", branch.data(), width);
      for (uint32_t i = 0; i < width; ++i) x[p][i] += branch[i];
    }
  }
  const Row last = Normed("output_norm.weight", x.back().data(), width);
  return Product(IsGemma() ? "token_embd.weight" : "output.weight", last);
}

// Steps one or two sequences by hand, each with pages of its own.
class Stepper {
 public:
  Stepper(Transformer& model, uint32_t sequences, uint32_t rows_max) : model_(model) {
    constexpr uint32_t kPagesEach = 256 / kPageTokens;
    const std::vector<uint32_t> pages(model.page_groups().size(), kPagesEach * sequences);
    EXPECT_TRUE(model.Reserve({rows_max, rows_max}, pages).ok());
    for (uint32_t s = 0; s < sequences; ++s) {
      std::vector<PageId> table;
      // Interleaved and backwards, so that nothing depends on pages lying in order.
      for (uint32_t i = 0; i < kPagesEach; ++i) table.push_back(PageId{(kPagesEach - 1 - i) * sequences + s});
      tables_.push_back(table);
    }
  }
  struct Part {
    uint32_t sequence, start;
    std::vector<TokenId> tokens;
  };
  // Logits of every row.
  std::vector<float> Step(const std::vector<Part>& parts) {
    std::vector<TokenId> tokens;
    std::vector<SequenceSlice> slices;
    for (const Part& part : parts) {
      SequenceSlice slice{static_cast<uint32_t>(part.tokens.size()), part.start, {}};
      slice.page_tables.assign(model_.page_groups().size(), tables_[part.sequence]);
      slices.push_back(slice);
      tokens.insert(tokens.end(), part.tokens.begin(), part.tokens.end());
    }
    std::vector<uint32_t> rows(tokens.size());
    std::iota(rows.begin(), rows.end(), 0u);
    std::vector<float> logits(tokens.size() * kVocabulary);
    model_.Forward({tokens, slices, rows}, logits.data());
    return logits;
  }

 private:
  Transformer& model_;
  std::vector<std::vector<PageId>> tables_;
};

std::vector<TokenId> RandomTokens(Prng& rng, size_t n) {
  std::vector<TokenId> tokens;
  for (size_t i = 0; i < n; ++i) tokens.push_back(TokenId{static_cast<int32_t>(rng.Range(0, kVocabulary - 1))});
  return tokens;
}

constexpr Shape kPlain[] = {{"llama", 64, 16, 96, 0, false},
                            {"qwen2", 64, 16, 96, 0, false},
                            {"qwen3", 64, 32, 96, 0, false},
                            {"gemma3", 64, 32, 96, 24, false}};
constexpr Shape kQuantised[] = {{"llama", 256, 64, 256, 0, true},
                                {"qwen2", 256, 64, 256, 0, true},
                                {"qwen3", 256, 64, 256, 0, true},
                                {"gemma3", 256, 64, 256, 20, true}};

TEST(Transformer, MatchesAPlainForwardInDouble) {
  Prng rng(TestSeed());
  for (const Shape& shape : kPlain) {
    const TinyModel tiny(shape, rng.Next());
    const auto model = tiny.Load(2, BestIsa());
    Stepper stepper(*model, 1, 128);
    const std::vector<TokenId> tokens = RandomTokens(rng, 90);
    const std::vector<float> logits = stepper.Step({{0, 0, tokens}});
    const std::vector<double> want = tiny.Reference(tokens, model->config());
    double scale = 0;
    for (const double v : want) scale = std::max(scale, std::fabs(v));
    // Keys and values round to f16 (2^-11 of themselves); three layers of it reach the logits.
    for (uint32_t i = 0; i < kVocabulary; ++i) {
      EXPECT_NEAR(logits[89 * kVocabulary + i], want[i], 8 * 0x1p-11 * scale) << shape.architecture << " " << i;
    }
  }
}

TEST(Transformer, SameBitsForAnyThreadsInstructionSetCutsAndNeighbours) {
  Prng rng(TestSeed() + 1);
  for (const Shape& shape : kQuantised) {
    const TinyModel tiny(shape, rng.Next());
    const std::vector<TokenId> tokens = RandomTokens(rng, 70), others = RandomTokens(rng, 70);
    std::vector<float> want;
    {
      const auto model = tiny.Load(1, Isa::kScalar);
      want = Stepper(*model, 1, 128).Step({{0, 0, tokens}});
    }
    for (const float v : want) ASSERT_TRUE(std::isfinite(v)) << shape.architecture;
    for (const Isa isa : SupportedIsas()) {
      for (const uint32_t threads : {1u, 3u}) {
        if (isa == Isa::kScalar && threads == 1) continue;  // what `want` was made with; slow
        const auto model = tiny.Load(threads, isa);
        Stepper stepper(*model, 2, 128);
        uint32_t done = 0, others_done = 0;
        while (done < tokens.size()) {
          const auto n = std::min<uint32_t>(static_cast<uint32_t>(rng.Pick<int64_t>({1, 1, 3, 17, 40})),
                                            static_cast<uint32_t>(tokens.size()) - done);
          const auto m = std::min<uint32_t>(static_cast<uint32_t>(rng.Range(0, 20)),
                                            static_cast<uint32_t>(others.size()) - others_done);
          std::vector<Stepper::Part> parts;
          if (m > 0)
            parts.push_back({1, others_done, {others.begin() + others_done, others.begin() + others_done + m}});
          parts.push_back({0, done, {tokens.begin() + done, tokens.begin() + done + n}});
          const std::vector<float> logits = stepper.Step(parts);
          EXPECT_EQ(0, std::memcmp(logits.data() + size_t{m} * kVocabulary, want.data() + size_t{done} * kVocabulary,
                                   size_t{n} * kVocabulary * sizeof(float)))
              << shape.architecture << " " << IsaName(isa) << " threads=" << threads << " at " << done;
          done += n;
          others_done += m;
        }
      }
    }
  }
}

TEST(Transformer, RefusesTensorsThatDoNotFit) {
  GgufBuilder file;
  file.String("general.architecture", "llama");
  for (const auto& [key, value] : {std::pair{"block_count", 1u},
                                   {"embedding_length", 64u},
                                   {"feed_forward_length", 96u},
                                   {"attention.head_count", 4u},
                                   {"context_length", 64u}}) {
    file.Uint(std::string("llama.") + key, value);
  }
  file.Float("llama.attention.layer_norm_rms_epsilon", 1e-5f);
  file.Tensor("token_embd.weight", WeightType::kF32, {kVocabulary, 64});
  const TemporaryFolder folder;
  Result<ModelFile> opened = ModelFile::Open(folder.Write("short.gguf", file.Build()));
  ASSERT_TRUE(opened.ok()) << opened.status().message();
  const auto model = Transformer::Load(std::move(*opened), {1, Isa::kScalar});
  ASSERT_FALSE(model.ok());
  EXPECT_NE(model.status().message().find("blk.0.attn_norm.weight"), std::string::npos) << model.status().message();
}

}  // namespace
}  // namespace bedplate

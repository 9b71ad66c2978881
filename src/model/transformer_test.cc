// Small random models of every architecture: against a plain forward pass in double, and against themselves with other
// threads, instruction sets, cuts and neighbours, where every bit must be equal; with each type of keys and values.
#include "model/transformer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "base/cat.h"
#include "base/random.h"
#include "model/step_worker.h"
#include "model/tiny_model_testing.h"

namespace bedplate {

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
  for (uint32_t layer = 0; layer < kTinyLayers; ++layer) {
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
      for (Row* row : {&q[p], &k[p]}) Turn(*row, static_cast<uint32_t>(p), neighbours);
    }
    for (size_t p = 0; p < n; ++p) {
      Row attended(q[p].size());
      const size_t first = sliding && p + 1 > shape_.window ? p + 1 - shape_.window : 0;
      for (uint32_t h = 0; h < kTinyHeads; ++h) {
        const size_t kv = size_t{h / (kTinyHeads / kTinyKvHeads)} * dim;
        Row weight(n);
        double most = -1e300, total = 0;
        for (size_t s = first; s <= p; ++s) {
          double dot = 0;
          for (uint32_t i = 0; i < dim; ++i) dot += q[p][h * dim + i] * k[s][kv + i];
          weight[s] = dot / std::sqrt(static_cast<double>(dim));
          most = std::max(most, weight[s]);
        }
        for (size_t s = first; s <= p; ++s) total += weight[s] = std::exp(weight[s] - most);
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

namespace {

// Steps one or two sequences by hand, each with pages of its own.
class Stepper {
 public:
  Stepper(Transformer& model, uint32_t sequences, uint32_t rows_max) : model_(model) {
    const uint32_t pages_each = model.context_length() / kPageTokens;
    const std::vector<uint32_t> pages(model.page_groups().size(), pages_each * sequences);
    EXPECT_TRUE(model.Reserve({rows_max, rows_max}, pages).ok());
    for (uint32_t s = 0; s < sequences; ++s) {
      std::vector<PageId> table;
      // Interleaved and backwards, so that nothing depends on pages lying in order.
      for (uint32_t i = 0; i < pages_each; ++i) table.push_back(PageId{(pages_each - 1 - i) * sequences + s});
      tables_.push_back(table);
    }
  }
  [[nodiscard]] PageId Page(uint32_t sequence, uint32_t run) const { return tables_[sequence][run]; }
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
    std::vector<float> logits(tokens.size() * kTinyVocabulary);
    model_.Forward({tokens, slices, rows}, logits.data());
    return logits;
  }

 private:
  Transformer& model_;
  std::vector<std::vector<PageId>> tables_;
};

std::vector<TokenId> RandomTokens(Prng& rng, size_t n) {
  std::vector<TokenId> tokens;
  for (size_t i = 0; i < n; ++i) tokens.push_back(TokenId{static_cast<int32_t>(rng.Range(0, kTinyVocabulary - 1))});
  return tokens;
}

constexpr TinyShape kPlain[] = {{"llama", 64, 16, 96, 0, false},
                                {"qwen2", 64, 16, 96, 0, false},
                                {"qwen3", 64, 32, 96, 0, false},
                                {"gemma3", 64, 32, 96, 24, false}};
constexpr TinyShape kQuantised[] = {{"llama", 256, 64, 256, 0, true},
                                    {"qwen2", 256, 64, 256, 0, true},
                                    {"qwen3", 256, 64, 256, 0, true},
                                    {"gemma3", 256, 64, 256, 20, true}};

// Within `tolerance` of the largest.
void ExpectNear(const float* logits, const std::vector<double>& want, double tolerance, const std::string& what) {
  double scale = 0;
  for (const double v : want) scale = std::max(scale, std::fabs(v));
  for (uint32_t i = 0; i < kTinyVocabulary; ++i) EXPECT_NEAR(logits[i], want[i], tolerance * scale) << what << " " << i;
}

TEST(Transformer, MatchesAPlainForwardInDouble) {
  Prng rng(TestSeed());
  for (const TinyShape& shape : kPlain) {
    const TinyModel tiny(shape, rng.Next());
    const std::vector<TokenId> tokens = RandomTokens(rng, 90);
    for (const KvType type : kKvTypes) {
      const auto model = tiny.Load(2, BestIsa(), type);
      Stepper stepper(*model, 1, 128);
      const std::vector<float> logits = stepper.Step({{0, 0, tokens}});
      // Keys and values round to f16 (2^-11 of themselves), to bf16 (2^-8) or to q8 (2^-8 of their block's largest);
      // three layers of it reach the logits.
      const double rounding = type == KvType::kF16 ? 0x1p-11 : 0x1p-8;
      ExpectNear(logits.data() + size_t{89} * kTinyVocabulary, tiny.Reference(tokens, model->config()), 8 * rounding,
                 Cat(shape.architecture, " ", KvTypeName(type)));
    }
  }
}

// Alike at every position, such a bias moves all scores of a query alike; rounded with the rest of a key it would take
// the rest's bits.
TEST(Transformer, LargeBiasesOfKeysCostNoBits) {
  Prng rng(TestSeed());
  const TinyModel tiny({"qwen2", 64, 32, 96, 0, false, 1e8, 10000.0f}, rng.Next());
  const std::vector<TokenId> tokens = RandomTokens(rng, 90);
  for (const KvType type : {KvType::kBf16, KvType::kQ8}) {
    const auto model = tiny.Load(2, BestIsa(), type);
    const std::vector<float> logits = Stepper(*model, 1, 128).Step({{0, 0, tokens}});
    ExpectNear(logits.data() + size_t{89} * kTinyVocabulary, tiny.Reference(tokens, model->config()), 8 * 0x1p-8,
               std::string(KvTypeName(type)));
  }
}

void CopyPages(Transformer& model, const Stepper& from, uint32_t from_sequence, Transformer& other, const Stepper& to,
               uint32_t to_sequence, uint32_t pages) {
  for (size_t g = 0; g < model.page_groups().size(); ++g) {
    for (uint32_t run = 0; run < pages; ++run) {
      const auto source = model.PageBytes(g, from.Page(from_sequence, run));
      ASSERT_EQ(source.size(), model.page_groups()[g].page_bytes);
      std::ranges::copy(source, other.PageBytes(g, to.Page(to_sequence, run)).begin());
    }
  }
}

// How many of the sequences threads share.
size_t SharedBy(const std::vector<Stepper::Part>& parts, const ModelConfig& config, uint32_t threads) {
  std::vector<SequenceSlice> slices;
  for (const Stepper::Part& part : parts) {
    slices.push_back({static_cast<uint32_t>(part.tokens.size()), part.start, {}});
  }
  AttentionPlan plan;
  PlanAttention(slices, StepBuffers::PlanLimits(config, threads), plan);
  return plan.shared.size();
}

class TransformerBits : public testing::TestWithParam<KvType> {};

TEST_P(TransformerBits, SameForAnyThreadsInstructionSetCutsAndNeighbours) {
  Prng rng(TestSeed() + 1);
  for (const TinyShape& shape : kQuantised) {
    const TinyModel tiny(shape, rng.Next());
    const std::vector<TokenId> tokens = RandomTokens(rng, 70), others = RandomTokens(rng, 70);
    std::vector<float> want;
    {
      const auto model = tiny.Load(1, Isa::kScalar, GetParam());
      want = Stepper(*model, 1, 128).Step({{0, 0, tokens}});
    }
    for (const float v : want) ASSERT_TRUE(std::isfinite(v)) << shape.architecture;
    for (const Isa isa : SupportedIsas()) {
      for (const uint32_t threads : {1u, 3u}) {
        if (isa == Isa::kScalar && threads == 1) continue;  // what `want` was made with; slow
        const auto model = tiny.Load(threads, isa, GetParam());
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
          EXPECT_EQ(
              0, std::memcmp(logits.data() + size_t{m} * kTinyVocabulary, want.data() + size_t{done} * kTinyVocabulary,
                             size_t{n} * kTinyVocabulary * sizeof(float)))
              << shape.architecture << " " << IsaName(isa) << " threads=" << threads << " at " << done;
          done += n;
          others_done += m;
        }
      }
    }
  }
}

// One thread takes long sequences whole; three or five share them.
TEST_P(TransformerBits, SameWhenThreadsShareLongSequences) {
  constexpr uint32_t kLengths[] = {1100, 600}, kChunk = 110, kMore = 40;
  Prng rng(TestSeed() + 3);
  for (const char* architecture : {"llama", "gemma3"}) {
    const uint32_t window = std::string_view(architecture) == "gemma3" ? 20 : 0;  // of every other layer
    const TinyModel tiny({architecture, 256, 64, 256, window, true, 10000.0, 0.0f, 8192}, rng.Next(),
                         [](GgufBuilder& f) { f.Uint("gemma3.attention.sliding_window_pattern", 2); });
    const std::vector<TokenId> tokens[] = {RandomTokens(rng, kLengths[0] + kMore),
                                           RandomTokens(rng, kLengths[1] + kMore)};
    const auto part = [&](uint32_t sequence, uint32_t begin, uint32_t rows) -> Stepper::Part {
      const auto first = tokens[sequence].begin() + begin;
      return {sequence, begin, {first, first + rows}};
    };
    const std::vector<Stepper::Part> steps[] = {
        {part(0, 1100, 1)}, {part(0, 1101, 7)}, {part(0, 1108, 1), part(1, 600, 1)}, {part(0, 1109, 16)}};
    const auto one = tiny.Load(1, BestIsa(), GetParam());
    Stepper alone(*one, 2, kChunk);
    for (uint32_t s = 0; s < 2; ++s) {
      for (uint32_t at = 0; at < kLengths[s]; at += kChunk) {
        alone.Step({part(s, at, std::min(kChunk, kLengths[s] - at))});
      }
    }
    std::vector<std::vector<float>> want;
    for (const auto& step : steps) want.push_back(alone.Step(step));
    for (const float v : want.back()) ASSERT_TRUE(std::isfinite(v)) << architecture;
    for (const uint32_t threads : {3u, 5u}) {
      const auto model = tiny.Load(threads, BestIsa(), GetParam());
      Stepper together(*model, 2, kChunk);
      for (uint32_t s = 0; s < 2; ++s) CopyPages(*one, alone, s, *model, together, s, kLengths[s] / kPageTokens + 1);
      for (size_t i = 0; i < std::size(steps); ++i) {
        EXPECT_EQ(SharedBy(steps[i], model->config(), threads), steps[i].size());
        EXPECT_TRUE(together.Step(steps[i]) == want[i]) << architecture << " threads=" << threads << " step " << i;
      }
    }
  }
}

// 80 tiles are claimed by four then, and of so many rows two are worked on at a time: outputs that are only passed on
// go in parts of a chunk, those of the gated hidden in one model, residuals in the other.
TEST(Transformer, ALargeStepGivesTheBitsOfSmallOnes) {
  constexpr uint32_t kSequences = 3, kTokens = 200, kCut = 40;
  Prng rng(TestSeed() + 2);
  for (const TinyShape& shape :
       {TinyShape{"llama", 256, 64, 1280, 0, true}, TinyShape{"llama", 1280, 64, 256, 0, true}}) {
    const TinyModel tiny(shape, rng.Next());
    const auto model = tiny.Load(1, BestIsa(), KvType::kF16), other = tiny.Load(1, BestIsa(), KvType::kF16);
    Stepper small(*model, kSequences, kCut), large(*other, kSequences, kSequences * kTokens);
    std::vector<float> want;
    std::vector<Stepper::Part> whole;
    for (uint32_t s = 0; s < kSequences; ++s) {
      const std::vector<TokenId> tokens = RandomTokens(rng, kTokens);
      for (uint32_t at = 0; at < kTokens; at += kCut) {
        const std::vector<float> logits = small.Step({{s, at, {tokens.begin() + at, tokens.begin() + at + kCut}}});
        want.insert(want.end(), logits.begin(), logits.end());
      }
      whole.push_back({s, 0, tokens});
    }
    const std::vector<float> got = large.Step(whole);
    ASSERT_EQ(got.size(), want.size());
    EXPECT_EQ(0, std::memcmp(got.data(), want.data(), want.size() * sizeof(float))) << shape.width;
  }
}

INSTANTIATE_TEST_SUITE_P(KvTypes, TransformerBits, testing::ValuesIn(kKvTypes),
                         [](const auto& tested) { return std::string(KvTypeName(tested.param)); });

TEST(Transformer, PagesOfQ8AreLittleMoreThanHalf) {
  Prng rng(TestSeed());
  for (const TinyShape& shape : kQuantised) {
    const TinyModel tiny(shape, rng.Next());
    const auto f16 = tiny.Load(1, BestIsa(), KvType::kF16), q8 = tiny.Load(1, BestIsa(), KvType::kQ8);
    ASSERT_EQ(f16->page_groups().size(), q8->page_groups().size());
    for (size_t g = 0; g < f16->page_groups().size(); ++g) {
      EXPECT_EQ(q8->page_groups()[g].page_bytes * 64, f16->page_groups()[g].page_bytes * 34) << shape.architecture;
      EXPECT_EQ(q8->page_groups()[g].sliding_window, f16->page_groups()[g].sliding_window);
    }
    EXPECT_EQ(f16->config().KvBytesPerToken(KvType::kQ8) * 64, f16->config().KvBytesPerToken(KvType::kF16) * 34);
  }
}

TEST(Transformer, WeightsFromTheCacheGiveTheSameBits) {
  Prng rng(TestSeed());
  for (const TinyShape& shape : kQuantised) {
    const TinyModel tiny(shape, rng.Next());
    const TemporaryFolder folder;
    const PackedCacheOptions cache{.folder = folder.path(), .settled_after = std::chrono::nanoseconds(0)};
    const std::vector<TokenId> tokens = RandomTokens(rng, 40);
    const auto logits = [&](Transformer& model) { return Stepper(model, 1, 64).Step({{0, 0, tokens}}); };
    const auto plain = tiny.Load(2, BestIsa());
    const std::vector<float> want = logits(*plain);
    for (const bool from_cache : {false, true, true}) {
      const auto model = tiny.Load(2, BestIsa(), kDefaultKvType, cache);
      EXPECT_EQ(model->weights().from_cache(), from_cache);
      EXPECT_EQ(model->weight_bytes(), plain->weight_bytes());
      const std::vector<float> got = logits(*model);
      EXPECT_EQ(std::memcmp(got.data(), want.data(), want.size() * sizeof(float)), 0) << shape.architecture;
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
  file.Tensor("token_embd.weight", WeightType::kF32, {kTinyVocabulary, 64});
  const TemporaryFolder folder;
  Result<ModelFile> opened = ModelFile::Open(folder.Write("short.gguf", file.Build()));
  ASSERT_TRUE(opened.ok()) << opened.status().message();
  const auto model = Transformer::Load(std::move(*opened), {1, Isa::kScalar});
  ASSERT_FALSE(model.ok());
  EXPECT_NE(model.status().message().find("blk.0.attn_norm.weight"), std::string::npos) << model.status().message();
}

void ExpectPagesServeInAnotherProcess(const TinyModel& tiny, KvType type) {
  const auto first = tiny.Load(1, BestIsa(), type), second = tiny.Load(2, BestIsa(), type);
  EXPECT_EQ(first->KvIdentity(), second->KvIdentity());
  std::vector<TokenId> tokens;
  for (int i = 0; i < 90; ++i) tokens.push_back(TokenId{i * 7 % static_cast<int>(kTinyVocabulary)});
  const std::vector<TokenId> prompt(tokens.begin(), tokens.begin() + 80), rest(tokens.begin() + 80, tokens.end());
  Stepper one(*first, 1, 128), other(*second, 2, 128);
  one.Step({{0, 0, prompt}});
  CopyPages(*first, one, 0, *second, other, 1, 5);
  EXPECT_EQ(other.Step({{1, 80, rest}}), one.Step({{0, 80, rest}}));
}

TEST(Transformer, PagesServeAsWellInAnotherProcess) {
  for (const TinyShape& shape : kQuantised) {
    SCOPED_TRACE(shape.architecture);
    const TinyModel tiny(shape, TestSeed());
    for (const KvType type : kKvTypes) ExpectPagesServeInAnotherProcess(tiny, type);
    std::set<std::string> identities;  // f16 and bf16 take as many bytes, so it is by name that they differ
    for (const KvType type : kKvTypes) identities.insert(tiny.Load(1, BestIsa(), type)->KvIdentity());
    EXPECT_EQ(identities.size(), kKvTypes.size());
  }
}

}  // namespace
}  // namespace bedplate

// Method: a plain double-precision reference of each rule in request.h's order, over random rows; the frequencies of
// many draws against the reference's probabilities (chi-squared); a table of odd rows.

#include "engine/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "base/random.h"
#include "kernels/isa.h"

namespace bedplate {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

Sampler MakeSampler(size_t vocabulary, size_t drawable = SIZE_MAX) {
  return Sampler(VectorKernelsFor(BestIsa()), static_cast<uint32_t>(vocabulary),
                 static_cast<uint32_t>(std::min(vocabulary, drawable)));
}

/// id -> probability, by the definitions and nothing else.
class Reference {
 public:
  Reference(const std::vector<float>& logits, const SamplingParams& p, const TokenCounts& counts) {
    std::vector<double> l(logits.begin(), logits.end());
    for (const auto& [token, bias] : p.logit_bias) l[static_cast<size_t>(token.value)] += static_cast<double>(bias);
    for (const auto& seen : counts.entries()) {
      double& x = l[static_cast<size_t>(seen.token.value)];
      const auto r = static_cast<double>(p.repetition_penalty);
      x = x > 0 ? x / r : x * r;
      if (seen.written > 0)
        x -= seen.written * static_cast<double>(p.frequency_penalty) + static_cast<double>(p.presence_penalty);
    }
    for (size_t i = 0; i < l.size(); ++i) kept_.push_back({static_cast<int32_t>(i), l[i]});
    std::ranges::sort(kept_, kMoreLikely);
    if (p.top_k > 0 && p.top_k < kept_.size()) kept_.resize(p.top_k);
    if (p.typical_p < 1) Typical(static_cast<double>(p.typical_p));
    if (p.top_p < 1) Nucleus(static_cast<double>(p.top_p));
    if (p.min_p > 0) {
      const double most = kept_.front().logit;
      std::erase_if(kept_, [&](const Kept& k) { return std::exp(k.logit - most) < static_cast<double>(p.min_p); });
    }
    double sum = 0;
    for (const Kept& k : kept_) sum += std::exp((k.logit - kept_.front().logit) / static_cast<double>(p.temperature));
    for (const Kept& k : kept_) {
      probability_[k.id] = std::exp((k.logit - kept_.front().logit) / static_cast<double>(p.temperature)) / sum;
    }
  }
  [[nodiscard]] const std::map<int32_t, double>& probability() const { return probability_; }

 private:
  struct Kept {
    int32_t id;
    double logit;
  };
  static constexpr auto kMoreLikely = [](const Kept& a, const Kept& b) {
    return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
  };
  [[nodiscard]] std::vector<double> Probabilities() const {
    std::vector<double> p;
    double most = -1e300, sum = 0;
    for (const Kept& k : kept_) most = std::max(most, k.logit);
    for (const Kept& k : kept_) sum += p.emplace_back(std::exp(k.logit - most));
    for (double& x : p) x /= sum;
    return p;
  }
  void KeepFirst(const std::vector<size_t>& order, const std::vector<double>& p, double mass) {
    std::vector<Kept> kept;
    double sum = 0;
    for (const size_t i : order) {
      kept.push_back(kept_[i]);
      sum += p[i];
      if (sum >= mass) break;
    }
    std::ranges::sort(kept, kMoreLikely);
    kept_ = kept;
  }
  void Nucleus(double mass) {
    std::vector<size_t> order(kept_.size());
    std::iota(order.begin(), order.end(), size_t{0});
    KeepFirst(order, Probabilities(), mass);
  }
  void Typical(double mass) {
    const std::vector<double> p = Probabilities();
    double entropy = 0;
    for (const double x : p) entropy -= x > 0 ? x * std::log(x) : 0;
    std::vector<size_t> order(kept_.size());
    std::iota(order.begin(), order.end(), size_t{0});
    const auto distance = [&](size_t i) { return std::fabs(-std::log(p[i]) - entropy); };
    std::ranges::sort(order, [&](size_t a, size_t b) {
      return distance(a) != distance(b) ? distance(a) < distance(b) : kept_[a].id < kept_[b].id;
    });
    KeepFirst(order, p, mass);
  }
  std::vector<Kept> kept_;  // most likely first
  std::map<int32_t, double> probability_;
};

SamplingParams RandomParams(Prng& rng, size_t vocabulary) {
  SamplingParams p;
  p.temperature = rng.Pick({0.3f, 0.8f, 1.0f, 1.7f});
  if (rng.Chance(0.4)) p.top_k = static_cast<uint32_t>(rng.Range(1, 60));
  if (rng.Chance(0.4)) p.top_p = rng.Pick({0.1f, 0.5f, 0.9f, 0.99f});
  if (rng.Chance(0.3)) p.min_p = rng.Pick({0.02f, 0.2f, 0.7f});
  if (rng.Chance(0.3)) p.typical_p = rng.Pick({0.2f, 0.6f, 0.95f});
  if (rng.Chance(0.3)) p.repetition_penalty = rng.Pick({0.8f, 1.3f, 2.0f});
  if (rng.Chance(0.3)) p.frequency_penalty = rng.Pick({-0.5f, 0.5f});
  if (rng.Chance(0.3)) p.presence_penalty = rng.Pick({-1.0f, 0.7f});
  if (rng.Chance(0.3))
    p.logit_bias = {{TokenId{static_cast<int32_t>(rng.Range(0, static_cast<int64_t>(vocabulary) - 1))}, 3.0f}};
  return p;
}

TEST(Sampler, DrawsFromTheReferencesDistribution) {
  Prng rng(TestSeed());
  for (int round = 0; round < 100; ++round) {
    const auto vocabulary = static_cast<size_t>(rng.Pick({2, 15, 100, 1500}));
    const int draws = vocabulary > 1000 ? 300 : 2000;
    const std::vector<float> logits = rng.Floats(vocabulary, rng.Pick({1.0f, 6.0f, 20.0f}));
    const SamplingParams params = RandomParams(rng, vocabulary);
    TokenCounts counts;
    std::vector<TokenId> prompt;
    for (int i = 0; i < 5; ++i)
      prompt.push_back(TokenId{static_cast<int32_t>(rng.Range(0, static_cast<int64_t>(vocabulary) - 1))});
    counts.AddPrompt(prompt, 10);
    counts.AddOutput(prompt[0]);
    counts.AddOutput(prompt[0]);
    const Reference reference(logits, params, counts);
    Sampler sampler = MakeSampler(vocabulary);
    std::map<int32_t, int> drawn;
    for (uint32_t i = 0; i < static_cast<uint32_t>(draws); ++i) {
      const auto token =
          sampler.Draw(logits, params, counts, {.seed = static_cast<uint64_t>(round), .choice = 0, .position = i});
      ASSERT_TRUE(token.has_value());
      ++drawn[token->value];
    }
    // A token just inside a narrowing in f32 may be just outside in double: that one alone may be a stranger.
    int strangers = 0, stranger_draws = 0;
    for (const auto& [id, n] : drawn) {
      if (!reference.probability().contains(id)) ++strangers, stranger_draws += n;
    }
    ASSERT_LE(strangers, 1) << "round " << round;
    ASSERT_LE(stranger_draws, draws / 2);
    if (strangers > 0) continue;
    // Chi-squared over tokens expected at least 8 times, the rest pooled. Mean k, deviation sqrt(2k): 6 deviations.
    double chi = 0, rest_expected = 0;
    int cells = 0, rest = draws;
    for (const auto& [id, p] : reference.probability()) {
      const double expected = p * draws;
      if (expected < 8) {
        rest_expected += expected;
        continue;
      }
      const int n = drawn.contains(id) ? drawn[id] : 0;
      rest -= n;
      chi += (n - expected) * (n - expected) / expected;
      ++cells;
    }
    if (rest_expected >= 8) chi += (rest - rest_expected) * (rest - rest_expected) / rest_expected, ++cells;
    ASSERT_LT(chi, cells + 6 * std::sqrt(2.0 * cells) + 10) << "round " << round;
  }
}

TEST(Sampler, TheNucleusIsThatOfTheWholeRowSorted) {
  // Whichever depth it is found at: the same token as by sorting everything and adding up in that order.
  Prng rng(TestSeed());
  for (int round = 0; round < 12; ++round) {
    const size_t vocabulary = 3000;
    std::vector<float> logits = rng.Floats(vocabulary, rng.Pick({0.1f, 3.0f, 30.0f, 300.0f}));
    for (int i = 0; i < 200; ++i) logits[static_cast<size_t>(rng.Range(0, 2999))] = 0.05f;  // ties
    logits[17] = -kInf;
    SamplingParams params;
    params.top_p = rng.Pick({0.3f, 0.9f, 0.999f, 0.99999994f});
    std::vector<size_t> order(vocabulary);
    std::iota(order.begin(), order.end(), size_t{0});
    std::ranges::sort(order,
                      [&](size_t a, size_t b) { return logits[a] != logits[b] ? logits[a] > logits[b] : a < b; });
    const float max = logits[order[0]];
    const double mass = static_cast<double>(params.top_p) *
                        static_cast<double>(VectorKernelsFor(Isa::kScalar).sum_exp(logits.data(), vocabulary, max));
    double total = 0;
    size_t kept = 0;
    while (kept < vocabulary && total < mass) total += static_cast<double>(Exp(logits[order[kept++]] - max));
    Sampler sampler = MakeSampler(vocabulary);
    for (uint32_t i = 0; i < 50; ++i) {
      const double target = static_cast<double>(UnitFloat(HashWords(1, 0, i))) * total;
      double below = 0;
      size_t at = 0;
      while (at + 1 < kept && (below += static_cast<double>(Exp(logits[order[at]] - max))) <= target) ++at;
      ASSERT_EQ(sampler.Draw(logits, params, {}, {1, 0, i})->value, static_cast<int32_t>(order[at]))
          << "round " << round;
    }
  }
}

TEST(Sampler, GreedyTakesTheLowestOfTheHighest) {
  SamplingParams greedy;
  greedy.temperature = 0;
  Sampler sampler = MakeSampler(6, 5);
  const std::vector<float> row = {1, 3, 2, 3, -1, 9};
  EXPECT_EQ(sampler.Draw(row, greedy, {}, {}), TokenId{1}) << "5 is beyond the tokenizer";
  greedy.logit_bias = {{TokenId{3}, 0.5f}, {TokenId{0}, -100.0f}};
  EXPECT_EQ(sampler.Draw(row, greedy, {}, {}), TokenId{3});
  greedy.logit_bias = {{TokenId{1}, -100.0f}, {TokenId{3}, -100.0f}};
  EXPECT_EQ(sampler.Draw(row, greedy, {}, {}), TokenId{2});
}

TEST(Sampler, TheSameKeyDrawsTheSameAndOthersDiffer) {
  Prng rng(TestSeed());
  const std::vector<float> row = rng.Floats(9'000, 1.0f);
  Sampler sampler = MakeSampler(row.size());
  const auto draw = [&](DrawKey key) { return sampler.Draw(row, {}, {}, key)->value; };
  int equal = 0;
  for (uint32_t i = 0; i < 50; ++i) {
    EXPECT_EQ(draw({5, 1, i}), draw({5, 1, i}));
    equal += draw({5, 1, i}) == draw({6, 1, i}) ? 1 : 0;
    equal += draw({5, 1, i}) == draw({5, 2, i}) ? 1 : 0;
    equal += draw({5, 1, i}) == draw({5, 1, i + 1}) ? 1 : 0;
  }
  EXPECT_LE(equal, 3);
}

TEST(Sampler, OddRows) {
  std::vector<SamplingParams> all(7);
  all[1].temperature = 0;
  all[2].top_k = 2;
  all[3].top_p = 0.5f;
  all[4].min_p = 0.5f;
  all[5].typical_p = 0.5f;
  all[6].repetition_penalty = 1e-20f;
  TokenCounts counts;
  counts.AddPrompt(std::vector<TokenId>{TokenId{0}, TokenId{1}}, 2);
  Sampler sampler = MakeSampler(4);
  for (const SamplingParams& p : all) {
    for (uint32_t i = 0; i < 20; ++i) {
      const auto draw = [&](std::vector<float> row) {
        Sampler::Clean(row);
        return sampler.Draw(row, p, counts, {9, 0, i});
      };
      EXPECT_EQ(draw({kNan, kNan, kNan, kNan}), std::nullopt);
      EXPECT_EQ(draw({-kInf, -kInf, kNan, -kInf}), std::nullopt);
      EXPECT_EQ(draw({-kInf, kNan, 1, -kInf}), TokenId{2});
      EXPECT_EQ(draw({1, kInf, 3, kNan}), TokenId{1});
      const auto two = draw({kInf, kInf, 3, 4});
      ASSERT_TRUE(two.has_value());
      EXPECT_LE(two->value, 1);
      EXPECT_EQ(draw({-3e38f, -3e38f, 3e38f, -kInf}), TokenId{2});
      EXPECT_TRUE(draw({0, 0, 0, 0}).has_value());
    }
  }
}

TEST(Sampler, ScoresAreOfTheWholeRow) {
  Prng rng(TestSeed());
  for (int round = 0; round < 50; ++round) {
    const auto vocabulary = static_cast<size_t>(rng.Range(1, 6000));
    const std::vector<float> row = rng.Floats(vocabulary, 12.0f);
    Sampler sampler = MakeSampler(vocabulary, vocabulary / 2 + 1);
    double sum = 0;
    for (const float x : row) sum += std::exp(static_cast<double>(x));
    const TokenId token{static_cast<int32_t>(rng.Range(0, static_cast<int64_t>(vocabulary) - 1))};
    const ScoredToken scored = sampler.Score(row, token, 20);
    // exp's relative error 2^-22, 16 chains of n/16 additions at 2^-24 each, log's 2^-21 and the roundings of values up
    // to 24.
    const double tolerance = 0x1p-22 + static_cast<double>(vocabulary) / 16 * 0x1p-24 + 24 * 0x1p-21;
    EXPECT_NEAR(static_cast<double>(scored.logprob),
                static_cast<double>(row[static_cast<size_t>(token.value)]) - std::log(sum), tolerance);
    std::vector<int32_t> order(vocabulary);
    std::iota(order.begin(), order.end(), 0);
    const auto logit = [&](int32_t id) { return row[static_cast<size_t>(id)]; };
    std::ranges::sort(order, [&](int32_t a, int32_t b) { return logit(a) != logit(b) ? logit(a) > logit(b) : a < b; });
    ASSERT_EQ(scored.top.size(), std::min<size_t>(20, vocabulary));
    for (size_t i = 0; i < scored.top.size(); ++i) EXPECT_EQ(scored.top[i].first.value, order[i]);
  }
  Sampler sampler = MakeSampler(3);
  EXPECT_EQ(sampler.Score(std::vector<float>{0, -kInf, 0}, TokenId{1}, 0).logprob, -9999.0f);
}

}  // namespace
}  // namespace bedplate

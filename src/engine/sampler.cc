// Plan. Greedy is one argmax. Drawing from everything is one vectorised pass (sums of chunks), then a scalar walk
// inside the chunk that the random number falls into. Narrowing never sorts everything: top_k keeps a buffer of a few
// times k above a rising threshold; the nucleus is looked for among the logits within 16 of the largest, then within
// 32, then all (the result is the same, since the sorted order begins with them), sorted piece by piece until its mass
// is reached.

#include "engine/sampler.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "base/random.h"

namespace bedplate {
namespace {

constexpr float kLowest = -std::numeric_limits<float>::infinity();
constexpr float kHighest = 1e30f;  // leaves room for penalties without an overflow
constexpr float kGreedyBelow = 1e-5f;
constexpr float kLogprobLowest = -9999.0f;  // what OpenAI's API writes for "very unlikely"; JSON has no infinity

bool Narrows(const SamplingParams& p, size_t row) {
  return (p.top_k > 0 && p.top_k < row) || p.top_p < 1.0f || p.min_p > 0.0f || p.typical_p < 1.0f;
}

/// The order of vector_kernels.h: element i goes to partial i mod 16, then one tree.
float StridedSum(std::span<const float> x) {
  std::array<float, 16> partial{};
  for (size_t i = 0; i < x.size(); ++i) partial[i % 16] += x[i];
  for (size_t width = 8; width >= 1; width /= 2) {
    for (size_t j = 0; j < width; ++j) partial[j] += partial[j + width];
  }
  return partial[0];
}

constexpr auto kMoreLikely = [](const auto& a, const auto& b) {
  return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
};
constexpr auto kMoreTypical = [](const auto& a, const auto& b) {
  return a.key < b.key || (a.key == b.key && a.id < b.id);
};

/// Sorts ever longer beginnings until visit(element) says that it has enough, and returns how many it took. Costs a few
/// linear passes where sorting everything would cost n log n.
template <class T, class Before, class Visit>
std::optional<size_t> SortUntil(std::span<T> all, Before before, Visit enough) {
  size_t sorted = 0;
  for (size_t piece = 64; sorted < all.size(); piece *= 4) {
    const std::span<T> rest = all.subspan(sorted);
    const auto middle = rest.begin() + static_cast<std::ptrdiff_t>(std::min(piece, rest.size()));
    if (middle != rest.end()) std::nth_element(rest.begin(), middle, rest.end(), before);
    std::sort(rest.begin(), middle, before);
    for (auto at = rest.begin(); at != middle; ++at) {
      ++sorted;
      if (enough(*at)) return sorted;
    }
  }
  return std::nullopt;
}

}  // namespace

Sampler::Sampler(const VectorKernels& kernels, uint32_t vocabulary, uint32_t drawable)
    : kernels_(kernels),
      vocabulary_(vocabulary),
      drawable_(std::min(vocabulary, drawable)),
      work_(vocabulary),
      values_(vocabulary),
      chunk_sums_(vocabulary / kChunk + 1) {
  BP_CHECK(drawable_ > 0);
  candidates_.reserve(vocabulary);
}

void Sampler::Clean(std::span<float> logits) {
  for (float& x : logits) {
    const float known = x == x ? x : kLowest;
    x = known < kHighest ? known : kHighest;
  }
}

std::optional<TokenId> Sampler::Draw(std::span<const float> logits, const SamplingParams& params,
                                     const TokenCounts& counts, const DrawKey& key, std::span<const uint64_t> allowed) {
  BP_CHECK(logits.size() == vocabulary_);
  std::span<const float> row = logits.first(drawable_);
  if (!params.logit_bias.empty() || Penalises(params)) row = Adjust(row, params, counts);
  if (!allowed.empty()) row = Masked(row, allowed);
  const size_t best = kernels_.argmax(row.data(), row.size());
  const float max = row[best];
  if (max == kLowest) return std::nullopt;
  if (params.temperature < kGreedyBelow) return TokenId{static_cast<int32_t>(best)};
  const float unit = UnitFloat(HashWords(key.seed, key.choice, key.position));
  if (!Narrows(params, row.size())) return DrawFromAll(row, max, params.temperature, unit);
  Narrow(row, max, params);
  return DrawFromCandidates(params.temperature, unit);
}

std::span<const float> Sampler::Adjust(std::span<const float> row, const SamplingParams& params,
                                       const TokenCounts& counts) {
  std::ranges::copy(row, work_.begin());
  for (const auto& [token, bias] : params.logit_bias) {
    if (static_cast<uint32_t>(token.value) < row.size()) work_[static_cast<size_t>(token.value)] += bias;
  }
  if (Penalises(params)) {
    for (const TokenCounts::Entry& seen : counts.entries()) {
      if (static_cast<uint32_t>(seen.token.value) >= row.size()) continue;
      float& x = work_[static_cast<size_t>(seen.token.value)];
      x = x > 0 ? x / params.repetition_penalty : x * params.repetition_penalty;
      if (seen.written > 0) x -= static_cast<float>(seen.written) * params.frequency_penalty + params.presence_penalty;
      x = std::min(x, kHighest);
    }
  }
  return std::span(work_).first(row.size());
}

/// row may be the work space, after Adjust().
std::span<const float> Sampler::Masked(std::span<const float> row, std::span<const uint64_t> allowed) {
  for (size_t begin = 0; begin < row.size(); begin += 64) {
    const uint64_t word = begin / 64 < allowed.size() ? allowed[begin / 64] : 0;
    const size_t end = std::min(begin + 64, row.size());
    for (size_t i = begin; i < end; ++i) work_[i] = (word >> (i - begin) & 1u) != 0 ? row[i] : kLowest;
  }
  return std::span(work_).first(row.size());
}

/// In id order: weights exp((l - max) / temperature).
TokenId Sampler::DrawFromAll(std::span<const float> row, float max, float temperature, float unit) {
  const float inverse = 1.0f / temperature;
  for (size_t i = 0; i < row.size(); ++i) work_[i] = (row[i] - max) * inverse;
  double total = 0;
  for (size_t c = 0; c * kChunk < row.size(); ++c) {
    const size_t n = std::min(kChunk, row.size() - c * kChunk);
    chunk_sums_[c] = static_cast<double>(kernels_.sum_exp(work_.data() + c * kChunk, n, 0.0f));
    total += chunk_sums_[c];
  }
  const double target = static_cast<double>(unit) * total;
  double below = 0;
  size_t chunk = 0;
  for (; (chunk + 1) * kChunk < row.size() && below + chunk_sums_[chunk] <= target; ++chunk)
    below += chunk_sums_[chunk];
  while (chunk > 0 && chunk_sums_[chunk] == 0) below -= chunk_sums_[--chunk];  // rounding ran past the last weight
  size_t last = 0;
  for (size_t i = chunk * kChunk; i < std::min(row.size(), (chunk + 1) * kChunk); ++i) {
    const double weight = static_cast<double>(Exp(work_[i]));
    if (weight > 0) last = i;
    below += weight;
    if (weight > 0 && below > target) break;
  }
  return TokenId{static_cast<int32_t>(last)};
}

TokenId Sampler::DrawFromCandidates(float temperature, float unit) const {
  const float inverse = 1.0f / temperature, max = CandidateMax();
  const auto weight = [&](const Candidate& c) { return static_cast<double>(Exp((c.logit - max) * inverse)); };
  double total = 0;
  for (const Candidate& c : candidates_) total += weight(c);
  const double target = static_cast<double>(unit) * total;
  double below = 0;
  int32_t last = candidates_.front().id;
  for (const Candidate& c : candidates_) {
    const double w = weight(c);
    if (w > 0) last = c.id;
    below += w;
    if (w > 0 && below > target) break;
  }
  return TokenId{last};
}

void Sampler::Narrow(std::span<const float> row, float max, const SamplingParams& params) {
  const bool top = params.top_k > 0 && params.top_k < row.size();
  const bool nucleus = params.top_p < 1.0f, typical = params.typical_p < 1.0f;
  if (top) {
    TakeTop(row, params.top_k);
  } else if (typical) {
    TakeAbove(row, kLowest);
  } else if (nucleus) {
    TakeNucleus(row, max, params.top_p);
  } else {
    TakeAbove(row, max + Log(params.min_p));
    return;
  }
  if (typical) KeepTypical(params.typical_p);
  if (nucleus && (typical || top)) KeepNucleus(params.top_p);
  if (params.min_p > 0.0f) KeepMinP(params.min_p);
}

/// Candidates in id order: at least `least`, and above minus infinity.
void Sampler::TakeAbove(std::span<const float> row, float least) {
  candidates_.clear();
  for (size_t i = 0; i < row.size(); ++i) {
    if (row[i] >= least && row[i] > kLowest) candidates_.push_back({.logit = row[i], .id = static_cast<int32_t>(i)});
  }
}

/// The count most likely, sorted.
void Sampler::TakeTop(std::span<const float> row, size_t count) {
  const auto cut = [&](size_t n) {
    if (candidates_.size() > n) {
      std::nth_element(candidates_.begin(), candidates_.begin() + static_cast<std::ptrdiff_t>(n), candidates_.end(),
                       kMoreLikely);
      candidates_.resize(n);
    }
  };
  candidates_.clear();
  const size_t full = std::min(row.size(), count * 2 + 64);
  float threshold = kLowest;
  for (size_t i = 0; i < row.size(); ++i) {
    if (row[i] <= threshold) continue;  // an equal one with a higher id loses
    candidates_.push_back({.logit = row[i], .id = static_cast<int32_t>(i)});
    if (candidates_.size() < full) continue;
    cut(count);
    threshold = std::ranges::max_element(candidates_, kMoreLikely)->logit;  // the least likely of those kept
  }
  cut(count);
  std::ranges::sort(candidates_, kMoreLikely);
}

void Sampler::TakeNucleus(std::span<const float> row, float max, float top_p) {
  const double mass = static_cast<double>(top_p) * static_cast<double>(kernels_.sum_exp(row.data(), row.size(), max));
  for (const float depth : {16.0f, 32.0f}) {
    TakeAbove(row, max - depth);
    if (KeepMass(mass, max)) return;
  }
  TakeAbove(row, kLowest);
  static_cast<void>(KeepMass(mass, max));  // all of them, if rounding leaves the mass just out of reach
}

void Sampler::KeepNucleus(float top_p) {
  const float max = CandidateMax();
  static_cast<void>(KeepMass(static_cast<double>(top_p) * static_cast<double>(SumOfCandidates(max)), max));
}

/// Keeps the most likely candidates, sorted, whose exp(l - max) add up to mass. False: all together don't.
bool Sampler::KeepMass(double mass, float max) {
  double sum = 0;
  const auto kept = SortUntil(std::span(candidates_), kMoreLikely, [&](const Candidate& c) {
    sum += static_cast<double>(Exp(c.logit - max));
    return sum >= mass;
  });
  if (kept.has_value()) candidates_.resize(*kept);
  return kept.has_value();
}

/// With x = l - max and Z = sum e^x, the entropy is log Z - (sum x e^x) / Z, and a token's surprise log Z - x.
void Sampler::KeepTypical(float typical_p) {
  const float max = CandidateMax();
  const float z = SumOfCandidates(max);
  for (size_t i = 0; i < candidates_.size(); ++i) {
    const float x = candidates_[i].logit - max, weight = Exp(x);
    values_[i] = weight > 0 ? x * weight : 0.0f;
  }
  const float mean = StridedSum(std::span(values_).first(candidates_.size())) / z;
  for (Candidate& c : candidates_) c.key = std::fabs(c.logit - max - mean);  // |surprise - entropy|; log Z cancels
  const double mass = static_cast<double>(typical_p) * static_cast<double>(z);
  double sum = 0;
  const auto kept = SortUntil(std::span(candidates_), kMoreTypical, [&](const Candidate& c) {
    sum += static_cast<double>(Exp(c.logit - max));
    return sum >= mass;
  });
  if (kept.has_value()) candidates_.resize(*kept);
  std::ranges::sort(candidates_, kMoreLikely);
}

void Sampler::KeepMinP(float min_p) {
  const float least = CandidateMax() + Log(min_p);
  std::erase_if(candidates_, [&](const Candidate& c) { return c.logit < least; });
}

float Sampler::CandidateMax() const {
  float max = kLowest;
  for (const Candidate& c : candidates_) max = std::max(max, c.logit);
  return max;
}

float Sampler::SumOfCandidates(float max) {
  for (size_t i = 0; i < candidates_.size(); ++i) values_[i] = candidates_[i].logit;
  return kernels_.sum_exp(values_.data(), candidates_.size(), max);
}

ScoredToken Sampler::Score(std::span<const float> logits, TokenId token, uint32_t top) {
  BP_CHECK(logits.size() == vocabulary_);
  const float max = kernels_.max(logits.data(), logits.size());
  const float log_sum = max == kLowest ? 0.0f : Log(kernels_.sum_exp(logits.data(), logits.size(), max));
  const auto logprob = [&](float x) {
    return x == kLowest ? kLogprobLowest : std::max(x - max - log_sum, kLogprobLowest);
  };
  ScoredToken scored{.token = token, .logprob = logprob(logits[static_cast<size_t>(token.value)]), .top = {}};
  if (top == 0) return scored;
  TakeTop(logits, top);
  scored.top.reserve(candidates_.size());
  for (const Candidate& c : candidates_) scored.top.emplace_back(TokenId{c.id}, logprob(c.logit));
  return scored;
}

}  // namespace bedplate

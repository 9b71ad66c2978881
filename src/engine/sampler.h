#pragma once
/// Draws the next token from one row of logits, and tells log-probabilities.
///
/// The order is SamplingParams' (request.h): logit_bias, penalties; a temperature of 0 takes the highest logit;
/// otherwise top_k, typical_p, top_p, min_p narrow the candidates, each by the probabilities of those that are left,
/// before the temperature shapes them. A narrowing keeps the token that reaches its limit, so at least one stays.
///   repetition   Keskar et al., CTRL, 2019: a seen token's logit l becomes l / r if l > 0, else l * r
///   top_p        Holtzman et al., ICLR 2020;  typical_p  Meister et al., TACL 2023
///   min_p        keeps p >= min_p * (the largest p)
///
/// Numerics: a function of the row and the parameters alone. Ties go to the lowest id. Sums over a vocabulary use the
/// 16 strided partials of vector_kernels.h; walks along candidates add in their order, in double.
///   NaN counts as minus infinity; what exceeds 1e30, as 1e30. A row without any logit above minus infinity has no
///   token to draw: Draw() returns nullopt, which is the model's fault and ends the request.
///   Temperatures below 1e-5 count as 0.
/// Threads:  one caller at a time; the scratch is its own. Allocates only in the constructor.

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "engine/token_counts.h"
#include "kernels/vector_kernels.h"
#include "request/request.h"

namespace bedplate {

/// What the random number is a function of.
struct DrawKey {
  uint64_t seed = 0;
  uint32_t choice = 0;
  uint32_t position = 0;  // of the token to be drawn, in its sequence
};

struct ScoredToken {
  TokenId token;
  float logprob = 0;                           // never below -9999
  std::vector<std::pair<TokenId, float>> top;  // most likely first
};

class Sampler {
 public:
  /// vocabulary: floats in a row. drawable: ids below it can be drawn (a model may have more rows than its tokenizer
  /// has tokens); log-probabilities are over the whole row.
  Sampler(const VectorKernels& kernels, uint32_t vocabulary, uint32_t drawable);

  /// Puts a row into the defined form (see Numerics), in place. Before the other two.
  static void Clean(std::span<float> logits);

  /// allowed: a bit a token (word id / 64, bit id % 64); the others count as minus infinity, before anything narrows.
  /// Empty: all are allowed.
  [[nodiscard]] std::optional<TokenId> Draw(std::span<const float> logits, const SamplingParams& params,
                                            const TokenCounts& counts, const DrawKey& key,
                                            std::span<const uint64_t> allowed = {});

  /// Of the model's own distribution: no parameter plays a part.
  [[nodiscard]] ScoredToken Score(std::span<const float> logits, TokenId token, uint32_t top);

  static size_t ScratchBytes(uint32_t vocabulary) {
    return vocabulary * (2 * sizeof(float) + sizeof(Candidate)) + kChunk * sizeof(double);
  }

 private:
  struct Candidate {
    float logit = 0;
    float key = 0;  // what typical_p sorts by
    int32_t id = 0;
  };
  // 4096: the vectorised pass leaves at most this many scalar exponentials to find the token, about 20 microseconds.
  static constexpr size_t kChunk = 4096;

  [[nodiscard]] std::span<const float> Adjust(std::span<const float> row, const SamplingParams& params,
                                              const TokenCounts& counts);
  [[nodiscard]] std::span<const float> Masked(std::span<const float> row, std::span<const uint64_t> allowed);
  [[nodiscard]] TokenId DrawFromAll(std::span<const float> row, float max, float temperature, float unit);
  [[nodiscard]] TokenId DrawFromCandidates(float temperature, float unit) const;

  void Narrow(std::span<const float> row, float max, const SamplingParams& params);
  void TakeAbove(std::span<const float> row, float least);
  void TakeTop(std::span<const float> row, size_t count);
  void TakeNucleus(std::span<const float> row, float max, float top_p);
  void KeepTypical(float typical_p);
  void KeepNucleus(float top_p);
  void KeepMinP(float min_p);
  [[nodiscard]] bool KeepMass(double mass, float max);
  [[nodiscard]] float CandidateMax() const;
  [[nodiscard]] float SumOfCandidates(float max);

  const VectorKernels& kernels_;
  const uint32_t vocabulary_;
  const uint32_t drawable_;
  std::vector<float> work_;    // [vocabulary]: the adjusted row
  std::vector<float> values_;  // [vocabulary]: candidates' terms, to be summed
  std::vector<Candidate> candidates_;
  std::vector<double> chunk_sums_;
};

}  // namespace bedplate

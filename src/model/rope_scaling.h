#pragma once
/// What a model's rotary embedding really uses: its pairs, and its frequencies once context scaling is applied.

#include <span>
#include <vector>

#include "kernels/rope.h"
#include "model/model_config.h"

namespace bedplate {

inline RopePairs PairsOf(RopeConfig::Style style) {
  return style == RopeConfig::kInterleaved ? RopePairs::kNeighbours : RopePairs::kHalves;
}

/// [rope.dims / 2] frequencies. factors: the file's own divisors (rope_freqs.weight), or empty.
std::vector<double> ScaledRopeFrequencies(const RopeConfig& rope, std::span<const float> factors);

}  // namespace bedplate

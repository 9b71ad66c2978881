#pragma once
/// The frequencies that a model's rotary embedding really uses, once its context scaling is applied.

#include <span>
#include <vector>

#include "model/model_config.h"

namespace bedplate {

/// [rope.dims / 2] frequencies. factors: the file's own divisors (rope_freqs.weight), or empty.
std::vector<double> ScaledRopeFrequencies(const RopeConfig& rope, std::span<const float> factors);

}  // namespace bedplate

#include "model/rope_scaling.h"

#include <algorithm>

#include "kernels/rope.h"

namespace bedplate {
namespace {

constexpr double kTwoPi = 6.283185307179586476925;

// Llama 3.1: long wavelengths are stretched by the factor, short ones kept, those between blended.
double Llama3(double frequency, const RopeConfig& rope) {
  const double wavelength = kTwoPi / frequency;
  const double context = rope.original_context;
  if (wavelength < context / rope.high_freq_factor) return frequency;
  if (wavelength > context / rope.low_freq_factor) return frequency / rope.factor;
  const double smooth = (context / wavelength - rope.low_freq_factor) / (rope.high_freq_factor - rope.low_freq_factor);
  return (1.0 - smooth) * frequency / rope.factor + smooth * frequency;
}

// YaRN (Peng et al. 2023, arXiv 2309.00071): the dimension that turns `rotations` times over the original context.
double YarnDimension(double rotations, const RopeConfig& rope) {
  return rope.dims * LogDouble(rope.original_context / (rotations * kTwoPi)) / (2.0 * LogDouble(rope.theta));
}

double Yarn(double frequency, uint32_t i, const RopeConfig& rope) {
  const auto floor_of = [](double x) {
    return static_cast<double>(static_cast<int64_t>(x) - (x < static_cast<double>(static_cast<int64_t>(x)) ? 1 : 0));
  };
  const double low = std::max(floor_of(YarnDimension(rope.beta_fast, rope)), 0.0);
  const double high = std::min(-floor_of(-YarnDimension(rope.beta_slow, rope)), static_cast<double>(rope.dims) - 1.0);
  const double ramp = std::clamp((i - low) / std::max(high - low, 0.001), 0.0, 1.0);
  const double keep = (1.0 - ramp) * rope.ext_factor;
  return frequency / rope.factor * (1.0 - keep) + frequency * keep;
}

}  // namespace

std::vector<double> ScaledRopeFrequencies(const RopeConfig& rope, std::span<const float> factors) {
  std::vector<double> frequencies = RopeFrequencies(rope.theta, rope.dims);
  for (uint32_t i = 0; i < frequencies.size(); ++i) {
    double& f = frequencies[i];
    switch (rope.scaling) {
      case RopeConfig::kNone:
        break;
      case RopeConfig::kLinear:
        f /= rope.factor;
        break;
      case RopeConfig::kLlama3:
        f = Llama3(f, rope);
        break;
      case RopeConfig::kYarn:
        f = Yarn(f, i, rope);
        break;
    }
    if (!factors.empty()) f /= factors[i];
  }
  return frequencies;
}

}  // namespace bedplate

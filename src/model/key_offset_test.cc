// Against the mean over every position, turned one by one; slow pairs must lose their bias, fast ones keep it.
#include "model/key_offset.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "kernels/rope.h"
#include "model/rope_scaling.h"

namespace bedplate {
namespace {

TEST(KeyOffset, IsTheMeanOfTheTurnedBias) {
  Prng rng(TestSeed());
  constexpr uint32_t kHeads = 2, kDim = 64, kPairs = 28;  // the last 8 dims do not turn
  for (const auto style : {RopeConfig::kHalves, RopeConfig::kInterleaved}) {
    RopeConfig rope;
    rope.style = style;
    rope.dims = 2 * kPairs;
    rope.yarn_magnitude = 1.25f;
    const std::vector<double> frequencies = RopeFrequencies(1e6, rope.dims);
    const std::vector<float> bias = rng.Floats(size_t{kHeads} * kDim, 100.0f);
    const std::vector<float> offset = KeyOffset(bias, rope, frequencies, kHeads, kDim);
    ASSERT_EQ(offset.size(), bias.size());

    std::vector<double> mean(bias.size());
    double slow_left = 0, slow = 0;
    std::vector<float> cosines(kPairs), sines(kPairs);
    for (uint32_t p = 0; p < kKeyOffsetPositions; ++p) {
      RopeAngles(p, frequencies, rope.yarn_magnitude, cosines.data(), sines.data());
      std::vector<float> turned = bias;
      Rotate(PairsOf(style), cosines.data(), sines.data(), kPairs, kHeads, kDim, turned.data());
      for (size_t i = 0; i < turned.size(); ++i) mean[i] += double{turned[i]} / kKeyOffsetPositions;
      const size_t slowest = style == RopeConfig::kHalves ? kPairs - 1 : 2 * kPairs - 2;
      slow = std::max(slow, std::fabs(double{turned[slowest]}));
      slow_left = std::max(slow_left, std::fabs(double{turned[slowest]} - double{offset[slowest]}));
    }
    // A sum over positions is not quite the integral: the fastest pair turns by a radian from one to the next.
    for (size_t i = 0; i < mean.size(); ++i) EXPECT_NEAR(double{offset[i]}, mean[i], 0.3) << i;
    EXPECT_LT(slow_left, 0.01 * slow + 1.0);
    EXPECT_LT(std::fabs(offset[0]), 0.2f);  // of the fastest pair
  }
}

TEST(KeyOffset, NoBiasNoOffset) {
  EXPECT_TRUE(KeyOffset({}, RopeConfig{}, {}, 2, 64).empty());
}

}  // namespace
}  // namespace bedplate

// The series against the C library in double, and rotations against their definition.
#include "kernels/rope.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"

namespace bedplate {
namespace {

TEST(Rope, LogAndExpAgreeWithTheLibrary) {
  Prng rng(TestSeed());
  for (int i = 0; i < 20000; ++i) {
    const double x = std::exp(rng.Unit() * 60.0 - 30.0);
    EXPECT_NEAR(LogDouble(x), std::log(x), 1e-13 * std::max(1.0, std::fabs(std::log(x))));
    const double y = rng.Unit() * 200.0 - 100.0;
    EXPECT_NEAR(ExpDouble(y) / std::exp(y), 1.0, 1e-13);
  }
}

TEST(Rope, AnglesAgreeWithTheLibrary) {
  const std::vector<double> frequencies = RopeFrequencies(1000000.0, 128);
  ASSERT_EQ(frequencies.size(), 64u);
  float c[64], s[64];
  for (const uint32_t position : {0u, 1u, 77u, 4095u, 131071u, 1000000u}) {
    RopeAngles(position, frequencies, 1.0f, c, s);
    for (size_t i = 0; i < 64; ++i) {
      const double angle = position * std::pow(1000000.0, -2.0 * static_cast<double>(i) / 128.0);
      EXPECT_NEAR(c[i], std::cos(angle), 1e-6) << position << " " << i;
      EXPECT_NEAR(s[i], std::sin(angle), 1e-6) << position << " " << i;
    }
  }
}

TEST(Rope, RotatesThePairsOfEachStyle) {
  const float c[2] = {0.6f, 0.8f}, s[2] = {0.8f, 0.6f};
  float halves[6] = {1, 2, 3, 4, 9, 9}, neighbours[6] = {1, 2, 3, 4, 9, 9};
  Rotate(RopePairs::kHalves, c, s, 2, 1, 6, halves);
  EXPECT_FLOAT_EQ(halves[0], 1 * 0.6f - 3 * 0.8f);
  EXPECT_FLOAT_EQ(halves[2], 1 * 0.8f + 3 * 0.6f);
  EXPECT_FLOAT_EQ(halves[1], 2 * 0.8f - 4 * 0.6f);
  EXPECT_FLOAT_EQ(halves[4], 9);
  Rotate(RopePairs::kNeighbours, c, s, 2, 1, 6, neighbours);
  EXPECT_FLOAT_EQ(neighbours[0], 1 * 0.6f - 2 * 0.8f);
  EXPECT_FLOAT_EQ(neighbours[1], 1 * 0.8f + 2 * 0.6f);
  EXPECT_FLOAT_EQ(neighbours[3], 3 * 0.6f + 4 * 0.8f);
}

}  // namespace
}  // namespace bedplate

// Every instruction set equals the scalar twin bit for bit; the twin meets double precision within a derived tolerance.
#include "kernels/vector_kernels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "base/random.h"
#include "kernels/lanes_testing.h"

namespace bedplate {
namespace {

bool BitEqual(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

TEST(VectorKernels, EveryIsaEqualsScalarBitForBit) {
  Prng rng(TestSeed());
  const VectorKernels& twin = VectorKernelsFor(Isa::kScalar);
  for (int round = 0; round < 300; ++round) {
    const auto n = static_cast<size_t>(rng.Pick<int64_t>({1, 7, 15, 16, 17, 31, 33, rng.Range(1, 3000)}));
    const float scale = rng.Pick({1.0f, 1e-3f, 60.0f});
    const std::vector<float> a = rng.Floats(n, scale), b = rng.Floats(n, scale);
    for (const test::NamedLanes& lanes : test::VectorLanes()) {
      const VectorKernels& k = *lanes.vector;
      std::vector<float> want(n), got(n + 1, 42.0f);
      const auto same = [&](auto run, const char* what) {
        run(twin, want.data());
        run(k, got.data());
        EXPECT_TRUE(BitEqual(want, {got.begin(), got.end() - 1})) << what << " " << lanes.name << " n=" << n;
        EXPECT_EQ(got.back(), 42.0f) << what << " wrote past its end";
      };
      same([&](const VectorKernels& v, float* out) { v.rms_norm(a.data(), b.data(), n, 1e-6f, out); }, "rms_norm");
      same([&](const VectorKernels& v, float* out) { v.add(a.data(), b.data(), n, out); }, "add");
      same([&](const VectorKernels& v, float* out) { v.scale(a.data(), 0.3f, n, out); }, "scale");
      same([&](const VectorKernels& v, float* out) { v.silu_multiply(a.data(), b.data(), n, out); }, "silu");
      same([&](const VectorKernels& v, float* out) { v.gelu_multiply(a.data(), b.data(), n, out); }, "gelu");
      same([&](const VectorKernels& v, float* out) { v.softcap(a.data(), 30.0f, n, out); }, "softcap");
      EXPECT_EQ(k.max(a.data(), n), twin.max(a.data(), n));
      EXPECT_EQ(k.argmax(a.data(), n), twin.argmax(a.data(), n));
      EXPECT_EQ(k.sum_exp(a.data(), n, 0.5f), twin.sum_exp(a.data(), n, 0.5f));
    }
  }
}

TEST(VectorKernels, TwinMeetsDoublePrecision) {
  Prng rng(TestSeed() + 1);
  const VectorKernels& k = VectorKernelsFor(Isa::kScalar);
  for (int round = 0; round < 50; ++round) {
    const auto n = static_cast<size_t>(rng.Range(1, 2000));
    const std::vector<float> x = rng.Floats(n, 8.0f), y = rng.Floats(n, 2.0f);
    std::vector<float> out(n);
    double squares = 0, exps = 0;
    for (const float v : x) {
      squares += double{v} * v;
      exps += std::exp(double{v} - 8.0);
    }
    k.rms_norm(x.data(), y.data(), n, 1e-6f, out.data());
    const double factor = 1.0 / std::sqrt(squares / static_cast<double>(n) + 1e-6);
    // n / 16 sums per partial, each half an ulp, and four more operations
    const double eps = std::numeric_limits<float>::epsilon() * (static_cast<double>(n) / 16 + 8);
    for (size_t i = 0; i < n; ++i)
      EXPECT_NEAR(out[i], x[i] * factor * y[i], std::fabs(x[i] * factor * y[i]) * eps + 1e-30);
    EXPECT_NEAR(k.sum_exp(x.data(), n, 8.0f), exps, exps * eps);
    k.silu_multiply(x.data(), y.data(), n, out.data());
    for (size_t i = 0; i < n; ++i) EXPECT_NEAR(out[i], x[i] / (1 + std::exp(-double{x[i]})) * y[i], 4e-6);
    k.gelu_multiply(x.data(), y.data(), n, out.data());
    for (size_t i = 0; i < n; ++i) {
      const double v = x[i];
      const double inner = std::sqrt(2.0 / M_PI) * (v + 0.044715 * v * v * v);
      EXPECT_NEAR(out[i], 0.5 * v * (1 + std::tanh(inner)) * y[i], 8e-6);
    }
  }
}

TEST(VectorKernels, ExpAndLogMeetTheirBounds) {
  double worst_exp = 0, worst_log = 0;
  for (float x = -87.0f; x < 88.0f; x += 0.00931f) {
    worst_exp = std::max(worst_exp, std::fabs(Exp(x) / std::exp(double{x}) - 1));
  }
  for (float x = 1e-30f; x < 1e30f; x *= 1.0137f) {
    worst_log =
        std::max(worst_log, std::fabs(Log(x) - std::log(double{x})) / std::max(1.0, std::fabs(std::log(double{x}))));
  }
  EXPECT_LT(worst_exp, 0x1p-21);
  EXPECT_LT(worst_log, 0x1p-22);
  EXPECT_EQ(Exp(0.0f), 1.0f);
  EXPECT_EQ(Log(1.0f), 0.0f);
  EXPECT_EQ(Exp(-1000.0f), 0.0f);
  EXPECT_EQ(Exp(-std::numeric_limits<float>::infinity()), 0.0f);
  EXPECT_TRUE(std::isfinite(Exp(1000.0f)));
}

TEST(VectorKernels, ArgmaxTakesTheLowestIndexOfATie) {
  for (const test::NamedLanes& lanes : test::VectorLanes()) {
    std::vector<float> x(100, 1.0f);
    x[37] = x[90] = 2.0f;
    EXPECT_EQ(lanes.vector->argmax(x.data(), x.size()), 37u);
  }
}

}  // namespace
}  // namespace bedplate

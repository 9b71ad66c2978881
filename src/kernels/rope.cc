#include "kernels/rope.h"

#include <bit>
#include <cmath>

namespace bedplate {
namespace {

// Taylor series after reduction to |x| <= pi / 4: the first dropped term is below 1e-17.
double SinSmall(double x) {
  const double z = x * x;
  double p = 1.0 / 355687428096000.0;  // 17!
  for (const double term : {-1.0 / 1307674368000.0, 1.0 / 6227020800.0, -1.0 / 39916800.0, 1.0 / 362880.0,
                            -1.0 / 5040.0, 1.0 / 120.0, -1.0 / 6.0}) {
    p = p * z + term;
  }
  return x + x * z * p;
}

double CosSmall(double x) {
  const double z = x * x;
  double p = 1.0 / 20922789888000.0;  // 16!
  for (const double term :
       {-1.0 / 87178291200.0, 1.0 / 479001600.0, -1.0 / 3628800.0, 1.0 / 40320.0, -1.0 / 720.0, 1.0 / 24.0, -0.5}) {
    p = p * z + term;
  }
  return 1.0 + z * p;
}

// pi / 2 in three parts, the first two with 33 bits, so that n times each is exact for n < 2^20.
constexpr double kHalfPi1 = 1.57079632673412561417e+00;
constexpr double kHalfPi2 = 6.07710050630396597660e-11;
constexpr double kHalfPi3 = 2.02226624879595063154e-21;

void SinCos(double x, double& sine, double& cosine) {
  constexpr double kMagic = 6755399441055744.0;  // 1.5 * 2^52: rounds to an integer, ties to even
  const double n = (x * 0.636619772367581343076 + kMagic) - kMagic;
  const double r = ((x - n * kHalfPi1) - n * kHalfPi2) - n * kHalfPi3;
  const double s = SinSmall(r), c = CosSmall(r);
  switch (static_cast<int64_t>(n) & 3) {
    case 0:
      sine = s;
      cosine = c;
      break;
    case 1:
      sine = c;
      cosine = -s;
      break;
    case 2:
      sine = -s;
      cosine = -c;
      break;
    default:
      sine = -c;
      cosine = s;
      break;
  }
}

}  // namespace

double LogDouble(double x) {
  const uint64_t bits = std::bit_cast<uint64_t>(x);
  constexpr uint64_t kRootHalf = 0x3FE6A09E667F3BCDu;
  const uint64_t shifted = bits - kRootHalf;
  const auto e = static_cast<double>(static_cast<int64_t>(shifted) >> 52);
  const double m = std::bit_cast<double>((shifted & 0x000FFFFFFFFFFFFFu) + kRootHalf);
  const double s = (m - 1.0) / (m + 1.0), z = s * s;
  double p = 0.0;
  for (int k = 25; k >= 3; k -= 2) p = p * z + 1.0 / k;
  return e * 0.693147180559945309417 + (2.0 * s + 2.0 * s * z * p);
}

double ExpDouble(double x) {
  constexpr double kMagic = 6755399441055744.0;
  const double n = (x * 1.44269504088896340736 + kMagic) - kMagic;
  const double r = (x - n * 0.693147180369123816490) - n * 1.90821492927058770002e-10;
  double p = 1.0;
  for (int k = 16; k >= 1; --k) p = 1.0 + p * r / k;
  return p * std::bit_cast<double>(static_cast<uint64_t>(static_cast<int64_t>(n) + 1023) << 52);
}

std::vector<double> RopeFrequencies(double base, uint32_t dims) {
  std::vector<double> out(dims / 2);
  const double log_base = LogDouble(base);
  for (uint32_t i = 0; i < out.size(); ++i) out[i] = ExpDouble(-log_base * (2.0 * i / dims));
  return out;
}

void RopeAngles(uint32_t position, std::span<const double> frequencies, float magnitude, float* cosines, float* sines) {
  for (size_t i = 0; i < frequencies.size(); ++i) {
    double s = 0, c = 0;
    SinCos(static_cast<double>(position) * frequencies[i], s, c);
    cosines[i] = static_cast<float>(c) * magnitude;
    sines[i] = static_cast<float>(s) * magnitude;
  }
}

void Rotate(RopePairs pairs, const float* cosines, const float* sines, uint32_t n, uint32_t heads, uint32_t head_dim,
            float* row) {
  const uint32_t step = pairs == RopePairs::kNeighbours ? 2 : 1;
  const uint32_t apart = pairs == RopePairs::kNeighbours ? 1 : n;
  for (uint32_t h = 0; h < heads; ++h) {
    float* x = row + size_t{h} * head_dim;
    for (uint32_t i = 0; i < n; ++i) {
      const float a = x[i * step], b = x[i * step + apart];
      x[i * step] = a * cosines[i] - b * sines[i];
      x[i * step + apart] = a * sines[i] + b * cosines[i];
    }
  }
}

}  // namespace bedplate

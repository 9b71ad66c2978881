#include "kernels/vector_kernels.h"

#include <bit>

#include "kernels/exp_body.h"
#include "kernels/lanes_scalar.h"

namespace bedplate {

float Exp(float x) {
  return ExpLanes(ScalarLanes::Broadcast(x)).v[0];
}

// x = m * 2^e with m in [sqrt(1/2), sqrt(2)); log m = 2 artanh(s), s = (m - 1) / (m + 1), |s| < 0.1716, by its series
// to s^11 (the next term is below 2^-34). Plain multiplications and additions: the same bits on every instruction set.
float Log(float x) {
  uint32_t bits = std::bit_cast<uint32_t>(x);
  constexpr uint32_t kRootHalf = 0x3F3504F3u;  // sqrt(1/2)
  const uint32_t shifted = bits - kRootHalf;
  const int32_t e = static_cast<int32_t>(shifted) >> 23;
  const float m = std::bit_cast<float>((shifted & 0x007FFFFFu) + kRootHalf);
  const float s = (m - 1.0f) / (m + 1.0f), z = s * s;
  float p = 1.0f / 11.0f;
  for (const float term : {1.0f / 9.0f, 1.0f / 7.0f, 1.0f / 5.0f, 1.0f / 3.0f}) p = p * z + term;
  const float log_m = 2.0f * s + 2.0f * s * z * p;
  return static_cast<float>(e) * 0.693147180559945309f + log_m;
}

}  // namespace bedplate

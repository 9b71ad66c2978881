#pragma once
/// e^x over lanes, the one definition that every instruction set shares.
///
/// n = round(x / ln 2); r = x - n ln 2, in two parts so that |r| <= 0.3466 is exact enough; e^r by its Taylor series to
/// r^7 (the next term is below 2^-27 of the result); times 2^n. Inputs are clamped to [-87.3, 88.3]; below that the
/// result is 0, as softmax wants it; the upper clamp keeps it finite.

#include "kernels/isa.h"

namespace bedplate {

template <class V>
inline V ExpLanes(V x) {
  const V lowest = V::Broadcast(-87.3f);
  const V clamped = V::Min(V::Max(x, lowest), V::Broadcast(88.3f));
  const V n = V::Round(clamped * V::Broadcast(1.44269504088896341f));
  V r = V::Fma(n, V::Broadcast(-0.693359375f), clamped);    // the first 10 bits of ln 2: n times it is exact
  r = V::Fma(n, V::Broadcast(2.12194440054690583e-4f), r);  // and what they were too much by
  V p = V::Broadcast(1.0f / 5040.0f);
  p = V::Fma(p, r, V::Broadcast(1.0f / 720.0f));
  p = V::Fma(p, r, V::Broadcast(1.0f / 120.0f));
  p = V::Fma(p, r, V::Broadcast(1.0f / 24.0f));
  p = V::Fma(p, r, V::Broadcast(1.0f / 6.0f));
  p = V::Fma(p, r, V::Broadcast(0.5f));
  p = V::Fma(p, r, V::Broadcast(1.0f));
  p = V::Fma(p, r, V::Broadcast(1.0f));
  return V::SelectLess(x, lowest, V::Zero(), V::TimesPowerOfTwo(p, n));
}

/// The sum of sixteen lanes by one fixed tree: j + 8, j + 4, j + 2, j + 1.
template <class V>
inline float SumTree(V x) {
  float v[16];
  x.Store(v);
  for (int width = 8; width >= 1; width /= 2) {
    for (int j = 0; j < width; ++j) v[j] += v[j + width];
  }
  return v[0];
}

template <class V>
inline float MaxTree(V x) {
  float v[16];
  x.Store(v);
  for (int width = 8; width >= 1; width /= 2) {
    for (int j = 0; j < width; ++j) v[j] = v[j] > v[j + width] ? v[j] : v[j + width];
  }
  return v[0];
}

}  // namespace bedplate

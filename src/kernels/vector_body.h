#pragma once
/// The bodies behind VectorKernels, over any lanes type. vector_scalar.cc, vector_avx2.cc and vector_avx512.cc
/// instantiate them.

#include <cstddef>

#include "kernels/exp_body.h"
#include "kernels/vector_kernels.h"

namespace bedplate {

template <class V>
struct VectorBody {
  // Applies f to 16 lanes at a time; the last lanes past n are computed on zeros and not stored.
  template <class F>
  static void Map(const float* a, const float* b, size_t n, float* out, F f) {
    size_t i = 0;
    for (; i + 16 <= n; i += 16) f(V::Load(a + i), V::Load(b + i)).Store(out + i);
    if (i < n) f(V::LoadFirst(a + i, n - i, 0.0f), V::LoadFirst(b + i, n - i, 0.0f)).StoreFirst(out + i, n - i);
  }

  static void RmsNorm(const float* x, const float* gain, size_t n, float epsilon, float* out) {
    V sum = V::Zero();
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
      const V v = V::Load(x + i);
      sum = V::Fma(v, v, sum);
    }
    if (i < n) {
      const V v = V::LoadFirst(x + i, n - i, 0.0f);
      sum = V::Fma(v, v, sum);
    }
    const float mean = SumTree(sum) / static_cast<float>(n);
    const V factor = V::Broadcast(1.0f / __builtin_sqrtf(mean + epsilon));
    Map(x, gain, n, out, [&](V v, V g) { return (v * factor) * g; });
  }

  static void Add(const float* a, const float* b, size_t n, float* out) {
    Map(a, b, n, out, [](V x, V y) { return x + y; });
  }

  static void Scale(const float* x, float factor, size_t n, float* out) {
    const V f = V::Broadcast(factor);
    Map(x, x, n, out, [&](V v, V) { return v * f; });
  }

  static void SiluMultiply(const float* gate, const float* up, size_t n, float* out) {
    const V one = V::Broadcast(1.0f);
    Map(gate, up, n, out, [&](V g, V u) { return g / (one + ExpLanes(V::Zero() - g)) * u; });
  }

  // tanh(x) = 1 - 2 / (e^2x + 1); e^2x saturates, so the ends are exactly -1 (to rounding) and 1.
  static V Tanh(V x) {
    const V one = V::Broadcast(1.0f);
    return one - V::Broadcast(2.0f) / (ExpLanes(x + x) + one);
  }

  static void GeluMultiply(const float* gate, const float* up, size_t n, float* out) {
    const V half = V::Broadcast(0.5f), one = V::Broadcast(1.0f);
    const V root = V::Broadcast(0.79788456080286535588f);  // sqrt(2 / pi)
    const V cubic = V::Broadcast(0.044715f);
    Map(gate, up, n, out, [&](V g, V u) {
      const V inner = root * V::Fma(cubic * g * g, g, g);
      return half * g * (one + Tanh(inner)) * u;
    });
  }

  static void Softcap(const float* x, float cap, size_t n, float* out) {
    const V c = V::Broadcast(cap);
    const V limit = V::Broadcast(__builtin_inff());  // what is no number stays visible
    Map(x, x, n, out, [&](V v, V) { return V::SelectLess(v, limit, c * Tanh(v / c), v); });
  }

  static float Max(const float* x, size_t n) {
    const float lowest = -__builtin_inff();
    V best = V::Broadcast(lowest);
    size_t i = 0;
    for (; i + 16 <= n; i += 16) best = V::Max(V::Load(x + i), best);
    if (i < n) best = V::Max(V::LoadFirst(x + i, n - i, lowest), best);
    return MaxTree(best);
  }

  static size_t Argmax(const float* x, size_t n) {
    const float best = Max(x, n);
    for (size_t i = 0; i < n; ++i) {
      if (x[i] == best) return i;
    }
    return 0;  // every element is NaN
  }

  static float SumExp(const float* x, size_t n, float shift) {
    const V s = V::Broadcast(shift);
    V sum = V::Zero();
    size_t i = 0;
    for (; i + 16 <= n; i += 16) sum = sum + ExpLanes(V::Load(x + i) - s);
    if (i < n) {
      sum = sum + ExpLanes(V::LoadFirst(x + i, n - i, -__builtin_inff()) - s);
    }
    return SumTree(sum);
  }

  static constexpr VectorKernels Table() {
    return {&RmsNorm, &Add, &Scale, &SiluMultiply, &GeluMultiply, &Softcap, &Max, &Argmax, &SumExp};
  }
};

}  // namespace bedplate

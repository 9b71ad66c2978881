#pragma once
/// Sixteen float lanes in plain C++: the meaning of every operation that lanes_avx2.h and lanes_avx512.h give to
/// instructions. A kernel body (*_body.h) is one template over such a type; instantiated here it is the scalar twin.

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "kernels/dequantize.h"
#include "kernels/lanes_bf16.h"

namespace bedplate {

struct ScalarLanes {
  float v[16];

  static constexpr int kChains = 4, kQueries = 4;  // see lanes_avx2.h; here any numbers do

  static ScalarLanes Zero() { return Broadcast(0.0f); }
  static ScalarLanes Broadcast(float x) {
    return Each([&](int) { return x; });
  }
  static ScalarLanes Load(const float* p) {
    return Each([&](int i) { return p[i]; });
  }
  /// The first n lanes from memory, the rest `fill`; reads nothing past p + n.
  static ScalarLanes LoadFirst(const float* p, size_t n, float fill) {
    return Each([&](int i) { return static_cast<size_t>(i) < n ? p[i] : fill; });
  }
  static ScalarLanes LoadHalf(const uint16_t* p) {
    return Each([&](int i) { return F16ToF32(p[i]); });
  }
  void Store(float* p) const {
    for (int i = 0; i < 16; ++i) p[i] = v[i];
  }
  void StoreFirst(float* p, size_t n) const {
    for (size_t i = 0; i < n && i < 16; ++i) p[i] = v[i];
  }
  void StoreHalf(uint16_t* p) const {
    for (int i = 0; i < 16; ++i) p[i] = F32ToF16(v[i]);
  }

  friend ScalarLanes operator+(ScalarLanes a, ScalarLanes b) {
    return Each([&](int i) { return a.v[i] + b.v[i]; });
  }
  friend ScalarLanes operator-(ScalarLanes a, ScalarLanes b) {
    return Each([&](int i) { return a.v[i] - b.v[i]; });
  }
  friend ScalarLanes operator*(ScalarLanes a, ScalarLanes b) {
    return Each([&](int i) { return a.v[i] * b.v[i]; });
  }
  friend ScalarLanes operator/(ScalarLanes a, ScalarLanes b) {
    return Each([&](int i) { return a.v[i] / b.v[i]; });
  }
  /// a * b + c, rounded once.
  static ScalarLanes Fma(ScalarLanes a, ScalarLanes b, ScalarLanes c) {
    return Each([&](int i) { return std::fma(a.v[i], b.v[i], c.v[i]); });
  }
  /// a > b ? a : b, so b where either is NaN (as maxps). Min likewise.
  static ScalarLanes Max(ScalarLanes a, ScalarLanes b) {
    return Each([&](int i) { return a.v[i] > b.v[i] ? a.v[i] : b.v[i]; });
  }
  static ScalarLanes Min(ScalarLanes a, ScalarLanes b) {
    return Each([&](int i) { return a.v[i] < b.v[i] ? a.v[i] : b.v[i]; });
  }
  /// test < limit ? yes : no, lane by lane; a NaN test gives no.
  static ScalarLanes SelectLess(ScalarLanes test, ScalarLanes limit, ScalarLanes yes, ScalarLanes no) {
    return Each([&](int i) { return test.v[i] < limit.v[i] ? yes.v[i] : no.v[i]; });
  }
  /// To the nearest integer, ties to even; |x| < 2^22.
  static ScalarLanes Round(ScalarLanes x) {
    constexpr float kMagic = 12582912.0f;  // 1.5 * 2^23: adding it leaves no fraction bits
    return Each([&](int i) { return (x.v[i] + kMagic) - kMagic; });
  }
  /// x 2^n, rounded once, for integral n in [-126, 127].
  static ScalarLanes TimesPowerOfTwo(ScalarLanes x, ScalarLanes n) {
    return Each([&](int i) { return x.v[i] * std::bit_cast<float>((static_cast<int32_t>(n.v[i]) + 127) << 23); });
  }
  /// Lane indexes 0..15.
  static ScalarLanes Iota() {
    return Each([](int i) { return static_cast<float>(i); });
  }
  static ScalarLanes Abs(ScalarLanes x) {
    return Each([&](int i) { return std::bit_cast<float>(std::bit_cast<uint32_t>(x.v[i]) & 0x7FFFFFFFu); });
  }
  /// The larger of lanes without a sign; a NaN is the largest. Such numbers are ordered as their bits are.
  static ScalarLanes MaxPositive(ScalarLanes a, ScalarLanes b) {
    return Each(
        [&](int i) { return std::bit_cast<int32_t>(a.v[i]) > std::bit_cast<int32_t>(b.v[i]) ? a.v[i] : b.v[i]; });
  }
  static float MaxPositiveAcross(ScalarLanes x) {
    float top = x.v[0];
    for (int i = 1; i < 16; ++i) top = std::bit_cast<int32_t>(x.v[i]) > std::bit_cast<int32_t>(top) ? x.v[i] : top;
    return top;
  }

  /// Integers: sixteen pairs of 16 bits, and sixteen of 32.
  struct Pairs {
    int16_t v[32];
  };
  struct Ints {
    int32_t v[16];
  };
  static Pairs LoadBytePairs(const int8_t* p) {
    Pairs out;
    for (int i = 0; i < 32; ++i) out.v[i] = p[i];
    return out;
  }
  static Pairs BroadcastPair(const int16_t* p) {
    Pairs out;
    for (int i = 0; i < 32; ++i) out.v[i] = p[i % 2];
    return out;
  }
  static Ints ZeroInts() { return {}; }
  /// sum + the two products of each lane's pairs; the caller sees to it that it fits.
  static Ints AddProducts(Pairs a, Pairs b, Ints sum) {
    for (int i = 0; i < 16; ++i) sum.v[i] += a.v[2 * i] * b.v[2 * i] + a.v[2 * i + 1] * b.v[2 * i + 1];
    return sum;
  }
  static ScalarLanes ToFloats(Ints x) {
    return Each([&](int i) { return static_cast<float>(x.v[i]); });
  }
  /// Rounded to the nearest integer, ties to even, which fits 16 bits.
  void StoreWords(int16_t* p) const {
    const ScalarLanes rounded = Round(*this);
    for (int i = 0; i < 16; ++i) p[i] = static_cast<int16_t>(rounded.v[i]);
  }

  using Bf16 = WidenedBf16<ScalarLanes>;
  static ScalarLanes OddBf16(const uint16_t* p) {
    return Each([&](int i) { return Bf16ToF32(p[2 * i + 1]); });
  }
  static ScalarLanes EvenBf16(const uint16_t* p) {
    return Each([&](int i) { return Bf16ToF32(p[2 * i]); });
  }
  /// Rounded to bf16, ties to even, a NaN to a quiet one. No lane is denormal.
  [[nodiscard]] ScalarLanes RoundedToBf16() const {
    return Each([&](int i) { return Bf16ToF32(RoundBf16(v[i])); });
  }
  void StoreBf16(uint16_t* p) const {
    for (int i = 0; i < 16; ++i) p[i] = RoundBf16(v[i]);
  }

 private:
  static uint16_t RoundBf16(float x) {
    const auto bits = std::bit_cast<uint32_t>(x);
    if (x != x) return static_cast<uint16_t>(bits >> 16 | 0x40u);
    return static_cast<uint16_t>((bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16);
  }
  template <class F>
  static ScalarLanes Each(F f) {
    ScalarLanes out;
    for (int i = 0; i < 16; ++i) out.v[i] = f(i);
    return out;
  }
};

}  // namespace bedplate

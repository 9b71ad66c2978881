#pragma once
/// Sixteen float lanes in plain C++: the meaning of every operation that lanes_avx2.h and lanes_avx512.h give to
/// instructions. A kernel body (*_body.h) is one template over such a type; instantiated here it is the scalar twin.

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "kernels/dequantize.h"

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
  /// 2^n for integral n in [-126, 127].
  static ScalarLanes PowerOfTwo(ScalarLanes n) {
    return Each([&](int i) { return std::bit_cast<float>((static_cast<int32_t>(n.v[i]) + 127) << 23); });
  }
  /// Lane indexes 0..15.
  static ScalarLanes Iota() {
    return Each([](int i) { return static_cast<float>(i); });
  }

 private:
  template <class F>
  static ScalarLanes Each(F f) {
    ScalarLanes out;
    for (int i = 0; i < 16; ++i) out.v[i] = f(i);
    return out;
  }
};

}  // namespace bedplate

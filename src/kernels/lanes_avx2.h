#pragma once
/// Sixteen float lanes as two AVX2 registers. Operations as lanes_scalar.h defines them. Only for *_avx2.cc.

#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/lanes_bf16.h"

namespace bedplate {

struct Avx2Lanes {
  __m256 lo, hi;

  // Sums that may run at once in 16 registers, two each, beside what they are made from; queries that share a load.
  static constexpr int kChains = 6, kQueries = 6;

  static Avx2Lanes Zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
  static Avx2Lanes Broadcast(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
  static Avx2Lanes Load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
  static Avx2Lanes LoadFirst(const float* p, size_t n, float fill) {
    const __m256i m0 = Mask(n, 0), m1 = Mask(n, 8);
    const __m256 f = _mm256_set1_ps(fill);
    return {_mm256_blendv_ps(f, _mm256_maskload_ps(p, m0), _mm256_castsi256_ps(m0)),
            _mm256_blendv_ps(f, _mm256_maskload_ps(p + 8, m1), _mm256_castsi256_ps(m1))};
  }
  static Avx2Lanes LoadHalf(const uint16_t* p) {
    return {_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))),
            _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 8)))};
  }
  void Store(float* p) const {
    _mm256_storeu_ps(p, lo);
    _mm256_storeu_ps(p + 8, hi);
  }
  void StoreFirst(float* p, size_t n) const {
    _mm256_maskstore_ps(p, Mask(n, 0), lo);
    _mm256_maskstore_ps(p + 8, Mask(n, 8), hi);
  }
  void StoreHalf(uint16_t* p) const {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_cvtps_ph(lo, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p + 8),
                     _mm256_cvtps_ph(hi, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }

  friend Avx2Lanes operator+(Avx2Lanes a, Avx2Lanes b) {
    return {_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)};
  }
  friend Avx2Lanes operator-(Avx2Lanes a, Avx2Lanes b) {
    return {_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)};
  }
  friend Avx2Lanes operator*(Avx2Lanes a, Avx2Lanes b) {
    return {_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)};
  }
  friend Avx2Lanes operator/(Avx2Lanes a, Avx2Lanes b) {
    return {_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)};
  }
  static Avx2Lanes Fma(Avx2Lanes a, Avx2Lanes b, Avx2Lanes c) {
    return {_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
  }
  static Avx2Lanes Max(Avx2Lanes a, Avx2Lanes b) { return {_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)}; }
  static Avx2Lanes Min(Avx2Lanes a, Avx2Lanes b) { return {_mm256_min_ps(a.lo, b.lo), _mm256_min_ps(a.hi, b.hi)}; }
  static Avx2Lanes SelectLess(Avx2Lanes test, Avx2Lanes limit, Avx2Lanes yes, Avx2Lanes no) {
    return {_mm256_blendv_ps(no.lo, yes.lo, _mm256_cmp_ps(test.lo, limit.lo, _CMP_LT_OQ)),
            _mm256_blendv_ps(no.hi, yes.hi, _mm256_cmp_ps(test.hi, limit.hi, _CMP_LT_OQ))};
  }
  static Avx2Lanes Round(Avx2Lanes x) {
    const Avx2Lanes magic = Broadcast(12582912.0f);
    return (x + magic) - magic;
  }
  static Avx2Lanes TimesPowerOfTwo(Avx2Lanes x, Avx2Lanes n) {
    return x * Avx2Lanes{PowerOfTwo8(n.lo), PowerOfTwo8(n.hi)};
  }
  static Avx2Lanes Iota() {
    return {_mm256_setr_ps(0, 1, 2, 3, 4, 5, 6, 7), _mm256_setr_ps(8, 9, 10, 11, 12, 13, 14, 15)};
  }
  static Avx2Lanes Abs(Avx2Lanes x) {
    const __m256 sign = _mm256_set1_ps(-0.0f);
    return {_mm256_andnot_ps(sign, x.lo), _mm256_andnot_ps(sign, x.hi)};
  }
  static Avx2Lanes MaxPositive(Avx2Lanes a, Avx2Lanes b) {
    return {MaxPositive8(a.lo, b.lo), MaxPositive8(a.hi, b.hi)};
  }
  static float MaxPositiveAcross(Avx2Lanes x) {
    const __m256i all = _mm256_castps_si256(MaxPositive8(x.lo, x.hi));
    __m128i top = _mm_max_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
    top = _mm_max_epi32(top, _mm_shuffle_epi32(top, _MM_SHUFFLE(1, 0, 3, 2)));
    top = _mm_max_epi32(top, _mm_shuffle_epi32(top, _MM_SHUFFLE(2, 3, 0, 1)));
    return _mm_cvtss_f32(_mm_castsi128_ps(top));
  }

  struct Pairs {
    __m256i lo, hi;
  };
  struct Ints {
    __m256i lo, hi;
  };
  static Pairs LoadBytePairs(const int8_t* p) {
    return {_mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))),
            _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 16)))};
  }
  static Pairs BroadcastPair(const int16_t* p) {
    int32_t pair;
    std::memcpy(&pair, p, sizeof(pair));
    return {_mm256_set1_epi32(pair), _mm256_set1_epi32(pair)};
  }
  static Ints ZeroInts() { return {_mm256_setzero_si256(), _mm256_setzero_si256()}; }
  static Ints AddProducts(Pairs a, Pairs b, Ints sum) {
    return {_mm256_add_epi32(sum.lo, _mm256_madd_epi16(a.lo, b.lo)),
            _mm256_add_epi32(sum.hi, _mm256_madd_epi16(a.hi, b.hi))};
  }
  static Avx2Lanes ToFloats(Ints x) { return {_mm256_cvtepi32_ps(x.lo), _mm256_cvtepi32_ps(x.hi)}; }
  void StoreWords(int16_t* p) const {
    const __m256i words = _mm256_packs_epi32(_mm256_cvtps_epi32(lo), _mm256_cvtps_epi32(hi));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm256_permute4x64_epi64(words, _MM_SHUFFLE(3, 1, 2, 0)));
  }

  using Bf16 = WidenedBf16<Avx2Lanes>;
  static Avx2Lanes OddBf16(const uint16_t* p) { return {OddBf16Of8(p), OddBf16Of8(p + 16)}; }
  static Avx2Lanes EvenBf16(const uint16_t* p) { return {EvenBf16Of8(p), EvenBf16Of8(p + 16)}; }
  [[nodiscard]] Avx2Lanes RoundedToBf16() const {
    return {_mm256_castsi256_ps(RoundBf16(lo)), _mm256_castsi256_ps(RoundBf16(hi))};
  }
  void StoreBf16(uint16_t* p) const {
    const __m256i words =
        _mm256_packus_epi32(_mm256_srli_epi32(RoundBf16(lo), 16), _mm256_srli_epi32(RoundBf16(hi), 16));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm256_permute4x64_epi64(words, _MM_SHUFFLE(3, 1, 2, 0)));
  }

 private:
  static __m256 OddBf16Of8(const uint16_t* p) {
    const __m256i pairs = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    return _mm256_castsi256_ps(_mm256_and_si256(pairs, _mm256_set1_epi32(-65536)));
  }
  static __m256 EvenBf16Of8(const uint16_t* p) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)), 16));
  }
  /// The upper halves of lanes are the rounded numbers, the lower ones zero.
  static __m256i RoundBf16(__m256 x) {
    const __m256i bits = _mm256_castps_si256(x),
                  odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i rounded = _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7FFF)), odd);
    const __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
    const __m256i is_nan = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));
    return _mm256_and_si256(_mm256_blendv_epi8(rounded, quiet, is_nan), _mm256_set1_epi32(-65536));
  }
  static __m256 MaxPositive8(__m256 a, __m256 b) {
    return _mm256_castsi256_ps(_mm256_max_epi32(_mm256_castps_si256(a), _mm256_castps_si256(b)));
  }
  static __m256i Mask(size_t n, int first) {
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const int count = n > 16 ? 16 : static_cast<int>(n);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(count - first), lane);
  }
  static __m256 PowerOfTwo8(__m256 n) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_cvttps_epi32(n), _mm256_set1_epi32(127)), 23));
  }
};

}  // namespace bedplate

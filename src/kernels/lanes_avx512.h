#pragma once
/// Sixteen float lanes as one AVX-512 register. Operations as lanes_scalar.h defines them. Only for *_avx512.cc, and
/// for tests on CPUs without AVX-512 with emulated intrinsics (emulated_avx512.h).

#if defined(BEDPLATE_EMULATED_ISA)
#include "kernels/emulated_avx512.h"
#else
#include <immintrin.h>
#endif

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace bedplate {

struct Avx512Lanes {
  __m512 r;

  // Sums that may run at once in 32 registers, beside what they are made from; queries that share a load.
  static constexpr int kChains = 24, kQueries = 12;

  static Avx512Lanes Zero() { return {_mm512_setzero_ps()}; }
  static Avx512Lanes Broadcast(float x) { return {_mm512_set1_ps(x)}; }
  static Avx512Lanes Load(const float* p) { return {_mm512_loadu_ps(p)}; }
  static Avx512Lanes LoadFirst(const float* p, size_t n, float fill) {
    return {_mm512_mask_loadu_ps(_mm512_set1_ps(fill), Mask(n), p)};
  }
  static Avx512Lanes LoadHalf(const uint16_t* p) {
    return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
  }
  void Store(float* p) const { _mm512_storeu_ps(p, r); }
  void StoreFirst(float* p, size_t n) const { _mm512_mask_storeu_ps(p, Mask(n), r); }
  void StoreHalf(uint16_t* p) const {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                        _mm512_cvtps_ph(r, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }

  friend Avx512Lanes operator+(Avx512Lanes a, Avx512Lanes b) { return {_mm512_add_ps(a.r, b.r)}; }
  friend Avx512Lanes operator-(Avx512Lanes a, Avx512Lanes b) { return {_mm512_sub_ps(a.r, b.r)}; }
  friend Avx512Lanes operator*(Avx512Lanes a, Avx512Lanes b) { return {_mm512_mul_ps(a.r, b.r)}; }
  friend Avx512Lanes operator/(Avx512Lanes a, Avx512Lanes b) { return {_mm512_div_ps(a.r, b.r)}; }
  static Avx512Lanes Fma(Avx512Lanes a, Avx512Lanes b, Avx512Lanes c) { return {_mm512_fmadd_ps(a.r, b.r, c.r)}; }
  static Avx512Lanes Max(Avx512Lanes a, Avx512Lanes b) { return {_mm512_max_ps(a.r, b.r)}; }
  static Avx512Lanes Min(Avx512Lanes a, Avx512Lanes b) { return {_mm512_min_ps(a.r, b.r)}; }
  static Avx512Lanes SelectLess(Avx512Lanes test, Avx512Lanes limit, Avx512Lanes yes, Avx512Lanes no) {
    return {_mm512_mask_blend_ps(_mm512_cmp_ps_mask(test.r, limit.r, _CMP_LT_OQ), no.r, yes.r)};
  }
  static Avx512Lanes Round(Avx512Lanes x) {
    const Avx512Lanes magic = Broadcast(12582912.0f);
    return (x + magic) - magic;
  }
  static Avx512Lanes PowerOfTwo(Avx512Lanes n) {
    return {
        _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(_mm512_cvttps_epi32(n.r), _mm512_set1_epi32(127)), 23))};
  }
  static Avx512Lanes Iota() { return {_mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)}; }
  static Avx512Lanes Abs(Avx512Lanes x) {
    return {_mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(x.r), _mm512_set1_epi32(0x7FFFFFFF)))};
  }
  static Avx512Lanes MaxPositive(Avx512Lanes a, Avx512Lanes b) {
    return {_mm512_castsi512_ps(_mm512_max_epi32(_mm512_castps_si512(a.r), _mm512_castps_si512(b.r)))};
  }
  static float MaxPositiveAcross(Avx512Lanes x) {
    const __m512i all = _mm512_castps_si512(x.r);
    const __m256i half = _mm256_max_epi32(_mm512_castsi512_si256(all), _mm512_extracti64x4_epi64(all, 1));
    __m128i top = _mm_max_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
    top = _mm_max_epi32(top, _mm_shuffle_epi32(top, _MM_SHUFFLE(1, 0, 3, 2)));
    top = _mm_max_epi32(top, _mm_shuffle_epi32(top, _MM_SHUFFLE(2, 3, 0, 1)));
    return _mm_cvtss_f32(_mm_castsi128_ps(top));
  }

  struct Pairs {
    __m512i r;
  };
  struct Ints {
    __m512i r;
  };
  static Pairs LoadBytePairs(const int8_t* p) {
    return {_mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
  }
  static Pairs BroadcastPair(const int16_t* p) {
    int32_t pair;
    std::memcpy(&pair, p, sizeof(pair));
    return {_mm512_set1_epi32(pair)};
  }
  static Ints ZeroInts() { return {_mm512_setzero_si512()}; }
  static Ints AddProducts(Pairs a, Pairs b, Ints sum) { return {_mm512_add_epi32(sum.r, _mm512_madd_epi16(a.r, b.r))}; }
  static Avx512Lanes ToFloats(Ints x) { return {_mm512_cvtepi32_ps(x.r)}; }
  void StoreWords(int16_t* p) const {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(_mm512_cvtps_epi32(r)));
  }

 private:
  static __mmask16 Mask(size_t n) { return static_cast<__mmask16>(n >= 16 ? 0xFFFFu : (1u << n) - 1u); }
};

}  // namespace bedplate

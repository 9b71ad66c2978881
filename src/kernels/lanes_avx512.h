#pragma once
/// Sixteen float lanes as one AVX-512 register, without and with VNNI and BF16. Operations as lanes_scalar.h defines
/// them. Only for *_avx512.cc, *_avx512vnni.cc and *_avx512bf16.cc, and for tests on CPUs without AVX-512 with emulated
/// intrinsics (emulated_avx512.h).

#if defined(BEDPLATE_EMULATED_ISA)
#include "kernels/emulated_avx512.h"
#else
#include <immintrin.h>
#endif

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "kernels/lanes_bf16.h"

namespace bedplate {

/// WidenedBf16's operations where one instruction (vdpbf16ps) takes a pair's step.
template <class V>
struct Avx512PairedBf16 {
  static constexpr int kHalves = 1;
  struct Half {
    __m512i pairs;
  };
  struct Packed {
    uint16_t even, odd;
  };
  template <int kHalf>
  static Half Load(const uint16_t* p) {
    return {_mm512_loadu_si512(p)};
  }
  template <int kHalf>
  static Half Broadcast(const Packed* p) {
    int32_t pair;
    std::memcpy(&pair, p, sizeof(pair));
    return {_mm512_set1_epi32(pair)};
  }
  template <int kHalf, bool kEven, bool kOdd>
  static Half Keep(Half half) {
    if constexpr (kEven && kOdd) return half;
    return {_mm512_and_si512(half.pairs, _mm512_set1_epi32(kOdd ? -65536 : 65535))};
  }
  static V Add(Half a, Half b, V sum) {
#if defined(BEDPLATE_EMULATED_ISA)
    return {EmulatedDpbf16Ps(sum.r, a.pairs, b.pairs)};
#else
    return {_mm512_dpbf16_ps(sum.r, std::bit_cast<__m512bh>(a.pairs), std::bit_cast<__m512bh>(b.pairs))};
#endif
  }
  static void Pack(V x, Packed* pairs) { x.StoreBf16(&pairs->even); }
};

template <bool kVnni, bool kBf16>
struct Avx512LanesWith {
  using Lanes = Avx512LanesWith;
  __m512 r;

  // Sums that may run at once in 32 registers, beside what they are made from; queries that share a load.
  static constexpr int kChains = 24, kQueries = 12;

  static Lanes Zero() { return {_mm512_setzero_ps()}; }
  static Lanes Broadcast(float x) { return {_mm512_set1_ps(x)}; }
  static Lanes Load(const float* p) { return {_mm512_loadu_ps(p)}; }
  static Lanes LoadFirst(const float* p, size_t n, float fill) {
    return {_mm512_mask_loadu_ps(_mm512_set1_ps(fill), Mask(n), p)};
  }
  static Lanes LoadHalf(const uint16_t* p) {
    return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
  }
  void Store(float* p) const { _mm512_storeu_ps(p, r); }
  void StoreFirst(float* p, size_t n) const { _mm512_mask_storeu_ps(p, Mask(n), r); }
  void StoreHalf(uint16_t* p) const {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                        _mm512_cvtps_ph(r, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }

  friend Lanes operator+(Lanes a, Lanes b) { return {_mm512_add_ps(a.r, b.r)}; }
  friend Lanes operator-(Lanes a, Lanes b) { return {_mm512_sub_ps(a.r, b.r)}; }
  friend Lanes operator*(Lanes a, Lanes b) { return {_mm512_mul_ps(a.r, b.r)}; }
  friend Lanes operator/(Lanes a, Lanes b) { return {_mm512_div_ps(a.r, b.r)}; }
  static Lanes Fma(Lanes a, Lanes b, Lanes c) { return {_mm512_fmadd_ps(a.r, b.r, c.r)}; }
  static Lanes Max(Lanes a, Lanes b) { return {_mm512_max_ps(a.r, b.r)}; }
  static Lanes Min(Lanes a, Lanes b) { return {_mm512_min_ps(a.r, b.r)}; }
  static Lanes SelectLess(Lanes test, Lanes limit, Lanes yes, Lanes no) {
    return {_mm512_mask_blend_ps(_mm512_cmp_ps_mask(test.r, limit.r, _CMP_LT_OQ), no.r, yes.r)};
  }
  static Lanes Round(Lanes x) {
    const Lanes magic = Broadcast(12582912.0f);
    return (x + magic) - magic;
  }
  static Lanes TimesPowerOfTwo(Lanes x, Lanes n) { return {_mm512_scalef_ps(x.r, n.r)}; }
  static Lanes Iota() { return {_mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)}; }
  static Lanes Abs(Lanes x) {
    return {_mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(x.r), _mm512_set1_epi32(0x7FFFFFFF)))};
  }
  static Lanes MaxPositive(Lanes a, Lanes b) {
    return {_mm512_castsi512_ps(_mm512_max_epi32(_mm512_castps_si512(a.r), _mm512_castps_si512(b.r)))};
  }
  static float MaxPositiveAcross(Lanes x) {
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
  static Ints AddProducts(Pairs a, Pairs b, Ints sum) {
    if constexpr (kVnni) return {_mm512_dpwssd_epi32(sum.r, a.r, b.r)};
    return {_mm512_add_epi32(sum.r, _mm512_madd_epi16(a.r, b.r))};
  }
  static Lanes ToFloats(Ints x) { return {_mm512_cvtepi32_ps(x.r)}; }
  void StoreWords(int16_t* p) const {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(_mm512_cvtps_epi32(r)));
  }

  using Bf16 = std::conditional_t<kBf16, Avx512PairedBf16<Lanes>, WidenedBf16<Lanes>>;
  static Lanes OddBf16(const uint16_t* p) {
    return {_mm512_castsi512_ps(_mm512_and_si512(_mm512_loadu_si512(p), _mm512_set1_epi32(-65536)))};
  }
  static Lanes EvenBf16(const uint16_t* p) {
    return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_loadu_si512(p), 16))};
  }
  [[nodiscard]] Lanes RoundedToBf16() const { return {_mm512_castsi512_ps(RoundBf16())}; }
  void StoreBf16(uint16_t* p) const {
#if !defined(BEDPLATE_EMULATED_ISA)
    if constexpr (kBf16) {
      const auto rounded = std::bit_cast<__m256i>(_mm512_cvtneps_pbh(r));
      return _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), rounded);
    }
#endif
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(_mm512_srli_epi32(RoundBf16(), 16)));
  }

 private:
  /// The upper halves of lanes are the rounded numbers, the lower ones zero.
  [[nodiscard]] __m512i RoundBf16() const {
    const __m512i bits = _mm512_castps_si512(r);
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    const __m512i rounded = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7FFF)), odd);
    const __m512i quiet = _mm512_or_si512(bits, _mm512_set1_epi32(0x400000));
    const __mmask16 is_nan = _mm512_cmp_ps_mask(r, r, _CMP_UNORD_Q);
    return _mm512_and_si512(_mm512_mask_blend_epi32(is_nan, rounded, quiet), _mm512_set1_epi32(-65536));
  }
  static __mmask16 Mask(size_t n) { return static_cast<__mmask16>(n >= 16 ? 0xFFFFu : (1u << n) - 1u); }
};

using Avx512Lanes = Avx512LanesWith<false, false>;
using Avx512VnniLanes = Avx512LanesWith<true, false>;
using Avx512Bf16Lanes = Avx512LanesWith<true, true>;

}  // namespace bedplate

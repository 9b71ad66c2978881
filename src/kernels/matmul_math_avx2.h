#pragma once
/// The vocabulary of matmul_tiles.h for AVX2: a 64-byte line, 16 ints or 16 floats are two 256-bit registers. Only for
/// *_avx2.cc. Everything has internal linkage, so that nothing compiled here can stand in for baseline code at link
/// time.

#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/inline.h"

namespace bedplate {
namespace {

struct Avx2Math {
  struct Bytes {
    __m256i low, high;  // outputs 0..7, 8..15
  };
  using Ints = Bytes;  // 16 of 32 bits, or 32 of 16 bits
  struct Floats {
    __m256 low, high;
  };
  struct SignedLine {
    Bytes value, magnitude;
  };

  static constexpr bool kDotsInInt32 = false;
  // 4 rows x 16 outputs: 8 accumulators of 16 bits, 2 registers of weights, 1 of x leave room for temporaries among 16
  // registers; the 8 float chains wait in L1 meanwhile, which costs a load and a store per 8 lines.
  static constexpr int kRows = 4, kTiles = 1, kFewRows = 4;
  static constexpr int kFewChains = 16;  // the compiler sees to it
  static constexpr int kFloatRows = 4, kFloatTilesOneRow = 4;

  static BP_INLINE Bytes Load(const std::byte* p) {
    return {_mm256_load_si256(reinterpret_cast<const __m256i*>(p)),
            _mm256_load_si256(reinterpret_cast<const __m256i*>(p + 32))};
  }
  static BP_INLINE void Store(std::byte* p, Bytes v) {
    _mm256_store_si256(reinterpret_cast<__m256i*>(p), v.low);
    _mm256_store_si256(reinterpret_cast<__m256i*>(p + 32), v.high);
  }
  static BP_INLINE Bytes AndByte(Bytes v, int mask) {
    const __m256i m = _mm256_set1_epi8(static_cast<char>(mask));
    return {_mm256_and_si256(v.low, m), _mm256_and_si256(v.high, m)};
  }
  static BP_INLINE Bytes Or(Bytes a, Bytes b) {
    return {_mm256_or_si256(a.low, b.low), _mm256_or_si256(a.high, b.high)};
  }
  /// Shifts 16-bit lanes; the caller masks off what crosses a byte.
  template <int kBits>
  static BP_INLINE Bytes ShiftRight(Bytes v) {
    return {_mm256_srli_epi16(v.low, kBits), _mm256_srli_epi16(v.high, kBits)};
  }
  template <int kBits>
  static BP_INLINE Bytes ShiftLeft(Bytes v) {
    return {_mm256_slli_epi16(v.low, kBits), _mm256_slli_epi16(v.high, kBits)};
  }
  /// table[v] for v in 0..15.
  static BP_INLINE Bytes LookUp(__m128i table, Bytes v) {
    const __m256i t = _mm256_broadcastsi128_si256(table);
    return {_mm256_shuffle_epi8(t, v.low), _mm256_shuffle_epi8(t, v.high)};
  }

  static BP_INLINE Ints Zero() { return {_mm256_setzero_si256(), _mm256_setzero_si256()}; }
  static BP_INLINE Ints Broadcast4(const void* p) {
    int32_t v;
    std::memcpy(&v, p, 4);
    const __m256i b = _mm256_set1_epi32(v);
    return {b, b};
  }
  static BP_INLINE Ints Add16(Ints a, Ints b) {
    return {_mm256_add_epi16(a.low, b.low), _mm256_add_epi16(a.high, b.high)};
  }
  static BP_INLINE Ints Add32(Ints a, Ints b) {
    return {_mm256_add_epi32(a.low, b.low), _mm256_add_epi32(a.high, b.high)};
  }
  static BP_INLINE Ints Times16(Ints a, int16_t factor) {
    const __m256i f = _mm256_set1_epi16(factor);
    const __m256i low = _mm256_mullo_epi16(a.low, f);
    return {low, _mm256_mullo_epi16(a.high, f)};
  }
  /// 16-bit lanes: w[2i] x[2i] + w[2i+1] x[2i+1], w unsigned, x signed, saturating (never reached here).
  static BP_INLINE Ints DotPairs(Bytes w, Ints x) {
    return {_mm256_maddubs_epi16(w.low, x.low), _mm256_maddubs_epi16(w.high, x.high)};
  }
  /// 32-bit lanes: a[2i] b[2i] + a[2i+1] b[2i+1] of 16-bit lanes.
  static BP_INLINE Ints DotPairs16(Ints a, Ints b) {
    return {_mm256_madd_epi16(a.low, b.low), _mm256_madd_epi16(a.high, b.high)};
  }
  static BP_INLINE Ints Ones16() {
    const __m256i one = _mm256_set1_epi16(1);
    return {one, one};
  }
  /// Keeps v in registers and in program order here. Left alone, the compiler reorders a block's sums row by row and
  /// spills the weights that the rows should share.
  static BP_INLINE void Pin([[maybe_unused]] Ints& v) {
#if !defined(BEDPLATE_EMULATED_ISA)
    asm volatile("" : "+x"(v.low), "+x"(v.high));
#endif
  }
  static BP_INLINE void Pin([[maybe_unused]] Floats& v) {
#if !defined(BEDPLATE_EMULATED_ISA)
    asm volatile("" : "+x"(v.low), "+x"(v.high));
#endif
  }
  static BP_INLINE SignedLine PrepareSigned(Bytes w) { return {w, {_mm256_abs_epi8(w.low), _mm256_abs_epi8(w.high)}}; }
  /// acc + w . x with signed w: |w| . (x with w's sign). |w| reaches 128 and x 127, so a pair is at most 32,512 and
  /// does not saturate; two pairs would, so they are widened at once.
  static BP_INLINE Ints DotSigned(Ints acc, const SignedLine& w, Ints x) {
    const Ints pairs = {_mm256_maddubs_epi16(w.magnitude.low, _mm256_sign_epi8(x.low, w.value.low)),
                        _mm256_maddubs_epi16(w.magnitude.high, _mm256_sign_epi8(x.high, w.value.high))};
    return Add32(acc, DotPairs16(pairs, Ones16()));
  }

  /// Both 16-bit halves of 32-bit lane o hold byte o.
  static BP_INLINE Ints PairsOfUnsigned(__m128i bytes) {
    const __m256i b = _mm256_broadcastsi128_si256(bytes);
    const __m256i low = _mm256_setr_epi8(0, -1, 0, -1, 1, -1, 1, -1, 2, -1, 2, -1, 3, -1, 3, -1,  //
                                         4, -1, 4, -1, 5, -1, 5, -1, 6, -1, 6, -1, 7, -1, 7, -1);
    const __m256i high = _mm256_setr_epi8(8, -1, 8, -1, 9, -1, 9, -1, 10, -1, 10, -1, 11, -1, 11, -1,  //
                                          12, -1, 12, -1, 13, -1, 13, -1, 14, -1, 14, -1, 15, -1, 15, -1);
    return {_mm256_shuffle_epi8(b, low), _mm256_shuffle_epi8(b, high)};
  }
  static BP_INLINE Ints PairsOfSigned(__m128i bytes) {
    const __m256i b = _mm256_broadcastsi128_si256(bytes);
    const __m256i low = _mm256_setr_epi8(-1, 0, -1, 0, -1, 1, -1, 1, -1, 2, -1, 2, -1, 3, -1, 3,  //
                                         -1, 4, -1, 4, -1, 5, -1, 5, -1, 6, -1, 6, -1, 7, -1, 7);
    const __m256i high = _mm256_setr_epi8(-1, 8, -1, 8, -1, 9, -1, 9, -1, 10, -1, 10, -1, 11, -1, 11,  //
                                          -1, 12, -1, 12, -1, 13, -1, 13, -1, 14, -1, 14, -1, 15, -1, 15);
    return {_mm256_srai_epi16(_mm256_shuffle_epi8(b, low), 8), _mm256_srai_epi16(_mm256_shuffle_epi8(b, high), 8)};
  }

  /// Finite numbers rounded to bf16, ties to even: the even ones in the lower halves of 32-bit lanes.
  static BP_INLINE Ints PairsOfBf16(Floats even, Floats odd) {
    const auto rounded = [](__m256 v) __attribute__((always_inline)) {
      const __m256i bits = _mm256_castps_si256(v);
      const __m256i last = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
      return _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7FFF)), last);
    };
    const auto pairs = [&](__m256 lower, __m256 upper) __attribute__((always_inline)) {
      return _mm256_or_si256(_mm256_srli_epi32(rounded(lower), 16),
                             _mm256_and_si256(rounded(upper), _mm256_set1_epi32(-65536)));
    };
    return {pairs(even.low, odd.low), pairs(even.high, odd.high)};
  }
  /// acc + products of pairs of bf16 numbers, the odd ones' first, each rounded once with its sum.
  static BP_INLINE Floats DotBf16(Floats acc, Ints a, Ints b) {
    const auto odd = [](Ints v) __attribute__((always_inline)) {
      const __m256i mask = _mm256_set1_epi32(-65536);
      return Floats{_mm256_castsi256_ps(_mm256_and_si256(v.low, mask)),
                    _mm256_castsi256_ps(_mm256_and_si256(v.high, mask))};
    };
    const auto even = [](Ints v) __attribute__((always_inline)) {
      return Floats{_mm256_castsi256_ps(_mm256_slli_epi32(v.low, 16)),
                    _mm256_castsi256_ps(_mm256_slli_epi32(v.high, 16))};
    };
    return MultiplyAdd(even(a), even(b), MultiplyAdd(odd(a), odd(b), acc));
  }

  static BP_INLINE Floats ZeroFloats() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
  static BP_INLINE Floats ToFloats(Ints v) { return {_mm256_cvtepi32_ps(v.low), _mm256_cvtepi32_ps(v.high)}; }
  static BP_INLINE Floats FloatsOfUnsigned(__m128i bytes) {
    return ToFloats({_mm256_cvtepu8_epi32(bytes), _mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8))});
  }
  static BP_INLINE Floats FloatsOfSigned(__m128i bytes) {
    return ToFloats({_mm256_cvtepi8_epi32(bytes), _mm256_cvtepi8_epi32(_mm_srli_si128(bytes, 8))});
  }
  static BP_INLINE Floats LoadF16(const std::byte* p) {
    return {_mm256_cvtph_ps(_mm_load_si128(reinterpret_cast<const __m128i*>(p))),
            _mm256_cvtph_ps(_mm_load_si128(reinterpret_cast<const __m128i*>(p + 16)))};
  }
  static BP_INLINE Floats LoadBf16(const std::byte* p) {
    const __m256i low = _mm256_cvtepu16_epi32(_mm_load_si128(reinterpret_cast<const __m128i*>(p)));
    const __m256i high = _mm256_cvtepu16_epi32(_mm_load_si128(reinterpret_cast<const __m128i*>(p + 16)));
    return {_mm256_castsi256_ps(_mm256_slli_epi32(low, 16)), _mm256_castsi256_ps(_mm256_slli_epi32(high, 16))};
  }
  static BP_INLINE Floats LoadF32(const std::byte* p) {
    return {_mm256_load_ps(reinterpret_cast<const float*>(p)), _mm256_load_ps(reinterpret_cast<const float*>(p + 32))};
  }
  static BP_INLINE Floats BroadcastFloat(const float* p) {
    const __m256 v = _mm256_broadcast_ss(p);
    return {v, v};
  }
  static BP_INLINE Floats Multiply(Floats a, Floats b) {
    return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)};
  }
  /// a * b + c, rounded once.
  static BP_INLINE Floats MultiplyAdd(Floats a, Floats b, Floats c) {
    return {_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
  }
  /// -(a * b) + c, rounded once.
  static BP_INLINE Floats NegMultiplyAdd(Floats a, Floats b, Floats c) {
    return {_mm256_fnmadd_ps(a.low, b.low, c.low), _mm256_fnmadd_ps(a.high, b.high, c.high)};
  }
  static BP_INLINE Floats Add(Floats a, Floats b) {
    return {_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)};
  }
  static BP_INLINE void StoreFloats(float* p, Floats v) {
    _mm256_storeu_ps(p, v.low);
    _mm256_storeu_ps(p + 8, v.high);
  }
};

}  // namespace
}  // namespace bedplate

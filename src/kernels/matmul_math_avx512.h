#pragma once
/// The vocabulary of matmul_tiles.h for AVX-512 (F, BW, DQ, VL), without and with VNNI and BF16: a 64-byte line, 16
/// ints or 16 floats are one register. Only for *_avx512*.cc; internal linkage as in matmul_math_avx2.h. With
/// BEDPLATE_EMULATED_ISA the intrinsics come from emulated_avx512.h, for tests on CPUs without AVX-512.

#if defined(BEDPLATE_EMULATED_ISA)
#include "kernels/emulated_avx512.h"
#else
#include <immintrin.h>
#endif

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/inline.h"

#if !defined(__has_feature)
#define __has_feature(feature) 0  // GCC
#endif

namespace bedplate {
namespace {

struct Avx512Math {
  using Bytes = __m512i;
  using Ints = __m512i;
  using Floats = __m512;
  struct SignedLine {
    Bytes magnitude;
    __mmask64 negative;
  };

  static constexpr bool kDotsInInt32 = false;
  // 6 rows x 2 tiles: 12 accumulators, 12 float chains, 2 lines of weights and 1 dword of x make 27 of 32 registers;
  // other chains wait in memory. A line takes 8 loads and 12 dot products of two a cycle each: loads do not limit.
#if defined(BEDPLATE_EMULATED_ISA) || __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  static constexpr int kRows = 2, kTiles = 2, kFewRows = 2;  // the same template; with six it takes minutes to compile
#else
  static constexpr int kRows = 6, kTiles = 2, kFewRows = 8;
#endif
  static constexpr int kFewChains = 6;      // four kinds of them fit the registers
  static constexpr int kWaitingChains = 8;  // so many sums wait for each other
  static constexpr int kFloatRows = 8, kFloatTilesOneRow = 4;

  static BP_INLINE Bytes Load(const std::byte* p) { return _mm512_load_si512(p); }
  static BP_INLINE void Store(std::byte* p, Bytes v) { _mm512_store_si512(p, v); }
  static BP_INLINE Bytes AndByte(Bytes v, int mask) {
    return _mm512_and_si512(v, _mm512_set1_epi8(static_cast<char>(mask)));
  }
  static BP_INLINE Bytes Or(Bytes a, Bytes b) { return _mm512_or_si512(a, b); }
  template <int kBits>
  static BP_INLINE Bytes ShiftRight(Bytes v) {
    return _mm512_srli_epi16(v, kBits);
  }
  template <int kBits>
  static BP_INLINE Bytes ShiftLeft(Bytes v) {
    return _mm512_slli_epi16(v, kBits);
  }
  static BP_INLINE Bytes LookUp(__m128i table, Bytes v) {
    return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(table), v);
  }

  static BP_INLINE Ints Zero() { return _mm512_setzero_si512(); }
  static BP_INLINE Ints Broadcast4(const void* p) {
    int32_t v;
    std::memcpy(&v, p, 4);
    return _mm512_set1_epi32(v);
  }
  static BP_INLINE Ints Add16(Ints a, Ints b) { return _mm512_add_epi16(a, b); }
  static BP_INLINE Ints Add32(Ints a, Ints b) { return _mm512_add_epi32(a, b); }
  static BP_INLINE Ints Times16(Ints a, int16_t factor) { return _mm512_mullo_epi16(a, Same16(factor)); }
  static BP_INLINE Ints DotPairs(Bytes w, Ints x) { return _mm512_maddubs_epi16(w, x); }
  static BP_INLINE Ints DotPairs16(Ints a, Ints b) { return _mm512_madd_epi16(a, b); }
  /// Both 16-bit halves of each lane.
  static BP_INLINE Ints Same16(int16_t v) {
    return _mm512_set1_epi32(static_cast<int32_t>(static_cast<uint16_t>(v) * 0x10001u));
  }
  static BP_INLINE Ints Ones16() { return Same16(1); }
  static BP_INLINE void Pin([[maybe_unused]] Ints& v) {
#if !defined(BEDPLATE_EMULATED_ISA)
    asm volatile("" : "+v"(v));
#endif
  }
  static BP_INLINE void Pin([[maybe_unused]] Floats& v) {
#if !defined(BEDPLATE_EMULATED_ISA)
    asm volatile("" : "+v"(v));
#endif
  }
  static BP_INLINE SignedLine PrepareSigned(Bytes w) { return {_mm512_abs_epi8(w), _mm512_movepi8_mask(w)}; }
  /// As in Avx2Math; the sign goes over by a masked 0 - x.
  static BP_INLINE Ints DotSigned(Ints acc, const SignedLine& w, Ints x) {
    const Ints signed_x = _mm512_mask_sub_epi8(x, w.negative, _mm512_setzero_si512(), x);
    return Add32(acc, DotPairs16(DotPairs(w.magnitude, signed_x), Ones16()));
  }

  static BP_INLINE Ints PairsOfUnsigned(__m128i bytes) {
    const __m512i lanes = _mm512_cvtepu8_epi32(bytes);
    return _mm512_or_si512(lanes, _mm512_slli_epi32(lanes, 16));
  }
  static BP_INLINE Ints PairsOfSigned(__m128i bytes) {
    const __m512i lanes = _mm512_cvtepi8_epi32(bytes);
    const __m512i low = _mm512_and_si512(lanes, _mm512_set1_epi32(0xFFFF));
    return _mm512_or_si512(low, _mm512_slli_epi32(lanes, 16));
  }

  /// Finite numbers rounded to bf16, ties to even: the even ones in the lower halves.
  static BP_INLINE Ints PairsOfBf16(Floats even, Floats odd) {
    const auto rounded = [](Floats v) __attribute__((always_inline)) {
      const __m512i bits = _mm512_castps_si512(v);
      const __m512i last = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
      return _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7FFF)), last);
    };
    return _mm512_or_si512(_mm512_srli_epi32(rounded(even), 16),
                           _mm512_and_si512(rounded(odd), _mm512_set1_epi32(-65536)));
  }
  /// acc + products of pairs of bf16 numbers, the odd ones' first, each rounded once with its sum.
  static BP_INLINE Floats DotBf16(Floats acc, Ints a, Ints b) {
    const auto odd = [](Ints v) __attribute__((always_inline)) {
      return _mm512_castsi512_ps(_mm512_and_si512(v, _mm512_set1_epi32(-65536)));
    };
    const auto even = [](Ints v)
                          __attribute__((always_inline)) { return _mm512_castsi512_ps(_mm512_slli_epi32(v, 16)); };
    return MultiplyAdd(even(a), even(b), MultiplyAdd(odd(a), odd(b), acc));
  }

  static BP_INLINE Floats ZeroFloats() { return _mm512_setzero_ps(); }
  static BP_INLINE Floats ToFloats(Ints v) { return _mm512_cvtepi32_ps(v); }
  static BP_INLINE Floats FloatsOfUnsigned(__m128i bytes) { return ToFloats(_mm512_cvtepu8_epi32(bytes)); }
  static BP_INLINE Floats FloatsOfSigned(__m128i bytes) { return ToFloats(_mm512_cvtepi8_epi32(bytes)); }
  static BP_INLINE Floats LoadF16(const std::byte* p) {
    return _mm512_cvtph_ps(_mm256_load_si256(reinterpret_cast<const __m256i*>(p)));
  }
  static BP_INLINE Floats LoadBf16(const std::byte* p) {
    const __m512i lanes = _mm512_cvtepu16_epi32(_mm256_load_si256(reinterpret_cast<const __m256i*>(p)));
    return _mm512_castsi512_ps(_mm512_slli_epi32(lanes, 16));
  }
  static BP_INLINE Floats LoadF32(const std::byte* p) { return _mm512_castsi512_ps(_mm512_load_si512(p)); }
  static BP_INLINE Floats BroadcastFloat(const float* p) { return _mm512_set1_ps(*p); }
  static BP_INLINE Floats Multiply(Floats a, Floats b) { return _mm512_mul_ps(a, b); }
  static BP_INLINE Floats MultiplyAdd(Floats a, Floats b, Floats c) { return _mm512_fmadd_ps(a, b, c); }
  static BP_INLINE Floats NegMultiplyAdd(Floats a, Floats b, Floats c) { return _mm512_fnmadd_ps(a, b, c); }
  static BP_INLINE Floats Add(Floats a, Floats b) { return _mm512_add_ps(a, b); }
  static BP_INLINE void StoreFloats(float* p, Floats v) { _mm512_storeu_ps(p, v); }
};

#if defined(__AVX512VNNI__) || defined(BEDPLATE_EMULATED_ISA)
struct Avx512VnniMath : Avx512Math {
  static constexpr bool kDotsInInt32 = true;
  /// 32-bit lanes: acc + four products, w unsigned, x signed; no saturation.
  static BP_INLINE Ints DotFours(Ints acc, Bytes w, Ints x) { return _mm512_dpbusd_epi32(acc, w, x); }
  template <int kFactor>
  static BP_INLINE Ints TimesPowerOfTwo(Ints v) {
    static_assert(std::has_single_bit(unsigned{kFactor}));
    return _mm512_slli_epi32(v, std::countr_zero(unsigned{kFactor}));
  }
  /// 16-bit halves: of even bytes the lower, of odd ones the upper.
  static BP_INLINE Ints PairsOf(__m128i even, __m128i odd) {
    return _mm512_or_si512(_mm512_cvtepu8_epi32(even), _mm512_slli_epi32(_mm512_cvtepu8_epi32(odd), 16));
  }
  static BP_INLINE Ints PairsOfSigned(__m128i even, __m128i odd) {
    const __m512i low = _mm512_and_si512(_mm512_cvtepi8_epi32(even), _mm512_set1_epi32(0xFFFF));
    return _mm512_or_si512(low, _mm512_slli_epi32(_mm512_cvtepi8_epi32(odd), 16));
  }
  /// Two sums of 16 bits in a lane: v becomes the upper one.
  static BP_INLINE Ints ShiftUp(Ints v) { return _mm512_slli_epi32(v, 16); }
  static BP_INLINE Ints Join(Ints upper, Ints lower) {
    return _mm512_mask_blend_epi16(0xAAAAAAAAu, lower, ShiftUp(upper));
  }
  /// Lower halves begin with 2^15, so that what they add up to borrows nothing from the upper ones, and lose it so.
  static BP_INLINE Ints LowerStart(Ints v) { return Add32(v, _mm512_set1_epi32(0x8000)); }
  static BP_INLINE Ints LowerEnd(Ints v) { return _mm512_xor_si512(v, _mm512_set1_epi32(0x8000)); }
  /// 16-bit lanes; by more than 15 bits gives zero.
  static BP_INLINE Ints ShiftLeftBy(Ints v, Ints counts) { return _mm512_sllv_epi16(v, counts); }
  /// Signed bytes to unsigned: v + 128.
  static BP_INLINE Bytes FlipSigns(Bytes v) { return _mm512_xor_si512(v, _mm512_set1_epi8(-128)); }
};
#endif

#if defined(__AVX512BF16__) || defined(BEDPLATE_EMULATED_ISA)
struct Avx512Bf16Math : Avx512VnniMath {
#if !defined(BEDPLATE_EMULATED_ISA)
  static BP_INLINE Ints PairsOfBf16(Floats even, Floats odd) {
    const auto rounded = [](Floats v) __attribute__((always_inline)) {
      return _mm512_cvtepu16_epi32(std::bit_cast<__m256i>(_mm512_cvtneps_pbh(v)));
    };
    return _mm512_or_si512(rounded(even), _mm512_slli_epi32(rounded(odd), 16));
  }
#endif
  static BP_INLINE Floats DotBf16(Floats acc, Ints a, Ints b) {
#if defined(BEDPLATE_EMULATED_ISA)
    return EmulatedDpbf16Ps(acc, a, b);
#else
    return _mm512_dpbf16_ps(acc, std::bit_cast<__m512bh>(a), std::bit_cast<__m512bh>(b));
#endif
  }
};
#endif

}  // namespace
}  // namespace bedplate

#pragma once
/// Quantising x with AVX2, and AVX-512 where the file is compiled for it: a block of 32 floats is four registers or
/// two. Included by every *_avx2.cc, *_avx512.cc and *_avx512vnni.cc matmul file after its vocabulary.

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "kernels/inline.h"
#include "kernels/matmul.h"
#include "kernels/quantized_rows.h"

namespace bedplate {
namespace {

BP_INLINE uint32_t LargestLane(__m256i v) {
  __m128i m = _mm_max_epu32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  m = _mm_max_epu32(m, _mm_shuffle_epi32(m, 0x4E));
  m = _mm_max_epu32(m, _mm_shuffle_epi32(m, 0xB1));
  return static_cast<uint32_t>(_mm_cvtsi128_si32(m));
}

/// A block's numbers in registers.
#if defined(__AVX512BW__) || defined(BEDPLATE_EMULATED_ISA)
struct BlockFloats {
  __m512 v[2];

  BP_INLINE explicit BlockFloats(const float* x) : v{_mm512_loadu_ps(x), _mm512_loadu_ps(x + 16)} {}
  [[nodiscard]] BP_INLINE uint32_t LargestBits() const {
    const __m512i number = _mm512_set1_epi32(0x7FFFFFFF);
    const __m512i m = _mm512_max_epu32(_mm512_and_si512(_mm512_castps_si512(v[0]), number),
                                       _mm512_and_si512(_mm512_castps_si512(v[1]), number));
    return LargestLane(_mm256_max_epu32(_mm512_castsi512_si256(m), _mm512_extracti64x4_epi64(m, 1)));
  }
  [[nodiscard]] BP_INLINE __m256i Rounded(float factor) const {
    const __m512 f = _mm512_set1_ps(factor);
    const __m128i low = _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(_mm512_mul_ps(v[0], f)));
    const __m128i high = _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(_mm512_mul_ps(v[1], f)));
    return _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
  }
};
#else
struct BlockFloats {
  __m256 v[4];

  BP_INLINE explicit BlockFloats(const float* x)
      : v{_mm256_loadu_ps(x), _mm256_loadu_ps(x + 8), _mm256_loadu_ps(x + 16), _mm256_loadu_ps(x + 24)} {}
  [[nodiscard]] BP_INLINE uint32_t LargestBits() const {
    __m256i m = _mm256_setzero_si256();
    for (const __m256& each : v) {
      m = _mm256_max_epu32(m, _mm256_and_si256(_mm256_castps_si256(each), _mm256_set1_epi32(0x7FFFFFFF)));
    }
    return LargestLane(m);
  }
  [[nodiscard]] BP_INLINE __m256i Rounded(float factor) const {
    __m256i q[4];
    for (int i = 0; i < 4; ++i) q[i] = _mm256_cvtps_epi32(_mm256_mul_ps(v[i], _mm256_set1_ps(factor)));
    // Packing interleaves 128-bit halves; the permutation puts the dwords of four inputs back in order.
    return _mm256_permutevar8x32_epi32(
        _mm256_packs_epi16(_mm256_packs_epi32(q[0], q[1]), _mm256_packs_epi32(q[2], q[3])),
        _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
  }
};
#endif

/// The first dword of each half.
BP_INLINE void StoreFirsts(void* out, __m256i v) {
  _mm_storel_epi64(static_cast<__m128i*>(out),
                   _mm_unpacklo_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1)));
}

BP_INLINE void QuantizeBlock(const float* x, QuantizedBlock& out) {
  const BlockFloats block(x);
  const uint32_t amax_bits = block.LargestBits();
  if (amax_bits >= kInfinityBits || amax_bits < kQuantizeFloorBits) {
    std::memset(&out, 0, sizeof(out));
    const uint32_t scale_bits = amax_bits >= kInfinityBits ? 0x7FC00000u : 0u;
    std::memcpy(&out.scale, &scale_bits, 4);
    return;
  }
  float largest;
  std::memcpy(&largest, &amax_bits, 4);
  const __m256i q = block.Rounded(127.0f / largest);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out.q), q);

  // 16-bit lanes: inputs 0 + 1 and 2 + 3 of each four; then the four fours of each half.
  __m256i sums = _mm256_maddubs_epi16(_mm256_set1_epi8(1), q);
  sums = _mm256_add_epi16(sums, _mm256_shuffle_epi32(sums, 0x4E));
  sums = _mm256_add_epi16(sums, _mm256_shuffle_epi32(sums, 0xB1));
  const __m256i minus = _mm256_madd_epi16(sums, _mm256_set1_epi16(-1));
  StoreFirsts(out.sum, sums);
  StoreFirsts(out.minus_total, minus);
  const int32_t total =
      -_mm_cvtsi128_si32(_mm_add_epi32(_mm256_castsi256_si128(minus), _mm256_extracti128_si256(minus, 1)));
  out.scale = largest / 127.0f;
  out.scaled_total = static_cast<float>(total) * out.scale;
}

void QuantizeRowsVector(const float* values, size_t stride, uint32_t rows, uint32_t width, std::byte* out,
                        uint32_t out_width) {
  for (size_t r = 0; r < rows; ++r) {
    QuantizedBlock* const to = reinterpret_cast<QuantizedBlock*>(out) + r * (out_width / kInputBlock);
    for (size_t i = 0; i < width; i += kInputBlock) QuantizeBlock(values + r * stride + i, to[i / kInputBlock]);
  }
}

}  // namespace
}  // namespace bedplate

#pragma once
/// Quantising x with AVX2: one block of 32 floats is four registers. Included by every *_avx2.cc, *_avx512.cc and
/// *_avx512vnni.cc matmul file after its vocabulary; wider registers would only shorten what is a small part of a step.

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

BP_INLINE void QuantizeBlock(const float* x, QuantizedBlock& out) {
  __m256 v[4];
  __m256i amax = _mm256_setzero_si256();
  for (int i = 0; i < 4; ++i) {
    v[i] = _mm256_loadu_ps(x + 8 * i);
    amax = _mm256_max_epu32(amax, _mm256_and_si256(_mm256_castps_si256(v[i]), _mm256_set1_epi32(0x7FFFFFFF)));
  }
  const uint32_t amax_bits = LargestLane(amax);
  if (amax_bits >= kInfinityBits || amax_bits < kQuantizeFloorBits) {
    std::memset(&out, 0, sizeof(out));
    const uint32_t scale_bits = amax_bits >= kInfinityBits ? 0x7FC00000u : 0u;
    std::memcpy(&out.scale, &scale_bits, 4);
    return;
  }
  float largest;
  std::memcpy(&largest, &amax_bits, 4);
  const __m256 to_int = _mm256_set1_ps(127.0f / largest);
  __m256i q[4];
  for (int i = 0; i < 4; ++i) q[i] = _mm256_cvtps_epi32(_mm256_mul_ps(v[i], to_int));
  // Packing interleaves 128-bit halves; the permutation puts the dwords of four inputs back in order.
  const __m256i packed =
      _mm256_permutevar8x32_epi32(_mm256_packs_epi16(_mm256_packs_epi32(q[0], q[1]), _mm256_packs_epi32(q[2], q[3])),
                                  _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out.q), packed);

  // 16-bit lanes: inputs 0 + 1 and 2 + 3 of each four; then the four fours of each half.
  __m256i sums = _mm256_maddubs_epi16(_mm256_set1_epi8(1), packed);
  sums = _mm256_add_epi16(sums, _mm256_shuffle_epi32(sums, 0x4E));
  sums = _mm256_add_epi16(sums, _mm256_shuffle_epi32(sums, 0xB1));
  const int32_t first = _mm_cvtsi128_si32(_mm256_castsi256_si128(sums));
  const int32_t second = _mm_cvtsi128_si32(_mm256_extracti128_si256(sums, 1));
  std::memcpy(out.sum[0], &first, 4);
  std::memcpy(out.sum[1], &second, 4);
  out.scale = largest / 127.0f;
  for (int s = 0; s < 2; ++s) out.minus_total[s] = -out.sum[s][0] - out.sum[s][1];
  const int32_t total = -out.minus_total[0] - out.minus_total[1];
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

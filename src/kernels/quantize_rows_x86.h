#pragma once
/// Quantising x with AVX2, and AVX-512 where the file is compiled for it: a block of 32 floats is four registers or
/// two. Included by every vector matmul file after its vocabulary.

#include <immintrin.h>

#include <bit>
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

/// The larger sum of |q| of the block's two halves.
BP_INLINE int32_t LargerHalfSum(__m256i q) {
  const __m256i sums = _mm256_sad_epu8(_mm256_abs_epi8(q), _mm256_setzero_si256());  // of 8 each
  const __m256i halves = _mm256_add_epi64(sums, _mm256_shuffle_epi32(sums, 0x4E));
  const int32_t first = _mm256_cvtsi256_si32(halves), second = _mm256_extract_epi32(halves, 4);
  return first > second ? first : second;
}

/// All but what pairs share.
BP_INLINE float StoreBlock(__m256i q, float scale, QuantizedBlock& out) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out.q), q);
  // 16-bit lanes: inputs 0 + 1 and 2 + 3 of each four; then the four fours of each half.
  __m256i sums = _mm256_maddubs_epi16(_mm256_set1_epi8(1), q);
  sums = _mm256_add_epi16(sums, _mm256_shuffle_epi32(sums, 0x4E));
  sums = _mm256_add_epi16(sums, _mm256_shuffle_epi32(sums, 0xB1));
  const __m256i minus = _mm256_madd_epi16(sums, _mm256_set1_epi16(-1));
  StoreFirsts(out.sum, sums);
  const int32_t first = _mm256_cvtsi256_si32(minus), second = _mm256_extract_epi32(minus, 4);
  out.minus_total = first + second;
  out.minus_halves = static_cast<int32_t>(static_cast<uint32_t>(first) << 16) + second;
  out.scale = scale;
  return static_cast<float>(-out.minus_total) * scale;
}

template <int kBlocks>
BP_INLINE void QuantizePair(const float* x, QuantizedBlock* out) {
  constexpr int kSecond = kBlocks - 1;
  const BlockFloats blocks[2] = {BlockFloats(x), BlockFloats(x + kSecond * int{kInputBlock})};
  const uint32_t amax_bits[2] = {blocks[0].LargestBits(), blocks[1].LargestBits()};
  const uint32_t largest_bits = amax_bits[0] > amax_bits[1] ? amax_bits[0] : amax_bits[1];
  const auto store_none = [&](uint32_t scale_bits) __attribute__((always_inline)) {
    std::memset(out, 0, kBlocks * sizeof(*out));
    for (int i = 0; i < kBlocks; ++i) out[i].scale = std::bit_cast<float>(scale_bits);
    out[0].pair_unit = out[0].scale;
  };
  if (largest_bits >= kInfinityBits) return store_none(0x7FC00000u);
  if (largest_bits < kQuantizeFloorBits) return store_none(0);
  auto largest = std::bit_cast<float>(largest_bits);
  const float to_share = static_cast<float>(kLargestFactor) / largest;
  BlockFactor factors[2];
  float values[2];
  for (int i = 0; i < 2; ++i) {
    factors[i] = FactorOf(std::bit_cast<float>(amax_bits[i]) * to_share);
    values[i] = factors[i].value();
  }
  __m256i q[2];
  const auto round = [&]() __attribute__((always_inline)) {
    const float to_int = 127.0f / largest;
    for (int i = 0; i < kBlocks; ++i) {
      q[i] = blocks[i].Rounded(to_int * (static_cast<float>(kLargestFactor) / values[i]));
    }
    int32_t sum = LargerHalfSum(q[0]);
    if constexpr (kBlocks == 2) {
      const int32_t second = LargerHalfSum(q[1]);
      sum = second > sum ? second : sum;
    }
    return sum;
  };
  const int32_t sum = round();
  if (sum > kHalfSumMax) [[unlikely]] {
    largest = largest * (static_cast<float>(sum) / 1007.0f);
    if (std::bit_cast<uint32_t>(largest) >= kInfinityBits) return store_none(0x7FC00000u);
    round();
  }
  const float unit = largest / 127.0f / static_cast<float>(kLargestFactor);
  float totals[2] = {};
  for (int i = 0; i < kBlocks; ++i) totals[i] = StoreBlock(q[i], unit * values[i], out[i]);
  out[0].pair_unit = unit;
  for (int i = 0; i < 2; ++i) out[0].shifts[i] = static_cast<uint16_t>(factors[1 - i].shift);
  if constexpr (kBlocks == 2) {
    for (int i = 0; i < 2; ++i) {
      out[1].more_shifts[i] = static_cast<uint16_t>(factors[1 - i].more_shift);
      out[1].totals[i] = RoundTotal(totals[i]);
    }
  }
}

void QuantizeRowsVector(const float* values, size_t stride, uint32_t rows, uint32_t width, std::byte* out,
                        uint32_t out_width) {
  for (size_t r = 0; r < rows; ++r) {
    QuantizedBlock* const to = reinterpret_cast<QuantizedBlock*>(out) + r * (out_width / kInputBlock);
    const float* const from = values + r * stride;
    size_t i = 0;
    for (; i + 2 * kInputBlock <= width; i += 2 * kInputBlock) QuantizePair<2>(from + i, to + i / kInputBlock);
    if (i < width) QuantizePair<1>(from + i, to + i / kInputBlock);
  }
}

}  // namespace
}  // namespace bedplate

#pragma once
/// Rows of x as the quantised matmuls read them: int8 in blocks of 32 inputs, each with its own scale. Two blocks are a
/// pair (the last of an odd number is one by itself), whose scales are small multiples of one unit.
///
/// The rule, in integers and single f32 operations, so that every instruction set gives the same bytes. Of a pair:
///   amax = the largest bit pattern of |x| in each block, M = the larger of the two; those of infinity and NaN are
///   larger than any number's.
///   M infinite or NaN: scales = quiet NaN, the rest 0. Every product with the pair is NaN, so the caller can see it.
///   M < 2^-100:        all 0. (127 / M would overflow below 2^-121; such inputs are zero in any sum.)
///   else:              unit = M / 127 / 512, and of each block a factor: amax * (512 / M), rounded up to a number of 1
///                      to 512 that is a power of two or the sum of two (FactorOf). scale = unit * factor, q = x *
///                      (127 / M * (512 / factor)), rounded to nearest even. |q| <= 127 needs no clamp:
///                      that product is 127 (1 + 2^-21) at most, which rounds to 127.
///   Flat inputs:       where |q| of inputs 0..15 or 16..31 of a block add up to more than kHalfSumMax, the largest of
///                      the pair to S, M = M * (S / 1007), and q, unit and scales are made once more, factors as they
///                      are. Then none does: (S + 8) * 1007 / S + 8 < 1023. So sums of 16 products with numbers in
///                      [-32, 31], and of 32 with numbers in [-16, 15], fit 16 bits. (M may be infinite now: see
///                      there.)

#include <bit>
#include <cstddef>
#include <cstdint>

#include "kernels/inline.h"

namespace bedplate {

/// 32 inputs of one row. Rows follow each other: [rows][inputs / 32].
struct QuantizedBlock {
  int8_t q[32];
  /// sum[s][p]: of inputs 16s .. 16s+15, those with (input % 4) / 2 == p. That is how vpmaddubsw and vpmaddwd split a
  /// dot product over 16-bit lanes, so one broadcast dword corrects both lanes for a code's offset. |sum| <= 8 * 127 =
  /// 1016.
  int16_t sum[2][2];
  float scale;
  int32_t minus_total;   // the sum of all 32 q, negated: what a code's offset meets where dots are 32 bits wide
  int32_t minus_halves;  // the same of inputs 0..15, times 65536, and of 16..31, in one number
  /// What kernels that take both blocks at once meet. A factor is 2^shift + 2^more_shift, the latter none if that is
  /// 16: a multiplication by it takes no multiplier, whose place dot products take. The second block's come first.
  union {
    float pair_unit;          // in a pair's first block
    uint16_t more_shifts[2];  // in its second
  };
  union {
    uint16_t shifts[2];  // in a pair's first block
    uint16_t totals[2];  // in its second: the sum of each block's q, times scale, as bf16 (RoundTotal)
  };
};
static_assert(sizeof(QuantizedBlock) == 60);

/// Smallest |x| that counts, as a bit pattern: 2^-100.
inline constexpr uint32_t kQuantizeFloorBits = (127u - 100u) << 23;
inline constexpr uint32_t kInfinityBits = 0x7F800000u;

inline constexpr int32_t kHalfSumMax = 1023;
inline constexpr uint32_t kLargestFactor = 512, kNoShift = 16;

struct BlockFactor {
  uint32_t shift, more_shift;
  [[nodiscard]] BP_INLINE float value() const {
    return static_cast<float>((1u << shift) + (more_shift == kNoShift ? 0 : 1u << more_shift));
  }
};

/// share: amax * (512 / M).
BP_INLINE BlockFactor FactorOf(float share) {
  auto least = static_cast<uint32_t>(share);
  if (static_cast<float>(least) < share) ++least;
  if (least < 1) least = 1;
  if (least >= kLargestFactor) return {9, kNoShift};
  const auto width = static_cast<uint32_t>(std::bit_width(least));
  const uint32_t rest = least - (1u << (width - 1));
  if (rest == 0) return {width - 1, kNoShift};
  const auto more = static_cast<uint32_t>(std::bit_width(rest - 1));  // 2^more >= rest
  if (more == width - 1) return {width, kNoShift};
  return {width - 1, more};
}

/// A block's total as bf16, ties to even; beyond 2^100 that, below 2^-74 zero: its products with what mins are rounded
/// to are no denormal numbers then, nor are sums of such (matmul.h).
BP_INLINE uint16_t RoundTotal(float total) {
  constexpr uint32_t kLeast = (127u - 74u) << 23, kMost = (127u + 100u) << 23;
  const auto bits = std::bit_cast<uint32_t>(total);
  const uint32_t sign = bits & 0x80000000u, size = bits & 0x7FFFFFFFu;
  const uint32_t kept = size < kLeast ? 0 : size > kMost ? kMost : size;
  return static_cast<uint16_t>((sign | (kept + 0x7FFFu + (kept >> 16 & 1))) >> 16);
}

}  // namespace bedplate

#pragma once
/// Rows of x as the quantised matmuls read them: int8 in blocks of 32 inputs, each with its own scale. Two blocks are a
/// pair (the last of an odd number is one by itself); in a pair, scales differ by a power of two.
///
/// The rule, in integers and single f32 operations, so that every instruction set gives the same bytes. Of a pair:
///   amax = the largest bit pattern of |x| in each block, M = the larger of the two; those of infinity and NaN are
///   larger than any number's.
///   M infinite or NaN: scales = quiet NaN, the rest 0. Every product with the pair is NaN, so the caller can see it.
///   M < 2^-100:        all 0. (127 / M would overflow below 2^-121; such inputs are zero in any sum.)
///   else:              of each block j = the largest of 0 .. kPairShifts with amax 2^j <= M (without rounding),
///                      q = x * (127 / M * 2^j), rounded to nearest even, scale = M / 127 * 2^-j. |q| <= 127 needs no
///                      clamp: |x * (127 / M * 2^j)| <= 127 (1 + 2^-22), which rounds to 127.
///   Flat inputs:       where |q| of inputs 0..15 or 16..31 of a block add up to more than kHalfSumMax, the largest such
///                      sum S of the pair, M = M * (S / 1007), and q and scales are made once more with the same j. Then
///                      none does: (S + 8) * 1007 / S + 8 < 1023. So sums of 16 products with numbers in [-32, 31], and
///                      of 32 with numbers in [-16, 15], fit 16 bits. (M times that may be infinite: see there.)

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
  /// What kernels that take both blocks at once meet: their scales are pair_unit * 2^shift.
  float pair_unit;  // M / 127 * 2^-kPairShifts, the same in both
  union {
    /// In a pair's first block: the shifts, kPairShifts - j, the second block's first.
    uint16_t shifts[2];
    /// In its second: the sum of each block's q, times scale, as bf16 (RoundTotal).
    uint16_t totals[2];
  };
};
static_assert(sizeof(QuantizedBlock) == 60);

/// Smallest |x| that counts, as a bit pattern: 2^-100.
inline constexpr uint32_t kQuantizeFloorBits = (127u - 100u) << 23;
inline constexpr uint32_t kInfinityBits = 0x7F800000u;

inline constexpr uint32_t kPairShifts = 9;
inline constexpr int32_t kHalfSumMax = 1023;

/// j of a block, of the bit patterns of its amax and of M.
BP_INLINE uint32_t ScaleShift(uint32_t amax_bits, uint32_t largest_bits) {
  const uint32_t j = (largest_bits - amax_bits) >> 23;  // exponents' difference, less one if amax's fraction is larger
  return j < kPairShifts ? j : kPairShifts;
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

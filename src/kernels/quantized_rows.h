#pragma once
/// Rows of x as the quantised matmuls read them: int8 in blocks of 32 inputs, each with its own scale.
///
/// The rule, in integers and single f32 operations, so that every instruction set gives the same bytes:
///   amax = the largest bit pattern of |x| in the block; those of infinity and NaN are larger than any number's.
///   amax infinite or NaN: scale = quiet NaN, q = 0. Every product with the block is NaN, so the caller can see it.
///   amax < 2^-100:        scale = 0, q = 0. (127 / amax would overflow below 2^-121; such inputs are zero in any sum.)
///   else:                 scale = amax / 127, q = x * (127 / amax) rounded to nearest even. |q| <= 127 needs no clamp:
///                         |x * (127 / amax)| <= 127 (1 + 2^-22), which rounds to 127.

#include <cstddef>
#include <cstdint>

namespace bedplate {

/// 32 inputs of one row. Rows follow each other: [rows][inputs / 32].
struct QuantizedBlock {
  int8_t q[32];
  /// sum[s][p]: of inputs 16s .. 16s+15, those with (input % 4) / 2 == p. That is how vpmaddubsw and vpmaddwd split a
  /// dot product over 16-bit lanes, so one broadcast dword corrects both lanes for a code's offset. |sum| <= 8 * 127 =
  /// 1016.
  int16_t sum[2][2];
  float scale;
  float scaled_total;      // the sum of all 32 q, times scale, rounded once: what a min's multiplier meets
  int32_t minus_total[2];  // what sum[s] adds up to, negated: what a code's offset meets where dots are 32 bits wide
};
static_assert(sizeof(QuantizedBlock) == 56);

/// Smallest |x| that counts, as a bit pattern: 2^-100.
inline constexpr uint32_t kQuantizeFloorBits = (127u - 100u) << 23;
inline constexpr uint32_t kInfinityBits = 0x7F800000u;

}  // namespace bedplate

#pragma once
/// Integers of 128 bits: what amounts are counted in, and what ids are. Text is plain decimal, exact.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bedplate {

__extension__ typedef __int128 Int128;
__extension__ typedef unsigned __int128 Uint128;

inline constexpr Int128 kInt128Max = static_cast<Int128>(~Uint128{0} >> 1);
inline constexpr Int128 kInt128Min = -kInt128Max - 1;

/// None where the sum, difference or product has no room in 128 bits.
[[nodiscard]] constexpr std::optional<Int128> CheckedAdd(Int128 a, Int128 b) {
  Int128 sum{};
  if (__builtin_add_overflow(a, b, &sum)) return std::nullopt;
  return sum;
}
[[nodiscard]] constexpr std::optional<Int128> CheckedSubtract(Int128 a, Int128 b) {
  Int128 difference{};
  if (__builtin_sub_overflow(a, b, &difference)) return std::nullopt;
  return difference;
}
[[nodiscard]] constexpr std::optional<Int128> CheckedMultiply(Int128 a, Int128 b) {
  Int128 product{};
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

/// "-170141183460469231731687303715884105728": no sign but a minus, no leading zeros.
std::string DecimalText(Int128 value);
/// The number that decimals digits after the point spell: (1234, 2) is "12.34". At least decimals_min of them are
/// written, further ones up to the last that isn't 0.
std::string FixedPointText(Int128 value, int decimals, int decimals_min);
/// The same read back: digits, with at most one point among them and a minus before them. None for anything else (an
/// exponent, a plus, a thousands mark, spaces), for more digits after the point than `decimals` that aren't 0, and for
/// what has no room.
std::optional<Int128> ParseFixedPoint(std::string_view text, int decimals);

/// 16 bytes whose order as bytes is the numbers' order: big-endian, with the sign bit turned.
std::string OrderedBytes(Int128 value);
/// None unless there are 16.
std::optional<Int128> FromOrderedBytes(std::string_view bytes);

}  // namespace bedplate

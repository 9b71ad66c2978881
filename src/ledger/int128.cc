#include "ledger/int128.h"

#include <algorithm>

namespace bedplate {

std::string DecimalText(Int128 value) {
  return FixedPointText(value, 0, 0);
}

std::string FixedPointText(Int128 value, int decimals, int decimals_min) {
  // The least number has no positive twin among the signed ones.
  Uint128 magnitude = value < 0 ? Uint128{0} - static_cast<Uint128>(value) : static_cast<Uint128>(value);
  std::string reversed;
  for (int digit = 0; digit <= decimals || magnitude != 0; ++digit) {
    if (digit == decimals && decimals > 0) reversed += '.';
    reversed += static_cast<char>('0' + static_cast<int>(magnitude % 10));
    magnitude /= 10;
  }
  if (value < 0) reversed += '-';
  std::reverse(reversed.begin(), reversed.end());
  if (decimals == 0) return reversed;
  const size_t point = reversed.find('.');
  size_t end = reversed.size();
  while (end > point + 1 + static_cast<size_t>(decimals_min) && reversed[end - 1] == '0') --end;
  if (end == point + 1) end = point;
  reversed.resize(end);
  return reversed;
}

std::optional<Int128> ParseFixedPoint(std::string_view text, int decimals) {
  const bool negative = !text.empty() && text[0] == '-';
  if (negative) text.remove_prefix(1);
  // Digits are subtracted, since the least number has no positive twin.
  Int128 value = 0;
  int after_point = -1;  // digits after it; -1: there was none yet
  size_t digits = 0;
  const auto take = [&](int digit) {
    return !__builtin_mul_overflow(value, Int128{10}, &value) &&
           !__builtin_sub_overflow(value, static_cast<Int128>(digit), &value);
  };
  for (const char c : text) {
    if (c == '.' && after_point < 0) {
      after_point = 0;
      continue;
    }
    if (c < '0' || c > '9') return std::nullopt;
    ++digits;
    const bool counts = after_point < decimals;
    if (after_point >= 0) ++after_point;
    if (counts ? !take(c - '0') : c != '0') return std::nullopt;
  }
  // "." and "5." are no numbers.
  if (digits == 0 || after_point == 0 || text[0] == '.') return std::nullopt;
  for (int digit = std::max(after_point, 0); digit < decimals; ++digit) {
    if (!take(0)) return std::nullopt;
  }
  if (negative) return value;
  if (value == kInt128Min) return std::nullopt;
  return -value;
}

std::string OrderedBytes(Int128 value) {
  const Uint128 turned = static_cast<Uint128>(value) ^ (Uint128{1} << 127);
  std::string bytes(16, '\0');
  for (size_t i = 0; i < 16; ++i) bytes[i] = static_cast<char>(static_cast<uint8_t>(turned >> (120 - 8 * i)));
  return bytes;
}

std::optional<Int128> FromOrderedBytes(std::string_view bytes) {
  if (bytes.size() != 16) return std::nullopt;
  Uint128 turned = 0;
  for (const char byte : bytes) turned = turned << 8 | static_cast<uint8_t>(byte);
  return static_cast<Int128>(turned ^ (Uint128{1} << 127));
}

}  // namespace bedplate

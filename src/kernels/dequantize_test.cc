// Method: golden blocks written by scripts/make_dequantize_golden.py with the `gguf` Python package, compared bit for
// bit; the 16-bit conversions exhaustively, at every value and at every rounding boundary.
#include "kernels/dequantize.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <limits>
#include <set>
#include <vector>

namespace bedplate {
namespace {

std::vector<std::byte> ReadGolden() {
  std::ifstream in(BEDPLATE_SOURCE_DIR "/src/kernels/testdata/dequantize.golden", std::ios::binary);
  const std::vector<char> text((std::istreambuf_iterator<char>(in)), {});
  std::vector<std::byte> out(text.size());
  if (!text.empty()) std::memcpy(out.data(), text.data(), text.size());
  return out;
}

uint32_t Load32(const std::byte* p) {
  uint32_t v = 0;
  std::memcpy(&v, p, 4);
  return v;
}

TEST(DequantizeRow, EqualsTheReferenceBitForBit) {
  const std::vector<std::byte> golden = ReadGolden();
  std::set<WeightType> seen;
  for (size_t at = 0; at < golden.size();) {
    // Record: u32 GGUF type, u32 elements, the row, f32 values.
    ASSERT_LE(at + 8, golden.size());
    const std::optional<WeightType> type = WeightTypeFromGgufId(Load32(&golden[at]));
    ASSERT_TRUE(type.has_value());
    const size_t n = Load32(&golden[at + 4]);
    const size_t row_bytes = RowBytes(*type, n);
    at += 8;
    ASSERT_LE(at + row_bytes + 4 * n, golden.size());
    std::vector<float> got(n);
    DequantizeRow(*type, &golden[at], n, got.data());
    at += row_bytes;
    for (size_t i = 0; i < n; ++i) {
      ASSERT_EQ(std::bit_cast<uint32_t>(got[i]), Load32(&golden[at + 4 * i])) << InfoOf(*type).name << " element " << i;
    }
    at += 4 * n;
    seen.insert(*type);
  }
  EXPECT_EQ(seen.size(), kWeightTypeCount);
}

TEST(F16, WidensEveryValueExactly) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const float wide = F16ToF32(half);
    const int exponent = static_cast<int>(bits >> 10 & 31);
    const int fraction = static_cast<int>(bits & 0x3FF);
    const double sign = (bits & 0x8000u) != 0 ? -1.0 : 1.0;
    if (exponent == 31 && fraction != 0) {
      EXPECT_TRUE(std::isnan(wide));
      EXPECT_TRUE(std::isnan(F16ToF32(F32ToF16(wide))));
      continue;
    }
    const double want = exponent == 31  ? sign * std::numeric_limits<double>::infinity()
                        : exponent == 0 ? sign * std::ldexp(fraction, -24)
                                        : sign * std::ldexp(1024 + fraction, exponent - 25);
    ASSERT_EQ(static_cast<double>(wide), want) << bits;
    ASSERT_EQ(std::signbit(wide), sign < 0) << bits;
    ASSERT_EQ(F32ToF16(wide), half) << bits;
  }
}

// Narrowing is decided at the midpoints between neighbours: exactly there the even one wins, a hair away the nearer
// one.
template <class Narrow, class Widen>
void CheckBoundaries(uint32_t infinity_bits, Narrow narrow, Widen widen) {
  for (uint32_t low = 0; low + 1 < infinity_bits; ++low) {
    const float a = widen(static_cast<uint16_t>(low));
    const float b = widen(static_cast<uint16_t>(low + 1));
    const auto mid = static_cast<float>((static_cast<double>(a) + static_cast<double>(b)) / 2);
    if (mid == a || mid == b) continue;  // f32 subnormals at the very bottom of bf16
    const uint32_t even = low % 2 == 0 ? low : low + 1;
    ASSERT_EQ(narrow(mid), even) << low;
    ASSERT_EQ(narrow(-mid), even | 0x8000u) << low;
    ASSERT_EQ(narrow(std::nextafter(mid, 0.0f)), low) << low;
    ASSERT_EQ(narrow(std::nextafter(mid, INFINITY)), low + 1) << low;
  }
}

TEST(F16, NarrowsToNearestEven) {
  CheckBoundaries(0x7C00, F32ToF16, F16ToF32);
  EXPECT_EQ(F32ToF16(65519.996f), 0x7BFF);
  EXPECT_EQ(F32ToF16(65520.0f), 0x7C00);
  EXPECT_EQ(F32ToF16(1e30f), 0x7C00);
  EXPECT_EQ(F32ToF16(-INFINITY), 0xFC00);
  EXPECT_EQ(F32ToF16(0x1p-25f), 0);
  EXPECT_EQ(F32ToF16(-0.0f), 0x8000);
  EXPECT_TRUE(std::isnan(F16ToF32(F32ToF16(std::bit_cast<float>(0x7F800001u)))));
}

TEST(Bf16, WidensAndNarrows) {
  CheckBoundaries(0x7F80, F32ToBf16, Bf16ToF32);
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float wide = Bf16ToF32(static_cast<uint16_t>(bits));
    if (!std::isnan(wide)) ASSERT_EQ(F32ToBf16(wide), bits);
  }
  EXPECT_EQ(F32ToBf16(std::numeric_limits<float>::max()), 0x7F80);
  EXPECT_TRUE(std::isnan(Bf16ToF32(F32ToBf16(std::bit_cast<float>(0x7F800001u)))));
}

}  // namespace
}  // namespace bedplate

// Method: tables of texts and amounts, both ends of the range among them; random amounts that come back from text and
// bytes, and whose bytes are in their order.

#include "ledger/money.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace bedplate {
namespace {

Int128 RandomInt128(Prng& rng) {
  const Uint128 bits = Uint128{rng.Next()} << 64 | rng.Next();
  return static_cast<Int128>(bits) >> rng.Range(0, 127);  // of every magnitude, both signs
}

TEST(Money, TextIsExact) {
  const std::pair<Int128, const char*> table[] = {
      {0, "0.00"},
      {1, "0.000000000001"},
      {-1, "-0.000000000001"},
      {150'000, "0.00000015"},
      {12'500'000'000'000, "12.50"},
      {-3'000'000'000'000, "-3.00"},
      {Int128{38'000'000'000} * kPicodollarsPerDollar, "38000000000.00"},
      {kDollarsMax.value, "1000000000000000.00"},
      {-kDollarsMax.value, "-1000000000000000.00"},
  };
  for (const auto& [value, text] : table) {
    EXPECT_EQ(DollarsText({value}), text);
    const auto parsed = ParseDollars(text);
    ASSERT_TRUE(parsed.ok()) << text;
    EXPECT_TRUE(*parsed == Picodollars{value}) << text;
  }
  for (const char* text : {"1", "1.0", "01.000000000000", "1.0000000000000000"}) {
    EXPECT_TRUE(*ParseDollars(text) == Picodollars{kPicodollarsPerDollar}) << text;
  }
  EXPECT_TRUE(*ParseDollars("-0") == Picodollars{});
}

TEST(Money, WhatIsNoAmountIsRefusedByItsText) {
  for (const char* text : {"", "-", ".", "5.", ".5", "+1", " 1", "1 ", "1e3", "1,000.00", "1.2.3", "0x10", "--1", "$1",
                           "NaN", "0.0000000000001", "1000000000000000.000000000001", "-1000000000000001",
                           "99999999999999999999999999999999999999999999"}) {
    const auto parsed = ParseDollars(text);
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_EQ(parsed.status().code(), StatusCode::kInvalidArgument);
    EXPECT_NE(parsed.status().message().find(text), std::string::npos) << parsed.status().message();
  }
}

TEST(Money, TheEndsOfTheRange) {
  EXPECT_EQ(DecimalText(kInt128Max), "170141183460469231731687303715884105727");
  EXPECT_EQ(DecimalText(kInt128Min), "-170141183460469231731687303715884105728");
  EXPECT_TRUE(*ParseFixedPoint("-170141183460469231731687303715884105728", 0) == kInt128Min);
  EXPECT_TRUE(*ParseFixedPoint("170141183460469231731687303715884105727", 0) == kInt128Max);
  EXPECT_FALSE(ParseFixedPoint("170141183460469231731687303715884105728", 0).has_value());
  EXPECT_FALSE(ParseFixedPoint("-170141183460469231731687303715884105729", 0).has_value());
  EXPECT_FALSE(CheckedAdd(kInt128Max, 1).has_value());
  EXPECT_FALSE(CheckedSubtract(kInt128Min, 1).has_value());
  EXPECT_FALSE(CheckedMultiply(kInt128Max, 2).has_value());
  EXPECT_FALSE(CheckedAdd(Picodollars{kInt128Max}, Picodollars{1}).has_value());
  EXPECT_TRUE(CheckedAdd(Picodollars{1}, Picodollars{2}) == Picodollars{3});
  EXPECT_DEATH((void)(Picodollars{kInt128Max} + Picodollars{1}), "sum.has_value");
  EXPECT_DEATH((void)(Picodollars{kInt128Min} - Picodollars{1}), "difference.has_value");
}

TEST(Money, ComesBackFromTextAndBytes) {
  Prng rng(TestSeed());
  Int128 before = 0;
  for (int round = 0; round < 20'000; ++round) {
    const Int128 value = round == 0 ? kInt128Min : round == 1 ? kInt128Max : RandomInt128(rng);
    for (const int decimals : {0, 3, 12}) {
      const std::string text = FixedPointText(value, decimals, static_cast<int>(rng.Range(0, decimals)));
      ASSERT_TRUE(ParseFixedPoint(text, decimals) == value) << text;
    }
    const std::string bytes = OrderedBytes(value);
    ASSERT_EQ(bytes.size(), 16u);
    ASSERT_TRUE(FromOrderedBytes(bytes) == value);
    ASSERT_EQ(OrderedBytes(before) < bytes, before < value);
    before = value;
  }
  EXPECT_FALSE(FromOrderedBytes("short").has_value());
  EXPECT_FALSE(FromOrderedBytes(std::string(17, 'x')).has_value());
}

}  // namespace
}  // namespace bedplate

// Method: known charges; random pieces of a total against one computed with the whole number; long division against
// products that fit; the ends of the range; which price is found.

#include "ledger/price.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"

namespace bedplate {
namespace {

Price PriceOf(std::string_view dollars, int64_t per, std::string model = "") {
  return {.model = std::move(model), .amount = *ParseDollars(dollars), .per = per};
}

TEST(Rating, KnownCharges) {
  EXPECT_EQ(DollarsText(*ChargeOf(PriceOf("0.15", 1'000'000), 0, 1)), "0.00000015");
  EXPECT_EQ(DollarsText(*ChargeOf(PriceOf("15", 1'000'000), 123, 1'000)), "0.015");
  const Price accelerator = PriceOf("2.98", 3'600'000);  // 827777.7... pico-dollars a millisecond
  EXPECT_EQ(ChargeOf(accelerator, 0, 1)->value, 827'777);
  EXPECT_EQ(ChargeOf(accelerator, 1, 1)->value, 827'778);
  EXPECT_EQ(DollarsText(*ChargeOf(accelerator, 0, 3'600'000)), "2.98");
  EXPECT_EQ(ChargeOf(accelerator, 0, 0)->value, 0);
}

TEST(Rating, AnyPiecesSumToTheWhole) {
  Prng rng(TestSeed());
  for (int round = 0; round < 500; ++round) {
    const Price price{.amount = {rng.Range(0, 1'000'000'000'000)}, .per = rng.Range(1, 1'000'000'007)};
    std::vector<int64_t> pieces(static_cast<size_t>(rng.Range(1, 50)));
    int64_t whole = 0;
    for (int64_t& piece : pieces) whole += piece = rng.Range(0, rng.Pick({1, 1000, 100'000'000}));
    for (int order = 0; order < 2; ++order) {
      int64_t total = 0;
      Picodollars sum;
      for (const int64_t piece : pieces) {
        const Picodollars charge = *ChargeOf(price, total, piece);
        // Never more than one pico-dollar from the exact price.
        const Int128 exact = price.amount.value * piece;
        ASSERT_LE(charge.value * price.per, exact + price.per);
        ASSERT_GE(charge.value * price.per, exact - price.per);
        sum = sum + charge;
        total += piece;
      }
      ASSERT_TRUE(sum == Picodollars{price.amount.value * whole / price.per}) << TestSeed();
      std::reverse(pieces.begin(), pieces.end());
    }
  }
}

TEST(Rating, DividesAsTheProcessorDoes) {
  Prng rng(TestSeed());
  for (int round = 0; round < 20'000; ++round) {
    const auto a = static_cast<Int128>((Uint128{rng.Next()} << 64 | rng.Next()) >> rng.Range(1, 127));
    const auto b = static_cast<int64_t>(rng.Next() >> rng.Range(1, 63));
    const auto c = std::max<int64_t>(1, static_cast<int64_t>(rng.Next() >> rng.Range(1, 63)));
    const std::optional<Int128> product = CheckedMultiply(a, b);
    const std::optional<Int128> got = MultiplyDivide(a, b, c);
    if (product) {
      ASSERT_TRUE(got == *product / c);
    } else if (got) {
      // q = floor(ab / c) gives 0 <= ab - qc < c, also modulo 2^128.
      const Uint128 rest =
          static_cast<Uint128>(a) * static_cast<Uint128>(b) - static_cast<Uint128>(*got) * static_cast<Uint128>(c);
      ASSERT_LT(rest, static_cast<Uint128>(c));
    }
  }
  EXPECT_TRUE(MultiplyDivide(kInt128Max, 5, 5) == kInt128Max);
  EXPECT_TRUE(MultiplyDivide(kInt128Max, INT64_MAX, INT64_MAX) == kInt128Max);
  EXPECT_FALSE(MultiplyDivide(kInt128Max, 6, 5).has_value());
  EXPECT_FALSE(MultiplyDivide(kInt128Max, INT64_MAX, 1).has_value());
  EXPECT_TRUE(MultiplyDivide(kInt128Max, 0, 1) == Int128{0});
}

TEST(Rating, WhatHasNoRoomIsRefusedByName) {
  const Price dear{.model = "m", .amount = kDollarsMax, .per = 1};
  for (const auto& charge : {ChargeOf(dear, 0, 2), ChargeOf(dear, INT64_MAX, 1), ChargeOf(dear, 0, INT64_MAX)}) {
    ASSERT_FALSE(charge.ok());
    EXPECT_EQ(charge.status().reason(), "overflow");
    EXPECT_NE(charge.status().message().find("model m"), std::string::npos) << charge.status().message();
  }
  EXPECT_TRUE(ChargeOf(dear, 0, 1).ok());
  EXPECT_FALSE(ChargeOf(dear, 0, -1).ok());
}

TEST(Prices, BadOnesAreRefused) {
  const Price good = PriceOf("1", 1000);
  EXPECT_TRUE(CheckShape(good).ok());
  const auto refused = [&](auto change) {
    Price price = good;
    change(price);
    EXPECT_EQ(CheckShape(price).code(), StatusCode::kInvalidArgument);
  };
  refused([](Price& p) { p.amount = {-1}; });
  refused([](Price& p) { p.amount = {kDollarsMax.value + 1}; });
  refused([](Price& p) { p.per = 0; });
  refused([](Price& p) { p.per = -5; });
  refused([](Price& p) { p.to_unix_us = p.from_unix_us; });
  refused([](Price& p) { p.meter = static_cast<Meter>(9); });
  refused([](Price& p) { p.tenant = std::string(129, 'x'); });
}

TEST(Prices, NoTwoHoldAtTheSameTime) {
  PriceList list;
  Price price = PriceOf("1", 1000, "m");
  price.from_unix_us = 100;
  price.to_unix_us = 200;
  list.Add(1, price);
  const auto check = [&](int64_t from, int64_t to) {
    Price other = price;
    other.amount = {7};
    other.from_unix_us = from;
    other.to_unix_us = to;
    return list.Check(other);
  };
  EXPECT_TRUE(check(0, 100).ok()) << "ends are not part of a price's time";
  EXPECT_TRUE(check(200, 300).ok());
  for (const auto& [from, to] : {std::pair<int64_t, int64_t>{0, 101}, {199, 300}, {0, 300}, {120, 130}, {100, 200}}) {
    const Status status = check(from, to);
    EXPECT_EQ(status.code(), StatusCode::kConflict);
    EXPECT_EQ(status.reason(), "overlap");
  }
  Price other = price;
  other.meter = Meter::kOutput;
  EXPECT_TRUE(list.Check(other).ok());
  other = price;
  other.tenant = "acme";
  EXPECT_TRUE(list.Check(other).ok());
}

TEST(Prices, AStandingPriceHoldsUntilTheNextAndAfterAnOffer) {
  PriceList list;
  constexpr int64_t kNoEnd = std::numeric_limits<int64_t>::max();
  const auto at = [](int64_t from, int64_t to) {
    return Price{.model = "m", .amount = {1}, .from_unix_us = from, .to_unix_us = to};
  };
  auto add = [&, number = 0](int64_t from, int64_t to) mutable {
    const Status status = list.Check(at(from, to));
    if (status.ok()) list.Add(++number, at(from, to));
    return status.reason();
  };
  EXPECT_EQ(add(0, kNoEnd), "");
  EXPECT_EQ(add(100, kNoEnd), "") << "the price changes at 100";
  EXPECT_EQ(add(100, kNoEnd), "overlap");
  EXPECT_EQ(add(50, 101), "overlap") << "it would say that it holds at 100, where another begins";
  EXPECT_EQ(add(200, 300), "") << "an offer";
  EXPECT_EQ(add(250, kNoEnd), "overlap");
  EXPECT_EQ(add(299, 400), "overlap");
  EXPECT_EQ(add(-50, kNoEnd), "") << "one that is over when the next begins";
  for (const auto& [time, number] : {std::pair<int64_t, int64_t>{-50, 4},
                                     {0, 1},
                                     {99, 1},
                                     {100, 2},
                                     {199, 2},
                                     {200, 3},
                                     {299, 3},
                                     {300, 2},
                                     {1'000'000, 2}}) {
    const auto* const found = list.Find({.model = "m", .meter = Meter::kPrompt, .at_unix_us = time});
    ASSERT_NE(found, nullptr) << time;
    EXPECT_EQ(found->number, number) << time;
  }
}

TEST(Prices, TheClosestIsFound) {
  PriceList list;
  const auto add = [&](int64_t number, std::string tenant, std::string model, std::string tier, int64_t from = 0,
                       int64_t to = 1000) {
    list.Add(number, {.tenant = std::move(tenant),
                      .model = std::move(model),
                      .tier = std::move(tier),
                      .from_unix_us = from,
                      .to_unix_us = to});
  };
  add(1, "", "", "");
  add(2, "", "m", "");
  add(3, "", "m", "flex");
  add(4, "acme", "", "");
  add(5, "acme", "m", "flex", 500, 1000);
  const auto find = [&](std::string_view tenant, std::string_view model, std::string_view tier, int64_t at) -> int64_t {
    const auto* price =
        list.Find({.tenant = tenant, .model = model, .tier = tier, .meter = Meter::kPrompt, .at_unix_us = at});
    return price == nullptr ? 0 : price->number;
  };
  EXPECT_EQ(find("other", "x", "", 5), 1);
  EXPECT_EQ(find("other", "m", "", 5), 2);
  EXPECT_EQ(find("other", "m", "flex", 5), 3);
  EXPECT_EQ(find("acme", "m", "flex", 499), 4);
  EXPECT_EQ(find("acme", "m", "flex", 500), 5);
  EXPECT_EQ(find("acme", "m", "flex", 1000), 0);
  EXPECT_EQ(list.Find({.meter = Meter::kOutput}), nullptr);
}

TEST(Prices, WhatHasNoneOfItsOwnIsChargedAtThatOfWhatItIsAPartOf) {
  PriceList list;
  list.Add(1, {.model = "m", .meter = Meter::kPrompt, .to_unix_us = 1000});
  list.Add(2, {.model = "m", .meter = Meter::kOutput, .to_unix_us = 1000});
  list.Add(3, {.tenant = "acme", .meter = Meter::kCached, .from_unix_us = 500, .to_unix_us = 1000});
  const auto charged = [&](Meter meter, int64_t at, std::string_view model = "m") -> int64_t {
    const auto* const price = list.FindCharged({.tenant = "acme", .model = model, .meter = meter, .at_unix_us = at});
    return price == nullptr ? 0 : price->number;
  };
  EXPECT_EQ(charged(Meter::kPrompt, 5), 1);
  EXPECT_EQ(charged(Meter::kCached, 499), 1);
  EXPECT_EQ(charged(Meter::kCached, 500), 3) << "its own, even where the other is closer";
  EXPECT_EQ(charged(Meter::kReasoning, 5), 2);
  EXPECT_EQ(charged(Meter::kAcceleratorMs, 5), 0) << "a part of nothing";
  EXPECT_EQ(charged(Meter::kCached, 1000), 0);
  EXPECT_EQ(charged(Meter::kReasoning, 5, "other"), 0);
}

TEST(Prices, MetersHaveNames) {
  EXPECT_EQ(ParseMeter("accelerator-ms"), Meter::kAcceleratorMs);
  EXPECT_EQ(ParseMeter(MeterName(Meter::kCached)), Meter::kCached);
  EXPECT_FALSE(ParseMeter("tokens").has_value());
}

}  // namespace
}  // namespace bedplate

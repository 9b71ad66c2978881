// Method: random orders of numbers, with repeats, beside a set that remembers all of them.

#include "ledger/producer_mark.h"

#include <gtest/gtest.h>

#include <set>

#include "base/cat.h"
#include "base/random.h"

namespace bedplate {
namespace {

TEST(ProducerMark, EqualsASetOfAllThatCame) {
  Prng rng(TestSeed());
  for (int round = 0; round < 200; ++round) {
    ProducerMark mark;
    std::set<int64_t> seen;
    const int64_t most = rng.Range(1, 120);
    for (int i = 0; i < 200; ++i) {
      const int64_t sequence = rng.Chance(0.5) ? mark.high() + rng.Range(1, 3) : rng.Range(1, most);
      ASSERT_EQ(mark.Knows(sequence), seen.contains(sequence));
      ASSERT_EQ(*mark.Claim(sequence), seen.insert(sequence).second) << sequence << " of " << mark.Text();
      ASSERT_EQ(mark.high(), *seen.rbegin());
      ASSERT_EQ(mark.missing(), *seen.rbegin() - static_cast<int64_t>(seen.size()));
      ASSERT_EQ(ProducerMark::Parse(mark.Text()), mark);
    }
  }
}

TEST(ProducerMark, SpaceDoesNotGrow) {
  ProducerMark mark;
  for (int64_t i = 100'000; i > 99'000; --i) ASSERT_TRUE(*mark.Claim(i));
  EXPECT_EQ(mark.Text(), "100000 1-99000");
  for (int64_t i = 1; i <= 99'000; ++i) ASSERT_TRUE(*mark.Claim(i));
  EXPECT_EQ(mark.Text(), "100000");
  EXPECT_FALSE(*mark.Claim(5));
}

TEST(ProducerMark, WhatIsBrokenIsRefused) {
  ProducerMark mark;
  EXPECT_EQ(mark.Claim(0).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(mark.Claim(-1).status().code(), StatusCode::kInvalidArgument);
  for (int64_t i = 1; i <= static_cast<int64_t>(ProducerMark::kGapsMax); ++i) ASSERT_TRUE(*mark.Claim(2 * i));
  const auto more = mark.Claim(mark.high() + 2);
  ASSERT_FALSE(more.ok());
  EXPECT_EQ(more.status().reason(), "too_many_gaps");
  EXPECT_TRUE(*mark.Claim(mark.high() + 1));
  EXPECT_TRUE(*mark.Claim(1)) << "a late one makes room";
  EXPECT_TRUE(*mark.Claim(mark.high() + 2));
  EXPECT_EQ(ProducerMark::Parse(mark.Text()), mark);
  for (const char* text : {"", "x", "-1", "05", "5 ", "5 0", "5 5", "5 3-3", "5 4-3", "9 3-4 5", "9 5 3", "9 3,4",
                           "9  3", "9 3-9", "99999999999999999999"}) {
    EXPECT_FALSE(ProducerMark::Parse(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace bedplate

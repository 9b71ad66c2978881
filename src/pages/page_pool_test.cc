// Method: random leases and returns beside a plain set; integrity after each operation.

#include "pages/page_pool.h"

#include <gtest/gtest.h>

#include <set>

#include "base/random.h"

namespace bedplate {
namespace {

TEST(PagePool, LendsEveryPageOnceAndTakesItBack) {
  Prng rng(TestSeed());
  for (int round = 0; round < 200; ++round) {
    PagePool pool(static_cast<uint32_t>(rng.Range(0, 20)));
    std::vector<PageLease> held;
    std::set<uint32_t> numbers;
    for (int i = 0; i < 60; ++i) {
      if (!held.empty() && rng.Chance(0.45)) {
        const auto at = static_cast<size_t>(rng.Range(0, static_cast<int64_t>(held.size()) - 1));
        numbers.erase(held[at].page().value);
        std::swap(held[at], held.back());
        held.pop_back();
      } else if (auto lease = pool.TryLease(); lease.has_value()) {
        EXPECT_LT(lease->page().value, pool.capacity());
        EXPECT_TRUE(numbers.insert(lease->page().value).second);
        held.push_back(std::move(*lease));
      } else {
        EXPECT_EQ(held.size(), pool.capacity());
      }
      EXPECT_EQ(pool.lent_pages(), held.size());
      pool.CheckIntegrity();
    }
  }
}

TEST(PagePool, AMovedLeaseReturnsItsPageOnce) {
  PagePool pool(2);
  {
    PageLease a = *pool.TryLease();
    PageLease b = std::move(a);
    EXPECT_TRUE(a.empty());  // NOLINT: what a moved-from lease holds is part of the contract
    a = std::move(b);
    EXPECT_EQ(pool.lent_pages(), 1u);
    a = *pool.TryLease();  // gives the first back
    EXPECT_EQ(pool.lent_pages(), 1u);
  }
  EXPECT_EQ(pool.lent_pages(), 0u);
}

TEST(PagePoolDeathTest, OutlivesItsLeases) {
  EXPECT_DEATH(
      {
        auto pool = std::make_unique<PagePool>(1);
        const auto lease = pool->TryLease();
        pool.reset();
      },
      "lent_pages");
}

}  // namespace
}  // namespace bedplate

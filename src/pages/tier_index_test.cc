// Method: random additions, removals, uses and pins beside a plain list of entries that is searched from end to end.
// Integrity after each operation.

#include "pages/tier_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <list>

#include "base/random.h"

namespace bedplate {
namespace {

PageKey KeyOf(uint32_t n) {
  PageKey key;
  // Few different first bytes, so that buckets are shared.
  key.digest[0] = static_cast<unsigned char>(n % 3);
  for (size_t i = 0; i < 4; ++i) key.digest[10 + i] = static_cast<unsigned char>(n >> (8 * i));
  return key;
}

/// The least recently used first.
struct Plain {
  struct Entry {
    uint32_t n, parent, slot, pins = 0;
  };
  std::list<Entry> entries;

  std::list<Entry>::iterator Find(uint32_t n) { return std::ranges::find(entries, n, &Entry::n); }
  bool IsEnd(const Entry& e) const {
    return e.pins == 0 && std::ranges::none_of(entries, [&](const Entry& other) { return other.parent == e.n; });
  }
  std::optional<uint32_t> OldestEnd() const {
    const auto found = std::ranges::find_if(entries, [&](const Entry& e) { return IsEnd(e); });
    return found == entries.end() ? std::nullopt : std::optional(found->slot);
  }
};

TEST(TierIndex, DoesWhatAPlainListDoes) {
  Prng rng(TestSeed());
  for (int round = 0; round < 100; ++round) {
    const auto slots = static_cast<uint32_t>(rng.Range(1, 20));
    TierIndex index(slots);
    Plain plain;
    for (int step = 0; step < 300; ++step) {
      // A binary heap's tree: run n comes after run n / 2. A part is added before what comes before it.
      const auto n = static_cast<uint32_t>(rng.Range(2, 40));
      const auto entry = plain.Find(n);
      if (entry == plain.entries.end()) {
        const auto slot = index.TryAdd(KeyOf(n), KeyOf(n / 2));
        EXPECT_EQ(slot.has_value(), plain.entries.size() < slots);
        if (slot.has_value()) plain.entries.push_back({n, n / 2, *slot});
      } else {
        EXPECT_EQ(index.Find(KeyOf(n)), entry->slot);
        switch (rng.Range(0, 3)) {
          case 0:
            index.Touch(entry->slot);
            plain.entries.splice(plain.entries.end(), plain.entries, entry);
            break;
          case 1:
            index.Pin(entry->slot);
            ++entry->pins;
            break;
          case 2:
            if (entry->pins > 0) index.Unpin(entry->slot), --entry->pins;
            break;
          default:
            if (entry->pins == 0) index.Remove(entry->slot), plain.entries.erase(entry);
        }
      }
      index.CheckIntegrity();
      ASSERT_EQ(index.OldestEnd(), plain.OldestEnd());
      ASSERT_EQ(index.used(), plain.entries.size());
      for (uint32_t k = 2; k <= 40; ++k)
        ASSERT_EQ(index.Find(KeyOf(k)).has_value(), plain.Find(k) != plain.entries.end());
    }
  }
}

TEST(TierIndex, AChainGoesFromItsEnd) {
  TierIndex index(10);
  for (const uint32_t n : {2u, 4u, 8u, 16u}) ASSERT_TRUE(index.TryAdd(KeyOf(n), KeyOf(n / 2)).has_value());
  for (const uint32_t n : {16u, 8u, 4u, 2u}) {
    ASSERT_TRUE(index.OldestEnd().has_value());
    EXPECT_EQ(index.key(*index.OldestEnd()), KeyOf(n));
    index.Remove(*index.OldestEnd());
  }
  EXPECT_FALSE(index.OldestEnd().has_value());
}

}  // namespace
}  // namespace bedplate

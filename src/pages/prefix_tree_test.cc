// Method: random sequences over a tiny alphabet grow, hit, slide and end; a plain map from (salt, tokens so far) to
// what a page must hold is the oracle. Integrity after each operation.

#include "pages/prefix_tree.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>

#include "base/random.h"

namespace bedplate {
namespace {

std::vector<TokenId> RunFrom(int32_t first) {
  std::vector<TokenId> run(kPageTokens);
  for (size_t i = 0; i < run.size(); ++i) run[i] = TokenId{first + static_cast<int32_t>(i)};
  return run;
}

/// Tokens in whole pages, each page one of three runs.
std::vector<TokenId> RandomTokens(Prng& rng, uint32_t runs) {
  std::vector<TokenId> tokens;
  for (uint32_t i = 0; i < runs; ++i) {
    const auto run = RunFrom(static_cast<int32_t>(rng.Range(0, 2)) * 100);
    tokens.insert(tokens.end(), run.begin(), run.end());
  }
  return tokens;
}

struct Pools {
  explicit Pools(const std::vector<uint32_t>& capacities) {
    for (const uint32_t c : capacities) pools.push_back(std::make_unique<PagePool>(c));
  }
  std::vector<std::unique_ptr<PagePool>> pools;
};

/// One sequence: holds pages as the engine would.
struct Walker {
  uint64_t salt = 0;
  std::vector<TokenId> tokens;
  uint32_t runs = 0;
  PrefixTree::Cursor cursor;
  std::vector<std::vector<PrefixTree::PageUse>> pages;

  void DropAll() {
    cursor.Drop();
    for (auto& group : pages) {
      while (!group.empty()) group.pop_back();
    }
  }
};

class Model {
 public:
  Model(uint64_t seed, const std::vector<uint32_t>& windows, bool keep_idle)
      : rng_(seed),
        windows_(windows),
        pools_(std::vector<uint32_t>(windows.size(), 24)),
        tree_({.sliding_windows = windows, .nodes_max = 48, .keep_idle = keep_idle}),
        keep_idle_(keep_idle) {
    content_.resize(windows.size());
  }

  void Step() {
    const auto action = rng_.Range(0, 9);
    if (action < 3 && walkers_.size() < 5) {
      Start();
    } else if (action < 8 && !walkers_.empty()) {
      Grow(*walkers_[static_cast<size_t>(rng_.Range(0, static_cast<int64_t>(walkers_.size()) - 1))]);
    } else if (!walkers_.empty()) {
      const auto at = static_cast<size_t>(rng_.Range(0, static_cast<int64_t>(walkers_.size()) - 1));
      walkers_[at]->DropAll();
      walkers_.erase(walkers_.begin() + static_cast<std::ptrdiff_t>(at));
    }
    tree_.CheckIntegrity();
    for (size_t g = 0; g < windows_.size(); ++g) {
      pools_.pools[g]->CheckIntegrity();
      ASSERT_EQ(pools_.pools[g]->lent_pages(), tree_.pages(static_cast<uint32_t>(g)));
    }
  }

  void Finish() {
    for (auto& walker : walkers_) walker->DropAll();
    walkers_.clear();
    for (uint32_t g = 0; g < windows_.size(); ++g) {
      ASSERT_EQ(tree_.idle_pages(g), tree_.pages(g));
      if (!keep_idle_) ASSERT_EQ(tree_.pages(g), 0u);
      while (tree_.EvictOne(g)) tree_.CheckIntegrity();
      ASSERT_EQ(tree_.pages(g), 0u);
    }
    ASSERT_EQ(tree_.nodes(), 0u);
  }
  uint64_t hits() const { return hits_; }

 private:
  using Key = std::pair<uint64_t, std::vector<TokenId>>;

  Key KeyOf(const Walker& w, uint32_t runs) const {
    return {w.salt, {w.tokens.begin(), w.tokens.begin() + std::ptrdiff_t{runs} * kPageTokens}};
  }

  void CheckHeld(const Walker& w) {
    const uint32_t next = w.runs * kPageTokens;
    for (size_t g = 0; g < windows_.size(); ++g) {
      for (uint32_t i = 0; i < w.runs; ++i) {
        const bool seen = windows_[g] == 0 || next + 1 <= windows_[g] || (i + 1) * kPageTokens > next - windows_[g] + 1;
        if (!seen) continue;
        ASSERT_FALSE(w.pages[g][i].empty());
        ASSERT_EQ(content_[g].at(w.pages[g][i].page().value), KeyOf(w, i + 1));
      }
    }
  }

  void Start() {
    auto w = std::make_unique<Walker>();
    w->salt = static_cast<uint64_t>(rng_.Range(0, 1));
    w->tokens = RandomTokens(rng_, 8);
    PrefixTree::Hit hit = tree_.Match(w->salt, w->tokens, static_cast<uint32_t>(rng_.Range(0, 8)));
    hits_ += hit.runs;
    w->runs = hit.runs;
    w->cursor = std::move(hit.cursor);
    w->pages = std::move(hit.pages);
    CheckHeld(*w);
    walkers_.push_back(std::move(w));
  }

  std::optional<PageLease> Lease(uint32_t g) {
    auto lease = pools_.pools[g]->TryLease();
    if (!lease && tree_.EvictOne(g)) lease = pools_.pools[g]->TryLease();
    return lease;
  }

  void Grow(Walker& w) {
    if (w.runs == 8) return;
    std::vector<PageLease> leases;
    for (uint32_t g = 0; g < windows_.size(); ++g) {
      auto lease = Lease(g);
      if (!lease) return;
      content_[g][lease->page().value] = KeyOf(w, w.runs + 1);
      leases.push_back(std::move(*lease));
    }
    std::vector<PrefixTree::PageUse> uses(windows_.size());
    const auto run = std::span(w.tokens).subspan(w.runs * kPageTokens, kPageTokens);
    if (!tree_.Extend(w.salt, w.cursor, run, leases, uses)) return;
    ++w.runs;
    for (size_t g = 0; g < windows_.size(); ++g) {
      w.pages[g].push_back(std::move(uses[g]));
      const uint32_t next = w.runs * kPageTokens;
      for (uint32_t i = 0; windows_[g] != 0 && i < w.runs; ++i) {
        if ((i + 1) * kPageTokens + windows_[g] <= next + 1) w.pages[g][i].Drop();
      }
    }
    CheckHeld(w);
  }

  Prng rng_;
  std::vector<uint32_t> windows_;
  Pools pools_;
  PrefixTree tree_;
  bool keep_idle_;
  std::vector<std::map<uint32_t, Key>> content_;  // by group and page: what its holder wrote
  std::vector<std::unique_ptr<Walker>> walkers_;
  uint64_t hits_ = 0;
};

TEST(PrefixTree, HitsHoldWhatTheOracleSays) {
  const std::vector<std::vector<uint32_t>> kinds = {{0}, {0, 20}, {0, 1}, {33}, {0, 64, 16}};
  uint64_t hits = 0;
  for (uint64_t round = 0; round < 150; ++round) {
    for (const auto& windows : kinds) {
      for (const bool keep : {true, false}) {
        SCOPED_TRACE(testing::Message() << "round " << round << " groups " << windows.size() << " keep " << keep);
        Model model(HashWords(TestSeed(), round, windows.size()), windows, keep);
        for (int i = 0; i < 80 && !testing::Test::HasFatalFailure(); ++i) model.Step();
        model.Finish();
        if (testing::Test::HasFatalFailure()) return;
        hits += model.hits();
      }
    }
  }
  EXPECT_GT(hits, 1000u);
}

TEST(PrefixTree, AHitOnSlidingLayersNeedsTheWholeWindow) {
  PagePool full(8), sliding(8);
  PrefixTree tree({.sliding_windows = {0, 17}, .nodes_max = 8});
  const std::vector<TokenId> tokens = [] {
    std::vector<TokenId> t = RunFrom(0);
    for (const int32_t first : {100, 200}) {
      const auto more = RunFrom(first);
      t.insert(t.end(), more.begin(), more.end());
    }
    return t;
  }();
  {
    auto hit = tree.Match(0, tokens, 3);
    for (uint32_t run = 0; run < 3; ++run) {
      std::vector<PageLease> leases;
      leases.push_back(*full.TryLease());
      leases.push_back(*sliding.TryLease());
      std::vector<PrefixTree::PageUse> uses(2);
      ASSERT_TRUE(tree.Extend(0, hit.cursor, std::span(tokens).subspan(run * kPageTokens, kPageTokens), leases, uses));
      hit.pages[0].push_back(std::move(uses[0]));
      hit.pages[1].push_back(std::move(uses[1]));
    }
    hit.cursor.Drop();
    while (!hit.pages[0].empty()) hit.pages[0].pop_back();
    for (const uint32_t run : {1u, 0u, 2u}) hit.pages[1][run].Drop();  // the middle page is now the oldest
  }
  EXPECT_EQ(tree.Match(0, tokens, 3).runs, 3u);
  EXPECT_EQ(tree.Match(1, tokens, 3).runs, 0u) << "another salt";
  // That hit touched the sliding pages of the last window, so the first run's is the oldest; it is outside the window.
  ASSERT_TRUE(tree.EvictOne(1));
  EXPECT_EQ(tree.Match(0, tokens, 3).runs, 3u);
  ASSERT_TRUE(tree.EvictOne(1));
  ASSERT_TRUE(tree.EvictOne(1));
  EXPECT_EQ(tree.Match(0, tokens, 3).runs, 0u) << "no sliding page is left";
  EXPECT_EQ(tree.pages(0), 3u);
}

TEST(PrefixTree, EvictsTheLeastRecentlyUsedEndFirst) {
  PagePool pool(8);
  PrefixTree tree({.sliding_windows = {0}, .nodes_max = 8});
  const auto insert = [&](std::initializer_list<int32_t> firsts) {
    std::vector<TokenId> tokens;
    for (const int32_t first : firsts) {
      const auto run = RunFrom(first);
      tokens.insert(tokens.end(), run.begin(), run.end());
    }
    auto hit = tree.Match(0, tokens, 8);
    for (uint32_t run = hit.runs; run < firsts.size(); ++run) {
      PageLease lease = *pool.TryLease();
      PrefixTree::PageUse use;
      ASSERT_TRUE(tree.Extend(0, hit.cursor, std::span(tokens).subspan(run * kPageTokens, kPageTokens), {&lease, 1},
                              {&use, 1}));
      hit.pages[0].push_back(std::move(use));
    }
    hit.cursor.Drop();
    while (!hit.pages[0].empty()) hit.pages[0].pop_back();
  };
  const auto runs_of = [&](std::initializer_list<int32_t> firsts) {
    std::vector<TokenId> tokens;
    for (const int32_t first : firsts) {
      const auto run = RunFrom(first);
      tokens.insert(tokens.end(), run.begin(), run.end());
    }
    auto hit = tree.Match(0, tokens, 8);
    const uint32_t runs = hit.runs;
    hit.cursor.Drop();
    while (!hit.pages[0].empty()) hit.pages[0].pop_back();
    return runs;
  };
  insert({0, 100});
  insert({0, 200});
  EXPECT_EQ(pool.lent_pages(), 3u) << "the first run is shared";
  ASSERT_TRUE(tree.EvictOne(0));
  EXPECT_EQ(runs_of({0, 100}), 1u);
  EXPECT_EQ(runs_of({0, 200}), 2u);
  EXPECT_EQ(pool.lent_pages(), 2u);
}

}  // namespace
}  // namespace bedplate

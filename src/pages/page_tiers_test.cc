// Method: random runs go in and out beside a map from key to bytes, with a disk that fails and without; a page that
// comes back holds what went in. Integrity after each operation; the other thread's work is done by hand, but for one
// test with a real one (for TSan).

#include "pages/page_tiers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <thread>

#include "base/random.h"
#include "base/random_access_file_testing.h"

namespace bedplate {
namespace {

constexpr size_t kGroups = 2;
constexpr size_t kPageBytes[kGroups] = {40, 72};
using Restored = PageTiers::Restored;
using Tier = PageTiers::Tier;

struct Settings {
  uint32_t memory_runs = 0, file_runs = 0;
  uint32_t write_buffers = 3, read_buffers = 3;
};

class Tiers {
 public:
  Tiers(const Settings& settings, const DiskBytes& disk, const Clock& clock, MemoryFile::Faults faults = NoFaults)
      : pages_(kGroups) {
    for (size_t g = 0; g < kGroups; ++g) pages_[g].resize(4, std::vector<std::byte>(kPageBytes[g]));
    PageTiers::Options options{.page_bytes = {kPageBytes[0], kPageBytes[1]},
                               .memory_runs = settings.memory_runs,
                               .write_buffers = settings.write_buffers,
                               .read_buffers = settings.read_buffers,
                               .bytes = [this](size_t g, PageId page) { return std::span(pages_[g][page.value]); }};
    auto keys = PageKeys::Create("a test");
    EXPECT_TRUE(keys.ok());
    std::optional<PageFile::Opened> file;
    if (settings.file_runs > 0) {
      auto opened = PageFile::OpenOrReplace(std::make_unique<MemoryFile>(disk, std::move(faults)),
                                            {.identity = (*keys)->root(),
                                             .label = "test",
                                             .run_bytes = PageTiers::BytesPerRun(options.page_bytes),
                                             .slots_max = settings.file_runs});
      if (opened.ok()) file = std::move(*opened);
    }
    tiers_ = std::move(*PageTiers::Create(std::move(options), std::move(*keys), std::move(file), clock));
  }
  static MemoryFile::Fault NoFaults() { return MemoryFile::Fault::kNone; }

  PageTiers& operator*() { return *tiers_; }
  PageTiers* operator->() { return tiers_.get(); }

  /// What the pages of the run with this key hold.
  static std::vector<std::byte> BytesOf(const PageKey& key, size_t group) {
    std::vector<std::byte> bytes(kPageBytes[group]);
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(HashWords(key.Word(), group, i));
    return bytes;
  }
  void Fill(const PageKey& key) {
    for (size_t g = 0; g < kGroups; ++g) pages_[g][g] = BytesOf(key, g);
  }
  /// In pages of its own, which are given back: they stay as they are until they are evicted.
  std::array<PageId, kGroups> Complete(const PageKey& key, const PageKey& parent) {
    std::array<PageId, kGroups> pages{};
    for (size_t g = 0; g < kGroups; ++g) {
      pages[g] = PageId{static_cast<uint32_t>(pages_[g].size())};
      pages_[g].push_back(BytesOf(key, g));
    }
    tiers_->TakeComplete(key, parent, pages);
    return pages;
  }
  void Overwrite(size_t group, PageId page) { std::ranges::fill(pages_[group][page.value], std::byte{0xEE}); }
  void Evict(const PageKey& key, const PageKey& parent) {
    Fill(key);
    for (size_t g = 0; g < kGroups; ++g) tiers_->TakeEvicted(key, parent, g, kPages[g]);
  }
  Restored Restore(PageRestore& restore) {
    const PageKey key = restore.keys[restore.next];
    for (size_t g = 0; g < kGroups; ++g) std::ranges::fill(pages_[g][g], std::byte{0});
    const Restored restored = tiers_->Restore(restore, kPages);
    if (restored == Restored::kFromMemory || restored == Restored::kFromFile) {
      for (size_t g = 0; g < kGroups; ++g) EXPECT_EQ(pages_[g][g], BytesOf(key, g));
    }
    return restored;
  }
  void WorkAll() {
    for (bool more = true; more;) {
      more = false;
      while (tiers_->Work()) more = true;
      tiers_->Collect();  // which may have found more
    }
  }

 private:
  static constexpr PageId kPages[kGroups] = {PageId{0}, PageId{1}};
  std::vector<std::vector<std::vector<std::byte>>> pages_;  // [group][page]
  std::unique_ptr<PageTiers> tiers_;
};

std::vector<TokenId> Tokens(uint32_t runs, int32_t first = 1) {
  std::vector<TokenId> tokens;
  for (uint32_t i = 0; i < runs * kPageTokens; ++i) tokens.push_back(TokenId{first + static_cast<int32_t>(i)});
  return tokens;
}

/// The root's key and then that of each run.
std::vector<PageKey> KeysOf(PageTiers& tiers, std::span<const TokenId> tokens, uint64_t salt = 0) {
  std::vector<PageKey> keys = {tiers.root()};
  for (; !tokens.empty(); tokens = tokens.subspan(kPageTokens)) {
    keys.push_back(tiers.Child(keys.back(), salt, tokens.first(kPageTokens)));
  }
  return keys;
}

TEST(PageTiers, WhatIsEvictedComesBackFromMemory) {
  SimClock clock;
  Tiers tiers({.memory_runs = 8}, nullptr, clock);
  const auto tokens = Tokens(5);
  const auto keys = KeysOf(*tiers, tokens);
  for (size_t i = 5; i > 0; --i) tiers.Evict(keys[i], keys[i - 1]);
  PageRestore restore = tiers->Plan(keys[0], 0, tokens, 0);
  ASSERT_EQ(restore.left(), 5u);
  while (restore.left() > 0) ASSERT_EQ(tiers.Restore(restore), Restored::kFromMemory);
  EXPECT_EQ(tiers->counts(Tier::kMemory).restored, 5u);
  EXPECT_EQ(tiers->Plan(keys[2], 0, std::span(tokens).subspan(2 * kPageTokens), 0).left(), 3u);
  EXPECT_EQ(tiers->Plan(keys[0], 1, tokens, 0).left(), 0u) << "another salt";
  const auto others = Tokens(5, 2);
  EXPECT_EQ(tiers->Plan(keys[0], 0, others, 0).left(), 0u);
}

TEST(PageTiers, APartOfARunIsNotGivenOut) {
  SimClock clock;
  Tiers tiers({.memory_runs = 8}, nullptr, clock);
  const auto tokens = Tokens(1);
  const auto keys = KeysOf(*tiers, tokens);
  tiers.Fill(keys[1]);
  tiers->TakeEvicted(keys[1], keys[0], 1, PageId{1});
  EXPECT_EQ(tiers->Plan(keys[0], 0, tokens, 0).left(), 0u);
  tiers->TakeEvicted(keys[1], keys[0], 0, PageId{0});
  EXPECT_EQ(tiers->Plan(keys[0], 0, tokens, 0).left(), 1u);
}

TEST(PageTiers, TheFileOutlivesTheProcess) {
  SimClock clock;
  const auto disk = std::make_shared<std::vector<std::byte>>();
  const auto tokens = Tokens(7);
  {
    Tiers tiers({.file_runs = 20}, disk, clock);
    const auto keys = KeysOf(*tiers, tokens);
    for (size_t i = 1; i <= 4; ++i) tiers.Complete(keys[i], keys[i - 1]);
    tiers.WorkAll();
    for (size_t i = 5; i <= 6; ++i) tiers.Complete(keys[i], keys[i - 1]);
    EXPECT_EQ(tiers->Plan(keys[0], 0, tokens, 0).left(), 4u) << "the others are still being written";
    tiers.WorkAll();
    EXPECT_EQ(tiers->Plan(keys[0], 0, tokens, 0).left(), 6u);
  }
  Tiers tiers({.file_runs = 20}, disk, clock);
  PageRestore restore = tiers->Plan(tiers->root(), 0, tokens, 0);
  ASSERT_EQ(restore.left(), 6u);
  uint32_t waits = 0;
  while (restore.left() > 0) {
    const Restored restored = tiers.Restore(restore);
    if (restored == Restored::kWait) {
      ++waits;
      tiers.WorkAll();
    } else {
      ASSERT_EQ(restored, Restored::kFromFile);
    }
    tiers->CheckIntegrity();
  }
  EXPECT_LE(waits, 3u) << "it is read ahead";
}

TEST(PageTiers, NumbersGoOnPastEveryRecordOfTheFile) {
  SimClock clock;
  const auto disk = std::make_shared<std::vector<std::byte>>();
  const auto keys = PageKeys::Create("a test");
  ASSERT_TRUE(keys.ok());
  const auto tokens = Tokens(2);
  const PageKey root = (*keys)->root(), first = (*keys)->Child(root, 0, std::span(tokens).first(kPageTokens));
  const std::vector<std::byte> bytes(PageTiers::BytesPerRun(kPageBytes));
  const auto open = [&] {
    return PageFile::Open(std::make_unique<MemoryFile>(disk, Tiers::NoFaults),
                          {.identity = root, .label = "test", .run_bytes = bytes.size(), .slots_max = 8});
  };
  {
    const auto opened = open();
    ASSERT_TRUE(opened.ok()) << opened.status().message();
    for (const auto& [number, slot] : {std::pair{5u, 0u}, std::pair{9u, 1u}}) {
      ASSERT_TRUE(opened->file->Write({first, root, number, slot}, bytes).ok()) << "the same key twice";
    }
  }
  {
    Tiers tiers({.file_runs = 8}, disk, clock);
    const auto chain = KeysOf(*tiers, tokens);
    ASSERT_EQ(chain[1], first);
    tiers.Complete(chain[2], chain[1]);
    tiers.WorkAll();
  }
  const auto opened = open();
  ASSERT_EQ(opened->records.size(), 2u) << "what the key said twice made room for the next";
  EXPECT_EQ(opened->records.back().number, 10u) << "written last, so in order it comes last";
}

TEST(PageTiers, WhatFindsNoBufferWaitsInThePool) {
  SimClock clock;
  Tiers tiers({.file_runs = 20}, std::make_shared<std::vector<std::byte>>(), clock);
  const auto tokens = Tokens(9);
  const auto keys = KeysOf(*tiers, tokens);
  std::vector<std::array<PageId, kGroups>> pages{{}};
  for (size_t i = 1; i <= 9; ++i) {
    pages.push_back(tiers.Complete(keys[i], keys[i - 1]));
    tiers->CheckIntegrity();
  }
  tiers.Complete(keys[5], keys[4]);  // again, while it waits
  EXPECT_EQ(tiers->counts(Tier::kFile).refused, 0u);
  // Three are in buffers, the others wait; of the eighth a page is evicted, and then holds something else.
  tiers->TakeEvicted(keys[8], keys[7], 1, pages[8][1]);
  tiers.Overwrite(1, pages[8][1]);
  tiers.WorkAll();
  tiers->CheckIntegrity();
  EXPECT_EQ(tiers->counts(Tier::kFile).refused, 1u);
  PageRestore restore = tiers->Plan(keys[0], 0, tokens, 0);
  EXPECT_EQ(restore.left(), 7u);
  while (restore.left() > 0) {
    if (tiers.Restore(restore) == Restored::kWait) tiers.WorkAll();
  }
  EXPECT_EQ(tiers->Plan(keys[8], 0, std::span(tokens).subspan(size_t{8} * kPageTokens), 0).left(), 1u);
}

TEST(PageTiers, NothingWaitsForPagesThatAreAllGone) {
  SimClock clock;
  Tiers tiers({.file_runs = 20}, std::make_shared<std::vector<std::byte>>(), clock);
  const auto tokens = Tokens(5);
  const auto keys = KeysOf(*tiers, tokens);
  for (size_t i = 1; i <= 5; ++i) tiers.Complete(keys[i], keys[i - 1]);
  tiers->DropAll();
  tiers.WorkAll();
  tiers->CheckIntegrity();
  EXPECT_EQ(tiers->Plan(keys[0], 0, tokens, 0).left(), 3u);
  EXPECT_EQ(tiers->counts(Tier::kFile).refused, 2u);
}

TEST(PageTiers, WhatIsComputedAgainMendsTheFile) {
  for (const bool seen_first : {true, false}) {
    SimClock clock;
    const auto disk = std::make_shared<std::vector<std::byte>>();
    const auto tokens = Tokens(5);
    const Settings settings{.file_runs = 20, .write_buffers = 8};
    const auto complete_all = [&](Tiers& tiers) {
      const auto keys = KeysOf(*tiers, tokens);
      for (size_t i = 1; i <= 5; ++i) tiers.Complete(keys[i], keys[i - 1]);
      tiers.WorkAll();
    };
    {
      Tiers tiers(settings, disk, clock);
      complete_all(tiers);
    }
    for (size_t run = 0; run < 5; ++run) (*disk)[4096 + 131072 + run * 4096 + 7] ^= std::byte{1};
    {
      Tiers tiers(settings, disk, clock);
      PageRestore restore = tiers->Plan(tiers->root(), 0, tokens, 0);
      ASSERT_EQ(restore.left(), 5u);
      EXPECT_EQ(tiers.Restore(restore), Restored::kWait);
      // Computing may be done before anybody has seen what came of reading ahead.
      if (seen_first) {
        tiers.WorkAll();
        EXPECT_EQ(tiers.Restore(restore), Restored::kGone);
      }
      tiers->Drop(restore);
      complete_all(tiers);
      tiers->CheckIntegrity();
    }
    Tiers tiers(settings, disk, clock);
    PageRestore restore = tiers->Plan(tiers->root(), 0, tokens, 0);
    while (restore.left() > 0) {
      const Restored restored = tiers.Restore(restore);
      ASSERT_NE(restored, Restored::kGone);
      if (restored == Restored::kWait) tiers.WorkAll();
    }
  }
}

TEST(PageTiers, MemoryHandsOnToTheFile) {
  SimClock clock;
  Tiers tiers({.memory_runs = 2, .file_runs = 20}, std::make_shared<std::vector<std::byte>>(), clock);
  const auto tokens = Tokens(4);
  const auto keys = KeysOf(*tiers, tokens);
  for (size_t i = 4; i > 0; --i) {
    tiers.Evict(keys[i], keys[i - 1]);
    tiers.WorkAll();
  }
  EXPECT_EQ(tiers->counts(Tier::kMemory).evicted, 2u);
  PageRestore restore = tiers->Plan(keys[0], 0, tokens, 0);
  EXPECT_EQ(restore.left(), 4u);
  EXPECT_EQ(tiers.Restore(restore), Restored::kFromMemory);
  EXPECT_EQ(tiers.Restore(restore), Restored::kFromMemory);
  EXPECT_EQ(tiers.Restore(restore), Restored::kWait);
  tiers->Drop(restore);
  tiers.WorkAll();
  tiers->CheckIntegrity();
}

TEST(PageTiers, ADroppedRestoreLeavesNoBufferTaken) {
  SimClock clock;
  Tiers tiers({.file_runs = 20, .write_buffers = 8}, std::make_shared<std::vector<std::byte>>(), clock);
  const auto tokens = Tokens(4);
  const auto keys = KeysOf(*tiers, tokens);
  for (size_t i = 1; i <= 4; ++i) tiers.Complete(keys[i], keys[i - 1]);
  tiers.WorkAll();
  for (int round = 0; round < 10; ++round) {
    PageRestore first = tiers->Plan(keys[0], 0, tokens, 0), second = tiers->Plan(keys[0], 0, tokens, 0);
    EXPECT_EQ(tiers.Restore(first), Restored::kWait);
    if (round % 2 == 0) tiers.WorkAll();  // all that has come is the first's, and not fetched
    EXPECT_EQ(tiers.Restore(second), Restored::kWait);
    tiers->Drop(first);
    if (round % 3 == 0) tiers->DropAll();
    tiers.WorkAll();
    while (second.left() > 0) {
      if (tiers.Restore(second) == Restored::kWait) tiers.WorkAll();
      tiers->CheckIntegrity();
    }
  }
}

TEST(PageTiers, AFullDiskIsToldOnceAndStillRead) {
  SimClock clock;
  bool full = false;
  const auto disk = std::make_shared<std::vector<std::byte>>();
  Tiers tiers({.file_runs = 20}, disk, clock,
              [&] { return full ? MemoryFile::Fault::kFull : MemoryFile::Fault::kNone; });
  const auto tokens = Tokens(5);
  const auto keys = KeysOf(*tiers, tokens);
  tiers.Complete(keys[1], keys[0]);
  tiers.WorkAll();
  full = true;
  tiers.Complete(keys[2], keys[1]);
  tiers.Complete(keys[3], keys[2]);
  testing::internal::CaptureStderr();
  tiers.WorkAll();
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_NE(log.find("takes no more"), std::string::npos) << log;
  EXPECT_NE(log.find("full"), std::string::npos) << log;
  EXPECT_EQ(std::ranges::count(log, '\n'), 1);
  EXPECT_EQ(tiers->counts(Tier::kFile).failed, 2u);
  full = false;
  tiers.Complete(keys[4], keys[3]);
  EXPECT_FALSE(tiers->Work()) << "nothing is written any more";
  PageRestore restore = tiers->Plan(keys[0], 0, tokens, 0);
  EXPECT_EQ(restore.left(), 1u);
  EXPECT_EQ(tiers.Restore(restore), Restored::kWait);
  tiers.WorkAll();
  EXPECT_EQ(tiers.Restore(restore), Restored::kFromFile);
}

TEST(PageTiers, ASlowTierIsLeftAloneAndTriedAgain) {
  SimClock clock;
  const auto disk = std::make_shared<std::vector<std::byte>>();
  // Every call takes a second.
  Tiers tiers({.file_runs = 20, .write_buffers = 8}, disk, clock, [&] {
    clock.Advance(std::chrono::seconds(1));
    return MemoryFile::Fault::kNone;
  });
  const auto tokens = Tokens(1);
  const auto keys = KeysOf(*tiers, tokens);
  tiers.Complete(keys[1], keys[0]);
  tiers.WorkAll();
  PageRestore restore = tiers->Plan(keys[0], 0, tokens, 0.01);
  ASSERT_EQ(restore.left(), 1u) << "nothing has been measured";
  EXPECT_EQ(tiers.Restore(restore), Restored::kWait);
  tiers.WorkAll();
  EXPECT_EQ(tiers.Restore(restore), Restored::kFromFile);
  EXPECT_EQ(tiers->Plan(keys[0], 0, tokens, 1.0).left(), 1u) << "2 s for what takes 16 s to compute";
  uint32_t refusals = 0;
  while (tiers->Plan(keys[0], 0, tokens, 0.01).left() == 0) ASSERT_LT(++refusals, 100u);
  EXPECT_GT(refusals, 10u);
}

/// Several sequences' prompts, kept and asked for in any order.
void RunRandomly(uint64_t seed, uint64_t& restored_runs, uint64_t& gone) {
  Prng rng(seed);
  SimClock clock;
  const Settings settings{.memory_runs = static_cast<uint32_t>(rng.Range(0, 12)),
                          .file_runs = static_cast<uint32_t>(rng.Range(0, 12)),
                          .write_buffers = static_cast<uint32_t>(rng.Range(1, 4)),
                          .read_buffers = static_cast<uint32_t>(rng.Range(1, 4))};
  const double fault_rate = rng.Pick({0.0, 0.0, 0.05, 0.3});
  const auto disk = std::make_shared<std::vector<std::byte>>();
  for (int process = 0; process < 3; ++process) {
    Tiers tiers(settings, disk, clock, [&] {
      return rng.Chance(fault_rate) ? rng.Pick({MemoryFile::Fault::kIo, MemoryFile::Fault::kFull})
                                    : MemoryFile::Fault::kNone;
    });
    std::vector<std::vector<TokenId>> prompts = {Tokens(6), Tokens(6, 9)};
    prompts.push_back(prompts[0]);
    for (size_t i = 3 * kPageTokens; i < prompts[2].size(); ++i) prompts[2][i].value += 1000;
    std::vector<PageRestore> restores;
    for (int step = 0; step < 300; ++step) {
      const auto& tokens = prompts[static_cast<size_t>(rng.Range(0, 2))];
      const auto keys = KeysOf(*tiers, tokens);
      const auto run = static_cast<size_t>(rng.Range(1, 6));
      switch (rng.Range(0, 5)) {
        case 0:
          tiers.Evict(keys[run], keys[run - 1]);
          break;
        case 1:
          tiers.Complete(keys[run], keys[run - 1]);
          break;
        case 2:
          if (restores.size() < 4) restores.push_back(tiers->Plan(keys[0], 0, tokens, 0));
          break;
        case 3:
          if (tiers->Work()) tiers->Collect();
          break;
        default:
          if (restores.empty()) break;
          PageRestore& restore = restores[static_cast<size_t>(rng.Range(0, static_cast<int64_t>(restores.size()) - 1))];
          const Restored got = restore.left() == 0 || rng.Chance(0.1) ? Restored::kGone : tiers.Restore(restore);
          restored_runs += got == Restored::kFromMemory || got == Restored::kFromFile ? 1 : 0;
          if (got != Restored::kGone) break;
          gone += restore.left() > 0 ? 1 : 0;
          tiers->Drop(restore);
          std::swap(restore, restores.back());
          restores.pop_back();
      }
      tiers->CheckIntegrity();
    }
  }
}

TEST(PageTiers, GivesBackWhatWentInWhateverTheDiskDoes) {
  uint64_t restored = 0, gone = 0;
  for (uint64_t seed = TestSeed(); seed < TestSeed() + 300; ++seed) {
    RunRandomly(seed, restored, gone);
    ASSERT_FALSE(testing::Test::HasFailure()) << "seed " << seed;
  }
  EXPECT_GT(restored, 3000u);
  EXPECT_GT(gone, 300u);
}

TEST(PageTiers, AnotherThreadReadsAndWrites) {
  SystemClock clock;
  Tiers tiers({.memory_runs = 2, .file_runs = 200, .write_buffers = 2}, std::make_shared<std::vector<std::byte>>(),
              clock);
  std::mutex mutex;
  std::condition_variable came;
  uint64_t reads = 0, seen = 0;
  tiers->OnDone([&] {
    const std::lock_guard lock(mutex);
    ++reads;
    came.notify_one();
  });
  std::thread thread([&] { tiers->Serve(); });
  const auto tokens = Tokens(50);
  const auto keys = KeysOf(*tiers, tokens);
  for (size_t i = 1; i <= 50; ++i) tiers.Complete(keys[i], keys[i - 1]);  // what the two buffers can't take waits
  while (tiers->Plan(keys[0], 0, tokens, 0).left() < 50) {
    std::this_thread::yield();
    tiers->Collect();
  }
  PageRestore restore = tiers->Plan(keys[0], 0, tokens, 0);
  while (restore.left() > 0) {
    const Restored restored = tiers.Restore(restore);
    ASSERT_NE(restored, Restored::kGone);
    if (restored == Restored::kWait) {
      std::unique_lock lock(mutex);
      came.wait(lock, [&] { return reads > seen; });
      seen = reads;
    }
    tiers->Collect();
  }
  tiers->Stop();
  thread.join();
  EXPECT_EQ(tiers->counts(Tier::kFile).restored, 50u);
}

}  // namespace
}  // namespace bedplate

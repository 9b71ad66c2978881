// Method: recorders in folders of their own. A process is killed in the middle of its stores, thousands of times, and
// what the next one finds is held against what the killed one had told of; files are cut, damaged and kept from
// growing.
#include "ledger/metering/flight_recorder.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <set>

#include "base/cat.h"
#include "base/random.h"
#include "ledger/books_testing.h"

namespace bedplate {
namespace {

constexpr uint32_t kFewSlots = 70;  // of two words, the last of which isn't full

class FlightRecorderTest : public testing::Test {
 protected:
  FlightRecorderTest() : path_(folder_.ledger().parent_path() / "flight-recorder") {}
  [[nodiscard]] Result<std::unique_ptr<FlightRecorder>> Open(FlightRecorderOptions options = {
                                                                 .slots = kFewSlots}) const {
    return FlightRecorder::Open(path_, options);
  }
  [[nodiscard]] std::unique_ptr<FlightRecorder> Opened() const {
    auto opened = Open();
    EXPECT_TRUE(opened.ok()) << opened.status().message();
    return opened.ok() ? *std::move(opened) : nullptr;
  }
  [[nodiscard]] std::vector<std::filesystem::path> Aside() const {
    std::vector<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::directory_iterator(path_.parent_path())) {
      if (entry.path().filename().string().starts_with("flight-recorder.damaged-")) found.push_back(entry.path());
    }
    return found;
  }
  void Overwrite(std::streamoff at, std::string_view bytes) const {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(at);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    ASSERT_TRUE(file.good());
  }

  BooksFolder folder_;
  const std::filesystem::path path_;
};

FlightDescriptor Asks(std::string request) {
  return {.started_unix_us = 1'700'000'000'000'000,
          .streamed = true,
          .request = std::move(request),
          .tenant = "acme",
          .project = "search",
          .api_key = "key-1",
          .model = "m"};
}

TEST_F(FlightRecorderTest, FindsWhatAnEarlierOneLeft) {
  {
    const auto recorder = Opened();
    EXPECT_EQ(recorder->epoch(), 1);
    EXPECT_TRUE(recorder->TakeFound().empty());
    auto given_up = recorder->TryClaim(Asks("a"));
    auto left = recorder->TryClaim(Asks("b"));
    ASSERT_TRUE(given_up && left);
    given_up->Store({.sequence = 1, .prompt_tokens = 3});
    left->Store({.sequence = 2, .prompt_tokens = 4, .output_tokens = 5});
    EXPECT_EQ(recorder->health().taken, 2u);
    EXPECT_EQ(recorder->TakenBefore(Asks("").started_unix_us), 0u);
    EXPECT_EQ(recorder->TakenBefore(Asks("").started_unix_us + 1), 2u);
    left->Leave();
  }
  for (int64_t epoch = 2; epoch < 4; ++epoch) {  // found again until it is freed
    const auto recorder = Opened();
    EXPECT_EQ(recorder->epoch(), epoch);
    auto found = recorder->TakeFound();
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].descriptor.request, "b");
    EXPECT_EQ(found[0].descriptor.epoch, 1);
    EXPECT_EQ(found[0].usage, (FlightUsage{.sequence = 2, .prompt_tokens = 4, .output_tokens = 5}));
    EXPECT_EQ(recorder->health().taken, 1u);
    EXPECT_EQ(recorder->TakenBefore(Asks("").started_unix_us + 1), 1u);
    if (epoch == 2) found[0].slot.Leave();
  }
  const auto recorder = Opened();
  EXPECT_TRUE(recorder->TakeFound().empty());
  EXPECT_EQ(recorder->health().taken, 0u);
  EXPECT_EQ(recorder->TakenBefore(INT64_MAX), 0u);
}

TEST_F(FlightRecorderTest, GivesEachSlotOnceAndThenNone) {
  const auto recorder = Opened();
  std::vector<FlightRecorder::Slot> slots;
  for (uint32_t i = 0; i < kFewSlots; ++i) {
    auto slot = recorder->TryClaim(Asks(Cat(i)));
    ASSERT_TRUE(slot) << i;
    slots.push_back(*std::move(slot));
  }
  EXPECT_FALSE(recorder->TryClaim(Asks("one more")));
  EXPECT_EQ(recorder->health().taken, kFewSlots);
  slots.pop_back();
  EXPECT_TRUE(recorder->TryClaim(Asks("one more")));
}

TEST_F(FlightRecorderTest, IsClaimedByManyThreadsAtOnce) {
  const auto recorder = Opened();
  std::atomic<int> none{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 5000; ++i) {
        auto slot = recorder->TryClaim(Asks(Cat(t, "-", i)));
        if (!slot) {
          ++none;
          continue;
        }
        slot->Store({.sequence = i + 1, .prompt_tokens = 1});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(none.load(), 0) << "four at a time never need more than four";
  EXPECT_EQ(recorder->health().taken, 0u);
}

TEST_F(FlightRecorderTest, IsItsOwnersAloneAndOfItsWholeSize) {
  const auto recorder = Opened();
  struct stat info{};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_GE(info.st_blocks * 512, info.st_size) << "allocated before it is used";
  const auto second = Open();
  EXPECT_EQ(second.status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(second.status().reason(), "in_use");
}

// A limit on the size of files stands for a disk without room: the kernel refuses to allocate.
TEST_F(FlightRecorderTest, WhatCantBeAllocatedIsNotUsed) {
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{.rlim_cur = 8192, .rlim_max = 8192};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const auto opened = Open();
    ::_exit(opened.ok() ? 1 : 0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_NE(Opened(), nullptr) << "once there is room";
}

TEST_F(FlightRecorderTest, EpochsGoOnWithTheBooks) {
  EXPECT_EQ(Opened()->epoch(), 1);
  EXPECT_EQ((*Open({.slots = kFewSlots, .epoch_min = 8}))->epoch(), 8) << "the file is older than the books";
  EXPECT_EQ((*Open({.slots = kFewSlots, .epoch_min = 3}))->epoch(), 9);
}

TEST_F(FlightRecorderTest, ADamagedSlotIsKeptAsideAndTheOthersAreFound) {
  {
    const auto recorder = Opened();
    for (int i = 0; i < 3; ++i) {
      auto slot = recorder->TryClaim(Asks(Cat(i)));
      slot->Store({.sequence = i + 1, .prompt_tokens = 1});
      slot->Leave();
    }
  }
  Overwrite(4096 + 1 * kCellBytes, "\xFF\xFF");  // the index of the second one's cell
  {
    const auto recorder = Opened();
    auto found = recorder->TakeFound();
    ASSERT_EQ(found.size(), 2u);
    EXPECT_EQ(found[0].descriptor.request, "0");
    EXPECT_EQ(found[1].descriptor.request, "2");
    EXPECT_EQ(recorder->health().damaged, 1u);
    EXPECT_EQ(recorder->health().taken, 2u);
  }
  ASSERT_EQ(Aside().size(), 1u);
  EXPECT_EQ(std::filesystem::file_size(Aside()[0]), kCellBytes + kDescriptorBytes);
  EXPECT_EQ(Opened()->health().damaged, 0u) << "told once";
}

TEST_F(FlightRecorderTest, AFileThatMakesNoSenseIsPutAside) {
  const auto damages =
      std::array<std::function<void()>, 3>{[&] { Overwrite(3, "?"); },                          // the header
                                           [&] { std::filesystem::resize_file(path_, 5000); },  // its end is gone
                                           [&] { std::filesystem::resize_file(path_, 0), Overwrite(0, "x"); }};
  for (size_t i = 0; i < damages.size(); ++i) {
    Opened().reset();
    damages[i]();
    const auto recorder = Opened();
    ASSERT_NE(recorder, nullptr);
    EXPECT_TRUE(recorder->TryClaim(Asks("a")));
    EXPECT_EQ(Aside().size(), i + 1);
  }
}

TEST_F(FlightRecorderTest, AFileWhoseMakingWasCutIsMadeToItsEnd) {
  std::ofstream(path_).put('\0');
  std::filesystem::resize_file(path_, 100'000);
  EXPECT_TRUE(Opened()->TryClaim(Asks("a")));
  EXPECT_TRUE(Aside().empty());
}

TEST_F(FlightRecorderTest, AFileOfALaterFormIsLeftAsItIs) {
  Opened().reset();
  // A header of form 2 whose checksum is right.
  std::array<char, 24> head{};
  std::ifstream(path_, std::ios::binary).read(head.data(), head.size());
  head[8] = 2;
  const uint64_t checksum = FlightChecksum(std::as_bytes(std::span(head)));
  Overwrite(0, {head.data(), head.size()});
  Overwrite(24, {reinterpret_cast<const char*>(&checksum), sizeof checksum});
  EXPECT_EQ(Open().status().code(), StatusCode::kDataLoss);
  EXPECT_TRUE(Aside().empty());
}

TEST_F(FlightRecorderTest, SyncsByItself) {
  const auto recorder = *Open({.slots = kFewSlots, .sync_interval = std::chrono::milliseconds(1)});
  auto slot = recorder->TryClaim(Asks("a"));
  for (int i = 1; i < 50; ++i) {
    slot->Store({.sequence = 1, .output_tokens = static_cast<uint32_t>(i)});
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_TRUE(recorder->health().sync.ok());
}

/// What a process that will be killed tells of: the tokens that it has handed over, by stream.
struct HandedOver {
  std::array<std::atomic<uint32_t>, 4> tokens;
};

// A stream: stored, then handed over, as a connection does before it writes.
void StreamUntilKilled(FlightRecorder& recorder, HandedOver& over) {
  std::vector<FlightRecorder::Slot> slots;
  for (size_t i = 0; i < over.tokens.size(); ++i) slots.push_back(*recorder.TryClaim(Asks(Cat(i))));
  for (uint32_t n = 1;; ++n) {
    for (size_t i = 0; i < slots.size(); ++i) {
      slots[i].Store({.sequence = static_cast<int64_t>(i) + 1, .prompt_tokens = 7, .output_tokens = n});
      over.tokens[i].store(n, std::memory_order_release);
    }
  }
}

TEST_F(FlightRecorderTest, AKilledProcessIsChargedForWhatItHandedOverAndAtMostOneMore) {
  Prng prng(TestSeed());
  void* const shared = ::mmap(nullptr, sizeof(HandedOver), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(shared, MAP_FAILED);
  auto& over = *new (shared) HandedOver;
  uint64_t one_more = 0;
  for (int round = 0; round < 100; ++round) {
    for (auto& tokens : over.tokens) tokens.store(0);
    const pid_t child = ::fork();
    if (child == 0) {
      const auto recorder = Open();
      if (recorder.ok()) StreamUntilKilled(**recorder, over);
      ::_exit(1);
    }
    while (over.tokens.back().load() < 3) std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::microseconds(prng.Range(0, 2000)));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));

    const auto recorder = Opened();
    const auto found = recorder->TakeFound();
    ASSERT_EQ(found.size(), over.tokens.size()) << round;
    ASSERT_EQ(recorder->health().damaged, 0u) << round;
    for (size_t i = 0; i < found.size(); ++i) {
      const uint32_t told = over.tokens[i].load();
      const uint32_t kept = found[i].usage.output_tokens;
      ASSERT_TRUE(kept == told || kept == told + 1) << "round " << round << ": " << kept << " of " << told;
      EXPECT_EQ(found[i].usage.prompt_tokens, 7u);
      one_more += kept - told;
    }
  }
  RecordProperty("one_more", static_cast<int>(one_more));
  ::munmap(shared, sizeof(HandedOver));
}

}  // namespace
}  // namespace bedplate

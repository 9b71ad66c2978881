#pragma once
/// Where cached pages go that the pool has no room for, and come back from: memory beyond the pool, and a file that
/// survives the process. What is kept is a run, the pages of all groups for 16 tokens, under its key (page_key.h).
///
///   memory   takes each page that the prefix tree evicts, and gives up whole runs, the least recently used ends first;
///            what finds only the run before it to give up is not kept
///   file     takes each run as soon as it is complete, on a thread of its own, through a bounded number of buffers;
///            what comes while all are full waits where it is, in the pool, and is not kept if it is evicted before its
///            turn. A run that memory gives up is offered once more, if it is whole and the file has no slot for it.
///   restore  a sequence whose prompt goes on in a tier gets its pages filled run by run, as long as each next run is
///            there. From memory that is a copy at once; from the file it is read ahead on the other thread, checked,
///            and copied when it has come. No page is written but by the engine thread, so a sequence may give its
///            pages up at any time.
///
/// A run is restored where that has taken less time than computing it would, by what both took lately; a tier that
/// nothing is known of, or that has been refused for long, is tried.
///
/// Owns:    copies of bytes. Outlives the prefix tree that it serves and every PageRestore.
/// Threads: the engine thread, and one that calls Serve (or, in tests, Work) for the file.
/// Errors:  none reach a request. A run that can't be read is logged and computed instead; a file that can't be written
///          takes no more runs, one that the system fails to read is not read any more.
/// Cost:    copying a run: its bytes at the speed of memory. No allocation after the start but for the keys of a
///          restore, and for what is said of a failure.

#include <array>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/status.h"
#include "pages/page_file.h"
#include "pages/page_key.h"
#include "pages/tier_counts.h"
#include "pages/tier_index.h"

namespace bedplate {

/// What of one sequence's prompt is to be restored; filled by PageTiers.
struct PageRestore {
  uint64_t id = 0;
  std::vector<PageKey> keys;  // of the runs, in order
  uint32_t next = 0;
  [[nodiscard]] uint32_t left() const { return static_cast<uint32_t>(keys.size()) - next; }
};

class PageTiers {
 public:
  enum class Tier : uint8_t { kMemory, kFile };
  enum class Restored : uint8_t {
    kFromMemory,
    kFromFile,
    kWait,  // it is being read
    kGone,  // the rest is not there any more, or damaged
  };
  struct Options {
    std::vector<size_t> page_bytes;  // by group
    uint32_t memory_runs = 0;
    uint32_t write_buffers = 0, read_buffers = 0;  // at least one each where there is a file
    std::function<std::span<std::byte>(size_t group, PageId page)> bytes;
  };

  /// keys: of the identity that the file was opened with.
  static Result<std::unique_ptr<PageTiers>> Create(Options options, std::unique_ptr<PageKeys> keys,
                                                   std::optional<PageFile::Opened> file, const Clock& clock);
  PageTiers(const PageTiers&) = delete;
  PageTiers& operator=(const PageTiers&) = delete;
  ~PageTiers() = default;

  // ---- The engine thread's.

  [[nodiscard]] const PageKey& root() const { return keys_->root(); }
  [[nodiscard]] PageKey Child(const PageKey& parent, uint64_t salt, std::span<const TokenId> run) {
    return keys_->Child(parent, salt, run);
  }
  /// Takes what the other thread has done. Before each step.
  void Collect();
  /// These pages, by group, are a complete run. They will not change before TakeEvicted says so of one of them, or
  /// DropAll of all.
  void TakeComplete(const PageKey& key, const PageKey& parent, std::span<const PageId> pages);
  /// This page of a complete run is about to be given to somebody else.
  void TakeEvicted(const PageKey& key, const PageKey& parent, size_t group, PageId page);
  /// How far the tokens after `from` can be restored, all of them whole runs. row_seconds: what computing a token has
  /// taken lately; 0: unknown.
  [[nodiscard]] PageRestore Plan(const PageKey& from, uint64_t salt, std::span<const TokenId> tokens,
                                 double row_seconds);
  /// Fills these pages, by group, with the next run.
  [[nodiscard]] Restored Restore(PageRestore& restore, std::span<const PageId> pages);
  /// Nothing more of it is wanted.
  void Drop(PageRestore& restore);
  /// Nothing more is wanted of any, and no page holds any more what it held.
  void DropAll();

  /// Runs that a step may restore without others noticing: some milliseconds of copying.
  [[nodiscard]] uint32_t step_runs_max() const;
  [[nodiscard]] TierCounts counts(Tier tier) const;
  void CheckIntegrity();

  // ---- The other thread's.

  /// Called on the other thread whenever something has been read or written. Before that thread is started.
  void OnDone(std::function<void()> wake) { wake_ = std::move(wake); }
  /// Reads and writes until Stop, and then what is still to be written.
  void Serve();
  void Stop();
  /// One piece of it; false: there is none.
  bool Work();

  /// To be charged to the memory budget.
  static size_t BytesPerRun(std::span<const size_t> page_bytes);

 private:
  static constexpr uint32_t kNone = 0xFFFFFFFFu;
  static constexpr size_t kGroupsMax = 4;
  static constexpr size_t kWaitingMax = 1024;  // 80 KiB of names
  static constexpr uint32_t kReadAhead = 4;    // runs of one restore that are being read or waiting to be copied
  enum class Filled : uint8_t { kFree, kWriting, kReading, kRead, kUnread };
  enum class Stored : uint8_t {
    kNo,     // or not yet
    kFound,  // an earlier process wrote it, and nobody has read it since
    kGood,
  };
  /// A complete run that found no buffer.
  struct Waiting {
    PageKey key, parent;
    std::array<PageId, kGroupsMax> pages;
  };
  struct BufferState {
    Filled filled = Filled::kFree;
    PageKey key;
    uint64_t restore = 0;  // whose it is; 0: nobody's any more
  };
  struct Job {
    bool write = false;
    uint32_t buffer = 0;
    PageFile::Record record;
    Status status;
    double seconds = 0;
  };

  PageTiers(Options options, std::unique_ptr<PageKeys> keys, std::optional<PageFile::Opened> file, Buffer memory,
            Buffer buffers, const Clock& clock);

  [[nodiscard]] std::byte* MemoryRun(uint32_t slot) const { return memory_.data() + slot * run_bytes_; }
  [[nodiscard]] std::span<std::byte> BufferRun(uint32_t buffer) const {
    return {buffers_.data() + buffer * run_bytes_, run_bytes_};
  }
  void CopyOut(std::span<const PageId> pages, std::byte* to) const;
  void CopyIn(const std::byte* from, std::span<const PageId> pages) const;

  [[nodiscard]] std::optional<uint32_t> InMemory(const PageKey& key) const;
  [[nodiscard]] std::optional<uint32_t> InFile(const PageKey& key) const;
  [[nodiscard]] std::optional<Tier> Where(const PageKey& key) const;
  [[nodiscard]] bool Faster(Tier tier, double row_seconds);
  [[nodiscard]] std::optional<uint32_t> MemorySlot(const PageKey& key, const PageKey& parent);
  [[nodiscard]] std::optional<uint32_t> WriteBuffer() const;
  template <class Fill>
  void Offer(const PageKey& key, const PageKey& parent, const Fill& fill);
  [[nodiscard]] bool InFileForGood(const PageKey& key);
  void OfferWaiting();
  void ForgetWaiting(const PageKey& key);
  [[nodiscard]] std::optional<uint32_t> FileSlot(const PageKey& key, const PageKey& parent);
  void EvictFromMemory(uint32_t slot);
  void ReadAhead(PageRestore& restore);
  [[nodiscard]] std::optional<uint32_t> ReadBuffer(const PageRestore& restore);
  [[nodiscard]] std::optional<uint32_t> BufferOf(uint64_t restore, const PageKey& key) const;
  void Post(Job job);
  void NoteWritten(const Job& job);
  void NoteRead(const Job& job);
  void NoteSlot(uint32_t slot, bool good);
  void NoteSeconds(Tier tier, double seconds);
  [[nodiscard]] bool IsFullMask(uint32_t slot) const { return masks_[slot] == (1u << options_.page_bytes.size()) - 1; }

  const Options options_;
  const std::unique_ptr<PageKeys> keys_;
  const Clock& clock_;
  const size_t run_bytes_;
  std::vector<size_t> offsets_;  // by group, in a run

  Buffer memory_;  // [memory_runs, run_bytes]
  TierIndex memory_index_;
  std::vector<uint32_t> masks_;  // by memory slot: the groups whose page has come

  const std::unique_ptr<PageFile> file_;
  TierIndex file_index_;
  std::vector<Stored> stored_;  // by file slot
  uint64_t next_number_ = 1;
  bool writes_stopped_ = false, reads_stopped_ = false;
  Buffer buffers_;                          // [write_buffers + read_buffers, run_bytes]
  std::vector<BufferState> buffer_states_;  // those for writing first
  std::vector<Waiting> waiting_;            // for a buffer to be written from, in the order they came

  uint64_t restores_ = 0;  // ids given out
  std::array<TierCounts, 2> counts_;
  std::array<double, 2> run_seconds_{};  // by tier, moving mean; 0: not measured

  std::function<void()> wake_ = [] {};
  std::mutex mutex_;  // guards jobs_, done_, stop_
  std::condition_variable posted_;
  std::vector<Job> jobs_, done_;  // at most one a buffer
  uint32_t working_ = 0;          // jobs that are in neither
  bool stop_ = false;
  std::vector<Job> collected_;
};

}  // namespace bedplate

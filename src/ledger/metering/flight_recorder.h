#pragma once
/// What is running, and what it has used so far, in a mapped file: its pages outlive the process, so after a kill -9
/// the next one finds every request as it was told of last. One slot a running request.
///
///   BP_ASSIGN_OR_RETURN(auto recorder, FlightRecorder::Open(data / "flight-recorder", options));
///   for (FlightRecorder::Found& found : recorder->TakeFound()) ...       // what an earlier process left: book it
///   std::optional<FlightRecorder::Slot> slot = recorder->TryClaim(descriptor);  // none: all are taken
///   slot->Store(usage);                                                  // before each write to the socket
///   slot.reset();                                                        // booked: the slot is free
///
/// File:      flight_file.h has its bytes, its lock, its epochs and their errors.
/// Power cut: a thread syncs the file each sync_interval; what was stored since the last sync may be lost.
/// Damage:    a slot that makes no sense is logged, its bytes kept in a file beside (PATH.damaged-N), and free again:
/// it
///            is charged to nobody by itself. Where it can't be kept it stays as it is, out of use, until the next
///            start.
/// Threads:   any; a slot is one caller's at a time. TryClaim and Store take no lock and don't wait. The recorder
///            outlives its slots.

#include <array>
#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "ledger/metering/flight_file.h"
#include "ledger/metering/flight_slot.h"

namespace bedplate {

struct FlightRecorderOptions {
  /// Of a new file. 4096 are 33 MiB, and more than the connections that a server has.
  uint32_t slots = 4096;
  Duration sync_interval = std::chrono::milliseconds(100);
  int64_t epoch_min = 1;
};

class FlightRecorder {
 public:
  /// A claimed slot. Destroyed, it is free.
  class Slot {
   public:
    Slot(Slot&& other) noexcept
        : recorder_(std::exchange(other.recorder_, nullptr)), number_(other.number_), claim_(other.claim_) {}
    Slot& operator=(Slot&&) = delete;
    ~Slot() {
      if (recorder_ != nullptr) recorder_->Free(number_);
    }
    void Store(const FlightUsage& usage) { recorder_->Store(number_, claim_, usage); }
    /// It stays taken, for the next start to find.
    void Leave() { recorder_ = nullptr; }

   private:
    friend class FlightRecorder;
    Slot(FlightRecorder* recorder, uint32_t number, uint64_t claim)
        : recorder_(recorder), number_(number), claim_(claim) {}
    FlightRecorder* recorder_;
    uint32_t number_;
    uint64_t claim_;
  };

  /// A slot that an earlier process left.
  struct Found {
    Slot slot;
    FlightDescriptor descriptor;
    FlightUsage usage;
  };

  static Result<std::unique_ptr<FlightRecorder>> Open(const std::filesystem::path& path, FlightRecorderOptions options);
  ~FlightRecorder();
  FlightRecorder(const FlightRecorder&) = delete;
  FlightRecorder& operator=(const FlightRecorder&) = delete;

  /// Once, before the first claim.
  [[nodiscard]] std::vector<Found> TakeFound() { return std::move(found_); }
  [[nodiscard]] int64_t epoch() const { return file_->epoch(); }
  /// The descriptor's epoch becomes this one's. Its shape is right.
  std::optional<Slot> TryClaim(FlightDescriptor descriptor);

  /// Slots that are taken by requests that began before the time: by those that run, or whose charge isn't durable yet.
  [[nodiscard]] size_t TakenBefore(int64_t unix_us) const;

  struct Health {
    uint32_t slots = 0, taken = 0;
    uint32_t damaged = 0;  // that were found at the start
    Status sync;           // why the last sync failed
  };
  [[nodiscard]] Health health() const;

 private:
  static constexpr int64_t kFree = INT64_MAX;
  FlightRecorder(std::unique_ptr<FlightFile> file, FlightRecorderOptions options);
  Status ReadSlots();
  void PutAside(const std::string& damaged, const std::vector<uint32_t>& slots);
  std::optional<uint32_t> TryTake();
  void Store(uint32_t slot, uint64_t claim, const FlightUsage& usage);
  void Free(uint32_t slot);
  Status SyncHalf(size_t half);
  void MakeReady(size_t word);
  void RunSync() noexcept;

  const std::unique_ptr<FlightFile> file_;
  const FlightRecorderOptions options_;
  std::vector<Found> found_;
  uint32_t damaged_ = 0;

  std::vector<FlightCell> cells_;             // by slot; whoever claimed it has it
  std::vector<std::atomic<uint64_t>> taken_;  // a bit a slot
  std::vector<std::atomic<int64_t>> began_;   // by slot; kFree where it isn't taken by a request
  std::vector<std::atomic<uint64_t>> used_;   // a bit a slot: claimed since the last sync
  std::atomic<uint64_t> claims_{0};           // of this epoch
  // A half is synced while claims go to the other: a store to a page on its way to the disk takes tens of microseconds.
  const size_t half_words_;
  std::atomic<size_t> first_word_{0};              // where claims look first
  std::array<std::atomic<bool>, 2> changed_ = {};  // since its last sync

  mutable std::mutex mutex_;  // guards the rest
  std::condition_variable told_;
  bool ending_ = false;
  Status sync_;
  std::thread thread_;  // last: it uses the others
};

}  // namespace bedplate

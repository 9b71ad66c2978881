#include "ledger/metering/flight_recorder.h"

#include <algorithm>
#include <bit>

#include "base/cat.h"
#include "base/caught.h"
#include "base/check.h"
#include "base/log.h"

namespace bedplate {
namespace {

constexpr uint32_t kSlotsAWord = 64;

}  // namespace

Result<std::unique_ptr<FlightRecorder>> FlightRecorder::Open(const std::filesystem::path& path,
                                                             FlightRecorderOptions options) {
  BP_ASSIGN_OR_RETURN(auto file, FlightFile::Open(path, options.slots, options.epoch_min));
  std::unique_ptr<FlightRecorder> recorder(new FlightRecorder(std::move(file), options));
  BP_RETURN_IF_ERROR(recorder->ReadSlots());
  recorder->thread_ = std::thread([raw = recorder.get()] { raw->RunSync(); });
  return recorder;
}

FlightRecorder::FlightRecorder(std::unique_ptr<FlightFile> file, FlightRecorderOptions options)
    : file_(std::move(file)),
      options_(options),
      taken_((file_->slots() + kSlotsAWord - 1) / kSlotsAWord),
      began_(file_->slots()),
      used_(taken_.size()),
      half_words_((taken_.size() + 1) / 2) {
  for (std::atomic<int64_t>& began : began_) began.store(kFree);
  // What the last word has beyond the slots is never free.
  const uint32_t rest = file_->slots() % kSlotsAWord;
  if (rest != 0) taken_.back().store(~uint64_t{0} << rest);
}

FlightRecorder::~FlightRecorder() {
  found_.clear();
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  told_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Status FlightRecorder::ReadSlots() {
  BP_ASSIGN_OR_RETURN(const std::vector<std::byte> cells, file_->ReadCells());
  std::string damaged;
  std::vector<uint32_t> damaged_slots;
  for (uint32_t i = 0; i < file_->slots(); ++i) {
    const auto cell = std::span(cells).subspan(size_t{i} * kCellBytes).first<kCellBytes>();
    const Result<CellState> state = ReadCellFrom(cell);
    cells_.emplace_back(file_->CellOf(i), state.ok() ? state->version : 0);
    if (state.ok() && state->claim == 0) continue;
    BP_ASSIGN_OR_RETURN(const std::vector<std::byte> bytes, file_->ReadDescriptor(i));
    FlightSlotContent content = ReadFlightSlot(cell, std::span(bytes).first<kDescriptorBytes>());
    taken_[i / kSlotsAWord].fetch_or(uint64_t{1} << i % kSlotsAWord);
    if (content.kind == FlightSlotContent::Kind::kTaken) {
      began_[i].store(content.descriptor.started_unix_us);
      found_.push_back(
          {.slot = Slot(this, i, state->claim), .descriptor = std::move(content.descriptor), .usage = content.usage});
    } else if (content.kind == FlightSlotContent::Kind::kOverwritten) {
      Free(i);
    } else {
      LogError("a slot of the flight recorder is damaged: its request is charged to nobody by itself",
               {{"slot", Cat(i)}, {"why", content.why}});
      damaged.append(reinterpret_cast<const char*>(cell.data()), cell.size());
      damaged.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      damaged_slots.push_back(i);
    }
  }
  if (!damaged_slots.empty()) PutAside(damaged, damaged_slots);
  return Status::Ok();
}

void FlightRecorder::PutAside(const std::string& damaged, const std::vector<uint32_t>& slots) {
  damaged_ = static_cast<uint32_t>(slots.size());
  const Result<std::string> kept = file_->KeepAside(damaged);
  if (!kept.ok()) {
    return LogError("damaged slots of the flight recorder can't be kept aside, and stay out of use",
                    {{"slots", Cat(slots.size())}, {"error", kept.status().message()}});
  }
  LogError("damaged slots of the flight recorder are kept aside", {{"slots", Cat(slots.size())}, {"file", *kept}});
  for (const uint32_t slot : slots) {
    cells_[slot].Clear();
    Free(slot);
  }
}

/// The lowest free slot of the half that isn't synced, so that what is stored lies together; else any.
std::optional<uint32_t> FlightRecorder::TryTake() {
  const size_t first = first_word_.load(std::memory_order_relaxed);
  for (size_t i = 0; i < taken_.size(); ++i) {
    const size_t word = (first + i) % taken_.size();
    uint64_t taken = taken_[word].load(std::memory_order_relaxed);
    while (taken != ~uint64_t{0}) {
      const int bit = std::countr_one(taken);
      if (taken_[word].compare_exchange_weak(taken, taken | uint64_t{1} << bit, std::memory_order_acquire,
                                             std::memory_order_relaxed)) {
        return static_cast<uint32_t>(word * kSlotsAWord + static_cast<size_t>(bit));
      }
    }
  }
  return std::nullopt;
}

std::optional<FlightRecorder::Slot> FlightRecorder::TryClaim(FlightDescriptor descriptor) {
  const std::optional<uint32_t> slot = TryTake();
  if (!slot) return std::nullopt;
  descriptor.epoch = epoch();
  const uint64_t number = claims_.fetch_add(1, std::memory_order_relaxed) + 1;
  BP_CHECK(number >> kClaimNumberBits == 0);
  const uint64_t claim = static_cast<uint64_t>(descriptor.epoch) << kClaimNumberBits | number;
  used_[*slot / kSlotsAWord].fetch_or(uint64_t{1} << *slot % kSlotsAWord, std::memory_order_relaxed);
  WriteDescriptor(descriptor, claim, file_->DescriptorOf(*slot));
  Store(*slot, claim, {});
  began_[*slot].store(descriptor.started_unix_us, std::memory_order_relaxed);
  return Slot(this, *slot, claim);
}

void FlightRecorder::Store(uint32_t slot, uint64_t claim, const FlightUsage& usage) {
  cells_[slot].Store(claim, usage);
  changed_[slot / kSlotsAWord < half_words_ ? 0 : 1].store(true, std::memory_order_relaxed);
}

void FlightRecorder::Free(uint32_t slot) {
  began_[slot].store(kFree, std::memory_order_relaxed);
  Store(slot, 0, {});
  taken_[slot / kSlotsAWord].fetch_and(~(uint64_t{1} << slot % kSlotsAWord), std::memory_order_release);
}

size_t FlightRecorder::TakenBefore(int64_t unix_us) const {
  return static_cast<size_t>(std::ranges::count_if(
      began_, [&](const std::atomic<int64_t>& began) { return began.load(std::memory_order_relaxed) < unix_us; }));
}

FlightRecorder::Health FlightRecorder::health() const {
  Health health{.slots = file_->slots(), .taken = 0, .damaged = damaged_, .sync = {}};
  uint32_t bits = 0;
  for (const std::atomic<uint64_t>& word : taken_) {
    bits += static_cast<uint32_t>(std::popcount(word.load(std::memory_order_relaxed)));
  }
  const auto beyond = static_cast<uint32_t>(taken_.size()) * kSlotsAWord - health.slots;
  health.taken = bits - beyond;
  const std::lock_guard lock(mutex_);
  health.sync = sync_;
  return health;
}

/// What was claimed lately will be again, and what runs is stored again: not at the price of a page fault each time.
void FlightRecorder::MakeReady(size_t word) {
  const auto first = static_cast<uint32_t>(word * kSlotsAWord);
  uint64_t used = used_[word].exchange(0, std::memory_order_relaxed);
  if ((used | taken_[word].load(std::memory_order_relaxed)) == 0) return;
  file_->MakeCellsReady(first, std::min(kSlotsAWord, file_->slots() - first));
  for (; used != 0; used &= used - 1) file_->MakeDescriptorReady(first + static_cast<uint32_t>(std::countr_zero(used)));
}

Status FlightRecorder::SyncHalf(size_t half) {
  const size_t begin = half * half_words_, end = half == 0 ? half_words_ : taken_.size();
  if (!changed_[half].exchange(false, std::memory_order_relaxed)) return Status::Ok();
  first_word_.store(half == 0 ? half_words_ : 0, std::memory_order_relaxed);
  const auto first = static_cast<uint32_t>(begin * kSlotsAWord);
  const auto behind = std::min(static_cast<uint32_t>(end * kSlotsAWord), file_->slots());
  const Status synced = file_->Sync(first, behind - first);
  if (!synced.ok()) changed_[half].store(true, std::memory_order_relaxed);
  for (size_t word = begin; word < end; ++word) MakeReady(word);
  first_word_.store(0, std::memory_order_relaxed);
  return synced;
}

void FlightRecorder::RunSync() noexcept {
  try {
    std::unique_lock lock(mutex_);
    for (bool ends = false; !ends;) {
      ends = told_.wait_for(lock, options_.sync_interval, [this] { return ending_; });
      if (!changed_[0].load(std::memory_order_relaxed) && !changed_[1].load(std::memory_order_relaxed)) continue;
      lock.unlock();
      Status synced = SyncHalf(0);
      if (synced.ok()) synced = SyncHalf(1);
      lock.lock();
      if (!synced.ok() && sync_.ok()) LogError("the flight recorder is not synced", {{"error", synced.message()}});
      sync_ = synced;
    }
  } catch (...) {
    EndProcessForCaught("flight recorder's sync");
  }
}

}  // namespace bedplate

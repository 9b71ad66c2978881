// Plan. The engine thread owns both indexes and says which slot of the file holds what; the other thread only moves
// bytes between a buffer and a slot. A slot is pinned while a job for it is on its way, so it can't become another
// run's meanwhile; a slot that is being written is in the index, but not yet stored_.

#include "pages/page_tiers.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

#include "base/cat.h"
#include "base/caught.h"
#include "base/check.h"
#include "base/log.h"

namespace bedplate {
namespace {

constexpr size_t kAlign = 64;
constexpr size_t kStepBytes = size_t{32} << 20;  // copied in 3 to 6 ms
constexpr double kNewest = 1.0 / 4;              // weight of the newest measurement
constexpr double kForget = 0.9;                  // per refusal, so that a tier that was slow once is tried again

size_t Aligned(size_t bytes) {
  return (bytes + kAlign - 1) / kAlign * kAlign;
}

}  // namespace

size_t PageTiers::BytesPerRun(std::span<const size_t> page_bytes) {
  return std::accumulate(page_bytes.begin(), page_bytes.end(), size_t{0},
                         [](size_t sum, size_t bytes) { return sum + Aligned(bytes); });
}

Result<std::unique_ptr<PageTiers>> PageTiers::Create(Options options, std::unique_ptr<PageKeys> keys,
                                                     std::optional<PageFile::Opened> file, const Clock& clock) {
  const size_t run_bytes = BytesPerRun(options.page_bytes);
  if (!file.has_value()) options.write_buffers = options.read_buffers = 0;
  BP_CHECK(options.page_bytes.size() <= kGroupsMax);
  BP_CHECK(!file.has_value() || (options.write_buffers > 0 && options.read_buffers > 0));
  BP_ASSIGN_OR_RETURN(Buffer memory, Buffer::Allocate(options.memory_runs * run_bytes));
  BP_ASSIGN_OR_RETURN(Buffer buffers,
                      Buffer::Allocate((options.write_buffers + options.read_buffers) * size_t{run_bytes}));
  return std::unique_ptr<PageTiers>(new PageTiers(std::move(options), std::move(keys), std::move(file),
                                                  std::move(memory), std::move(buffers), clock));
}

PageTiers::PageTiers(Options options, std::unique_ptr<PageKeys> keys, std::optional<PageFile::Opened> file,
                     Buffer memory, Buffer buffers, const Clock& clock)
    : options_(std::move(options)),
      keys_(std::move(keys)),
      clock_(clock),
      run_bytes_(BytesPerRun(options_.page_bytes)),
      memory_(std::move(memory)),
      memory_index_(options_.memory_runs),
      masks_(options_.memory_runs, 0),
      file_(file.has_value() ? std::move(file->file) : nullptr),
      file_index_(file_ == nullptr ? 0 : file_->slots()),
      stored_(file_index_.slots(), Stored::kNo),
      buffers_(std::move(buffers)),
      buffer_states_(size_t{options_.write_buffers} + options_.read_buffers) {
  size_t offset = 0;
  for (const size_t bytes : options_.page_bytes) offset += Aligned(bytes), offsets_.push_back(offset - Aligned(bytes));
  jobs_.reserve(buffer_states_.size());
  done_.reserve(buffer_states_.size());
  collected_.reserve(buffer_states_.size());
  if (file_ == nullptr) return;
  waiting_.reserve(kWaitingMax);
  for (const PageFile::Record& record : file->records) {
    next_number_ = std::max(next_number_, record.number + 1);
    // Two records of one key are no harm: the bytes are the same.
    if (file_index_.Find(record.key).has_value()) continue;
    file_index_.AddAt(record.slot, record.key, record.parent);
    stored_[record.slot] = Stored::kFound;
  }
}

// ---- Bytes -------------------------------------------------------------------------------------------------------

void PageTiers::CopyOut(std::span<const PageId> pages, std::byte* to) const {
  for (size_t g = 0; g < pages.size(); ++g) {
    const std::span<const std::byte> page = options_.bytes(g, pages[g]);
    std::memcpy(to + offsets_[g], page.data(), page.size());
  }
}

void PageTiers::CopyIn(const std::byte* from, std::span<const PageId> pages) const {
  for (size_t g = 0; g < pages.size(); ++g) {
    const std::span<std::byte> page = options_.bytes(g, pages[g]);
    std::memcpy(page.data(), from + offsets_[g], page.size());
  }
}

// ---- Into the tiers ------------------------------------------------------------------------------------------------

void PageTiers::TakeComplete(const PageKey& key, const PageKey& parent, std::span<const PageId> pages) {
  if (file_ == nullptr || writes_stopped_ || InFileForGood(key)) return;
  if (waiting_.empty() && WriteBuffer().has_value()) {
    return Offer(key, parent, [&](std::byte* to) { CopyOut(pages, to); });
  }
  if (std::ranges::find(waiting_, key, &Waiting::key) != waiting_.end()) return;
  if (waiting_.size() == kWaitingMax) {
    ++counts_[static_cast<size_t>(Tier::kFile)].refused;
    return;
  }
  Waiting& last = waiting_.emplace_back(key, parent);
  std::ranges::copy(pages, last.pages.begin());
}

/// Whether the file has it, or will soon; touches it. If an earlier process is said to have written it, and somebody
/// computed it nevertheless, it is slow, or damaged around here: now it can be made good.
bool PageTiers::InFileForGood(const PageKey& key) {
  const auto slot = file_index_.Find(key);
  if (!slot.has_value()) return false;
  file_index_.Touch(*slot);
  return stored_[*slot] != Stored::kFound;
}

/// Those whose turn it is now that buffers are free.
void PageTiers::OfferWaiting() {
  size_t done = 0;
  for (; done < waiting_.size(); ++done) {
    const Waiting& run = waiting_[done];
    if (InFileForGood(run.key)) continue;
    if (!writes_stopped_ && !WriteBuffer().has_value()) break;
    Offer(run.key, run.parent,
          [&](std::byte* to) { CopyOut(std::span(run.pages).first(options_.page_bytes.size()), to); });
  }
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(done));
}

void PageTiers::ForgetWaiting(const PageKey& key) {
  const auto run = std::ranges::find(waiting_, key, &Waiting::key);
  if (run == waiting_.end()) return;
  waiting_.erase(run);
  ++counts_[static_cast<size_t>(Tier::kFile)].refused;
}

void PageTiers::TakeEvicted(const PageKey& key, const PageKey& parent, size_t group, PageId page) {
  ForgetWaiting(key);
  if (options_.memory_runs == 0) return;
  const std::optional<uint32_t> slot = MemorySlot(key, parent);
  if (!slot.has_value()) return;
  const uint32_t bit = 1u << group;
  if ((masks_[*slot] & bit) != 0) return;  // it has come before, with the same bits
  const std::span<const std::byte> bytes = options_.bytes(group, page);
  std::memcpy(MemoryRun(*slot) + offsets_[group], bytes.data(), bytes.size());
  masks_[*slot] |= bit;
}

/// The key's slot, with room made for it; not by evicting what comes before it.
std::optional<uint32_t> PageTiers::MemorySlot(const PageKey& key, const PageKey& parent) {
  if (const auto slot = memory_index_.Find(key); slot.has_value()) {
    memory_index_.Touch(*slot);
    return slot;
  }
  if (const auto slot = memory_index_.TryAdd(key, parent); slot.has_value()) return slot;
  const std::optional<uint32_t> oldest = memory_index_.OldestEnd();
  if (!oldest.has_value() || memory_index_.key(*oldest) == parent) return std::nullopt;
  EvictFromMemory(*oldest);
  return memory_index_.TryAdd(key, parent);
}

void PageTiers::EvictFromMemory(uint32_t slot) {
  const PageKey& key = memory_index_.key(slot);
  if (file_ != nullptr && IsFullMask(slot) && !file_index_.Find(key).has_value()) {
    Offer(key, memory_index_.parent(slot), [&](std::byte* to) { std::memcpy(to, MemoryRun(slot), run_bytes_); });
  }
  memory_index_.Remove(slot);
  masks_[slot] = 0;
  ++counts_[static_cast<size_t>(Tier::kMemory)].evicted;
}

std::optional<uint32_t> PageTiers::WriteBuffer() const {
  const auto first_reader = buffer_states_.begin() + options_.write_buffers;
  const auto state = std::ranges::find(buffer_states_.begin(), first_reader, Filled::kFree, &BufferState::filled);
  if (state == first_reader) return std::nullopt;
  return static_cast<uint32_t>(state - buffer_states_.begin());
}

/// Fills a buffer for the other thread to write, if there is one.
template <class Fill>
void PageTiers::Offer(const PageKey& key, const PageKey& parent, const Fill& fill) {
  if (writes_stopped_) return;
  const std::optional<uint32_t> buffer = WriteBuffer();
  const std::optional<uint32_t> slot = buffer.has_value() ? FileSlot(key, parent) : std::nullopt;
  if (!slot.has_value()) {
    ++counts_[static_cast<size_t>(Tier::kFile)].refused;
    return;
  }
  buffer_states_[*buffer].filled = Filled::kWriting;
  file_index_.Pin(*slot);
  fill(BufferRun(*buffer).data());
  Post({.write = true, .buffer = *buffer, .record = {key, parent, next_number_++, *slot}, .status = {}, .seconds = 0});
}

/// A slot to be written, the key's own or one with room made for it; not by evicting what comes before it.
std::optional<uint32_t> PageTiers::FileSlot(const PageKey& key, const PageKey& parent) {
  if (const auto slot = file_index_.Find(key); slot.has_value()) {
    stored_[*slot] = Stored::kNo;
    return slot;
  }
  if (const auto slot = file_index_.TryAdd(key, parent); slot.has_value()) return slot;
  const std::optional<uint32_t> oldest = file_index_.OldestEnd();
  if (!oldest.has_value() || file_index_.key(*oldest) == parent) return std::nullopt;
  file_index_.Remove(*oldest);
  stored_[*oldest] = Stored::kNo;
  ++counts_[static_cast<size_t>(Tier::kFile)].evicted;
  return file_index_.TryAdd(key, parent);
}

// ---- Out of the tiers ----------------------------------------------------------------------------------------------

std::optional<uint32_t> PageTiers::InMemory(const PageKey& key) const {
  const auto slot = memory_index_.Find(key);
  return slot.has_value() && IsFullMask(*slot) ? slot : std::nullopt;
}

std::optional<uint32_t> PageTiers::InFile(const PageKey& key) const {
  if (reads_stopped_) return std::nullopt;
  const auto slot = file_index_.Find(key);
  return slot.has_value() && stored_[*slot] != Stored::kNo ? slot : std::nullopt;
}

std::optional<PageTiers::Tier> PageTiers::Where(const PageKey& key) const {
  if (InMemory(key).has_value()) return Tier::kMemory;
  if (InFile(key).has_value()) return Tier::kFile;
  return std::nullopt;
}

bool PageTiers::Faster(Tier tier, double row_seconds) {
  double& seconds = run_seconds_[static_cast<size_t>(tier)];
  if (row_seconds == 0 || seconds < row_seconds * kPageTokens) return true;  // not measured is 0, and tried
  seconds *= kForget;
  return false;
}

PageRestore PageTiers::Plan(const PageKey& from, uint64_t salt, std::span<const TokenId> tokens, double row_seconds) {
  PageRestore restore{.id = ++restores_, .keys = {}, .next = 0};
  PageKey key = from;
  for (; tokens.size() >= kPageTokens; tokens = tokens.subspan(kPageTokens)) {
    key = keys_->Child(key, salt, tokens.first(kPageTokens));
    const std::optional<Tier> tier = Where(key);
    if (!tier.has_value() || !Faster(*tier, row_seconds)) break;
    restore.keys.push_back(key);
  }
  return restore;
}

PageTiers::Restored PageTiers::Restore(PageRestore& restore, std::span<const PageId> pages) {
  const PageKey& key = restore.keys[restore.next];
  if (const auto slot = InMemory(key); slot.has_value()) {
    const Instant start = clock_.Now();
    CopyIn(MemoryRun(*slot), pages);
    NoteSeconds(Tier::kMemory, std::chrono::duration<double>(clock_.Now() - start).count());
    memory_index_.Touch(*slot);
    ++counts_[static_cast<size_t>(Tier::kMemory)].restored;
    ++restore.next;
    return Restored::kFromMemory;
  }
  if (const auto buffer = BufferOf(restore.id, key); buffer.has_value()) {
    BufferState& state = buffer_states_[*buffer];
    if (state.filled != Filled::kReading) {
      const bool good = state.filled == Filled::kRead;
      if (good) CopyIn(BufferRun(*buffer).data(), pages);
      state = {};
      if (!good) return Restored::kGone;
      if (const auto slot = file_index_.Find(key); slot.has_value()) file_index_.Touch(*slot);
      ++counts_[static_cast<size_t>(Tier::kFile)].restored;
      ++restore.next;
      ReadAhead(restore);
      return Restored::kFromFile;
    }
  } else if (!InFile(key).has_value()) {
    return Restored::kGone;
  }
  ReadAhead(restore);
  return Restored::kWait;
}

void PageTiers::ReadAhead(PageRestore& restore) {
  const size_t end = std::min(restore.keys.size(), size_t{restore.next} + kReadAhead);
  for (size_t i = restore.next; i < end; ++i) {
    const PageKey& key = restore.keys[i];
    if (InMemory(key).has_value() || BufferOf(restore.id, key).has_value()) continue;
    const std::optional<uint32_t> slot = InFile(key);
    const std::optional<uint32_t> buffer = slot.has_value() ? ReadBuffer(restore) : std::nullopt;
    if (!buffer.has_value()) return;
    buffer_states_[*buffer] = {.filled = Filled::kReading, .key = key, .restore = restore.id};
    file_index_.Pin(*slot);
    Post({.write = false, .buffer = *buffer, .record = {key, {}, 0, *slot}, .status = {}, .seconds = 0});
  }
}

/// A free one. A restore that has none takes another's that has come and was not fetched: its sequence may be waiting
/// for pages that this one holds.
std::optional<uint32_t> PageTiers::ReadBuffer(const PageRestore& restore) {
  std::optional<uint32_t> others;
  bool has_one = false;
  for (uint32_t b = options_.write_buffers; b < buffer_states_.size(); ++b) {
    const BufferState& state = buffer_states_[b];
    if (state.filled == Filled::kFree) return b;
    if (state.restore == restore.id) {
      has_one = true;
    } else if (state.filled != Filled::kReading) {
      others = b;
    }
  }
  return has_one ? std::nullopt : others;
}

std::optional<uint32_t> PageTiers::BufferOf(uint64_t restore, const PageKey& key) const {
  for (uint32_t b = options_.write_buffers; b < buffer_states_.size(); ++b) {
    if (buffer_states_[b].restore == restore && buffer_states_[b].key == key) return b;
  }
  return std::nullopt;
}

void PageTiers::Drop(PageRestore& restore) {
  for (BufferState& state : buffer_states_) {
    if (restore.id == 0 || state.restore != restore.id) continue;
    state.restore = 0;  // one that is being read is freed when it has come
    if (state.filled != Filled::kReading) state = {};
  }
  restore = {};
}

void PageTiers::DropAll() {
  counts_[static_cast<size_t>(Tier::kFile)].refused += waiting_.size();
  waiting_.clear();
  for (BufferState& state : buffer_states_) {
    state.restore = 0;
    if (state.filled == Filled::kRead || state.filled == Filled::kUnread) state = {};
  }
}

// ---- Between the threads -------------------------------------------------------------------------------------------

void PageTiers::Post(Job job) {
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  posted_.notify_one();
}

void PageTiers::Collect() {
  {
    const std::lock_guard lock(mutex_);
    collected_.swap(done_);
  }
  for (const Job& job : collected_) {
    if (job.write) {
      NoteWritten(job);
    } else {
      NoteRead(job);
    }
  }
  collected_.clear();
  OfferWaiting();
}

void PageTiers::NoteWritten(const Job& job) {
  const uint32_t slot = job.record.slot;
  buffer_states_[job.buffer] = {};
  NoteSlot(slot, job.status.ok());
  if (job.status.ok()) return;
  ++counts_[static_cast<size_t>(Tier::kFile)].failed;
  if (std::exchange(writes_stopped_, true)) return;
  LogWarning("the file of cached pages takes no more: what is in it is still used", {{"why", job.status.message()}});
}

void PageTiers::NoteRead(const Job& job) {
  const uint32_t slot = job.record.slot;
  BufferState& state = buffer_states_[job.buffer];
  state.filled = job.status.ok() ? Filled::kRead : Filled::kUnread;
  if (state.restore == 0) state = {};
  NoteSlot(slot, job.status.ok());
  if (job.status.ok()) return NoteSeconds(Tier::kFile, job.seconds);
  ++counts_[static_cast<size_t>(Tier::kFile)].failed;
  if (job.status.code() == StatusCode::kDataLoss) {
    LogWarning("a cached page in the file is damaged; it is computed anew", {{"why", job.status.message()}});
  } else if (!std::exchange(reads_stopped_, true)) {
    LogWarning("the file of cached pages is not read any more", {{"why", job.status.message()}});
  }
}

/// The other thread does jobs in order, so the last one for a slot says what is in it.
void PageTiers::NoteSlot(uint32_t slot, bool good) {
  file_index_.Unpin(slot);
  stored_[slot] = good ? Stored::kGood : Stored::kNo;
  if (!good && !file_index_.pinned(slot)) file_index_.Remove(slot);
}

void PageTiers::NoteSeconds(Tier tier, double seconds) {
  double& mean = run_seconds_[static_cast<size_t>(tier)];
  mean = mean == 0 ? seconds : mean + kNewest * (seconds - mean);
}

bool PageTiers::Work() {
  Job job;
  {
    const std::lock_guard lock(mutex_);
    if (jobs_.empty()) return false;
    job = std::move(jobs_.front());
    jobs_.erase(jobs_.begin());
    ++working_;
  }
  const Instant start = clock_.Now();
  try {
    const std::span<std::byte> bytes = BufferRun(job.buffer);
    job.status = job.write ? file_->Write(job.record, bytes) : file_->Read(job.record.slot, job.record.key, bytes);
  } catch (...) {
    job.status = CaughtStatus();
  }
  job.seconds = std::chrono::duration<double>(clock_.Now() - start).count();
  {
    const std::lock_guard lock(mutex_);
    --working_;
    done_.push_back(std::move(job));
  }
  wake_();
  return true;
}

void PageTiers::Serve() {
  for (;;) {
    while (Work()) {
    }
    std::unique_lock lock(mutex_);
    posted_.wait(lock, [this] { return stop_ || !jobs_.empty(); });
    if (stop_ && jobs_.empty()) return;
  }
}

void PageTiers::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  posted_.notify_one();
}

// ---- About it ------------------------------------------------------------------------------------------------------

uint32_t PageTiers::step_runs_max() const {
  return static_cast<uint32_t>(std::max<size_t>(1, kStepBytes / run_bytes_));
}

TierCounts PageTiers::counts(Tier tier) const {
  TierCounts counts = counts_[static_cast<size_t>(tier)];
  counts.bytes = (tier == Tier::kMemory ? memory_index_ : file_index_).used() * uint64_t{run_bytes_};
  return counts;
}

void PageTiers::CheckIntegrity() {
  memory_index_.CheckIntegrity();
  file_index_.CheckIntegrity();
  for (uint32_t s = 0; s < memory_index_.slots(); ++s) BP_CHECK(memory_index_.taken(s) == (masks_[s] != 0));
  for (uint32_t s = 0; s < file_index_.slots(); ++s) {
    BP_CHECK(stored_[s] == Stored::kNo ? !file_index_.taken(s) || file_index_.pinned(s) : file_index_.taken(s));
  }
  const auto busy = std::ranges::count_if(buffer_states_, [](const BufferState& state) {
    return state.filled == Filled::kWriting || state.filled == Filled::kReading;
  });
  const std::lock_guard lock(mutex_);
  BP_CHECK(jobs_.size() + done_.size() + working_ == static_cast<size_t>(busy));
  BP_CHECK(waiting_.size() <= kWaitingMax);
}

}  // namespace bedplate

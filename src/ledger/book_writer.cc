#include "ledger/book_writer.h"

#include <algorithm>
#include <utility>

#include "base/cat.h"
#include "base/caught.h"
#include "base/log.h"

namespace bedplate {
namespace {

constexpr auto kTick = std::chrono::milliseconds(100);  // how late an expiry may be written
constexpr auto kRetryWaitMax = std::chrono::seconds(1);

/// What may pass: the disk, not the books, is in the way.
bool MayPass(const Status& status) {
  return status.code() == StatusCode::kIoError || status.code() == StatusCode::kResourceExhausted ||
         status.code() == StatusCode::kUnavailable;
}

Status Stopped(std::string_view why) {
  return Status::Unavailable(Cat("the ledger is no longer written: ", why)).WithReason("ledger_stopped");
}

Status BusyWriter(std::string why) {
  return Status::Unavailable(std::move(why)).WithReason("ledger_busy").WithRetryAfterMs(1000);
}

Status Lags(const Status& file) {
  return BusyWriter(Cat("the ledger's disk lags", file.ok() ? "" : ": ", file.message()));
}

}  // namespace

/// Between one who waits for an entry, and may have left, and the writer.
struct BookWriter::Told {
  std::mutex mutex;  // guards the rest
  std::condition_variable changed;
  std::optional<Status> answer;
};

BookWriter::BookWriter(std::unique_ptr<Books> books, const Clock& clock, BookWriterOptions options)
    : clock_(clock), options_(options), books_(std::move(books)), thread_([this] { Run(); }) {}

BookWriter::~BookWriter() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
  BP_CHECK(places_ == 0);  // a place outlives its writer
}

Result<BookWriter::Place> BookWriter::TakePlace() {
  const std::lock_guard lock(mutex_);
  if (stopped_ || ending_) return Stopped(file_.ok() ? "it ends" : file_.message());
  if (LagLocked() > options_.lag_max) return Lags(file_);
  if (places_ >= options_.places_max) return BusyWriter("the ledger has no more room for requests");
  ++places_;
  return Place(this);
}

void BookWriter::GiveBack() {
  const std::lock_guard lock(mutex_);
  --places_;
}

void BookWriter::Add(Place place, Entry entry, bool hurry, std::shared_ptr<bool> withdrawn) {
  BP_CHECK(place.writer_ == this);
  std::unique_lock lock(mutex_);
  if (stopped_) {
    const Status refused = Stopped(file_.message());
    lock.unlock();
    if (entry.done) entry.done(refused);
    return;
  }
  place.writer_ = nullptr;  // the entry's now, until it is done
  queue_.push_back({std::move(entry), clock_.Now(), std::move(withdrawn)});
  hurry_ = hurry_ || hurry;
  const bool wake = hurry || queue_.size() == options_.group_entries_max;
  lock.unlock();
  if (wake) changed_.notify_all();
}

Status BookWriter::Write(std::function<Status(Books& books)> write) {
  BP_ASSIGN_OR_RETURN(Place place, TakePlace());
  const auto told = std::make_shared<Told>();
  const auto withdrawn = std::make_shared<bool>(false);
  const auto tell = [told](const Status& durable) {
    const std::lock_guard lock(told->mutex);
    told->answer = durable;
    told->changed.notify_all();
  };
  Add(std::move(place), {.write = std::move(write), .done = tell}, /*hurry=*/true, withdrawn);
  std::unique_lock lock(told->mutex);
  const auto answered = [&] { return told->answer.has_value(); };
  for (Duration wait = options_.lag_max; !told->changed.wait_for(lock, wait, answered); wait = kTick) {
    lock.unlock();
    if (std::optional<Status> lags = Withdraw(*withdrawn)) return *std::move(lags);
    lock.lock();
  }
  return *told->answer;
}

Status BookWriter::Write(Place place, std::function<Status(Books& books)> write) {
  const auto told = std::make_shared<Told>();
  const auto tell = [told](const Status& durable) {
    const std::lock_guard lock(told->mutex);
    told->answer = durable;
    told->changed.notify_all();
  };
  Add(std::move(place), {.write = std::move(write), .done = tell}, /*hurry=*/true);
  std::unique_lock lock(told->mutex);
  told->changed.wait(lock, [&] { return told->answer.has_value(); });
  return *told->answer;
}

/// None where the disk doesn't refuse, or where the entry may be durable by the time that this returns.
std::optional<Status> BookWriter::Withdraw(bool& withdrawn) {
  const std::lock_guard lock(mutex_);
  if (attempting_ || file_.ok()) return std::nullopt;
  withdrawn = true;
  return Lags(file_);
}

BookWriter::Health BookWriter::health() const {
  const std::lock_guard lock(mutex_);
  return {.waiting = queue_.size() + in_group_,
          .places = places_,
          .lag = LagLocked(),
          .file = file_,
          .stopped = stopped_,
          .groups = groups_,
          .entries = entries_};
}

Duration BookWriter::LagLocked() const {
  if (group_since_) return clock_.Now() - *group_since_;
  return queue_.empty() ? Duration(0) : clock_.Now() - queue_.front().since;
}

void BookWriter::Run() noexcept {
  try {
    while (TakeGroup()) WriteGroup();
  } catch (...) {
    EndProcessForCaught("ledger's writer");
  }
}

/// Waits for a group's entries, or for a tick without any. False: all is written and the end was asked for.
bool BookWriter::TakeGroup() {
  std::unique_lock lock(mutex_);
  const auto full = [&] { return ending_ || queue_.size() >= options_.group_entries_max; };
  const Duration look = places_ > 0 ? options_.look_wait : Duration(kTick);
  // Who wakes it is followed by others, as it would be at its next look.
  if (changed_.wait_for(lock, look, [&] { return hurry_ || full(); }))
    changed_.wait_for(lock, options_.group_wait, full);
  hurry_ = false;
  if (queue_.empty()) return !ending_;
  const size_t size = std::min(queue_.size(), options_.group_entries_max);
  group_since_ = queue_.front().since;
  for (size_t i = 0; i < size; ++i) {
    group_.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  in_group_ = size;
  return true;
}

/// Leaves out what was withdrawn. False: nothing is left of the group.
bool BookWriter::BeginAttempt() {
  const std::lock_guard lock(mutex_);
  const size_t left_out = std::erase_if(group_, [](const Waiting& one) { return one.withdrawn && *one.withdrawn; });
  places_ -= left_out;
  in_group_ -= left_out;
  if (group_.empty()) group_since_.reset();
  attempting_ = !group_.empty();
  return attempting_;
}

void BookWriter::WriteGroup() {
  Duration wait = options_.retry_wait;
  for (;;) {
    std::vector<Status> answers;
    // A tick without entries, and without anything that is over, writes nothing.
    const std::optional<Instant> expiry = books_->NextExpiry();
    if (!BeginAttempt() && (!expiry || *expiry > clock_.Now())) return books_->KeepHeads();
    const Status committed = books_->Group([&] {
      (void)books_->ExpireDue();  // what goes wrong with it breaks the group
      for (const Waiting& waiting : group_) answers.push_back(waiting.entry.write(*books_));
    });
    if (committed.ok() || !KeepTrying(committed)) return Finish(committed, answers);
    std::unique_lock lock(mutex_);
    if (changed_.wait_for(lock, wait, [&] { return ending_; })) {
      lock.unlock();
      return Finish(Stopped(committed.message()), {});
    }
    wait = std::min<Duration>(2 * wait, kRetryWaitMax);
  }
}

/// Notes what keeps the group from being written; whether to try it again.
bool BookWriter::KeepTrying(const Status& failed) {
  const bool again = MayPass(failed);
  const std::lock_guard lock(mutex_);
  attempting_ = false;
  if (file_.ok()) LogError(again ? "the ledger's disk refuses" : "the ledger stops", {{"reason", failed.message()}});
  file_ = failed;
  stopped_ = stopped_ || !again;
  return again && !ending_;
}

void BookWriter::Finish(const Status& status, const std::vector<Status>& answers) {
  std::vector<Waiting> done = std::exchange(group_, {});
  {
    const std::lock_guard lock(mutex_);
    attempting_ = false;
    places_ -= done.size();
    in_group_ = 0;
    group_since_.reset();
    if (status.ok()) {
      if (!file_.ok()) LogInfo("the ledger is written again", {});
      file_ = Status::Ok();
      ++groups_;
      entries_ += done.size();
    }
    if (stopped_) {  // nobody else will be written either
      places_ -= queue_.size();
      std::move(queue_.begin(), queue_.end(), std::back_inserter(done));
      queue_.clear();
    }
  }
  for (size_t i = 0; i < done.size(); ++i) {
    if (!done[i].entry.done) continue;
    done[i].entry.done(status.ok() && i < answers.size() ? answers[i] : Stopped(status.message()));
  }
}

}  // namespace bedplate

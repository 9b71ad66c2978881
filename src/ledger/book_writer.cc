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

}  // namespace

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
  const bool late = LagLocked() > options_.lag_max;
  if (places_ >= options_.places_max || late) {
    return Status::Unavailable(late ? Cat("the ledger's disk lags", file_.ok() ? "" : ": ", file_.message())
                                    : "the ledger has no more room for requests")
        .WithReason("ledger_busy")
        .WithRetryAfterMs(1000);
  }
  ++places_;
  return Place(this);
}

void BookWriter::GiveBack() {
  const std::lock_guard lock(mutex_);
  --places_;
}

void BookWriter::Add(Place place, Entry entry, bool hurry) {
  BP_CHECK(place.writer_ == this);
  std::unique_lock lock(mutex_);
  if (stopped_) {
    const Status refused = Stopped(file_.message());
    lock.unlock();
    if (entry.done) entry.done(refused);
    return;
  }
  place.writer_ = nullptr;  // the entry's now, until it is done
  queue_.push_back({std::move(entry), clock_.Now()});
  hurry_ = hurry_ || hurry;
  const bool wake = hurry || queue_.size() == options_.group_entries_max;
  lock.unlock();
  if (wake) changed_.notify_all();
}

Status BookWriter::Write(std::function<Status(Books& books)> write) {
  BP_ASSIGN_OR_RETURN(Place place, TakePlace());
  return Write(std::move(place), std::move(write));
}

Status BookWriter::Write(Place place, std::function<Status(Books& books)> write) {
  std::mutex mutex;
  std::condition_variable told;
  std::optional<Status> answer;
  Add(std::move(place),
      {.write = std::move(write),
       .done =
           [&](const Status& durable) {
             const std::lock_guard lock(mutex);
             answer = durable;
             told.notify_all();  // under the lock: who waits may be gone right after
           }},
      /*hurry=*/true);
  std::unique_lock lock(mutex);
  told.wait(lock, [&] { return answer.has_value(); });
  return *answer;
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
  const Duration look = places_ > 0 ? options_.group_wait : Duration(kTick);
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

void BookWriter::WriteGroup() {
  Duration wait = options_.retry_wait;
  for (;;) {
    std::vector<Status> answers;
    // A tick without entries, and without anything that is over, writes nothing.
    const std::optional<Instant> expiry = books_->NextExpiry();
    if (group_.empty() && (!expiry || *expiry > clock_.Now())) return books_->KeepHeads();
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
  if (file_.ok()) LogError(again ? "the ledger's disk refuses" : "the ledger stops", {{"reason", failed.message()}});
  file_ = failed;
  stopped_ = stopped_ || !again;
  return again && !ending_;
}

void BookWriter::Finish(const Status& status, const std::vector<Status>& answers) {
  std::vector<Waiting> done = std::exchange(group_, {});
  {
    const std::lock_guard lock(mutex_);
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

#pragma once
/// The one thread that writes the books. Entries of many callers become groups, each one sync of the disk: a group ends
/// at most 30 ms after its first entry, or with its 512th.
///
///   BP_ASSIGN_OR_RETURN(BookWriter::Place place, writer.TakePlace());   // before the work that will have to be booked
///   ...
///   writer.Submit(std::move(place), {.write = [=](Books& books) { return books.Write(transfer).status(); },
///                                    .done = [](const Status& durable) { ... }});
///
/// Places:   at most places_max are taken, by waiting entries and by those that will come; whoever has one is never
///           refused later. Without one, or while the disk lags, the answer is kUnavailable (a 503), reason
///           "ledger_busy", with when to try again.
/// Entries:  `write` runs on the writer's thread inside a group. While the disk refuses (full, read-only, an I/O error)
///           the group is kept and tried again, so `write` may run more than once, each time on books that have nothing
///           of it. `done` is called once: with what write returned, when that is durable; or with kUnavailable, reason
///           "ledger_stopped", when it will not be, since the books are damaged or the writer ends before the disk
///           takes it. Entries in one thread's order are written in it.
/// Waking:   Submit wakes nobody unless it is in a hurry, since a request would pay more for that than for all else
///           here: while places are taken the writer looks every 25 ms, otherwise every 100. Write wakes it.
/// Ends:     what waits is written first; where the disk still refuses it is given up and told so.
/// Threads:  any. clock outlives it. done must not wait for the writer.

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "ledger/books.h"

namespace bedplate {

struct BookWriterOptions {
  size_t places_max = 16'384;
  size_t group_entries_max = 512;
  Duration group_wait = std::chrono::milliseconds(5);    // for others, once somebody in a hurry has woken the writer
  Duration look_wait = std::chrono::milliseconds(25);    // while places are taken
  Duration lag_max = std::chrono::seconds(2);            // of an entry that waits, beyond which no place is given
  Duration retry_wait = std::chrono::milliseconds(100);  // doubled up to a second
};

class BookWriter {
 public:
  /// Leave for one entry. Given back when destroyed unused.
  class Place {
   public:
    Place(Place&& other) noexcept : writer_(std::exchange(other.writer_, nullptr)) {}
    Place& operator=(Place&& other) noexcept {
      std::swap(writer_, other.writer_);
      return *this;
    }
    ~Place() {
      if (writer_ != nullptr) writer_->GiveBack();
    }

   private:
    friend class BookWriter;
    explicit Place(BookWriter* writer) : writer_(writer) {}
    BookWriter* writer_;
  };

  struct Entry {
    std::function<Status(Books& books)> write;
    std::function<void(const Status& durable)> done = {};
  };

  BookWriter(std::unique_ptr<Books> books, const Clock& clock, BookWriterOptions options = {});
  ~BookWriter();
  BookWriter(const BookWriter&) = delete;
  BookWriter& operator=(const BookWriter&) = delete;

  Result<Place> TakePlace();
  /// hurry: something waits for it to be durable.
  void Submit(Place place, Entry entry, bool hurry = false) { Add(std::move(place), std::move(entry), hurry); }
  /// Takes a place, submits, and waits until it is durable: for commands and the admin API. Not from `done`. While the
  /// disk refuses it waits for lag_max, and then takes its entry back: kUnavailable, reason "ledger_busy", and nothing
  /// of it will be written. Whoever waited for as long as the disk is full would keep a server from ending.
  Status Write(std::function<Status(Books& books)> write);
  /// The same with a place taken before, and however long it takes.
  Status Write(Place place, std::function<Status(Books& books)> write);

  struct Health {
    size_t waiting = 0;                // entries
    size_t places = 0;                 // taken, those of waiting entries included
    Duration lag{};                    // age of the oldest entry that isn't durable
    Status file;                       // why the last group could not be written
    bool stopped = false;              // for good: the books are damaged
    uint64_t groups = 0, entries = 0;  // written since the start
  };
  [[nodiscard]] Health health() const;

 private:
  struct Waiting {
    Entry entry;
    Instant since;
    std::shared_ptr<bool> withdrawn = {};  // by who waits for it; shared with them. mutex_ guards it; none: can't be
  };
  struct Told;

  void Add(Place place, Entry entry, bool hurry, std::shared_ptr<bool> withdrawn = nullptr);
  void Run() noexcept;
  bool TakeGroup();
  void WriteGroup();
  bool KeepTrying(const Status& failed);
  bool BeginAttempt();
  std::optional<Status> Withdraw(bool& withdrawn);
  void Finish(const Status& status, const std::vector<Status>& answers);
  void GiveBack();
  [[nodiscard]] Duration LagLocked() const;

  const Clock& clock_;
  const BookWriterOptions options_;
  std::unique_ptr<Books> books_;  // the thread's
  std::vector<Waiting> group_;    // the thread's
  mutable std::mutex mutex_;      // guards the rest
  std::condition_variable changed_;
  std::deque<Waiting> queue_;
  bool hurry_ = false;                  // somebody waits for what is in the queue
  std::optional<Instant> group_since_;  // of the oldest entry that is being written
  size_t in_group_ = 0;
  size_t places_ = 0;
  Status file_;
  bool attempting_ = false;  // a group is being written: whether its entries will be durable isn't known
  bool stopped_ = false;
  bool ending_ = false;
  uint64_t groups_ = 0, entries_ = 0;
  std::thread thread_;  // last: it uses the others
};

}  // namespace bedplate

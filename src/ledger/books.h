#pragma once
/// The books: accounts, transfers, prices, usage events and closed periods in one file, and the balances in memory that
/// are their fold. What is written is never changed. Everything is known by an id that was made once: to write the same
/// again is kExists and changes nothing, to write something else under the id is an error.
///
///   BP_ASSIGN_OR_RETURN(auto books, Books::Open(data / "ledger.sqlite3", clock, &heads));
///   const Status durable = books->Group([&] {            // one sync for all of it; or each call alone
///     for (auto& charge : charges) charge.answer = books->Write(charge.transfer);
///   });
///
/// Groups:   what a call inside a group answers holds once Group has returned Ok. Where the file can't be written, the
///           group fails as a whole, books and memory are what they were before, and the same calls may come again.
/// Time:     timeouts are intervals on the monotonic clock. A reserve that is open at Open() gets its interval anew:
/// what
///           was held while nobody ran wasn't used. ExpireDue() writes the expiries; nothing else looks at the time.
/// Periods:  a transfer is booked when what it books occurred. If that period is closed it is booked at the beginning
///           of the open one, as a correction. All times are microseconds of Unix time, UTC; periods [begin, end).
/// Owns:     the file and its lock (a second process is refused: kUnavailable, reason "in_use"). clock and heads
/// outlive
///           it; heads may be none.
/// Threads:  one at a time (book_writer.h). Others read the file through connections of their own (book_rows.h).
/// Errors:   those of base/database.h: then nothing of the group was written. kDataLoss from Open, reason
///           "behind_kept_head", where the file lacks rows that the kept heads know of, or has others. kConflict,
///           reason "id_taken": the id stands for something else. Those of balances.h, price.h, producer_mark.h. A
///           reserve that was resolved: kConflict, reason "pending_posted", "pending_voided" or "pending_expired".

#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/database.h"
#include "ledger/balances.h"
#include "ledger/book_rows.h"
#include "ledger/head_keeper.h"
#include "ledger/price.h"
#include "ledger/producer_mark.h"
#include "ledger/undo_map.h"
#include "ledger/usage_event.h"

namespace bedplate {

/// Who pays for an event, and who earns it. Money accounts without a rule: what was used is owed.
struct Settlement {
  AccountId payer, earner;                 // debited, credited
  std::optional<TransferId> pending = {};  // the reserve between the same two that it settles
};

struct RecordedUsage {
  Outcome outcome = Outcome::kCreated;
  BookedUsage usage;
};

class Books {
 public:
  static Result<std::unique_ptr<Books>> Open(const std::filesystem::path& file, const Clock& clock, HeadKeeper* heads,
                                             const char* vfs = nullptr);
  ~Books();

  /// Runs the calls of `work` as one group. Not nested.
  Status Group(const std::function<void()>& work);
  /// Inside a group: all that `work` writes or nothing of it, without failing the rest of the group.
  Status Together(const std::function<Status()>& work);

  Result<Outcome> OpenAccount(const Account& account);
  Result<Outcome> Write(const Transfer& transfer);
  Result<Outcome> AddPrice(const Price& price);
  /// Claims the event's number, rates it, and charges it to the payer, all together or nothing: by posting the reserve
  /// if it is still open, and what that doesn't cover by a transfer of its own. Transfers' ids are made from the
  /// event's key. What has no price (FindCharged) costs nothing. Without a settlement nobody is charged. `also` is
  /// written with it: transfers in other units, such as those of token budgets.
  Result<RecordedUsage> RecordUsage(const UsageEvent& event, const std::optional<Settlement>& settlement,
                                    std::span<const Transfer> also = {});
  /// Whether the open period may end then: after the last one's end (kConflict, reason "already_closed") and not in the
  /// future (kInvalidArgument, reason "period_not_over").
  [[nodiscard]] Status CheckClose(int64_t end_unix_us) const;
  /// Ends the open period, where CheckClose allows it.
  Result<PeriodClose> ClosePeriod(int64_t end_unix_us, const std::string& closer);

  /// Expires the open reserves whose time is over; how many.
  Result<size_t> ExpireDue();
  /// When the next one's time is over.
  [[nodiscard]] std::optional<Instant> NextExpiry() const;
  /// An open reserve gets its interval anew from now. False: there is none of that id.
  bool Renew(TransferId reserve);

  [[nodiscard]] const Balances& balances() const { return balances_; }
  [[nodiscard]] const PriceList& prices() const { return prices_; }
  [[nodiscard]] int64_t open_period_from_unix_us() const { return open_from_unix_us_; }
  [[nodiscard]] ChainHeads heads() const;
  /// What HeadKeeper::Keep does; for who has written nothing for a while.
  void KeepHeads();
  [[nodiscard]] Database& database() { return *database_; }  // to read from

 private:
  using MeterKey = std::pair<AccountId, int64_t>;  // payer and price
  struct MeterKeyHash {
    size_t operator()(const MeterKey& key) const noexcept;
  };
  using ProducerKey = std::pair<std::string, int64_t>;
  struct ProducerKeyHash {
    size_t operator()(const ProducerKey& key) const noexcept;
  };
  struct State;  // marks of all that goes back when a write fails

  Books(std::unique_ptr<Database> database, const Clock& clock, HeadKeeper* heads);
  Status Load();
  Status CheckKeptHeads();
  [[nodiscard]] State Mark() const;
  void RollBack(const State& state);
  Status StoreMarks();
  void NoteHeads();
  Status Alone(const std::function<Status()>& work);

  Result<Outcome> WriteInGroup(const Transfer& transfer);
  Status Book(const Transfer& transfer);
  Status Charged(const BookedUsage& usage, const Settlement& settlement);
  Result<std::vector<Charge>> Rate(const UsageEvent& event, AccountId payer);
  Result<PeriodClose> CloseInGroup(int64_t end_unix_us, const std::string& closer);
  Result<int64_t> TotalOf(const MeterKey& key);
  Result<ProducerMark> MarkOf(const ProducerKey& key);
  template <class Row>
  Status Append(std::string_view chain, const CanonicalRow& bytes, const Row& row);
  [[nodiscard]] int64_t NextNumber(std::string_view chain) const;
  Status Stored(Status status);
  void Await(TransferId reserve, uint32_t timeout_ms);

  std::unique_ptr<Database> database_;
  const Clock& clock_;
  HeadKeeper* const kept_heads_;

  // The fold.
  Balances balances_;
  PriceList prices_;
  std::map<std::string_view, ChainHead> heads_;  // by kChains
  int64_t open_from_unix_us_ = std::numeric_limits<int64_t>::min();
  // Read when first asked for.
  UndoMap<MeterKey, int64_t, MeterKeyHash> totals_;
  UndoMap<ProducerKey, ProducerMark, ProducerKeyHash> marks_;

  // Of open reserves with a timeout. What is in the queue and not, or otherwise, in the map is over.
  UndoMap<TransferId, Instant> deadlines_;
  using Due = std::pair<Instant, TransferId>;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;

  bool in_group_ = false;
  Status broken_;  // why the group can't be committed
};

}  // namespace bedplate

#pragma once
/// A part of a budget that one gateway may spend without asking the books: an open reserve in the books (the escrow),
/// and a counter in memory from which requests take. So a request is admitted by one atomic operation, and what all
/// gateways can spend together never exceeds the budget.
///
///   BudgetLease lease(writer, clock, {.budget = ..., .spent = ..., .name = "gateway-1/acme"}, options);
///   BP_RETURN_IF_ERROR(lease.Start());
///   std::optional<BudgetLease::Hold> hold = lease.TryHold(estimate);      // none: refuse, or try when it was refilled
///   if (hold && !hold->Extend(more)) ...                                  // ahead of use; else end at the last paid
///   token writer.Submit(place, {.write = [=](Books& books) -> Status {          // actual <= hold->amount()
///                   BP_RETURN_IF_ERROR(books.RecordUsage(...).status());
///                   return lease.SettleInGroup(books, settle_id, actual);
///                 }, .done = ...});
///   std::move(*hold).Settle(actual);                                      // what isn't used is there for others again
///   lease.Stop();
///
/// Budget:    an account with kDebitsWithinCredits. Debits posted are what was spent, debits pending what is leased.
/// Invariant: in the books, spent + leased <= budget; in memory, available + held + settled but not yet written <=
/// leased. Refill:    below low_water the writer's thread is asked for more: a half of an equal part of what is free
/// among
///            `gateways`, at least `chunk_min`, as far as there is. One request for more at a time.
/// Crash:     the lease is an open reserve whose id follows from the name: Start() of the next process finds it. What
/// of it
///            was spent and not written is posted by those who recover usage (SettleInGroup), before Start gives back
///            the rest.
/// Amounts:   in the budget's unit, at most 2^62 at a time in memory: 4.6 million dollars.
/// Threads:   any; TryHold, Extend and Settle never wait. The writer outlives the lease, the lease its holds.

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/status.h"
#include "ledger/book_writer.h"
#include "ledger/transfer.h"

namespace bedplate {

struct LeasedBudget {
  AccountId budget;  // debited
  AccountId spent;   // credited
  std::string name;  // of this lease, once for each gateway and budget; at most 200 bytes
};

struct LeaseOptions {
  int64_t low_water = 0;  // ask for more below this
  int64_t chunk_min = 1;  // at least one request's worth
  uint32_t gateways = 1;  // among which the budget is shared
};

class BudgetLease {
 public:
  /// A part that one request holds. Destroyed unsettled, it is there for others again.
  class Hold {
   public:
    Hold(Hold&& other) noexcept : lease_(std::exchange(other.lease_, nullptr)), amount_(other.amount_) {}
    Hold& operator=(Hold&& other) noexcept {
      std::swap(lease_, other.lease_);
      std::swap(amount_, other.amount_);
      return *this;
    }
    ~Hold() {
      if (lease_ != nullptr) lease_->GiveBack(amount_);
    }
    [[nodiscard]] int64_t amount() const { return amount_; }
    /// False: there is not so much more, and the hold is what it was.
    bool Extend(int64_t by);
    /// Less is needed: the rest is there for others. to: 0 to amount().
    void Shrink(int64_t to);
    /// Once `actual`, at most amount(), is on its way to the books: the rest is there for others.
    void Settle(int64_t actual) &&;

   private:
    friend class BudgetLease;
    Hold(BudgetLease* lease, int64_t amount) : lease_(lease), amount_(amount) {}
    BudgetLease* lease_;
    int64_t amount_;
  };

  BudgetLease(BookWriter& writer, const Clock& clock, LeasedBudget budget, LeaseOptions options);
  ~BudgetLease();
  BudgetLease(const BudgetLease&) = delete;
  BudgetLease& operator=(const BudgetLease&) = delete;

  /// Gives back what an earlier process left leased, and leases the first chunk. Waits for the disk.
  Status Start();
  /// No amount below 0. Asks for more where this leaves little.
  std::optional<Hold> TryHold(int64_t amount);
  /// The same of what there is, if that is less.
  Hold TakeUpTo(int64_t amount);
  /// Leases more where the budget has more, as after it was raised. Waits for the disk.
  Status Grow();
  /// Gives the lease back, once every hold was settled and written; waits for the disk. What is taken afterwards is
  /// refused.
  Status Stop();
  /// Ends without giving back: where the disk refuses, the next Start() does it.
  void Abandon();
  /// What requests may take now.
  [[nodiscard]] int64_t available() const { return available_.load(); }

  /// Inside a group, on the writer's thread: posts what was spent and leases the rest again, together. id: made once
  /// for this settlement; the same again is known. What the lease doesn't cover is taken from the rest of the budget,
  /// and refused (kResourceExhausted) where that has too little: whoever holds before spending never sees it.
  Status SettleInGroup(Books& books, TransferId id, Int128 actual);
  /// The same thread: gives back so much of the lease, which a hold has taken and settles once that is durable.
  Status ReturnInGroup(Books& books, Int128 amount);
  /// The same thread: how much the books have leased to this gateway.
  Result<Int128> LeasedInGroup(Books& books);

 private:
  bool Take(int64_t amount);
  void GiveBack(int64_t amount) { available_.fetch_add(amount); }
  void AskForMore(int64_t wanted);
  Result<int64_t> LeaseMore(Books& books, int64_t wanted);
  Status GiveBackLease(Books& books);
  Status Exchange(Books& books, const Transfer& post, Int128 lease);
  [[nodiscard]] TransferId LeaseId(int64_t number) const;
  [[nodiscard]] Transfer LeaseTransfer(Transfer::Kind kind, TransferId id, Int128 amount,
                                       std::optional<TransferId> lease = {}) const;
  Result<std::optional<TransferId>> OpenLease(Books& books);
  Status FindLastNumber(Books& books);

  BookWriter& writer_;
  const Clock& clock_;
  const LeasedBudget budget_;
  const LeaseOptions options_;
  std::atomic<int64_t> available_ = 0;
  std::atomic<bool> stopped_ = true;
  std::optional<BookWriter::Place> stop_place_;  // so that the end is never refused
  int64_t number_ = 0;                           // of the last lease; the writer's thread only, as the next
  bool number_known_ = false;
  std::mutex mutex_;  // guards the rest
  std::condition_variable told_;
  bool asked_ = false;    // for more, and not answered yet
  Instant ask_again_at_;  // after an answer of none
};

}  // namespace bedplate

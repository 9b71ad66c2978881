// In the books a lease is one open reserve at a time, numbered. Whatever changes its amount resolves it by a post (of
// what was spent, or of nothing) and makes the next one, both or neither, so the budget's own rule holds the sum. A
// group that fails takes its leases with it: the number of the last one is looked up again, not trusted.

#include "ledger/lease.h"

#include <algorithm>
#include <memory>

#include "base/cat.h"

namespace bedplate {
namespace {

using Kind = Transfer::Kind;

constexpr int64_t kInMemoryMax = int64_t{1} << 62;
constexpr auto kAskAgain = std::chrono::milliseconds(100);  // how soon after an empty budget

}  // namespace

BudgetLease::BudgetLease(BookWriter& writer, const Clock& clock, LeasedBudget budget, LeaseOptions options)
    : writer_(writer), clock_(clock), budget_(std::move(budget)), options_(options) {
  BP_CHECK(options_.gateways >= 1 && options_.chunk_min >= 1 && options_.low_water >= 0);
}

BudgetLease::~BudgetLease() {
  (void)Stop();  // where the disk refuses, the next start gives it back
  std::unique_lock lock(mutex_);
  told_.wait(lock, [&] { return !asked_; });
}

Status BudgetLease::Start() {
  if (!stop_place_) {
    BP_ASSIGN_OR_RETURN(BookWriter::Place place, writer_.TakePlace());
    stop_place_.emplace(std::move(place));
  }
  int64_t leased = 0;
  BP_RETURN_IF_ERROR(writer_.Write([&](Books& books) -> Status {
    BP_RETURN_IF_ERROR(GiveBackLease(books));
    BP_ASSIGN_OR_RETURN(leased, LeaseMore(books, 0));
    return Status::Ok();
  }));
  available_ = leased;
  stopped_ = false;
  return Status::Ok();
}

Status BudgetLease::Stop() {
  stopped_ = true;
  if (!stop_place_) return Status::Ok();
  const Status status =
      writer_.Write(*std::exchange(stop_place_, std::nullopt), [this](Books& books) { return GiveBackLease(books); });
  available_ = 0;
  return status;
}

void BudgetLease::Abandon() {
  stopped_ = true;
  stop_place_.reset();
}

std::optional<BudgetLease::Hold> BudgetLease::TryHold(int64_t amount) {
  BP_CHECK(amount >= 0);
  if (stopped_) return std::nullopt;
  const bool taken = Take(amount);
  if (!taken || available_ < options_.low_water) AskForMore(taken ? 0 : amount);
  if (!taken) return std::nullopt;
  return Hold(this, amount);
}

BudgetLease::Hold BudgetLease::TakeUpTo(int64_t amount) {
  BP_CHECK(amount >= 0);
  int64_t available = available_.load();
  int64_t taken = 0;
  do {
    taken = std::clamp<int64_t>(available, 0, amount);
  } while (!available_.compare_exchange_weak(available, available - taken));
  return {this, taken};
}

Status BudgetLease::Grow() {
  int64_t leased = 0;
  BP_RETURN_IF_ERROR(writer_.Write([&](Books& books) -> Status {
    BP_ASSIGN_OR_RETURN(leased, LeaseMore(books, 0));
    return Status::Ok();
  }));
  available_.fetch_add(leased);
  return Status::Ok();
}

bool BudgetLease::Take(int64_t amount) {
  int64_t available = available_.load();
  do {
    if (available < amount) return false;
  } while (!available_.compare_exchange_weak(available, available - amount));
  return true;
}

bool BudgetLease::Hold::Extend(int64_t by) {
  BP_CHECK(by >= 0);
  const bool taken = !lease_->stopped_ && lease_->Take(by);
  if (!taken || lease_->available() < lease_->options_.low_water) lease_->AskForMore(taken ? 0 : by);
  if (taken) amount_ += by;
  return taken;
}

void BudgetLease::Hold::Shrink(int64_t to) {
  BP_CHECK(to >= 0 && to <= amount_);
  lease_->GiveBack(amount_ - to);
  amount_ = to;
}

void BudgetLease::Hold::Settle(int64_t actual) && {
  BP_CHECK(actual >= 0 && actual <= amount_);
  std::exchange(lease_, nullptr)->GiveBack(amount_ - actual);
}

void BudgetLease::AskForMore(int64_t wanted) {
  {
    const std::lock_guard lock(mutex_);
    if (asked_ || stopped_ || clock_.Now() < ask_again_at_) return;
    asked_ = true;
  }
  const auto answered = [this](int64_t leased) {
    const std::lock_guard lock(mutex_);
    available_.fetch_add(leased);
    if (leased == 0) ask_again_at_ = clock_.Now() + kAskAgain;
    asked_ = false;
    told_.notify_all();
  };
  Result<BookWriter::Place> place = writer_.TakePlace();
  if (!place.ok()) return answered(0);
  const auto leased = std::make_shared<int64_t>(0);  // shared between the entry's two calls
  writer_.Submit(*std::move(place),
                 {.write = [this, leased, wanted](Books& books) -> Status {
                    BP_ASSIGN_OR_RETURN(*leased, LeaseMore(books, wanted));
                    return Status::Ok();
                  },
                  .done = [leased, answered](const Status& durable) { answered(durable.ok() ? *leased : 0); }},
                 /*hurry=*/true);
}

TransferId BudgetLease::LeaseId(int64_t number) const {
  return {DerivedId("lease", {budget_.name, Cat(number)})};
}

/// Leases are numbered without gaps, so the last one is found by doubling and halving.
Status BudgetLease::FindLastNumber(Books& books) {
  const auto is_there = [&](int64_t number) -> Result<bool> {
    BP_ASSIGN_OR_RETURN(const std::optional<BookedTransfer> lease, FindTransfer(books.database(), LeaseId(number)));
    return lease.has_value();
  };
  int64_t there = 0, missing = 1;
  for (;;) {
    BP_ASSIGN_OR_RETURN(const bool found, is_there(missing));
    if (!found) break;
    there = missing;
    missing *= 2;
  }
  while (missing - there > 1) {
    const int64_t middle = there + (missing - there) / 2;
    BP_ASSIGN_OR_RETURN(const bool found, is_there(middle));
    (found ? there : missing) = middle;
  }
  number_ = there;
  number_known_ = true;
  return Status::Ok();
}

Result<std::optional<TransferId>> BudgetLease::OpenLease(Books& books) {
  if (!number_known_) BP_RETURN_IF_ERROR(FindLastNumber(books));
  for (; number_ > 0; --number_) {
    const TransferId id = LeaseId(number_);
    if (books.balances().FindReserve(id) != nullptr) return std::optional(id);
    BP_ASSIGN_OR_RETURN(const std::optional<BookedTransfer> known, FindTransfer(books.database(), id));
    if (known) break;  // and resolved
  }
  return std::optional<TransferId>();
}

/// Between the budget and what was spent of it; lease: which one it resolves.
Transfer BudgetLease::LeaseTransfer(Kind kind, TransferId id, Int128 amount, std::optional<TransferId> lease) const {
  return {.id = id,
          .kind = kind,
          .code = Transfer::Code::kLease,
          .debit = budget_.budget,
          .credit = budget_.spent,
          .amount = amount,
          .pending = lease,
          .reference = budget_.name,
          .occurred_unix_us = clock_.UnixSeconds() * 1'000'000};
}

Status BudgetLease::GiveBackLease(Books& books) {
  BP_ASSIGN_OR_RETURN(const std::optional<TransferId> open, OpenLease(books));
  if (!open) return Status::Ok();
  const TransferId id = {DerivedId("lease-return", {IdBytes(open->value)})};
  return books.Write(LeaseTransfer(Kind::kVoid, id, 0, open)).status();
}

/// Writes the post, if it resolves a lease, and leases `lease` anew.
Status BudgetLease::Exchange(Books& books, const Transfer& post, Int128 lease) {
  const int64_t before = number_;
  const Status written = books.Together([&]() -> Status {
    if (post.pending) BP_RETURN_IF_ERROR(books.Write(post).status());
    if (lease == 0) return Status::Ok();
    ++number_;
    return books.Write(LeaseTransfer(Kind::kReserve, LeaseId(number_), lease)).status();
  });
  if (!written.ok()) number_ = before;
  return written;
}

Result<int64_t> BudgetLease::LeaseMore(Books& books, int64_t wanted) {
  const std::optional<Balance> balance = books.balances().Of(budget_.budget);
  if (!balance) return Status::NotFound(Cat("there is no account for the budget of lease ", budget_.name));
  const Int128 unspent = balance->credits_posted - balance->debits_posted - balance->debits_pending;
  const Int128 share = unspent / (2 * static_cast<Int128>(options_.gateways));
  const Int128 room = kInMemoryMax - std::clamp<int64_t>(available_, 0, kInMemoryMax);
  const Int128 more = std::min({std::max<Int128>({share, options_.chunk_min, wanted}), unspent, room});
  if (more <= 0) return 0;
  BP_ASSIGN_OR_RETURN(const std::optional<TransferId> open, OpenLease(books));
  const Int128 leased = open ? books.balances().FindReserve(*open)->amount : 0;
  Transfer nothing;
  if (open) nothing = LeaseTransfer(Kind::kPost, {DerivedId("lease-more", {IdBytes(open->value)})}, 0, open);
  BP_RETURN_IF_ERROR(Exchange(books, nothing, leased + more));
  return static_cast<int64_t>(more);
}

Status BudgetLease::SettleInGroup(Books& books, TransferId id, Int128 actual) {
  BP_ASSIGN_OR_RETURN(const std::optional<BookedTransfer> known, FindTransfer(books.database(), id));
  if (known) {
    if (known->transfer.amount == actual && known->transfer.debit == budget_.budget) return Status::Ok();
    return Status(StatusCode::kConflict, Cat("the id of settlement ", IdText(id.value), " stands for another one"))
        .WithReason("id_taken");
  }
  BP_ASSIGN_OR_RETURN(const std::optional<TransferId> open, OpenLease(books));
  const Int128 leased = open ? books.balances().FindReserve(*open)->amount : 0;
  if (!open || actual > leased) return books.Write(LeaseTransfer(Kind::kSingle, id, actual)).status();
  return Exchange(books, LeaseTransfer(Kind::kPost, id, actual, open), leased - actual);
}

Result<Int128> BudgetLease::LeasedInGroup(Books& books) {
  BP_ASSIGN_OR_RETURN(const std::optional<TransferId> open, OpenLease(books));
  return open ? books.balances().FindReserve(*open)->amount : Int128{0};
}

Status BudgetLease::ReturnInGroup(Books& books, Int128 amount) {
  BP_ASSIGN_OR_RETURN(const std::optional<TransferId> open, OpenLease(books));
  const Int128 leased = open ? books.balances().FindReserve(*open)->amount : 0;
  if (amount < 0 || amount > leased) return Status::Internal(Cat("lease ", budget_.name, " has less to give back"));
  if (amount == 0) return Status::Ok();
  const TransferId id = {DerivedId("lease-less", {IdBytes(open->value)})};
  return Exchange(books, LeaseTransfer(Kind::kPost, id, 0, open), leased - amount);
}

}  // namespace bedplate

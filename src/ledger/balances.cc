#include "ledger/balances.h"

#include <array>

#include "base/cat.h"

namespace bedplate {
namespace {

using Kind = Transfer::Kind;

Status Refused(const Transfer& transfer, StatusCode code, std::string_view reason, std::string_view what) {
  return Status(code, Cat("transfer ", IdText(transfer.id.value), ": ", what)).WithReason(std::string(reason));
}

/// The balance after the transfer, or none where it has no room. reserve: what it resolves.
std::optional<Balance> After(Balance balance, bool debit, const Transfer& transfer, const OpenReserve* reserve) {
  Int128& posted = debit ? balance.debits_posted : balance.credits_posted;
  Int128& pending = debit ? balance.debits_pending : balance.credits_pending;
  const auto add = [](Int128& to, Int128 amount) { return !__builtin_add_overflow(to, amount, &to); };
  if (transfer.kind == Kind::kReserve) {
    if (!add(pending, transfer.amount)) return std::nullopt;
  } else {
    if (reserve != nullptr) pending -= reserve->amount;
    if (!add(posted, transfer.amount)) return std::nullopt;
  }
  // So that sums of the four have room, too.
  constexpr Int128 kRoom = kInt128Max / 4;
  if (posted > kRoom || pending > kRoom) return std::nullopt;
  return balance;
}

Status CheckRule(const Account& account, const Balance& balance, const Transfer& transfer) {
  const Int128 debits = balance.debits_posted + balance.debits_pending;
  const Int128 credits = balance.credits_posted + balance.credits_pending;
  if (account.rule == AccountRule::kDebitsWithinCredits && debits > balance.credits_posted) {
    return Refused(transfer, StatusCode::kResourceExhausted, "exceeds_credits",
                   Cat(account.name, " would have debits of ", AmountText(debits, account.unit), " of its ",
                       AmountText(balance.credits_posted, account.unit)));
  }
  if (account.rule == AccountRule::kCreditsWithinDebits && credits > balance.debits_posted) {
    return Refused(transfer, StatusCode::kResourceExhausted, "exceeds_debits",
                   Cat(account.name, " would have credits of ", AmountText(credits, account.unit), " of its ",
                       AmountText(balance.debits_posted, account.unit)));
  }
  return Status::Ok();
}

Status CheckResolution(const Transfer& transfer, const OpenReserve* reserve) {
  if (reserve == nullptr) {
    return Refused(transfer, StatusCode::kNotFound, "unknown_pending",
                   Cat("there is no open reserve ", IdText(transfer.pending->value)));
  }
  if (reserve->debit != transfer.debit || reserve->credit != transfer.credit) {
    return Refused(transfer, StatusCode::kInvalidArgument, "accounts_differ", "its accounts are not its reserve's");
  }
  if (transfer.amount > reserve->amount) {
    return Refused(transfer, StatusCode::kInvalidArgument, "exceeds_pending",
                   Cat("it posts ", DecimalText(transfer.amount), " of a reserve of ", DecimalText(reserve->amount)));
  }
  return Status::Ok();
}

}  // namespace

void Balances::Open(const Account& account) {
  const AccountId id = account.Id();
  BP_CHECK(accounts_.Find(id) == nullptr);
  accounts_.Set(id, account);
  balances_.Set(id, {});
}

Status Balances::Check(const Transfer& transfer) const {
  BP_RETURN_IF_ERROR(CheckShape(transfer));
  const Account* const debit = accounts_.Find(transfer.debit);
  const Account* const credit = accounts_.Find(transfer.credit);
  if (debit == nullptr || credit == nullptr) {
    const AccountId unknown = debit == nullptr ? transfer.debit : transfer.credit;
    return Refused(transfer, StatusCode::kNotFound, "unknown_account",
                   Cat("there is no account ", IdText(unknown.value)));
  }
  if (debit->unit != credit->unit) {
    return Refused(
        transfer, StatusCode::kInvalidArgument, "unit_differs",
        Cat(debit->name, " counts ", UnitName(debit->unit), " and ", credit->name, " ", UnitName(credit->unit)));
  }
  const OpenReserve* const reserve = transfer.pending ? reserves_.Find(*transfer.pending) : nullptr;
  if (transfer.pending) BP_RETURN_IF_ERROR(CheckResolution(transfer, reserve));
  const std::optional<Balance> debited = After(*balances_.Find(transfer.debit), true, transfer, reserve);
  const std::optional<Balance> credited = After(*balances_.Find(transfer.credit), false, transfer, reserve);
  if (!debited || !credited) {
    return Refused(transfer, StatusCode::kInvalidArgument, "overflow", "the balance has no room for it");
  }
  // What resolves a reserve only ever frees room, except that a post of a budget's own debits changes nothing.
  if (transfer.pending) return Status::Ok();
  BP_RETURN_IF_ERROR(CheckRule(*debit, *debited, transfer));
  return CheckRule(*credit, *credited, transfer);
}

void Balances::Apply(const Transfer& transfer) {
  const OpenReserve* const found = transfer.pending ? reserves_.Find(*transfer.pending) : nullptr;
  BP_CHECK(transfer.pending.has_value() == (found != nullptr));
  for (const bool debit : {true, false}) {
    const AccountId account = debit ? transfer.debit : transfer.credit;
    const std::optional<Balance> after = After(*balances_.Find(account), debit, transfer, found);
    BP_CHECK(after.has_value());
    balances_.Set(account, *after);
  }
  if (transfer.kind == Kind::kReserve) {
    reserves_.Set(transfer.id, {.debit = transfer.debit,
                                .credit = transfer.credit,
                                .amount = transfer.amount,
                                .timeout_ms = transfer.timeout_ms});
  } else if (transfer.pending) {
    reserves_.Erase(*transfer.pending);
  }
}

const Account* Balances::FindAccount(AccountId id) const {
  return accounts_.Find(id);
}

std::optional<Balance> Balances::Of(AccountId id) const {
  const Balance* const balance = balances_.Find(id);
  if (balance == nullptr) return std::nullopt;
  return *balance;
}

void Balances::VisitAccounts(const std::function<void(AccountId, const Account&, const Balance&)>& visit) const {
  for (const auto& [id, account] : accounts_.map()) visit(id, account, *balances_.Find(id));
}

void Balances::VisitReserves(const std::function<void(TransferId, const OpenReserve&)>& visit) const {
  for (const auto& [id, reserve] : reserves_.map()) visit(id, reserve);
}

void Balances::RollBack(const Marks& marks) {
  accounts_.RollBack(marks.accounts);
  balances_.RollBack(marks.balances);
  reserves_.RollBack(marks.reserves);
}

void Balances::Commit() {
  accounts_.Commit();
  balances_.Commit();
  reserves_.Commit();
}

Status CheckDebitsEqualCredits(const Balances& balances) {
  struct Sum {
    Int128 posted = 0, pending = 0;  // debits less credits
  };
  std::array<Sum, 4> sums{};
  bool room = true;
  balances.VisitAccounts([&](AccountId, const Account& account, const Balance& balance) {
    Sum& sum = sums[static_cast<size_t>(account.unit) % sums.size()];
    room = room && !__builtin_add_overflow(sum.posted, balance.debits_posted - balance.credits_posted, &sum.posted) &&
           !__builtin_add_overflow(sum.pending, balance.debits_pending - balance.credits_pending, &sum.pending);
  });
  if (!room) return Status::DataLoss("the sum of all balances has no room");
  for (const Unit unit : {Unit::kPicodollar, Unit::kToken, Unit::kAcceleratorMs}) {
    const Sum& sum = sums[static_cast<size_t>(unit)];
    if (sum.posted == 0 && sum.pending == 0) continue;
    return Status::DataLoss(Cat("debits and credits in ", UnitName(unit), " differ by ", AmountText(sum.posted, unit),
                                " posted and ", AmountText(sum.pending, unit), " pending"));
  }
  return Status::Ok();
}

}  // namespace bedplate

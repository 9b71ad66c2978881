#include "ledger/budgets/budget_purse.h"

#include <algorithm>

#include "base/cat.h"
#include "base/log.h"

namespace bedplate {
namespace {

Account Source(Unit unit) {
  return {.unit = unit, .name = "Equity:Budgets"};
}
Account Overrun(Unit unit) {
  return {.unit = unit, .name = "Equity:BudgetOverrun"};
}

Status Move(Books& books, TransferId id, AccountId debit, AccountId credit, Int128 amount, std::string reference,
            int64_t occurred_unix_us) {
  return books
      .Write({.id = id,
              .code = Transfer::Code::kBudget,
              .debit = debit,
              .credit = credit,
              .amount = amount,
              .reference = std::move(reference),
              .occurred_unix_us = occurred_unix_us})
      .status();
}

std::string ReferenceOf(const BudgetPurse& purse) {
  return Cat(purse.budget.tenant, "/", purse.budget.name, "/", purse.period.name);
}

TransferId SpendId(std::string_view what, const BudgetPurse& purse, const UsageEvent& event) {
  return {DerivedId(what, {event.key.producer, Cat(event.key.epoch), Cat(event.key.sequence), purse.budget.tenant,
                           purse.budget.name})};
}

}  // namespace

BudgetPurse::BudgetPurse(Budget of, PeriodSpan in)
    : budget(std::move(of)),
      period(std::move(in)),
      account(BudgetAccount(budget, period)),
      spent_account(BudgetSpentAccount(budget, period)),
      id(account.Id()),
      spent_id(spent_account.Id()) {}

BudgetFigures FiguresOf(const Balances& balances, AccountId account, AccountId spent_account) {
  const std::optional<Balance> budget = balances.Of(account), spent = balances.Of(spent_account);
  if (!budget || !spent) return {};
  return {.spent = spent->credits_posted, .leased = budget->debits_pending};
}

Result<Int128> PutAmountIn(Books& books, const BudgetPurse& purse, Int128 amount, int64_t now_unix_us) {
  const Account source = Source(purse.budget.unit);
  for (const Account* account : {&purse.account, &purse.spent_account, &source}) {
    BP_RETURN_IF_ERROR(books.OpenAccount(*account).status());
  }
  if (!purse.budget.hard) return Int128{0};  // nothing is taken from a soft one: it counts
  const Balance of = *books.balances().Of(purse.id), spent = *books.balances().Of(purse.spent_id);
  const Int128 put_in = of.credits_posted - (of.debits_posted - spent.credits_posted);
  // Credits grow with each of the first kind, debits with each of the second: so their ids are made once.
  const auto id = [&](std::string_view what, Int128 so_far) {
    return TransferId{DerivedId(what, {IdBytes(purse.id.value), DecimalText(so_far)})};
  };
  if (put_in < amount) {
    BP_RETURN_IF_ERROR(Move(books, id("budget-put-in", of.credits_posted), source.Id(), purse.id, amount - put_in,
                            ReferenceOf(purse), now_unix_us));
    return Int128{0};
  }
  const Int128 too_much = put_in - amount;
  const Int128 free = of.credits_posted - of.debits_posted - of.debits_pending;
  const Int128 out = std::min(too_much, free);
  if (out > 0) {
    BP_RETURN_IF_ERROR(Move(books, id("budget-take-out", of.debits_posted), purse.id, source.Id(), out,
                            ReferenceOf(purse), now_unix_us));
  }
  return too_much - std::max<Int128>(out, 0);
}

Status SpendOf(Books& books, const BudgetPurse& purse, BudgetLease* lease, const UsageEvent& event, Int128 amount) {
  if (amount == 0) return Status::Ok();
  const TransferId id = SpendId("budget-spend", purse, event);
  if (!purse.budget.hard) {
    return Move(books, id, purse.id, purse.spent_id, amount, event.request, event.occurred_unix_us);
  }
  const Balance of = *books.balances().Of(purse.id);
  BP_ASSIGN_OR_RETURN(const Int128 leased, lease->LeasedInGroup(books));
  const Int128 free = of.credits_posted - of.debits_posted - of.debits_pending;
  const Int128 of_lease = std::min(amount, leased), of_free = std::min(amount - of_lease, std::max<Int128>(free, 0));
  const Int128 missing = amount - of_lease - of_free;
  if (missing > 0) {
    const Account overrun = Overrun(purse.budget.unit);
    BP_RETURN_IF_ERROR(books.OpenAccount(overrun).status());
    LogWarning(
        "a budget is overrun by what was used already",
        {{"budget", ReferenceOf(purse)}, {"request", event.request}, {"by", AmountText(missing, purse.budget.unit)}});
    BP_RETURN_IF_ERROR(Move(books, SpendId("budget-overrun", purse, event), overrun.Id(), purse.id, missing,
                            event.request, event.occurred_unix_us));
  }
  if (of_lease > 0) BP_RETURN_IF_ERROR(lease->SettleInGroup(books, id, of_lease));
  if (of_lease == amount) return Status::Ok();
  return Move(books, SpendId("budget-spend-free", purse, event), purse.id, purse.spent_id, amount - of_lease,
              event.request, event.occurred_unix_us);
}

}  // namespace bedplate

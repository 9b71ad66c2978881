#pragma once
/// One budget in one of its periods: its accounts, and, of a hard one, the lease that requests take from.
///
/// In the books the budget's account is credited with the amount and debited with what is spent and leased; the spent
/// account is credited with what was spent. What the amount was lowered by is debited, too, so it is
///
///   put in = credits - (debits - spent)
///
/// Threads: a purse's atomics and its lease any; the functions that are given books the writer's alone.

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "ledger/budgets/budget.h"
#include "ledger/lease.h"
#include "ledger/usage_event.h"

namespace bedplate {

struct BudgetPurse {
  BudgetPurse(Budget of, PeriodSpan in);

  const Budget budget;  // as it was when this was opened; its amount may have changed
  const PeriodSpan period;
  const Account account, spent_account;
  const AccountId id, spent_id;
  std::unique_ptr<BudgetLease> lease;  // of a hard one
  std::atomic<int64_t> held = 0;       // by requests that run, or are on their way to the books
  std::atomic<bool> over = false;      // lowered below what is spent and held: nothing is held of it meanwhile
  std::atomic<bool> spent_of = true;   // since it was last looked at
};

/// What the books say of a purse.
struct BudgetFigures {
  Int128 spent = 0;
  Int128 leased = 0;  // to gateways
};
BudgetFigures FiguresOf(const Balances& balances, AccountId account, AccountId spent_account);

/// In a group: opens the accounts, and puts in what the amount lacks, or takes out what it has too much of and isn't
/// leased or spent. How much too much there still is.
Result<Int128> PutAmountIn(Books& books, const BudgetPurse& purse, Int128 amount, int64_t now_unix_us);

/// In a group: takes what the event costs out of the budget. What a hard one lacks for it, because a price was added
/// for a time that had begun or a kill left more than was held, is put in first, from an account of its own: what was
/// used is booked whatever happens.
Status SpendOf(Books& books, const BudgetPurse& purse, BudgetLease* lease, const UsageEvent& event, Int128 amount);

}  // namespace bedplate

// Requests see a snapshot: definitions, open purses and prices, whole, replaced by whoever refreshes
// (refresh_budgets.cc). The purse of a moment is looked up by the wall clock, as the periods are.
#include "ledger/budgets/leased_budgets.h"

#include <algorithm>

#include "base/cat.h"
#include "base/utc_time.h"
#include "ledger/budgets/desk_hold.h"

namespace bedplate {
namespace {

constexpr uint32_t kRetryMs = 1000;  // for a purse to be opened, or a running request to end

Refusal RefusalOf(const BudgetPurse& purse, bool held, int64_t now) {
  Refusal refusal{.kind = held ? Refusal::Kind::kBudgetHeld : Refusal::Kind::kBudget, .budget = purse.budget.name};
  if (purse.period.end) {
    refusal.budget_ends = UtcText(*purse.period.end);
    refusal.retry_after_ms = static_cast<uint32_t>(std::max<int64_t>(*purse.period.end - now, 1) * 1000);
  }
  if (held) refusal.retry_after_ms = kRetryMs;
  return refusal;
}

}  // namespace

LeasedBudgets::PursePointer LeasedBudgets::OfBudget::At(int64_t unix_seconds) const {
  for (const PursePointer& purse : purses) {
    if (purse->period.Holds(unix_seconds)) return purse;
  }
  return nullptr;
}

std::shared_ptr<const LeasedBudgets::Snapshot> LeasedBudgets::Now() const {
  const std::lock_guard lock(snapshot_mutex_);
  return snapshot_;
}

void LeasedBudgets::Publish(std::shared_ptr<const Snapshot> next) {
  const std::lock_guard lock(snapshot_mutex_);
  snapshot_.swap(next);
}

std::variant<std::shared_ptr<BudgetHold>, Refusal> LeasedBudgets::Hold(const Principal& principal,
                                                                       const Estimate& estimate) {
  const auto snapshot = Now();
  const int64_t now = clock_.UnixSeconds();
  const auto of_tenant = snapshot->by_tenant.find(principal.tenant);
  const bool has_budgets = of_tenant != snapshot->by_tenant.end();
  CostBound bound;
  if (has_budgets) {
    bound = {snapshot->prices, principal.tenant, estimate.model, estimate.attribution.tier, now * kSecondUs};
  }
  const auto hold = std::make_shared<DeskHold>(bound,
                                               DeskHold::Needs{.prompt_tokens = estimate.prompt_tokens,
                                                               .output_tokens_max = estimate.output_tokens_max,
                                                               .sequences = estimate.sequences,
                                                               .step = kHeldTokens},
                                               cut_);
  if (!has_budgets) return hold;
  for (const OfBudget& of : of_tenant->second) {
    if (!of.budget.IsOf(principal.project, principal.key, estimate.model)) continue;
    const PursePointer purse = of.At(now);
    if (purse == nullptr) {  // the clock has jumped, or the disk didn't let one be made
      Wake();
      return Refusal{.kind = Refusal::Kind::kBooksBusy, .retry_after_ms = kRetryMs};
    }
    if (hold->Add(purse)) continue;
    refused_.fetch_add(1, std::memory_order_relaxed);
    return RefusalOf(*purse, hold->IsHeldByOthers(*purse), now);
  }
  return hold;
}

Status LeasedBudgets::Book(Books& books, const RecordedUsage& recorded, BudgetHold* hold) {
  if (recorded.outcome == Outcome::kExists) return Status::Ok();  // and so is what was taken for it
  if (hold == nullptr) return BookLost(books, recorded);
  return static_cast<DeskHold*>(hold)->Spend(books, recorded);  // every hold is one of Hold's
}

// What a kill left counts where it would have: in the period in which it began, of budgets that there were by then.
Status LeasedBudgets::BookLost(Books& books, const RecordedUsage& recorded) {
  const UsageEvent& event = recorded.usage.event;
  const int64_t at = event.occurred_unix_us / kSecondUs;
  for (const Budget& budget : definitions_()) {
    const bool applies = budget.tenant == event.tenant && !budget.disabled && budget.created <= at &&
                         budget.IsOf(event.project, event.api_key, event.model);
    if (!applies) continue;
    const BudgetPurse purse(budget, PeriodAt(budget.period, at));
    for (const Account* account : {&purse.account, &purse.spent_account}) {
      BP_RETURN_IF_ERROR(books.OpenAccount(*account).status());
    }
    const std::unique_ptr<BudgetLease> lease = budget.hard ? LeaseFor(purse) : nullptr;
    BP_RETURN_IF_ERROR(SpendOf(books, purse, lease.get(), event, UsedOf(budget.unit, recorded.usage)));
  }
  return Status::Ok();
}

Int128 LeasedBudgets::HeldOf(const std::string& tenant, const std::string& name) const {
  const auto snapshot = Now();
  const auto of_tenant = snapshot->by_tenant.find(tenant);
  if (of_tenant == snapshot->by_tenant.end()) return 0;
  for (const OfBudget& of : of_tenant->second) {
    if (of.budget.name != name) continue;
    const PursePointer purse = of.At(clock_.UnixSeconds());
    return purse == nullptr ? 0 : purse->held.load(std::memory_order_relaxed);
  }
  return 0;
}

LeasedBudgets::Health LeasedBudgets::health() const {
  Health health;
  health.refused = refused_.load();
  health.cut = cut_.load();
  for (size_t i = 0; i < std::size(alerts_); ++i) health.alerts[i] = alerts_[i].load();
  const std::lock_guard lock(wake_mutex_);
  health.refresh = refreshed_;
  health.budgets = enabled_;
  return health;
}

}  // namespace bedplate

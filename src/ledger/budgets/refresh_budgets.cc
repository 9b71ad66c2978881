// A pass makes what requests meet anew: purses that periods and definitions ask for are opened (their accounts and
// amounts in one group, then a lease each), amounts that were changed are put in or taken out, purses that nobody needs
// any more give their leases back, and what was spent is held against the levels that are told.
#include <algorithm>
#include <utility>

#include "base/cat.h"
#include "base/caught.h"
#include "base/log.h"
#include "ledger/budgets/leased_budgets.h"

namespace bedplate {
namespace {

constexpr int kStopTries = 5'000;               // of two milliseconds
constexpr int64_t kAllOfIt = int64_t{1} << 62;  // as much as a lease has room for

std::string LeaseName(const std::string& gateway, const BudgetPurse& purse) {
  return Cat(gateway, "/", purse.budget.tenant, "/", purse.budget.name, "/", purse.period.name);
}

TransferId ToldId(const BudgetPurse& purse, int level, Int128 amount) {
  return {DerivedId("budget-told", {IdBytes(purse.id.value), Cat(level), DecimalText(amount)})};
}

bool Reached(Int128 spent, Int128 amount, int level) {
  const auto hundredfold = CheckedMultiply(spent, 100);
  return !hundredfold || *hundredfold >= amount * level;
}

}  // namespace

/// What sinks have done with, to be written down.
struct LeasedBudgets::Told {
  std::mutex mutex;
  std::vector<std::pair<PurseKey, size_t>> ended;  // and which level
};

LeasedBudgets::LeasedBudgets(std::function<std::vector<Budget>()> definitions, BookWriter& writer, const Clock& clock,
                             LeasedBudgetsOptions options)
    : definitions_(std::move(definitions)),
      writer_(writer),
      clock_(clock),
      options_(std::move(options)),
      snapshot_(std::make_shared<const Snapshot>()),
      told_(std::make_shared<Told>()) {}

LeasedBudgets::~LeasedBudgets() {
  Stop();
}

void LeasedBudgets::Stop() {
  {
    const std::lock_guard lock(wake_mutex_);
    if (std::exchange(stopped_, true)) return;
    ending_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  Publish(std::make_shared<const Snapshot>());
  const std::lock_guard lock(pass_mutex_);
  const auto in_use = [](const auto& entry) { return entry.second.purse.use_count() > 1; };
  // What was settled is on its way to the books; a disk that refuses must not keep a server from ending.
  for (int i = 0; i < kStopTries && std::ranges::any_of(kept_, in_use) && writer_.health().file.ok(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  for (auto& [key, kept] : kept_) {
    BudgetLease* const lease = kept.purse->lease.get();
    if (lease == nullptr) continue;
    if (kept.purse.use_count() > 1 || !writer_.health().file.ok() || !lease->Stop().ok()) lease->Abandon();
  }
}

Status LeasedBudgets::Start() {
  BP_RETURN_IF_ERROR(writer_.Write([this](Books& books) { return ReturnLost(books); }));
  BP_RETURN_IF_ERROR(Refresh());
  if (options_.own_thread) thread_ = std::thread([this] { Run(); });
  return Status::Ok();
}

// Leases of this gateway's earlier processes, of whatever period: each would hold its part back for ever.
Status LeasedBudgets::ReturnLost(Books& books) {
  std::vector<std::pair<TransferId, OpenReserve>> open;
  books.balances().VisitReserves([&](TransferId id, const OpenReserve& reserve) {
    const Account* const account = books.balances().FindAccount(reserve.debit);
    if (account != nullptr && account->name.starts_with(kBudgetAccounts)) open.emplace_back(id, reserve);
  });
  const std::string ours = options_.gateway + "/";
  for (const auto& [id, reserve] : open) {
    BP_ASSIGN_OR_RETURN(const std::optional<BookedTransfer> lease, FindTransfer(books.database(), id));
    if (!lease || !lease->transfer.reference.starts_with(ours)) continue;
    BP_RETURN_IF_ERROR(books
                           .Write({.id = {DerivedId("lease-return", {IdBytes(id.value)})},
                                   .kind = Transfer::Kind::kVoid,
                                   .code = Transfer::Code::kLease,
                                   .debit = reserve.debit,
                                   .credit = reserve.credit,
                                   .pending = id,
                                   .reference = lease->transfer.reference,
                                   .occurred_unix_us = clock_.UnixSeconds() * kSecondUs})
                           .status());
  }
  return Status::Ok();
}

LeaseOptions LeasedBudgets::OptionsOfLease(Int128 amount) const {
  // One gateway leases all there is, or as much as a lease has room for, and then more before that is used up. Several
  // ask for more when nothing is left.
  const int64_t low_water = amount > kAllOfIt ? kAllOfIt / 2 : 0;
  if (options_.gateways == 1) return {.low_water = low_water, .chunk_min = kAllOfIt, .gateways = 1};
  return {.low_water = 1, .chunk_min = 1, .gateways = options_.gateways};
}

std::unique_ptr<BudgetLease> LeasedBudgets::LeaseFor(const BudgetPurse& purse) {
  return std::make_unique<BudgetLease>(
      writer_, clock_,
      LeasedBudget{.budget = purse.id, .spent = purse.spent_id, .name = LeaseName(options_.gateway, purse)},
      OptionsOfLease(purse.budget.amount));
}

Status LeasedBudgets::Refresh() {
  const std::lock_guard lock(pass_mutex_);
  const Status passed = Pass();
  const std::lock_guard wake_lock(wake_mutex_);
  if (!passed.ok() && refreshed_.ok())
    LogError("budgets could not be brought up to date", {{"error", passed.message()}});
  refreshed_ = passed;
  return passed;
}

Status LeasedBudgets::Pass() {
  const int64_t now = clock_.UnixSeconds();
  std::map<PurseKey, Budget> wanted;
  std::vector<Budget> enabled;
  std::vector<Kept> missing;
  const auto want = [&](const Budget& budget, const PeriodSpan& period) {
    const PurseKey key(budget.tenant, budget.name, period.name);
    wanted.insert_or_assign(key, budget);
    if (!kept_.contains(key)) {
      missing.push_back({.purse = std::make_shared<BudgetPurse>(budget, period), .amount = budget.amount});
    }
  };
  for (const Budget& budget : definitions_()) {
    if (budget.disabled) continue;
    enabled.push_back(budget);
    const PeriodSpan present = PeriodAt(budget.period, now);
    want(budget, present);
    if (present.end && *present.end - now <= kAheadSeconds) want(budget, PeriodAt(budget.period, *present.end));
    // One that has just ended stays, for a clock that goes back a little.
    const PeriodSpan before = PeriodAt(budget.period, std::max<int64_t>(present.begin - 1, 0));
    if (before.name != present.name && now - present.begin <= kAheadSeconds &&
        kept_.contains({budget.tenant, budget.name, before.name})) {
      want(budget, before);
    }
  }
  {
    const std::lock_guard lock(wake_mutex_);
    enabled_ = enabled.size();
  }
  BP_RETURN_IF_ERROR(OpenPurses(missing, now));
  BP_RETURN_IF_ERROR(ChangeAmounts(wanted, now));
  auto next = std::make_shared<Snapshot>();
  BP_RETURN_IF_ERROR(writer_.Write([&](Books& books) {
    next->prices = books.prices();
    return Status::Ok();
  }));
  for (const Budget& budget : enabled) {
    OfBudget of{.budget = budget, .purses = {}};
    for (auto at = kept_.lower_bound({budget.tenant, budget.name, ""}); at != kept_.end(); ++at) {
      const auto& [key, kept] = *at;
      if (std::get<0>(key) != budget.tenant || std::get<1>(key) != budget.name) break;
      if (wanted.contains(key)) of.purses.push_back(kept.purse);
    }
    next->by_tenant[budget.tenant].push_back(std::move(of));
  }
  Publish(std::move(next));
  Retire(wanted);
  BP_RETURN_IF_ERROR(LookAtSpent(wanted, now));
  return WriteTold(now);
}

Status LeasedBudgets::OpenPurses(std::vector<Kept>& missing, int64_t now) {
  if (missing.empty()) return Status::Ok();
  BP_RETURN_IF_ERROR(writer_.Write([&](Books& books) -> Status {
    for (Kept& kept : missing) {
      BP_ASSIGN_OR_RETURN(kept.too_much, PutAmountIn(books, *kept.purse, kept.amount, now * kSecondUs));
      kept.told = 0;
      for (size_t i = 0; i < std::size(kBudgetAlertLevels); ++i) {
        const TransferId id = ToldId(*kept.purse, kBudgetAlertLevels[i], kept.amount);
        BP_ASSIGN_OR_RETURN(const std::optional<BookedTransfer> told, FindTransfer(books.database(), id));
        if (told) kept.told |= 1U << i;
      }
    }
    return Status::Ok();
  }));
  for (Kept& kept : missing) {
    kept.telling = kept.told;
    kept.purse->over = kept.too_much > 0;
    if (kept.purse->budget.hard) {
      kept.purse->lease = LeaseFor(*kept.purse);
      BP_RETURN_IF_ERROR(kept.purse->lease->Start());
    }
    const Budget& budget = kept.purse->budget;
    kept_.emplace(PurseKey(budget.tenant, budget.name, kept.purse->period.name), std::move(kept));
  }
  return Status::Ok();
}

Status LeasedBudgets::ChangeAmounts(const std::map<PurseKey, Budget>& wanted, int64_t now) {
  for (auto& [key, kept] : kept_) {
    const auto found = wanted.find(key);
    if (found == wanted.end()) continue;
    if (found->second.amount != kept.amount || kept.too_much > 0) {
      BP_RETURN_IF_ERROR(ChangeAmount(kept, found->second, now));
    }
  }
  return Status::Ok();
}

// What is too much is taken out of what is free, then out of the lease; what requests hold is waited for: this is done
// again with each pass.
Status LeasedBudgets::ChangeAmount(Kept& kept, const Budget& budget, int64_t now) {
  const bool raised = budget.amount > kept.amount;
  BudgetPurse& purse = *kept.purse;
  const auto put = [&](Books& books) -> Status {
    BP_ASSIGN_OR_RETURN(kept.too_much, PutAmountIn(books, purse, budget.amount, now * kSecondUs));
    return Status::Ok();
  };
  BP_RETURN_IF_ERROR(writer_.Write(put));
  if (budget.amount != kept.amount) {
    // What was told of the earlier amount and holds for this one is not told again.
    kept.amount = budget.amount;
    kept.told = 0;
    purse.spent_of = true;
  }
  purse.over = kept.too_much > 0;
  if (purse.lease == nullptr) return Status::Ok();
  if (raised && kept.too_much == 0) return purse.lease->Grow();
  if (kept.too_much == 0) return Status::Ok();
  BudgetLease::Hold taken = purse.lease->TakeUpTo(static_cast<int64_t>(std::min<Int128>(kept.too_much, kAllOfIt)));
  const int64_t back = taken.amount();
  if (back == 0) return Status::Ok();
  BP_RETURN_IF_ERROR(writer_.Write([&](Books& books) -> Status {
    BP_RETURN_IF_ERROR(purse.lease->ReturnInGroup(books, back));
    return put(books);
  }));
  std::move(taken).Settle(back);
  purse.over = kept.too_much > 0;
  return Status::Ok();
}

void LeasedBudgets::Retire(const std::map<PurseKey, Budget>& wanted) {
  for (auto at = kept_.begin(); at != kept_.end();) {
    const bool needed = wanted.contains(at->first) || at->second.purse.use_count() > 1;  // a hold, or an old snapshot
    if (needed || (at->second.telling & ~at->second.told) != 0) {
      ++at;
      continue;
    }
    at = kept_.erase(at);  // and gives its lease back
  }
}

Status LeasedBudgets::LookAtSpent(const std::map<PurseKey, Budget>& wanted, int64_t now) {
  struct Looked {
    Kept* kept;
    Int128 spent = 0;
  };
  std::vector<Looked> looked;
  for (auto& [key, kept] : kept_) {
    if (wanted.contains(key) && kept.purse->spent_of.exchange(false)) looked.push_back({.kept = &kept});
  }
  if (looked.empty()) return Status::Ok();
  const Status read = writer_.Write([&](Books& books) {
    for (Looked& one : looked) {
      one.spent = FiguresOf(books.balances(), one.kept->purse->id, one.kept->purse->spent_id).spent;
    }
    return Status::Ok();
  });
  for (const Looked& one : looked) {
    if (!read.ok()) one.kept->purse->spent_of = true;
    for (size_t i = 0; read.ok() && i < std::size(kBudgetAlertLevels); ++i) {
      const bool reached = Reached(one.spent, one.kept->amount, kBudgetAlertLevels[i]);
      const unsigned bit = 1U << i;
      if (!reached) one.kept->telling &= ~bit;  // of an amount that was raised: told when it is reached again
      if (!reached || (one.kept->told & bit) != 0) continue;
      const PurseKey key(one.kept->purse->budget.tenant, one.kept->purse->budget.name, one.kept->purse->period.name);
      if ((one.kept->telling & bit) == 0) {
        one.kept->telling |= bit;
        Alert(*one.kept, wanted.at(key), i, one.spent, now);
      } else {  // told of an earlier amount
        const std::lock_guard lock(told_->mutex);
        told_->ended.emplace_back(key, i);
      }
    }
  }
  return read;
}

void LeasedBudgets::Alert(Kept& kept, const Budget& budget, size_t level, Int128 spent, int64_t now) {
  const int percent = kBudgetAlertLevels[level];
  alerts_[level].fetch_add(1, std::memory_order_relaxed);
  LogWarning("a budget has reached a level", {{"tenant", budget.tenant},
                                              {"budget", budget.name},
                                              {"percent", Cat(percent)},
                                              {"spent", BudgetAmountText(spent, budget.unit)},
                                              {"amount", BudgetAmountText(kept.amount, budget.unit)},
                                              {"period", kept.purse->period.name}});
  const PurseKey key(budget.tenant, budget.name, kept.purse->period.name);
  const auto ended = [told = told_, key, level] {
    const std::lock_guard lock(told->mutex);
    told->ended.emplace_back(key, level);
  };
  if (options_.alerts == nullptr) return ended();
  options_.alerts->Tell({.id = Cat("evt_", IdText(ToldId(*kept.purse, percent, kept.amount).value)),
                         .budget = budget,
                         .period = kept.purse->period,
                         .level = percent,
                         .spent = spent,
                         .time = now},
                        ended);
}

// A transfer of nothing under an id of its own is how the books remember that a level was told.
Status LeasedBudgets::WriteTold(int64_t now) {
  std::vector<std::pair<PurseKey, size_t>> ended;
  {
    const std::lock_guard lock(told_->mutex);
    ended = told_->ended;
  }
  if (ended.empty()) return Status::Ok();
  BP_RETURN_IF_ERROR(writer_.Write([&](Books& books) -> Status {
    for (const auto& [key, level] : ended) {
      const auto found = kept_.find(key);
      if (found == kept_.end() || (found->second.told & 1U << level) != 0) continue;
      const BudgetPurse& purse = *found->second.purse;
      BP_RETURN_IF_ERROR(books
                             .Write({.id = ToldId(purse, kBudgetAlertLevels[level], found->second.amount),
                                     .code = Transfer::Code::kBudget,
                                     .debit = purse.id,
                                     .credit = purse.spent_id,
                                     .amount = 0,
                                     .reference = Cat("told of ", kBudgetAlertLevels[level], " %"),
                                     .occurred_unix_us = now * kSecondUs})
                             .status());
    }
    return Status::Ok();
  }));
  for (const auto& [key, level] : ended) {
    const auto found = kept_.find(key);
    if (found != kept_.end()) found->second.told |= 1U << level;
  }
  const std::lock_guard lock(told_->mutex);
  told_->ended.erase(told_->ended.begin(), told_->ended.begin() + static_cast<std::ptrdiff_t>(ended.size()));
  return Status::Ok();
}

void LeasedBudgets::Wake() {
  {
    const std::lock_guard lock(wake_mutex_);
    woken_ = true;
  }
  wake_.notify_all();
}

void LeasedBudgets::Run() noexcept {
  try {
    for (;;) {
      {
        std::unique_lock lock(wake_mutex_);
        wake_.wait_for(lock, options_.tick, [&] { return woken_ || ending_; });
        if (ending_) return;
        woken_ = false;
      }
      (void)Refresh();  // what is wrong was logged, and is tried again
    }
  } catch (...) {
    EndProcessForCaught("budgets' thread");
  }
}

}  // namespace bedplate

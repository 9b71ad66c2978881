#include "ledger/budgets/desk_hold.h"

#include <algorithm>
#include <utility>

namespace bedplate {
namespace {

int64_t TokensOf(const UsageEvent& event) {
  int64_t tokens = 0;
  for (const Meter meter : {Meter::kPrompt, Meter::kCached, Meter::kOutput, Meter::kReasoning}) {
    tokens += event.QuantityOf(meter);
  }
  return tokens;
}

// What can be held: more than a lease has room for is more than there is.
std::optional<int64_t> AsHeld(std::optional<Int128> amount) {
  constexpr Int128 kMax = Int128{1} << 62;
  if (!amount || *amount > kMax) return std::nullopt;
  return static_cast<int64_t>(*amount);
}

}  // namespace

Int128 UsedOf(Unit unit, const BookedUsage& usage) {
  return unit == Unit::kToken ? Int128{TokensOf(usage.event)} : usage.Total().value;
}

DeskHold::DeskHold(CostBound bound, Needs needs, std::atomic<uint64_t>& cut) : bound_(bound), needs_(needs), cut_(cut) {
  paid_ = std::min(std::max(needs_.step, needs_.sequences), needs_.output_tokens_max);
  taken_ = std::min(needs_.sequences, paid_);
}

DeskHold::~DeskHold() {
  for (Part& part : parts_) Count(part, 0);
}

void DeskHold::Count(Part& part, int64_t held) {
  part.purse->held.fetch_add(held - part.counted, std::memory_order_relaxed);
  part.counted = held;
}

std::optional<int64_t> DeskHold::Needed(const BudgetPurse& purse, int64_t output_tokens) const {
  if (purse.budget.unit == Unit::kToken) return needs_.prompt_tokens + output_tokens;
  return AsHeld(bound_.Of(needs_.prompt_tokens, output_tokens));
}

bool DeskHold::Add(std::shared_ptr<BudgetPurse> purse) {
  Part part{.purse = std::move(purse), .hold = {}};
  if (part.purse->budget.hard) {
    const std::optional<int64_t> needed = Needed(*part.purse, paid_);
    if (!needed || part.purse->over.load(std::memory_order_relaxed)) return false;
    part.hold = part.purse->lease->TryHold(*needed);
    if (!part.hold) return false;
    Count(part, *needed);
  }
  parts_.push_back(std::move(part));
  return true;
}

bool DeskHold::IsHeldByOthers(const BudgetPurse& purse) const {
  const std::optional<int64_t> needed = Needed(purse, paid_);
  if (!needed || purse.over.load(std::memory_order_relaxed)) return false;
  return *needed <= purse.lease->available() + purse.held.load(std::memory_order_relaxed);
}

bool DeskHold::ExtendTo(int64_t output_tokens) {
  for (Part& part : parts_) {
    if (!part.hold) continue;
    const std::optional<int64_t> needed = Needed(*part.purse, output_tokens);
    if (!needed || part.purse->over.load(std::memory_order_relaxed)) return false;
    if (*needed <= part.hold->amount()) continue;
    if (!part.hold->Extend(*needed - part.hold->amount())) return false;  // what others gave stays until it's settled
    Count(part, part.hold->amount());
  }
  paid_ = output_tokens;
  return true;
}

bool DeskHold::TakeToken() {
  const std::lock_guard lock(mutex_);
  if (settled_) return false;
  // As many as there are where there are no 256: an answer ends at the last token that could be paid.
  for (int64_t step = needs_.step; taken_ >= paid_ && step > 0; step /= 2) {
    const int64_t to = std::min(paid_ + step, needs_.output_tokens_max);
    if (to <= taken_ || ExtendTo(to)) break;
  }
  if (taken_ < paid_) {
    ++taken_;
    return true;
  }
  const bool cut = taken_ < needs_.output_tokens_max;  // otherwise it ends by itself
  if (cut && !std::exchange(was_cut_, true)) cut_.fetch_add(1, std::memory_order_relaxed);
  return false;
}

void DeskHold::Settle(const UsageEvent& event) {
  const std::lock_guard lock(mutex_);
  settled_ = true;
  for (Part& part : parts_) {
    if (!part.hold) continue;
    const std::optional<int64_t> most =
        part.purse->budget.unit == Unit::kToken ? std::optional(TokensOf(event)) : AsHeld(bound_.Of(event));
    if (most && *most < part.hold->amount()) part.hold->Shrink(*most);
    Count(part, part.hold->amount());
  }
}

Status DeskHold::Spend(Books& books, const RecordedUsage& recorded) {
  const std::lock_guard lock(mutex_);
  for (Part& part : parts_) {
    part.spent = UsedOf(part.purse->budget.unit, recorded.usage);
    BP_RETURN_IF_ERROR(SpendOf(books, *part.purse, part.purse->lease.get(), recorded.usage.event, part.spent));
  }
  return Status::Ok();
}

void DeskHold::Booked() {
  const std::lock_guard lock(mutex_);
  for (Part& part : parts_) {
    part.purse->spent_of.store(true, std::memory_order_release);
    if (!part.hold) continue;
    const Int128 beyond = part.spent - part.hold->amount();
    if (beyond > 0) {  // the lease in the books is less by that, too
      BudgetLease::Hold more = part.purse->lease->TakeUpTo(AsHeld(beyond).value_or(INT64_MAX));
      const int64_t all = more.amount();
      std::move(more).Settle(all);
    }
    std::move(*part.hold).Settle(static_cast<int64_t>(std::min<Int128>(part.spent, part.hold->amount())));
    part.hold.reset();
    Count(part, 0);
  }
}

}  // namespace bedplate

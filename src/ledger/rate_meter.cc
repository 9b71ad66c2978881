#include "ledger/rate_meter.h"

#include <algorithm>

namespace bedplate {
namespace {

constexpr double kMinuteNs = 60e9;
constexpr Duration kDebtMax = std::chrono::hours(24);

// Rounded to nanoseconds, which doubles hold exactly up to kDebtMax.
Duration TimeOf(uint64_t amount, uint64_t limit) {
  const double ns = static_cast<double>(amount) * kMinuteNs / static_cast<double>(limit);
  return Duration(static_cast<int64_t>(std::min(ns, static_cast<double>(kDebtMax.count()))));
}

}  // namespace

uint64_t RateMeter::Used(uint64_t limit, Instant now) const {
  const double ns = static_cast<double>(std::max(full_at_ - now, Duration(0)).count());
  // Half a thousandth is below what one of anything takes, and above what rounding leaves.
  return static_cast<uint64_t>(ns * static_cast<double>(limit) / kMinuteNs + 0.9995);
}

RateLimit RateMeter::At(uint64_t limit, Instant now) const {
  const uint64_t used = Used(limit, now);
  return {
      .limit = limit, .remaining = used >= limit ? 0 : limit - used, .reset = std::max(full_at_ - now, Duration(0))};
}

Duration RateMeter::TimeUntil(uint64_t amount, uint64_t limit, Instant now) const {
  const Duration drawn_max = TimeOf(limit, limit) - TimeOf(amount, limit);  // what may be drawn when it is taken
  return std::max(full_at_ - now - drawn_max, Duration(0));
}

void RateMeter::Take(uint64_t amount, uint64_t limit, Instant now) {
  full_at_ = std::min(std::max(full_at_, now) + TimeOf(amount, limit), now + kDebtMax);
}

void RateMeter::GiveBack(uint64_t amount, uint64_t limit) {
  full_at_ -= TimeOf(amount, limit);
}

}  // namespace bedplate

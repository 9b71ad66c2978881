#pragma once
/// One limit over a minute: a bucket of `limit` that fills evenly, `limit` a minute, and may be overdrawn. Kept as one
/// instant, when the bucket will be full (the "virtual scheduling" form of ATM Forum TM 4.0's generic cell rate
/// algorithm), so nothing has to run while nobody asks.
///
/// Threads: the owner's lock. Cost: O(1). A debt is never more than a day's.

#include <cstdint>

#include "base/clock.h"
#include "request/admission.h"

namespace bedplate {

class RateMeter {
 public:
  /// What limit's bucket has been drawn by; above the limit when overdrawn.
  [[nodiscard]] uint64_t Used(uint64_t limit, Instant now) const;
  [[nodiscard]] RateLimit At(uint64_t limit, Instant now) const;
  /// 0 when `amount` (at most limit) is there.
  [[nodiscard]] Duration TimeUntil(uint64_t amount, uint64_t limit, Instant now) const;
  void Take(uint64_t amount, uint64_t limit, Instant now);
  /// What was taken and not used after all.
  void GiveBack(uint64_t amount, uint64_t limit);

 private:
  Instant full_at_{};
};

}  // namespace bedplate

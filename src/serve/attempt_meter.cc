#include "serve/attempt_meter.h"

#include <algorithm>

namespace bedplate {

Duration AttemptMeter::WaitOf(const std::string& address) const {
  const std::lock_guard lock(mutex_);
  const auto at = failures_.find(address);
  return at == failures_.end() ? Duration{} : at->second.meter.TimeUntil(1, kAMinute, clock_.Now());
}

void AttemptMeter::CountFailure(const std::string& address) {
  const Instant now = clock_.Now();
  const std::lock_guard lock(mutex_);
  if (failures_.size() >= kOthersMax && !failures_.contains(address)) {
    std::erase_if(failures_, [&](const auto& entry) { return entry.second.meter.Used(kAMinute, now) == 0; });
    if (failures_.size() >= kOthersMax) {
      failures_.erase(std::ranges::min_element(failures_, {}, [](const auto& entry) { return entry.second.last; }));
    }
  }
  Failures& failures = failures_[address];
  failures.meter.Take(1, kAMinute, now);
  failures.last = now;
}

}  // namespace bedplate

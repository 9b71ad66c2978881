#pragma once
/// How often somebody may try and fail: a few times at once, then seldom. Who that is, an address says.
///
/// Threads: any. Memory: of kOthersMax addresses; while more have failed of late, those that have longest not are
/// forgotten first.

#include <map>
#include <mutex>
#include <string>

#include "base/clock.h"
#include "ledger/rate_meter.h"

namespace bedplate {

class AttemptMeter {
 public:
  static constexpr uint64_t kAMinute = 10;  // and as many at once
  static constexpr size_t kOthersMax = 10'000;

  explicit AttemptMeter(const Clock& clock) : clock_(clock) {}

  /// How long until that address may try again; 0: now.
  [[nodiscard]] Duration WaitOf(const std::string& address) const;
  void CountFailure(const std::string& address);

 private:
  struct Failures {
    RateMeter meter;
    Instant last;
  };
  const Clock& clock_;
  mutable std::mutex mutex_;  // guards failures_
  std::map<std::string, Failures> failures_;
};

}  // namespace bedplate

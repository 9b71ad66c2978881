#pragma once
/// What keys use of their limits: a meter for each, made when it is first needed.
///
/// Limits. A request takes one of requests_per_minute when it is admitted. Of tokens_per_minute it takes its prompt
/// then, which must be there, and its output as it is made, which may overdraw: what a request has not made yet isn't
/// held against it, and whoever overdraws waits longer. Prompt tokens count whether they came from a cache or not.
/// concurrent_requests are those admitted and not settled.
///
/// Threads: any. Permits may outlive this, but not the clock.

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "ledger/key_file.h"
#include "request/admission.h"

namespace bedplate {

class KeyMeters {
 public:
  explicit KeyMeters(const Clock& clock) : clock_(clock) {}

  /// limits: the key's, now.
  Admitted Admit(std::string_view key, const KeyLimits& limits, const Estimate& estimate);
  /// For what of it runs already.
  void SetLimits(std::string_view key, const KeyLimits& limits);
  /// Forgets what others have used. What of theirs runs ends under the permit that it has.
  void KeepOnly(const std::function<bool(std::string_view key)>& is_key);

 private:
  class Meter;
  class KeyPermit;

  const Clock& clock_;
  std::mutex mutex_;                                                   // guards meters_
  std::map<std::string, std::shared_ptr<Meter>, std::less<>> meters_;  // by a key's name; permits share them
};

}  // namespace bedplate

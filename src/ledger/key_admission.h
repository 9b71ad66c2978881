#pragma once
/// Admission by a key file: who a key is, what it may use, and how much of it a minute.
///
/// Limits. A request takes one of requests_per_minute when it is admitted. Of tokens_per_minute it takes its prompt
/// then, which must be there, and its output as it is made, which may overdraw: what a request has not made yet isn't
/// held against it, and whoever overdraws waits longer. Prompt tokens count whether they came from a cache or not.
/// concurrent_requests are those admitted and not settled.
///
/// Threads: any. Replace() may come while requests run: they end under the permit that they have.
/// Errors:  kUnauthenticated, reason "invalid_api_key", "missing_api_key" or "expired_key"; never with the key.

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "ledger/key_file.h"
#include "request/admission.h"

namespace bedplate {

class KeyAdmission final : public Admission {
 public:
  /// clock outlives this and its permits.
  KeyAdmission(KeyFile keys, const Clock& clock);
  ~KeyAdmission() override;

  Result<Principal> Authenticate(std::string_view credentials) override;
  Result<AccessKey> FindAccessKey(std::string_view id) override;
  Admitted Admit(const Principal& principal, const Estimate& estimate) override;

  /// From now on these are the keys. What a key of the same name has used of its minute still counts.
  void Replace(KeyFile keys);

 private:
  class Meter;
  class KeyPermit;

  [[nodiscard]] bool Expired(const Key& key) const;

  const Clock& clock_;
  std::mutex mutex_;  // guards the rest
  KeyFile keys_;
  std::map<std::string, std::shared_ptr<Meter>, std::less<>> meters_;  // by a key's name; permits share them
};

}  // namespace bedplate

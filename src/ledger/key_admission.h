#pragma once
/// Admission by a key file: who a key is, what it may use, and how much of it a minute
/// (key_meters.h says how limits count).
///
/// Threads: any. Replace() may come while requests run: they end under the permit that they have.
/// Errors:  kUnauthenticated, reason "invalid_api_key", "missing_api_key" or "expired_key"; never with the key.

#include <mutex>
#include <string_view>

#include "base/clock.h"
#include "ledger/key_file.h"
#include "ledger/key_meters.h"
#include "request/admission.h"

namespace bedplate {

class KeyAdmission final : public Admission {
 public:
  /// clock outlives this and its permits.
  KeyAdmission(KeyFile keys, const Clock& clock);

  Result<Principal> Authenticate(std::string_view credentials) override;
  Result<AccessKey> FindAccessKey(std::string_view id) override;
  Admitted Admit(const Principal& principal, const Estimate& estimate) override;

  /// From now on these are the keys. What a key of the same name has used of its minute still counts.
  void Replace(KeyFile keys);

 private:
  [[nodiscard]] bool Expired(const Key& key) const;

  const Clock& clock_;
  KeyMeters meters_;
  std::mutex mutex_;  // guards keys_
  KeyFile keys_;
};

}  // namespace bedplate

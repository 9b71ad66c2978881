#include "ledger/key_admission.h"

#include <utility>

#include "ledger/credentials.h"

namespace bedplate {

KeyAdmission::KeyAdmission(KeyFile keys, const Clock& clock) : clock_(clock), meters_(clock), keys_(std::move(keys)) {}

bool KeyAdmission::Expired(const Key& key) const {
  return key.expires_unix_seconds && clock_.UnixSeconds() >= *key.expires_unix_seconds;
}

Result<Principal> KeyAdmission::Authenticate(std::string_view credentials) {
  BP_ASSIGN_OR_RETURN(const std::string_view secret, BearerOf(credentials));
  const std::lock_guard lock(mutex_);
  const Key* const key = keys_.FindBearer(secret);
  if (key == nullptr) return IncorrectKey();
  if (Expired(*key)) return ExpiredKey();
  return key->principal;
}

Result<AccessKey> KeyAdmission::FindAccessKey(std::string_view id) {
  const std::lock_guard lock(mutex_);
  const Key* const key = keys_.FindAccessKey(id);
  if (key == nullptr) return UnknownAccessKey();
  if (Expired(*key)) return ExpiredKey();
  return AccessKey{.secret = key->secret_access_key, .principal = key->principal};
}

Admitted KeyAdmission::Admit(const Principal& principal, const Estimate& estimate) {
  KeyLimits limits;
  {
    const std::lock_guard lock(mutex_);
    const Key* const key = keys_.FindByName(principal.key);
    if (key == nullptr || Expired(*key)) return Refusal{.kind = Refusal::Kind::kKeyGone};
    limits = key->limits;
  }
  return meters_.Admit(principal.key, limits, estimate);
}

void KeyAdmission::Replace(KeyFile keys) {
  const std::lock_guard lock(mutex_);
  keys_ = std::move(keys);
  for (const Key& key : keys_.keys()) meters_.SetLimits(key.principal.key, key.limits);
  meters_.KeepOnly([&](std::string_view name) { return keys_.FindByName(name) != nullptr; });
}

}  // namespace bedplate

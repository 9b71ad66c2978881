#pragma once
/// Admission by the store of tenants: whose a key is, what it may use, and how much of it a minute (key_meters.h says
/// how limits count). All of it is in memory; what a command changes counts from the next call on.
///
/// A key that was revoked, has expired, or whose tenant or project is disabled admits nothing more; what runs under it
/// ends under the permit that it has.
///
/// Threads: any. Cost: some microseconds, without the store.
/// Errors:  kUnauthenticated, reason "invalid_api_key", "missing_api_key", "expired_key" or "unknown_access_key"; never
///          with the key.

#include <string_view>

#include "base/clock.h"
#include "ledger/key_meters.h"
#include "ledger/tenancy/tenants.h"
#include "request/admission.h"

namespace bedplate {

class TenantAdmission final : public Admission {
 public:
  /// Both outlive this; the clock its permits, too.
  TenantAdmission(const Tenants& tenants, const Clock& clock) : tenants_(tenants), clock_(clock), meters_(clock) {}

  Result<Principal> Authenticate(std::string_view credentials) override;
  Result<AccessKey> FindAccessKey(std::string_view id) override;
  Admitted Admit(const Principal& principal, const Estimate& estimate) override;

 private:
  const Tenants& tenants_;
  const Clock& clock_;
  KeyMeters meters_;
};

}  // namespace bedplate

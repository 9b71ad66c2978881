#include "ledger/tenancy/tenant_admission.h"

#include <openssl/crypto.h>

#include <algorithm>

#include "base/cat.h"
#include "ledger/credentials.h"
#include "ledger/tenancy/key_text.h"

namespace bedplate {
namespace {

bool Matches(const KeySecret& secret, const SecretFile& secrets, std::string_view text) {
  const SecretVersion* const version = secrets.Find(secret.version);
  const auto hash = version == nullptr ? std::nullopt : PepperedHash(*version, text);
  return hash && secret.kept.size() == hash->size() &&
         CRYPTO_memcmp(secret.kept.data(), hash->data(), hash->size()) == 0;
}

Principal PrincipalOf(const TenantState& state, const TenantKey& key) {
  const bool models = (key.scopes & kScopeModels) != 0 && MayUseModels(key.role);
  const bool metrics = (key.scopes & kScopeMetrics) != 0 && MayReadMetrics(key.role, state.OfOperator(key));
  const Tenant* const tenant = state.FindTenant(key.tenant);
  return {.tenant = key.tenant,
          .project = key.project,
          .key = key.id,
          .models = key.models,
          .caps = key.caps,
          .cache_salt = key.cache_salt,
          .may_use_models = models,
          .may_read_metrics = metrics,
          .weight = tenant == nullptr ? 1 : tenant->weight};
}

}  // namespace

Result<Principal> TenantAdmission::Authenticate(std::string_view credentials) {
  BP_ASSIGN_OR_RETURN(const std::string_view text, BearerOf(credentials));
  const auto id = KeyIdOf(text);
  if (!id) return IncorrectKey();  // by its form: nothing was looked up
  const auto state = tenants_.state();
  const TenantState::KeyPointer key = state->FindKey(*id);
  if (key == nullptr || key->signs) return IncorrectKey();
  const int64_t now = clock_.UnixSeconds();
  const bool known = std::ranges::any_of(key->secrets, [&](const KeySecret& secret) {
    return !secret.EndedAt(now) && Matches(secret, *state->secrets, text);
  });
  if (!known) return IncorrectKey();
  if (!state->IsEnabled(*key)) return DisabledKey();
  if (key->ExpiredAt(now)) return ExpiredKey();
  return PrincipalOf(*state, *key);
}

Result<AccessKey> TenantAdmission::FindAccessKey(std::string_view id) {
  const auto state = tenants_.state();
  const auto found = state->access_keys.find(id);
  if (found == state->access_keys.end() || !state->IsEnabled(*found->second)) return UnknownAccessKey();
  const TenantKey& key = *found->second;
  const auto secret = std::ranges::find(key.secrets, id, &KeySecret::access_key_id);
  const int64_t now = clock_.UnixSeconds();
  if (secret == key.secrets.end() || secret->EndedAt(now)) return UnknownAccessKey();
  if (key.ExpiredAt(now)) return ExpiredKey();
  const SecretVersion* const version = state->secrets->Find(secret->version);
  if (version == nullptr) return Status::DataLoss("the secret file lacks a version that this access key needs");
  BP_ASSIGN_OR_RETURN(std::string text, OpenSecret(*version, secret->kept, SealContext(key.id, *secret)));
  return AccessKey{.secret = std::move(text), .principal = PrincipalOf(*state, key)};
}

Admitted TenantAdmission::Admit(const Principal& principal, const Estimate& estimate) {
  const auto state = tenants_.state();
  const TenantState::KeyPointer key = state->FindKey(principal.key);
  const bool good = key != nullptr && !key->revoked && !key->ExpiredAt(clock_.UnixSeconds()) && state->IsEnabled(*key);
  if (!good) return Refusal{.kind = Refusal::Kind::kKeyGone};
  return meters_.Admit(key->id, key->limits, estimate);
}

}  // namespace bedplate

#include "ledger/tenancy/actor.h"

#include <algorithm>

#include "base/cat.h"
#include "ledger/credentials.h"

namespace bedplate {
namespace {

Status NotAllowed(std::string message) {
  return Status(StatusCode::kPermissionDenied, std::move(message)).WithReason("role_not_allowed");
}

}  // namespace

Result<Actor> Actor::Of(const TenantState& state, const Caller& caller, const VerbRow& row, int64_t now) {
  if (caller.key.empty()) return Actor{.name = caller.local, .reach = Reach::kEverywhere, .key = nullptr};
  TenantState::KeyPointer key = state.FindKey(caller.key);
  if (key == nullptr || key->revoked || !state.IsEnabled(*key)) return IncorrectKey();
  if (key->ExpiredAt(now)) return ExpiredKey();
  const Reach reach = ReachOf(row.verb, key->role, state.OfOperator(*key));
  if (reach == Reach::kNone) {
    return NotAllowed(Cat("a key of role ", RoleName(key->role), " may not ", row.name));
  }
  const uint8_t scope = row.writes() ? kScopeAdminWrite : kScopeAdminRead;
  if ((key->scopes & scope) == 0) {
    return NotAllowed(
        Cat("this key's scopes don't include ", ScopeNames(scope).front(), ", which ", row.name, " needs"));
  }
  return Actor{.name = key->id, .reach = reach, .key = std::move(key)};
}

bool Actor::Sees(std::string_view tenant, std::string_view project, std::string_view key_id) const {
  switch (reach) {
    case Reach::kEverywhere:
      return true;
    case Reach::kTenant:
      return tenant == key->tenant;
    case Reach::kProject:
      return tenant == key->tenant && project == key->project;
    case Reach::kKey:
      return key_id == key->id;
    case Reach::kNone:
      break;
  }
  return false;
}

Status Actor::MayHold(const TenantKey& other) const {
  if (IsLocal() || Is(other)) return Status::Ok();
  if (!MayGive(key->role, other.role)) {
    return NotAllowed(
        Cat("a key of role ", RoleName(key->role), " may not make or rotate one of role ", RoleName(other.role)));
  }
  if ((other.scopes & ~key->scopes) != 0) return NotAllowed("a key may not be given scopes that yours doesn't have");
  const bool models_fit =
      key->models.empty() || (!other.models.empty() && std::ranges::all_of(other.models, [&](const std::string& model) {
        return std::ranges::find(key->models, model) != key->models.end();
      }));
  if (!models_fit) return NotAllowed("a key may not be given models that yours may not use");
  const bool outlives = key->expires && (!other.expires || *other.expires > *key->expires);
  return outlives ? NotAllowed("a key may not outlive the one that makes it") : Status::Ok();
}

Status Actor::MayEnd(const TenantKey& other) const {
  if (IsLocal() || Is(other) || MayGive(key->role, other.role)) return Status::Ok();
  return NotAllowed(Cat("a key of role ", RoleName(key->role), " may not end one of role ", RoleName(other.role)));
}

}  // namespace bedplate

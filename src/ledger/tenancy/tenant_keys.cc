// What is done with keys and with the secret file: the second half of tenants.cc.
#include <algorithm>
#include <set>

#include "base/cat.h"
#include "ledger/new_key.h"
#include "ledger/tenancy/key_text.h"
#include "ledger/tenancy/tenants.h"

namespace bedplate {
namespace {

constexpr int64_t kOverlapSeconds = 86'400;
constexpr size_t kAccessKeyIdLetters = 16;
constexpr size_t kSecretAccessKeyLetters = 43;  // of 62: 256 bits

// A secret for a key, and the members of an answer that show it.
Status AddSecret(const SecretFile& secrets, int64_t now, TenantKey& key, Json::Object& shown) {
  KeySecret secret{.number = key.secrets.empty() ? 1 : key.secrets.back().number + 1,
                   .version = secrets.present().id,
                   .access_key_id = {},
                   .kept = {},
                   .created = now,
                   .ends = {}};
  if (key.signs) {
    BP_ASSIGN_OR_RETURN(std::string letters, RandomLetters(kAccessKeyIdLetters));
    for (char& c : letters) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    secret.access_key_id = Cat("BPAK", letters);
    BP_ASSIGN_OR_RETURN(const std::string text, RandomLetters(kSecretAccessKeyLetters));
    BP_ASSIGN_OR_RETURN(secret.kept, SealSecret(secrets.present(), text, SealContext(key.id, secret)));
    shown.emplace_back("access_key_id", secret.access_key_id);
    shown.emplace_back("secret_access_key", text);
  } else {
    BP_ASSIGN_OR_RETURN(const std::string text, NewKeyText(key.id));
    const auto hash = PepperedHash(secrets.present(), text);
    if (!hash) return Status::Internal("OpenSSL has no SHA-256");
    secret.kept.assign(hash->begin(), hash->end());
    shown.emplace_back("key", text);
  }
  key.secrets.push_back(std::move(secret));
  return Status::Ok();
}

// Shows the key with the secret that `shown` begins with.
Json WithKey(Json::Object shown, const TenantKey& key) {
  Json described = KeyJson(key);
  for (auto& member : described.as_object()) {
    shown.push_back(std::move(member));
  }
  return Json(std::move(shown));
}

Result<uint8_t> ReadScopes(const Arguments& arguments, uint8_t otherwise) {
  BP_ASSIGN_OR_RETURN(const auto names, arguments.Texts("scopes"));
  if (!names) return otherwise;
  uint8_t scopes = 0;
  for (const std::string& name : *names) {
    scopes = static_cast<uint8_t>(scopes | ScopeOf(name));
  }
  if (scopes == 0)
    return Status::InvalidArgument("scopes must name one at least; leave it out for all").WithParam("scopes");
  return scopes;
}

Result<std::optional<int64_t>> ReadExpiry(const Arguments& arguments, int64_t now) {
  BP_ASSIGN_OR_RETURN(const auto expires, arguments.Int("expires_at"));
  if (!expires || *expires > now) return expires;
  return Status::InvalidArgument("expires_at must be in the future").WithParam("expires_at");
}

bool IsLive(const TenantKey& key, int64_t now) {
  return !key.revoked && !key.ExpiredAt(now);
}
Status NotLive(const TenantKey& key) {
  return {StatusCode::kConflict, Cat("key ", key.id, " was revoked or has expired; create another one")};
}

}  // namespace

Result<TenantState::KeyPointer> Tenants::FindKey(const TenantState& state, const Actor& actor,
                                                 const Arguments& arguments) {
  BP_ASSIGN_OR_RETURN(const std::string id, arguments.Text("id", ""));
  TenantState::KeyPointer key = state.FindKey(id);
  if (key != nullptr && actor.Sees(key->tenant, key->project, key->id)) return key;
  // Who asks with a whole key in place of its id must not read it in a log.
  return Status::NotFound(Cat("there is no key '", WithoutKeys(id.substr(0, kKeyTextLength)), "'"))
      .WithReason("key_not_found");
}

Result<Json> Tenants::ListKeys(const TenantState& state, const Actor& actor, const Arguments& arguments) const {
  BP_ASSIGN_OR_RETURN(const std::string tenant, arguments.Text("tenant", ""));
  BP_ASSIGN_OR_RETURN(const std::string project, arguments.Text("project", ""));
  BP_ASSIGN_OR_RETURN(const bool live, arguments.Flag("live"));
  const int64_t now = clock_.UnixSeconds();
  Json::Array data;
  for (const auto& [id, key] : state.keys) {
    const bool wanted = (tenant.empty() || key->tenant == tenant) && (project.empty() || key->project == project) &&
                        (!live || IsLive(*key, now));
    if (wanted && actor.Sees(key->tenant, key->project, id)) data.push_back(KeyJson(*key));
  }
  return Json(Json::Object{{"object", "list"}, {"data", std::move(data)}});
}

Result<Json> Tenants::CreateKey(const Actor& actor, const Arguments& arguments) {
  TenantState next = *state();
  BP_ASSIGN_OR_RETURN(const Project project, FindProject(next, actor, arguments));
  if (next.keys.size() >= kKeysMax) {
    return Status{StatusCode::kConflict, Cat("there are ", next.keys.size(), " keys, and no room for more")};
  }
  const int64_t now = clock_.UnixSeconds();
  TenantKey key;
  key.tenant = project.tenant;
  key.project = project.name;
  key.created = now;
  key.created_by = actor.name;
  BP_ASSIGN_OR_RETURN(key.name, arguments.Text("name", key.name));
  BP_ASSIGN_OR_RETURN(const std::string role, arguments.Text("role", RoleName(Role::kMember)));
  key.role = RoleOf(role).value_or(Role::kMember);  // it is of kRoleNames: the argument's rule
  BP_ASSIGN_OR_RETURN(key.signs, arguments.Flag("access_key"));
  // What isn't said is as with the key that asks: no more.
  BP_ASSIGN_OR_RETURN(key.scopes, ReadScopes(arguments, actor.IsLocal() ? kAllScopes : actor.key->scopes));
  BP_ASSIGN_OR_RETURN(auto models, arguments.Texts("models"));
  if (models) key.models = *std::move(models);
  if (key.models.empty() && !actor.IsLocal()) key.models = actor.key->models;
  BP_ASSIGN_OR_RETURN(key.expires, ReadExpiry(arguments, now));
  if (!key.expires && !actor.IsLocal()) key.expires = actor.key->expires;
  BP_RETURN_IF_ERROR(ReadLimits(arguments.object(), key.limits, key.caps));
  BP_RETURN_IF_ERROR(actor.MayHold(key));
  BP_ASSIGN_OR_RETURN(key.id, NewKeyId());
  Json::Object shown;
  BP_RETURN_IF_ERROR(AddSecret(*next.secrets, now, key, shown));
  AuditRow audit = AuditOf(actor, "key.create", key.tenant, key.id, KeyJson(key));
  next.Put(key);
  BP_RETURN_IF_ERROR(
      Commit(std::move(next), {.tenants = {}, .projects = {}, .keys = {key}, .versions = {}, .audit = audit}));
  return WithKey(std::move(shown), key);
}

// What is left out stays; what is null is taken away.
Result<Json> Tenants::UpdateKey(const Actor& actor, const Arguments& arguments) {
  TenantState next = *state();
  BP_ASSIGN_OR_RETURN(const TenantState::KeyPointer found, FindKey(next, actor, arguments));
  const int64_t now = clock_.UnixSeconds();
  if (!IsLive(*found, now)) return NotLive(*found);
  if (actor.Is(*found)) {
    return Status(StatusCode::kPermissionDenied, "a key doesn't change what it may do itself")
        .WithReason("role_not_allowed");
  }
  BP_RETURN_IF_ERROR(actor.MayHold(*found));
  TenantKey key = *found;
  if (arguments.Clears("name")) key.name.clear();
  BP_ASSIGN_OR_RETURN(key.name, arguments.Text("name", key.name));
  BP_ASSIGN_OR_RETURN(key.scopes, ReadScopes(arguments, arguments.Clears("scopes") ? kAllScopes : key.scopes));
  BP_ASSIGN_OR_RETURN(auto models, arguments.Texts("models"));
  if (models || arguments.Clears("models")) key.models = models ? *std::move(models) : std::vector<std::string>();
  BP_ASSIGN_OR_RETURN(const auto expires, ReadExpiry(arguments, now));
  if (expires || arguments.Clears("expires_at")) key.expires = expires;
  ClearLimits(arguments.object(), key.limits, key.caps);
  BP_RETURN_IF_ERROR(ReadLimits(arguments.object(), key.limits, key.caps));
  BP_RETURN_IF_ERROR(actor.MayHold(key));
  Json shown = KeyJson(key);
  AuditRow audit = AuditOf(actor, "key.update", key.tenant, key.id, shown);
  next.Put(key);
  BP_RETURN_IF_ERROR(
      Commit(std::move(next), {.tenants = {}, .projects = {}, .keys = {key}, .versions = {}, .audit = audit}));
  return shown;
}

Result<Json> Tenants::RotateKey(const Actor& actor, const Arguments& arguments) {
  BP_ASSIGN_OR_RETURN(const auto asked, arguments.Int("overlap_seconds"));
  const int64_t overlap = asked.value_or(kOverlapSeconds);
  TenantState next = *state();
  BP_ASSIGN_OR_RETURN(const TenantState::KeyPointer found, FindKey(next, actor, arguments));
  BP_RETURN_IF_ERROR(actor.MayHold(*found));
  const int64_t now = clock_.UnixSeconds();
  TenantKey key = *found;
  if (!IsLive(key, now)) return NotLive(key);
  std::erase_if(key.secrets, [&](const KeySecret& secret) { return secret.EndedAt(now); });
  if (overlap > 0 && key.secrets.size() >= KeySecret::kLiveMax) {
    return Status{StatusCode::kConflict,
                  Cat("key ", key.id, " has ", key.secrets.size(),
                      " secrets that are good; wait until the earlier one ends, or end both with an overlap of 0")};
  }
  Json::Object shown;
  BP_RETURN_IF_ERROR(AddSecret(*next.secrets, now, key, shown));
  for (size_t i = 0; i + 1 < key.secrets.size(); ++i) key.secrets[i].ends = now + overlap;
  if (overlap == 0) key.secrets.erase(key.secrets.begin(), key.secrets.end() - 1);
  AuditRow audit = AuditOf(actor, "key.rotate", key.tenant, key.id, KeyJson(key));
  next.Put(key);
  BP_RETURN_IF_ERROR(
      Commit(std::move(next), {.tenants = {}, .projects = {}, .keys = {key}, .versions = {}, .audit = audit}));
  return WithKey(std::move(shown), key);
}

Result<Json> Tenants::RevokeKey(const Actor& actor, const Arguments& arguments) {
  TenantState next = *state();
  BP_ASSIGN_OR_RETURN(const TenantState::KeyPointer found, FindKey(next, actor, arguments));
  BP_RETURN_IF_ERROR(actor.MayEnd(*found));
  if (found->revoked) return KeyJson(*found);
  TenantKey key = *found;
  key.revoked = clock_.UnixSeconds();
  key.secrets.clear();
  Json shown = KeyJson(key);
  AuditRow audit = AuditOf(actor, "key.revoke", key.tenant, key.id, shown);
  next.Put(key);
  BP_RETURN_IF_ERROR(
      Commit(std::move(next), {.tenants = {}, .projects = {}, .keys = {key}, .versions = {}, .audit = audit}));
  return shown;
}

Result<Json> Tenants::ListSecrets(const TenantState& state) const {
  Json::Array data;
  for (const SecretVersion& version : state.secrets->versions()) {
    int64_t bearer = 0;
    int64_t signing = 0;
    for (const auto& [id, key] : state.keys) {
      for (const KeySecret& secret : key->secrets) {
        if (secret.version == version.id) ++(key->signs ? signing : bearer);
      }
    }
    data.push_back(Json::Object{{"object", "secret_version"},
                                {"id", version.id},
                                {"created_at", version.created_unix_seconds},
                                {"present", &version == &state.secrets->present()},
                                {"bearer_secrets", bearer},
                                {"access_key_secrets", signing}});
  }
  return Json(Json::Object{{"object", "list"}, {"data", std::move(data)}});
}

// The file first, so that nothing is ever kept that it can't open. What signs is encrypted anew with the new version;
// of a bearer key only a hash is known, so its version stays until the key has been rotated.
Result<Json> Tenants::RotateSecrets(const Actor& actor) {
  const int64_t now = clock_.UnixSeconds();
  TenantState next = *state();
  BP_ASSIGN_OR_RETURN(SecretFile secrets, next.secrets->WithNewVersion(now));
  BP_RETURN_IF_ERROR(secrets.Save(options_.secret_file));
  TenantChange change;
  std::vector<std::string> needed;
  for (const auto& [id, before] : next.keys) {
    if (before->secrets.empty()) continue;
    TenantKey key = *before;
    const bool ended = std::erase_if(key.secrets, [&](const KeySecret& secret) { return secret.EndedAt(now); }) > 0;
    for (KeySecret& secret : key.secrets) {
      if (!key.signs) {
        needed.push_back(secret.version);
        continue;
      }
      const SecretVersion* const version = secrets.Find(secret.version);
      if (version == nullptr) return Status::DataLoss(Cat("the secret file lacks version ", secret.version));
      BP_ASSIGN_OR_RETURN(const std::string text, OpenSecret(*version, secret.kept, SealContext(key.id, secret)));
      secret.version = secrets.present().id;
      BP_ASSIGN_OR_RETURN(secret.kept, SealSecret(secrets.present(), text, SealContext(key.id, secret)));
    }
    if (ended || key.signs) change.keys.push_back(std::move(key));
  }
  change.versions.push_back(secrets.present());
  const SecretFile less = secrets.WithOnly(needed);
  for (const TenantKey& key : change.keys) next.Put(key);
  next.secrets = std::make_shared<const SecretFile>(less);
  std::string tenant;
  for (const auto& [name, one] : next.tenants) {
    if (one.is_operator) tenant = name;
  }
  BP_ASSIGN_OR_RETURN(Json shown, ListSecrets(next));
  change.audit = AuditOf(actor, "secrets.rotate", tenant, less.present().id, shown);
  BP_RETURN_IF_ERROR(Commit(std::move(next), change));
  const Status saved = less.Save(options_.secret_file);
  if (saved.ok()) return shown;
  return Status(saved.code(), Cat("the secrets were rotated, but versions that nobody needs any more are still in the "
                                  "secret file: ",
                                  saved.message()));
}

}  // namespace bedplate

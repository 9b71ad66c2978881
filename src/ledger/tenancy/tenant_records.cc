#include "ledger/tenancy/tenant_records.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/cat.h"
#include "base/sha256.h"

namespace bedplate {
namespace {

constexpr size_t kTenantNameMax = 64;

// What a limit is called, how large it may be, and where it is kept.
struct LimitField {
  std::string_view name;
  std::string_view about;
  uint64_t max;
  uint64_t (*get)(const KeyLimits& limits, const RequestCaps& caps);
  void (*set)(KeyLimits& limits, RequestCaps& caps, uint64_t value);
};
constexpr LimitField kLimitFields[] = {
    {"concurrent_requests", "Requests at once.", 100'000,
     [](const KeyLimits& l, const RequestCaps&) -> uint64_t { return l.concurrent_requests; },
     [](KeyLimits& l, RequestCaps&, uint64_t v) { l.concurrent_requests = static_cast<uint32_t>(v); }},
    {"requests_per_minute", "Requests a minute.", 100'000,
     [](const KeyLimits& l, const RequestCaps&) -> uint64_t { return l.requests_per_minute; },
     [](KeyLimits& l, RequestCaps&, uint64_t v) { l.requests_per_minute = static_cast<uint32_t>(v); }},
    {"tokens_per_minute", "Tokens a minute.", 100'000'000,
     [](const KeyLimits& l, const RequestCaps&) -> uint64_t { return l.tokens_per_minute; },
     [](KeyLimits& l, RequestCaps&, uint64_t v) { l.tokens_per_minute = static_cast<uint32_t>(v); }},
    {"body_bytes_max", "Bytes of a request's body.", uint64_t{1} << 40,
     [](const KeyLimits&, const RequestCaps& c) { return c.body_bytes_max; },
     [](KeyLimits&, RequestCaps& c, uint64_t v) { c.body_bytes_max = v; }},
    {"output_tokens_max", "Tokens that one request may have generated.", 10'000'000,
     [](const KeyLimits&, const RequestCaps& c) -> uint64_t { return c.output_tokens_max; },
     [](KeyLimits&, RequestCaps& c, uint64_t v) { c.output_tokens_max = static_cast<uint32_t>(v); }},
    {"request_seconds_max", "Seconds that one request may take.", 86'400,
     [](const KeyLimits&, const RequestCaps& c) -> uint64_t { return c.time_ms_max / 1000; },
     [](KeyLimits&, RequestCaps& c, uint64_t v) { c.time_ms_max = static_cast<uint32_t>(v * 1000); }},
};

constexpr auto kLimitArguments = [] {
  std::array<Argument, std::size(kLimitFields)> out{};
  for (size_t i = 0; i < out.size(); ++i) {
    const LimitField& field = kLimitFields[i];
    out[i].name = field.name;
    out[i].kind = Argument::Kind::kInteger;
    out[i].about = field.about;
    out[i].min = 1;
    out[i].max = static_cast<int64_t>(field.max);
  }
  return out;
}();

Json TimeJson(const std::optional<int64_t>& time) {
  return time ? Json(*time) : Json();
}

Json::Array TextsJson(const std::vector<std::string>& texts) {
  return {texts.begin(), texts.end()};
}

// Of the id alone: a key's cache stays its own through rotations, and no later key has its id.
uint64_t SaltOfTenantKey(const TenantKey& key) {
  Sha256 hash;
  const std::string text = Cat("bedplate prefix cache\n", key.tenant, "\n", key.project, "\n", key.id);
  hash.Add(text.data(), text.size());
  const auto digest = hash.Take();
  uint64_t salt = 0;
  if (digest) std::memcpy(&salt, digest->data(), sizeof salt);
  return salt;
}

}  // namespace

std::vector<std::string> ScopeNames(uint8_t scopes) {
  std::vector<std::string> names;
  for (size_t bit = 0; bit < std::size(kScopeNames); ++bit) {
    if ((scopes >> bit & 1) != 0) names.emplace_back(kScopeNames[bit]);
  }
  return names;
}

uint8_t ScopeOf(std::string_view name) {
  const auto* const found = std::ranges::find(kScopeNames, name);
  return found == std::end(kScopeNames) ? uint8_t{0} : static_cast<uint8_t>(1 << (found - std::begin(kScopeNames)));
}

std::string SealContext(std::string_view key_id, const KeySecret& secret) {
  return Cat("bedplate access key\n", key_id, "\n", secret.access_key_id);
}

const Tenant* TenantState::FindTenant(std::string_view name) const {
  const auto found = tenants.find(name);
  return found == tenants.end() ? nullptr : &found->second;
}

const Project* TenantState::FindProject(std::string_view tenant, std::string_view name) const {
  const auto found = projects.find({std::string(tenant), std::string(name)});
  return found == projects.end() ? nullptr : &found->second;
}

const Budget* TenantState::FindBudget(std::string_view tenant, std::string_view name) const {
  const auto found = budgets.find({std::string(tenant), std::string(name)});
  return found == budgets.end() ? nullptr : &found->second;
}

TenantState::KeyPointer TenantState::FindKey(std::string_view id) const {
  const auto found = keys.find(id);
  return found == keys.end() ? nullptr : found->second;
}

bool TenantState::OfOperator(const TenantKey& key) const {
  const Tenant* const tenant = FindTenant(key.tenant);
  return tenant != nullptr && tenant->is_operator;
}

bool TenantState::IsEnabled(const TenantKey& key) const {
  const Tenant* const tenant = FindTenant(key.tenant);
  const Project* const project = FindProject(key.tenant, key.project);
  return tenant != nullptr && !tenant->disabled && project != nullptr && !project->disabled;
}

void TenantState::Put(TenantKey key) {
  key.cache_salt = SaltOfTenantKey(key);
  const auto shared = std::make_shared<const TenantKey>(std::move(key));
  if (const KeyPointer before = FindKey(shared->id)) {
    for (const KeySecret& secret : before->secrets) access_keys.erase(secret.access_key_id);
  }
  keys.insert_or_assign(shared->id, shared);
  for (const KeySecret& secret : shared->secrets) {
    if (!secret.access_key_id.empty()) access_keys.insert_or_assign(secret.access_key_id, shared);
  }
}

bool IsTenantName(std::string_view name) {
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); };
  return !name.empty() && name.size() <= kTenantNameMax && plain(name.front()) &&
         std::ranges::all_of(name, [&](char c) { return plain(c) || c == '.' || c == '_' || c == '-'; });
}

Json TenantJson(const Tenant& tenant) {
  return Json::Object{{"object", "tenant"},
                      {"name", tenant.name},
                      {"operator", tenant.is_operator},
                      {"weight", static_cast<int64_t>(tenant.weight)},
                      {"created_at", tenant.created},
                      {"disabled_at", TimeJson(tenant.disabled)}};
}

Json ProjectJson(const Project& project) {
  return Json::Object{{"object", "project"},
                      {"tenant", project.tenant},
                      {"name", project.name},
                      {"created_at", project.created},
                      {"disabled_at", TimeJson(project.disabled)}};
}

Json KeyJson(const TenantKey& key) {
  Json::Object out{{"object", "key"},
                   {"id", key.id},
                   {"name", key.name},
                   {"tenant", key.tenant},
                   {"project", key.project},
                   {"role", std::string(RoleName(key.role))},
                   {"kind", key.signs ? "access_key" : "bearer"},
                   {"scopes", TextsJson(ScopeNames(key.scopes))},
                   {"models", TextsJson(key.models)}};
  AppendLimits(key.limits, key.caps, out);
  out.emplace_back("created_at", key.created);
  out.emplace_back("created_by", key.created_by);
  out.emplace_back("expires_at", TimeJson(key.expires));
  out.emplace_back("revoked_at", TimeJson(key.revoked));
  Json::Array secrets;
  for (const KeySecret& secret : key.secrets) {
    Json::Object one{{"number", secret.number},
                     {"secret_version", secret.version},
                     {"created_at", secret.created},
                     {"ends_at", TimeJson(secret.ends)}};
    if (key.signs) one.emplace_back("access_key_id", secret.access_key_id);
    secrets.emplace_back(std::move(one));
  }
  out.emplace_back("secrets", std::move(secrets));
  return out;
}

void AppendLimits(const KeyLimits& limits, const RequestCaps& caps, Json::Object& out) {
  for (const LimitField& field : kLimitFields) {
    const uint64_t value = field.get(limits, caps);
    out.emplace_back(std::string(field.name), value == 0 ? Json() : Json(static_cast<int64_t>(value)));
  }
}

Status ReadLimits(const Json& object, KeyLimits& limits, RequestCaps& caps) {
  for (const LimitField& field : kLimitFields) {
    const Json* const value = object.Find(field.name);
    if (value == nullptr || value->is_null()) continue;
    if (!value->is_int() || value->as_int() < 1 || static_cast<uint64_t>(value->as_int()) > field.max) {
      return Status::InvalidArgument(
                 Cat(field.name, " must be an integer from 1 to ", field.max, "; leave it out for no limit"))
          .WithParam(std::string(field.name));
    }
    field.set(limits, caps, static_cast<uint64_t>(value->as_int()));
  }
  return Status::Ok();
}

void ClearLimits(const Json& object, KeyLimits& limits, RequestCaps& caps) {
  for (const LimitField& field : kLimitFields) {
    const Json* const value = object.Find(field.name);
    if (value != nullptr && value->is_null()) field.set(limits, caps, 0);
  }
}

std::span<const Argument> LimitArguments() {
  return kLimitArguments;
}

}  // namespace bedplate

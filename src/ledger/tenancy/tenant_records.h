#pragma once
/// Tenants, projects and keys as plain values, and all of them together as they are at one moment. What an admission
/// looks at is such a state: it is never changed, another one takes its place.
///
///   tenant → project → key. A key's id is public and stays; its secrets come and go (rotation with overlap).
///
/// Of a bearer key's secret a keyed hash is kept, of one that signs requests the secret, encrypted: secret_file.h.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "ledger/budgets/budget.h"
#include "ledger/key_file.h"
#include "ledger/tenancy/roles.h"
#include "ledger/tenancy/secret_file.h"
#include "ledger/tenancy/verb_arguments.h"
#include "request/admission.h"

namespace bedplate {

/// What a key is for: bits. A key has no more than its role allows, whatever its scopes are.
enum KeyScope : uint8_t { kScopeModels = 1, kScopeMetrics = 2, kScopeAdminRead = 4, kScopeAdminWrite = 8 };
inline constexpr uint8_t kAllScopes = 15;
inline constexpr std::string_view kScopeNames[] = {"models", "metrics", "admin.read", "admin.write"};  // in order
std::vector<std::string> ScopeNames(uint8_t scopes);
/// 0: no scope has that name.
uint8_t ScopeOf(std::string_view name);

struct Tenant {
  static constexpr uint32_t kWeightMax = 1000;
  std::string name;
  bool is_operator = false;
  uint32_t weight = 1;  // its share where tenants wait for each other: Principal::weight
  int64_t created = 0;  // Unix seconds, as all times here
  std::optional<int64_t> disabled;
};

struct Project {
  std::string tenant;
  std::string name;
  int64_t created = 0;
  std::optional<int64_t> disabled;
};

struct KeySecret {
  static constexpr size_t kLiveMax = 2;
  int64_t number = 0;         // 1, 2, ... of its key, never again
  std::string version;        // of the secret file
  std::string access_key_id;  // of one that signs; empty: a bearer key's
  std::string kept;           // its HMAC, or the sealed secret
  int64_t created = 0;
  std::optional<int64_t> ends;  // an earlier one, while both are good
  [[nodiscard]] bool EndedAt(int64_t now) const { return ends && now >= *ends; }
};

struct TenantKey {
  std::string id;
  std::string tenant;
  std::string project;
  std::string name;  // what people call it; may be empty
  Role role = Role::kMember;
  bool signs = false;  // an access key, for AWS's signatures; else a bearer key
  uint8_t scopes = kAllScopes;
  std::vector<std::string> models;  // empty: all
  KeyLimits limits;
  RequestCaps caps;
  int64_t created = 0;
  std::string created_by;  // a key's id, or "local"
  std::optional<int64_t> expires;
  std::optional<int64_t> revoked;  // for good: it has no secrets then
  std::vector<KeySecret> secrets;  // the newest last
  uint64_t cache_salt = 0;         // Principal::cache_salt, set by TenantState::Put
  [[nodiscard]] bool ExpiredAt(int64_t now) const { return expires && now >= *expires; }
};

/// To what a sealed secret belongs (SealSecret's context).
std::string SealContext(std::string_view key_id, const KeySecret& secret);

struct TenantState {
  using KeyPointer = std::shared_ptr<const TenantKey>;  // shared between one state and the next

  std::map<std::string, Tenant, std::less<>> tenants;
  std::map<std::pair<std::string, std::string>, Project> projects;  // by tenant and name
  std::map<std::pair<std::string, std::string>, Budget> budgets;    // by tenant and name
  std::map<std::string, KeyPointer, std::less<>> keys;              // by id
  std::map<std::string, KeyPointer, std::less<>> access_keys;       // by access_key_id, of keys that aren't revoked
  std::shared_ptr<const SecretFile> secrets;

  [[nodiscard]] const Tenant* FindTenant(std::string_view name) const;
  [[nodiscard]] const Project* FindProject(std::string_view tenant, std::string_view name) const;
  [[nodiscard]] const Budget* FindBudget(std::string_view tenant, std::string_view name) const;
  [[nodiscard]] KeyPointer FindKey(std::string_view id) const;
  [[nodiscard]] bool OfOperator(const TenantKey& key) const;
  /// Its tenant and its project are enabled.
  [[nodiscard]] bool IsEnabled(const TenantKey& key) const;
  void Put(TenantKey key);  // in place of what has its id
};

/// 1 to 64 letters, digits, '.', '_' or '-', the first a letter or a digit: safe in a path, a label and a table.
bool IsTenantName(std::string_view name);

/// As commands and the admin API show them; a key without its secrets.
Json TenantJson(const Tenant& tenant);
Json ProjectJson(const Project& project);
Json KeyJson(const TenantKey& key);

/// Limits and caps as members of one object, named as in a key file; what isn't there has no limit.
void AppendLimits(const KeyLimits& limits, const RequestCaps& caps, Json::Object& out);
/// Null is as if it weren't there. kInvalidArgument names the member.
Status ReadLimits(const Json& object, KeyLimits& limits, RequestCaps& caps);
/// Takes away those that are null in the object.
void ClearLimits(const Json& object, KeyLimits& limits, RequestCaps& caps);
/// Them as arguments of verbs.
std::span<const Argument> LimitArguments();

}  // namespace bedplate

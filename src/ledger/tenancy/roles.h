#pragma once
/// Who may do what with tenants, projects and keys: one table of verb × role, which is also the table of the routes and
/// commands that do it. What the table doesn't give is refused.
///
///   Role: what a key is in its tenant. One tenant, the one that `bedplate tenant init` makes, is the operator's: its
///   owners run the server, and what an owner may do in a tenant they may do in every one. Every other key is kept to
///   its tenant, and sees of others not even that they are there.
///
/// Threads: any; constant.

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace bedplate {

enum class Role : uint8_t {
  kOwner,    // of a tenant: everything in it
  kBilling,  // sees what costs money and sets budgets, uses no model
  kAdmin,    // of a project: its keys
  kMember,   // uses models
  kAuditor,  // sees everything in a tenant, changes nothing, uses no model
};
inline constexpr Role kRoles[] = {Role::kOwner, Role::kBilling, Role::kAdmin, Role::kMember, Role::kAuditor};
inline constexpr std::string_view kRoleNames[] = {"owner", "billing", "admin", "member", "auditor"};
std::string_view RoleName(Role role);
std::optional<Role> RoleOf(std::string_view name);

/// How far a role goes with a verb. Each includes those before it.
enum class Reach : uint8_t { kNone, kKey /* itself */, kProject /* its own */, kTenant /* its own */, kEverywhere };

enum class TenantVerb : uint8_t {
  kTenantCreate,
  kTenantList,
  kTenantShow,
  kTenantUpdate,
  kTenantDisable,
  kTenantEnable,
  kProjectCreate,
  kProjectList,
  kProjectShow,
  kProjectDisable,
  kProjectEnable,
  kKeyCreate,
  kKeyList,
  kKeyShow,
  kKeyUpdate,
  kKeyRotate,
  kKeyRevoke,
  kAuditList,
  kSecretsList,
  kSecretsRotate,
  kBudgetCreate,
  kBudgetList,
  kBudgetShow,
  kBudgetUpdate,
  kPriceAdd,
  kPriceList,
  kUsageReport,
  kRequestList,
  kRequestShow,
  kPeriodClose,
  kPeriodList,
};

struct VerbRow {
  TenantVerb verb;
  std::string_view name;    // as commands and the control socket say it, and as the audit has it
  std::string_view method;  // of the admin API
  std::string_view route;   // a pattern of serve/router.h; its star is the argument `subject`
  std::string_view subject;
  Reach owner, billing, admin, member, auditor;
  [[nodiscard]] bool writes() const { return method != "GET"; }
  /// Done by Office, not by Tenants.
  [[nodiscard]] bool of_books() const { return verb >= TenantVerb::kPriceAdd; }
  /// Done by Tenants, and then by Office, which knows what is spent of them.
  [[nodiscard]] bool of_budgets() const { return !of_books() && verb >= TenantVerb::kBudgetCreate; }
};
std::span<const VerbRow> VerbRows();
const VerbRow& RowOf(TenantVerb verb);
const VerbRow* FindVerb(std::string_view name);

/// of_operator: the key belongs to the operator's tenant.
Reach ReachOf(TenantVerb verb, Role role, bool of_operator);

/// Whether a key of that role may make, change or end one of role `given`: nobody makes more of a key than they are.
bool MayGive(Role role, Role given);
/// Use models; see them listed.
bool MayUseModels(Role role);
/// What /metrics says is of all tenants together: the operator's.
bool MayReadMetrics(Role role, bool of_operator);

}  // namespace bedplate

#include "ledger/tenancy/roles.h"

#include <algorithm>
#include <iterator>

#include "base/check.h"

namespace bedplate {
namespace {

constexpr Reach kNo = Reach::kNone, kKey = Reach::kKey, kProject = Reach::kProject, kTenant = Reach::kTenant,
                kAll = Reach::kEverywhere;
using enum TenantVerb;

// kAll: of the operator's alone (ReachOf).
constexpr VerbRow kRows[] = {
    //                                                                                    owner billing admin member
    //                                                                                    auditor
    // clang-format off
    {kTenantCreate,   "tenant.create",   "POST", "/admin/v1/tenants",            "",       kAll,    kNo,     kNo,      kNo,  kNo},
    {kTenantList,     "tenant.list",     "GET",  "/admin/v1/tenants",            "",       kTenant, kTenant, kNo,      kNo,  kTenant},
    {kTenantUpdate,   "tenant.update",   "POST", "/admin/v1/tenants/*/update",   "tenant", kAll,    kNo,     kNo,      kNo,  kNo},
    {kTenantDisable,  "tenant.disable",  "POST", "/admin/v1/tenants/*/disable",  "tenant", kAll,    kNo,     kNo,      kNo,  kNo},
    {kTenantEnable,   "tenant.enable",   "POST", "/admin/v1/tenants/*/enable",   "tenant", kAll,    kNo,     kNo,      kNo,  kNo},
    {kTenantShow,     "tenant.show",     "GET",  "/admin/v1/tenants/*",          "tenant", kTenant, kTenant, kNo,      kNo,  kTenant},
    {kProjectCreate,  "project.create",  "POST", "/admin/v1/projects",           "",       kTenant, kNo,     kNo,      kNo,  kNo},
    {kProjectList,    "project.list",    "GET",  "/admin/v1/projects",           "",       kTenant, kTenant, kProject, kNo,  kTenant},
    {kProjectDisable, "project.disable", "POST", "/admin/v1/projects/*/disable", "project", kTenant, kNo,    kNo,      kNo,  kNo},
    {kProjectEnable,  "project.enable",  "POST", "/admin/v1/projects/*/enable",  "project", kTenant, kNo,    kNo,      kNo,  kNo},
    {kProjectShow,    "project.show",    "GET",  "/admin/v1/projects/*",         "project", kTenant, kTenant, kProject, kNo, kTenant},
    {kKeyCreate,      "key.create",      "POST", "/admin/v1/keys",               "",       kTenant, kNo,     kProject, kNo,  kNo},
    {kKeyList,        "key.list",        "GET",  "/admin/v1/keys",               "",       kTenant, kTenant, kProject, kKey, kTenant},
    {kKeyUpdate,      "key.update",      "POST", "/admin/v1/keys/*/update",      "id",     kTenant, kNo,     kProject, kNo,  kNo},
    {kKeyRotate,      "key.rotate",      "POST", "/admin/v1/keys/*/rotate",      "id",     kTenant, kKey,    kProject, kKey, kKey},
    {kKeyRevoke,      "key.revoke",      "POST", "/admin/v1/keys/*/revoke",      "id",     kTenant, kKey,    kProject, kKey, kKey},
    {kKeyShow,        "key.show",        "GET",  "/admin/v1/keys/*",             "id",     kTenant, kTenant, kProject, kKey, kTenant},
    {kAuditList,      "audit.list",      "GET",  "/admin/v1/audit",              "",       kTenant, kNo,     kNo,      kNo,  kTenant},
    {kSecretsList,    "secrets.list",    "GET",  "/admin/v1/secrets",            "",       kAll,    kNo,     kNo,      kNo,  kNo},
    {kSecretsRotate,  "secrets.rotate",  "POST", "/admin/v1/secrets/rotate",     "",       kAll,    kNo,     kNo,      kNo,  kNo},
    {kBudgetCreate,   "budget.create",   "POST", "/admin/v1/budgets",            "",       kTenant, kTenant, kNo,      kNo,  kNo},
    {kBudgetList,     "budget.list",     "GET",  "/admin/v1/budgets",            "",       kTenant, kTenant, kProject, kKey, kTenant},
    {kBudgetUpdate,   "budget.update",   "POST", "/admin/v1/budgets/*/update",   "budget", kTenant, kTenant, kNo,      kNo,  kNo},
    {kBudgetShow,     "budget.show",     "GET",  "/admin/v1/budgets/*",          "budget", kTenant, kTenant, kProject, kKey, kTenant},
    {kPriceAdd,       "price.add",       "POST", "/admin/v1/prices",             "",       kAll,    kNo,     kNo,      kNo,  kNo},
    {kPriceList,      "price.list",      "GET",  "/admin/v1/prices",             "",       kTenant, kTenant, kTenant,  kTenant, kTenant},
    {kUsageReport,    "usage.report",    "GET",  "/admin/v1/usage",              "",       kTenant, kTenant, kProject, kKey, kTenant},
    {kRequestList,    "request.list",    "GET",  "/admin/v1/requests",           "",       kTenant, kTenant, kProject, kKey, kTenant},
    {kRequestShow,    "request.show",    "GET",  "/admin/v1/requests/*",         "request", kTenant, kTenant, kProject, kKey, kTenant},
    {kPeriodClose,    "period.close",    "POST", "/admin/v1/periods",            "",       kAll,    kAll,    kNo,      kNo,  kNo},
    {kPeriodList,     "period.list",     "GET",  "/admin/v1/periods",            "",       kAll,    kAll,    kNo,      kNo,  kAll},
    // clang-format on
};

}  // namespace

std::string_view RoleName(Role role) {
  return kRoleNames[static_cast<size_t>(role)];
}

std::optional<Role> RoleOf(std::string_view name) {
  const auto* const found = std::ranges::find(kRoleNames, name);
  if (found == std::end(kRoleNames)) return std::nullopt;
  return kRoles[found - std::begin(kRoleNames)];
}

std::span<const VerbRow> VerbRows() {
  return kRows;
}

const VerbRow& RowOf(TenantVerb verb) {
  const auto* const found = std::ranges::find(kRows, verb, &VerbRow::verb);
  BP_CHECK(found != std::end(kRows));
  return *found;
}

const VerbRow* FindVerb(std::string_view name) {
  const auto* const found = std::ranges::find(kRows, name, &VerbRow::name);
  return found == std::end(kRows) ? nullptr : found;
}

Reach ReachOf(TenantVerb verb, Role role, bool of_operator) {
  const VerbRow& row = RowOf(verb);
  const bool runs_the_server = role == Role::kOwner && of_operator;
  if (runs_the_server) return row.owner == Reach::kNone ? Reach::kNone : Reach::kEverywhere;
  const Reach reach = [&] {
    switch (role) {
      case Role::kOwner:
        return row.owner;
      case Role::kBilling:
        return row.billing;
      case Role::kAdmin:
        return row.admin;
      case Role::kMember:
        return row.member;
      case Role::kAuditor:
        return row.auditor;
    }
    return Reach::kNone;
  }();
  return reach == Reach::kEverywhere && !of_operator ? Reach::kNone : reach;
}

// An admin makes no auditor, who would see more than an admin does.
bool MayGive(Role role, Role given) {
  return role == Role::kOwner || (role == Role::kAdmin && (given == Role::kAdmin || given == Role::kMember));
}

bool MayUseModels(Role role) {
  return role == Role::kOwner || role == Role::kAdmin || role == Role::kMember;
}

bool MayReadMetrics(Role role, bool of_operator) {
  return of_operator && (role == Role::kOwner || role == Role::kAuditor);
}

}  // namespace bedplate

// Budgets as tenants' owners set them: what they are, not what is spent of them, which the books know.
#include "base/cat.h"
#include "ledger/tenancy/key_text.h"
#include "ledger/tenancy/tenants.h"

namespace bedplate {
namespace {

Status NoSuchBudget(std::string_view name) {
  return Status::NotFound(Cat("there is no budget '", WithoutKeys(name.substr(0, 64)), "'"))
      .WithReason("budget_not_found");
}

}  // namespace

Result<Budget> Tenants::FindBudget(const TenantState& state, const Actor& actor, const Arguments& arguments) {
  BP_ASSIGN_OR_RETURN(const std::string tenant, TenantOf(state, actor, arguments));
  BP_ASSIGN_OR_RETURN(const std::string name, arguments.Text("budget", ""));
  const Budget* const budget = state.FindBudget(tenant, name);
  if (budget == nullptr || !actor.Sees(tenant, budget->project, budget->key)) return NoSuchBudget(name);
  return *budget;
}

// What it is of must be there, and be seen by who sets it.
Result<Budget> Tenants::BudgetOf(const TenantState& state, const Actor& actor, const Arguments& arguments) {
  Budget budget;
  BP_ASSIGN_OR_RETURN(const Tenant tenant, FindTenant(state, actor, arguments));
  budget.tenant = tenant.name;
  BP_ASSIGN_OR_RETURN(budget.name, arguments.Text("name", ""));
  BP_ASSIGN_OR_RETURN(budget.project, arguments.Text("project", ""));
  BP_ASSIGN_OR_RETURN(budget.key, arguments.Text("key", ""));
  BP_ASSIGN_OR_RETURN(budget.model, arguments.Text("model", ""));
  if (!budget.project.empty()) BP_RETURN_IF_ERROR(FindProject(state, actor, arguments).status());
  if (!budget.key.empty()) {
    const TenantState::KeyPointer key = state.FindKey(budget.key);
    const bool fits = key != nullptr && key->tenant == budget.tenant &&
                      (budget.project.empty() || key->project == budget.project) &&
                      actor.Sees(key->tenant, key->project, key->id);
    if (!fits) {
      return Status::NotFound(Cat("there is no key '", WithoutKeys(budget.key.substr(0, kKeyTextLength)), "' in it"))
          .WithReason("key_not_found");
    }
  }
  BP_ASSIGN_OR_RETURN(const std::string unit, arguments.Text("unit", kBudgetUnitNames[0]));
  budget.unit = unit == kBudgetUnitNames[0] ? Unit::kPicodollar : Unit::kToken;
  BP_ASSIGN_OR_RETURN(const std::string kind, arguments.Text("kind", kBudgetKindNames[0]));
  budget.hard = kind == kBudgetKindNames[0];
  BP_ASSIGN_OR_RETURN(const std::string period, arguments.Text("period", PeriodName(BudgetPeriod::kMonth)));
  budget.period = BudgetPeriodOf(period).value_or(BudgetPeriod::kMonth);  // one of the words: the argument's rule
  BP_ASSIGN_OR_RETURN(const std::string amount, arguments.Text("amount", ""));
  BP_ASSIGN_OR_RETURN(budget.amount, ParseBudgetAmount(amount, budget.unit));
  return budget;
}

Result<Json> Tenants::CreateBudget(const Actor& actor, const Arguments& arguments) {
  TenantState next = *state();
  BP_ASSIGN_OR_RETURN(Budget budget, BudgetOf(next, actor, arguments));
  BP_RETURN_IF_ERROR(CheckNewName(budget.name, next.budgets.size(), "budgets",
                                  next.FindBudget(budget.tenant, budget.name) != nullptr));
  budget.created = clock_.UnixSeconds();
  return PutBudget(actor, "budget.create", std::move(next), budget);
}

Result<Json> Tenants::UpdateBudget(const Actor& actor, const Arguments& arguments) {
  TenantState next = *state();
  BP_ASSIGN_OR_RETURN(Budget budget, FindBudget(next, actor, arguments));
  const Budget before = budget;
  if (arguments.Has("amount")) {
    BP_ASSIGN_OR_RETURN(const std::string amount, arguments.Text("amount", ""));
    BP_ASSIGN_OR_RETURN(budget.amount, ParseBudgetAmount(amount, budget.unit));
  }
  if (arguments.Has("disabled")) {
    BP_ASSIGN_OR_RETURN(const bool disabled, arguments.Flag("disabled"));
    if (disabled != budget.disabled.has_value()) {
      budget.disabled = disabled ? std::optional(clock_.UnixSeconds()) : std::nullopt;
    }
  }
  if (budget == before) return Json(BudgetJson(budget));
  return PutBudget(actor, "budget.update", std::move(next), budget);
}

Result<Json> Tenants::PutBudget(const Actor& actor, std::string_view verb, TenantState next, const Budget& budget) {
  Json shown = BudgetJson(budget);
  AuditRow audit = AuditOf(actor, verb, budget.tenant, budget.name, shown);
  next.budgets.insert_or_assign(std::pair(budget.tenant, budget.name), budget);
  BP_RETURN_IF_ERROR(Commit(
      std::move(next),
      {.tenants = {}, .projects = {}, .keys = {}, .budgets = {budget}, .versions = {}, .audit = std::move(audit)}));
  return shown;
}

Result<Json> Tenants::ListBudgets(const TenantState& state, const Actor& actor, const Arguments& arguments) const {
  BP_ASSIGN_OR_RETURN(const std::string tenant, arguments.Text("tenant", ""));
  BP_ASSIGN_OR_RETURN(const std::string project, arguments.Text("project", ""));
  Json::Array data;
  for (const auto& [names, budget] : state.budgets) {
    const bool wanted = (tenant.empty() || budget.tenant == tenant) && (project.empty() || budget.project == project);
    if (wanted && actor.Sees(budget.tenant, budget.project, budget.key)) data.push_back(BudgetJson(budget));
  }
  return Json(Json::Object{{"object", "list"}, {"data", std::move(data)}});
}

}  // namespace bedplate

#include "ledger/budgets/budget_alerts.h"

namespace bedplate {

Json AlertJson(const BudgetAlert& alert) {
  Json::Object budget = BudgetJson(alert.budget);
  budget.emplace_back("spent", BudgetAmountText(alert.spent, alert.budget.unit));
  budget.emplace_back("period_from_at", alert.period.begin);
  budget.emplace_back("period_to_at", alert.period.end ? Json(*alert.period.end) : Json());
  return Json::Object{{"object", "event"},
                      {"id", alert.id},
                      {"type", "budget.level_reached"},
                      {"level_percent", alert.level},
                      {"created_at", alert.time},
                      {"budget", std::move(budget)}};
}

}  // namespace bedplate

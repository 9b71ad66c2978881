#include "cmd/server_budgets.h"

#include "base/cat.h"
#include "serve/prometheus.h"

namespace bedplate {

std::unique_ptr<LeasedBudgets> OpenServerBudgets(const Tenants& tenants, BookWriter& writer, const Clock& clock,
                                                 BudgetAlertSink* alerts, ModelNames models) {
  // A budget that was made where no server said what a further name stands for holds its model all the same.
  const auto definitions = [&tenants, models = std::move(models)] {
    std::vector<Budget> budgets;
    for (const auto& [names, budget] : tenants.state()->budgets) {
      budgets.push_back(budget);
      budgets.back().model = models.IdOf(budget.model);
    }
    return budgets;
  };
  return std::make_unique<LeasedBudgets>(definitions, writer, clock, LeasedBudgetsOptions{.alerts = alerts});
}

void AppendBudgetMetrics(const LeasedBudgets& budgets, std::string& page) {
  const LeasedBudgets::Health health = budgets.health();
  PrometheusWriter w(page);
  w.Family("bedplate_budgets", "gauge", "Budgets that are enabled.");
  w.Sample({}, uint64_t{health.budgets});
  w.Family("bedplate_budget_refused_total", "counter", "Requests that a hard budget had too little left for.");
  w.Sample({}, health.refused);
  w.Family("bedplate_budget_cut_total", "counter", "Answers that ended at the last token that a budget had room for.");
  w.Sample({}, health.cut);
  w.Family("bedplate_budget_alerts_total", "counter", "Budgets that reached so much of their amount.");
  for (size_t i = 0; i < std::size(kBudgetAlertLevels); ++i) {
    const std::string percent = Cat(kBudgetAlertLevels[i]);
    w.Sample({{"percent", percent}}, health.alerts[i]);
  }
  w.Family("bedplate_budgets_current", "gauge", "0 while budgets can't be brought up to date.");
  w.Sample({}, uint64_t{health.refresh.ok()});
}

}  // namespace bedplate

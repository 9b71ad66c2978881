// Budgets: what tenants say that they are, and what the books say is spent of them.
#include <algorithm>

#include "ledger/budgets/budget_purse.h"
#include "ledger/office/office.h"

namespace bedplate {

Result<Json> Office::DoBudgets(const Caller& caller, const VerbRow& row, const Json& arguments) {
  BP_ASSIGN_OR_RETURN(Json done, tenants_.Do(caller, row.name, arguments));
  if (books_.writer == nullptr) return done;
  if (row.writes() && books_.budgets != nullptr) BP_RETURN_IF_ERROR(books_.budgets->Refresh());
  std::vector<Json::Object*> budgets;
  if (row.verb == TenantVerb::kBudgetList) {
    for (auto& [name, value] : done.as_object()) {
      if (name != "data") continue;
      for (Json& budget : value.as_array()) budgets.push_back(&budget.as_object());
    }
  } else {
    budgets.push_back(&done.as_object());
  }
  BP_RETURN_IF_ERROR(AddFigures(std::move(budgets)));
  return done;
}

// Of the present period. What is leased to gateways is still left: only what requests hold is not.
Status Office::AddFigures(std::vector<Json::Object*> budgets) {
  struct Asked {
    Json::Object* shown;
    Budget budget;
    PeriodSpan period;
    BudgetFigures figures = {};
  };
  std::vector<Asked> all;
  const auto state = tenants_.state();
  const int64_t now = clock_.UnixSeconds();
  const auto text_of = [](const Json::Object& shown, std::string_view member) {
    const auto found =
        std::ranges::find(shown, member, [](const Json::Member& one) -> std::string_view { return one.first; });
    return found == shown.end() ? std::string() : found->second.as_string();
  };
  for (Json::Object* shown : budgets) {
    const Budget* const budget = state->FindBudget(text_of(*shown, "tenant"), text_of(*shown, "name"));
    if (budget != nullptr) {
      all.push_back({.shown = shown, .budget = *budget, .period = PeriodAt(budget->period, now)});
    }
  }
  BP_RETURN_IF_ERROR(books_.writer->Write([&](Books& books) {
    for (Asked& one : all) {
      one.figures = FiguresOf(books.balances(), BudgetAccount(one.budget, one.period).Id(),
                              BudgetSpentAccount(one.budget, one.period).Id());
    }
    return Status::Ok();
  }));
  for (Asked& one : all) {
    const Budget& budget = one.budget;
    const auto text = [&](Int128 amount) { return BudgetAmountText(amount, budget.unit); };
    const Int128 held = books_.budgets == nullptr ? 0 : books_.budgets->HeldOf(budget.tenant, budget.name);
    one.shown->emplace_back("spent", text(one.figures.spent));
    one.shown->emplace_back("held", text(held));
    one.shown->emplace_back("leased", text(one.figures.leased));
    one.shown->emplace_back("left", text(std::max<Int128>(budget.amount - one.figures.spent - held, 0)));
    one.shown->emplace_back("period_from_at", one.period.begin);
    one.shown->emplace_back("period_to_at", one.period.end ? Json(*one.period.end) : Json());
  }
  return Status::Ok();
}

}  // namespace bedplate

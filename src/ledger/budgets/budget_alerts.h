#pragma once
/// What is told of a budget: that 50, 80 or 100 % of a period's amount is spent, once each.
///
/// Threads: Tell any; `told` may be called from any, at once or later.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/json.h"
#include "ledger/budgets/budget.h"

namespace bedplate {

inline constexpr int kBudgetAlertLevels[] = {50, 80, 100};  // percent

struct BudgetAlert {
  std::string id;  // the same again is the same: of a message that comes twice
  Budget budget;
  PeriodSpan period;
  int level = 0;  // of kBudgetAlertLevels
  Int128 spent = 0;
  int64_t time = 0;  // Unix seconds
};
/// As a webhook's body.
Json AlertJson(const BudgetAlert& alert);

class BudgetAlertSink {
 public:
  virtual ~BudgetAlertSink() = default;
  /// told: it was delivered, or given up. What isn't told of before the process ends is told by the next one. Doesn't
  /// wait.
  virtual void Tell(const BudgetAlert& alert, std::function<void()> told) = 0;
};

}  // namespace bedplate

#pragma once
/// A server's budgets, where its data folder has tenants: what requests meet of them, and what /metrics tells.
///
/// Ends:    before the books' writer, whose last entries may still take from them: Closing gives back what is leased,
///          this ends after the writer.
/// Threads: any.

#include <memory>
#include <string>

#include "base/clock.h"
#include "ledger/book_writer.h"
#include "ledger/budgets/leased_budgets.h"
#include "ledger/model_names.h"
#include "ledger/tenancy/tenants.h"

namespace bedplate {

/// tenants, writer, clock and alerts outlive it; alerts may be none.
std::unique_ptr<LeasedBudgets> OpenServerBudgets(const Tenants& tenants, BookWriter& writer, const Clock& clock,
                                                 BudgetAlertSink* alerts, ModelNames models);

/// Stops budgets at its end. It is kept where it ends before the writer does.
struct StopBudgets {
  void operator()(LeasedBudgets* budgets) const { budgets->Stop(); }
};
using BudgetsClosing = std::unique_ptr<LeasedBudgets, StopBudgets>;

void AppendBudgetMetrics(const LeasedBudgets& budgets, std::string& page);

}  // namespace bedplate

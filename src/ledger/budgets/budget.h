#pragma once
/// A budget: how much of money or tokens may be used in a day, a month, or ever, by a tenant, one of its projects, one
/// key, or any of them of one model. A hard one refuses what would go beyond it; a soft one tells somebody.
///
/// Periods are of UTC: days begin at 0:00, months with the first's. Threads: plain values.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/status.h"
#include "ledger/transfer.h"

namespace bedplate {

enum class BudgetPeriod : uint8_t { kDay, kMonth, kTotal };
inline constexpr std::string_view kBudgetPeriodNames[] = {"day", "month", "total"};  // in order
inline constexpr std::string_view kBudgetUnitNames[] = {"usd", "tokens"};
inline constexpr std::string_view kBudgetKindNames[] = {"hard", "soft"};

struct Budget {
  static constexpr int64_t kTokensMax = 1'000'000'000'000'000;

  std::string tenant = {};
  std::string name = {};     // one of its kind in the tenant, for ever
  std::string project = {};  // empty: of any
  std::string key = {};      // its id; empty: of any
  std::string model = {};    // empty: any
  Unit unit = Unit::kPicodollar;
  Int128 amount = 0;  // pico-dollars or tokens
  bool hard = true;
  BudgetPeriod period = BudgetPeriod::kMonth;
  int64_t created = 0;  // Unix seconds
  std::optional<int64_t> disabled = {};
  bool operator==(const Budget&) const = default;

  [[nodiscard]] bool IsOf(std::string_view of_project, std::string_view of_key, std::string_view of_model) const {
    const auto fits = [](const std::string& own, std::string_view asked) { return own.empty() || own == asked; };
    return fits(project, of_project) && fits(key, of_key) && fits(model, of_model);
  }
};

std::string_view PeriodName(BudgetPeriod period);
std::optional<BudgetPeriod> BudgetPeriodOf(std::string_view name);

/// One of a budget's periods.
struct PeriodSpan {
  std::string name = {};            // "2028-02-29", "2028-02", "total"
  int64_t begin = 0;                // Unix seconds; of a total budget 0
  std::optional<int64_t> end = {};  // not included; none: never
  bool operator==(const PeriodSpan&) const = default;
  [[nodiscard]] bool Holds(int64_t unix_seconds) const {
    return unix_seconds >= begin && (!end || unix_seconds < *end);
  }
};
/// Of the time, which is not before 1970.
PeriodSpan PeriodAt(BudgetPeriod period, int64_t unix_seconds);

/// "12.50" or "1000": from above 0 up to 10^15. kInvalidArgument, param "amount".
Result<Int128> ParseBudgetAmount(std::string_view text, Unit unit);
/// As it is read: dollars without their sign, or a whole number.
std::string BudgetAmountText(Int128 amount, Unit unit);

/// The budget as commands and the admin API show it, without what is spent.
Json::Object BudgetJson(const Budget& budget);

/// The account that a period's amount is put into, and from which it is spent; and the one that counts what was spent.
Account BudgetAccount(const Budget& budget, const PeriodSpan& period);
Account BudgetSpentAccount(const Budget& budget, const PeriodSpan& period);
inline constexpr std::string_view kBudgetAccounts = "Equity:Budget:";  // how the names of the first kind begin

}  // namespace bedplate

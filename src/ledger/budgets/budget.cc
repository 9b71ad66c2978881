#include "ledger/budgets/budget.h"

#include <algorithm>
#include <charconv>
#include <chrono>

#include "base/cat.h"
#include "ledger/money.h"

namespace bedplate {
namespace {

Status WrongAmount(std::string why) {
  return Status::InvalidArgument(std::move(why)).WithParam("amount");
}

std::string AccountName(std::string_view kind, const Budget& budget, const PeriodSpan& period) {
  return Cat(kind, budget.tenant, ":", budget.name, ":", period.name);
}

int64_t SecondsOf(std::chrono::sys_days day) {
  return std::chrono::duration_cast<std::chrono::seconds>(day.time_since_epoch()).count();
}

}  // namespace

std::string_view PeriodName(BudgetPeriod period) {
  return kBudgetPeriodNames[static_cast<size_t>(period)];
}

std::optional<BudgetPeriod> BudgetPeriodOf(std::string_view name) {
  const auto* const found = std::ranges::find(kBudgetPeriodNames, name);
  if (found == std::end(kBudgetPeriodNames)) return std::nullopt;
  return static_cast<BudgetPeriod>(found - std::begin(kBudgetPeriodNames));
}

PeriodSpan PeriodAt(BudgetPeriod period, int64_t unix_seconds) {
  using namespace std::chrono;
  if (period == BudgetPeriod::kTotal) return {.name = "total"};
  const sys_days day = floor<days>(sys_seconds(seconds(unix_seconds)));
  const year_month_day date(day);
  const auto year = static_cast<int>(date.year());
  const auto month = static_cast<unsigned>(date.month());
  if (period == BudgetPeriod::kDay) {
    return {.name = fmt::format("{:04}-{:02}-{:02}", year, month, static_cast<unsigned>(date.day())),
            .begin = SecondsOf(day),
            .end = SecondsOf(day + days(1))};
  }
  const year_month whole = date.year() / date.month();
  return {.name = fmt::format("{:04}-{:02}", year, month),
          .begin = SecondsOf(whole / 1),
          .end = SecondsOf((whole + months(1)) / 1)};
}

Result<Int128> ParseBudgetAmount(std::string_view text, Unit unit) {
  if (unit == Unit::kPicodollar) {
    Result<Picodollars> dollars = ParseDollars(text);
    if (!dollars.ok()) return Status(std::move(dollars).status()).WithParam("amount");
    if (dollars->value <= 0) return WrongAmount("a budget's amount must be above 0");
    return dollars->value;
  }
  int64_t tokens = 0;
  const auto [stopped, error] = std::from_chars(text.data(), text.data() + text.size(), tokens);
  if (error != std::errc() || stopped != text.data() + text.size() || tokens < 1 || tokens > Budget::kTokensMax) {
    return WrongAmount(Cat("a budget of tokens must be a whole number from 1 to ", Budget::kTokensMax));
  }
  return Int128{tokens};
}

std::string BudgetAmountText(Int128 amount, Unit unit) {
  return unit == Unit::kPicodollar ? DollarsText({amount}) : DecimalText(amount);
}

Json::Object BudgetJson(const Budget& budget) {
  const auto or_null = [](const std::string& name) { return name.empty() ? Json() : Json(name); };
  return {{"object", "budget"},
          {"tenant", budget.tenant},
          {"name", budget.name},
          {"project", or_null(budget.project)},
          {"key", or_null(budget.key)},
          {"model", or_null(budget.model)},
          {"kind", budget.hard ? "hard" : "soft"},
          {"unit", budget.unit == Unit::kPicodollar ? "usd" : "tokens"},
          {"amount", BudgetAmountText(budget.amount, budget.unit)},
          {"period", std::string(PeriodName(budget.period))},
          {"created_at", budget.created},
          {"disabled_at", budget.disabled ? Json(*budget.disabled) : Json()}};
}

Account BudgetAccount(const Budget& budget, const PeriodSpan& period) {
  return {.unit = budget.unit,
          .rule = budget.hard ? AccountRule::kDebitsWithinCredits : AccountRule::kNone,
          .name = AccountName(kBudgetAccounts, budget, period)};
}

Account BudgetSpentAccount(const Budget& budget, const PeriodSpan& period) {
  return {.unit = budget.unit, .rule = AccountRule::kNone, .name = AccountName("Equity:BudgetSpent:", budget, period)};
}

}  // namespace bedplate

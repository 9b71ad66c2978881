// Periods and amounts by cases; budgets through the tenants' front door, reopened.
#include "ledger/budgets/budget.h"

#include <chrono>

#include "ledger/tenancy/tenants_testing.h"

namespace bedplate {
namespace {

int64_t TimeOf(int year, unsigned month, unsigned day, int64_t seconds = 0) {
  const std::chrono::sys_days days = std::chrono::year(year) / std::chrono::month(month) / std::chrono::day(day);
  return std::chrono::duration_cast<std::chrono::seconds>(days.time_since_epoch()).count() + seconds;
}

TEST(BudgetPeriods, BeginAtWholeUtcDaysAndMonths) {
  const struct {
    BudgetPeriod period;
    int64_t at;
    std::string name;
    int64_t begin;
    std::optional<int64_t> end;
  } cases[] = {
      {BudgetPeriod::kDay, TimeOf(2028, 2, 29, 86'399), "2028-02-29", TimeOf(2028, 2, 29), TimeOf(2028, 3, 1)},
      {BudgetPeriod::kDay, TimeOf(2028, 3, 1), "2028-03-01", TimeOf(2028, 3, 1), TimeOf(2028, 3, 2)},
      {BudgetPeriod::kDay, TimeOf(2027, 2, 28, 1), "2027-02-28", TimeOf(2027, 2, 28), TimeOf(2027, 3, 1)},
      {BudgetPeriod::kMonth, TimeOf(2028, 2, 29), "2028-02", TimeOf(2028, 2, 1), TimeOf(2028, 3, 1)},
      {BudgetPeriod::kMonth, TimeOf(2027, 12, 31, 86'399), "2027-12", TimeOf(2027, 12, 1), TimeOf(2028, 1, 1)},
      {BudgetPeriod::kMonth, 0, "1970-01", 0, TimeOf(1970, 2, 1)},
      {BudgetPeriod::kTotal, TimeOf(2027, 12, 31), "total", 0, std::nullopt},
  };
  for (const auto& one : cases) {
    const PeriodSpan span = PeriodAt(one.period, one.at);
    EXPECT_EQ(span.name, one.name);
    EXPECT_EQ(span.begin, one.begin) << one.name;
    EXPECT_EQ(span.end, one.end) << one.name;
    EXPECT_TRUE(span.Holds(one.at)) << one.name;
    if (one.end) {
      EXPECT_FALSE(span.Holds(*one.end)) << one.name;
      EXPECT_EQ(PeriodAt(one.period, *one.end).begin, *one.end) << "the next one follows without a gap";
    }
  }
}

TEST(BudgetAmounts, AreExactAndAboveNothing) {
  EXPECT_EQ(*ParseBudgetAmount("0.000000000001", Unit::kPicodollar), Int128{1});
  EXPECT_EQ(*ParseBudgetAmount("12.5", Unit::kPicodollar), Int128{12'500'000'000'000});
  EXPECT_EQ(*ParseBudgetAmount("1000", Unit::kToken), Int128{1000});
  EXPECT_EQ(BudgetAmountText(12'500'000'000'000, Unit::kPicodollar), "12.50");
  EXPECT_EQ(BudgetAmountText(1000, Unit::kToken), "1000");
  for (const char* text : {"0", "-1", "1e3", "1,000", "", "0.0000000000001", "1000000000000001", "$1"}) {
    EXPECT_EQ(ParseBudgetAmount(text, Unit::kPicodollar).status().param(), "amount") << text;
  }
  for (const char* text : {"0", "-1", "1.5", "1e3", "", " 1", "1000000000000001"}) {
    EXPECT_EQ(ParseBudgetAmount(text, Unit::kToken).status().param(), "amount") << text;
  }
}

using BudgetDefinitionsTest = TenantsTest;

TEST_F(BudgetDefinitionsTest, AreKeptAuditedAndChanged) {
  Local("tenant.create", Json::Object{{"name", "acme"}});
  Local("project.create", Json::Object{{"tenant", "acme"}, {"name", "search"}});
  const Json made = Local("budget.create", Json::Object{{"tenant", "acme"},
                                                        {"name", "search-day"},
                                                        {"project", "search"},
                                                        {"model", "smollm2-135m"},
                                                        {"amount", "2.50"},
                                                        {"period", "day"}});
  EXPECT_EQ(TextOf(made, "amount"), "2.50");
  EXPECT_EQ(TextOf(made, "kind"), "hard");
  EXPECT_EQ(TextOf(made, "unit"), "usd");
  EXPECT_TRUE(made.Find("key")->is_null());
  Local("budget.create", Json::Object{{"tenant", "acme"},
                                      {"name", "all"},
                                      {"amount", "1000000"},
                                      {"unit", "tokens"},
                                      {"kind", "soft"},
                                      {"period", "total"}});
  const Json name = Json::Object{{"tenant", "acme"}, {"budget", "search-day"}};
  clock_.Advance(std::chrono::seconds(10));
  Local("budget.update", Json::Object{{"tenant", "acme"}, {"budget", "search-day"}, {"amount", "3"}});
  Local("budget.update", Json::Object{{"tenant", "acme"}, {"budget", "search-day"}, {"disabled", true}});
  Local("budget.update", Json::Object{{"tenant", "acme"}, {"budget", "search-day"}, {"disabled", true}});
  const Json audit = Local("audit.list", Json::Object{{"verify", true}, {"limit", 3}});
  const Json::Array& rows = audit.Find("data")->as_array();
  EXPECT_EQ(TextOf(rows[0], "verb"), "budget.update");
  EXPECT_EQ(TextOf(rows[0], "subject"), "search-day");
  EXPECT_EQ(TextOf(rows[2], "verb"), "budget.create") << "what changes nothing has no row";
  const std::string before = WriteJson(Local("budget.list", Json::Object{}));
  Reopen();
  EXPECT_EQ(WriteJson(Local("budget.list", Json::Object{})), before);
  const Json shown = Local("budget.show", name);
  EXPECT_EQ(TextOf(shown, "amount"), "3.00");
  EXPECT_EQ(shown.Find("disabled_at")->as_int(), clock_.UnixSeconds());
  Local("budget.update", Json::Object{{"tenant", "acme"}, {"budget", "search-day"}, {"disabled", false}});
  EXPECT_TRUE(Local("budget.show", name).Find("disabled_at")->is_null());
}

TEST_F(BudgetDefinitionsTest, MistakesAreRefusedByName) {
  Local("tenant.create", Json::Object{{"name", "acme"}});
  const std::string stranger = TextOf(NewKey({{"tenant", "host"}}), "id");
  const auto refused = [&](Json::Object more) {
    Json::Object arguments{{"tenant", "acme"}, {"name", "b"}, {"amount", "1"}};
    for (Json::Member& member : more) {
      std::erase_if(arguments, [&](const Json::Member& known) { return known.first == member.first; });
      arguments.push_back(std::move(member));
    }
    return Refused(kLocal, "budget.create", std::move(arguments));
  };
  EXPECT_EQ(refused({{"amount", 1}}).param(), "amount");
  EXPECT_EQ(refused({{"amount", "-1"}}).param(), "amount");
  EXPECT_EQ(refused({{"amount", "1.5"}, {"unit", "tokens"}}).param(), "amount");
  EXPECT_EQ(refused({{"period", "week"}}).param(), "period");
  EXPECT_EQ(refused({{"kind", "firm"}}).param(), "kind");
  EXPECT_EQ(refused({{"name", "a:b"}}).param(), "name");
  EXPECT_EQ(refused({{"project", "nowhere"}}).reason(), "project_not_found");
  EXPECT_EQ(refused({{"key", stranger}}).reason(), "key_not_found");
  EXPECT_EQ(refused({{"tenant", "nobody"}}).reason(), "tenant_not_found");
  Local("budget.create", Json::Object{{"tenant", "acme"}, {"name", "b"}, {"amount", "1"}});
  EXPECT_EQ(refused({}).code(), StatusCode::kConflict);
  EXPECT_EQ(Refused(kLocal, "budget.show", Json::Object{{"tenant", "acme"}, {"budget", "c"}}).reason(),
            "budget_not_found");
}

}  // namespace
}  // namespace bedplate

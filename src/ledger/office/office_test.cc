// Prices, usage and requests through the office: what is asked, who may ask, and that the sums are the books'.
#include "ledger/office/office.h"

#include "ledger/books_testing.h"
#include "ledger/tenancy/tenants_testing.h"

namespace bedplate {
namespace {

class OfficeTest : public TenantsTest {
 protected:
  OfficeTest() {
    Local("tenant.create", Json::Object{{"name", "acme"}});
    Local("project.create", Json::Object{{"tenant", "acme"}, {"name", "search"}});
    auto books = Books::Open(files_.ledger(), clock_, nullptr);
    EXPECT_TRUE(books.ok()) << books.status().message();
    writer_ = std::make_unique<BookWriter>(*std::move(books), clock_);
    office_ = std::make_unique<Office>(*tenants_, Office::BooksKept{writer_.get(), files_.ledger()}, clock_);
  }

  Json Did(const Caller& caller, std::string_view verb, Json::Object arguments) {
    const auto done = office_->Do(caller, verb, Json(std::move(arguments)));
    EXPECT_TRUE(done.ok()) << verb << ": " << done.status().message();
    return done.ok() ? *done : Json(Json::Object{});
  }
  Status DidNot(const Caller& caller, std::string_view verb, Json::Object arguments) {
    const auto done = office_->Do(caller, verb, Json(std::move(arguments)));
    EXPECT_FALSE(done.ok()) << verb;
    return done.status();
  }
  std::string NewCaller(Json::Object arguments) {
    return TextOf(Did(kLocal, "key.create", std::move(arguments)), "id");
  }
  // One request of so many tokens of each kind, an hour after the one before.
  void Use(const std::string& tenant, const std::string& project, const std::string& key, const std::string& model,
           std::array<int64_t, kMeters> quantities) {
    const UsageEvent event{.key = {"gateway", 1, ++used_},
                           .request = Cat("req_", used_),
                           .tenant = tenant,
                           .project = project,
                           .api_key = key,
                           .model = model,
                           .quantities = quantities,
                           .occurred_unix_us = clock_.UnixSeconds() * 1'000'000};
    const Status written = RecordAndCharge(*writer_, event);
    EXPECT_TRUE(written.ok()) << written.message();
    clock_.Advance(std::chrono::hours(1));
  }
  static int64_t IntOf(const Json& object, std::string_view member) {
    const Json* const value = object.Find(member);
    return value != nullptr && value->is_int() ? value->as_int() : -1;
  }
  static const Json::Array& DataOf(const Json& list) { return list.Find("data")->as_array(); }

  BooksFolder files_;
  int64_t used_ = 0;
  std::unique_ptr<BookWriter> writer_;
  std::unique_ptr<Office> office_;
};

TEST_F(OfficeTest, APriceIsAddedAuditedAndShown) {
  const Json added = Did(kLocal, "price.add", {{"model", "m"}, {"meter", "output"}, {"amount", "0.60"}});
  EXPECT_EQ(IntOf(added, "number"), 1);
  EXPECT_EQ(TextOf(added, "amount"), "0.60");
  EXPECT_EQ(IntOf(added, "per"), 1'000'000);
  EXPECT_EQ(IntOf(added, "from_at"), clock_.UnixSeconds());
  EXPECT_TRUE(added.Find("to_at")->is_null());
  const Json audit = Did(kLocal, "audit.list", {{"limit", 1}});
  EXPECT_EQ(TextOf(DataOf(audit)[0], "verb"), "price.add");
  EXPECT_EQ(TextOf(DataOf(audit)[0], "subject"), "m");

  clock_.Advance(std::chrono::seconds(5));
  Did(kLocal, "price.add", {{"model", "m"}, {"meter", "output"}, {"amount", "0.7"}});
  EXPECT_EQ(DidNot(kLocal, "price.add", {{"model", "m"}, {"meter", "output"}, {"amount", "0.8"}}).reason(), "overlap");
  const Json second = Did(kLocal, "audit.list", {{"limit", 1}});
  EXPECT_EQ(IntOf(DataOf(second)[0], "number"), IntOf(DataOf(audit)[0], "number") + 1) << "no row of what could not be";
  EXPECT_EQ(DataOf(Did(kLocal, "price.list", {})).size(), 2U);
}

TEST_F(OfficeTest, WrongPricesAreRefusedByTheArgument) {
  const auto refused = [&](Json::Object more, std::string_view param) {
    Json::Object arguments{{"meter", "output"}, {"amount", "1"}};
    for (Json::Member& member : more) {
      std::erase_if(arguments, [&](const Json::Member& known) { return known.first == member.first; });
      arguments.push_back(std::move(member));
    }
    const Status status = DidNot(kLocal, "price.add", std::move(arguments));
    EXPECT_EQ(status.param(), param) << status.message();
  };
  refused({{"meter", "words"}}, "meter");
  refused({{"amount", 0.6}}, "amount");
  refused({{"amount", "1e3"}}, "amount");
  refused({{"amount", "0.0000000000001"}}, "amount");
  refused({{"per", 0}}, "per");
  refused({{"from", -1}}, "from");
  refused({{"prise", "1"}}, "prise");
  EXPECT_EQ(DidNot(kLocal, "price.add", {{"meter", "output"}, {"amount", "-1"}}).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(DidNot(kLocal, "price.add", {{"meter", "output"}, {"amount", "1"}, {"from", 9}, {"to", 8}}).code(),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(DidNot(kLocal, "price.add", {{"meter", "output"}, {"amount", "1"}, {"tenant", "nobody"}}).reason(),
            "tenant_not_found");
  EXPECT_TRUE(DataOf(Did(kLocal, "price.list", {})).empty());
}

TEST_F(OfficeTest, UsageIsSummedByNamesAndTime) {
  Did(kLocal, "price.add", {{"meter", "prompt"}, {"amount", "1"}, {"from", 0}});
  Did(kLocal, "price.add", {{"meter", "output"}, {"amount", "3"}, {"from", 0}});
  Use("acme", "default", "k1", "small", {100, 20, 10, 5, 0});
  Use("acme", "search", "k2", "small", {1000, 0, 100, 0, 0});
  clock_.Advance(std::chrono::hours(24));
  Use("acme", "search", "k2", "large", {1, 0, 1, 0, 0});
  Use("host", "default", "k3", "large", {7, 0, 0, 0, 0});

  const Json all = Did(kLocal, "usage.report", {{"from", 0}});
  ASSERT_EQ(DataOf(all).size(), 1U);
  const Json& line = DataOf(all)[0];
  EXPECT_EQ(IntOf(line, "requests"), 4);
  EXPECT_EQ(IntOf(line, "prompt_tokens"), 1128);
  EXPECT_EQ(IntOf(line, "cached_tokens"), 20);
  EXPECT_EQ(IntOf(line, "output_tokens"), 116);
  EXPECT_EQ(IntOf(line, "reasoning_tokens"), 5);
  EXPECT_EQ(TextOf(line, "cost"), "0.001476") << "1,128 at a millionth of a dollar, 116 at three";
  EXPECT_EQ(IntOf(line, "unpriced_tokens"), 0);

  const Json daily = Did(kLocal, "usage.report", {{"from", 0}, {"bucket", "day"}, {"group_by", "model,tenant"}});
  ASSERT_EQ(DataOf(daily).size(), 3U);
  EXPECT_EQ(IntOf(DataOf(daily)[0], "from_at"), 0);
  EXPECT_EQ(IntOf(DataOf(daily)[0], "to_at"), 86'400);
  EXPECT_EQ(TextOf(DataOf(daily)[0], "model"), "small");
  EXPECT_EQ(IntOf(DataOf(daily)[0], "requests"), 2);
  EXPECT_EQ(TextOf(*daily.Find("total"), "cost"), "0.001476");

  const Json meters =
      Did(kLocal, "usage.report", {{"from", 0}, {"group_by", Json::Array{"meter"}}, {"tenant", "acme"}});
  ASSERT_EQ(DataOf(meters).size(), 4U);
  EXPECT_EQ(TextOf(DataOf(meters)[0], "meter"), "prompt");
  EXPECT_EQ(IntOf(DataOf(meters)[0], "quantity"), 1101);
  EXPECT_EQ(TextOf(DataOf(meters)[1], "cost"), "0.00002");
  EXPECT_EQ(TextOf(DataOf(meters)[2], "cost"), "0.000333");

  for (const auto* const verb : {"usage.report", "request.list"}) {
    EXPECT_EQ(DidNot(kLocal, verb, {{"tenant", "acne"}}).reason(), "tenant_not_found");
  }
  EXPECT_EQ(DidNot(kLocal, "usage.report", {{"group_by", "colour"}}).param(), "group_by");
  EXPECT_EQ(DidNot(kLocal, "usage.report", {{"bucket", "week"}}).param(), "bucket");
  EXPECT_EQ(DidNot(kLocal, "usage.report", {{"from", 10}, {"to", 10}}).param(), "from");
}

TEST_F(OfficeTest, WhatHasNoPriceIsSaidToHaveNone) {
  const std::string member = NewCaller({{"tenant", "acme"}, {"project", "search"}, {"role", "member"}});
  Did(kLocal, "price.add", {{"model", "small"}, {"meter", "prompt"}, {"amount", "1"}, {"from", 0}});
  Use("acme", "search", member, "small", {100, 20, 10, 5, 7});
  Use("acme", "search", "k2", "large", {1000, 0, 3, 0, 0});
  Use("host", "default", "k3", "small", {4, 0, 0, 0, 0});
  const Json models = Did(kLocal, "usage.report", {{"from", 0}, {"group_by", "model"}});
  EXPECT_EQ(IntOf(DataOf(models)[0], "unpriced_tokens"), 1003) << "large: all";
  EXPECT_EQ(TextOf(DataOf(models)[0], "cost"), "0.00");
  EXPECT_EQ(IntOf(DataOf(models)[1], "unpriced_tokens"), 15) << "small: its output";
  EXPECT_EQ(IntOf(*models.Find("total"), "unpriced_tokens"), 1018);
  const Json meters = Did(kLocal, "usage.report", {{"from", 0}, {"group_by", "meter"}, {"model", "small"}});
  ASSERT_EQ(DataOf(meters).size(), 5U);
  EXPECT_EQ(IntOf(DataOf(meters)[1], "unpriced_tokens"), 0) << "cached";
  EXPECT_EQ(IntOf(DataOf(meters)[3], "unpriced_tokens"), 5) << "reasoning";
  const Json requests = Did(kLocal, "request.list", {{"from", 0}});
  EXPECT_TRUE(DataOf(requests)[1].Find("cost")->is_null());
  EXPECT_EQ(IntOf(DataOf(requests)[1], "unpriced_tokens"), 1003);
  EXPECT_EQ(IntOf(DataOf(requests)[2], "unpriced_tokens"), 15);

  const auto unpriced = [&](const Caller& caller, Json::Object arguments) {
    const Json listed = Did(caller, "price.list", std::move(arguments));
    std::string told;
    for (const Json& one : listed.Find("unpriced")->as_array()) {
      told += Cat(TextOf(one, "tenant"), " ", TextOf(one, "model"), " ", TextOf(one, "meter"), " ",
                  IntOf(one, "tokens"), "; ");
    }
    return told;
  };
  EXPECT_EQ(unpriced(kLocal, {}),
            "acme large prompt 1000; acme large output 3; acme small output 10; acme small reasoning 5; ");
  EXPECT_EQ(unpriced(kLocal, {{"model", "large"}}), "acme large prompt 1000; acme large output 3; ");
  EXPECT_EQ(unpriced(kLocal, {{"tenant", "host"}}), "");
  EXPECT_EQ(unpriced(Caller::Key(member), {}), "acme small output 10; acme small reasoning 5; ") << "its own";
  clock_.Advance(std::chrono::hours(31 * 24));
  EXPECT_EQ(unpriced(kLocal, {}), "") << "of the month alone";
}

// A client may send gpt-4o; usage is booked under what it stands for, so that is what a price and a budget are of.
TEST_F(OfficeTest, AModelMayBeNamedByAnyOfItsNames) {
  const ModelNames names{.served = {"small", "large"}, .aliases = {{"gpt-4o", "large"}}};
  office_ = std::make_unique<Office>(
      *tenants_, Office::BooksKept{.writer = writer_.get(), .file = files_.ledger(), .models = names}, clock_);
  EXPECT_EQ(TextOf(Did(kLocal, "price.add", {{"meter", "output"}, {"amount", "3"}, {"model", "gpt-4o"}}), "model"),
            "large");
  EXPECT_EQ(DidNot(kLocal, "price.add", {{"meter", "output"}, {"amount", "4"}, {"model", "large"}}).reason(),
            "overlap");
  const Json budget =
      Did(kLocal, "budget.create", {{"tenant", "acme"}, {"name", "b"}, {"amount", "1"}, {"model", "gpt-4o"}});
  EXPECT_EQ(TextOf(budget, "model"), "large");
  Use("acme", "search", "k2", "large", {0, 0, 1'000'000, 0, 0});
  Use("acme", "search", "k2", "small", {0, 0, 1'000'000, 0, 0});
  for (const Json& model : {Json("gpt-4o"), Json(Json::Array{"gpt-4o"}), Json("large")}) {
    const Json used = Did(kLocal, "usage.report", {{"from", 0}, {"model", model}});
    ASSERT_EQ(DataOf(used).size(), 1U);
    EXPECT_EQ(IntOf(DataOf(used)[0], "requests"), 1);
    EXPECT_EQ(TextOf(DataOf(used)[0], "cost"), "3.00");
  }
  EXPECT_EQ(DataOf(Did(kLocal, "price.list", {{"model", "gpt-4o"}})).size(), 1U);
  EXPECT_EQ(DidNot(kLocal, "price.add", {{"meter", "output"}, {"amount", "3"}, {"model", 3}}).param(), "model");
}

TEST_F(OfficeTest, EachRoleSeesItsPart) {
  const std::string owner = NewCaller({{"tenant", "acme"}, {"role", "owner"}});
  const std::string admin = NewCaller({{"tenant", "acme"}, {"project", "search"}, {"role", "admin"}});
  const std::string member = NewCaller({{"tenant", "acme"}, {"project", "search"}, {"role", "member"}});
  Use("acme", "default", owner, "m", {1, 0, 0, 0, 0});
  Use("acme", "search", admin, "m", {10, 0, 0, 0, 0});
  Use("acme", "search", member, "m", {100, 0, 0, 0, 0});
  Use("host", "default", "other", "m", {1000, 0, 0, 0, 0});
  const auto sees = [&](const std::string& key) {
    const Json report = Did(Caller::Key(key), "usage.report", {{"from", 0}});
    return IntOf(*report.Find("total"), "prompt_tokens");
  };
  EXPECT_EQ(sees(owner), 111);
  EXPECT_EQ(sees(admin), 110);
  EXPECT_EQ(sees(member), 100);
  EXPECT_EQ(DataOf(Did(Caller::Key(member), "request.list", {{"from", 0}})).size(), 1U);
  EXPECT_EQ(DidNot(Caller::Key(owner), "usage.report", {{"tenant", "host"}}).reason(), "tenant_not_found");
  EXPECT_EQ(DidNot(Caller::Key(member), "usage.report", {{"key", owner}}).reason(), "key_not_found");
  EXPECT_EQ(DidNot(Caller::Key(admin), "request.list", {{"project", "default"}}).reason(), "project_not_found");
  EXPECT_EQ(DidNot(Caller::Key(member), "request.show", {{"request", "req_1"}}).reason(), "request_not_found");
  EXPECT_EQ(DidNot(Caller::Key(owner), "request.show", {{"request", "req_4"}}).reason(), "request_not_found");
  const Json shown = Did(Caller::Key(member), "request.show", {{"request", "req_3"}});
  EXPECT_EQ(TextOf(shown.Find("usage")->as_array().at(0), "request"), "req_3");
  EXPECT_EQ(DidNot(Caller::Key(owner), "price.add", {{"meter", "output"}, {"amount", "0"}}).reason(),
            "role_not_allowed");
}

TEST_F(OfficeTest, AnothersOwnPriceIsNotShown) {
  const std::string owner = NewCaller({{"tenant", "acme"}, {"role", "owner"}});
  Did(kLocal, "price.add", {{"tenant", "host"}, {"meter", "output"}, {"amount", "1"}});
  Did(kLocal, "price.add", {{"tenant", "acme"}, {"meter", "output"}, {"amount", "2"}});
  Did(kLocal, "price.add", {{"meter", "output"}, {"amount", "3"}});
  EXPECT_EQ(DataOf(Did(kLocal, "price.list", {})).size(), 3U);
  const Json seen = Did(Caller::Key(owner), "price.list", {});
  ASSERT_EQ(DataOf(seen).size(), 2U);
  EXPECT_EQ(TextOf(DataOf(seen)[0], "amount"), "2.00");
}

TEST_F(OfficeTest, RequestsAreListedInPages) {
  for (int i = 0; i < 5; ++i) Use("acme", "default", "k", i % 2 == 0 ? "even" : "odd", {1, 0, 0, 0, 0});
  const Json first = Did(kLocal, "request.list", {{"from", 0}, {"model", "even"}, {"limit", 2}});
  ASSERT_EQ(DataOf(first).size(), 2U);
  EXPECT_EQ(TextOf(DataOf(first)[0], "request"), "req_5");
  EXPECT_EQ(TextOf(DataOf(first)[1], "request"), "req_3");
  EXPECT_TRUE(DataOf(first)[0].Find("cost")->is_null()) << "it has no price";
  const Json second = Did(kLocal, "request.list",
                          {{"from", 0}, {"model", "even"}, {"limit", 2}, {"before", IntOf(first, "next_before")}});
  ASSERT_EQ(DataOf(second).size(), 1U);
  EXPECT_EQ(TextOf(DataOf(second)[0], "request"), "req_1");
  EXPECT_TRUE(second.Find("next_before")->is_null());
}

TEST_F(OfficeTest, APeriodIsClosedOnceItIsOverAndNothingOfItIsUnderWay) {
  int64_t running_since = INT64_MAX;  // microseconds
  office_ = std::make_unique<Office>(
      *tenants_,
      Office::BooksKept{.writer = writer_.get(),
                        .file = files_.ledger(),
                        .unbooked_before = [&](int64_t unix_us) -> size_t { return running_since < unix_us ? 1 : 0; }},
      clock_);
  Did(kLocal, "price.add", {{"meter", "prompt"}, {"amount", "1"}, {"from", 0}});
  clock_.Advance(std::chrono::hours(24));
  Use("acme", "search", "k", "m", {1000, 0, 0, 0, 0});
  Use("host", "default", "k", "m", {5, 0, 0, 0, 0});
  const int64_t end = clock_.UnixSeconds();
  const auto rows_of_audit = [&] { return DataOf(Did(kLocal, "audit.list", {{"limit", 100}})).size(); };
  const size_t before = rows_of_audit();
  EXPECT_EQ(DidNot(kLocal, "period.close", {{"end", end + 1}}).reason(), "period_not_over");
  EXPECT_EQ(DidNot(kLocal, "period.close", {{"end", end + 1}}).param(), "end");
  running_since = end * 1'000'000 - 1;
  EXPECT_EQ(DidNot(kLocal, "period.close", {{"end", end}}).reason(), "requests_run");
  running_since = end * 1'000'000;
  const Transfer held = Reserve(1, MoneyAccount("Assets:Receivable:acme"), MoneyAccount("Income:Usage"), 7);
  ASSERT_TRUE(writer_->Write([&](Books& books) { return books.Write(held).status(); }).ok());
  const Status refused = DidNot(kLocal, "period.close", {{"end", end}});
  EXPECT_EQ(refused.reason(), "open_holds");
  EXPECT_NE(refused.message().find(IdText(held.id.value)), std::string::npos) << refused.message();
  EXPECT_EQ(rows_of_audit(), before) << "no row of what could not be";
  const Transfer given_back = Resolve(2, held, std::nullopt);
  ASSERT_TRUE(writer_->Write([&](Books& books) { return books.Write(given_back).status(); }).ok());

  const Json closed = Did(kLocal, "period.close", {{"end", end}});
  EXPECT_EQ(IntOf(closed, "number"), 1);
  EXPECT_TRUE(closed.Find("from_at")->is_null());
  const Json::Array& lines = closed.Find("trial_balance")->as_array();
  ASSERT_EQ(lines.size(), 3U);
  for (const Json& line : lines) {
    if (TextOf(line, "account") == "Income:Usage") EXPECT_EQ(TextOf(line, "credits"), "0.001005");
  }
  EXPECT_EQ(rows_of_audit(), before + 1);
  EXPECT_EQ(TextOf(DataOf(Did(kLocal, "audit.list", {{"limit", 1}}))[0], "verb"), "period.close");
  EXPECT_EQ(DidNot(kLocal, "period.close", {{"end", end}}).reason(), "already_closed");

  const UsageEvent event{.key = {"gateway", 1, ++used_},
                         .request = "req_late",
                         .tenant = "acme",
                         .project = "search",
                         .model = "m",
                         .quantities = {30, 0, 0, 0, 0},
                         .occurred_unix_us = end * 1'000'000 - 1};
  ASSERT_TRUE(RecordAndCharge(*writer_, event).ok());
  const Json late = Did(kLocal, "request.show", {{"request", "req_late"}});
  const Json& transfer = late.Find("transfers")->as_array().at(0);
  EXPECT_TRUE(transfer.Find("correction")->as_bool());
  EXPECT_EQ(IntOf(transfer, "booked_at_us"), end * 1'000'000);
  clock_.Advance(std::chrono::seconds(1));
  running_since = INT64_MAX;
  const Json second = Did(kLocal, "period.close", {{"end", end + 1}});
  EXPECT_EQ(IntOf(second, "from_at"), end);
  const Json listed = Did(kLocal, "period.list", {});
  ASSERT_EQ(DataOf(listed).size(), 2U);
  EXPECT_EQ(IntOf(DataOf(listed)[1], "from_at"), end);
  EXPECT_EQ(IntOf(listed, "open_from_at"), end + 1);
}

TEST_F(OfficeTest, PeriodsAreTheOperatorsAndTheMonthIsWhereNoneIsNamed) {
  const auto may = [&](const std::string& tenant, const std::string& role, std::string_view verb) {
    const std::string key = NewCaller({{"tenant", tenant}, {"role", role}});
    const auto done = office_->Do(Caller::Key(key), verb, Json(Json::Object{}));
    if (!done.ok() && done.status().reason() != "already_closed") {
      EXPECT_EQ(done.status().reason(), "role_not_allowed") << done.status().message();
      return false;
    }
    return true;
  };
  clock_.Advance(std::chrono::hours(24 * 40));
  for (const std::string role : {"owner", "billing", "admin", "member", "auditor"}) {
    const bool reads = role == "owner" || role == "billing" || role == "auditor";
    EXPECT_EQ(may("host", role, "period.list"), reads) << role;
    EXPECT_EQ(may("host", role, "period.close"), reads && role != "auditor") << role;
    EXPECT_FALSE(may("acme", role, "period.list")) << role;
    EXPECT_FALSE(may("acme", role, "period.close")) << role;
  }
  const Json listed = Did(kLocal, "period.list", {});
  ASSERT_EQ(DataOf(listed).size(), 1U);
  EXPECT_EQ(IntOf(DataOf(listed)[0], "end_at"),
            BucketBegin(Bucket::kMonth, clock_.UnixSeconds() * 1'000'000) / 1'000'000);
}

TEST_F(OfficeTest, ABudgetIsMetOnceItIsMadeAndShowsWhatIsSpentAndHeld) {
  LeasedBudgets budgets(
      [&] {
        std::vector<Budget> all;
        for (const auto& [names, budget] : tenants_->state()->budgets) all.push_back(budget);
        return all;
      },
      *writer_, clock_, {.own_thread = false});
  ASSERT_TRUE(budgets.Start().ok());
  office_ = std::make_unique<Office>(*tenants_, Office::BooksKept{writer_.get(), files_.ledger(), &budgets}, clock_);
  Did(kLocal, "budget.create",
      {{"tenant", "acme"}, {"name", "b"}, {"amount", "1000"}, {"unit", "tokens"}, {"period", "day"}});
  const Principal asker{.tenant = "acme", .project = "search", .key = "k"};
  EXPECT_TRUE(std::holds_alternative<Refusal>(budgets.Hold(asker, {.model = "m", .prompt_tokens = 1001})));
  auto held = budgets.Hold(asker, {.model = "m", .prompt_tokens = 400, .output_tokens_max = 50});
  const Json shown = Did(kLocal, "budget.show", {{"tenant", "acme"}, {"budget", "b"}});
  EXPECT_EQ(TextOf(shown, "spent"), "0");
  EXPECT_EQ(TextOf(shown, "held"), "450");
  EXPECT_EQ(TextOf(shown, "leased"), "1000");
  EXPECT_EQ(TextOf(shown, "left"), "550");
  EXPECT_EQ(IntOf(shown, "period_to_at"), 86'400);
  Did(kLocal, "budget.update", {{"tenant", "acme"}, {"budget", "b"}, {"amount", "2000"}});
  EXPECT_TRUE(
      std::holds_alternative<std::shared_ptr<BudgetHold>>(budgets.Hold(asker, {.model = "m", .prompt_tokens = 1001})));
  const std::string billing = NewCaller({{"tenant", "acme"}, {"role", "billing"}});
  EXPECT_EQ(DataOf(Did(Caller::Key(billing), "budget.list", {})).size(), 1U);
  const std::string stranger = NewCaller({{"role", "billing"}});
  EXPECT_TRUE(DataOf(Did(Caller::Key(stranger), "budget.list", {})).empty());
  EXPECT_EQ(DidNot(Caller::Key(stranger), "budget.show", {{"tenant", "acme"}, {"budget", "b"}}).reason(),
            "budget_not_found");
  held = {};
  budgets.Stop();
  EXPECT_EQ(TextOf(Did(kLocal, "budget.show", {{"tenant", "acme"}, {"budget", "b"}}), "leased"), "0");
}

TEST(Buckets, BeginAtWholeUtcTimes) {
  constexpr int64_t kUs = 1'000'000;
  const int64_t time = 1'709'210'096 * kUs + 5;  // 2024-02-29 12:34:56
  EXPECT_EQ(BucketBegin(Bucket::kMinute, time), 1'709'210'040 * kUs);
  EXPECT_EQ(BucketBegin(Bucket::kHour, time), 1'709'208'000 * kUs);
  EXPECT_EQ(BucketBegin(Bucket::kDay, time), 1'709'164'800 * kUs);
  EXPECT_EQ(BucketBegin(Bucket::kMonth, time), 1'706'745'600 * kUs);
  EXPECT_EQ(NextBucket(Bucket::kMonth, 1'706'745'600 * kUs), 1'709'251'200 * kUs) << "a leap day belongs to it";
  EXPECT_EQ(BucketBegin(Bucket::kMonth, 1'706'745'600 * kUs), 1'706'745'600 * kUs);
}

}  // namespace
}  // namespace bedplate

// Method: real books and a real writer; requests hold, take tokens and settle, by cases here and at random in
// budget_history_test.cc. What the books say is held against what was allowed.
#include "ledger/budgets/leased_budgets.h"

#include <chrono>

#include "ledger/budgets/leased_budgets_testing.h"
#include "ledger/verify_books.h"

namespace bedplate {
namespace {

int64_t At(int year, unsigned month, unsigned day, int64_t seconds = 0) {
  const std::chrono::sys_days days = std::chrono::year(year) / std::chrono::month(month) / std::chrono::day(day);
  return std::chrono::duration_cast<std::chrono::seconds>(days.time_since_epoch()).count() + seconds;
}

TEST_F(BudgetsTest, OfAHundredAtOnceOneFits) {
  const Budget budget = Tokens(40);
  SetBudgets({budget});
  Start();
  std::atomic<int> held = 0, told_to_wait = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 100; ++t) {
    threads.emplace_back([&] {
      Asking asked = Ask(10, 30);
      if (asked.refusal) {
        told_to_wait += asked.refusal->kind == Refusal::Kind::kBudgetHeld ? 1 : 0;
        return;
      }
      ++held;
      EXPECT_EQ(TakeAll(*asked.hold), 30u);
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      Settle(std::move(asked.hold), EventOfUse(10, 0, 30, 0));
    });
  }
  for (std::thread& thread : threads) thread.join();
  WaitForBooks();
  EXPECT_EQ(held, 1);
  EXPECT_GT(told_to_wait, 0) << "what the one holds may come back";
  EXPECT_EQ(Of(budget), (Figures{.spent = 40, .leased = 0, .credits = 40, .debits = 40}));
  const Asking last = Ask(1, 1);
  ASSERT_TRUE(last.refusal);
  EXPECT_EQ(last.refusal->kind, Refusal::Kind::kBudget);
  EXPECT_EQ(last.refusal->budget, "b");
  EXPECT_EQ(last.refusal->retry_after_ms, 0u) << "it has no end";
  EXPECT_GE(desk_->health().refused, 100u);
}

TEST_F(BudgetsTest, AnAnswerEndsAtTheLastTokenThatIsPaid) {
  const Budget budget = Tokens(1000);
  SetBudgets({budget});
  Start();
  Asking asked = Ask(100, 5000);
  ASSERT_FALSE(asked.refusal);
  EXPECT_EQ(desk_->HeldOf("acme", "b"), 356);
  Asking other = Ask(100, 5000);
  EXPECT_FALSE(other.refusal);
  EXPECT_EQ(TakeAll(*asked.hold), 544u) << "all but the other's 356 and its own prompt";
  other.hold.reset();
  Asking third = Ask(1, 10);
  EXPECT_EQ(TakeAll(*third.hold), 10u);
  EXPECT_TRUE(asked.hold->TakeToken()) << "what was given up is there again";
  Settle(third.hold, EventOfUse(1, 0, 3, 0));
  Settle(asked.hold, EventOfUse(60, 40, 500, 45));
  EXPECT_FALSE(asked.hold->TakeToken()) << "settled";
  WaitForBooks();
  EXPECT_EQ(desk_->HeldOf("acme", "b"), 0);
  EXPECT_EQ(Of(budget), (Figures{.spent = 649, .leased = 351, .credits = 1000, .debits = 649}));
  EXPECT_EQ(desk_->health().cut, 1u);
}

// A request may have several sequences, each with its first token.
TEST_F(BudgetsTest, ManySequencesHaveTheirFirstTokensHeld) {
  const Principal asker{.tenant = "acme", .project = "search", .key = "k"};
  SetBudgets({Tokens(400)});
  Start();
  const auto held =
      desk_->Hold(asker, {.model = "m", .prompt_tokens = 10, .output_tokens_max = 9000, .sequences = 300});
  const auto& hold = std::get<0>(held);
  EXPECT_EQ(desk_->HeldOf("acme", "b"), 310);
  uint32_t more = 0;
  while (hold->TakeToken()) ++more;
  EXPECT_EQ(more, 90u);
  EXPECT_TRUE(
      std::holds_alternative<Refusal>(desk_->Hold(asker, {.model = "m", .output_tokens_max = 900, .sequences = 500})));
}

TEST_F(BudgetsTest, MoneyIsHeldAtTheDearestPriceAndChargedExactly) {
  AddPriceOf(Meter::kPrompt, 10, 3);
  AddPriceOf(Meter::kCached, 1, 7);
  AddPriceOf(Meter::kOutput, 100, 7);
  AddPriceOf(Meter::kReasoning, 50, 1);
  const Budget budget = Dollars(20'000);
  SetBudgets({budget});
  Start();
  Asking asked = Ask(30, 10);
  ASSERT_FALSE(asked.refusal);
  EXPECT_EQ(desk_->HeldOf("acme", "d"), 30 * 10 / 3 + 2 + 10 * 50 + 2);
  Settle(asked.hold, EventOfUse(10, 20, 6, 3));
  WaitForBooks();
  const int64_t charge = 10 * 10 / 3 + 20 / 7 + 6 * 100 / 7 + 3 * 50;
  EXPECT_EQ(Of(budget), (Figures{.spent = charge, .leased = 20'000 - charge, .credits = 20'000, .debits = charge}));
  EXPECT_EQ(desk_->HeldOf("acme", "d"), 0);
  // What can't be held is refused, however large.
  AddPriceOf(Meter::kAcceleratorMs, 1, 1);
  EXPECT_TRUE(Ask(UINT32_MAX, UINT32_MAX).refusal);
}

TEST_F(BudgetsTest, OnlyBudgetsOfTheRequestCount) {
  const auto narrowed = [](std::string name, Int128 amount, std::string project, std::string key, std::string model) {
    Budget budget = Tokens(amount);
    budget.name = std::move(name);
    budget.project = std::move(project);
    budget.key = std::move(key);
    budget.model = std::move(model);
    return budget;
  };
  const Budget tenant = narrowed("tenant", 1000, "", "", ""), project = narrowed("project", 100, "search", "", ""),
               key = narrowed("key", 50, "", "k", ""), model = narrowed("model", 20, "search", "", "other");
  SetBudgets({tenant, project, key, model});
  Start();
  EXPECT_EQ(Ask(60, 1).refusal->budget, "key");
  Asking other_key = Ask(60, 1, {.tenant = "acme", .project = "search", .key = "l"});
  ASSERT_FALSE(other_key.refusal);
  UsageEvent event = EventOfUse(60, 0, 1, 0);
  event.api_key = "l";
  Settle(std::move(other_key.hold), event);
  WaitForBooks();
  EXPECT_EQ(Of(tenant).spent, 61);
  EXPECT_EQ(Of(project).spent, 61);
  EXPECT_EQ(Of(key).spent, 0);
  EXPECT_EQ(Of(model).spent, 0);
  EXPECT_EQ(Ask(60, 1, {.tenant = "acme", .project = "search", .key = "l"}).refusal->budget, "project");
  EXPECT_FALSE(Ask(60, 1, {.tenant = "acme", .project = "default", .key = "l"}).refusal);
  EXPECT_FALSE(Ask(5000, 1, {.tenant = "globex", .project = "search", .key = "k"}).refusal);
  EXPECT_EQ(desk_->HeldOf("acme", "tenant"), 0) << "what a refused request held is free again";
}

TEST_F(BudgetsTest, APeriodRollsOverWhileRequestsRun) {
  Budget budget = Tokens(300);
  budget.period = BudgetPeriod::kDay;
  SetBudgets({budget});
  clock_.Set(At(2028, 2, 28, 86'390));
  Start();
  Asking before = Ask(100, 100);
  ASSERT_FALSE(before.refusal);
  EXPECT_EQ(Ask(100, 101).refusal->budget_ends, "2028-02-29T00:00:00Z");
  EXPECT_EQ(Ask(1000, 1).refusal->retry_after_ms, 10'000u);
  clock_.Set(At(2028, 2, 29));  // a leap day; its purse was made ahead
  Asking after = Ask(200, 100);
  ASSERT_FALSE(after.refusal) << "the new day has its whole amount";
  Refresh();
  clock_.Set(At(2028, 2, 29, 3000));
  Refresh();  // the old day is over, but not for the request that began in it
  EXPECT_EQ(TakeAll(*before.hold), 100u);
  Settle(std::move(before.hold), EventOfUse(100, 0, 100, 0));
  Settle(std::move(after.hold), EventOfUse(200, 0, 100, 0));
  WaitForBooks();
  const PeriodSpan first = PeriodAt(BudgetPeriod::kDay, At(2028, 2, 28)),
                   second = PeriodAt(BudgetPeriod::kDay, At(2028, 2, 29));
  EXPECT_EQ(Of(budget, first), (Figures{.spent = 200, .leased = 100, .credits = 300, .debits = 200}));
  EXPECT_EQ(Of(budget, second), (Figures{.spent = 300, .leased = 0, .credits = 300, .debits = 300}));
  Refresh();
  EXPECT_EQ(Of(budget, first).leased, 0) << "given back with the last request";
  EXPECT_TRUE(Ask(1, 1).refusal);
}

TEST_F(BudgetsTest, AClockThatJumpsIsAnsweredUntilItsPeriodIsMade) {
  Budget budget = Tokens(300);
  budget.period = BudgetPeriod::kMonth;
  SetBudgets({budget});
  Start();
  Settle(Ask(100, 100).hold, EventOfUse(100, 0, 100, 0));
  WaitForBooks();
  clock_.Set(At(2031, 12, 31));
  EXPECT_EQ(Ask(1, 1).refusal->kind, Refusal::Kind::kBooksBusy);
  Refresh();
  EXPECT_FALSE(Ask(300, 0).refusal);
  clock_.Set(At(2028, 2, 29));  // and back
  Refresh();
  EXPECT_EQ(Of(budget), (Figures{.spent = 200, .leased = 100, .credits = 300, .debits = 200})) << "put in once";
  EXPECT_TRUE(Ask(101, 0).refusal);
  EXPECT_FALSE(Ask(100, 0).refusal);
}

TEST_F(BudgetsTest, AnotherAmountCountsAtOnce) {
  Budget budget = Tokens(300);
  SetBudgets({budget});
  Start();
  Asking running = Ask(100, 100);
  budget.amount = 1000;
  SetBudgets({budget});
  Refresh();
  EXPECT_EQ(Of(budget).credits, 1000);
  EXPECT_FALSE(Ask(800, 0).refusal);
  Settle(std::move(running.hold), EventOfUse(100, 0, 50, 0));
  WaitForBooks();

  budget.amount = 200;  // above what is spent
  SetBudgets({budget});
  Refresh();
  EXPECT_EQ(Of(budget), (Figures{.spent = 150, .leased = 50, .credits = 1000, .debits = 950}));
  EXPECT_TRUE(Ask(51, 0).refusal);
  Asking last = Ask(10, 20);
  ASSERT_FALSE(last.refusal);

  budget.amount = 100;  // below it, while a request holds some
  SetBudgets({budget});
  Refresh();
  EXPECT_TRUE(Ask(1, 0).refusal);
  EXPECT_EQ(Of(budget).leased, 30) << "what is held stays held";
  EXPECT_EQ(TakeAll(*last.hold), 20u) << "what was paid for stays paid";
  Settle(std::move(last.hold), EventOfUse(10, 0, 20, 0));
  WaitForBooks();
  Refresh();
  EXPECT_EQ(Of(budget).spent, 180);
  EXPECT_EQ(Of(budget).leased, 0);
  EXPECT_TRUE(Ask(1, 0).refusal);

  budget.amount = 190;  // raised: ten are left
  SetBudgets({budget});
  Refresh();
  EXPECT_EQ(Of(budget).leased, 10);
  EXPECT_TRUE(Ask(11, 0).refusal);
  EXPECT_FALSE(Ask(10, 0).refusal);

  budget.disabled = clock_.UnixSeconds();
  SetBudgets({budget});
  Refresh();
  Settle(Ask(5000, 1).hold, EventOfUse(5000, 0, 1, 0));
  WaitForBooks();
  Refresh();
  EXPECT_EQ(Of(budget).spent, 180) << "a disabled one neither refuses nor counts";
  EXPECT_EQ(Of(budget).leased, 0);
  budget.disabled.reset();
  SetBudgets({budget});
  Refresh();
  EXPECT_EQ(Of(budget).leased, 10);
}

TEST_F(BudgetsTest, WhatAKillLeavesIsBookedAndItsLeasesGivenBack) {
  Budget budget = Tokens(1000), day = Tokens(5000);
  day.name = "day";
  day.period = BudgetPeriod::kDay;
  SetBudgets({budget, day});
  Start();
  Settle(Ask(100, 100).hold, EventOfUse(100, 0, 100, 0));
  WaitForBooks();
  Asking running = Ask(200, 300);
  const UsageEvent left = EventOfUse(200, 0, 77, 0);
  running.hold.reset();
  Kill();
  const PeriodSpan that_day = PeriodAt(BudgetPeriod::kDay, clock_.UnixSeconds());
  EXPECT_EQ(Of(budget), (Figures{.spent = 200, .leased = 800, .credits = 1000, .debits = 200}));
  clock_.Set(At(2028, 4, 1));                                     // weeks later
  for (int round = 0; round < 2; ++round) Settle(nullptr, left);  // and the same again is known
  Start();
  EXPECT_EQ(Of(budget), (Figures{.spent = 477, .leased = 523, .credits = 1000, .debits = 477}));
  EXPECT_EQ(Of(day, that_day), (Figures{.spent = 477, .leased = 0, .credits = 5000, .debits = 477}));
  EXPECT_EQ(Of(day).leased, 5000);
  EXPECT_TRUE(Ask(524, 0).refusal);
  EXPECT_FALSE(Ask(523, 0).refusal);
}

TEST_F(BudgetsTest, AFullDiskLeavesANewPeriodForLater) {
  Budget budget = Tokens(300);
  budget.period = BudgetPeriod::kDay;
  SetBudgets({budget});
  options_.own_thread = true;
  options_.tick = std::chrono::milliseconds(5);
  Reopen();
  Start();
  ASSERT_FALSE(Ask(1, 1).refusal);
  disk_.FailAt(1, SQLITE_FULL, false);
  clock_.Set(At(2028, 3, 7));
  for (int i = 0; i < 5; ++i) {
    const Asking asked = Ask(1, 1);
    ASSERT_TRUE(asked.refusal);
    EXPECT_EQ(asked.refusal->kind, Refusal::Kind::kBooksBusy);
    EXPECT_GT(asked.refusal->retry_after_ms, 0u);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  disk_.Mend();
  for (int i = 0; i < 2000 && Ask(1, 1).refusal; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_FALSE(Ask(1, 1).refusal) << "by its own thread";
}

TEST_F(BudgetsTest, APriceThatBeganBeforeItWasAddedOverrunsAndIsTold) {
  AddPriceOf(Meter::kPrompt, 1, 1);
  const Budget budget = Dollars(1000);
  SetBudgets({budget});
  Start();
  Asking asked = Ask(100, 0);
  ASSERT_FALSE(asked.refusal);
  Asking second = Ask(850, 0);
  ASSERT_FALSE(second.refusal);
  EXPECT_TRUE(writer_
                  ->Write([&](Books& books) {
                    return books.AddPrice({.tenant = "acme", .meter = Meter::kPrompt, .amount = {50}}).status();
                  })
                  .ok());
  Settle(std::move(asked.hold), EventOfUse(100, 0, 0, 0));
  Settle(std::move(second.hold), EventOfUse(1, 0, 0, 0));
  WaitForBooks();
  const Figures of = Of(budget);
  EXPECT_EQ(of.spent, 5050) << "what was used is booked";
  EXPECT_EQ(of.leased, 0);
  EXPECT_EQ(of.credits - of.debits, 0);
  Refresh();
  EXPECT_TRUE(Ask(1, 0).refusal);
}

/// Keeps what it is told, and is done with it when the test says so.
struct KeepingSink final : BudgetAlertSink {
  void Tell(const BudgetAlert& alert, std::function<void()> told) override {
    alerts.push_back(alert);
    pending.push_back(std::move(told));
  }
  std::vector<BudgetAlert> alerts;
  std::vector<std::function<void()>> pending;
};

TEST_F(BudgetsTest, SoftOnesTellEachLevelOnceAndNeverRefuse) {
  Budget budget = Tokens(1000);
  budget.hard = false;
  KeepingSink sink;
  options_.alerts = &sink;
  SetBudgets({budget});
  Reopen();
  Start();
  const auto use = [&](int64_t tokens) {
    Asking asked = Ask(static_cast<uint32_t>(tokens), 100);
    ASSERT_FALSE(asked.refusal);
    EXPECT_EQ(TakeAll(*asked.hold), 100u);
    Settle(std::move(asked.hold), EventOfUse(tokens, 0, 0, 0));
    WaitForBooks();
    Refresh();
  };
  use(499);
  EXPECT_TRUE(sink.alerts.empty());
  use(1);
  ASSERT_EQ(sink.alerts.size(), 1u);
  EXPECT_EQ(sink.alerts[0].level, 50);
  EXPECT_EQ(sink.alerts[0].spent, 500);
  EXPECT_EQ(WriteJson(*AlertJson(sink.alerts[0]).Find("budget")->Find("spent")), "\"500\"");
  use(10);
  Refresh();
  EXPECT_EQ(sink.alerts.size(), 1u);
  sink.pending[0]();
  Refresh();
  Reopen();  // told for good
  Start();
  Refresh();
  EXPECT_EQ(sink.alerts.size(), 1u);
  use(5000);
  ASSERT_EQ(sink.alerts.size(), 3u);
  EXPECT_EQ(sink.alerts[2].level, 100);
  sink.pending.clear();  // the process ends before they are delivered
  Reopen();
  Start();
  ASSERT_EQ(sink.alerts.size(), 5u) << "so the next one tells them again";
  EXPECT_EQ(sink.alerts[3].id, sink.alerts[1].id) << "under the same id";
  for (const auto& told : sink.pending) told();
  Refresh();

  budget.amount = 5000;  // still beyond it: nothing new
  SetBudgets({budget});
  Refresh();
  Refresh();
  EXPECT_EQ(sink.alerts.size(), 5u);
  budget.amount = 100'000;
  SetBudgets({budget});
  Refresh();
  use(60'000);
  EXPECT_EQ(sink.alerts.size(), 6u);
  EXPECT_EQ(sink.alerts.back().level, 50);
  EXPECT_EQ(Of(budget).spent, 65'510);
  EXPECT_EQ(desk_->health().refused, 0u);
}

}  // namespace
}  // namespace bedplate

// Method: one seed draws a history: requests that hold, extend, give up and settle, amounts that go up and down, days
// that begin, passes and kills. After each step spent, leased and held are held against the amount and against what
// requests were charged, by a model that only adds up.
#include "base/random.h"
#include "ledger/budgets/leased_budgets_testing.h"
#include "ledger/verify_books.h"

namespace bedplate {
namespace {

constexpr int64_t kDay = 86'400;

class BudgetHistoryTest : public BudgetsTest {
 protected:
  struct Running {
    std::shared_ptr<BudgetHold> hold;
    int64_t prompt = 0, taken = 0, started = 0;
  };

  Budget& Money() { return budgets_[0]; }
  Budget& Daily() { return budgets_[1]; }

  void CheckAll() {
    for (const Budget& budget : budgets_) {
      const Figures of = Of(budget);
      ASSERT_LE(of.spent + of.leased, static_cast<int64_t>(budget.amount)) << budget.name;
      ASSERT_LE(of.debits + of.leased, of.credits) << budget.name;
      ASSERT_LE(static_cast<int64_t>(desk_->HeldOf(budget.tenant, budget.name)), of.leased) << budget.name;
    }
  }
};

TEST_F(BudgetHistoryTest, NothingGoesBeyondABudgetWhateverHappens) {
  Prng rng(TestSeed());
  AddPriceOf(Meter::kPrompt, 1'000, 3);
  AddPriceOf(Meter::kCached, 100, 7);
  AddPriceOf(Meter::kOutput, 5'000, 11);
  AddPriceOf(Meter::kReasoning, 7'000, 13);
  Budget daily = Tokens(20'000);
  daily.name = "daily";
  daily.period = BudgetPeriod::kDay;
  SetBudgets({Dollars(9'000'000), daily});
  Start();
  std::vector<Running> running;
  int64_t admitted = 0, refused = 0, kills = 0;
  for (int step = 0; step < 800; ++step) {
    const int64_t draw = rng.Range(0, 99);
    if (draw < 40) {
      const auto prompt = static_cast<uint32_t>(rng.Range(0, 900));
      Asking asked = Ask(prompt, static_cast<uint32_t>(rng.Range(1, 2000)));
      ++(asked.refusal ? refused : admitted);
      if (!asked.refusal) {
        running.push_back(
            {.hold = std::move(asked.hold), .prompt = prompt, .taken = 1, .started = clock_.UnixSeconds()});
      }
    } else if (draw < 60 && !running.empty()) {
      Running& one = running[static_cast<size_t>(rng.Range(0, static_cast<int64_t>(running.size()) - 1))];
      for (int64_t i = rng.Range(1, 400); i > 0 && one.hold->TakeToken(); --i) ++one.taken;
    } else if (draw < 92 && !running.empty()) {
      const auto at = running.begin() + rng.Range(0, static_cast<int64_t>(running.size()) - 1);
      if (draw >= 63) {  // otherwise it is given up
        const int64_t cached = rng.Range(0, at->prompt), output = rng.Range(0, at->taken);
        const int64_t reasoning = rng.Range(0, output);
        UsageEvent event = EventOfUse(at->prompt - cached, cached, output - reasoning, reasoning);
        event.occurred_unix_us = at->started * 1'000'000;
        Settle(std::move(at->hold), event);
      }
      running.erase(at);
    } else if (draw < 94) {
      clock_.Set(clock_.UnixSeconds() + rng.Range(1, kDay / 2));
      Refresh();
    } else if (draw < 97) {
      WaitForBooks();  // up or down, but not below what is spent or held: leased_budgets_test.cc does that
      const Int128 used = Of(Money()).spent + desk_->HeldOf("acme", "d");
      SetBudgets({Dollars(used + rng.Range(1, 4'000'000)), Daily()});
      Refresh();
    } else if (draw == 97 && ++kills < 8) {
      // What ran settles with what it had been given, as a flight recorder would have it.
      std::vector<UsageEvent> left;
      for (const Running& one : running) {
        left.push_back(EventOfUse(one.prompt, 0, one.taken, 0));
        left.back().occurred_unix_us = one.started * 1'000'000;
        left.back().key.epoch = epoch_;
      }
      WaitForBooks();
      running.clear();
      Kill();
      for (const UsageEvent& event : left) Settle(nullptr, event);
      Start();
    } else {
      Refresh();
    }
    CheckAll();
    if (HasFatalFailure()) FAIL() << "step " << step;
  }
  EXPECT_GT(admitted, 100);
  EXPECT_GT(refused, 20);
  EXPECT_GT(kills, 1);
  for (Running& one : running) Settle(std::move(one.hold), EventOfUse(one.prompt, 0, one.taken, 0));
  WaitForBooks();
  Refresh();
  CheckAll();

  // All of what is left can be used: to the last requests' rounding of less than a hundredth.
  clock_.Set((clock_.UnixSeconds() / kDay + 40) * kDay);
  SetBudgets({Dollars(Money().amount + 5'000'000), Daily()});
  Refresh();
  for (int i = 0; i < 5000; ++i) {
    Asking asked = Ask(20, 40);
    if (asked.refusal) break;
    const int64_t taken = TakeAll(*asked.hold);
    Settle(std::move(asked.hold), EventOfUse(20, 0, taken, 0));
    WaitForBooks();
  }
  Refresh();
  const Figures money = Of(Money()), tokens = Of(Daily());
  EXPECT_TRUE(money.spent * 100 >= static_cast<int64_t>(Money().amount) * 99 ||
              tokens.spent * 100 >= static_cast<int64_t>(Daily().amount) * 99)
      << money.spent << " of money, " << tokens.spent << " tokens";
  desk_.reset();
  writer_.reset();
  const auto books = *Books::Open(folder_.ledger(), clock_, nullptr);
  const auto report = VerifyBooks(books->database(), {});
  ASSERT_TRUE(report.ok());
  EXPECT_TRUE(report->findings.empty()) << report->findings.front();
}

}  // namespace
}  // namespace bedplate

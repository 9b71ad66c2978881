#pragma once
/// What tests of budgets begin with: books on a disk that can fail, a clock whose date is the test's, budgets that the
/// test changes, and requests that run without an engine.

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <thread>
#include <vector>

#include "base/database_testing.h"
#include "base/file.h"
#include "ledger/books_testing.h"
#include "ledger/budgets/leased_budgets.h"
#include "ledger/metering/usage_booking.h"

namespace bedplate {

/// Monotonic as the system's; the date is what the test says.
class DatedClock final : public Clock {
 public:
  [[nodiscard]] Instant Now() const override { return system_.Now(); }
  [[nodiscard]] int64_t UnixSeconds() const override { return unix_seconds_.load(); }
  void Set(int64_t unix_seconds) { unix_seconds_ = unix_seconds; }

 private:
  SystemClock system_;
  std::atomic<int64_t> unix_seconds_ = 1'835'449'200;  // 2028-02-29 17:00 UTC
};

class BudgetsTest : public testing::Test {
 protected:
  BudgetsTest() { Reopen(); }
  ~BudgetsTest() override {
    desk_.reset();
    writer_.reset();
  }

  void OpenWriter() {
    auto books = Books::Open(folder_.ledger(), clock_, nullptr, disk_.name());
    ASSERT_TRUE(books.ok()) << books.status().message();
    epoch_ = *HighestEpoch((*books)->database(), "gateway-1") + 1;
    sequence_ = 0;
    writer_ = std::make_unique<BookWriter>(
        *std::move(books), clock_,
        BookWriterOptions{.group_wait = std::chrono::milliseconds(1), .retry_wait = std::chrono::milliseconds(5)});
  }
  void OpenDesk() {
    desk_ = std::make_unique<LeasedBudgets>(
        [this] {
          const std::lock_guard lock(mutex_);
          return budgets_;
        },
        *writer_, clock_, options_);
  }
  void Reopen() {
    desk_.reset();
    writer_.reset();
    OpenWriter();
    OpenDesk();
  }
  /// As a kill would end it: what the end writes doesn't stay in the file.
  void Kill() {
    WaitForBooks();
    std::vector<std::pair<std::filesystem::path, std::string>> files;
    for (const char* suffix : {"", "-wal"}) {
      const std::filesystem::path file = folder_.ledger().string() + suffix;
      files.emplace_back(file, *ReadFile(file));
    }
    desk_.reset();
    writer_.reset();
    for (const auto& [file, bytes] : files) ASSERT_TRUE(WriteFileAtomically(file, bytes, 0600).ok());
    OpenWriter();
    OpenDesk();
  }
  void Start() {
    const Status started = desk_->Start();
    ASSERT_TRUE(started.ok()) << started.message();
  }
  void Refresh() {
    const Status done = desk_->Refresh();
    EXPECT_TRUE(done.ok()) << done.message();
  }
  void SetBudgets(std::vector<Budget> budgets) {
    const std::lock_guard lock(mutex_);
    budgets_ = std::move(budgets);
  }
  void AddPriceOf(Meter meter, Int128 picodollars, int64_t per) {
    EXPECT_TRUE(writer_
                    ->Write([&](Books& books) {
                      return books.AddPrice({.meter = meter, .amount = {picodollars}, .per = per}).status();
                    })
                    .ok());
  }

  static Budget Tokens(Int128 amount) {
    return {.tenant = "acme", .name = "b", .unit = Unit::kToken, .amount = amount, .period = BudgetPeriod::kTotal};
  }
  static Budget Dollars(Int128 picodollars) {
    return {.tenant = "acme", .name = "d", .amount = picodollars, .period = BudgetPeriod::kTotal};
  }

  struct Asking {
    std::shared_ptr<BudgetHold> hold;
    std::optional<Refusal> refusal;
  };
  Asking Ask(uint32_t prompt, uint32_t output_max,
             const Principal& principal = {.tenant = "acme", .project = "search", .key = "k"}) {
    auto held = desk_->Hold(principal, {.model = "m", .prompt_tokens = prompt, .output_tokens_max = output_max});
    if (auto* const refusal = std::get_if<Refusal>(&held)) return {.hold = nullptr, .refusal = std::move(*refusal)};
    return {.hold = std::get<0>(std::move(held)), .refusal = {}};
  }
  /// The first token is had already.
  static uint32_t TakeAll(BudgetHold& hold) {
    uint32_t tokens = 1;
    while (hold.TakeToken()) ++tokens;
    return tokens;
  }
  UsageEvent EventOfUse(int64_t prompt, int64_t cached, int64_t output, int64_t reasoning) {
    return {.key = {"gateway-1", epoch_, ++sequence_},
            .request = Cat("req-", sequence_.load()),
            .tenant = "acme",
            .project = "search",
            .api_key = "k",
            .model = "m",
            .quantities = {prompt, cached, output, reasoning, 0},
            .occurred_unix_us = clock_.UnixSeconds() * 1'000'000};
  }
  /// As the metered admission does it.
  void Settle(std::shared_ptr<BudgetHold> hold, const UsageEvent& event) {
    if (hold) hold->Settle(event);
    writer_->Submit(
        *writer_->TakePlace(),
        {.write = [this, hold, event](Books& books) { return BookUsage(books, event, desk_.get(), hold.get()); },
         .done =
             [hold](const Status& durable) {
               EXPECT_TRUE(durable.ok()) << durable.message();
               if (durable.ok() && hold) hold->Booked();
             }});
  }
  void WaitForBooks() {
    EXPECT_TRUE(writer_->Write([](Books&) { return Status::Ok(); }).ok());
  }
  struct Figures {
    int64_t spent = 0, leased = 0, credits = 0, debits = 0;
    bool operator==(const Figures&) const = default;
  };
  Figures Of(const Budget& budget) {
    const PeriodSpan period = PeriodAt(budget.period, clock_.UnixSeconds());
    return Of(budget, period);
  }
  Figures Of(const Budget& budget, const PeriodSpan& period) {
    Figures figures;
    EXPECT_TRUE(writer_
                    ->Write([&](Books& books) {
                      const AccountId id = BudgetAccount(budget, period).Id();
                      const BudgetFigures of = FiguresOf(books.balances(), id, BudgetSpentAccount(budget, period).Id());
                      const Balance balance = books.balances().Of(id).value_or(Balance{});
                      figures = {.spent = static_cast<int64_t>(of.spent),
                                 .leased = static_cast<int64_t>(of.leased),
                                 .credits = static_cast<int64_t>(balance.credits_posted),
                                 .debits = static_cast<int64_t>(balance.debits_posted)};
                      return Status::Ok();
                    })
                    .ok());
    return figures;
  }

  BooksFolder folder_;
  FailingDisk disk_;
  DatedClock clock_;
  LeasedBudgetsOptions options_{.own_thread = false};
  std::mutex mutex_;  // guards budgets_
  std::vector<Budget> budgets_;
  int64_t epoch_ = 1;
  std::atomic<int64_t> sequence_ = 0;
  std::unique_ptr<BookWriter> writer_;
  std::unique_ptr<LeasedBudgets> desk_;
};

}  // namespace bedplate

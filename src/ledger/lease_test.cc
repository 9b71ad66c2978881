// Method: threads that hold, extend, settle and give up at random against one budget, from one lease and from two at
// once; after each group of the books spent and leased stay within the budget, at the end what was spent is what was
// settled, and nearly all of the budget could be used. Then a process that ended without giving back, and a disk that
// refuses.

#include "ledger/lease.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <thread>

#include "base/database_testing.h"
#include "base/random.h"
#include "ledger/books_testing.h"
#include "ledger/verify_books.h"

namespace bedplate {
namespace {

const Account kTenantBudget = MoneyAccount("Liabilities:Budget:acme", AccountRule::kDebitsWithinCredits);
const Account kSpent = MoneyAccount("Equity:Spent"), kBudgets = MoneyAccount("Equity:Budgets");

class LeaseTest : public testing::Test {
 protected:
  void Open(int64_t budget) {
    auto books = *Books::Open(folder_.ledger(), clock_, nullptr, disk_.name());
    for (const Account& account : {kTenantBudget, kSpent, kBudgets}) EXPECT_TRUE(books->OpenAccount(account).ok());
    if (budget != 0) {
      EXPECT_TRUE(books->Write(Single(-1, kBudgets, kTenantBudget, budget)).ok());
    }
    writer_ = std::make_unique<BookWriter>(
        std::move(books), clock_,
        BookWriterOptions{.group_wait = std::chrono::milliseconds(1), .retry_wait = std::chrono::milliseconds(5)});
  }
  std::unique_ptr<BudgetLease> Lease(std::string name, LeaseOptions options) {
    return std::make_unique<BudgetLease>(
        *writer_, clock_, LeasedBudget{.budget = kTenantBudget.Id(), .spent = kSpent.Id(), .name = std::move(name)},
        options);
  }
  Balance OfBudget() {
    Balance balance;
    EXPECT_TRUE(writer_
                    ->Write([&](Books& books) {
                      balance = *books.balances().Of(kTenantBudget.Id());
                      return Status::Ok();
                    })
                    .ok());
    return balance;
  }
  static void Settle(BookWriter& writer, BudgetLease& lease, int64_t id, BudgetLease::Hold hold, int64_t actual) {
    writer.Submit(*writer.TakePlace(),
                  {.write = [&lease, id, actual](Books& books) { return lease.SettleInGroup(books, IdOf(id), actual); },
                   .done = [](const Status& durable) { EXPECT_TRUE(durable.ok()) << durable.message(); }});
    std::move(hold).Settle(actual);
  }

  BooksFolder folder_;
  FailingDisk disk_;
  SystemClock clock_;
  std::unique_ptr<BookWriter> writer_;
};

TEST_F(LeaseTest, OfAHundredAtOnceOneFits) {
  Open(100);
  const auto lease = Lease("gateway/acme", {.low_water = 10, .chunk_min = 100});
  EXPECT_FALSE(lease->TryHold(1).has_value()) << "not started";
  ASSERT_TRUE(lease->Start().ok());
  std::atomic<int> held = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 100; ++t) {
    threads.emplace_back([&, t] {
      auto hold = lease->TryHold(60);
      if (!hold) return;
      ++held;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      Settle(*writer_, *lease, t, *std::move(hold), 55);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(held, 1);
  EXPECT_TRUE(OfBudget() == (Balance{.debits_posted = 55, .credits_posted = 100, .debits_pending = 45}));
  ASSERT_TRUE(lease->Stop().ok());
  EXPECT_TRUE(OfBudget() == (Balance{.debits_posted = 55, .credits_posted = 100}));
  EXPECT_FALSE(lease->TryHold(1).has_value());
}

TEST_F(LeaseTest, ManyGatewaysStayWithinOneBudgetAndUseNearlyAll) {
  constexpr int64_t kBudget = 200'000, kRequestMax = 400;
  Open(kBudget);
  std::vector<std::unique_ptr<BudgetLease>> leases;
  for (int g = 0; g < 2; ++g) {
    leases.push_back(Lease(Cat("gateway-", g), {.low_water = 2000, .chunk_min = kRequestMax, .gateways = 2}));
    ASSERT_TRUE(leases.back()->Start().ok());
  }
  std::atomic<int64_t> settled = 0, made = 0;
  std::atomic<bool> over = false;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      Prng rng(TestSeed() + static_cast<uint64_t>(t));
      BudgetLease& lease = *leases[static_cast<size_t>(t) % 2];
      const Instant end = clock_.Now() + std::chrono::seconds(20);
      for (int refused = 0; refused < 40 && clock_.Now() < end;) {
        auto hold = lease.TryHold(rng.Range(1, kRequestMax / 2));
        if (!hold) {
          ++refused;
          std::this_thread::sleep_for(std::chrono::milliseconds(10));
          continue;
        }
        refused = 0;
        if (rng.Chance(0.5)) (void)hold->Extend(rng.Range(1, kRequestMax / 2));
        if (rng.Chance(0.1)) continue;  // given up
        const int64_t actual = rng.Range(0, hold->amount());
        settled += actual;
        Settle(*writer_, lease, ++made, *std::move(hold), actual);
      }
    });
  }
  std::thread watch([&] {
    while (!over) {
      const Balance balance = OfBudget();
      EXPECT_LE(balance.debits_posted + balance.debits_pending, balance.credits_posted);
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  });
  for (std::thread& thread : threads) thread.join();
  over = true;
  watch.join();
  for (auto& lease : leases) ASSERT_TRUE(lease->Stop().ok());
  EXPECT_TRUE(OfBudget() == (Balance{.debits_posted = settled.load(), .credits_posted = kBudget}));
  EXPECT_GE(settled, kBudget * 99 / 100) << made << " requests";
  EXPECT_LE(settled, kBudget);
  leases.clear();
  writer_.reset();
  const auto books = *Books::Open(folder_.ledger(), clock_, nullptr);
  const auto report = VerifyBooks(books->database(), {});
  ASSERT_TRUE(report.ok());
  EXPECT_TRUE(report->findings.empty()) << report->findings.front();
}

TEST_F(LeaseTest, WhatAProcessLeftLeasedIsSettledAndGivenBack) {
  Open(1000);
  {
    auto lease = Lease("gateway/acme", {.chunk_min = 300});
    ASSERT_TRUE(lease->Start().ok());
    EXPECT_EQ(lease->available(), 500);
    for (int i = 0; i < 5; ++i) Settle(*writer_, *lease, i, *lease->TryHold(10), 10);
    // Ends as if killed: what its end would write doesn't reach the file.
    EXPECT_TRUE(OfBudget() == (Balance{.debits_posted = 50, .credits_posted = 1000, .debits_pending = 450}));
    disk_.FailAt(1, SQLITE_FULL, false);
    std::thread end([&] { lease.reset(); });
    while (writer_->health().file.ok()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    writer_.reset();  // gives up
    end.join();
    disk_.Mend();
  }
  Open(0);
  const auto lease = Lease("gateway/acme", {.chunk_min = 300});
  for (int round = 0; round < 2; ++round) {  // recovered, and told again
    ASSERT_TRUE(writer_->Write([&](Books& books) { return lease->SettleInGroup(books, IdOf(50), 7); }).ok());
  }
  EXPECT_EQ(writer_->Write([&](Books& books) { return lease->SettleInGroup(books, IdOf(50), 8); }).reason(),
            "id_taken");
  EXPECT_TRUE(OfBudget() == (Balance{.debits_posted = 57, .credits_posted = 1000, .debits_pending = 443}));
  ASSERT_TRUE(lease->Start().ok());
  EXPECT_EQ(lease->available(), 471) << "a half of what is free";
  ASSERT_TRUE(lease->Stop().ok());
  EXPECT_TRUE(OfBudget() == (Balance{.debits_posted = 57, .credits_posted = 1000}));
}

TEST_F(LeaseTest, ADiskThatRefusesDelaysAndLosesNothing) {
  Open(1000);
  const auto lease = Lease("gateway/acme", {.low_water = 100, .chunk_min = 100});
  ASSERT_TRUE(lease->Start().ok());
  disk_.FailAt(1, SQLITE_FULL, false);
  for (int i = 0; i < 45; ++i) Settle(*writer_, *lease, i, *lease->TryHold(10), 10);  // below low water
  EXPECT_FALSE(lease->TryHold(100).has_value()) << "no more is leased than the disk has taken";
  std::this_thread::sleep_for(std::chrono::milliseconds(30));  // some tries fail
  disk_.Mend();
  while (lease->available() < 100) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const Balance balance = OfBudget();
  EXPECT_TRUE(balance.debits_posted == 450);
  EXPECT_TRUE(balance.debits_pending == lease->available());
}

}  // namespace
}  // namespace bedplate

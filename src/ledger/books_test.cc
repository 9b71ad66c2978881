// Method: each promise of books.h through the front door, on a real file that is opened again. Random histories are in
// books_model_test.cc, failing disks in books_fault_test.cc.

#include "ledger/books.h"

#include <gtest/gtest.h>

#include "ledger/books_testing.h"
#include "ledger/verify_books.h"

namespace bedplate {
namespace {

class BooksTest : public testing::Test {
 protected:
  BooksTest() { Reopen(); }
  void Reopen() {
    books_.reset();
    auto opened = Books::Open(folder_.ledger(), clock_, nullptr);
    ASSERT_TRUE(opened.ok()) << opened.status().message();
    books_ = *std::move(opened);
  }
  void OpenAccounts() {
    for (const Account& account : {payer_, earner_, budget_, source_}) ASSERT_TRUE(books_->OpenAccount(account).ok());
  }
  [[nodiscard]] Balance Of(const Account& account) const { return *books_->balances().Of(account.Id()); }
  void ExpectRefused(const Transfer& transfer, std::string_view reason) {
    const auto before = books_->heads();
    const auto written = books_->Write(transfer);
    ASSERT_FALSE(written.ok());
    EXPECT_EQ(written.status().reason(), reason) << written.status().message();
    EXPECT_EQ(books_->heads(), before) << "what is refused changes nothing";
  }
  void ExpectVerified() {
    const auto report = VerifyBooks(books_->database(), {});
    ASSERT_TRUE(report.ok()) << report.status().message();
    EXPECT_TRUE(report->findings.empty()) << report->findings.front();
  }
  UsageEvent Event(int64_t sequence, int64_t prompt, int64_t output) {
    return {.key = {.producer = "gateway", .epoch = 1, .sequence = sequence},
            .request = Cat("req-", sequence),
            .tenant = "acme",
            .model = "m",
            .quantities = {prompt, 0, output, 0, 0},
            .occurred_unix_us = 5 * kSecondUs};
  }

  BooksFolder folder_;
  SimClock clock_;
  std::unique_ptr<Books> books_;
  const Account payer_ = MoneyAccount("Assets:Receivable:acme"), earner_ = MoneyAccount("Income:Inference");
  const Account budget_ = MoneyAccount("Liabilities:Budget:acme", AccountRule::kDebitsWithinCredits);
  const Account source_ = MoneyAccount("Equity:Budgets");
};

TEST_F(BooksTest, AccountsAreOpenedOnce) {
  EXPECT_EQ(*books_->OpenAccount(payer_), Outcome::kCreated);
  EXPECT_EQ(*books_->OpenAccount(payer_), Outcome::kExists);
  Account other = payer_;
  other.rule = AccountRule::kDebitsWithinCredits;
  EXPECT_EQ(books_->OpenAccount(other).status().reason(), "id_taken");
  for (const char* name : {"", "Assets", "assets:x", "Assets:", "Assets::x", ":x", "Assets:a b", "Other:x",
                           "Assets:1:2:3:4:5:6:7:8", "Assets:\xff"}) {
    EXPECT_EQ(books_->OpenAccount(MoneyAccount(name)).status().code(), StatusCode::kInvalidArgument) << name;
  }
  EXPECT_TRUE(books_->OpenAccount(MoneyAccount("Assets:1:2:3:4:5:6:7")).ok());
  Reopen();
  EXPECT_EQ(*books_->OpenAccount(payer_), Outcome::kExists);
  ExpectVerified();
}

TEST_F(BooksTest, TheSameIdIsTheSameTransferForEver) {
  OpenAccounts();
  const Transfer transfer = Single(1, payer_, earner_, 100);
  EXPECT_EQ(*books_->Write(transfer), Outcome::kCreated);
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(*books_->Write(transfer), Outcome::kExists);
    Transfer other = transfer;
    other.amount = 101;
    ExpectRefused(other, "id_taken");
    other = transfer;
    other.reference = "x";
    ExpectRefused(other, "id_taken");
    EXPECT_TRUE(Of(payer_) == (Balance{.debits_posted = 100}));
    EXPECT_TRUE(Of(earner_) == (Balance{.credits_posted = 100}));
    Reopen();
  }
  ExpectVerified();
}

TEST_F(BooksTest, AReserveHoldsAndItsPostReleasesTheRest) {
  OpenAccounts();
  const Transfer reserve = Reserve(1, payer_, earner_, 100);
  ASSERT_TRUE(books_->Write(reserve).ok());
  EXPECT_TRUE(Of(payer_) == (Balance{.debits_pending = 100}));
  ExpectRefused(Resolve(2, reserve, 101), "exceeds_pending");
  Transfer elsewhere = Resolve(2, reserve, 1);
  elsewhere.debit = source_.Id();
  ExpectRefused(elsewhere, "accounts_differ");
  Reopen();
  EXPECT_EQ(*books_->Write(Resolve(2, reserve, 60)), Outcome::kCreated);
  EXPECT_TRUE(Of(payer_) == (Balance{.debits_posted = 60}));
  EXPECT_EQ(*books_->Write(Resolve(2, reserve, 60)), Outcome::kExists);
  ExpectRefused(Resolve(3, reserve, 1), "pending_posted");
  ExpectRefused(Resolve(3, reserve, std::nullopt), "pending_posted");
  const Transfer second = Reserve(4, payer_, earner_, 10);
  ASSERT_TRUE(books_->Write(second).ok());
  ASSERT_TRUE(books_->Write(Resolve(5, second, std::nullopt)).ok());
  ExpectRefused(Resolve(6, second, 1), "pending_voided");
  ExpectRefused(Resolve(7, Reserve(99, payer_, earner_, 1), 1), "unknown_pending");
  ExpectRefused(Resolve(7, Single(2, payer_, earner_, 1), 1), "unknown_pending");
  EXPECT_EQ(books_->balances().open_reserves(), 0u);
  ExpectVerified();
}

TEST_F(BooksTest, WhatIsWrongIsRefused) {
  OpenAccounts();
  const Account tokens{.unit = Unit::kToken, .name = "Assets:Tokens:acme"};
  ASSERT_TRUE(books_->OpenAccount(tokens).ok());
  ExpectRefused(Single(1, payer_, MoneyAccount("Income:Unknown"), 1), "unknown_account");
  ExpectRefused(Single(1, payer_, tokens, 1), "unit_differs");
  for (const Transfer& transfer :
       {Single(1, payer_, payer_, 1), Single(1, payer_, earner_, -1), Single(1, payer_, earner_, kAmountMax + 1)}) {
    EXPECT_EQ(books_->Write(transfer).status().code(), StatusCode::kInvalidArgument);
  }
  Transfer transfer = Single(1, payer_, earner_, 1);
  transfer.timeout_ms = 5;
  EXPECT_FALSE(books_->Write(transfer).ok());
  transfer = Reserve(1, payer_, earner_, 1);
  transfer.kind = Transfer::Kind::kPost;
  EXPECT_FALSE(books_->Write(transfer).ok()) << "a post of nothing";
  transfer = Single(1, payer_, earner_, 1);
  transfer.kind = Transfer::Kind::kExpire;
  EXPECT_FALSE(books_->Write(transfer).ok());
  transfer = Single(1, payer_, earner_, 1);
  transfer.usage_number = 1;
  EXPECT_FALSE(books_->Write(transfer).ok());
  EXPECT_EQ(*books_->Write(Single(1, payer_, earner_, 0)), Outcome::kCreated);
  EXPECT_EQ(*books_->Write(Single(2, payer_, earner_, kAmountMax)), Outcome::kCreated);
}

TEST_F(BooksTest, ABudgetIsNeverOverdrawn) {
  OpenAccounts();
  ExpectRefused(Reserve(1, budget_, source_, 1), "exceeds_credits");
  ASSERT_TRUE(books_->Write(Single(2, source_, budget_, 100)).ok());
  const Transfer reserve = Reserve(3, budget_, source_, 70);
  ASSERT_TRUE(books_->Write(reserve).ok());
  ExpectRefused(Single(4, budget_, source_, 31), "exceeds_credits");
  ExpectRefused(Reserve(4, budget_, source_, 31), "exceeds_credits");
  ASSERT_TRUE(books_->Write(Single(4, budget_, source_, 30)).ok());
  ASSERT_TRUE(books_->Write(Resolve(5, reserve, 20)).ok());
  ExpectRefused(Single(6, budget_, source_, 51), "exceeds_credits");
  ASSERT_TRUE(books_->Write(Single(6, budget_, source_, 50)).ok());
  ExpectVerified();
}

TEST_F(BooksTest, TimeoutsAreIntervals) {
  OpenAccounts();
  const Transfer short_one = Reserve(1, payer_, earner_, 5, 1000), long_one = Reserve(2, payer_, earner_, 7, 5000),
                 endless = Reserve(3, payer_, earner_, 9);
  for (const Transfer& reserve : {short_one, long_one, endless}) ASSERT_TRUE(books_->Write(reserve).ok());
  clock_.Advance(std::chrono::milliseconds(999));
  EXPECT_EQ(*books_->ExpireDue(), 0u);
  clock_.Advance(std::chrono::milliseconds(1));
  EXPECT_EQ(*books_->ExpireDue(), 1u);
  EXPECT_TRUE(Of(payer_) == (Balance{.debits_pending = 16}));
  ExpectRefused(Resolve(4, short_one, 5), "pending_expired");
  EXPECT_FALSE(books_->Renew(short_one.id));
  EXPECT_TRUE(books_->Renew(long_one.id));
  clock_.Advance(std::chrono::milliseconds(4500));
  EXPECT_EQ(*books_->ExpireDue(), 0u) << "it was renewed";
  Reopen();
  clock_.Advance(std::chrono::milliseconds(4999));
  EXPECT_EQ(*books_->ExpireDue(), 0u) << "a start gives the whole interval again";
  clock_.Advance(std::chrono::milliseconds(1));
  EXPECT_EQ(*books_->ExpireDue(), 1u);
  EXPECT_EQ(*books_->ExpireDue(), 0u);
  EXPECT_FALSE(books_->NextExpiry().has_value());
  EXPECT_TRUE(Of(payer_) == (Balance{.debits_pending = 9}));
  ExpectVerified();
}

TEST_F(BooksTest, AGroupAnswersEachCall) {
  OpenAccounts();
  std::vector<bool> created;
  ASSERT_TRUE(books_
                  ->Group([&] {
                    for (int i = 0; i < 10; ++i) {
                      // Each third is refused.
                      const auto written = books_->Write(Single(i, payer_, i % 3 == 2 ? payer_ : earner_, 1));
                      created.push_back(written.ok());
                    }
                    const Status together = books_->Together([&]() -> Status {
                      BP_RETURN_IF_ERROR(books_->Write(Single(100, payer_, earner_, 1000)).status());
                      return books_->Write(Single(101, payer_, payer_, 1)).status();
                    });
                    EXPECT_FALSE(together.ok());
                  })
                  .ok());
  EXPECT_EQ(std::count(created.begin(), created.end(), true), 7);
  EXPECT_TRUE(Of(payer_) == (Balance{.debits_posted = 7}));
  Reopen();
  EXPECT_TRUE(Of(payer_) == (Balance{.debits_posted = 7}));
  EXPECT_EQ(*books_->Write(Single(100, payer_, earner_, 1000)), Outcome::kCreated) << "it was undone with its like";
  ExpectVerified();
}

TEST_F(BooksTest, UsageIsChargedOnceWhateverIsToldTwice) {
  OpenAccounts();
  ASSERT_TRUE(books_->AddPrice({.model = "m", .meter = Meter::kPrompt, .amount = *ParseDollars("1"), .per = 3}).ok());
  ASSERT_TRUE(books_->AddPrice({.model = "m", .meter = Meter::kOutput, .amount = *ParseDollars("0.5"), .per = 1}).ok());
  const Settlement settlement{.payer = payer_.Id(), .earner = earner_.Id()};
  EXPECT_EQ(books_->RecordUsage(Event(2, 1, 0), settlement)->usage.Total().value, 333'333'333'333);
  EXPECT_EQ(books_->RecordUsage(Event(1, 1, 2), settlement)->usage.Total().value, 1'333'333'333'333);
  EXPECT_EQ(books_->RecordUsage(Event(3, 1, 0), settlement)->usage.Total().value, 333'333'333'334);
  Reopen();
  const auto again = books_->RecordUsage(Event(1, 1, 2), settlement);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->outcome, Outcome::kExists);
  EXPECT_EQ(again->usage.Total().value, 1'333'333'333'333) << "what it cost then";
  EXPECT_EQ(books_->RecordUsage(Event(1, 1, 3), settlement).status().reason(), "id_taken");
  EXPECT_TRUE(books_->RecordUsage(Event(4, 3, 0), settlement)->usage.Total() == *ParseDollars("1"));
  EXPECT_EQ(DollarsText({Of(payer_).debits_posted}), "3.00");
  EXPECT_EQ(TransfersByReference(books_->database(), "req-1")->size(), 1u);
  EXPECT_EQ(UsageByRequest(books_->database(), "req-1")->size(), 1u);
  ExpectVerified();
}

TEST_F(BooksTest, CachedTokensAndReasoningAreNotFreeForWantOfAPrice) {
  OpenAccounts();
  ASSERT_TRUE(books_->AddPrice({.model = "m", .meter = Meter::kPrompt, .amount = {10}, .per = 3}).ok());
  ASSERT_TRUE(books_->AddPrice({.model = "m", .meter = Meter::kOutput, .amount = {100}, .per = 7}).ok());
  const Settlement settlement{.payer = payer_.Id(), .earner = earner_.Id()};
  const auto use = [&](int64_t sequence, std::array<int64_t, kMeters> quantities) {
    UsageEvent event = Event(sequence, 0, 0);
    event.quantities = quantities;
    return books_->RecordUsage(event, settlement)->usage;
  };
  const BookedUsage first = use(1, {1, 1, 1, 1, 5});
  ASSERT_EQ(first.charges.size(), 4u) << "a fifth has no price";
  const auto expect = [](const Charge& charge, Meter meter, int64_t price, int64_t total, int64_t amount) {
    EXPECT_EQ(charge.meter, meter);
    EXPECT_EQ(charge.price_number, price);
    EXPECT_EQ(charge.total_after, total) << "of both";
    EXPECT_TRUE(charge.amount.value == amount) << MeterName(meter);
  };
  expect(first.charges[0], Meter::kPrompt, 1, 1, 3);
  expect(first.charges[1], Meter::kCached, 1, 2, 3);
  expect(first.charges[2], Meter::kOutput, 2, 1, 14);
  expect(first.charges[3], Meter::kReasoning, 2, 2, 14);
  Reopen();
  expect(use(2, {0, 1, 0, 0, 0}).charges.at(0), Meter::kCached, 1, 3, 4);
  expect(use(3, {0, 0, 5, 0, 0}).charges.at(0), Meter::kOutput, 2, 7, 72);
  EXPECT_TRUE(Of(payer_).debits_posted == 110) << "3 at 10/3 and 7 at 100/7: nothing is lost to rounding";
  ASSERT_TRUE(books_->AddPrice({.model = "m", .meter = Meter::kCached, .amount = {1}, .per = 1}).ok());
  expect(use(4, {0, 1, 0, 0, 0}).charges.at(0), Meter::kCached, 3, 1, 1);
  ExpectVerified();
}

TEST_F(BooksTest, SettlingPostsTheReserve) {
  OpenAccounts();
  ASSERT_TRUE(books_->AddPrice({.model = "m", .meter = Meter::kOutput, .amount = {10}, .per = 1}).ok());
  const auto settle = [&](int64_t sequence, int64_t output, const Transfer& reserve) {
    return books_->RecordUsage(Event(sequence, 0, output),
                               Settlement{.payer = payer_.Id(), .earner = earner_.Id(), .pending = reserve.id});
  };
  const Transfer enough = Reserve(1, payer_, earner_, 100), little = Reserve(2, payer_, earner_, 15),
                 over = Reserve(3, payer_, earner_, 100, 10);
  for (const Transfer& reserve : {enough, little, over}) ASSERT_TRUE(books_->Write(reserve).ok());
  clock_.Advance(std::chrono::milliseconds(10));
  ASSERT_EQ(*books_->ExpireDue(), 1u);
  ASSERT_TRUE(settle(1, 3, enough).ok());
  ASSERT_TRUE(settle(2, 2, little).ok());
  ASSERT_TRUE(settle(3, 4, over).ok());
  EXPECT_TRUE(Of(payer_) == (Balance{.debits_posted = 90}));
  EXPECT_EQ(TransfersOfUsage(books_->database(), 1)->size(), 1u);
  EXPECT_EQ(TransfersOfUsage(books_->database(), 2)->size(), 2u) << "what the reserve didn't cover is owed, too";
  EXPECT_EQ(TransfersOfUsage(books_->database(), 3)->size(), 1u) << "so is what was used after its time";
  ExpectVerified();
}

TEST_F(BooksTest, UsageIsWholeOrNothing) {
  OpenAccounts();
  ASSERT_TRUE(books_->AddPrice({.meter = Meter::kPrompt, .amount = kDollarsMax, .per = 1}).ok());
  const Settlement settlement{.payer = payer_.Id(), .earner = earner_.Id()};
  const auto before = books_->heads();
  EXPECT_EQ(books_->RecordUsage(Event(1, 2, 0), settlement).status().reason(), "overflow");
  const Transfer also[] = {Single(1, source_, budget_, 5), Single(2, budget_, source_, 6)};
  EXPECT_EQ(books_->RecordUsage(Event(1, 1, 0), settlement, also).status().reason(), "exceeds_credits");
  UsageEvent bad = Event(1, -1, 0);
  EXPECT_EQ(books_->RecordUsage(bad, settlement).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(books_->heads(), before);
  EXPECT_TRUE(Of(budget_) == Balance{});
  // The number wasn't claimed, and the running total is what it was.
  EXPECT_EQ(books_->RecordUsage(Event(1, 1, 0), settlement, std::span(also, 1))->outcome, Outcome::kCreated);
  EXPECT_TRUE(Of(budget_) == (Balance{.credits_posted = 5}));
  ASSERT_TRUE(books_->RecordUsage(Event(2, 0, 7), std::nullopt).ok()) << "nobody is charged";
  EXPECT_EQ(TransfersOfUsage(books_->database(), 2)->size(), 0u);
  ExpectVerified();
}

TEST_F(BooksTest, PricesDoNotOverlapAndAreKnownAgain) {
  const Price price{
      .model = "m", .meter = Meter::kPrompt, .amount = {5}, .per = 2, .from_unix_us = 10, .to_unix_us = 20};
  EXPECT_EQ(*books_->AddPrice(price), Outcome::kCreated);
  Reopen();
  EXPECT_EQ(*books_->AddPrice(price), Outcome::kExists);
  Price other = price;
  other.to_unix_us = 30;
  EXPECT_EQ(books_->AddPrice(other).status().reason(), "overlap");
  other.from_unix_us = 20;
  EXPECT_EQ(*books_->AddPrice(other), Outcome::kCreated);
  EXPECT_EQ(books_->prices().prices().size(), 2u);
  ExpectVerified();
}

TEST_F(BooksTest, ClosedPeriodsDoNotChange) {
  OpenAccounts();
  const auto at = [&](int64_t number, int64_t seconds, Int128 amount) {
    Transfer transfer = Single(number, payer_, earner_, amount);
    transfer.occurred_unix_us = seconds * kSecondUs;
    return transfer;
  };
  clock_.Advance(std::chrono::seconds(100));
  ASSERT_TRUE(books_->Write(at(1, 10, 1)).ok());
  ASSERT_TRUE(books_->Write(at(2, 60, 20)).ok()) << "of the next period, written before the close";
  EXPECT_EQ(books_->ClosePeriod(500 * kSecondUs, "ada").status().reason(), "period_not_over");
  const auto first = books_->ClosePeriod(50 * kSecondUs, "ada");
  ASSERT_TRUE(first.ok()) << first.status().message();
  ASSERT_EQ(first->trial_balance.size(), 2u);
  for (const auto& line : first->trial_balance) EXPECT_TRUE(line.debits + line.credits == 1);
  EXPECT_EQ(books_->ClosePeriod(50 * kSecondUs, "ada").status().reason(), "already_closed");
  EXPECT_EQ(books_->ClosePeriod(40 * kSecondUs, "ada").status().reason(), "already_closed");
  Reopen();
  ASSERT_TRUE(books_->Write(at(3, 11, 300)).ok());
  const auto late = *FindTransfer(books_->database(), IdOf(3));
  EXPECT_TRUE(late->correction);
  EXPECT_EQ(late->booked_unix_us, 50 * kSecondUs);
  EXPECT_EQ(late->transfer.occurred_unix_us, 11 * kSecondUs);
  EXPECT_EQ(*books_->Write(at(3, 11, 300)), Outcome::kExists);
  const auto second = books_->ClosePeriod(70 * kSecondUs, "ada");
  ASSERT_TRUE(second.ok());
  for (const auto& line : second->trial_balance) EXPECT_TRUE(line.debits + line.credits == 321);
  ExpectVerified();
}

TEST_F(BooksTest, TheKeptHeadTellsAnOlderCopy) {
  HeadKeeper keeper(folder_.heads(), clock_, Duration(0));
  ASSERT_TRUE(keeper.Load().ok());
  books_.reset();
  books_ = *Books::Open(folder_.ledger(), clock_, &keeper);
  OpenAccounts();
  ASSERT_TRUE(books_->Write(Single(1, payer_, earner_, 1)).ok());
  books_.reset();
  const std::filesystem::path older = folder_.ledger().string() + ".older";
  std::filesystem::copy_file(folder_.ledger(), older);
  books_ = *Books::Open(folder_.ledger(), clock_, &keeper);
  ASSERT_TRUE(books_->Write(Single(2, payer_, earner_, 1)).ok());
  EXPECT_EQ(*ReadHeads(folder_.heads()), books_->heads());
  books_.reset();
  std::filesystem::rename(older, folder_.ledger());
  HeadKeeper again(folder_.heads(), clock_);
  ASSERT_TRUE(again.Load().ok());
  const auto refused = Books::Open(folder_.ledger(), clock_, &again);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), StatusCode::kDataLoss);
  EXPECT_EQ(refused.status().reason(), "behind_kept_head");
  EXPECT_EQ(again.Kept("transfers")->rows, 2u) << "and the head stays for whoever looks";
}

TEST_F(BooksTest, ASecondOneIsRefused) {
  const auto second = Books::Open(folder_.ledger(), clock_, nullptr);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.status().reason(), "in_use");
}

}  // namespace
}  // namespace bedplate

// Method: the books on a disk whose n-th write fails, for every n until none is left: what was answered as durable is
// there for whoever opens the file next, the books in memory are those of the file, and the same calls again make all
// of it whole. Then the file itself: a damaged page, a log that lost its end.

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <fstream>

#include "base/database_testing.h"
#include "base/file.h"
#include "base/random.h"
#include "ledger/books_testing.h"
#include "ledger/verify_books.h"

namespace bedplate {
namespace {

const Account kPayer = MoneyAccount("Assets:Receivable:acme"), kEarner = MoneyAccount("Income:Inference");
constexpr int kGroups = 4;

/// Group n of the same history: whatever of it is there already is kExists.
Status WriteHistory(Books& books, int n) {
  Status first_wrong;
  const auto note = [&](const Status& status) {
    if (first_wrong.ok()) first_wrong = status;
  };
  const Status durable = books.Group([&] {
    note(books.OpenAccount(kPayer).status());
    note(books.OpenAccount(kEarner).status());
    note(books.AddPrice({.meter = Meter::kOutput, .amount = {7}, .per = 3}).status());
    const Transfer reserve = Reserve(10 * n, kPayer, kEarner, 100);
    note(books.Write(reserve).status());
    note(books.Write(Single(10 * n + 1, kPayer, kEarner, 5)).status());
    UsageEvent event{.key = {.producer = "gateway", .epoch = 1, .sequence = n + 1}, .request = Cat("req-", n)};
    event.quantities[2] = 10;
    event.tags = std::string(4000, 't');  // so that a group is several pages
    note(books.RecordUsage(event, Settlement{.payer = kPayer.Id(), .earner = kEarner.Id(), .pending = reserve.id})
             .status());
  });
  return durable.ok() ? first_wrong : durable;
}

void ExpectAllOfHistory(Books& books) {
  const auto report = VerifyBooks(books.database(), {});
  ASSERT_TRUE(report.ok()) << report.status().message();
  ASSERT_TRUE(report->findings.empty()) << report->findings.front();
  ASSERT_EQ(report->heads, books.heads());
  ASSERT_EQ(report->heads.at("transfers").rows, uint64_t{3 * kGroups});
  for (const Account& account : {kPayer, kEarner}) {
    ASSERT_TRUE(report->balances.Of(account.Id()) == books.balances().Of(account.Id()));
  }
  ASSERT_TRUE(books.balances().Of(kPayer.Id()) == (Balance{.debits_posted = 5 * kGroups + 7 * 10 * kGroups / 3}));
}

TEST(BooksFault, EveryFailingWriteLeavesWhatWasAnswered) {
  const SimClock clock;
  Prng rng(TestSeed());
  struct Disk {
    int code;
    bool once;
  };
  for (const auto& [code, once] : {Disk{SQLITE_FULL, true}, Disk{SQLITE_FULL, false}, Disk{SQLITE_IOERR_FSYNC, true},
                                   Disk{SQLITE_READONLY, false}}) {
    int64_t call = 1;
    for (bool fired = true; fired; ++call) {
      BooksFolder folder;
      FailingDisk disk;
      auto books = *Books::Open(folder.ledger(), clock, nullptr, disk.name());
      disk.FailAt(call, code, once);
      int durable = 0;
      for (int n = 0; n < kGroups; ++n) {
        const ChainHeads before = books->heads();
        const Status written = WriteHistory(*books, n);
        if (written.ok()) {
          if (durable == n) ++durable;
          continue;
        }
        EXPECT_TRUE(written.code() == StatusCode::kIoError || written.code() == StatusCode::kResourceExhausted)
            << written.message();
        EXPECT_EQ(books->heads(), before) << "memory is what it was";
      }
      fired = disk.failed();
      disk.Mend();
      if (rng.Chance(0.5)) {  // a kill, or the same process goes on
        books.reset();
        books = *Books::Open(folder.ledger(), clock, nullptr, disk.name());
      }
      for (int n = 0; n < durable; ++n) {
        const auto found = FindTransfer(books->database(), IdOf(10 * n + 1));
        ASSERT_TRUE(found.ok() && found->has_value()) << "group " << n << " was answered as durable; call " << call;
      }
      for (int n = 0; n < kGroups; ++n) {
        const Status again = WriteHistory(*books, n);
        ASSERT_TRUE(again.ok()) << again.message();
      }
      ExpectAllOfHistory(*books);
      if (testing::Test::HasFatalFailure()) return;
      ASSERT_LT(call, 500);
    }
    EXPECT_GT(call, 10) << "some of them failed";
  }
}

TEST(BooksFault, ALogThatLostItsEndIsToldByTheKeptHead) {
  const SimClock clock;
  BooksFolder folder, copy;
  HeadKeeper heads(folder.heads(), clock, Duration(0));
  const auto books = *Books::Open(folder.ledger(), clock, &heads);
  for (int n = 0; n < kGroups; ++n) ASSERT_TRUE(WriteHistory(*books, n).ok());
  // What a kill would leave, with less of the log each time.
  const std::string log = *ReadFile(folder.ledger().string() + "-wal");
  const std::string whole = *ReadFile(folder.ledger());
  int refused = 0;
  for (size_t kept = 0; kept <= log.size(); kept += std::max<size_t>(1, std::min(log.size() - kept, log.size() / 16))) {
    std::ofstream(copy.ledger()) << whole;
    std::ofstream(copy.ledger().string() + "-wal") << log.substr(0, kept);
    HeadKeeper keeper(folder.heads(), clock);
    ASSERT_TRUE(keeper.Load().ok());
    const auto opened = Books::Open(copy.ledger(), clock, &keeper);
    if (opened.ok()) {
      ExpectAllOfHistory(**opened);
    } else {
      EXPECT_EQ(opened.status().code(), StatusCode::kDataLoss) << opened.status().message();
      EXPECT_EQ(opened.status().reason(), "behind_kept_head") << opened.status().message();
      ++refused;
    }
    std::filesystem::remove(copy.ledger());
    std::filesystem::remove(copy.ledger().string() + "-wal");
    std::filesystem::remove(copy.ledger().string() + "-shm");
    if (kept == log.size()) break;
  }
  EXPECT_GE(refused, 14);
}

TEST(BooksFault, ADamagedPageIsFound) {
  const SimClock clock;
  BooksFolder folder;
  ChainHeads heads;
  {
    const auto books = *Books::Open(folder.ledger(), clock, nullptr);
    for (int n = 0; n < kGroups; ++n) ASSERT_TRUE(WriteHistory(*books, n).ok());
    heads = books->heads();
  }
  const std::string whole = *ReadFile(folder.ledger());
  Prng rng(TestSeed());
  for (int round = 0; round < 60; ++round) {
    std::string damaged = whole;
    const size_t at = static_cast<size_t>(rng.Range(0, static_cast<int64_t>(whole.size() / 4096) - 1)) * 4096;
    const size_t size = rng.Chance(0.5) ? 4096 : 64;
    const size_t from = at + static_cast<size_t>(rng.Range(0, static_cast<int64_t>(4096 - size)));
    for (size_t i = from; i < from + size; ++i) damaged[i] = static_cast<char>(rng.Next());
    std::ofstream(folder.ledger()) << damaged;
    DatabaseOptions options = LedgerFileOptions();
    options.read_only = true;
    const auto database = Database::Open(folder.ledger(), options);
    if (!database.ok()) {
      EXPECT_NE(database.status().code(), StatusCode::kOk);
      continue;
    }
    const auto report = VerifyBooks(**database, {.kept = &heads});
    const bool found = !report.ok() || !report->findings.empty();
    // What no row lies in, an index' free bytes among it, may be damaged without harm: then the books are whole.
    if (!found) {
      EXPECT_EQ(report->heads, heads);
    }
    // Whoever opens them to write is told, or has what was written.
    const auto books = Books::Open(folder.ledger(), clock, nullptr);
    if (!books.ok()) {
      EXPECT_EQ(books.status().code(), StatusCode::kDataLoss) << books.status().message();
    }
  }
}

}  // namespace
}  // namespace bedplate

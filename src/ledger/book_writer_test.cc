// Method: many threads' entries through the writer, onto a real file and onto one whose disk refuses for a while; what
// was answered as durable is there when the file is opened again.

#include "ledger/book_writer.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <atomic>

#include "base/database_testing.h"
#include "ledger/books_testing.h"
#include "ledger/verify_books.h"

namespace bedplate {
namespace {

const Account kDebtor = MoneyAccount("Assets:Receivable:acme"), kCreditor = MoneyAccount("Income:Inference");

class BookWriterTest : public testing::Test {
 protected:
  std::unique_ptr<Books> Open() {
    auto books = *Books::Open(folder_.ledger(), clock_, nullptr, disk_.name());
    EXPECT_TRUE(books->OpenAccount(kDebtor).ok());
    EXPECT_TRUE(books->OpenAccount(kCreditor).ok());
    return books;
  }
  static BookWriter::Entry Charge(int64_t number, std::function<void(const Status&)> done) {
    return {.write = [=](Books& books) { return books.Write(Single(number, kDebtor, kCreditor, 1)).status(); },
            .done = std::move(done)};
  }
  static bool Until(const std::function<bool()>& holds) {
    for (int i = 0; i < 1000; ++i) {
      if (holds()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
  }
  Int128 Booked() {
    const auto books = Open();
    const auto report = VerifyBooks(books->database(), {});
    EXPECT_TRUE(report.ok() && report->findings.empty());
    return books->balances().Of(kDebtor.Id())->debits_posted;
  }

  BooksFolder folder_;
  FailingDisk disk_;
  SystemClock clock_;
};

TEST_F(BookWriterTest, GroupsWhatManyThreadsWrite) {
  constexpr int kThreads = 8, kEach = 500;
  std::atomic<int> durable = 0, refused = 0;
  {
    BookWriter writer(Open(), clock_);
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < kEach; ++i) {
          auto place = writer.TakePlace();
          ASSERT_TRUE(place.ok());
          // Each tenth tells the one before it again: kExists, and durable.
          const int64_t number = t * kEach + (i % 10 == 9 ? i - 1 : i);
          writer.Submit(*std::move(place),
                        Charge(number, [&](const Status& status) { ++(status.ok() ? durable : refused); }));
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(writer.Write([](Books& books) { return books.Write(Single(-1, kDebtor, kDebtor, 1)).status(); }).code(),
              StatusCode::kInvalidArgument)
        << "its own refusal, once the group is durable";
    EXPECT_EQ(durable, kThreads * kEach) << "entries of before are done before";
    const BookWriter::Health health = writer.health();
    EXPECT_LE(health.groups, health.entries / 10) << "many to a sync";
    EXPECT_EQ(health.places, 0u);
  }
  EXPECT_EQ(refused, 0);
  EXPECT_TRUE(Booked() == kThreads * kEach * 9 / 10);
}

TEST_F(BookWriterTest, WhatWaitsIsWrittenBeforeTheEnd) {
  std::atomic<int> durable = 0;
  {
    BookWriter writer(Open(), clock_, {.group_wait = std::chrono::seconds(10)});
    for (int i = 0; i < 100; ++i) {
      writer.Submit(*writer.TakePlace(), Charge(i, [&](const Status& status) { durable += status.ok() ? 1 : 0; }));
    }
  }
  EXPECT_EQ(durable, 100);
  EXPECT_TRUE(Booked() == 100);
}

TEST_F(BookWriterTest, PlacesAreBounded) {
  BookWriter writer(Open(), clock_, {.places_max = 3});
  std::vector<BookWriter::Place> places;
  for (int i = 0; i < 3; ++i) places.push_back(*writer.TakePlace());
  const auto fourth = writer.TakePlace();
  ASSERT_FALSE(fourth.ok());
  EXPECT_EQ(fourth.status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(fourth.status().reason(), "ledger_busy");
  EXPECT_GT(fourth.status().retry_after_ms(), 0u);
  places.pop_back();
  EXPECT_TRUE(writer.TakePlace().ok()) << "an unused one is given back";
}

TEST_F(BookWriterTest, AFullDiskIsWaitedForAndNothingIsLost) {
  std::atomic<int> durable = 0, given_up = 0;
  {
    BookWriter writer(Open(), clock_,
                      {.lag_max = std::chrono::milliseconds(50), .retry_wait = std::chrono::milliseconds(5)});
    disk_.FailAt(1, SQLITE_FULL, false);
    std::vector<BookWriter::Place> places;
    for (int i = 0; i < 20; ++i) places.push_back(*writer.TakePlace());
    for (int i = 0; i < 20; ++i) {
      writer.Submit(std::move(places[static_cast<size_t>(i)]),
                    Charge(i, [&](const Status& status) { ++(status.ok() ? durable : given_up); }));
    }
    ASSERT_TRUE(
        Until([&] { return !writer.health().file.ok() && writer.health().lag > std::chrono::milliseconds(60); }));
    EXPECT_EQ(writer.health().file.reason(), "disk_full");
    const auto place = writer.TakePlace();
    ASSERT_FALSE(place.ok());
    EXPECT_EQ(place.status().reason(), "ledger_busy");
    EXPECT_EQ(durable, 0);
    disk_.Mend();
    ASSERT_TRUE(Until([&] { return durable == 20; }));
    EXPECT_TRUE(writer.health().file.ok());
    EXPECT_TRUE(writer.TakePlace().ok());
    // And one that never recovers is told so at the end.
    disk_.FailAt(1, SQLITE_FULL, false);
    writer.Submit(*writer.TakePlace(), Charge(100, [&](const Status& status) {
      EXPECT_EQ(status.reason(), "ledger_stopped");
      ++given_up;
    }));
    ASSERT_TRUE(Until([&] { return !writer.health().file.ok(); }));
  }
  disk_.Mend();
  EXPECT_EQ(given_up, 1);
  EXPECT_TRUE(Booked() == 20);
}

// Who waits isn't kept for as long as the disk is full, and what they were told was not written isn't, later either.
TEST_F(BookWriterTest, WhoWaitsForAFullDiskIsToldAndNothingOfItIsWritten) {
  std::atomic<int> runs = 0, told = 0;
  {
    BookWriter writer(Open(), clock_,
                      {.lag_max = std::chrono::milliseconds(50), .retry_wait = std::chrono::milliseconds(5)});
    disk_.FailAt(1, SQLITE_FULL, false);
    const auto write = [&](int64_t number) {
      return writer.Write([&runs, number](Books& books) {
        ++runs;
        return books.Write(Single(number, kDebtor, kCreditor, 1)).status();
      });
    };
    // Some are in the group that is tried again, some behind it.
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&, i] {
        const Status lags = write(i);
        told += lags.reason() == "ledger_busy" && lags.retry_after_ms() > 0;
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(told, 8);
    EXPECT_TRUE(Until([&] { return writer.health().places == 0; })) << "and their places are given back";
    const int before = runs;
    disk_.Mend();
    EXPECT_TRUE(write(100).ok());
    EXPECT_EQ(runs, before + 1);
  }
  EXPECT_TRUE(Booked() == 1);
}

TEST_F(BookWriterTest, DamageStopsItForGood) {
  BookWriter writer(Open(), clock_);
  disk_.FailAt(1, SQLITE_CORRUPT, false);
  EXPECT_EQ(writer.Write([](Books& books) { return books.Write(Single(1, kDebtor, kCreditor, 1)).status(); }).reason(),
            "ledger_stopped");
  disk_.Mend();
  EXPECT_TRUE(writer.health().stopped);
  EXPECT_EQ(writer.TakePlace().status().reason(), "ledger_stopped");
}

TEST_F(BookWriterTest, HeadsAreKeptWithoutEntries) {
  HeadKeeper heads(folder_.heads(), clock_, std::chrono::milliseconds(300));
  BookWriter writer(*Books::Open(folder_.ledger(), clock_, &heads), clock_);
  ChainHeads written;
  ASSERT_TRUE(writer
                  .Write([&](Books& books) {
                    for (const Account& account : {kDebtor, kCreditor}) {
                      const Status opened = books.OpenAccount(account).status();
                      if (!opened.ok()) return opened;
                    }
                    return Status::Ok();
                  })
                  .ok());
  // Two entries at once, of which the second comes within the interval, and nothing after it.
  for (int number : {1, 2}) {
    ASSERT_TRUE(writer
                    .Write([&](Books& books) {
                      const Status charged = books.Write(Single(number, kDebtor, kCreditor, 1)).status();
                      written = books.heads();
                      return charged;
                    })
                    .ok());
  }
  EXPECT_TRUE(Until([&] { return *ReadHeads(folder_.heads()) == written; }));
}

TEST_F(BookWriterTest, ExpiriesAreWrittenWithoutEntries) {
  BookWriter writer(Open(), clock_);
  ASSERT_TRUE(
      writer.Write([](Books& books) { return books.Write(Reserve(1, kDebtor, kCreditor, 5, 50)).status(); }).ok());
  const auto open = [&] {
    size_t reserves = 99;
    EXPECT_TRUE(writer
                    .Write([&](Books& books) {
                      reserves = books.balances().open_reserves();
                      return Status::Ok();
                    })
                    .ok());
    return reserves;
  };
  const uint64_t groups = writer.health().groups;
  ASSERT_TRUE(Until([&] { return writer.health().groups > groups; }));
  EXPECT_EQ(open(), 0u);
}

}  // namespace
}  // namespace bedplate

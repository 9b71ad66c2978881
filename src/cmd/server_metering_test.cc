// Method: a server's books in a folder, opened, used and opened again; what /metrics says of them, and what is left
// behind.
#include "cmd/server_metering.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/cat.h"
#include "ledger/book_rows.h"
#include "ledger/kept_books.h"

namespace bedplate {
namespace {

class ServerMeteringTest : public testing::Test {
 protected:
  ServerMeteringTest() { std::filesystem::create_directories(folder_ / "data"); }
  ~ServerMeteringTest() override { std::filesystem::remove_all(folder_); }
  [[nodiscard]] LedgerFiles Files() const {
    return {.books = folder_ / "data/ledger.sqlite3",
            .heads = folder_ / "data.ledger-head",
            .recorder = folder_ / "data/flight-recorder"};
  }
  /// As a gate has them: the books end first.
  struct Both {
    std::unique_ptr<ServerMetering> metering;
    std::unique_ptr<KeptBooks> books;
  };
  [[nodiscard]] Both Open() {
    Both both;
    both.books = *KeptBooks::Open(Files().books, Files().heads, clock_);
    auto opened = ServerMetering::Open(*inner_, both.books->writer(), Files(), clock_);
    EXPECT_TRUE(opened.ok()) << opened.status().message();
    both.metering = *std::move(opened);
    return both;
  }
  static std::unique_ptr<Permit> AdmitOne(const Both& both, std::string request) {
    Admitted admitted = both.metering->admission().Admit({.tenant = "acme", .project = "search", .key = "k"},
                                                         {.model = "m", .request = std::move(request)});
    return std::get<std::unique_ptr<Permit>>(std::move(admitted));
  }
  static bool Says(const Both& both, std::string_view line) {
    std::string page;
    both.metering->AppendMetrics(page);
    return page.find(Cat("\n", line, "\n")) != std::string::npos;
  }

  const std::filesystem::path folder_ = std::filesystem::temp_directory_path() / Cat("bedplate-books-of-", ::getpid());
  const SystemClock clock_;
  const std::unique_ptr<Admission> inner_ = MakeOpenAdmission();
};

TEST_F(ServerMeteringTest, WhatWasSettledIsBookedWhenTheyClose) {
  {
    const Both books = Open();
    auto running = AdmitOne(books, "req_1");
    EXPECT_TRUE(Says(books, "bedplate_metering_slots_taken 1"));
    EXPECT_TRUE(Says(books, "bedplate_ledger_places 1"));
    EXPECT_TRUE(Says(books, "bedplate_ledger_writable 1"));
    running->Settle({.prompt_tokens = 5, .output_tokens = 2});
  }
  {
    DatabaseOptions options = LedgerFileOptions();
    options.read_only = true;
    const auto database = *Database::Open(Files().books, std::move(options));
    EXPECT_EQ(UsageByRequest(*database, "req_1")->size(), 1u);
    EXPECT_EQ(*HighestEpoch(*database, "gateway-1"), 1);
    EXPECT_EQ(*HighestEpoch(*database, "another"), 0);
  }
  EXPECT_TRUE(ReadHeads(Files().heads).ok());
  EXPECT_TRUE(Says(Open(), "bedplate_metering_recovered_total 0"));
}

TEST_F(ServerMeteringTest, ASecondOneOnTheRecorderIsRefused) {
  const Both both = Open();
  EXPECT_EQ(ServerMetering::Open(*inner_, both.books->writer(), Files(), clock_).status().code(),
            StatusCode::kUnavailable);
}

}  // namespace
}  // namespace bedplate

// Method: a small set of books in each format, to the letter; names and dates that formats or calendars make hard. That
// ledger, hledger and beancount agree is proofs/books-balance.

#include "ledger/export_books.h"

#include <gtest/gtest.h>

#include "ledger/books_testing.h"

namespace bedplate {
namespace {

TEST(ExportBooks, EachFormatToTheLetter) {
  BooksFolder folder;
  SimClock clock;
  clock.Advance(std::chrono::hours(24 * 40));
  const auto books = *Books::Open(folder.ledger(), clock, nullptr);
  const Account debit = MoneyAccount("Assets:acme.x"), credit = MoneyAccount("Income:Inference");
  ASSERT_TRUE(books->OpenAccount(debit).ok());
  ASSERT_TRUE(books->OpenAccount(credit).ok());
  Transfer transfer = Single(1, debit, credit, 150'000);
  transfer.reference = "req \"1\"; x";
  ASSERT_TRUE(books->Write(transfer).ok());
  ASSERT_TRUE(books->Write(Reserve(2, debit, credit, 5)).ok());
  ASSERT_TRUE(books->ClosePeriod(int64_t{86'400'000'000} * 31, "ada").ok());
  ASSERT_TRUE(books->Write(Resolve(3, Reserve(2, debit, credit, 5), 0)).ok());
  const auto text = [&](ExportFormat format) {
    std::string out;
    EXPECT_TRUE(ExportBooks(books->database(), format, [&](std::string_view piece) { out += piece; }).ok());
    return out;
  };
  const std::string id = IdText(IdOf(1).value), last = IdText(IdOf(3).value);
  const std::string journal =
      Cat("; Bedplate\n\naccount Assets:acme.x\naccount Income:Inference\n\n"
          "1970-01-01 * charge req _1__ x\n    ; number: 1\n    ; id: ",
          id,
          "\n    Assets:acme.x  0.00000015 USD\n    Income:Inference  -0.00000015 USD\n\n"
          "1970-02-01 * charge correction\n    ; number: 3\n    ; id: ",
          last, "\n    Assets:acme.x  0.00 USD\n    Income:Inference  0.00 USD\n\n");
  EXPECT_EQ(text(ExportFormat::kLedger), journal);
  EXPECT_EQ(text(ExportFormat::kHledger), journal);
  const std::string name = Cat("Assets:Acme-x-", IdText(debit.Id().value).substr(0, 12));
  EXPECT_EQ(
      text(ExportFormat::kBeancount),
      Cat("option \"title\" \"Bedplate\"\n\n1970-01-01 open ", name,
          " USD\n  name: \"Assets:acme.x\"\n1970-01-01 open Income:Inference USD\n  name: \"Income:Inference\"\n\n"
          "1970-01-01 * \"charge req _1__ x\"\n  number: 1\n  id: \"",
          id, "\"\n    ", name, "  0.00000015 USD\n    Income:Inference  -0.00000015 USD\n\n",
          "1970-02-01 * \"charge correction\"\n  number: 3\n  id: \"", last, "\"\n    ", name,
          "  0.00 USD\n    Income:Inference  0.00 USD\n\n"));
}

TEST(ExportBooks, NamesStayApart) {
  const auto name = [](std::string own) {
    return ExportedName(MoneyAccount(std::move(own)), ExportFormat::kBeancount);
  };
  EXPECT_EQ(name("Assets:Acme:2-x"), "Assets:Acme:2-x");
  EXPECT_NE(name("Assets:a.b"), name("Assets:a_b"));
  EXPECT_NE(name("Assets:acme"), name("Assets:Acme"));
  EXPECT_TRUE(name("Assets:_x").starts_with("Assets:X-x-"));
}

TEST(ExportBooks, DatesAreUtcWithLeapDays) {
  constexpr int64_t kDayUs = int64_t{86'400} * 1'000'000;
  EXPECT_EQ(DateText(0), "1970-01-01");
  EXPECT_EQ(DateText(kDayUs - 1), "1970-01-01");
  EXPECT_EQ(DateText(1'709'164'800 * int64_t{1'000'000} - 1), "2024-02-28");
  EXPECT_EQ(DateText(1'709'164'800 * int64_t{1'000'000}), "2024-02-29");
  EXPECT_EQ(DateText(1'709'251'200 * int64_t{1'000'000}), "2024-03-01");
  EXPECT_EQ(DateText(4'107'542'400 * int64_t{1'000'000} - kDayUs), "2100-02-28");
  EXPECT_EQ(DateText(4'107'542'400 * int64_t{1'000'000}), "2100-03-01");
  EXPECT_EQ(DateText(kUnixUsMax), "9999-12-31");
}

}  // namespace
}  // namespace bedplate

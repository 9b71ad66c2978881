#pragma once
/// What tests of the books share: a folder that goes away, a clock that stands still, accounts and short transfers.

#include <unistd.h>

#include <filesystem>
#include <string>

#include "base/cat.h"
#include "base/clock.h"
#include "ledger/book_writer.h"
#include "ledger/books.h"

namespace bedplate {

/// A folder of its own for each object.
class BooksFolder {
 public:
  BooksFolder() {
    static int made = 0;
    path_ = std::filesystem::temp_directory_path() / Cat("bedplate-books-", ::getpid(), "-", ++made);
    std::filesystem::create_directories(path_);
  }
  ~BooksFolder() { std::filesystem::remove_all(path_); }
  BooksFolder(const BooksFolder&) = delete;
  BooksFolder& operator=(const BooksFolder&) = delete;
  [[nodiscard]] std::filesystem::path ledger() const { return path_ / "ledger.sqlite3"; }
  [[nodiscard]] std::filesystem::path heads() const { return path_ / "kept.heads"; }

 private:
  std::filesystem::path path_;
};

inline Account MoneyAccount(std::string name, AccountRule rule = AccountRule::kNone) {
  return {.unit = Unit::kPicodollar, .rule = rule, .name = std::move(name)};
}

inline TransferId IdOf(int64_t number) {
  return {DerivedId("test", {Cat(number)})};
}

inline Transfer Single(int64_t number, const Account& debit, const Account& credit, Int128 amount) {
  return {.id = IdOf(number), .debit = debit.Id(), .credit = credit.Id(), .amount = amount};
}

inline Transfer Reserve(int64_t number, const Account& debit, const Account& credit, Int128 amount,
                        uint32_t timeout_ms = 0) {
  return {.id = IdOf(number),
          .kind = Transfer::Kind::kReserve,
          .debit = debit.Id(),
          .credit = credit.Id(),
          .amount = amount,
          .timeout_ms = timeout_ms};
}

/// A post of so much of the reserve; a void without an amount.
inline Transfer Resolve(int64_t number, const Transfer& reserve, std::optional<Int128> amount) {
  return {.id = IdOf(number),
          .kind = amount ? Transfer::Kind::kPost : Transfer::Kind::kVoid,
          .debit = reserve.debit,
          .credit = reserve.credit,
          .amount = amount.value_or(0),
          .pending = reserve.id};
}

/// Writes the event, and charges its tenant.
inline Status RecordAndCharge(BookWriter& writer, const UsageEvent& event) {
  const Account payer = MoneyAccount(Cat("Assets:Receivable:", event.tenant)), earner = MoneyAccount("Income:Usage");
  return writer.Write([&](Books& books) -> Status {
    for (const Account& account : {payer, earner}) BP_RETURN_IF_ERROR(std::move(books.OpenAccount(account)).status());
    return std::move(books.RecordUsage(event, Settlement{.payer = payer.Id(), .earner = earner.Id()})).status();
  });
}

}  // namespace bedplate

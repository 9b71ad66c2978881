#include "ledger/export_books.h"

#include <chrono>
#include <map>

#include "base/cat.h"
#include "ledger/book_rows.h"

namespace bedplate {
namespace {

bool IsAlphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/// beancount: parts begin with a capital or a digit and go on with letters, digits and '-'.
std::string BeancountName(const Account& account) {
  std::string name;
  bool begins = true;
  for (char c : account.name) {
    if (begins && c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    if (begins && !IsAlphanumeric(c)) name += 'X';  // what it begins with follows
    name += c == ':' || IsAlphanumeric(c) ? c : '-';
    begins = c == ':';
  }
  if (name != account.name) name += Cat("-", IdText(account.Id().value).substr(0, 12));
  return name;
}

/// Of a string in beancount's and ledger's manner: references come from clients.
std::string Quotable(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = c >= ' ' && c <= '~' && c != '"' && c != '\\' && c != ';' && c != '|';
    out += plain ? c : '_';
  }
  return out;
}

class Exporter {
 public:
  Exporter(Database& database, ExportFormat format, const std::function<void(std::string_view)>& write)
      : database_(database), format_(format), write_(write) {}

  Status Run() {
    write_(format_ == ExportFormat::kBeancount ? "option \"title\" \"Bedplate\"\n\n" : "; Bedplate\n\n");
    BP_RETURN_IF_ERROR(VisitAccountRows(database_, [&](const Account& account, int64_t, std::string_view) {
      const std::string& name =
          accounts_.try_emplace(account.Id(), account.unit, ExportedName(account, format_)).first->second.second;
      if (format_ == ExportFormat::kBeancount) {
        write_(Cat("1970-01-01 open ", name, " ", UnitName(account.unit), "\n  name: \"", account.name, "\"\n"));
      } else {
        write_(Cat("account ", name, "\n"));
      }
      return Status::Ok();
    }));
    write_("\n");
    return VisitTransferRows(database_, [&](const BookedTransfer& booked, int64_t, std::string_view) -> Status {
      const Transfer::Kind kind = booked.transfer.kind;
      if (kind != Transfer::Kind::kSingle && kind != Transfer::Kind::kPost) return Status::Ok();
      return Transaction(booked);
    });
  }

 private:
  Status Transaction(const BookedTransfer& booked) {
    const Transfer& transfer = booked.transfer;
    const auto debit = accounts_.find(transfer.debit), credit = accounts_.find(transfer.credit);
    if (debit == accounts_.end() || credit == accounts_.end()) {
      return Status::DataLoss(Cat("the account of row ", booked.number, " of transfers is unknown"));
    }
    const auto& [unit, debit_name] = debit->second;
    const std::string amount = AmountText(transfer.amount, unit);
    const std::string what = Cat(CodeName(transfer.code), booked.correction ? " correction" : "",
                                 transfer.reference.empty() ? "" : " ", Quotable(transfer.reference));
    const bool beancount = format_ == ExportFormat::kBeancount;
    const std::string_view quote = beancount ? "\"" : "";
    const std::string_view number_mark = beancount ? "  number: " : "    ; number: ";
    write_(Cat(DateText(booked.booked_unix_us), " * ", quote, what, quote, "\n", number_mark, booked.number, "\n",
               beancount ? "  id: \"" : "    ; id: ", IdText(transfer.id.value), quote, "\n"));
    write_(Cat("    ", debit_name, "  ", amount, " ", UnitName(unit), "\n    ", credit->second.second, "  ",
               transfer.amount == 0 ? "" : "-", amount, " ", UnitName(unit), "\n\n"));
    return Status::Ok();
  }

  Database& database_;
  const ExportFormat format_;
  const std::function<void(std::string_view)>& write_;
  std::map<AccountId, std::pair<Unit, std::string>> accounts_;
};

}  // namespace

std::optional<ExportFormat> ParseExportFormat(std::string_view name) {
  if (name == "ledger") return ExportFormat::kLedger;
  if (name == "hledger") return ExportFormat::kHledger;
  if (name == "beancount") return ExportFormat::kBeancount;
  return std::nullopt;
}

std::string ExportedName(const Account& account, ExportFormat format) {
  return format == ExportFormat::kBeancount ? BeancountName(account) : account.name;
}

std::string DateText(int64_t unix_us) {
  const std::chrono::sys_time time{std::chrono::microseconds(unix_us)};
  const std::chrono::year_month_day date(std::chrono::floor<std::chrono::days>(time));
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()));
}

Status ExportBooks(Database& database, ExportFormat format, const std::function<void(std::string_view)>& write) {
  BP_RETURN_IF_ERROR(database.Execute("BEGIN"));
  Status exported = Exporter(database, format, write).Run();
  BP_RETURN_IF_ERROR(database.Execute("COMMIT"));
  return exported;
}

}  // namespace bedplate

#pragma once
/// What commands, the control socket and the admin API do with tenants and with the books: every verb of the table
/// (tenancy/roles.h) goes through Do(), whoever asks. Tenants and keys are done by Tenants, and so is what budgets are;
/// here are what is spent of them, prices, usage, requests and the closing of periods.
///
///   Office office(*tenants, {.writer = &writer, .file = data / "ledger.sqlite3"}, clock);
///   office.Do(Caller::Key(id), "usage.report", Json::Object{{"bucket", "day"}, {"group_by", "model"}});
///
/// What a caller sees of usage is what their role reaches: the tenant's, the project's, or their key's own. A price and
/// a close have their rows in the audit before they have them in the books.
///
/// Threads: any. Reading opens the file anew beside its writer; writing waits for the disk.
/// Errors:  those of Tenants::Do; kNotFound, reason "no_books", where none are kept; "request_not_found"; closing:
/// kConflict,
///          reasons "requests_run" and "open_holds"; those of books.h and reports/usage_report.h.

#include <filesystem>
#include <functional>
#include <string_view>

#include "base/clock.h"
#include "base/json.h"
#include "base/status.h"
#include "ledger/book_writer.h"
#include "ledger/budgets/leased_budgets.h"
#include "ledger/model_names.h"
#include "ledger/reports/usage_report.h"
#include "ledger/tenancy/tenants.h"

namespace bedplate {

class Office {
 public:
  /// Where the books are kept: by whom they are written, and the file to read.
  struct BooksKept {
    BookWriter* writer = nullptr;  // null: none are
    std::filesystem::path file = {};
    LeasedBudgets* budgets = nullptr;  // that requests meet; null: no requests run
    /// How many requests that began before a time (microseconds) run or aren't booked yet; none: no requests run.
    std::function<size_t(int64_t)> unbooked_before = {};
    ModelNames models = {};  // an argument may name a model by any of them
  };
  /// All of them outlive this.
  Office(Tenants& tenants, BooksKept books, const Clock& clock)
      : tenants_(tenants), books_(std::move(books)), clock_(clock) {}

  Result<Json> Do(const Caller& caller, std::string_view verb, const Json& arguments);
  /// The reply to a line that came through the control socket (tenancy/control_message.h), whatever it is.
  std::string AnswerControl(const Caller& caller, std::string_view line);
  [[nodiscard]] std::shared_ptr<const TenantState> state() const { return tenants_.state(); }

 private:
  [[nodiscard]] Json WithModelIds(const Json& arguments) const;
  Result<Json> DoBudgets(const Caller& caller, const VerbRow& row, const Json& arguments);
  Status AddFigures(std::vector<Json::Object*> budgets);
  Result<Json> AddPrice(const Actor& actor, const Arguments& arguments);
  /// reader: the same caller, as far as they see usage.
  Result<Json> ListPrices(const Actor& actor, const Actor& reader, const Arguments& arguments);
  /// The month's tokens that had no price; empty names: of all.
  Result<Json::Array> ListUnpriced(const Actor& actor, const std::string& tenant, const std::string& model) const;
  Result<Json> ReportUsageTo(const Actor& actor, const Arguments& arguments);
  Result<Json> ListRequests(const Actor& actor, const Arguments& arguments);
  Result<Json> ShowRequest(const Actor& actor, const Arguments& arguments);

  Result<Json> ClosePeriod(const Actor& actor, const Arguments& arguments);
  Result<Json> ListPeriods();

  [[nodiscard]] Result<std::unique_ptr<Database>> OpenToRead() const;
  /// The time and the names that the arguments ask for, within what the actor reaches.
  Result<UsageQuery> QueryOf(const Actor& actor, const Arguments& arguments) const;

  Tenants& tenants_;
  const BooksKept books_;
  const Clock& clock_;
};

}  // namespace bedplate

#include "cmd/ledger_verify.h"

#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <optional>

#include "base/cat.h"
#include "cmd/catalogue.h"
#include "cmd/ledger_files.h"
#include "cmd/table.h"
#include "ledger/book_rows.h"
#include "ledger/reports/ledger_json.h"
#include "ledger/tenancy/tenant_audit.h"
#include "ledger/verify_books.h"

namespace bedplate {
namespace {

Status NoHeadsKept(const std::filesystem::path& path, std::string_view option) {
  return Status::NotFound(Cat("there are no kept heads in ", path.string(),
                              ", without which an end that was cut off can't be seen; name the file with ", option,
                              ", or do without it by --without-head"));
}

/// The audit's two files, where the data folder has tenants.
struct AuditFiles {
  std::filesystem::path store, heads;
};
Result<std::optional<AuditFiles>> FindAudit(const LedgerVerifyOptions& options) {
  BP_ASSIGN_OR_RETURN(const std::filesystem::path data, DataFolder());
  if (!Tenants::AreIn(data)) {
    if (options.store.secret_file.empty()) return std::optional<AuditFiles>();
    return Status::NotFound(Cat("a secret file is named, but there are no tenants in ", data.string()));
  }
  if (options.without_head) return std::optional(AuditFiles{.store = data / TenantStore::kFileName, .heads = {}});
  BP_ASSIGN_OR_RETURN(const Tenants::Options where, TenantOptions(options.store));
  return std::optional(AuditFiles{.store = Tenants::StorePath(where), .heads = Tenants::HeadsPath(where)});
}

Status VerifyAuditOf(const AuditFiles& files, VerifyReport& report) {
  // The head first: a server may write rows meanwhile, and then the chain has grown beyond it, which is no finding.
  std::optional<ChainHead> kept;
  if (!files.heads.empty()) {
    const Result<ChainHead> head = ReadAuditHead(files.heads);
    if (head.status().code() == StatusCode::kNotFound) return NoHeadsKept(files.heads, "--secret-file");
    if (!head.ok()) return head.status();
    kept = *head;
  }
  const auto verified = [&]() -> Result<ChainHead> {
    BP_ASSIGN_OR_RETURN(const std::unique_ptr<Database> database, OpenTenantsToRead(files.store));
    return VerifyAudit(*database, kept);
  }();
  if (verified.ok()) {
    report.heads.insert_or_assign(std::string(kAuditChain), *verified);
    return Status::Ok();
  }
  if (verified.status().code() != StatusCode::kDataLoss) return verified.status();
  report.findings.push_back(verified.status().message());
  return Status::Ok();
}

Result<VerifyReport> VerifyBooksIn(const LedgerVerifyOptions& options, const LedgerFiles& files) {
  DatabaseOptions to_read = LedgerFileOptions();
  to_read.read_only = true;
  BP_ASSIGN_OR_RETURN(const std::unique_ptr<Database> database, Database::Open(files.books, std::move(to_read)));
  std::optional<ChainHeads> kept;
  if (!options.without_head) {
    Result<ChainHeads> heads = ReadHeads(files.heads);
    if (heads.status().code() == StatusCode::kNotFound) return NoHeadsKept(files.heads, "--head");
    if (!heads.ok()) return std::move(heads).status();
    kept = *std::move(heads);
  }
  return VerifyBooks(*database, {.kept = kept ? &*kept : nullptr});
}

void PrintReport(const VerifyReport& report) {
  Table table({Table::Align::kLeft, Table::Align::kRight, Table::Align::kLeft});
  for (const auto& [chain, head] : report.heads) table.Row({chain, Cat(head.rows), HexOf(head.hash)});
  fmt::print("{}", table.Text());
  for (const std::string& finding : report.findings) fmt::print("WRONG  {}\n", finding);
}

}  // namespace

Status VerifyLedger(const LedgerVerifyOptions& options) {
  BP_ASSIGN_OR_RETURN(const LedgerFiles files, FindLedgerFiles(options.store.ledger_head));
  BP_ASSIGN_OR_RETURN(const std::optional<AuditFiles> audit, FindAudit(options));
  // Tenants may have no books yet; books whose heads were kept, and that are gone, are missed.
  std::error_code error;
  const bool no_books_yet =
      audit && !std::filesystem::exists(files.books, error) && !std::filesystem::exists(files.heads, error);
  VerifyReport report;
  if (!no_books_yet) {
    BP_ASSIGN_OR_RETURN(report, VerifyBooksIn(options, files));
  }
  if (audit) BP_RETURN_IF_ERROR(VerifyAuditOf(*audit, report));
  options.json ? fmt::print("{}\n", VerifyJson(report)) : PrintReport(report);
  if (!report.findings.empty()) {
    return Status::DataLoss(Cat("what lies in ", files.books.parent_path().string(), " is not what was written: ",
                                report.findings.size(), report.findings.size() == 1 ? " finding" : " findings"));
  }
  if (options.json) return Status::Ok();
  const std::string_view what = no_books_yet ? "There are no books yet. Every row of the audit"
                                : audit      ? "The books balance, and every row of theirs and of the audit"
                                             : "The books balance, and every row";
  fmt::print(
      "{} is as it was written{}.\n", what,
      options.without_head ? "; no head outside was compared" : ", up to the head that was kept outside and beyond");
  return Status::Ok();
}

}  // namespace bedplate

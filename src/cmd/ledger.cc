// bedplate ledger: checks the books, shows what a request cost and why, exports them for other programs, and closes
// periods.
#include <fmt/chrono.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "base/cat.h"
#include "cmd/commands.h"
#include "cmd/ledger_files.h"
#include "cmd/ledger_verify.h"
#include "cmd/table.h"
#include "cmd/tenant_access.h"
#include "cmd/tenant_print.h"
#include "cmd/time_text.h"
#include "ledger/book_rows.h"
#include "ledger/export_books.h"
#include "ledger/reports/ledger_json.h"
#include "ledger/reports/ledger_trace.h"

namespace bedplate {
namespace {

struct LedgerOptions {
  std::string action;
  std::string id;
  std::string format = "ledger";
  std::string end;
  LedgerVerifyOptions verify;  // and what all share
};

Result<std::unique_ptr<Database>> OpenToRead(const LedgerFiles& files) {
  DatabaseOptions options = LedgerFileOptions();
  options.read_only = true;
  return Database::Open(files.books, std::move(options));
}

std::string WhenText(int64_t unix_us) {
  return fmt::format("{:%Y-%m-%d %H:%M:%S}", fmt::gmtime(static_cast<std::time_t>(unix_us / 1'000'000)));
}

void Print(const LedgerTrace& trace) {
  using Align = Table::Align;
  for (const BookedUsage& usage : trace.usage) {
    const UsageEvent& event = usage.event;
    fmt::print("usage event {}/{}/{}, number {}\n  request {}, tenant {}, project {}, key {}, model {}, at {} UTC{}\n",
               event.key.producer, event.key.epoch, event.key.sequence, usage.number, event.request, event.tenant,
               event.project, event.api_key, event.model, WhenText(event.occurred_unix_us),
               event.estimated ? ", estimated" : "");
    Table table({Align::kLeft, Align::kRight, Align::kLeft, Align::kRight});
    for (size_t i = 0; i < kMeters; ++i) {
      const auto meter = static_cast<Meter>(i + 1);
      if (event.quantities[i] == 0) continue;
      const auto charge =
          std::find_if(usage.charges.begin(), usage.charges.end(), [&](const Charge& of) { return of.meter == meter; });
      const bool priced = charge != usage.charges.end();
      table.Row({std::string(MeterName(meter)), Cat(event.quantities[i]),
                 priced ? Cat("at price ", charge->price_number) : "no price",
                 priced ? Cat("$", DollarsText(charge->amount)) : "-"});
    }
    fmt::print("{}  costs ${}\n", table.Text("  "), DollarsText(usage.Total()));
  }
  Table table({Align::kRight, Align::kLeft, Align::kLeft, Align::kLeft, Align::kRight, Align::kLeft, Align::kLeft,
               Align::kLeft});
  table.Row({"NUMBER", "TRANSFER", "KIND", "FOR", "AMOUNT", "DEBIT", "CREDIT", "BOOKED (UTC)"});
  for (const BookedTransfer& booked : trace.transfers) {
    const Transfer& transfer = booked.transfer;
    table.Row(
        {Cat(booked.number), IdText(transfer.id.value), std::string(KindName(transfer.kind)),
         Cat(CodeName(transfer.code), booked.correction ? " (correction)" : ""),
         Cat(AmountText(transfer.amount, trace.UnitOf(transfer.debit)), " ", UnitName(trace.UnitOf(transfer.debit))),
         trace.NameOf(transfer.debit), trace.NameOf(transfer.credit), WhenText(booked.booked_unix_us)});
  }
  fmt::print("{}", table.Text());
}

Status RunShow(const LedgerOptions& options) {
  if (options.id.empty())
    return Status::InvalidArgument("show what? give a request's id, a transfer's, or PRODUCER/EPOCH/NUMBER");
  BP_ASSIGN_OR_RETURN(const LedgerFiles files, FindLedgerFiles(options.verify.store.ledger_head));
  BP_ASSIGN_OR_RETURN(const std::unique_ptr<Database> database, OpenToRead(files));
  BP_ASSIGN_OR_RETURN(const LedgerTrace trace, TraceOf(*database, options.id));
  if (options.verify.json) {
    fmt::print("{}\n", TraceJson(trace));
  } else {
    Print(trace);
  }
  return Status::Ok();
}

Status RunExport(const LedgerOptions& options) {
  BP_ASSIGN_OR_RETURN(const LedgerFiles files, FindLedgerFiles(options.verify.store.ledger_head));
  BP_ASSIGN_OR_RETURN(const std::unique_ptr<Database> database, OpenToRead(files));
  bool whole = true;
  BP_RETURN_IF_ERROR(ExportBooks(*database, *ParseExportFormat(options.format), [&](std::string_view text) {
    whole = whole && std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  }));
  if (!whole || std::fflush(stdout) != 0) return Status::IoError("could not write the export to standard output");
  return Status::Ok();
}

Status RunClose(const LedgerOptions& options) {
  Json::Object arguments;
  BP_RETURN_IF_ERROR(AppendTime("--end", options.end, "end", arguments));
  BP_ASSIGN_OR_RETURN(const Json closed, DoInOffice(options.verify.store, "period.close", arguments));
  if (options.verify.json) {
    PrintJson(closed);
    return Status::Ok();
  }
  PrintTable(*closed.Find("trial_balance"), {{"ACCOUNT", "account"},
                                             {"UNIT", "unit"},
                                             {"DEBITS", "debits", ColumnKind::kNumber},
                                             {"CREDITS", "credits", ColumnKind::kNumber}});
  fmt::print(
      "Period {} is closed: what was booked before {} doesn't change any more. What comes late is booked after it, as "
      "a "
      "correction.\n",
      closed.Find("number")->as_int(), UtcTimeText(closed.Find("end_at")->as_int()));
  return Status::Ok();
}

Status RunPeriods(const LedgerOptions& options) {
  BP_ASSIGN_OR_RETURN(const Json listed, DoInOffice(options.verify.store, "period.list", Json(Json::Object{})));
  if (options.verify.json) {
    PrintJson(listed);
    return Status::Ok();
  }
  if (listed.Find("data")->as_array().empty()) {
    fmt::print("No period is closed.\n");
    return Status::Ok();
  }
  PrintTable(*listed.Find("data"), {{"NUMBER", "number", ColumnKind::kNumber},
                                    {"FROM", "from_at", ColumnKind::kTime},
                                    {"END", "end_at", ColumnKind::kTime},
                                    {"TRANSFERS", "transfers", ColumnKind::kNumber},
                                    {"CLOSED BY", "closed_by"},
                                    {"CLOSED", "closed_at", ColumnKind::kTime}});
  return Status::Ok();
}

Status RunLedger(const LedgerOptions& options) {
  if (options.action == "verify") return VerifyLedger(options.verify);
  if (options.action == "show") return RunShow(options);
  if (options.action == "export") return RunExport(options);
  return options.action == "close" ? RunClose(options) : RunPeriods(options);
}

}  // namespace

void AddLedgerCommand(Program& program) {
  auto options = std::make_shared<LedgerOptions>();
  CommandLine command = program.Add("ledger", "Check the books, show what a request cost, export them, close periods",
                                    [options] { return RunLedger(*options); });
  command.Add(
      "ACTION", &options->action,
      "verify: check every row, chain and balance, and the audit of tenants; show: trace one request to its "
      "transfers; export: print the "
      "transfers as plain-text accounting; close: end the open period, for good; periods: those that are closed",
      {.required = true, .choices = {"verify", "show", "export", "close", "periods"}});
  command.Add("ID", &options->id, "show: a request's id, a transfer's (32 hex digits), or PRODUCER/EPOCH/NUMBER");
  command.Add("--format", &options->format, "export: for which program",
              {.choices = {"ledger", "hledger", "beancount"}});
  command.Add("--end", &options->end,
              "close: 2027-02-01 or 2027-02-01T12:00:00Z, not included; default: this month's beginning");
  command.Add("--head", &options->verify.store.ledger_head,
              "verify: the file of the heads that were kept outside the data folder; default: beside the folder, under "
              "its name and .ledger-head",
              {.setting = "ledger_head"});
  command.Add("--secret-file", &options->verify.store.secret_file,
              "verify: beside which the head of the tenants' audit is kept; default: bedplate/secrets.toml in "
              "$XDG_CONFIG_HOME or ~/.config",
              {.setting = "secret_file"});
  command.Add("--without-head", &options->verify.without_head,
              "verify: compare no head: what lost its end is not seen");
  command.Add("--json", &options->verify.json, "print one JSON object; amounts are decimal strings");
  command.Footer(
      "Reads ledger.sqlite3 and, to verify, tenants.sqlite3 in the data folder, also while a server writes them. To "
      "close "
      "is\ndone by the server, where one runs.\n"
      "Examples:\n"
      "  bedplate ledger verify\n"
      "  bedplate ledger show req_8f14e45f\n"
      "  bedplate ledger close --end 2027-02-01\n"
      "  bedplate ledger export --format beancount > books.beancount && bean-check books.beancount\n"
      "  bedplate ledger export | ledger -f - balance");
}

}  // namespace bedplate

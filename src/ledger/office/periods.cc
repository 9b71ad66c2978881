// Periods: closed by the operator, for all tenants together, once nothing of them is under way any more.
#include "base/cat.h"
#include "base/utc_time.h"
#include "ledger/book_rows.h"
#include "ledger/office/office.h"

namespace bedplate {
namespace {

std::string TimeText(int64_t unix_us) {
  return UtcText(unix_us / kSecondUs);
}

/// from_unix_us: the end of the one before; none where it is the first.
Json::Object PeriodJson(const PeriodClose& close, std::optional<int64_t> from_unix_us) {
  return Json::Object{{"object", "period"},
                      {"number", close.number},
                      {"from_at", from_unix_us ? Json(*from_unix_us / kSecondUs) : Json()},
                      {"end_at", close.end_unix_us / kSecondUs},
                      {"closed_by", close.closer},
                      {"closed_at", close.written_unix_us / kSecondUs},
                      {"transfers", static_cast<int64_t>(close.transfers.rows)},
                      {"transfers_sha256", HexOf(close.transfers.hash)}};
}

Json TrialBalanceJson(const PeriodClose& close, const Balances& balances) {
  Json::Array lines;
  for (const PeriodClose::Line& line : close.trial_balance) {
    const Account* const account = balances.FindAccount(line.account);
    BP_CHECK(account != nullptr);  // it has transfers
    lines.push_back(Json::Object{{"account", account->name},
                                 {"unit", std::string(UnitName(account->unit))},
                                 {"debits", AmountText(line.debits, account->unit)},
                                 {"credits", AmountText(line.credits, account->unit)}});
  }
  return lines;
}

/// What is held back for something of the period, which would be moved into it or not. What gateways have leased of
/// budgets isn't: it is theirs for as long as they run.
Status CheckNothingIsHeld(Books& books, int64_t end_unix_us) {
  std::vector<TransferId> open;
  books.balances().VisitReserves([&](TransferId id, const OpenReserve&) { open.push_back(id); });
  size_t held = 0;
  std::string first;
  for (const TransferId id : open) {
    BP_ASSIGN_OR_RETURN(const std::optional<BookedTransfer> reserve, FindTransfer(books.database(), id));
    if (!reserve || reserve->transfer.code == Transfer::Code::kLease) continue;
    if (reserve->booked_unix_us >= end_unix_us) continue;
    if (held++ == 0) first = IdText(id.value);
  }
  if (held == 0) return Status::Ok();
  return Status(StatusCode::kConflict,
                Cat(held, held == 1 ? " reserve" : " reserves", " of before ", TimeText(end_unix_us), " ",
                    held == 1 ? "is" : "are", " still open, such as ", first,
                    ": post or void them, or wait until their time is over, then close. `bedplate ledger show ", first,
                    "` says what it is for"))
      .WithReason("open_holds");
}

}  // namespace

Result<Json> Office::ClosePeriod(const Actor& actor, const Arguments& arguments) {
  BP_ASSIGN_OR_RETURN(const auto given, arguments.Int("end"));
  const int64_t end = given ? *given * kSecondUs : BucketBegin(Bucket::kMonth, clock_.UnixSeconds() * kSecondUs);
  const auto may_close = [&](Books& books) -> Status {
    BP_RETURN_IF_ERROR(books.CheckClose(end));
    const size_t unbooked = books_.unbooked_before ? books_.unbooked_before(end) : 0;
    if (unbooked != 0) {
      return Status(
                 StatusCode::kConflict,
                 Cat(unbooked, unbooked == 1 ? " request that began" : " requests that began", " before ",
                     TimeText(end), unbooked == 1 ? " runs or isn't" : " run or aren't",
                     " booked yet: close again when they have ended, or they would be corrections of the next period"))
          .WithReason("requests_run");
    }
    return CheckNothingIsHeld(books, end);
  };
  // Looked at first, so that the audit has no row of a close that could never be.
  BP_RETURN_IF_ERROR(books_.writer->Write(may_close));
  BP_RETURN_IF_ERROR(tenants_.NoteInAudit(actor, "period.close", "", TimeText(end), Json(Json::Object{})));
  Json::Object closed;
  BP_RETURN_IF_ERROR(books_.writer->Write([&](Books& books) -> Status {
    BP_RETURN_IF_ERROR(may_close(books));  // somebody else may have been quicker
    const int64_t from = books.open_period_from_unix_us();
    BP_ASSIGN_OR_RETURN(const PeriodClose close, books.ClosePeriod(end, actor.name));
    closed = PeriodJson(close, close.number == 1 ? std::nullopt : std::optional(from));
    closed.emplace_back("trial_balance", TrialBalanceJson(close, books.balances()));
    return Status::Ok();
  }));
  return Json(std::move(closed));
}

Result<Json> Office::ListPeriods() {
  BP_ASSIGN_OR_RETURN(const std::unique_ptr<Database> database, OpenToRead());
  Json::Array data;
  std::optional<int64_t> from;
  BP_RETURN_IF_ERROR(VisitCloseRows(*database, [&](const PeriodClose& close, int64_t, std::string_view) {
    data.emplace_back(PeriodJson(close, from));
    from = close.end_unix_us;
    return Status::Ok();
  }));
  return Json(Json::Object{
      {"object", "list"}, {"data", std::move(data)}, {"open_from_at", from ? Json(*from / kSecondUs) : Json()}});
}

}  // namespace bedplate

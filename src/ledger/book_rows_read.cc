// Reading rows. A field that can't be what was written is damage and told as such; a row whose fields are possible but
// not those that were written shows by its hash, for whoever checks it.

#include <algorithm>
#include <map>

#include "base/cat.h"
#include "ledger/book_rows.h"

namespace bedplate {
namespace {

/// The columns of one row in their order; remembers whether each was what it should be.
class RowReader {
 public:
  explicit RowReader(const Statement& statement) : statement_(statement) {}

  int64_t Int() { return statement_.IntAt(column_++); }
  bool Bool() { return InRange(0, 1) != 0; }
  int64_t InRange(int64_t least, int64_t most) {
    const int64_t value = Int();
    whole_ = whole_ && value >= least && value <= most;
    return std::clamp(value, least, most);
  }
  template <class Enum>
  Enum As(Enum last) {
    return static_cast<Enum>(InRange(1, static_cast<int64_t>(last)));
  }
  std::string Text() { return statement_.BytesAt(column_++); }
  std::string_view Hash() { return statement_.ViewAt(column_++); }
  Uint128 Identity() { return Whole(IdFromBytes(statement_.ViewAt(column_++))); }
  std::optional<Uint128> OptionalIdentity() {
    if (!statement_.IsNullAt(column_)) return Identity();
    ++column_;
    return std::nullopt;
  }
  std::optional<int64_t> OptionalInt() {
    if (!statement_.IsNullAt(column_)) return Int();
    ++column_;
    return std::nullopt;
  }
  Int128 Amount() { return Whole(FromOrderedBytes(statement_.ViewAt(column_++))); }
  [[nodiscard]] bool whole() const { return whole_; }

 private:
  template <class Value>
  Value Whole(std::optional<Value> value) {
    whole_ = whole_ && value.has_value();
    return value.value_or(0);
  }
  const Statement& statement_;
  int column_ = 0;
  bool whole_ = true;
};

Status BadRow(std::string_view table, int64_t number) {
  return Status::DataLoss(Cat("row ", number, " of ", table, " in the ledger is damaged"));
}

constexpr std::string_view kTransferColumns =
    "number, id, kind, code, debit, credit, amount, pending, timeout_ms, reference, usage, occurred, booked, written,"
    " correction, hash";

BookedTransfer ReadTransfer(RowReader& row) {
  BookedTransfer booked;
  Transfer& transfer = booked.transfer;
  booked.number = row.Int();
  transfer.id = {row.Identity()};
  transfer.kind = row.As(Transfer::Kind::kExpire);
  transfer.code = row.As(Transfer::Code::kRounding);
  transfer.debit = {row.Identity()};
  transfer.credit = {row.Identity()};
  transfer.amount = row.Amount();
  const std::optional<Uint128> pending = row.OptionalIdentity();
  if (pending) transfer.pending = TransferId{*pending};
  transfer.timeout_ms = static_cast<uint32_t>(row.InRange(0, UINT32_MAX));
  transfer.reference = row.Text();
  transfer.usage_number = row.OptionalInt();
  transfer.occurred_unix_us = row.Int();
  booked.booked_unix_us = row.Int();
  booked.written_unix_us = row.Int();
  booked.correction = row.Bool();
  return booked;
}

/// All that the statement, whose values are bound, finds.
Status VisitTransfers(Statement& select, const VisitRow<BookedTransfer>& visit) {
  for (;;) {
    BP_ASSIGN_OR_RETURN(const bool found, select.Step());
    if (!found) return Status::Ok();
    RowReader row(select);
    const BookedTransfer booked = ReadTransfer(row);
    if (!row.whole()) return BadRow(kTransfersChain, booked.number);
    BP_RETURN_IF_ERROR(visit(booked, booked.number, row.Hash()));
  }
}

Result<std::vector<BookedTransfer>> CollectTransfers(Statement& select) {
  std::vector<BookedTransfer> transfers;
  BP_RETURN_IF_ERROR(VisitTransfers(select, [&](const BookedTransfer& transfer, int64_t, std::string_view) {
    transfers.push_back(transfer);
    return Status::Ok();
  }));
  return transfers;
}

Result<std::optional<BookedTransfer>> OneTransfer(Database& database, std::string_view where, std::string_view id) {
  Statement select(database, Cat("SELECT ", kTransferColumns, " FROM transfers WHERE ", where, " = ?"));
  select.Blob(id);
  BP_ASSIGN_OR_RETURN(const std::vector<BookedTransfer> transfers, CollectTransfers(select));
  return transfers.empty() ? std::optional<BookedTransfer>() : transfers.front();
}

constexpr std::string_view kUsageColumns =
    "number, producer, epoch, sequence, request, tenant, project, api_key, model, tier, end_user, tags, prompt, cached,"
    " output, reasoning, accelerator_ms, estimated, occurred, payer, hash";

Status ReadCharges(Database& database, BookedUsage& usage) {
  Statement select(
      database,
      "SELECT meter, price, quantity, total_after, amount, payer FROM charges WHERE usage = ? ORDER BY meter");
  select.Int(usage.number);
  for (;;) {
    BP_ASSIGN_OR_RETURN(const bool found, select.Step());
    if (!found) return Status::Ok();
    RowReader row(select);
    Charge charge;
    charge.meter = row.As(Meter::kAcceleratorMs);
    charge.price_number = row.Int();
    charge.quantity = row.Int();
    charge.total_after = row.Int();
    charge.amount = {row.Amount()};
    const AccountId payer{row.Identity()};  // a copy of the event's, for its index
    if (!row.whole() || usage.payer != payer) return BadRow("charges of usage", usage.number);
    usage.charges.push_back(charge);
  }
}

Status VisitUsage(Database& database, Statement& select, const VisitRow<BookedUsage>& visit) {
  for (;;) {
    BP_ASSIGN_OR_RETURN(const bool found, select.Step());
    if (!found) return Status::Ok();
    RowReader row(select);
    BookedUsage usage;
    UsageEvent& event = usage.event;
    usage.number = row.Int();
    event.key.producer = row.Text();
    event.key.epoch = row.Int();
    event.key.sequence = row.Int();
    for (std::string* field : {&event.request, &event.tenant, &event.project, &event.api_key, &event.model, &event.tier,
                               &event.end_user, &event.tags}) {
      *field = row.Text();
    }
    for (int64_t& quantity : event.quantities) quantity = row.Int();
    event.estimated = row.Bool();
    event.occurred_unix_us = row.Int();
    const std::optional<Uint128> payer = row.OptionalIdentity();
    if (payer) usage.payer = AccountId{*payer};
    if (!row.whole()) return BadRow(kUsageChain, usage.number);
    BP_RETURN_IF_ERROR(ReadCharges(database, usage));
    BP_RETURN_IF_ERROR(visit(usage, usage.number, row.Hash()));
  }
}

Result<std::vector<BookedUsage>> CollectUsage(Database& database, Statement& select) {
  std::vector<BookedUsage> events;
  BP_RETURN_IF_ERROR(VisitUsage(database, select, [&](const BookedUsage& usage, int64_t, std::string_view) {
    events.push_back(usage);
    return Status::Ok();
  }));
  return events;
}

Status ReadLines(Database& database, PeriodClose& close) {
  Statement select(database, "SELECT account, debits, credits FROM close_lines WHERE close = ? ORDER BY account");
  select.Int(close.number);
  for (;;) {
    BP_ASSIGN_OR_RETURN(const bool found, select.Step());
    if (!found) return Status::Ok();
    RowReader row(select);
    PeriodClose::Line line;
    line.account = {row.Identity()};
    line.debits = row.Amount();
    line.credits = row.Amount();
    if (!row.whole()) return BadRow("lines of closes", close.number);
    close.trial_balance.push_back(line);
  }
}

}  // namespace

Status VisitAccountRows(Database& database, const VisitRow<Account>& visit) {
  Statement select(database, "SELECT number, id, unit, rule, name, hash FROM accounts ORDER BY number");
  for (;;) {
    BP_ASSIGN_OR_RETURN(const bool found, select.Step());
    if (!found) return Status::Ok();
    RowReader row(select);
    const int64_t number = row.Int();
    const Uint128 id = row.Identity();
    Account account;
    account.unit = row.As(Unit::kAcceleratorMs);
    account.rule = static_cast<AccountRule>(row.InRange(0, 2));
    account.name = row.Text();
    if (!row.whole() || account.Id().value != id) return BadRow(kAccountsChain, number);
    BP_RETURN_IF_ERROR(visit(account, number, row.Hash()));
  }
}

Status VisitTransferRows(Database& database, const VisitRow<BookedTransfer>& visit) {
  Statement select(database, Cat("SELECT ", kTransferColumns, " FROM transfers ORDER BY number"));
  return VisitTransfers(select, visit);
}

Status VisitUsageRows(Database& database, const VisitRow<BookedUsage>& visit) {
  Statement select(database, Cat("SELECT ", kUsageColumns, " FROM usage ORDER BY number"));
  return VisitUsage(database, select, visit);
}

Status VisitPriceRows(Database& database, const VisitRow<Price>& visit) {
  Statement select(database,
                   "SELECT number, tenant, model, tier, meter, amount, per, valid_from, valid_to, hash FROM prices"
                   " ORDER BY number");
  for (;;) {
    BP_ASSIGN_OR_RETURN(const bool found, select.Step());
    if (!found) return Status::Ok();
    RowReader row(select);
    const int64_t number = row.Int();
    Price price;
    price.tenant = row.Text();
    price.model = row.Text();
    price.tier = row.Text();
    price.meter = row.As(Meter::kAcceleratorMs);
    price.amount = {row.Amount()};
    price.per = row.Int();
    price.from_unix_us = row.Int();
    price.to_unix_us = row.Int();
    if (!row.whole() || !CheckShape(price).ok()) return BadRow(kPricesChain, number);
    BP_RETURN_IF_ERROR(visit(price, number, row.Hash()));
  }
}

Status VisitCloseRows(Database& database, const VisitRow<PeriodClose>& visit) {
  Statement select(database,
                   "SELECT number, period_end, closer, written, transfers, transfers_hash, hash FROM closes"
                   " ORDER BY number");
  for (;;) {
    BP_ASSIGN_OR_RETURN(const bool found, select.Step());
    if (!found) return Status::Ok();
    RowReader row(select);
    PeriodClose close;
    close.number = row.Int();
    close.end_unix_us = row.Int();
    close.closer = row.Text();
    close.written_unix_us = row.Int();
    close.transfers.rows = static_cast<uint64_t>(row.InRange(0, INT64_MAX));
    const std::string_view transfers_hash = row.Hash();
    if (!row.whole() || transfers_hash.size() != close.transfers.hash.size()) return BadRow(kClosesChain, close.number);
    std::copy(transfers_hash.begin(), transfers_hash.end(), close.transfers.hash.begin());
    BP_RETURN_IF_ERROR(ReadLines(database, close));
    BP_RETURN_IF_ERROR(visit(close, close.number, row.Hash()));
  }
}

Result<std::vector<PeriodClose::Line>> TrialBalance(Database& database, int64_t end_unix_us, uint64_t transfers) {
  std::map<AccountId, PeriodClose::Line> lines;
  const auto add = [](Int128& to, Int128 amount) { return !__builtin_add_overflow(to, amount, &to); };
  BP_RETURN_IF_ERROR(VisitTransferRows(database, [&](const BookedTransfer& booked, int64_t number, std::string_view) {
    const Transfer& transfer = booked.transfer;
    const bool counts = booked.booked_unix_us < end_unix_us && static_cast<uint64_t>(number) <= transfers &&
                        transfer.kind != Transfer::Kind::kReserve;
    if (!counts) return Status::Ok();
    const bool room =
        add(lines[transfer.debit].debits, transfer.amount) && add(lines[transfer.credit].credits, transfer.amount);
    return room ? Status::Ok() : BadRow(kTransfersChain, number);
  }));
  std::vector<PeriodClose::Line> sorted;
  for (auto& [account, line] : lines) {
    line.account = account;
    if (line.debits != 0 || line.credits != 0) sorted.push_back(line);
  }
  return sorted;
}

Result<std::optional<BookedTransfer>> FindTransfer(Database& database, TransferId id) {
  return OneTransfer(database, "id", IdBytes(id.value));
}

Result<std::optional<BookedTransfer>> FindResolution(Database& database, TransferId reserve) {
  return OneTransfer(database, "pending", IdBytes(reserve.value));
}

Result<std::vector<BookedTransfer>> TransfersByReference(Database& database, std::string_view reference) {
  // As the index says it, or it isn't used.
  Statement select(database, Cat("SELECT ", kTransferColumns,
                                 " FROM transfers WHERE reference = ? AND reference <> '' ORDER BY number"));
  select.Text(reference);
  return CollectTransfers(select);
}

Result<std::vector<BookedTransfer>> TransfersOfUsage(Database& database, int64_t usage_number) {
  Statement select(database, Cat("SELECT ", kTransferColumns, " FROM transfers WHERE usage = ? ORDER BY number"));
  select.Int(usage_number);
  return CollectTransfers(select);
}

Result<std::optional<BookedUsage>> FindUsage(Database& database, const EventKey& key) {
  Statement select(database,
                   Cat("SELECT ", kUsageColumns, " FROM usage WHERE producer = ? AND epoch = ? AND sequence = ?"));
  select.Text(key.producer).Int(key.epoch).Int(key.sequence);
  BP_ASSIGN_OR_RETURN(const std::vector<BookedUsage> events, CollectUsage(database, select));
  return events.empty() ? std::optional<BookedUsage>() : events.front();
}

Result<std::vector<BookedUsage>> UsageByRequest(Database& database, std::string_view request) {
  Statement select(database, Cat("SELECT ", kUsageColumns, " FROM usage WHERE request = ? ORDER BY number"));
  select.Text(request);
  return CollectUsage(database, select);
}

}  // namespace bedplate

// Writing rows, and what is known of a chain without reading it whole. Reading them: book_rows_read.cc.

#include "ledger/book_rows.h"

#include <algorithm>

#include "base/cat.h"

namespace bedplate {
namespace {

std::string_view HashBytes(const ChainHead& head) {
  return {reinterpret_cast<const char*>(head.hash.data()), head.hash.size()};
}

}  // namespace

DatabaseOptions LedgerFileOptions() {
  return {
      .what = "the ledger",
      .application_id = 0x42704C67,  // 'BpLg'
      .form = 1,
      .make_tables =
          "CREATE TABLE accounts ("
          "  number INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, unit INTEGER NOT NULL, rule INTEGER NOT NULL,"
          "  name TEXT NOT NULL, hash BLOB NOT NULL) STRICT;"
          "CREATE TABLE transfers ("
          "  number INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, kind INTEGER NOT NULL, code INTEGER NOT NULL,"
          "  debit BLOB NOT NULL, credit BLOB NOT NULL, amount BLOB NOT NULL, pending BLOB,"
          "  timeout_ms INTEGER NOT NULL, reference TEXT NOT NULL, usage INTEGER, occurred INTEGER NOT NULL,"
          "  booked INTEGER NOT NULL, written INTEGER NOT NULL, correction INTEGER NOT NULL, hash BLOB NOT NULL)"
          "  STRICT;"
          // One resolution only, whatever writes here.
          "CREATE UNIQUE INDEX transfers_by_pending ON transfers (pending) WHERE pending IS NOT NULL;"
          "CREATE INDEX transfers_by_usage ON transfers (usage) WHERE usage IS NOT NULL;"
          "CREATE INDEX transfers_by_reference ON transfers (reference) WHERE reference <> '';"
          "CREATE TABLE usage ("
          "  number INTEGER PRIMARY KEY, producer TEXT NOT NULL, epoch INTEGER NOT NULL, sequence INTEGER NOT NULL,"
          "  request TEXT NOT NULL, tenant TEXT NOT NULL, project TEXT NOT NULL, api_key TEXT NOT NULL,"
          "  model TEXT NOT NULL, tier TEXT NOT NULL, end_user TEXT NOT NULL, tags TEXT NOT NULL,"
          "  prompt INTEGER NOT NULL, cached INTEGER NOT NULL, output INTEGER NOT NULL, reasoning INTEGER NOT NULL,"
          "  accelerator_ms INTEGER NOT NULL, estimated INTEGER NOT NULL, occurred INTEGER NOT NULL, payer BLOB,"
          "  hash BLOB NOT NULL, UNIQUE (producer, epoch, sequence)) STRICT;"
          "CREATE INDEX usage_by_request ON usage (request);"
          "CREATE INDEX usage_by_time ON usage (occurred);"
          // In the hash of their usage row.
          "CREATE TABLE charges ("
          "  usage INTEGER NOT NULL, meter INTEGER NOT NULL, price INTEGER NOT NULL, payer BLOB NOT NULL,"
          "  quantity INTEGER NOT NULL, total_after INTEGER NOT NULL, amount BLOB NOT NULL,"
          "  PRIMARY KEY (usage, meter)) STRICT, WITHOUT ROWID;"
          "CREATE INDEX charges_by_payer ON charges (payer, price, usage);"
          "CREATE TABLE prices ("
          "  number INTEGER PRIMARY KEY, tenant TEXT NOT NULL, model TEXT NOT NULL, tier TEXT NOT NULL,"
          "  meter INTEGER NOT NULL, amount BLOB NOT NULL, per INTEGER NOT NULL, valid_from INTEGER NOT NULL,"
          "  valid_to INTEGER NOT NULL, hash BLOB NOT NULL) STRICT;"
          "CREATE TABLE closes ("
          "  number INTEGER PRIMARY KEY, period_end INTEGER NOT NULL, closer TEXT NOT NULL, written INTEGER NOT NULL,"
          "  transfers INTEGER NOT NULL, transfers_hash BLOB NOT NULL, hash BLOB NOT NULL) STRICT;"
          // In the hash of their close.
          "CREATE TABLE close_lines ("
          "  close INTEGER NOT NULL, account BLOB NOT NULL, debits BLOB NOT NULL, credits BLOB NOT NULL,"
          "  PRIMARY KEY (close, account)) STRICT, WITHOUT ROWID;"
          "CREATE TABLE producers ("
          "  producer TEXT NOT NULL, epoch INTEGER NOT NULL, mark TEXT NOT NULL, PRIMARY KEY (producer, epoch))"
          "  STRICT, WITHOUT ROWID;",
      .locked = true};
}

CanonicalRow RowOf(const PeriodClose& close) {
  CanonicalRow row;
  row.Int(close.number).Int(close.end_unix_us).Bytes(close.closer).Int(close.written_unix_us);
  row.Int(static_cast<int64_t>(close.transfers.rows)).Bytes(HashBytes(close.transfers));
  row.Int(static_cast<int64_t>(close.trial_balance.size()));
  for (const PeriodClose::Line& line : close.trial_balance) {
    row.Bytes(IdBytes(line.account.value)).Amount(line.debits).Amount(line.credits);
  }
  return row;
}

Status InsertRow(Database& database, const Account& account, const ChainHead& head) {
  const std::string id = IdBytes(account.Id().value);
  return Statement(database, "INSERT INTO accounts VALUES (?, ?, ?, ?, ?, ?)")
      .Int(static_cast<int64_t>(head.rows))
      .Blob(id)
      .Int(static_cast<int64_t>(account.unit))
      .Int(static_cast<int64_t>(account.rule))
      .Text(account.name)
      .Blob(HashBytes(head))
      .Run();
}

Status InsertRow(Database& database, const BookedTransfer& booked, const ChainHead& head) {
  const Transfer& transfer = booked.transfer;
  const std::string id = IdBytes(transfer.id.value), debit = IdBytes(transfer.debit.value),
                    credit = IdBytes(transfer.credit.value), amount = OrderedBytes(transfer.amount),
                    pending = transfer.pending ? IdBytes(transfer.pending->value) : "";
  Statement insert(database, "INSERT INTO transfers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  insert.Int(booked.number)
      .Blob(id)
      .Int(static_cast<int64_t>(transfer.kind))
      .Int(static_cast<int64_t>(transfer.code))
      .Blob(debit)
      .Blob(credit)
      .Blob(amount);
  transfer.pending ? insert.Blob(pending) : insert.Null();
  insert.Int(transfer.timeout_ms).Text(transfer.reference);
  transfer.usage_number ? insert.Int(*transfer.usage_number) : insert.Null();
  return insert.Int(transfer.occurred_unix_us)
      .Int(booked.booked_unix_us)
      .Int(booked.written_unix_us)
      .Int(booked.correction ? 1 : 0)
      .Blob(HashBytes(head))
      .Run();
}

Status InsertRow(Database& database, const BookedUsage& usage, const ChainHead& head) {
  const UsageEvent& event = usage.event;
  const std::string payer = usage.payer ? IdBytes(usage.payer->value) : "";
  {
    Statement insert(database,
                     "INSERT INTO usage VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    insert.Int(usage.number).Text(event.key.producer).Int(event.key.epoch).Int(event.key.sequence);
    for (const std::string* field : {&event.request, &event.tenant, &event.project, &event.api_key, &event.model,
                                     &event.tier, &event.end_user, &event.tags}) {
      insert.Text(*field);
    }
    for (const int64_t quantity : event.quantities) insert.Int(quantity);
    insert.Int(event.estimated ? 1 : 0).Int(event.occurred_unix_us);
    usage.payer ? insert.Blob(payer) : insert.Null();
    BP_RETURN_IF_ERROR(insert.Blob(HashBytes(head)).Run());
  }
  for (const Charge& charge : usage.charges) {
    const std::string amount = OrderedBytes(charge.amount.value);
    BP_RETURN_IF_ERROR(Statement(database, "INSERT INTO charges VALUES (?, ?, ?, ?, ?, ?, ?)")
                           .Int(usage.number)
                           .Int(static_cast<int64_t>(charge.meter))
                           .Int(charge.price_number)
                           .Blob(payer)
                           .Int(charge.quantity)
                           .Int(charge.total_after)
                           .Blob(amount)
                           .Run());
  }
  return Status::Ok();
}

Status InsertRow(Database& database, const PriceList::Numbered& numbered, const ChainHead& head) {
  const Price& price = numbered.price;
  const std::string amount = OrderedBytes(price.amount.value);
  return Statement(database, "INSERT INTO prices VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .Int(numbered.number)
      .Text(price.tenant)
      .Text(price.model)
      .Text(price.tier)
      .Int(static_cast<int64_t>(price.meter))
      .Blob(amount)
      .Int(price.per)
      .Int(price.from_unix_us)
      .Int(price.to_unix_us)
      .Blob(HashBytes(head))
      .Run();
}

Status InsertRow(Database& database, const PeriodClose& close, const ChainHead& head) {
  BP_RETURN_IF_ERROR(Statement(database, "INSERT INTO closes VALUES (?, ?, ?, ?, ?, ?, ?)")
                         .Int(close.number)
                         .Int(close.end_unix_us)
                         .Text(close.closer)
                         .Int(close.written_unix_us)
                         .Int(static_cast<int64_t>(close.transfers.rows))
                         .Blob(HashBytes(close.transfers))
                         .Blob(HashBytes(head))
                         .Run());
  for (const PeriodClose::Line& line : close.trial_balance) {
    const std::string account = IdBytes(line.account.value), debits = OrderedBytes(line.debits),
                      credits = OrderedBytes(line.credits);
    BP_RETURN_IF_ERROR(Statement(database, "INSERT INTO close_lines VALUES (?, ?, ?, ?)")
                           .Int(close.number)
                           .Blob(account)
                           .Blob(debits)
                           .Blob(credits)
                           .Run());
  }
  return Status::Ok();
}

Result<ChainHead> LastHead(Database& database, std::string_view chain) {
  Statement last(database, Cat("SELECT number, hash FROM ", chain, " ORDER BY number DESC LIMIT 1"));
  BP_ASSIGN_OR_RETURN(const bool row, last.Step());
  if (!row) return EmptyChain(chain);
  const std::string_view hash = last.ViewAt(1);
  ChainHead head{.rows = static_cast<uint64_t>(last.IntAt(0))};
  if (hash.size() != head.hash.size() || last.IntAt(0) < 1) {
    return Status::DataLoss(Cat("the last row of ", chain, " in the ledger has no hash"));
  }
  std::copy(hash.begin(), hash.end(), head.hash.begin());
  return head;
}

Result<std::optional<Sha256::Digest>> HashAt(Database& database, std::string_view chain, uint64_t number) {
  if (number == 0) {
    BP_ASSIGN_OR_RETURN(const ChainHead empty, EmptyChain(chain));
    return std::optional(empty.hash);
  }
  Statement at(database, Cat("SELECT hash FROM ", chain, " WHERE number = ?"));
  BP_ASSIGN_OR_RETURN(const bool row, at.Int(static_cast<int64_t>(number)).Step());
  const std::string_view hash = row ? at.ViewAt(0) : std::string_view();
  Sha256::Digest digest{};
  if (hash.size() != digest.size()) return std::optional<Sha256::Digest>();
  std::copy(hash.begin(), hash.end(), digest.begin());
  return std::optional(digest);
}

Result<int64_t> LastTotal(Database& database, AccountId payer, int64_t price_number) {
  const std::string id = IdBytes(payer.value);
  // Two meters of one event may be charged at it; the later one has the sum.
  Statement last(
      database,
      "SELECT total_after FROM charges WHERE payer = ? AND price = ? ORDER BY usage DESC, meter DESC LIMIT 1");
  BP_ASSIGN_OR_RETURN(const bool row, last.Blob(id).Int(price_number).Step());
  return row ? last.IntAt(0) : 0;
}

Result<ProducerMark> ReadMark(Database& database, std::string_view producer, int64_t epoch) {
  Statement select(database, "SELECT mark FROM producers WHERE producer = ? AND epoch = ?");
  BP_ASSIGN_OR_RETURN(const bool row, select.Text(producer).Int(epoch).Step());
  if (!row) return ProducerMark();
  const std::optional<ProducerMark> mark = ProducerMark::Parse(select.ViewAt(0));
  if (!mark) return Status::DataLoss(Cat("the mark of producer ", producer, ", epoch ", epoch, ", can't be read"));
  return *mark;
}

Result<int64_t> HighestEpoch(Database& database, std::string_view producer) {
  Statement select(database, "SELECT max(epoch) FROM producers WHERE producer = ?");
  BP_RETURN_IF_ERROR(select.Text(producer).Step().status());
  return select.IntAt(0);
}

Status WriteMark(Database& database, std::string_view producer, int64_t epoch, const ProducerMark& mark) {
  const std::string text = mark.Text();
  return Statement(database,
                   "INSERT INTO producers VALUES (?, ?, ?)"
                   " ON CONFLICT (producer, epoch) DO UPDATE SET mark = excluded.mark")
      .Text(producer)
      .Int(epoch)
      .Text(text)
      .Run();
}

Status VisitMarks(Database& database,
                  const std::function<Status(const std::string&, int64_t, const ProducerMark&)>& visit) {
  Statement select(database, "SELECT producer, epoch, mark FROM producers ORDER BY producer, epoch");
  for (;;) {
    BP_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return Status::Ok();
    const std::string producer = select.BytesAt(0);
    const std::optional<ProducerMark> mark = ProducerMark::Parse(select.ViewAt(2));
    if (!mark)
      return Status::DataLoss(Cat("the mark of producer ", producer, ", epoch ", select.IntAt(1), ", can't be read"));
    BP_RETURN_IF_ERROR(visit(producer, select.IntAt(1), *mark));
  }
}

}  // namespace bedplate

#include "ledger/reports/ledger_json.h"

#include "base/json.h"

namespace bedplate {
namespace {

class Members {
 public:
  explicit Members(JsonWriter& w) : w_(w) { w_.BeginObject(); }
  ~Members() { w_.EndObject(); }
  Members(const Members&) = delete;
  Members& operator=(const Members&) = delete;
  Members& Text(std::string_view key, std::string_view value) {
    w_.Key(key);
    w_.String(value);
    return *this;
  }
  Members& Int(std::string_view key, int64_t value) {
    w_.Key(key);
    w_.Int(value);
    return *this;
  }
  Members& Bool(std::string_view key, bool value) {
    w_.Key(key);
    w_.Bool(value);
    return *this;
  }

 private:
  JsonWriter& w_;
};

void WriteUsage(JsonWriter& w, const BookedUsage& usage) {
  const UsageEvent& event = usage.event;
  Members members(w);
  members.Int("number", usage.number)
      .Text("producer", event.key.producer)
      .Int("epoch", event.key.epoch)
      .Int("sequence", event.key.sequence)
      .Text("request", event.request)
      .Text("tenant", event.tenant)
      .Text("project", event.project)
      .Text("api_key", event.api_key)
      .Text("model", event.model)
      .Text("tier", event.tier)
      .Text("end_user", event.end_user)
      .Text("tags", event.tags)
      .Bool("estimated", event.estimated)
      .Int("occurred_at_us", event.occurred_unix_us)
      .Text("cost", DollarsText(usage.Total()));
  w.Key("quantities");
  {
    Members quantities(w);
    for (size_t i = 0; i < kMeters; ++i) quantities.Int(MeterName(static_cast<Meter>(i + 1)), event.quantities[i]);
  }
  w.Key("charges");
  w.BeginArray();
  for (const Charge& charge : usage.charges) {
    Members(w)
        .Text("meter", MeterName(charge.meter))
        .Int("price", charge.price_number)
        .Int("quantity", charge.quantity)
        .Int("total_after", charge.total_after)
        .Text("amount", DollarsText(charge.amount));
  }
  w.EndArray();
}

void WriteTransfer(JsonWriter& w, const BookedTransfer& booked, const LedgerTrace& trace) {
  const Transfer& transfer = booked.transfer;
  const Unit unit = trace.UnitOf(transfer.debit);
  Members members(w);
  members.Int("number", booked.number)
      .Text("id", IdText(transfer.id.value))
      .Text("kind", KindName(transfer.kind))
      .Text("code", CodeName(transfer.code))
      .Text("debit", trace.NameOf(transfer.debit))
      .Text("credit", trace.NameOf(transfer.credit))
      .Text("amount", AmountText(transfer.amount, unit))
      .Text("unit", UnitName(unit));
  if (transfer.pending) members.Text("pending", IdText(transfer.pending->value));
  if (transfer.timeout_ms != 0) members.Int("timeout_ms", transfer.timeout_ms);
  if (transfer.usage_number) members.Int("usage", *transfer.usage_number);
  members.Text("reference", transfer.reference)
      .Int("occurred_at_us", transfer.occurred_unix_us)
      .Int("booked_at_us", booked.booked_unix_us)
      .Int("written_at_us", booked.written_unix_us)
      .Bool("correction", booked.correction);
}

}  // namespace

std::string TraceJson(const LedgerTrace& trace) {
  std::string out;
  JsonWriter w(out);
  w.BeginObject();
  w.Key("usage");
  w.BeginArray();
  for (const BookedUsage& usage : trace.usage) WriteUsage(w, usage);
  w.EndArray();
  w.Key("transfers");
  w.BeginArray();
  for (const BookedTransfer& transfer : trace.transfers) WriteTransfer(w, transfer, trace);
  w.EndArray();
  w.EndObject();
  return out;
}

std::string VerifyJson(const VerifyReport& report) {
  std::string out;
  JsonWriter w(out);
  w.BeginObject();
  w.Key("ok");
  w.Bool(report.findings.empty());
  w.Key("findings");
  w.BeginArray();
  for (const std::string& finding : report.findings) w.String(finding);
  w.EndArray();
  w.Key("chains");
  w.BeginObject();
  for (const auto& [chain, head] : report.heads) {
    w.Key(chain);
    Members(w).Int("rows", static_cast<int64_t>(head.rows)).Text("sha256", HexOf(head.hash));
  }
  w.EndObject();
  std::map<std::string, std::pair<Account, Balance>> accounts;  // by name and unit
  report.balances.VisitAccounts([&](AccountId, const Account& account, const Balance& balance) {
    accounts.emplace(account.name + " " + std::string(UnitName(account.unit)), std::pair(account, balance));
  });
  w.Key("accounts");
  w.BeginArray();
  for (const auto& [key, entry] : accounts) {
    const auto& [account, balance] = entry;
    Members(w)
        .Text("name", account.name)
        .Text("unit", UnitName(account.unit))
        .Text("debits", AmountText(balance.debits_posted, account.unit))
        .Text("credits", AmountText(balance.credits_posted, account.unit))
        .Text("balance", AmountText(balance.debits_posted - balance.credits_posted, account.unit))
        .Text("debits_pending", AmountText(balance.debits_pending, account.unit))
        .Text("credits_pending", AmountText(balance.credits_pending, account.unit));
  }
  w.EndArray();
  w.EndObject();
  return out;
}

}  // namespace bedplate

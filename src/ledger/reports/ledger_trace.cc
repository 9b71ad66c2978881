#include "ledger/reports/ledger_trace.h"

#include <algorithm>
#include <charconv>

#include "base/cat.h"
#include "ledger/book_rows.h"

namespace bedplate {
namespace {

std::optional<EventKey> ParseEventKey(std::string_view text) {
  const size_t second = text.rfind('/');
  const size_t first =
      second == std::string_view::npos || second == 0 ? std::string_view::npos : text.rfind('/', second - 1);
  if (first == std::string_view::npos) return std::nullopt;
  EventKey key{.producer = std::string(text.substr(0, first))};
  const auto number = [](std::string_view digits, int64_t& out) {
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out);
    return error == std::errc() && end == digits.data() + digits.size();
  };
  if (!number(text.substr(first + 1, second - first - 1), key.epoch)) return std::nullopt;
  if (!number(text.substr(second + 1), key.sequence)) return std::nullopt;
  return key;
}

}  // namespace

std::string LedgerTrace::NameOf(AccountId id) const {
  const auto at = accounts.find(id);
  return at == accounts.end() ? IdText(id.value) : at->second.name;
}

Unit LedgerTrace::UnitOf(AccountId id) const {
  const auto at = accounts.find(id);
  return at == accounts.end() ? Unit::kPicodollar : at->second.unit;
}

Result<LedgerTrace> TraceOf(Database& database, const std::string& id) {
  LedgerTrace trace;
  BP_RETURN_IF_ERROR(VisitAccountRows(database, [&](const Account& account, int64_t, std::string_view) {
    trace.accounts.emplace(account.Id(), account);
    return Status::Ok();
  }));
  if (const std::optional<Uint128> transfer_id = ParseId(id)) {
    BP_ASSIGN_OR_RETURN(const std::optional<BookedTransfer> transfer, FindTransfer(database, {*transfer_id}));
    if (transfer) trace.transfers.push_back(*transfer);
  }
  if (const std::optional<EventKey> key = ParseEventKey(id)) {
    BP_ASSIGN_OR_RETURN(const std::optional<BookedUsage> usage, FindUsage(database, *key));
    if (usage) trace.usage.push_back(*usage);
  }
  BP_ASSIGN_OR_RETURN(const std::vector<BookedUsage> requested, UsageByRequest(database, id));
  trace.usage.insert(trace.usage.end(), requested.begin(), requested.end());
  BP_ASSIGN_OR_RETURN(const std::vector<BookedTransfer> referred, TransfersByReference(database, id));
  trace.transfers.insert(trace.transfers.end(), referred.begin(), referred.end());
  for (const BookedUsage& usage : trace.usage) {
    BP_ASSIGN_OR_RETURN(const std::vector<BookedTransfer> charges, TransfersOfUsage(database, usage.number));
    trace.transfers.insert(trace.transfers.end(), charges.begin(), charges.end());
  }
  for (const BookedTransfer& known : std::vector(trace.transfers)) {
    BP_ASSIGN_OR_RETURN(const std::optional<BookedTransfer> resolution, FindResolution(database, known.transfer.id));
    if (resolution) trace.transfers.push_back(*resolution);
    if (!known.transfer.pending) continue;
    BP_ASSIGN_OR_RETURN(const std::optional<BookedTransfer> reserve, FindTransfer(database, *known.transfer.pending));
    if (reserve) trace.transfers.push_back(*reserve);
  }
  auto& transfers = trace.transfers;
  std::sort(transfers.begin(), transfers.end(), [](const auto& a, const auto& b) { return a.number < b.number; });
  transfers.erase(std::unique(transfers.begin(), transfers.end()), transfers.end());
  if (trace.usage.empty() && transfers.empty()) {
    return Status::NotFound(Cat("the books know no request, transfer or usage event '", id.substr(0, 100), "'"));
  }
  return trace;
}

}  // namespace bedplate

#pragma once
/// Everything that the books have about one request, transfer or usage event.
///
/// Errors: kNotFound where they have nothing; those of book_rows.h.

#include <map>
#include <string>
#include <vector>

#include "base/database.h"
#include "ledger/transfer.h"
#include "ledger/usage_event.h"

namespace bedplate {

/// One request, or one transfer, with all that belongs to it.
struct LedgerTrace {
  std::map<AccountId, Account> accounts;  // all
  std::vector<BookedUsage> usage;
  std::vector<BookedTransfer> transfers;  // by number

  [[nodiscard]] std::string NameOf(AccountId id) const;
  [[nodiscard]] Unit UnitOf(AccountId id) const;
};

/// id: a request's, a transfer's (32 hex digits), or PRODUCER/EPOCH/NUMBER of an event. Found are a request's events
/// and transfers, a reserve and its resolution.
Result<LedgerTrace> TraceOf(Database& database, const std::string& id);

}  // namespace bedplate

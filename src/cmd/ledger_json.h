#pragma once
/// `bedplate ledger --json`: what the books say, as one JSON object. Amounts are decimal strings, exact: dollars for
/// money, whole numbers otherwise. Times are microseconds of Unix time.

#include <map>
#include <string>
#include <vector>

#include "ledger/transfer.h"
#include "ledger/usage_event.h"
#include "ledger/verify_books.h"

namespace bedplate {

/// One request, or one transfer, with all that belongs to it.
struct LedgerTrace {
  std::map<AccountId, Account> accounts;  // all
  std::vector<BookedUsage> usage;
  std::vector<BookedTransfer> transfers;  // by number

  [[nodiscard]] std::string NameOf(AccountId id) const;
  [[nodiscard]] Unit UnitOf(AccountId id) const;
};

std::string TraceJson(const LedgerTrace& trace);
/// ok, findings, chains and the accounts with their balances.
std::string VerifyJson(const VerifyReport& report);

}  // namespace bedplate

#pragma once
/// What the books say, as one JSON object. Amounts are decimal strings, exact: dollars for
/// money, whole numbers otherwise. Times are microseconds of Unix time.

#include <string>

#include "ledger/reports/ledger_trace.h"
#include "ledger/verify_books.h"

namespace bedplate {

std::string TraceJson(const LedgerTrace& trace);
/// ok, findings, chains and the accounts with their balances.
std::string VerifyJson(const VerifyReport& report);

}  // namespace bedplate

#pragma once
/// Checks the books as an auditor would, from the rows alone: nothing that the ledger had in memory takes part.
///
///   chains   each row's hash follows from its bytes and the row before (I10), and the chains are those whose heads
///   were
///            kept outside: whatever changed, removed, added, moved or cut off a row is found
///   rules    each transfer was allowed when it was written (ids once, one resolution, accounts' rules); debits equal
///            credits in every unit (I1); the balances are the fold of the transfers (I3)
///   usage    each event is charged at its prices by exactly one set of transfers, and no transfer charges anything
///   else
///            (I2); no event is there twice
///   periods  what was closed adds up to its trial balance, and nothing was booked into it later (I9)
///
/// Reads one state of the file, also while another process writes. Cost: some microseconds a row.
/// Errors: what keeps the file from being read; kDataLoss for pages that SQLite can't follow. What is wrong in the
/// books is
///         a finding, not an error.

#include <map>
#include <string>
#include <vector>

#include "base/database.h"
#include "ledger/balances.h"
#include "ledger/hash_chain.h"

namespace bedplate {

struct VerifyOptions {
  const ChainHeads* kept = nullptr;  // the heads that were kept outside
  bool pages = true;                 // let SQLite check its own structure, too
};

struct VerifyReport {
  std::vector<std::string> findings;  // empty: the books are right. The first of each chain and check, in words
  ChainHeads heads;                   // as the rows give them; a chain that is broken ends before its first wrong row
  Balances balances;                  // the fold of the transfers, up to the first that isn't allowed
};

Result<VerifyReport> VerifyBooks(Database& database, const VerifyOptions& options);

}  // namespace bedplate

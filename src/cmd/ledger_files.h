#pragma once
/// Where the books are: ledger.sqlite3 and flight-recorder in the data folder, and the chains' heads in a file outside
/// it, so that whoever can change the one needs the other, too.

#include <filesystem>
#include <string>

#include "base/status.h"

namespace bedplate {

struct LedgerFiles {
  std::filesystem::path books;
  std::filesystem::path heads;
  std::filesystem::path recorder;  // what runs (ledger/metering/flight_recorder.h)
};

/// heads: as the user gives it; empty: beside the data folder, under its name and ".ledger-head".
Result<LedgerFiles> FindLedgerFiles(const std::string& heads);

}  // namespace bedplate

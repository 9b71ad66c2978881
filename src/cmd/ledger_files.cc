#include "cmd/ledger_files.h"

#include "cmd/catalogue.h"

namespace bedplate {

Result<LedgerFiles> FindLedgerFiles(const std::string& heads) {
  BP_ASSIGN_OR_RETURN(const std::filesystem::path data, DataFolder());
  // "data/" is the folder "data".
  std::filesystem::path folder = data.lexically_normal();
  if (!folder.has_filename()) folder = folder.parent_path();
  return LedgerFiles{.books = data / "ledger.sqlite3",
                     .heads = std::filesystem::path(heads.empty() ? folder.string() + ".ledger-head" : heads),
                     .recorder = data / "flight-recorder"};
}

}  // namespace bedplate

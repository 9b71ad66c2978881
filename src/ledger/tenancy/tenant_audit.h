#pragma once
/// The audit of tenants: who changed what. Rows of the store's file (tenant_store.h) that only grow in number and form
/// a chain (hash_chain.h); each is written in the transaction of the change that it tells of.
///
/// Threads: as the Database's. Errors: those of Database; kDataLoss for rows that can't be.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/database.h"
#include "ledger/hash_chain.h"

namespace bedplate {

inline constexpr std::string_view kAuditChain = "audit";
/// Of the store's file, which `ledger verify` opens, too.
inline constexpr int32_t kTenantsApplicationId = 0x4270546E;  // 'BpTn', as bytes
inline constexpr int32_t kTenantsForm = 2;
inline constexpr std::string_view kMakeAuditTable =
    "CREATE TABLE audit ("
    "  number INTEGER PRIMARY KEY,"
    "  time INTEGER NOT NULL,"
    "  actor TEXT NOT NULL,"
    "  verb TEXT NOT NULL,"
    "  tenant TEXT NOT NULL,"
    "  object TEXT NOT NULL,"
    "  details TEXT NOT NULL,"
    "  hash BLOB NOT NULL) STRICT;";

struct AuditRow {
  int64_t number = 0;  // from 1
  int64_t time = 0;
  std::string actor;  // a key's id, or "local:" and a user's number
  std::string verb;   // "key.rotate"
  std::string tenant;
  std::string object;   // the id or name of what was changed
  std::string details;  // JSON: how it is now; never a secret
};

/// The head that the last row says. Checks no more than that row's form.
Result<ChainHead> LastAuditHead(Database& database);
/// The head up to the row of that number. None where there is no such row.
Result<std::optional<ChainHead>> AuditHeadAt(Database& database, uint64_t rows);
/// Gives the row the next number after the head, which becomes its.
Status WriteAuditRow(Database& database, AuditRow row, ChainHead& head);
/// The newest first. before: with lower numbers than that; tenant: of that one alone, where it isn't empty.
Result<std::vector<AuditRow>> ReadAudit(Database& database, int64_t before, uint32_t count_max,
                                        const std::string& tenant = {});

/// The head of the chain, computed from all rows. kept: the head that was kept outside; null: none is compared.
/// kDataLoss names the first row that is wrong, or tells what is missing at the end.
Result<ChainHead> VerifyAudit(Database& database, const std::optional<ChainHead>& kept);
/// The store's file, only to be looked at: also while a server has it.
Result<std::unique_ptr<Database>> OpenTenantsToRead(const std::filesystem::path& path);
/// What the file of kept heads says of the audit. kNotFound where there is no such file, or no audit in it.
Result<ChainHead> ReadAuditHead(const std::filesystem::path& heads);

}  // namespace bedplate

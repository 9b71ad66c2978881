#pragma once
/// The file that tenants, projects, keys and the audit lie in (base/database.h): what changes is written with the audit
/// row that says who did it, in one transaction, before anybody sees it.
///
/// The audit is a chain (hash_chain.h); its head is also kept in a file of its own, which should lie outside the data
/// folder: so that rows that were cut off the end are missed, too.
///
/// Owns:    the file, which no other process can open meanwhile. Threads: one at a time.
/// Errors:  those of Database; kNotFound where there is no file yet; kDataLoss for rows that can't be.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/database.h"
#include "ledger/hash_chain.h"
#include "ledger/tenancy/tenant_records.h"

namespace bedplate {

struct AuditRow {
  int64_t number = 0;  // from 1
  int64_t time = 0;
  std::string actor;  // a key's id, or "local:" and a user's number
  std::string verb;   // "key.rotate"
  std::string tenant;
  std::string object;   // the id or name of what was changed
  std::string details;  // JSON: how it is now; never a secret
};

/// What one act changes.
struct TenantChange {
  std::vector<Tenant> tenants;
  std::vector<Project> projects;
  std::vector<TenantKey> keys;
  std::vector<SecretVersion> versions;  // that became known, to be told from others of the same id
  AuditRow audit;                       // its number is the store's to give
};

class TenantStore {
 public:
  static constexpr std::string_view kFileName = "tenants.sqlite3";

  /// heads: the file that the audit's head is kept in; empty: none is.
  static Result<std::unique_ptr<TenantStore>> Create(const std::filesystem::path& path, std::filesystem::path heads);
  static Result<std::unique_ptr<TenantStore>> Open(const std::filesystem::path& path, std::filesystem::path heads);

  /// All but the secret file.
  Result<TenantState> Load();
  Status Apply(const TenantChange& change);
  /// The file is the one that the keys were made with: kPermissionDenied where a version that keys need is missing, or
  /// another one. True: its present version is not known here yet, since a rotation was cut off after it was written.
  Result<bool> CheckSecrets(const TenantState& state, const SecretFile& secrets);

  /// The newest first. before: with lower numbers than that; tenant: of that one alone, where it isn't empty.
  Result<std::vector<AuditRow>> Audit(int64_t before, uint32_t count_max, const std::string& tenant = {});
  /// How many rows the chain has. kDataLoss names the first that is wrong, or tells what is missing at the end.
  Result<uint64_t> VerifyAudit();

 private:
  TenantStore(std::unique_ptr<Database> database, std::filesystem::path heads)
      : database_(std::move(database)), heads_(std::move(heads)) {}
  static Result<std::unique_ptr<TenantStore>> OpenAt(const std::filesystem::path& path, std::filesystem::path heads);
  Status WriteTenant(const Tenant& tenant);
  Status WriteProject(const Project& project);
  Status WriteKey(const TenantKey& key);
  Status WriteAudit(AuditRow row);
  Status LoadKeys(TenantState& state);
  Result<TenantKey> ReadKeyRow(Statement& row);

  const std::unique_ptr<Database> database_;
  const std::filesystem::path heads_;
  ChainHead head_;
};

}  // namespace bedplate

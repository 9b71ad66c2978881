#pragma once
/// The file that tenants, projects, keys, budgets and the audit lie in (base/database.h): what changes is written with
/// the audit row that says who did it, in one transaction, before anybody sees it.
///
/// The head of the audit's chain (tenant_audit.h) is also kept in a file of its own, which should lie outside the data
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
#include "ledger/tenancy/tenant_audit.h"
#include "ledger/tenancy/tenant_records.h"

namespace bedplate {

/// What one act changes.
struct TenantChange {
  std::vector<Tenant> tenants;
  std::vector<Project> projects;
  std::vector<TenantKey> keys;
  std::vector<Budget> budgets = {};
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

  /// ReadAudit and VerifyAudit (tenant_audit.h) of this file, the latter with the head that is kept. kDataLoss where
  /// the file of heads is gone: then nobody knows what was cut off.
  Result<std::vector<AuditRow>> Audit(int64_t before, uint32_t count_max, const std::string& tenant = {});
  Result<uint64_t> VerifyAudit();

 private:
  TenantStore(std::unique_ptr<Database> database, std::filesystem::path heads)
      : database_(std::move(database)), heads_(std::move(heads)) {}
  static Result<std::unique_ptr<TenantStore>> OpenAt(const std::filesystem::path& path, std::filesystem::path heads);
  Status WriteTenant(const Tenant& tenant);
  Status WriteProject(const Project& project);
  Status CheckKeptHead();
  Status WriteKey(const TenantKey& key);
  Status WriteBudget(const Budget& budget);
  Status LoadKeys(TenantState& state);
  Status LoadBudgets(TenantState& state);
  Result<TenantKey> ReadKeyRow(Statement& row);

  const std::unique_ptr<Database> database_;
  const std::filesystem::path heads_;
  ChainHead head_;
};

}  // namespace bedplate

#pragma once
/// Tenants, projects, keys and what their budgets are: everything that commands, the control socket and the admin API
/// do with them goes through Do(), whoever asks. Roles are checked here and nowhere else (roles.h), and each change has
/// its row in the audit.
///
///   BP_ASSIGN_OR_RETURN(auto tenants, Tenants::Open({.data_folder = data, .secret_file = path}, clock));
///   tenants->Do(Caller::Local("local:0"), "key.create", Json::Object{{"name", "ada"}, {"role", "member"}});
///
/// state() is what keys are checked against: in memory, whole, replaced by the next change before Do() returns. A
/// request's key costs no call of the store.
///
/// Secrets: only key.create and key.rotate answer with one, once.
/// Threads: any. Changes take turns and wait for the disk.
/// Errors:  kPermissionDenied, reason "role_not_allowed"; kNotFound for what isn't there and for what another tenant
///          has, in the same words; kConflict; kInvalidArgument names the argument; and the store's.

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/json.h"
#include "base/status.h"
#include "ledger/budgets/budget.h"
#include "ledger/tenancy/actor.h"
#include "ledger/tenancy/arguments.h"
#include "ledger/tenancy/tenant_records.h"
#include "ledger/tenancy/tenant_store.h"

namespace bedplate {

class Tenants {
 public:
  struct Options {
    std::filesystem::path data_folder;
    std::filesystem::path secret_file;
  };
  static constexpr size_t kKeysMax = 100'000;
  static constexpr size_t kTenantsMax = 10'000;  // and projects, and budgets

  /// The store, the secret file (where there is none yet), the operator's tenant and its first key, an owner's, which
  /// the answer shows. kConflict where there are tenants already.
  static Result<Json> Init(const Options& options, const std::string& tenant, const Caller& caller, const Clock& clock);
  /// kNotFound where there are none; kDataLoss, reason "behind_kept_head", where the audit lacks rows that the kept
  /// head knows of, or has others: keys that were revoked would be good again. clock outlives this.
  static Result<std::unique_ptr<Tenants>> Open(Options options, const Clock& clock);
  static bool AreIn(const std::filesystem::path& data_folder);
  /// A file that shows that there were tenants, for whoever finds none: a folder that has lost them is none without.
  static std::optional<std::filesystem::path> TraceIn(const std::filesystem::path& data_folder);
  static std::filesystem::path StorePath(const Options& options);
  /// Where the audit's head is kept: beside the secret file, outside the data folder.
  static std::filesystem::path HeadsPath(const Options& options);

  Result<Json> Do(const Caller& caller, std::string_view verb, const Json& arguments);
  [[nodiscard]] std::shared_ptr<const TenantState> state() const;

  /// For verbs that others do: who the caller is, and a row in the audit.
  Result<Actor> ActorOf(const Caller& caller, const VerbRow& row) const;
  Status NoteInAudit(const Actor& actor, std::string_view verb, std::string tenant, std::string subject,
                     const Json& details);

 private:
  Tenants(Options options, std::unique_ptr<TenantStore> store, TenantState state, const Clock& clock);
  Result<Json> Run(const Actor& actor, const VerbRow& row, const Arguments& arguments);
  Result<Json> Read(const TenantState& state, const Actor& actor, const VerbRow& row, const Arguments& arguments);

  Result<Json> ListTenants(const TenantState& state, const Actor& actor) const;
  Result<Json> ListProjects(const TenantState& state, const Actor& actor, const Arguments& arguments) const;
  Result<Json> ListKeys(const TenantState& state, const Actor& actor, const Arguments& arguments) const;
  Result<Json> ListAudit(const Actor& actor, const Arguments& arguments);
  Result<Json> ListSecrets(const TenantState& state) const;
  Result<Json> CreateTenant(const Actor& actor, const Arguments& arguments);
  Result<Json> UpdateTenant(const Actor& actor, const Arguments& arguments);
  Result<Json> SetTenantEnabled(const Actor& actor, const Arguments& arguments, bool enabled);
  Result<Json> CreateProject(const Actor& actor, const Arguments& arguments);
  Result<Json> SetProjectEnabled(const Actor& actor, const Arguments& arguments, bool enabled);
  Result<Json> CreateKey(const Actor& actor, const Arguments& arguments);
  Result<Json> UpdateKey(const Actor& actor, const Arguments& arguments);
  Result<Json> RotateKey(const Actor& actor, const Arguments& arguments);
  Result<Json> RevokeKey(const Actor& actor, const Arguments& arguments);
  Result<Json> RotateSecrets(const Actor& actor);
  Result<Json> ListBudgets(const TenantState& state, const Actor& actor, const Arguments& arguments) const;
  Result<Json> CreateBudget(const Actor& actor, const Arguments& arguments);
  Result<Json> UpdateBudget(const Actor& actor, const Arguments& arguments);
  Result<Json> PutBudget(const Actor& actor, std::string_view verb, TenantState next, const Budget& budget);

  // What the arguments name, where the actor sees it: kNotFound otherwise.
  static Result<std::string> TenantOf(const TenantState& state, const Actor& actor, const Arguments& arguments);
  static Result<Tenant> FindTenant(const TenantState& state, const Actor& actor, const Arguments& arguments);
  static Result<Project> FindProject(const TenantState& state, const Actor& actor, const Arguments& arguments);
  static Result<TenantState::KeyPointer> FindKey(const TenantState& state, const Actor& actor,
                                                 const Arguments& arguments);
  static Result<Budget> FindBudget(const TenantState& state, const Actor& actor, const Arguments& arguments);
  static Result<Budget> BudgetOf(const TenantState& state, const Actor& actor, const Arguments& arguments);
  static Status CheckNewName(const std::string& name, size_t count, std::string_view what, bool taken);
  [[nodiscard]] AuditRow AuditOf(const Actor& actor, std::string_view verb, std::string tenant, std::string subject,
                                 const Json& details) const;
  /// Writes it, and makes it what state() says.
  Status Commit(TenantState state, const TenantChange& change);

  const Options options_;
  const Clock& clock_;
  std::mutex mutex_;  // guards store_, and who changes the state
  const std::unique_ptr<TenantStore> store_;
  mutable std::mutex state_mutex_;  // guards state_
  std::shared_ptr<const TenantState> state_;
};

}  // namespace bedplate

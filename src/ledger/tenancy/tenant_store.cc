#include "ledger/tenancy/tenant_store.h"

#include "base/cat.h"
#include "base/json.h"
#include "base/log.h"

namespace bedplate {
namespace {

constexpr char kMakeTenantTables[] =
    "CREATE TABLE tenants ("
    "  name TEXT PRIMARY KEY,"
    "  operator INTEGER NOT NULL,"
    "  weight INTEGER NOT NULL,"
    "  created INTEGER NOT NULL,"
    "  disabled INTEGER);"
    "CREATE TABLE projects ("
    "  tenant TEXT NOT NULL REFERENCES tenants (name),"
    "  name TEXT NOT NULL,"
    "  created INTEGER NOT NULL,"
    "  disabled INTEGER,"
    "  PRIMARY KEY (tenant, name));"
    "CREATE TABLE keys ("
    "  id TEXT PRIMARY KEY,"
    "  tenant TEXT NOT NULL,"
    "  project TEXT NOT NULL,"
    "  name TEXT NOT NULL,"
    "  role TEXT NOT NULL,"
    "  signs INTEGER NOT NULL,"
    "  scopes INTEGER NOT NULL,"
    "  models TEXT NOT NULL,"  // a JSON array
    "  limits TEXT NOT NULL,"  // a JSON object
    "  created INTEGER NOT NULL,"
    "  created_by TEXT NOT NULL,"
    "  expires INTEGER,"
    "  revoked INTEGER,"
    "  FOREIGN KEY (tenant, project) REFERENCES projects (tenant, name));"
    "CREATE TABLE key_secrets ("
    "  key TEXT NOT NULL REFERENCES keys (id),"
    "  number INTEGER NOT NULL,"
    "  version TEXT NOT NULL,"
    "  access_key_id TEXT UNIQUE,"
    "  kept BLOB NOT NULL,"
    "  created INTEGER NOT NULL,"
    "  ends INTEGER,"
    "  PRIMARY KEY (key, number));"
    "CREATE TABLE budgets ("
    "  tenant TEXT NOT NULL REFERENCES tenants (name),"
    "  name TEXT NOT NULL,"
    "  project TEXT NOT NULL,"  // empty: of any, as with key and model
    "  key TEXT NOT NULL,"
    "  model TEXT NOT NULL,"
    "  unit INTEGER NOT NULL,"
    "  amount TEXT NOT NULL,"  // whole pico-dollars or tokens
    "  hard INTEGER NOT NULL,"
    "  period TEXT NOT NULL,"
    "  created INTEGER NOT NULL,"
    "  disabled INTEGER,"
    "  PRIMARY KEY (tenant, name));"
    "CREATE TABLE secret_versions ("
    "  id TEXT PRIMARY KEY,"
    "  mark BLOB NOT NULL);";

Statement& Maybe(Statement& statement, const std::optional<int64_t>& value) {
  return value ? statement.Int(*value) : statement.Null();
}
std::optional<int64_t> MaybeAt(const Statement& row, int column) {
  return row.IsNullAt(column) ? std::nullopt : std::optional(row.IntAt(column));
}

// Tells a version from another file's of the same id, and nothing about it.
std::string MarkOf(const SecretVersion& version) {
  const auto mark = PepperedHash(version, "bedplate secret version");
  return mark ? HexOf(*mark) : std::string();
}

// Calls visit with each row.
template <class Visit>
Status ForEachRow(Statement& rows, Visit visit) {
  for (;;) {
    BP_ASSIGN_OR_RETURN(const bool row, rows.Step());
    if (!row) return Status::Ok();
    BP_RETURN_IF_ERROR(visit());
  }
}

}  // namespace

Result<std::unique_ptr<TenantStore>> TenantStore::Create(const std::filesystem::path& path,
                                                         std::filesystem::path heads) {
  std::error_code error;
  if (std::filesystem::exists(path, error)) {
    return Status{StatusCode::kConflict, Cat("there are tenants in ", path.string(), " already")};
  }
  return OpenAt(path, std::move(heads));
}

Result<std::unique_ptr<TenantStore>> TenantStore::Open(const std::filesystem::path& path, std::filesystem::path heads) {
  std::error_code error;
  if (path != ":memory:" && !std::filesystem::exists(path, error)) {
    return Status::NotFound(
        Cat("there are no tenants in ", path.parent_path().string(), "; `bedplate tenant init` makes the first one"));
  }
  BP_ASSIGN_OR_RETURN(std::unique_ptr<TenantStore> store, OpenAt(path, std::move(heads)));
  BP_RETURN_IF_ERROR(store->CheckKeptHead());
  return store;
}

// What lies before the row that the kept head is of is for `ledger verify`.
Status TenantStore::CheckKeptHead() {
  if (heads_.empty()) return Status::Ok();
  const Result<ChainHead> kept = ReadAuditHead(heads_);
  if (kept.status().code() == StatusCode::kNotFound) return Status::Ok();
  if (!kept.ok()) return kept.status();
  BP_ASSIGN_OR_RETURN(const std::optional<ChainHead> there, AuditHeadAt(*database_, kept->rows));
  if (there == *kept) return Status::Ok();
  return Status::DataLoss(Cat("the store of tenants ", database_->path().string(), " has ", head_.rows,
                              " rows of the audit", there ? ", of which one is not what it was" : "",
                              "; the head that was kept in ", heads_.string(), " is of row ", kept->rows,
                              ". Its end was lost, or an older copy was put in its place, and keys that were revoked "
                              "since would be good again: restore the newest copy. Where this is the newest there is, "
                              "move the file of the head away, and revoke them anew"))
      .WithReason("behind_kept_head");
}

Result<std::unique_ptr<TenantStore>> TenantStore::OpenAt(const std::filesystem::path& path,
                                                         std::filesystem::path heads) {
  const std::string tables = Cat(kMakeTenantTables, kMakeAuditTable);
  BP_ASSIGN_OR_RETURN(std::unique_ptr<Database> database,
                      Database::Open(path, {.what = "the store of tenants",
                                            .application_id = kTenantsApplicationId,
                                            .form = kTenantsForm,
                                            .make_tables = tables,
                                            .durability = DatabaseOptions::Durability::kPowerCut,
                                            .locked = true}));
  BP_RETURN_IF_ERROR(database->Execute("PRAGMA foreign_keys = ON"));
  std::unique_ptr<TenantStore> store(new TenantStore(std::move(database), std::move(heads)));
  BP_ASSIGN_OR_RETURN(store->head_, LastAuditHead(*store->database_));
  return store;
}

Result<TenantState> TenantStore::Load() {
  TenantState state;
  {
    Statement row(*database_, "SELECT name, operator, weight, created, disabled FROM tenants");
    BP_RETURN_IF_ERROR(ForEachRow(row, [&] {
      const int64_t weight = row.IntAt(2);
      if (weight < 1 || weight > Tenant::kWeightMax) {
        return Status::DataLoss(Cat("the store of tenants: the weight of ", row.BytesAt(0), " is ", weight));
      }
      state.tenants.insert_or_assign(row.BytesAt(0), Tenant{.name = row.BytesAt(0),
                                                            .is_operator = row.IntAt(1) != 0,
                                                            .weight = static_cast<uint32_t>(weight),
                                                            .created = row.IntAt(3),
                                                            .disabled = MaybeAt(row, 4)});
      return Status::Ok();
    }));
  }
  {
    Statement row(*database_, "SELECT tenant, name, created, disabled FROM projects");
    BP_RETURN_IF_ERROR(ForEachRow(row, [&] {
      state.projects.insert_or_assign(
          std::pair(row.BytesAt(0), row.BytesAt(1)),
          Project{
              .tenant = row.BytesAt(0), .name = row.BytesAt(1), .created = row.IntAt(2), .disabled = MaybeAt(row, 3)});
      return Status::Ok();
    }));
  }
  BP_RETURN_IF_ERROR(LoadKeys(state));
  BP_RETURN_IF_ERROR(LoadBudgets(state));
  return state;
}

Status TenantStore::LoadKeys(TenantState& state) {
  std::map<std::string, TenantKey> keys;
  {
    Statement row(
        *database_,
        "SELECT id, tenant, project, name, role, signs, scopes, models, limits, created, created_by, expires, "
        "revoked FROM keys");
    BP_RETURN_IF_ERROR(ForEachRow(row, [&]() -> Status {
      BP_ASSIGN_OR_RETURN(TenantKey key, ReadKeyRow(row));
      keys.insert_or_assign(key.id, std::move(key));
      return Status::Ok();
    }));
  }
  Statement row(
      *database_,
      "SELECT key, number, version, access_key_id, kept, created, ends FROM key_secrets ORDER BY key, number");
  BP_RETURN_IF_ERROR(ForEachRow(row, [&] {
    const auto key = keys.find(row.BytesAt(0));
    if (key == keys.end()) return Status::DataLoss("the store of tenants: a secret belongs to no key");
    key->second.secrets.push_back({.number = row.IntAt(1),
                                   .version = row.BytesAt(2),
                                   .access_key_id = row.BytesAt(3),
                                   .kept = row.BytesAt(4),
                                   .created = row.IntAt(5),
                                   .ends = MaybeAt(row, 6)});
    return Status::Ok();
  }));
  for (auto& [id, key] : keys) state.Put(std::move(key));
  return Status::Ok();
}

Status TenantStore::LoadBudgets(TenantState& state) {
  Statement row(*database_,
                "SELECT tenant, name, project, key, model, unit, amount, hard, period, created, disabled FROM budgets");
  return ForEachRow(row, [&]() -> Status {
    const auto amount = ParseFixedPoint(row.ViewAt(6), 0);
    const auto period = BudgetPeriodOf(row.ViewAt(8));
    const auto unit = static_cast<Unit>(row.IntAt(5));
    const bool known_unit = unit == Unit::kPicodollar || unit == Unit::kToken;
    if (!amount || *amount <= 0 || *amount > kAmountMax || !period || !known_unit) {
      return Status::DataLoss(
          Cat("the store of tenants: the row of budget ", row.BytesAt(1), " of ", row.BytesAt(0), " is damaged"));
    }
    Budget budget{.tenant = row.BytesAt(0),
                  .name = row.BytesAt(1),
                  .project = row.BytesAt(2),
                  .key = row.BytesAt(3),
                  .model = row.BytesAt(4),
                  .unit = unit,
                  .amount = *amount,
                  .hard = row.IntAt(7) != 0,
                  .period = *period,
                  .created = row.IntAt(9),
                  .disabled = MaybeAt(row, 10)};
    state.budgets.insert_or_assign(std::pair(budget.tenant, budget.name), std::move(budget));
    return Status::Ok();
  });
}

Result<TenantKey> TenantStore::ReadKeyRow(Statement& row) {
  TenantKey key;
  key.id = row.BytesAt(0);
  key.tenant = row.BytesAt(1);
  key.project = row.BytesAt(2);
  key.name = row.BytesAt(3);
  const Status damaged = Status::DataLoss(Cat("the store of tenants: the row of key ", key.id, " is damaged"));
  const auto role = RoleOf(row.ViewAt(4));
  const Result<Json> models = ParseJson(row.ViewAt(7));
  const Result<Json> limits = ParseJson(row.ViewAt(8));
  if (!role || !models.ok() || !models->is_array() || !limits.ok() || !limits->is_object()) return damaged;
  key.role = *role;
  key.signs = row.IntAt(5) != 0;
  key.scopes = static_cast<uint8_t>(row.IntAt(6) & kAllScopes);
  for (const Json& model : models->as_array()) {
    if (!model.is_string()) return damaged;
    key.models.push_back(model.as_string());
  }
  if (!ReadLimits(*limits, key.limits, key.caps).ok()) return damaged;
  key.created = row.IntAt(9);
  key.created_by = row.BytesAt(10);
  key.expires = MaybeAt(row, 11);
  key.revoked = MaybeAt(row, 12);
  return key;
}

Status TenantStore::Apply(const TenantChange& change) {
  const ChainHead before = head_;
  Status applied = database_->InTransaction([&]() -> Status {
    for (const Tenant& tenant : change.tenants) BP_RETURN_IF_ERROR(WriteTenant(tenant));
    for (const Project& project : change.projects) BP_RETURN_IF_ERROR(WriteProject(project));
    for (const TenantKey& key : change.keys) BP_RETURN_IF_ERROR(WriteKey(key));
    for (const Budget& budget : change.budgets) BP_RETURN_IF_ERROR(WriteBudget(budget));
    for (const SecretVersion& version : change.versions) {
      BP_RETURN_IF_ERROR(Statement(*database_, "INSERT INTO secret_versions (id, mark) VALUES (?, ?)")
                             .Text(version.id)
                             .Text(MarkOf(version))
                             .Run());
    }
    return WriteAuditRow(*database_, change.audit, head_);
  });
  if (!applied.ok()) {
    head_ = before;
    return applied;
  }
  if (heads_.empty()) return Status::Ok();
  // Written after the rows: a kill between the two leaves a head that the chain has grown beyond, which is no finding.
  const Status kept = WriteHeads(heads_, {{std::string(kAuditChain), head_}});
  if (!kept.ok()) LogWarning("the head of the audit could not be kept", {{"error", kept.message()}});
  return Status::Ok();
}

Status TenantStore::WriteTenant(const Tenant& tenant) {
  Statement write(*database_,
                  "INSERT INTO tenants (name, operator, weight, created, disabled) VALUES (?, ?, ?, ?, ?)"
                  " ON CONFLICT (name) DO UPDATE SET weight = excluded.weight, disabled = excluded.disabled");
  write.Text(tenant.name).Int(tenant.is_operator ? 1 : 0).Int(tenant.weight).Int(tenant.created);
  return Maybe(write, tenant.disabled).Run();
}

Status TenantStore::WriteProject(const Project& project) {
  Statement write(*database_,
                  "INSERT INTO projects (tenant, name, created, disabled) VALUES (?, ?, ?, ?)"
                  " ON CONFLICT (tenant, name) DO UPDATE SET disabled = excluded.disabled");
  write.Text(project.tenant).Text(project.name).Int(project.created);
  return Maybe(write, project.disabled).Run();
}

Status TenantStore::WriteKey(const TenantKey& key) {
  Json::Object limits;
  AppendLimits(key.limits, key.caps, limits);
  const std::string limits_text = WriteJson(limits);
  const std::string models_text = WriteJson(Json::Array(key.models.begin(), key.models.end()));
  Statement write(
      *database_,
      "INSERT INTO keys (id, tenant, project, name, role, signs, scopes, models, limits, created, created_by,"
      " expires, revoked) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
      " ON CONFLICT (id) DO UPDATE SET name = excluded.name, scopes = excluded.scopes,"
      " models = excluded.models, limits = excluded.limits, expires = excluded.expires,"
      " revoked = excluded.revoked");
  write.Text(key.id).Text(key.tenant).Text(key.project).Text(key.name).Text(RoleName(key.role));
  write.Int(key.signs ? 1 : 0)
      .Int(key.scopes)
      .Text(models_text)
      .Text(limits_text)
      .Int(key.created)
      .Text(key.created_by);
  Maybe(write, key.expires);
  BP_RETURN_IF_ERROR(Maybe(write, key.revoked).Run());
  BP_RETURN_IF_ERROR(Statement(*database_, "DELETE FROM key_secrets WHERE key = ?").Text(key.id).Run());
  for (const KeySecret& secret : key.secrets) {
    Statement insert(*database_,
                     "INSERT INTO key_secrets (key, number, version, access_key_id, kept, created, ends)"
                     " VALUES (?, ?, ?, ?, ?, ?, ?)");
    insert.Text(key.id).Int(secret.number).Text(secret.version);
    secret.access_key_id.empty() ? insert.Null() : insert.Text(secret.access_key_id);
    insert.Blob(secret.kept).Int(secret.created);
    BP_RETURN_IF_ERROR(Maybe(insert, secret.ends).Run());
  }
  return Status::Ok();
}

Status TenantStore::WriteBudget(const Budget& budget) {
  const std::string amount = DecimalText(budget.amount);
  Statement write(
      *database_,
      "INSERT INTO budgets (tenant, name, project, key, model, unit, amount, hard, period, created, disabled)"
      " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
      " ON CONFLICT (tenant, name) DO UPDATE SET amount = excluded.amount, disabled = excluded.disabled");
  write.Text(budget.tenant).Text(budget.name).Text(budget.project).Text(budget.key).Text(budget.model);
  write.Int(static_cast<int64_t>(budget.unit)).Text(amount).Int(budget.hard ? 1 : 0).Text(PeriodName(budget.period));
  return Maybe(write.Int(budget.created), budget.disabled).Run();
}

Result<bool> TenantStore::CheckSecrets(const TenantState& state, const SecretFile& secrets) {
  std::map<std::string, std::string> marks;
  Statement row(*database_, "SELECT id, mark FROM secret_versions");
  BP_RETURN_IF_ERROR(ForEachRow(row, [&] {
    marks.insert_or_assign(row.BytesAt(0), row.BytesAt(1));
    return Status::Ok();
  }));
  const auto refused = [](const std::string& why) {
    return Status(StatusCode::kPermissionDenied,
                  Cat("the secret file is not the one that these tenants' keys were made with: ", why));
  };
  bool present_is_new = false;
  for (const SecretVersion& version : secrets.versions()) {
    const auto mark = marks.find(version.id);
    if (mark == marks.end() && &version == &secrets.present() && secrets.versions().size() > 1) {
      present_is_new = true;
      continue;
    }
    if (mark == marks.end() || mark->second != MarkOf(version))
      return refused(Cat("its version ", version.id, " differs"));
  }
  for (const auto& [id, key] : state.keys) {
    for (const KeySecret& secret : key->secrets) {
      if (secrets.Find(secret.version) == nullptr) return refused(Cat("it lacks version ", secret.version));
    }
  }
  return present_is_new;
}

Result<std::vector<AuditRow>> TenantStore::Audit(int64_t before, uint32_t count_max, const std::string& tenant) {
  return ReadAudit(*database_, before, count_max, tenant);
}

Result<uint64_t> TenantStore::VerifyAudit() {
  std::optional<ChainHead> kept;
  if (!heads_.empty()) {
    const Result<ChainHead> head = ReadAuditHead(heads_);
    if (head.status().code() == StatusCode::kNotFound) {
      return Status::DataLoss(Cat("the head of the audit that was kept in ", heads_.string(), " is gone"));
    }
    if (!head.ok()) return head.status();
    kept = *head;
  }
  BP_ASSIGN_OR_RETURN(const ChainHead head, bedplate::VerifyAudit(*database_, kept));
  return head.rows;
}

}  // namespace bedplate

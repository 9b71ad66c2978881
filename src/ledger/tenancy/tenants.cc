// Plan: Do finds the verb's row, the actor and their reach, then the function of the verb. A change is made on a copy
// of the state (keys are shared between copies), written, and published. tenant_keys.cc has what is done with keys,
// tenant_budgets.cc with budgets.
#include "ledger/tenancy/tenants.h"

#include <algorithm>

#include "base/cat.h"
#include "ledger/tenancy/key_text.h"

namespace bedplate {
namespace {

constexpr std::string_view kFirstProject = "default";

Json ListOf(Json::Array data) {
  return Json::Object{{"object", "list"}, {"data", std::move(data)}};
}

}  // namespace

std::filesystem::path Tenants::StorePath(const Options& options) {
  return options.data_folder / TenantStore::kFileName;
}

std::filesystem::path Tenants::HeadsPath(const Options& options) {
  return options.secret_file.string() + ".heads";
}

bool Tenants::AreIn(const std::filesystem::path& data_folder) {
  std::error_code error;
  return std::filesystem::exists(data_folder / TenantStore::kFileName, error);
}

std::optional<std::filesystem::path> Tenants::TraceIn(const std::filesystem::path& data_folder) {
  std::error_code error;
  for (const std::string& name :
       {std::string(TenantStore::kFileName) + ".lock", std::string("ledger.sqlite3"), std::string("flight-recorder")}) {
    if (std::filesystem::exists(data_folder / name, error)) return data_folder / name;
  }
  return std::nullopt;
}

Tenants::Tenants(Options options, std::unique_ptr<TenantStore> store, TenantState state, const Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      store_(std::move(store)),
      state_(std::make_shared<const TenantState>(std::move(state))) {}

// The secret file comes first: a store without one lets nobody in, and the other way round is only a file to remove.
Result<Json> Tenants::Init(const Options& options, const std::string& tenant, const Caller& caller,
                           const Clock& clock) {
  if (!IsTenantName(tenant)) {
    return Status::InvalidArgument(
        "a tenant's name has 1 to 64 letters, digits, '.', '_' or '-', a letter or digit first");
  }
  if (AreIn(options.data_folder)) {
    return Status{StatusCode::kConflict, Cat("there are tenants in ", options.data_folder.string(), " already")};
  }
  const int64_t now = clock.UnixSeconds();
  BP_ASSIGN_OR_RETURN(SecretFile secrets, SecretFile::Create(options.secret_file, options.data_folder, now));
  std::error_code error;
  std::filesystem::create_directories(options.data_folder, error);
  if (error) return Status::IoError(Cat("cannot make ", options.data_folder.string(), ": ", error.message()));
  BP_ASSIGN_OR_RETURN(std::unique_ptr<TenantStore> store, TenantStore::Create(StorePath(options), HeadsPath(options)));
  TenantState state;
  const SecretVersion version = secrets.present();
  state.secrets = std::make_shared<const SecretFile>(std::move(secrets));
  Tenants tenants(options, std::move(store), state, clock);
  const Tenant first{.name = tenant, .is_operator = true, .weight = 1, .created = now, .disabled = {}};
  const Project project{.tenant = tenant, .name = std::string(kFirstProject), .created = now, .disabled = {}};
  state.tenants.emplace(tenant, first);
  state.projects.emplace(std::pair(tenant, project.name), project);
  BP_RETURN_IF_ERROR(tenants.Commit(std::move(state), {.tenants = {first},
                                                       .projects = {project},
                                                       .keys = {},
                                                       .versions = {version},
                                                       .audit = {.time = now,
                                                                 .actor = caller.local,
                                                                 .verb = "tenant.init",
                                                                 .tenant = tenant,
                                                                 .object = tenant,
                                                                 .details = WriteJson(TenantJson(first))}}));
  return tenants.Do(caller, "key.create",
                    Json::Object{{"tenant", tenant}, {"project", project.name}, {"name", "owner"}, {"role", "owner"}});
}

Result<std::unique_ptr<Tenants>> Tenants::Open(Options options, const Clock& clock) {
  BP_ASSIGN_OR_RETURN(std::unique_ptr<TenantStore> store, TenantStore::Open(StorePath(options), HeadsPath(options)));
  BP_ASSIGN_OR_RETURN(SecretFile secrets, SecretFile::Load(options.secret_file, options.data_folder));
  BP_ASSIGN_OR_RETURN(TenantState state, store->Load());
  BP_ASSIGN_OR_RETURN(const bool rotation_was_cut_off, store->CheckSecrets(state, secrets));
  state.secrets = std::make_shared<const SecretFile>(std::move(secrets));
  std::unique_ptr<Tenants> tenants(new Tenants(std::move(options), std::move(store), state, clock));
  if (rotation_was_cut_off) {
    const SecretVersion version = state.secrets->present();
    const AuditRow audit{.time = clock.UnixSeconds(),
                         .actor = "start",
                         .verb = "secrets.rotate",
                         .tenant = {},
                         .object = version.id,
                         .details = "{}"};
    BP_RETURN_IF_ERROR(tenants->Commit(
        std::move(state), {.tenants = {}, .projects = {}, .keys = {}, .versions = {version}, .audit = audit}));
  }
  return tenants;
}

std::shared_ptr<const TenantState> Tenants::state() const {
  const std::lock_guard lock(state_mutex_);
  return state_;
}

Status Tenants::Commit(TenantState state, const TenantChange& change) {
  BP_RETURN_IF_ERROR(store_->Apply(change));
  auto next = std::make_shared<const TenantState>(std::move(state));
  const std::lock_guard lock(state_mutex_);
  state_.swap(next);
  return Status::Ok();
}

Result<Actor> Tenants::ActorOf(const Caller& caller, const VerbRow& row) const {
  return Actor::Of(*state(), caller, row, clock_.UnixSeconds());
}

Status Tenants::NoteInAudit(const Actor& actor, std::string_view verb, std::string tenant, std::string subject,
                            const Json& details) {
  const std::lock_guard lock(mutex_);
  return store_->Apply({.tenants = {},
                        .projects = {},
                        .keys = {},
                        .versions = {},
                        .audit = AuditOf(actor, verb, std::move(tenant), std::move(subject), details)});
}

Result<Json> Tenants::Do(const Caller& caller, std::string_view verb, const Json& arguments) {
  const VerbRow* const row = FindVerb(verb);
  if (row == nullptr)
    return Status::InvalidArgument(Cat("'", WithoutKeys(verb.substr(0, 64)), "' is nothing that can be done here"));
  const Arguments read(arguments, ArgumentsOf(row->verb));
  const bool from_memory = !row->writes() && row->verb != TenantVerb::kAuditList;
  if (from_memory) {
    const auto now = state();
    BP_ASSIGN_OR_RETURN(const Actor actor, Actor::Of(*now, caller, *row, clock_.UnixSeconds()));
    BP_RETURN_IF_ERROR(read.Check());
    return Read(*now, actor, *row, read);
  }
  const std::lock_guard lock(mutex_);
  BP_ASSIGN_OR_RETURN(const Actor actor, Actor::Of(*state(), caller, *row, clock_.UnixSeconds()));
  BP_RETURN_IF_ERROR(read.Check());
  return Run(actor, *row, read);
}

Result<Json> Tenants::Read(const TenantState& state, const Actor& actor, const VerbRow& row,
                           const Arguments& arguments) {
  switch (row.verb) {
    case TenantVerb::kTenantList:
      return ListTenants(state, actor);
    case TenantVerb::kTenantShow: {
      BP_ASSIGN_OR_RETURN(const Tenant tenant, FindTenant(state, actor, arguments));
      return TenantJson(tenant);
    }
    case TenantVerb::kProjectList:
      return ListProjects(state, actor, arguments);
    case TenantVerb::kProjectShow: {
      BP_ASSIGN_OR_RETURN(const Project project, FindProject(state, actor, arguments));
      return ProjectJson(project);
    }
    case TenantVerb::kKeyList:
      return ListKeys(state, actor, arguments);
    case TenantVerb::kKeyShow: {
      BP_ASSIGN_OR_RETURN(const TenantState::KeyPointer key, FindKey(state, actor, arguments));
      return KeyJson(*key);
    }
    case TenantVerb::kSecretsList:
      return ListSecrets(state);
    case TenantVerb::kBudgetList:
      return ListBudgets(state, actor, arguments);
    case TenantVerb::kBudgetShow: {
      BP_ASSIGN_OR_RETURN(const Budget budget, FindBudget(state, actor, arguments));
      return Json(BudgetJson(budget));
    }
    default:
      return Status::Internal(Cat(row.name, " is not read from memory"));
  }
}

Result<Json> Tenants::Run(const Actor& actor, const VerbRow& row, const Arguments& arguments) {
  switch (row.verb) {
    case TenantVerb::kTenantCreate:
      return CreateTenant(actor, arguments);
    case TenantVerb::kTenantUpdate:
      return UpdateTenant(actor, arguments);
    case TenantVerb::kTenantDisable:
      return SetTenantEnabled(actor, arguments, false);
    case TenantVerb::kTenantEnable:
      return SetTenantEnabled(actor, arguments, true);
    case TenantVerb::kProjectCreate:
      return CreateProject(actor, arguments);
    case TenantVerb::kProjectDisable:
      return SetProjectEnabled(actor, arguments, false);
    case TenantVerb::kProjectEnable:
      return SetProjectEnabled(actor, arguments, true);
    case TenantVerb::kKeyCreate:
      return CreateKey(actor, arguments);
    case TenantVerb::kKeyUpdate:
      return UpdateKey(actor, arguments);
    case TenantVerb::kKeyRotate:
      return RotateKey(actor, arguments);
    case TenantVerb::kKeyRevoke:
      return RevokeKey(actor, arguments);
    case TenantVerb::kAuditList:
      return ListAudit(actor, arguments);
    case TenantVerb::kSecretsRotate:
      return RotateSecrets(actor);
    case TenantVerb::kBudgetCreate:
      return CreateBudget(actor, arguments);
    case TenantVerb::kBudgetUpdate:
      return UpdateBudget(actor, arguments);
    default:
      return Status::Internal(Cat(row.name, " changes nothing"));
  }
}

// Where it isn't given: the key's own, or the operator's for whoever is on this machine.
Result<std::string> Tenants::TenantOf(const TenantState& state, const Actor& actor, const Arguments& arguments) {
  std::string own;
  if (!actor.IsLocal()) {
    own = actor.key->tenant;
  } else {
    for (const auto& [name, tenant] : state.tenants) {
      if (tenant.is_operator) own = name;
    }
  }
  return arguments.Text("tenant", own);
}

Result<Tenant> Tenants::FindTenant(const TenantState& state, const Actor& actor, const Arguments& arguments) {
  BP_ASSIGN_OR_RETURN(const std::string name, TenantOf(state, actor, arguments));
  const Tenant* const tenant = state.FindTenant(name);
  // A project's admin is in the tenant, too, and goes on from there.
  const bool seen = tenant != nullptr && (actor.Sees(name) || (!actor.IsLocal() && actor.key->tenant == name));
  if (!seen)
    return Status::NotFound(Cat("there is no tenant '", name.substr(0, 64), "'")).WithReason("tenant_not_found");
  return *tenant;
}

Result<Project> Tenants::FindProject(const TenantState& state, const Actor& actor, const Arguments& arguments) {
  BP_ASSIGN_OR_RETURN(const Tenant tenant, FindTenant(state, actor, arguments));
  const bool own_tenant = !actor.IsLocal() && actor.key->tenant == tenant.name;
  BP_ASSIGN_OR_RETURN(const std::string name,
                      arguments.Text("project", own_tenant ? std::string_view(actor.key->project) : kFirstProject));
  const Project* const project = state.FindProject(tenant.name, name);
  if (project == nullptr || !actor.Sees(tenant.name, name)) {
    return Status::NotFound(Cat("there is no project '", name.substr(0, 64), "' in ", tenant.name))
        .WithReason("project_not_found");
  }
  return *project;
}

Result<Json> Tenants::ListTenants(const TenantState& state, const Actor& actor) const {
  Json::Array data;
  for (const auto& [name, tenant] : state.tenants) {
    if (actor.Sees(name)) data.push_back(TenantJson(tenant));
  }
  return ListOf(std::move(data));
}

Result<Json> Tenants::ListProjects(const TenantState& state, const Actor& actor, const Arguments& arguments) const {
  BP_ASSIGN_OR_RETURN(const std::string only, arguments.Text("tenant", ""));
  Json::Array data;
  for (const auto& [names, project] : state.projects) {
    const bool wanted = only.empty() || project.tenant == only;
    if (wanted && actor.Sees(project.tenant, project.name)) data.push_back(ProjectJson(project));
  }
  return ListOf(std::move(data));
}

Result<Json> Tenants::ListAudit(const Actor& actor, const Arguments& arguments) {
  BP_ASSIGN_OR_RETURN(const auto before, arguments.Int("before"));
  BP_ASSIGN_OR_RETURN(const auto limit, arguments.Int("limit"));
  BP_ASSIGN_OR_RETURN(const bool verify, arguments.Flag("verify"));
  const bool everywhere = actor.reach == Reach::kEverywhere;
  Json::Object out{{"object", "list"}};
  if (verify) {  // the chain is of all tenants together
    if (!everywhere) {
      return Status(StatusCode::kPermissionDenied, "the audit is verified by the operator")
          .WithReason("role_not_allowed");
    }
    BP_ASSIGN_OR_RETURN(const uint64_t rows, store_->VerifyAudit());
    out.emplace_back("verified_rows", static_cast<int64_t>(rows));
  }
  const auto rows = store_->Audit(before.value_or(INT64_MAX), static_cast<uint32_t>(limit.value_or(100)),
                                  everywhere ? std::string() : actor.key->tenant);
  if (!rows.ok()) return rows.status();
  Json::Array data;
  for (const AuditRow& row : *rows) {
    BP_ASSIGN_OR_RETURN(Json details, ParseJson(row.details));
    data.push_back(Json::Object{{"object", "audit"},
                                {"number", row.number},
                                {"time", row.time},
                                {"actor", row.actor},
                                {"verb", row.verb},
                                {"tenant", row.tenant},
                                {"subject", row.object},
                                {"details", std::move(details)}});
  }
  out.emplace_back("data", std::move(data));
  return Json(std::move(out));
}

Result<Json> Tenants::CreateTenant(const Actor& actor, const Arguments& arguments) {
  BP_ASSIGN_OR_RETURN(const std::string name, arguments.Text("name", ""));
  TenantState next = *state();
  BP_RETURN_IF_ERROR(CheckNewName(name, next.tenants.size(), "tenants", next.FindTenant(name) != nullptr));
  const int64_t now = clock_.UnixSeconds();
  BP_ASSIGN_OR_RETURN(const auto weight, arguments.Int("weight"));
  const Tenant tenant{.name = name,
                      .is_operator = false,
                      .weight = static_cast<uint32_t>(weight.value_or(1)),
                      .created = now,
                      .disabled = {}};
  const Project project{.tenant = name, .name = std::string(kFirstProject), .created = now, .disabled = {}};
  next.tenants.emplace(name, tenant);
  next.projects.emplace(std::pair(name, project.name), project);
  Json shown = TenantJson(tenant);
  AuditRow audit = AuditOf(actor, "tenant.create", name, name, shown);
  BP_RETURN_IF_ERROR(Commit(std::move(next),
                            {.tenants = {tenant}, .projects = {project}, .keys = {}, .versions = {}, .audit = audit}));
  return shown;
}

// What is left out stays.
Result<Json> Tenants::UpdateTenant(const Actor& actor, const Arguments& arguments) {
  TenantState next = *state();
  BP_ASSIGN_OR_RETURN(Tenant tenant, FindTenant(next, actor, arguments));
  BP_ASSIGN_OR_RETURN(const auto weight, arguments.Int("weight"));
  if (!weight || *weight == tenant.weight) return TenantJson(tenant);
  tenant.weight = static_cast<uint32_t>(*weight);
  next.tenants.insert_or_assign(tenant.name, tenant);
  Json shown = TenantJson(tenant);
  AuditRow audit = AuditOf(actor, "tenant.update", tenant.name, tenant.name, shown);
  BP_RETURN_IF_ERROR(
      Commit(std::move(next), {.tenants = {tenant}, .projects = {}, .keys = {}, .versions = {}, .audit = audit}));
  return shown;
}

Result<Json> Tenants::SetTenantEnabled(const Actor& actor, const Arguments& arguments, bool enabled) {
  TenantState next = *state();
  BP_ASSIGN_OR_RETURN(Tenant tenant, FindTenant(next, actor, arguments));
  if (tenant.is_operator) {
    return Status{StatusCode::kConflict, "the operator's tenant can't be disabled: nobody could enable it by the API"};
  }
  if (tenant.disabled.has_value() != enabled) return TenantJson(tenant);
  tenant.disabled = enabled ? std::nullopt : std::optional(clock_.UnixSeconds());
  next.tenants.insert_or_assign(tenant.name, tenant);
  Json shown = TenantJson(tenant);
  AuditRow audit = AuditOf(actor, enabled ? "tenant.enable" : "tenant.disable", tenant.name, tenant.name, shown);
  BP_RETURN_IF_ERROR(
      Commit(std::move(next), {.tenants = {tenant}, .projects = {}, .keys = {}, .versions = {}, .audit = audit}));
  return shown;
}

Result<Json> Tenants::CreateProject(const Actor& actor, const Arguments& arguments) {
  BP_ASSIGN_OR_RETURN(const std::string name, arguments.Text("name", ""));
  TenantState next = *state();
  BP_ASSIGN_OR_RETURN(const Tenant tenant, FindTenant(next, actor, arguments));
  BP_RETURN_IF_ERROR(
      CheckNewName(name, next.projects.size(), "projects", next.FindProject(tenant.name, name) != nullptr));
  const Project project{.tenant = tenant.name, .name = name, .created = clock_.UnixSeconds(), .disabled = {}};
  next.projects.emplace(std::pair(tenant.name, name), project);
  Json shown = ProjectJson(project);
  AuditRow audit = AuditOf(actor, "project.create", tenant.name, name, shown);
  BP_RETURN_IF_ERROR(
      Commit(std::move(next), {.tenants = {}, .projects = {project}, .keys = {}, .versions = {}, .audit = audit}));
  return shown;
}

Result<Json> Tenants::SetProjectEnabled(const Actor& actor, const Arguments& arguments, bool enabled) {
  TenantState next = *state();
  BP_ASSIGN_OR_RETURN(Project project, FindProject(next, actor, arguments));
  if (project.disabled.has_value() != enabled) return ProjectJson(project);
  project.disabled = enabled ? std::nullopt : std::optional(clock_.UnixSeconds());
  next.projects.insert_or_assign(std::pair(project.tenant, project.name), project);
  Json shown = ProjectJson(project);
  AuditRow audit = AuditOf(actor, enabled ? "project.enable" : "project.disable", project.tenant, project.name, shown);
  BP_RETURN_IF_ERROR(
      Commit(std::move(next), {.tenants = {}, .projects = {project}, .keys = {}, .versions = {}, .audit = audit}));
  return shown;
}

Status Tenants::CheckNewName(const std::string& name, size_t count, std::string_view what, bool taken) {
  if (taken) return Status{StatusCode::kConflict, Cat("the name '", name, "' is taken")};
  if (count < kTenantsMax) return Status::Ok();
  return Status{StatusCode::kConflict, Cat("there are ", count, " ", what, ", and no room for more")};
}

AuditRow Tenants::AuditOf(const Actor& actor, std::string_view verb, std::string tenant, std::string subject,
                          const Json& details) const {
  return {.time = clock_.UnixSeconds(),
          .actor = actor.name,
          .verb = std::string(verb),
          .tenant = std::move(tenant),
          .object = std::move(subject),
          .details = WriteJson(details)};
}

}  // namespace bedplate

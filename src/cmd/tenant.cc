// bedplate tenant, bedplate project: who an organisation's keys belong to.
#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "base/cat.h"
#include "cmd/commands.h"
#include "cmd/tenant_access.h"
#include "cmd/tenant_print.h"
#include "serve/control_socket.h"

namespace bedplate {
namespace {

struct TenantCommandOptions {
  std::string action;
  std::string name;
  std::string tenant;
  uint32_t weight = 0;  // none was given
  uint32_t limit = 100;
  bool verify = false;
  StoreOptions store;
  bool json = false;
};

constexpr std::string_view kFirstTenant = "operator";

Status NeedName(const TenantCommandOptions& options, std::string_view what) {
  if (!options.name.empty()) return Status::Ok();
  return Status::InvalidArgument(Cat("which ", what, "? give its NAME"));
}

Status RunInit(const TenantCommandOptions& options) {
  BP_ASSIGN_OR_RETURN(const Tenants::Options where, TenantOptions(options.store));
  const SystemClock clock;
  const std::string name = options.name.empty() ? std::string(kFirstTenant) : options.name;
  BP_ASSIGN_OR_RETURN(const Json made, Tenants::Init(where, name, ThisUser(), clock));
  if (options.json) {
    PrintJson(made);
    return Status::Ok();
  }
  fmt::print("Tenant {}, the operator's, with the project default, in {}\n", name, where.data_folder.string());
  fmt::print("Secrets  {}   (keep a copy: without it no key works)\n", where.secret_file.string());
  PrintSecret(made);
  fmt::print("It may do everything here. `bedplate serve` asks for keys from its next start on.\n");
  return Status::Ok();
}

Status Print(const TenantCommandOptions& options, const Json& done, std::initializer_list<TableColumn> columns) {
  if (options.json) {
    PrintJson(done);
  } else if (done.Find("data") != nullptr) {
    PrintTable(*done.Find("data"), columns);
  } else {
    PrintMembers(done);
  }
  return Status::Ok();
}

Status RunTenant(const TenantCommandOptions& options) {
  const std::string& action = options.action;
  if (action == "init") return RunInit(options);
  Json::Object arguments;
  std::string verb = "tenant." + action;
  if (action == "audit") {
    verb = "audit.list";
    arguments = {{"limit", static_cast<int64_t>(options.limit)}, {"verify", options.verify}};
  } else if (action == "secrets") {
    verb = "secrets.list";
  } else if (action == "rotate-secrets") {
    verb = "secrets.rotate";
  } else if (action != "list") {
    BP_RETURN_IF_ERROR(NeedName(options, "tenant"));
    arguments = {{action == "create" ? "name" : "tenant", options.name}};
    if (options.weight != 0) arguments.emplace_back("weight", static_cast<int64_t>(options.weight));
    if (action == "update" && options.weight == 0) return Status::InvalidArgument("update what? give its --weight");
  }
  BP_ASSIGN_OR_RETURN(const Json done, DoInOffice(options.store, verb, arguments));
  if (const Json* const rows = done.Find("verified_rows"); rows != nullptr && !options.json) {
    fmt::print("The audit's {} rows are as they were written.\n", rows->as_int());
  }
  if (action == "audit") {
    return Print(options, done,
                 {{"NUMBER", "number"},
                  {"TIME", "time", ColumnKind::kTime},
                  {"ACTOR", "actor"},
                  {"VERB", "verb"},
                  {"TENANT", "tenant"},
                  {"SUBJECT", "subject"}});
  }
  if (action == "secrets" || action == "rotate-secrets") {
    return Print(options, done,
                 {{"VERSION", "id"},
                  {"CREATED", "created_at", ColumnKind::kTime},
                  {"PRESENT", "present"},
                  {"BEARER SECRETS", "bearer_secrets"},
                  {"ACCESS KEY SECRETS", "access_key_secrets"}});
  }
  return Print(options, done,
               {{"TENANT", "name"},
                {"OPERATOR", "operator"},
                {"WEIGHT", "weight"},
                {"CREATED", "created_at", ColumnKind::kTime},
                {"DISABLED", "disabled_at", ColumnKind::kTime}});
}

Status RunProject(const TenantCommandOptions& options) {
  Json::Object arguments;
  if (!options.tenant.empty()) arguments.emplace_back("tenant", options.tenant);
  if (options.action != "list") {
    BP_RETURN_IF_ERROR(NeedName(options, "project"));
    arguments.emplace_back(options.action == "create" ? "name" : "project", options.name);
  }
  BP_ASSIGN_OR_RETURN(const Json done, DoInOffice(options.store, "project." + options.action, arguments));
  return Print(options, done,
               {{"PROJECT", "name"},
                {"TENANT", "tenant"},
                {"CREATED", "created_at", ColumnKind::kTime},
                {"DISABLED", "disabled_at", ColumnKind::kTime}});
}

}  // namespace

void AddTenantCommand(Program& program) {
  auto options = std::make_shared<TenantCommandOptions>();
  CommandLine command = program.Add("tenant", "Make tenants, list them, disable them; read the audit",
                                    [options] { return RunTenant(*options); });
  command.Add(
      "ACTION", &options->action,
      "init: make the first tenant, the operator's, and its owner's key; create, list, show; update: change its "
      "--weight; disable: its keys are refused until enable; audit: who did what; secrets: versions of the secret "
      "file; rotate-secrets: "
      "make a new one",
      {.required = true,
       .choices = {"init", "create", "list", "show", "update", "disable", "enable", "audit", "secrets",
                   "rotate-secrets"}});
  command.Add("NAME", &options->name, "the tenant; init: default operator",
              {.actions = {"init", "create", "show", "update", "disable", "enable"}});
  options->store.AddTo(command);
  command.Add("--weight", &options->weight,
              "create, update: its share where tenants wait for each other, against the 1 of a new one",
              {.min = 1, .max = Tenant::kWeightMax, .actions = {"create", "update"}});
  command.Add("--limit", &options->limit, "audit: so many rows, the newest",
              {.min = 1, .max = 1000, .actions = {"audit"}});
  command.Add("--verify", &options->verify, "audit: check that no row was changed, removed, added or moved",
              {.actions = {"audit"}});
  command.Add("--json", &options->json, "print JSON");
  command.Footer(
      "A running server does it; where none runs, the command does it in the data folder.\n"
      "Examples:\n"
      "  bedplate tenant init\n"
      "  bedplate tenant create acme --weight 2 && bedplate key create --tenant acme --role owner --name boss\n"
      "  bedplate tenant audit --verify --limit 20");
}

void AddProjectCommand(Program& program) {
  auto options = std::make_shared<TenantCommandOptions>();
  CommandLine command = program.Add("project", "Make projects of a tenant, list them, disable them",
                                    [options] { return RunProject(*options); });
  command.Add("ACTION", &options->action, "create, list, show; disable: its keys are refused until enable",
              {.required = true, .choices = {"create", "list", "show", "disable", "enable"}});
  command.Add("NAME", &options->name, "the project", {.actions = {"create", "show", "disable", "enable"}});
  command.Add("--tenant", &options->tenant, "whose it is; default: the operator's; list: default: all");
  options->store.AddTo(command);
  command.Add("--json", &options->json, "print JSON");
  command.Footer(
      "Examples:\n"
      "  bedplate project create search --tenant acme\n"
      "  bedplate project list --tenant acme --json");
}

}  // namespace bedplate

// bedplate budget: how much a tenant, a project, a key or a model may use, and what is spent of it.
#include <memory>

#include "cmd/commands.h"
#include "cmd/tenant_access.h"
#include "cmd/tenant_print.h"
#include "ledger/budgets/budget.h"

namespace bedplate {
namespace {

struct BudgetOptions {
  std::string action, name;
  std::string amount, unit, period, kind;
  std::string tenant, project, key, model;
  bool disable = false, enable = false;
  StoreOptions store;
  bool json = false;
};

Status RunBudget(const BudgetOptions& options) {
  Json::Object arguments;
  const auto append = [&](std::string_view member, const std::string& value) {
    if (!value.empty()) arguments.emplace_back(std::string(member), value);
  };
  append("tenant", options.tenant);
  const bool lists = options.action == "list", creates = options.action == "create";
  if (!lists && options.name.empty()) return Status::InvalidArgument("which budget? give its NAME");
  if (creates && options.amount.empty()) {
    return Status::InvalidArgument("a budget needs --amount: dollars, such as 250.00, or with --unit tokens a number");
  }
  if (options.action == "update" && options.amount.empty() && !options.disable && !options.enable) {
    return Status::InvalidArgument("update what? give --amount, --disable or --enable");
  }
  if (options.disable && options.enable) return Status::InvalidArgument("--disable and --enable exclude each other");
  if (!lists) append(creates ? "name" : "budget", options.name);
  if (creates || lists) append("project", options.project);
  if (creates) {
    append("key", options.key);
    append("model", options.model);
    append("unit", options.unit);
    append("period", options.period);
    append("kind", options.kind);
  }
  if (creates || options.action == "update") append("amount", options.amount);
  if (options.action == "update" && (options.disable || options.enable)) {
    arguments.emplace_back("disabled", options.disable);
  }
  BP_ASSIGN_OR_RETURN(const Json done, DoInOffice(options.store, "budget." + options.action, arguments));
  if (options.json) {
    PrintJson(done);
  } else if (lists) {
    PrintTable(*done.Find("data"), {{"TENANT", "tenant"},
                                    {"NAME", "name"},
                                    {"PROJECT", "project"},
                                    {"KEY", "key"},
                                    {"MODEL", "model"},
                                    {"KIND", "kind"},
                                    {"UNIT", "unit"},
                                    {"AMOUNT", "amount", ColumnKind::kNumber},
                                    {"SPENT", "spent", ColumnKind::kNumber},
                                    {"HELD", "held", ColumnKind::kNumber},
                                    {"LEFT", "left", ColumnKind::kNumber},
                                    {"PERIOD", "period"},
                                    {"UNTIL", "period_to_at", ColumnKind::kTime},
                                    {"DISABLED", "disabled_at", ColumnKind::kTime}});
  } else {
    PrintMembers(done);
  }
  return Status::Ok();
}

}  // namespace

void AddBudgetCommand(Program& program) {
  auto options = std::make_shared<BudgetOptions>();
  CommandLine command = program.Add("budget", "Say how much may be used, and see what is spent of it",
                                    [options] { return RunBudget(*options); });
  command.Add("ACTION", &options->action,
              "create, list, show, or update: another --amount, --disable, which neither refuses nor counts, --enable",
              {.required = true, .choices = {"create", "list", "show", "update"}});
  command.Add("NAME", &options->name, "which budget; list: of all", {.actions = {"create", "show", "update"}});
  command.Add("--amount", &options->amount,
              "create, update: dollars, exact to twelve digits after the point; or tokens",
              {.actions = {"create", "update"}});
  command.Add("--unit", &options->unit, "create: what the amount counts; default: usd",
              {.choices = {std::begin(kBudgetUnitNames), std::end(kBudgetUnitNames)}, .actions = {"create"}});
  command.Add("--period", &options->period, "create: after which it begins anew, in UTC; default: month",
              {.choices = {std::begin(kBudgetPeriodNames), std::end(kBudgetPeriodNames)}, .actions = {"create"}});
  command.Add("--kind", &options->kind, "create: hard refuses what would go beyond it, soft tells of it; default: hard",
              {.choices = {std::begin(kBudgetKindNames), std::end(kBudgetKindNames)}, .actions = {"create"}});
  command.Add("--tenant", &options->tenant, "whose; default: the operator's; list: all");
  command.Add("--project", &options->project, "create: of this project alone; list: of those of projects of this name",
              {.actions = {"create", "list"}});
  command.Add("--key", &options->key, "create: of the key of this id alone", {.actions = {"create"}});
  command.Add("--model", &options->model, "create: of this model alone", {.actions = {"create"}});
  command.Add("--disable", &options->disable, "update: for a while", {.actions = {"update"}});
  command.Add("--enable", &options->enable, "update: again", {.actions = {"update"}});
  options->store.AddTo(command);
  command.Add("--json", &options->json, "print JSON");
  command.Footer(
      "Examples:\n"
      "  bedplate budget create search --tenant acme --project search --amount 250.00 --period month\n"
      "  bedplate budget create day --tenant acme --unit tokens --amount 1000000 --period day --kind soft\n"
      "  bedplate budget update search --tenant acme --amount 300\n"
      "  bedplate budget list");
}

}  // namespace bedplate

// bedplate price: what tokens cost, from when on, and for whom.
#include <fmt/format.h>

#include <memory>

#include "cmd/commands.h"
#include "cmd/tenant_access.h"
#include "cmd/tenant_print.h"
#include "cmd/time_text.h"
#include "ledger/price.h"

namespace bedplate {
namespace {

struct PriceOptions {
  std::string action;
  std::string meter, amount;
  std::string tenant, model, tier;
  uint64_t per = 0;
  std::string from, to;
  StoreOptions store;
  bool json = false;
};

void AppendText(std::string_view name, const std::string& value, Json::Object& arguments) {
  if (!value.empty()) arguments.emplace_back(std::string(name), value);
}

/// What was used this month and is charged to nobody.
void PrintUnpriced(const Json& unpriced) {
  if (unpriced.as_array().empty()) return;
  fmt::print("\nUnpriced this month, so that it costs nothing:\n");
  PrintTable(unpriced,
             {{"TENANT", "tenant"}, {"MODEL", "model"}, {"METER", "meter"}, {"TOKENS", "tokens", ColumnKind::kNumber}});
  fmt::print("A price that is added now counts for requests from now on.\n");
}

Status RunPrice(const PriceOptions& options) {
  Json::Object arguments;
  AppendText("tenant", options.tenant, arguments);
  AppendText("model", options.model, arguments);
  const bool adds = options.action == "add";
  if (adds) {
    if (options.meter.empty() || options.amount.empty()) {
      return Status::InvalidArgument("a price needs --meter, such as output, and --amount in dollars, such as 0.60");
    }
    AppendText("tier", options.tier, arguments);
    AppendText("meter", options.meter, arguments);
    AppendText("amount", options.amount, arguments);
    if (options.per != 0) arguments.emplace_back("per", static_cast<int64_t>(options.per));
    BP_RETURN_IF_ERROR(AppendTime("--from", options.from, "from", arguments));
    BP_RETURN_IF_ERROR(AppendTime("--to", options.to, "to", arguments));
  }
  BP_ASSIGN_OR_RETURN(const Json done, DoInOffice(options.store, "price." + options.action, arguments));
  if (options.json) {
    PrintJson(done);
    return Status::Ok();
  }
  PrintTable(adds ? Json(Json::Array{done}) : *done.Find("data"), {{"NUMBER", "number", ColumnKind::kNumber},
                                                                   {"TENANT", "tenant"},
                                                                   {"MODEL", "model"},
                                                                   {"TIER", "tier"},
                                                                   {"METER", "meter"},
                                                                   {"DOLLARS", "amount", ColumnKind::kNumber},
                                                                   {"PER", "per", ColumnKind::kNumber},
                                                                   {"FROM", "from_at", ColumnKind::kTime},
                                                                   {"TO", "to_at", ColumnKind::kTime}});
  if (!adds) PrintUnpriced(*done.Find("unpriced"));
  return Status::Ok();
}

}  // namespace

void AddPriceCommand(Program& program) {
  auto options = std::make_shared<PriceOptions>();
  CommandLine command =
      program.Add("price", "Say what tokens cost, and list what they do", [options] { return RunPrice(*options); });
  command.Add("ACTION", &options->action, "add: a price that holds from now, or --from, on; list: those there are",
              {.required = true, .choices = {"add", "list"}});
  command.Add("--meter", &options->meter, "add: what is counted: prompt (what no cache had), cached, output, reasoning",
              {.choices = {std::begin(kMeterNames), std::end(kMeterNames)}, .actions = {"add"}});
  command.Add("--amount", &options->amount, "add: dollars, exact to twelve digits after the point",
              {.actions = {"add"}});
  command.Add("--per", &options->per, "add: for so many; default: a million tokens, or an hour's milliseconds",
              {.min = 1, .actions = {"add"}});
  command.Add("--model", &options->model, "of which model; default: any without a price of its own");
  command.Add("--tenant", &options->tenant, "for whom; default: everybody without a price of their own");
  command.Add("--tier", &options->tier, "add: in which service tier; default: any without a price of its own",
              {.actions = {"add"}});
  command.Add("--from", &options->from, "add: 2027-01-31 or 2027-01-31T12:00:00Z; default: now", {.actions = {"add"}});
  command.Add("--to", &options->to, "add: when it ends; default: when another of the same thing begins",
              {.actions = {"add"}});
  options->store.AddTo(command);
  command.Add("--json", &options->json, "print JSON");
  command.Footer(
      "A price is never changed: another one is added, and holds from its beginning on.\n"
      "Cached tokens without a price of their own cost what the prompt's do, reasoning what the output's does. Tokens "
      "of "
      "the\nprompt or the output without a price cost nothing: `list` and `bedplate usage` call them unpriced.\n"
      "Examples:\n"
      "  bedplate price add --model smollm2-135m --meter output --amount 0.60\n"
      "  bedplate price add --tenant acme --meter prompt --amount 0.05 --from 2027-01-01 --to 2027-02-01\n"
      "  bedplate price list --tenant acme");
}

}  // namespace bedplate

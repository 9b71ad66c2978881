// bedplate usage: what was used and what it cost, by time and by names; or request by request.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "cmd/commands.h"
#include "cmd/tenant_access.h"
#include "cmd/tenant_print.h"
#include "cmd/time_text.h"
#include "ledger/reports/usage_report.h"

namespace bedplate {
namespace {

struct UsageOptions {
  std::vector<std::string> by;
  std::string bucket = "none";
  std::string from, to;
  std::string tenant, project, key, model, tier, end_user;
  bool requests = false;
  uint32_t limit = 100;
  StoreOptions store;
  bool json = false;
};

constexpr TableColumn kPromptColumn{"PROMPT", "prompt_tokens", ColumnKind::kNumber},
    kCachedColumn{"CACHED", "cached_tokens", ColumnKind::kNumber},
    kOutputColumn{"OUTPUT", "output_tokens", ColumnKind::kNumber},
    kReasoningColumn{"REASONING", "reasoning_tokens", ColumnKind::kNumber},
    kUnpricedColumn{"UNPRICED", "unpriced_tokens", ColumnKind::kNumber},
    kCostColumn{"DOLLARS", "cost", ColumnKind::kNumber};

// Titles of the names that lines can be grouped by.
constexpr TableColumn kNameColumns[] = {{"TENANT", "tenant"}, {"PROJECT", "project"}, {"KEY", "key"},
                                        {"MODEL", "model"},   {"TIER", "tier"},       {"END USER", "end_user"}};

Result<Json::Object> ArgumentsFrom(const UsageOptions& options) {
  Json::Object arguments;
  BP_RETURN_IF_ERROR(AppendTime("--from", options.from, "from", arguments));
  BP_RETURN_IF_ERROR(AppendTime("--to", options.to, "to", arguments));
  const std::pair<const char*, const std::string*> names[] = {
      {"tenant", &options.tenant}, {"project", &options.project}, {"key", &options.key},
      {"model", &options.model},   {"tier", &options.tier},       {"end_user", &options.end_user}};
  for (const auto& [name, value] : names) {
    if (!value->empty()) arguments.emplace_back(name, *value);
  }
  return arguments;
}

int64_t UnpricedIn(const Json& object) {
  return object.Find("unpriced_tokens")->as_int();
}

bool AnyUnpriced(const Json& data) {
  return std::ranges::any_of(data.as_array(), [](const Json& line) { return UnpricedIn(line) != 0; });
}

Status ListRequests(const UsageOptions& options, Json::Object arguments) {
  arguments.emplace_back("limit", static_cast<int64_t>(options.limit));
  BP_ASSIGN_OR_RETURN(const Json done, DoInOffice(options.store, "request.list", arguments));
  if (options.json) {
    PrintJson(done);
    return Status::Ok();
  }
  std::vector<TableColumn> columns = {{"TIME", "time_at", ColumnKind::kTime},
                                      {"REQUEST", "request"},
                                      {"TENANT", "tenant"},
                                      {"PROJECT", "project"},
                                      {"KEY", "key"},
                                      {"MODEL", "model"},
                                      kPromptColumn,
                                      kCachedColumn,
                                      kOutputColumn,
                                      kReasoningColumn};
  if (AnyUnpriced(*done.Find("data"))) columns.push_back(kUnpricedColumn);
  columns.push_back(kCostColumn);
  PrintTable(*done.Find("data"), columns);
  return Status::Ok();
}

Status RunUsage(const UsageOptions& options) {
  BP_ASSIGN_OR_RETURN(Json::Object arguments, ArgumentsFrom(options));
  if (options.requests && (!options.by.empty() || options.bucket != "none")) {
    return Status::InvalidArgument("--requests lists each request: it goes without --by and --bucket");
  }
  if (options.requests) return ListRequests(options, std::move(arguments));
  arguments.emplace_back("bucket", options.bucket);
  Json::Array by;
  for (const std::string& name : options.by) by.emplace_back(name);
  if (!by.empty()) arguments.emplace_back("group_by", std::move(by));
  BP_ASSIGN_OR_RETURN(const Json done, DoInOffice(options.store, "usage.report", arguments));
  if (options.json) {
    PrintJson(done);
    return Status::Ok();
  }
  std::vector<TableColumn> columns;
  if (options.bucket != "none") columns.push_back({"FROM", "from_at", ColumnKind::kTime});
  for (const TableColumn& name : kNameColumns) {
    if (std::ranges::find(options.by, name.member) != options.by.end()) columns.push_back(name);
  }
  const bool by_meter = std::ranges::find(options.by, "meter") != options.by.end();
  if (by_meter) columns.push_back({"METER", "meter"});
  columns.push_back({"REQUESTS", "requests", ColumnKind::kNumber});
  if (by_meter) {
    columns.push_back({"QUANTITY", "quantity", ColumnKind::kNumber});
  } else {
    columns.insert(columns.end(), {kPromptColumn, kCachedColumn, kOutputColumn, kReasoningColumn});
  }
  const int64_t unpriced = UnpricedIn(*done.Find("total"));
  if (unpriced != 0) columns.push_back(kUnpricedColumn);
  columns.push_back(kCostColumn);
  fmt::print("From {} to {}\n", UtcTimeText(done.Find("from_at")->as_int()), UtcTimeText(done.Find("to_at")->as_int()));
  if (done.Find("data")->as_array().empty()) {
    fmt::print("Nothing was used.\n");
    return Status::Ok();
  }
  PrintTable(*done.Find("data"), columns);
  fmt::print("In all ${}\n", done.Find("total")->Find("cost")->as_string());
  if (unpriced != 0) {
    fmt::print("{} tokens had no price and are in no cost: `bedplate price list` says which.\n", unpriced);
  }
  return Status::Ok();
}

}  // namespace

void AddUsageCommand(Program& program) {
  auto options = std::make_shared<UsageOptions>();
  CommandLine command =
      program.Add("usage", "Show what was used, by whom, and what it cost", [options] { return RunUsage(*options); });
  command.Add("--by", &options->by, "a line for each: tenant, project, key, model, tier, end_user, meter");
  command.Add("--bucket", &options->bucket, "a line for each minute, hour, day or month, UTC; default: none",
              {.choices = {std::begin(kBucketNames), std::end(kBucketNames)}});
  command.Add("--from", &options->from, "2027-01-31 or 2027-01-31T12:00:00Z; default: this month's beginning");
  command.Add("--to", &options->to, "not included; default: now");
  command.Add("--tenant", &options->tenant, "this one's alone");
  command.Add("--project", &options->project, "of this project alone");
  command.Add("--key", &options->key, "by the key of this id alone");
  command.Add("--model", &options->model, "of this model alone");
  command.Add("--tier", &options->tier, "in this service tier alone");
  command.Add("--end-user", &options->end_user, "for whom requests named so alone");
  command.Add("--requests", &options->requests, "each request, the newest first");
  command.Add("--limit", &options->limit, "--requests: so many", {.min = 1, .max = 1000});
  options->store.AddTo(command);
  command.Add("--json", &options->json, "print JSON; money is a decimal string, exact");
  command.Footer(
      "What the books say, also while a server writes them. `bedplate ledger show REQUEST` traces one request.\n"
      "Examples:\n"
      "  bedplate usage --by tenant --by model\n"
      "  bedplate usage --bucket day --from 2027-01-01 --to 2027-02-01 --tenant acme\n"
      "  bedplate usage --tenant acme --by end_user\n"
      "  bedplate usage --requests --limit 20");
}

}  // namespace bedplate

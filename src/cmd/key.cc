// bedplate key: keys of the tenants in the data folder; and, for `bedplate serve --keys`, entries of a key file.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <iterator>
#include <memory>

#include "base/cat.h"
#include "base/json.h"
#include "cmd/commands.h"
#include "cmd/table.h"
#include "cmd/tenant_access.h"
#include "cmd/tenant_print.h"
#include "cmd/time_text.h"
#include "ledger/key_file.h"
#include "ledger/new_key.h"
#include "ledger/tenancy/key_text.h"

namespace bedplate {
namespace {

struct LimitOption {
  const char* option;
  const char* argument;
  const char* help;
};
constexpr LimitOption kLimits[] = {
    {"--concurrent-requests", "concurrent_requests",
     "create, update: requests that run or wait at a time; default: no limit"},
    {"--requests-per-minute", "requests_per_minute", "create, update; default: no limit"},
    {"--tokens-per-minute", "tokens_per_minute", "create, update: of prompts and answers; default: no limit"},
    {"--body-bytes-max", "body_bytes_max", "create, update: of one request; default: the server's"},
    {"--output-tokens-max", "output_tokens_max", "create, update: of one answer; default: the model's"},
    {"--request-seconds-max", "request_seconds_max",
     "create, update: from a request to its answer's end; default: no limit"},
};

struct KeyOptions {
  std::string action;
  std::string id;
  NewKeyOptions key;  // name, tenant, project and whether it signs
  std::string role = "member";
  std::vector<std::string> scopes;
  std::vector<std::string> models;
  std::string expires;
  std::string overlap = "24h";
  uint64_t limits[std::size(kLimits)] = {};
  std::vector<std::string> clear;
  bool live = false;
  StoreOptions store;
  std::string keys;
  bool json = false;
};

// The entry goes to stdout, so that it can be appended to a file, and what is told once to stderr.
Status PrintNew(const KeyOptions& options) {
  BP_ASSIGN_OR_RETURN(const NewKey key, MakeKey(options.key));
  if (options.json) {
    std::string out;
    JsonWriter w(out);
    w.BeginObject();
    const auto text = [&](std::string_view name, const std::string& value) {
      if (value.empty()) return;
      w.Key(name);
      w.String(value);
    };
    text("name", options.key.name);
    text("key", key.secret);
    text("access_key_id", key.access_key_id);
    text("secret_access_key", key.secret_access_key);
    text("entry", key.entry);
    w.EndObject();
    fmt::print("{}\n", out);
    return Status::Ok();
  }
  if (key.secret.empty()) {
    fmt::print(stderr, "AWS_ACCESS_KEY_ID={}\nAWS_SECRET_ACCESS_KEY={}\n", key.access_key_id, key.secret_access_key);
  } else {
    fmt::print(stderr, "The key, which is shown only now:\n\n  {}\n\n", key.secret);
  }
  if (::isatty(STDOUT_FILENO) == 1) fmt::print(stderr, "Add this to the key file (chmod 600):\n\n");
  fmt::print("{}", key.entry);
  return Status::Ok();
}

std::string LimitText(uint32_t limit) {
  return limit == 0 ? "-" : Cat(limit);
}
void PrintFileJson(const KeyFile& file) {
  std::string out;
  JsonWriter w(out);
  w.BeginArray();
  for (const Key& key : file.keys()) {
    w.BeginObject();
    const auto text = [&](std::string_view name, std::string_view value) {
      w.Key(name);
      w.String(value);
    };
    const auto limit = [&](std::string_view name, uint64_t value) {
      w.Key(name);
      value == 0 ? w.Null() : w.Uint(value);
    };
    text("name", key.principal.key);
    text("tenant", key.principal.tenant);
    text("project", key.principal.project);
    if (!key.access_key_id.empty()) text("access_key_id", key.access_key_id);
    w.Key("expires_at");
    key.expires_unix_seconds ? w.Int(*key.expires_unix_seconds) : w.Null();
    w.Key("models");
    w.BeginArray();
    for (const std::string& model : key.principal.models) w.String(model);
    w.EndArray();
    limit("concurrent_requests", key.limits.concurrent_requests);
    limit("requests_per_minute", key.limits.requests_per_minute);
    limit("tokens_per_minute", key.limits.tokens_per_minute);
    limit("body_bytes_max", key.principal.caps.body_bytes_max);
    limit("output_tokens_max", key.principal.caps.output_tokens_max);
    limit("request_seconds_max", key.principal.caps.time_ms_max / 1000);
    w.EndObject();
  }
  w.EndArray();
  fmt::print("{}\n", out);
}

Status PrintFileList(const KeyOptions& options) {
  BP_ASSIGN_OR_RETURN(const KeyFile file, KeyFile::Load(options.keys));
  if (options.json) {
    PrintFileJson(file);
    return Status::Ok();
  }
  using Align = Table::Align;
  Table table({Align::kLeft, Align::kLeft, Align::kLeft, Align::kLeft, Align::kRight, Align::kRight, Align::kRight,
               Align::kLeft});
  table.Row({"KEY", "TENANT", "PROJECT", "MODELS", "AT A TIME", "REQUESTS/MIN", "TOKENS/MIN", "EXPIRES"});
  for (const Key& key : file.keys()) {
    std::string models;
    for (const std::string& model : key.principal.models) models += Cat(models.empty() ? "" : ",", model);
    table.Row({key.principal.key, key.principal.tenant, key.principal.project, models.empty() ? "all" : models,
               LimitText(key.limits.concurrent_requests), LimitText(key.limits.requests_per_minute),
               LimitText(key.limits.tokens_per_minute), UtcTimeText(key.expires_unix_seconds)});
  }
  fmt::print("{}", table.Text());
  return Status::Ok();
}

Json::Array TextArray(const std::vector<std::string>& texts) {
  return {texts.begin(), texts.end()};
}

// What create and update have in common.
Status AddDescription(const KeyOptions& options, Json::Object& arguments) {
  const auto text = [&](std::string name, const std::string& value) {
    if (!value.empty()) arguments.emplace_back(std::move(name), value);
  };
  text("name", options.key.name);
  if (!options.scopes.empty()) arguments.emplace_back("scopes", TextArray(options.scopes));
  if (!options.models.empty()) arguments.emplace_back("models", TextArray(options.models));
  if (!options.expires.empty()) {
    const Result<int64_t> time = ParseUtcTime(options.expires);
    if (!time.ok()) return Status::InvalidArgument(Cat("--expires ", time.status().message()));
    arguments.emplace_back("expires_at", *time);
  }
  for (size_t i = 0; i < std::size(kLimits); ++i) {
    if (options.limits[i] != 0) arguments.emplace_back(kLimits[i].argument, static_cast<int64_t>(options.limits[i]));
  }
  return Status::Ok();
}

Result<Json> CreateArguments(const KeyOptions& options) {
  Json::Object arguments{{"role", options.role}, {"access_key", options.key.access_key}};
  if (!options.key.tenant.empty()) arguments.emplace_back("tenant", options.key.tenant);
  if (!options.key.project.empty()) arguments.emplace_back("project", options.key.project);
  BP_RETURN_IF_ERROR(AddDescription(options, arguments));
  return Json(std::move(arguments));
}

Status RunStoreList(const KeyOptions& options) {
  Json::Object arguments{{"live", options.live}};
  if (!options.key.tenant.empty()) arguments.emplace_back("tenant", options.key.tenant);
  if (!options.key.project.empty()) arguments.emplace_back("project", options.key.project);
  BP_ASSIGN_OR_RETURN(const Json done, DoInOffice(options.store, "key.list", arguments));
  if (options.json) {
    PrintJson(done);
  } else {
    PrintTable(*done.Find("data"), {{"KEY", "id"},
                                    {"NAME", "name"},
                                    {"TENANT", "tenant"},
                                    {"PROJECT", "project"},
                                    {"ROLE", "role"},
                                    {"MODELS", "models"},
                                    {"CREATED", "created_at", ColumnKind::kTime},
                                    {"EXPIRES", "expires_at", ColumnKind::kTime},
                                    {"REVOKED", "revoked_at", ColumnKind::kTime}});
  }
  return Status::Ok();
}

// create, show, update, rotate, revoke
Status RunStoreKey(const KeyOptions& options) {
  Json arguments;
  if (options.action == "create") {
    BP_ASSIGN_OR_RETURN(arguments, CreateArguments(options));
  } else {
    if (options.id.empty()) return Status::InvalidArgument("which key? give its ID, as `bedplate key list` prints it");
    if (KeyIdOf(options.id)) {
      return Status::InvalidArgument(
          "that is a key itself, which command lines show to others: give its ID, the part after bp_live_, and rotate "
          "it");
    }
    Json::Object named{{"id", options.id}};
    if (options.action == "rotate") {
      const Result<int64_t> overlap = ParseSeconds(options.overlap);
      if (!overlap.ok()) return Status::InvalidArgument(Cat("--overlap ", overlap.status().message()));
      named.emplace_back("overlap_seconds", *overlap);
    }
    if (options.action == "update") {
      BP_RETURN_IF_ERROR(AddDescription(options, named));
      for (const std::string& name : options.clear) named.emplace_back(name, nullptr);
      if (named.size() == 1) return Status::InvalidArgument("update what? give --name, --models, a limit, or --clear");
    }
    arguments = std::move(named);
  }
  BP_ASSIGN_OR_RETURN(const Json done, DoInOffice(options.store, "key." + options.action, arguments));
  if (options.json) {
    PrintJson(done);
    return Status::Ok();
  }
  if (options.action == "create" || options.action == "rotate") {
    PrintSecret(done);
    fmt::print("Its id is {}.\n", done.Find("id")->as_string());
  } else {
    PrintMembers(done);
  }
  return Status::Ok();
}

Status RunKey(const KeyOptions& options) {
  if (options.action == "new") return PrintNew(options);
  if (options.action == "list") return options.keys.empty() ? RunStoreList(options) : PrintFileList(options);
  return RunStoreKey(options);
}

}  // namespace

void AddKeyCommand(Program& program) {
  auto options = std::make_shared<KeyOptions>();
  CommandLine command =
      program.Add("key", "Make, list, rotate and revoke API keys", [options] { return RunKey(*options); });
  command.Add(
      "ACTION", &options->action,
      "create, list, show; update: change what a key may do; rotate: give it another secret; revoke: end it; new: make "
      "an entry of a key file",
      {.required = true, .choices = {"create", "list", "show", "update", "rotate", "revoke", "new"}});
  command.Add("ID", &options->id, "show, update, rotate, revoke: which key",
              {.actions = {"show", "update", "rotate", "revoke"}});
  command.Add("--name", &options->key.name, "create, update, new: what people call it; new: as logs show it",
              {.actions = {"create", "update", "new"}});
  command.Add("--tenant", &options->key.tenant, "whose it is; create: default the operator's; list: default all",
              {.actions = {"create", "list", "new"}});
  command.Add("--project", &options->key.project, "what it is for; create: default default; list: default all",
              {.actions = {"create", "list", "new"}});
  command.Add("--role", &options->role, "create: what it may do in its tenant",
              {.choices = {"owner", "billing", "admin", "member", "auditor"}, .actions = {"create"}});
  command.Add("--access-key", &options->key.access_key,
              "create, new: a pair that signs requests as AWS's SDKs do, in place of a bearer key",
              {.actions = {"create", "new"}});
  command.Add("--scopes", &options->scopes, "create, update: only these of models, metrics, admin.read, admin.write",
              {.actions = {"create", "update"}});
  command.Add("--models", &options->models, "create, update: only these models, by id or alias",
              {.actions = {"create", "update"}});
  command.Add("--expires", &options->expires,
              "create, update: a date, whose beginning in UTC it is, or 2027-01-31T12:00:00Z",
              {.actions = {"create", "update"}});
  for (size_t i = 0; i < std::size(kLimits); ++i) {
    command.Add(kLimits[i].option, &options->limits[i], kLimits[i].help, {.min = 1, .actions = {"create", "update"}});
  }
  command.Add("--clear", &options->clear,
              "update: take these away: name, scopes, models, expires_at, or limits, such as "
              "requests_per_minute",
              {.actions = {"update"}});
  command.Add("--overlap", &options->overlap, "rotate: how long the earlier secret is good, too; 0: not at all",
              {.actions = {"rotate"}});
  command.Add("--live", &options->live, "list: only those that are good", {.actions = {"list"}});
  options->store.AddTo(command);
  command.Add("--keys", &options->keys, "list: the keys of this key file, in place of those of the tenants",
              {.setting = "keys", .actions = {"list"}});
  command.Add("--json", &options->json, "print JSON");
  command.Footer(
      "Keys belong to the tenants that `bedplate tenant init` begins. A running server does it, at once; where none\n"
      "runs, the command does it in the data folder. A small server can do with a key file: docs/keys.md.\n"
      "Examples:\n"
      "  bedplate key create --name ada --models qwen2.5-coder-1.5b --requests-per-minute 60\n"
      "  bedplate key create --tenant acme --role owner --name boss --expires 2027-12-31\n"
      "  bedplate key rotate 3kx9q0v7m2s8d1aa --overlap 1h\n"
      "  bedplate key revoke 3kx9q0v7m2s8d1aa\n"
      "  (umask 077; bedplate key new --name ada >> keys.toml); bedplate serve --keys keys.toml");
}

}  // namespace bedplate

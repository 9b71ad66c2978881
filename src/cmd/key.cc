// bedplate key: makes keys for `bedplate serve --keys`, and lists those of a key file.
#include <fmt/chrono.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "base/cat.h"
#include "base/json.h"
#include "cmd/commands.h"
#include "cmd/table.h"
#include "ledger/key_file.h"
#include "ledger/new_key.h"

namespace bedplate {
namespace {

struct KeyOptions {
  std::string action;
  NewKeyOptions key;
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
std::string TimeText(std::optional<int64_t> unix_seconds) {
  return unix_seconds ? fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(static_cast<std::time_t>(*unix_seconds)))
                      : "-";
}

void PrintJson(const KeyFile& file) {
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

Status PrintList(const KeyOptions& options) {
  if (options.keys.empty()) return Status::InvalidArgument("which key file? give --keys FILE");
  BP_ASSIGN_OR_RETURN(const KeyFile file, KeyFile::Load(options.keys));
  if (options.json) {
    PrintJson(file);
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
               LimitText(key.limits.tokens_per_minute), TimeText(key.expires_unix_seconds)});
  }
  fmt::print("{}", table.Text());
  return Status::Ok();
}

}  // namespace

void AddKeyCommand(Program& program) {
  auto options = std::make_shared<KeyOptions>();
  CommandLine command = program.Add("key", "Make API keys, and list those of a key file", [options] {
    return options->action == "new" ? PrintNew(*options) : PrintList(*options);
  });
  command.Add("ACTION", &options->action,
              "new: make a key; list: print the keys of a file, which it must be able to read",
              {.required = true, .choices = {"new", "list"}});
  command.Add("--name", &options->key.name, "new: the key's name, as logs show it");
  command.Add("--tenant", &options->key.tenant, "new: whose it is; default: default");
  command.Add("--project", &options->key.project, "new: what it is for; default: default");
  command.Add("--access-key", &options->key.access_key,
              "new: a pair that signs requests as AWS's SDKs do, in place of a bearer key");
  command.Add("--keys", &options->keys, "list: the key file", {.setting = "keys"});
  command.Add("--json", &options->json, "print JSON");
  command.Footer(
      "A bearer key's file has its SHA-256 alone; a pair's has the secret, which signatures need. Limits are added to "
      "the\n"
      "entry by hand: docs/keys.md.\n"
      "Example:\n"
      "  (umask 077; bedplate key new --name ada >> keys.toml)\n"
      "  bedplate serve --keys keys.toml");
}

}  // namespace bedplate

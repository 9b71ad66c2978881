#include "cmd/tenant_access.h"

#include <unistd.h>

#include <cstdlib>

#include "base/cat.h"
#include "cmd/catalogue.h"
#include "cmd/ledger_files.h"
#include "ledger/kept_books.h"
#include "ledger/office/office.h"
#include "ledger/tenancy/control_message.h"
#include "serve/control_socket.h"

namespace bedplate {

void StoreOptions::AddTo(CommandLine& command) {
  command.Add("--secret-file", &secret_file,
              "what keys in the store are worth nothing without, outside the data folder, mode 0600; default: "
              "bedplate/secrets.toml in $XDG_CONFIG_HOME or ~/.config",
              {.setting = "secret_file"});
  command.Add("--ledger-head", &ledger_head,
              "where the heads of the books' chains are kept, outside the data folder; default: beside it, under its "
              "name and .ledger-head",
              {.setting = "ledger_head"});
}

Result<std::filesystem::path> StoreOptions::SecretFilePath() const {
  if (!secret_file.empty()) return std::filesystem::path(secret_file);
  const auto variable = [](const char* name) {
    const char* const value = std::getenv(name);
    return std::filesystem::path(value == nullptr ? "" : value);
  };
  if (const auto config = variable("XDG_CONFIG_HOME"); !config.empty()) return config / "bedplate" / "secrets.toml";
  if (const auto home = variable("HOME"); !home.empty()) return home / ".config" / "bedplate" / "secrets.toml";
  return Status::InvalidArgument("neither $XDG_CONFIG_HOME nor $HOME is set: name the secret file with --secret-file");
}

Result<Tenants::Options> TenantOptions(const StoreOptions& store) {
  BP_ASSIGN_OR_RETURN(std::filesystem::path data, DataFolder());
  BP_ASSIGN_OR_RETURN(std::filesystem::path secrets, store.SecretFilePath());
  return Tenants::Options{.data_folder = std::move(data), .secret_file = std::move(secrets)};
}

Caller ThisUser() {
  return Caller::Local(Cat("local:", ::getuid()));
}

Result<Json> DoInOffice(const StoreOptions& store, std::string_view verb, const Json& arguments) {
  BP_ASSIGN_OR_RETURN(const std::filesystem::path data, DataFolder());
  const Result<std::string> reply =
      AskControlSocket(data, ControlLine({.verb = std::string(verb), .arguments = arguments}));
  if (reply.ok()) return ParseControlReply(*reply);
  if (reply.status().reason() != "no_server") return reply.status();
  BP_ASSIGN_OR_RETURN(Tenants::Options options, TenantOptions(store));
  const SystemClock clock;
  BP_ASSIGN_OR_RETURN(const std::unique_ptr<Tenants> tenants, Tenants::Open(std::move(options), clock));
  const VerbRow* const row = FindVerb(verb);
  const bool of_budgets = row != nullptr && row->of_budgets();
  if (row == nullptr || (!row->of_books() && !of_budgets)) return tenants->Do(ThisUser(), verb, arguments);
  BP_ASSIGN_OR_RETURN(const LedgerFiles files, FindLedgerFiles(store.ledger_head));
  BP_ASSIGN_OR_RETURN(const std::unique_ptr<KeptBooks> books, KeptBooks::Open(files.books, files.heads, clock));
  return Office(*tenants, {&books->writer(), files.books}, clock).Do(ThisUser(), verb, arguments);
}

}  // namespace bedplate

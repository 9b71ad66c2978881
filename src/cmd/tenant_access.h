#pragma once
/// How commands reach the tenants and the books of the data folder: through the server that runs on it, or, where none
/// does, in the store itself, which no other process opens meanwhile.

#include <filesystem>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/status.h"
#include "cmd/command_line.h"
#include "ledger/tenancy/tenants.h"

namespace bedplate {

/// What lies outside the data folder; options of every command that may open what is in it.
struct StoreOptions {
  std::string secret_file;
  std::string ledger_head;
  void AddTo(CommandLine& command);
  /// The one given, else bedplate/secrets.toml in $XDG_CONFIG_HOME or ~/.config.
  [[nodiscard]] Result<std::filesystem::path> SecretFilePath() const;
};

/// The data folder, and the secret file.
Result<Tenants::Options> TenantOptions(const StoreOptions& store);

/// This process' user, as the audit calls them.
Caller ThisUser();

/// Does a verb of the table (ledger/tenancy/roles.h), wherever the store is open.
Result<Json> DoInOffice(const StoreOptions& store, std::string_view verb, const Json& arguments);

}  // namespace bedplate

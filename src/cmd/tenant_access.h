#pragma once
/// How commands reach the tenants of the data folder: through the server that runs on it, or, where none does, in the
/// store itself, which no other process opens meanwhile.

#include <filesystem>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/status.h"
#include "cmd/command_line.h"
#include "ledger/tenancy/tenants.h"

namespace bedplate {

/// Which secret file; an option of every command that may open the store.
struct SecretFileOption {
  std::string path;
  void AddTo(CommandLine& command);
  /// The one given, else bedplate/secrets.toml in $XDG_CONFIG_HOME or ~/.config.
  [[nodiscard]] Result<std::filesystem::path> Path() const;
};

/// The data folder, and the secret file.
Result<Tenants::Options> TenantOptions(const SecretFileOption& secret_file);

/// This process' user, as the audit calls them.
Caller ThisUser();

/// Does it, wherever the tenants are open.
Result<Json> DoWithTenants(const SecretFileOption& secret_file, std::string_view verb, const Json& arguments);

}  // namespace bedplate

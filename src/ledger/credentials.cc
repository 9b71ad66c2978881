#include "ledger/credentials.h"

#include <utility>

#include "base/ascii.h"

namespace bedplate {

Status Unauthenticated(std::string message, std::string reason) {
  return Status(StatusCode::kUnauthenticated, std::move(message)).WithReason(std::move(reason));
}

Status IncorrectKey() {
  return Unauthenticated("Incorrect API key provided.", "invalid_api_key");
}

Status ExpiredKey() {
  return Unauthenticated("this key has expired", "expired_key");
}

Status DisabledKey() {
  return Unauthenticated("this key's tenant or project is disabled: ask who runs this server", "account_deactivated");
}

Status UnknownAccessKey() {
  return Unauthenticated("no access key of this server has that id", "unknown_access_key");
}

Result<std::string_view> BearerOf(std::string_view credentials) {
  if (credentials.empty()) {
    return Unauthenticated(
        "You didn't provide an API key. Send it as 'Authorization: Bearer KEY' or in an x-api-key field.",
        "missing_api_key");
  }
  constexpr std::string_view kScheme = "bearer ";
  const size_t begin = credentials.find_first_not_of(' ', kScheme.size());
  if (AsciiLower(credentials.substr(0, kScheme.size())) != kScheme || begin == std::string_view::npos) {
    return Unauthenticated("The Authorization field must be 'Bearer' and an API key.", "invalid_api_key");
  }
  return credentials.substr(begin);
}

}  // namespace bedplate

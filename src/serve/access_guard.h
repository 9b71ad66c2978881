#pragma once
/// Keeps web pages of other sites away from a server that trusts its network. A page can make a browser send requests
/// to 127.0.0.1, under its own name (Origin tells) or, by DNS rebinding, under a name that resolves there (Host tells).
/// There is no CORS: only the console's own pages may call from a browser.

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "serve/http_message.h"
#include "serve/listen_address.h"

namespace bedplate {

class AccessGuard {
 public:
  AccessGuard(const ListenAddress& listen, const std::vector<std::string>& allowed_hosts);
  /// kPermissionDenied, reason "host_not_allowed" or "origin_not_allowed".
  Status Check(const HttpRequest& request) const;

 private:
  std::vector<std::string> hosts_;  // empty: any
};

}  // namespace bedplate

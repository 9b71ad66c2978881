#include "serve/access_guard.h"

#include <algorithm>

#include "base/ascii.h"
#include "base/cat.h"

namespace bedplate {
namespace {

// "[::1]:8080" -> "::1", "localhost:1" -> "localhost".
std::string HostOf(std::string_view authority) {
  if (authority.starts_with('[')) return AsciiLower(authority.substr(1, authority.find(']') - 1));
  return AsciiLower(authority.substr(0, authority.rfind(':')));
}

}  // namespace

AccessGuard::AccessGuard(const ListenAddress& listen, const std::vector<std::string>& allowed_hosts) {
  for (const std::string& host : allowed_hosts) hosts_.push_back(AsciiLower(host));
  if (listen.is_loopback()) hosts_.insert(hosts_.end(), {"localhost", "127.0.0.1", "::1"});
  if (!hosts_.empty()) hosts_.push_back(AsciiLower(listen.host));
}

Status AccessGuard::Check(const HttpRequest& request) const {
  const std::string* host = request.Find("host");  // HTTP/1.0 may lack it; browsers don't speak that
  if (host != nullptr && !hosts_.empty() && std::find(hosts_.begin(), hosts_.end(), HostOf(*host)) == hosts_.end()) {
    return Status(StatusCode::kPermissionDenied, Cat("requests for host '", host->substr(0, 200),
                                                     "' are not answered here; use 127.0.0.1 or localhost, or "
                                                     "allow the name with --allowed-hosts"))
        .WithReason("host_not_allowed");
  }
  const std::string* origin = request.Find("origin");
  if (origin != nullptr) {
    const size_t scheme = origin->find("://");
    const bool same = scheme != std::string::npos && host != nullptr &&
                      AsciiLower(std::string_view(*origin).substr(scheme + 3)) == AsciiLower(*host);
    if (!same) {
      return Status(StatusCode::kPermissionDenied,
                    Cat("pages of '", origin->substr(0, 200), "' may not call this server from a browser"))
          .WithReason("origin_not_allowed");
    }
  }
  const std::string* site = request.Find("sec-fetch-site");
  if (site != nullptr && *site == "cross-site" && request.method != "GET" && request.method != "HEAD") {
    return Status(StatusCode::kPermissionDenied, "pages of other sites may not call this server from a browser")
        .WithReason("origin_not_allowed");
  }
  return Status::Ok();
}

}  // namespace bedplate

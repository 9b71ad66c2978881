#include "serve/listen_address.h"

#include <arpa/inet.h>

#include <charconv>

#include "base/cat.h"

namespace bedplate {
namespace {

constexpr std::string_view kForms = "write it as 127.0.0.1:8080, [::1]:8080, localhost:8080 or :8080";

bool IsIpv4(const std::string& host) {
  in_addr address{};
  return inet_pton(AF_INET, host.c_str(), &address) == 1;
}
bool IsIpv6(const std::string& host) {
  in6_addr address{};
  return inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

}  // namespace

bool ListenAddress::is_loopback() const {
  if (host == "localhost") return true;
  if (in_addr v4{}; inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  if (in6_addr v6{}; inet_pton(AF_INET6, host.c_str(), &v6) == 1) return IN6_IS_ADDR_LOOPBACK(&v6);
  return false;
}

std::string ListenAddress::ToString() const {
  return host.find(':') == std::string::npos ? Cat(host, ":", port) : Cat("[", host, "]:", port);
}

Result<ListenAddress> ParseListenAddress(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return Status::InvalidArgument(Cat("listen address '", text, "' has no port; ", kForms));
  }
  ListenAddress out;
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), out.port);
  if (error != std::errc() || end != port.data() + port.size() || port.empty()) {
    return Status::InvalidArgument(Cat("listen address '", text, "': '", port, "' is no port; allowed: 0 to 65535"));
  }
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  out.host = host.empty() && !bracketed ? "::" : std::string(host);
  const bool known = out.host == "localhost" || IsIpv4(out.host) || ((bracketed || host.empty()) && IsIpv6(out.host));
  if (!known) {
    return Status::InvalidArgument(Cat("listen address '", text, "': '", host, "' is no IP address; ", kForms));
  }
  return out;
}

Status ValidateListen(const ListenAddress& address, bool has_keys) {
  if (address.is_loopback() || has_keys) return Status::Ok();
  return Status::InvalidArgument(
      Cat("listening on ", address.ToString(),
          " lets everyone who reaches this machine use the "
          "models; give it keys (`bedplate tenant init`, or --keys FILE), or listen on 127.0.0.1"));
}

}  // namespace bedplate

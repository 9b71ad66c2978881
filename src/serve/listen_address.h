#pragma once
/// Where a server listens, as people write it: "127.0.0.1:8080", "[::1]:8080", "localhost:0", ":8080" (every address).

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace bedplate {

struct ListenAddress {
  std::string host;   // an IP address without brackets, or "localhost"
  uint16_t port = 0;  // 0: the system picks one
  [[nodiscard]] bool is_loopback() const;
  [[nodiscard]] std::string ToString() const;  // with brackets around IPv6
};

/// kInvalidArgument says what is wrong and shows the forms. Names other than localhost are refused: which of a name's
/// addresses would be meant is a guess.
Result<ListenAddress> ParseListenAddress(std::string_view text);

/// An address that others can reach needs keys: without them it is refused.
Status ValidateListen(const ListenAddress& address, bool has_keys);

}  // namespace bedplate

#pragma once
/// Cat("max_tokens is ", n, "; allowed: 1 to ", max): the parts joined, each as fmt's "{}" prints it.

#include <fmt/format.h>

#include <string>

namespace bedplate {

template <class... Parts>
[[nodiscard]] std::string Cat(const Parts&... parts) {
  std::string out;
  (fmt::format_to(std::back_inserter(out), "{}", parts), ...);
  return out;
}

}  // namespace bedplate

#pragma once
/// Parameters in a URL's query.

#include <optional>
#include <string>
#include <string_view>

namespace bedplate {

/// The value of a parameter, decoded; none where it is absent or its encoding is broken.
std::optional<std::string> QueryValue(std::string_view query, std::string_view name);

}  // namespace bedplate

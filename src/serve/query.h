#pragma once
/// Parameters in a URL's query.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"

namespace bedplate {

/// The value of a parameter, decoded; none where it is absent or its encoding is broken.
std::optional<std::string> QueryValue(std::string_view query, std::string_view name);

/// All of them, decoded, in order. kInvalidArgument where the encoding is broken.
Result<std::vector<std::pair<std::string, std::string>>> ParseQuery(std::string_view query);

}  // namespace bedplate

#pragma once
/// Times and lengths of time as people write them on a command line, and as they read them.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/status.h"

namespace bedplate {

/// "2027-01-31" (its beginning in UTC) or "2027-01-31T12:00:00Z", as Unix seconds.
Result<int64_t> ParseUtcTime(std::string_view text);
/// "2027-01-31T12:00:00Z"; "-" for none.
std::string UtcTimeText(std::optional<int64_t> unix_seconds);
/// An option's time as a verb's argument, where it was given. kInvalidArgument names the option.
Status AppendTime(std::string_view option, const std::string& text, std::string_view argument, Json::Object& arguments);
/// "90", "90s", "15m", "24h" or "7d", in seconds.
Result<int64_t> ParseSeconds(std::string_view text);

}  // namespace bedplate

#pragma once
/// Times as text. Any thread.

#include <cstdint>
#include <string>

namespace bedplate {

/// "2027-01-31T12:00:00Z" (RFC 3339).
std::string UtcText(int64_t unix_seconds);

}  // namespace bedplate

#pragma once
/// Base64 with padding (RFC 4648, section 4), in one line.

#include <optional>
#include <string>
#include <string_view>

namespace bedplate {

void AppendBase64(std::string_view bytes, std::string& out);

/// nullopt: not base64. Strict: padding to four characters, nothing but the alphabet, no bits that encode nothing.
std::optional<std::string> DecodeBase64(std::string_view text);

}  // namespace bedplate

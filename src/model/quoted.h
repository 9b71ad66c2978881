#pragma once
/// Names out of untrusted files, made fit for messages: printable ASCII in quotes, other bytes as \xNN, cut at 80
/// bytes.

#include <string>
#include <string_view>

#include "base/cat.h"

namespace bedplate {

inline std::string Quoted(std::string_view text) {
  constexpr size_t kBytesMax = 80;
  std::string out = "\"";
  for (const char c : text.substr(0, kBytesMax)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7F || c == '"' || c == '\\') {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  out += text.size() > kBytesMax ? "...\"" : "\"";
  return out;
}

}  // namespace bedplate

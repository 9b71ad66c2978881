#pragma once
/// Letters of ASCII alone: what protocols compare without regard to case. Other bytes stay as they are.

#include <string>
#include <string_view>

namespace bedplate {

inline std::string AsciiLower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

}  // namespace bedplate

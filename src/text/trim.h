#pragma once
/// White space as models write it around what they mean.

#include <string_view>

namespace bedplate {

inline constexpr std::string_view kWhiteSpace = " \t\r\n";

/// Without white space at its beginning, or at both ends.
inline std::string_view TrimLeft(std::string_view text) {
  const size_t begin = text.find_first_not_of(kWhiteSpace);
  return begin == std::string_view::npos ? std::string_view() : text.substr(begin);
}
inline std::string_view Trim(std::string_view text) {
  text = TrimLeft(text);
  return text.substr(0, text.find_last_not_of(kWhiteSpace) + 1);
}

}  // namespace bedplate

#pragma once
/// Finds the first stop string in text that arrives in pieces, and holds back only as much as may still become one.
/// The match is the one whose last byte comes first (the longest of several that end there), so it doesn't depend on
/// where the text was cut. Text must come in whole UTF-8 characters; then what is released is whole characters too.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bedplate {

class StopMatcher {
 public:
  struct Fed {
    std::string text;                   // released: before any stop string
    std::optional<size_t> stop_string;  // which one matched; the rest of the text is dropped
  };

  /// None of the strings may be empty.
  explicit StopMatcher(std::vector<std::string> stop_strings) : stop_strings_(std::move(stop_strings)) {}

  Fed Feed(std::string_view text);
  /// The end: what is held back is text after all.
  std::string Flush() { return std::exchange(held_, {}); }

 private:
  [[nodiscard]] std::optional<size_t> Ending() const;
  [[nodiscard]] size_t HoldBack() const;

  const std::vector<std::string> stop_strings_;
  std::string held_;
};

}  // namespace bedplate

#pragma once
/// Finds the first of several markers in text that arrives byte by byte, and holds back only what may still become one.

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace bedplate {

class MarkerScanner {
 public:
  /// None may be the beginning of another: a marker is found with its last byte. An empty one is never found.
  explicit MarkerScanner(std::vector<std::string> markers) : markers_(std::move(markers)) {}

  /// Which marker this byte completes, if any. Text that is no part of a marker is appended to `released`.
  std::optional<size_t> Push(char c, std::string& released) {
    held_ += c;
    for (;;) {
      bool may_become_one = held_.empty();
      for (size_t i = 0; i < markers_.size(); ++i) {
        if (held_ == markers_[i] && !held_.empty()) {
          held_.clear();
          return i;
        }
        may_become_one = may_become_one || markers_[i].starts_with(held_);
      }
      if (may_become_one) return std::nullopt;
      released += held_.front();
      held_.erase(0, 1);
    }
  }
  /// The end: what is held back is text after all.
  std::string Flush() { return std::exchange(held_, {}); }

 private:
  std::vector<std::string> markers_;
  std::string held_;
};

}  // namespace bedplate

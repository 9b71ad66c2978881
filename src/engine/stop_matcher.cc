#include "engine/stop_matcher.h"

#include <algorithm>
#include <utility>

namespace bedplate {

StopMatcher::Fed StopMatcher::Feed(std::string_view text) {
  if (stop_strings_.empty()) return {.text = std::string(text), .stop_string = std::nullopt};
  for (const char byte : text) {
    held_.push_back(byte);
    const std::optional<size_t> stop = Ending();
    if (!stop.has_value()) continue;
    held_.resize(held_.size() - stop_strings_[*stop].size());
    return {.text = Flush(), .stop_string = stop};
  }
  const size_t released = held_.size() - HoldBack();
  Fed fed{.text = held_.substr(0, released), .stop_string = std::nullopt};
  held_.erase(0, released);
  return fed;
}

/// The longest stop string that the held text ends with.
std::optional<size_t> StopMatcher::Ending() const {
  std::optional<size_t> best;
  for (size_t i = 0; i < stop_strings_.size(); ++i) {
    if (!held_.ends_with(stop_strings_[i])) continue;
    if (!best.has_value() || stop_strings_[i].size() > stop_strings_[*best].size()) best = i;
  }
  return best;
}

/// How long the longest ending of the held text is that some stop string begins with.
size_t StopMatcher::HoldBack() const {
  size_t longest = 0;
  for (const std::string& stop : stop_strings_) {
    for (size_t n = std::min(stop.size() - 1, held_.size()); n > longest; --n) {
      if (held_.ends_with(std::string_view(stop).substr(0, n))) longest = n;
    }
  }
  return longest;
}

}  // namespace bedplate

#pragma once
/// Sets of code points as ascending, disjoint ranges, searched in logarithmic time.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>

namespace bedplate {

struct CodeRange {
  uint32_t low = 0;
  uint32_t high = 0;  // included
  bool operator==(const CodeRange&) const = default;
};

template <size_t kCount>
bool InRanges(const CodeRange (&ranges)[kCount], uint32_t code) {
  const CodeRange* after = std::upper_bound(std::begin(ranges), std::end(ranges), code,
                                            [](uint32_t c, const CodeRange& range) { return c < range.low; });
  return after != std::begin(ranges) && code <= std::prev(after)->high;
}

}  // namespace bedplate

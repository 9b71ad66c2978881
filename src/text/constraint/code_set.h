#pragma once
/// Sets of Unicode scalar values (code points without the surrogates), and their spelling in bytes.

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "text/code_ranges.h"

namespace bedplate {

/// Ascending ranges that neither touch nor overlap; never a surrogate.
class CodeSet {
 public:
  CodeSet() = default;
  CodeSet(std::initializer_list<CodeRange> ranges) {
    for (const CodeRange& range : ranges) Add(range);
  }
  static CodeSet All() { return {{0, 0x10FFFF}}; }

  void Add(CodeRange range);
  void Add(const CodeSet& other);
  [[nodiscard]] CodeSet Complement() const;
  [[nodiscard]] CodeSet Minus(const CodeSet& other) const;
  [[nodiscard]] bool Contains(uint32_t code) const;
  [[nodiscard]] bool empty() const { return ranges_.empty(); }
  [[nodiscard]] std::span<const CodeRange> ranges() const { return ranges_; }
  bool operator==(const CodeSet&) const = default;

 private:
  std::vector<CodeRange> ranges_;
};

struct ByteRange {
  uint8_t low = 0;
  uint8_t high = 0;  // included
};

/// Calls visit with sequences of 1 to 4 byte ranges, which together are the UTF-8 of exactly the set.
void VisitUtf8(const CodeSet& set, const std::function<void(std::span<const ByteRange>)>& visit);

}  // namespace bedplate

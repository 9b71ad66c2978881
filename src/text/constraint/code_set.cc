#include "text/constraint/code_set.h"

#include <algorithm>

namespace bedplate {
namespace {

constexpr CodeRange kSurrogates{0xD800, 0xDFFF};
constexpr uint32_t kLast = 0x10FFFF;

struct Spelling {
  std::array<uint8_t, 4> bytes{};
  size_t size = 0;
};

Spelling Spell(uint32_t code) {
  const auto tail = [code](unsigned shift) { return static_cast<uint8_t>(0x80 | ((code >> shift) & 0x3F)); };
  if (code < 0x80) return {{static_cast<uint8_t>(code)}, 1};
  if (code < 0x800) return {{static_cast<uint8_t>(0xC0 | (code >> 6)), tail(0)}, 2};
  if (code < 0x10000) return {{static_cast<uint8_t>(0xE0 | (code >> 12)), tail(6), tail(0)}, 3};
  return {{static_cast<uint8_t>(0xF0 | (code >> 18)), tail(12), tail(6), tail(0)}, 4};
}

/// Both ends have spellings of one size. Where all bytes after a common beginning run through their whole range, the
/// bytes' ranges are independent of each other; otherwise the range is cut at such a place.
void SplitSameSize(CodeRange range, const std::function<void(std::span<const ByteRange>)>& visit) {
  for (unsigned bits = 6; bits <= 18; bits += 6) {
    const uint32_t mask = (1u << bits) - 1;
    if ((range.low & ~mask) == (range.high & ~mask)) continue;  // the same beginning
    if ((range.low & mask) != 0) {
      SplitSameSize({range.low, range.low | mask}, visit);
      SplitSameSize({(range.low | mask) + 1, range.high}, visit);
      return;
    }
    if ((range.high & mask) != mask) {
      SplitSameSize({range.low, (range.high & ~mask) - 1}, visit);
      SplitSameSize({range.high & ~mask, range.high}, visit);
      return;
    }
  }
  const Spelling low = Spell(range.low), high = Spell(range.high);
  std::array<ByteRange, 4> bytes{};
  for (size_t i = 0; i < low.size; ++i) bytes[i] = {low.bytes[i], high.bytes[i]};
  visit(std::span(bytes).first(low.size));
}

}  // namespace

void CodeSet::Add(CodeRange range) {
  range.high = std::min(range.high, kLast);
  if (range.low > range.high) return;
  if (range.low <= kSurrogates.high && range.high >= kSurrogates.low) {
    if (range.low < kSurrogates.low) Add({range.low, kSurrogates.low - 1});
    if (range.high > kSurrogates.high) Add({kSurrogates.high + 1, range.high});
    return;
  }
  auto first = std::ranges::lower_bound(ranges_, range.low, {}, [](const CodeRange& r) { return r.high + 1; });
  auto last = first;
  for (; last != ranges_.end() && last->low <= range.high + 1; ++last) {
    range.low = std::min(range.low, last->low);
    range.high = std::max(range.high, last->high);
  }
  ranges_.insert(ranges_.erase(first, last), range);
}

void CodeSet::Add(const CodeSet& other) {
  for (const CodeRange& range : other.ranges_) Add(range);
}

CodeSet CodeSet::Complement() const {
  CodeSet out;
  uint32_t next = 0;
  for (const CodeRange& range : ranges_) {
    if (range.low > next) out.Add({next, range.low - 1});
    next = range.high + 1;
  }
  if (next <= kLast) out.Add({next, kLast});
  return out;
}

CodeSet CodeSet::Minus(const CodeSet& other) const {
  CodeSet gone = Complement();
  gone.Add(other);
  return gone.Complement();
}

bool CodeSet::Contains(uint32_t code) const {
  const auto at = std::ranges::lower_bound(ranges_, code, {}, &CodeRange::high);
  return at != ranges_.end() && at->low <= code;
}

void VisitUtf8(const CodeSet& set, const std::function<void(std::span<const ByteRange>)>& visit) {
  constexpr std::array<CodeRange, 4> kSizes{{{0, 0x7F}, {0x80, 0x7FF}, {0x800, 0xFFFF}, {0x10000, kLast}}};
  for (const CodeRange& range : set.ranges()) {
    for (const CodeRange& size : kSizes) {
      const CodeRange part{std::max(range.low, size.low), std::min(range.high, size.high)};
      if (part.low <= part.high) SplitSameSize(part, visit);
    }
  }
}

}  // namespace bedplate

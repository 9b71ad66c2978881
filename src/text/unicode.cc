#include "text/unicode.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "text/code_ranges.h"

namespace bedplate {
namespace {

#include "text/unicode_tables.inc"

constexpr uint32_t kCodeMax = 0x10FFFF;
constexpr uint32_t kBlockBits = 8;
constexpr size_t kRangeCount = std::size(kClassRanges);

constexpr CharClass RangeClass(uint32_t entry) {
  return static_cast<CharClass>(entry & 15);
}

/// The range in which each block of 256 code points begins; the search for one of its code points starts there.
constexpr auto kBlockRange = [] {
  std::array<uint16_t, (kCodeMax >> kBlockBits) + 2> blocks{};
  size_t range = 0;
  for (size_t block = 0; block < blocks.size(); ++block) {
    const auto first = static_cast<uint32_t>(block << kBlockBits);
    while (range + 1 < kRangeCount && (kClassRanges[range + 1] >> 4) <= first) ++range;
    blocks[block] = static_cast<uint16_t>(range);
  }
  return blocks;
}();

constexpr auto kAsciiClass = [] {
  std::array<CharClass, 128> classes{};
  size_t range = 0;
  for (uint32_t code = 0; code < classes.size(); ++code) {
    while ((kClassRanges[range + 1] >> 4) <= code) ++range;
    classes[code] = RangeClass(kClassRanges[range]);
  }
  return classes;
}();

}  // namespace

CharClass ClassOf(uint32_t code) {
  if (code < kAsciiClass.size()) return kAsciiClass[code];
  if (code > kCodeMax) return CharClass::kOther;
  const uint32_t* first = kClassRanges + kBlockRange[code >> kBlockBits];
  const uint32_t* last = kClassRanges + kBlockRange[(code >> kBlockBits) + 1];
  // The wanted range is the last one in [first, last] that begins at or before the code point.
  const uint32_t* after = std::upper_bound(first + 1, last + 1, code << 4 | 15);
  return RangeClass(*std::prev(after));
}

bool IsSplitterDigit(uint32_t code) {
  return ClassOf(code) == CharClass::kNumber || (code >= kMoreDigits[0].low && InRanges(kMoreDigits, code));
}

bool IsSplitterPunctuation(uint32_t code) {
  return InRanges(kSplitterPunctuation, code);
}

CodePoint ReadUtf8(std::string_view text, size_t at) {
  const auto byte = [text](size_t i) { return static_cast<uint32_t>(static_cast<unsigned char>(text[i])); };
  const uint32_t lead = byte(at);
  if (lead < 0x80) return {lead, 1};
  const size_t left = text.size() - at;
  const auto continues = [&](size_t i) { return i < left && (byte(at + i) & 0xC0) == 0x80; };
  const auto tail = [&](size_t i) { return byte(at + i) & 0x3F; };
  if (lead >= 0xC2 && lead < 0xE0 && continues(1)) return {(lead & 0x1F) << 6 | tail(1), 2};
  if (lead >= 0xE0 && lead < 0xF0 && continues(1) && continues(2)) {
    const uint32_t code = (lead & 0x0F) << 12 | tail(1) << 6 | tail(2);
    if (code >= 0x800 && (code < 0xD800 || code > 0xDFFF)) return {code, 3};
  }
  if (lead >= 0xF0 && lead < 0xF5 && continues(1) && continues(2) && continues(3)) {
    const uint32_t code = (lead & 0x07) << 18 | tail(1) << 12 | tail(2) << 6 | tail(3);
    if (code >= 0x10000 && code <= kCodeMax) return {code, 4};
  }
  return {kBadByte, 1};
}

}  // namespace bedplate

#pragma once
/// What the pre-tokenizers need to know of Unicode: the class of each code point, and reading UTF-8 that may be broken.
///
/// Version: Unicode 16.0, the one in the regular expressions of the reference library (`tokenizers` 0.23), recorded in
///          unicode_tables.inc by scripts/make_unicode_tables.py. No system library is asked: utf8proc, PCRE2 and ICU
///          carry other versions in each distribution, and token ids must not depend on that.
/// Threads: pure functions.
/// Cost:    ASCII one load; the rest a search among the few ranges of its block of 256.

#include <cstdint>
#include <string_view>

namespace bedplate {

/// Every code point has exactly one class. kWhite is the property White_Space (what \s matches), and wins over the
/// general category; kOther is the rest: controls, format characters, private use, unassigned.
enum class CharClass : uint8_t {
  kOther,
  kUpper,        // Lu
  kLower,        // Ll
  kTitle,        // Lt
  kModifier,     // Lm
  kOtherLetter,  // Lo
  kMark,         // M
  kNumber,       // N
  kPunctuation,  // P
  kSymbol,       // S
  kWhite,
};

/// Sets of classes, tested with one AND.
using CharSet = uint16_t;
constexpr CharSet SetOf(CharClass c) {
  return static_cast<CharSet>(1u << static_cast<unsigned>(c));
}
constexpr CharSet kLetterSet = SetOf(CharClass::kUpper) | SetOf(CharClass::kLower) | SetOf(CharClass::kTitle) |
                               SetOf(CharClass::kModifier) | SetOf(CharClass::kOtherLetter);
constexpr CharSet kMarkSet = SetOf(CharClass::kMark);
constexpr CharSet kNumberSet = SetOf(CharClass::kNumber);
constexpr CharSet kPunctuationSet = SetOf(CharClass::kPunctuation);
constexpr CharSet kWhiteSet = SetOf(CharClass::kWhite);

/// Code points beyond U+10FFFF are kOther.
CharClass ClassOf(uint32_t code);

/// What the reference's digit splitter cuts: class kNumber and 13 numbers of Unicode 17.
bool IsSplitterDigit(uint32_t code);
/// What the reference's punctuation splitter cuts: all ASCII punctuation and symbols, and category P as of Unicode 8.
bool IsSplitterPunctuation(uint32_t code);

/// One step through text that may hold any bytes.
struct CodePoint {
  uint32_t code;  // kBadByte for a byte that is no part of well-formed UTF-8
  uint32_t size;  // bytes: 1 to 4, and 1 for a bad one
};
constexpr uint32_t kBadByte = 0xFFFD;  // classed like U+FFFD: a symbol

/// text[at] must exist. Well-formed is what the Unicode Standard's table 3-7 allows: no surrogates, no overlong forms.
CodePoint ReadUtf8(std::string_view text, size_t at);

}  // namespace bedplate

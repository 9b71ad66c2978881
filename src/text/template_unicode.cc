#include "text/template_unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <iterator>

namespace bedplate::jinja {
namespace {

constexpr char32_t kStrayByte = 0x110000;

// Characters whose upper or title case is several characters (SpecialCasing.txt, the unconditional part), ascending.
struct LongCase {
  char32_t code_point;
  const char* upper;
  const char* title;
};
// clang-format off
constexpr LongCase kLongCases[] = {
    {0xDF, "SS", "Ss"}, {0x149, "\u02BCN", "\u02BCN"}, {0x1F0, "J\u030C", "J\u030C"},
    {0x390, "\u0399\u0308\u0301", "\u0399\u0308\u0301"}, {0x3B0, "\u03A5\u0308\u0301", "\u03A5\u0308\u0301"},
    {0x587, "\u0535\u0552", "\u0535\u0582"}, {0x1E96, "H\u0331", "H\u0331"}, {0x1E97, "T\u0308", "T\u0308"},
    {0x1E98, "W\u030A", "W\u030A"}, {0x1E99, "Y\u030A", "Y\u030A"}, {0x1E9A, "A\u02BE", "A\u02BE"},
    {0x1F50, "\u03A5\u0313", "\u03A5\u0313"}, {0x1F52, "\u03A5\u0313\u0300", "\u03A5\u0313\u0300"},
    {0x1F54, "\u03A5\u0313\u0301", "\u03A5\u0313\u0301"}, {0x1F56, "\u03A5\u0313\u0342", "\u03A5\u0313\u0342"},
    {0x1F80, "\u1F08\u0399", "\u1F88"}, {0x1F81, "\u1F09\u0399", "\u1F89"}, {0x1F82, "\u1F0A\u0399", "\u1F8A"},
    {0x1F83, "\u1F0B\u0399", "\u1F8B"}, {0x1F84, "\u1F0C\u0399", "\u1F8C"}, {0x1F85, "\u1F0D\u0399", "\u1F8D"},
    {0x1F86, "\u1F0E\u0399", "\u1F8E"}, {0x1F87, "\u1F0F\u0399", "\u1F8F"}, {0x1F88, "\u1F08\u0399", "\u1F88"},
    {0x1F89, "\u1F09\u0399", "\u1F89"}, {0x1F8A, "\u1F0A\u0399", "\u1F8A"}, {0x1F8B, "\u1F0B\u0399", "\u1F8B"},
    {0x1F8C, "\u1F0C\u0399", "\u1F8C"}, {0x1F8D, "\u1F0D\u0399", "\u1F8D"}, {0x1F8E, "\u1F0E\u0399", "\u1F8E"},
    {0x1F8F, "\u1F0F\u0399", "\u1F8F"}, {0x1F90, "\u1F28\u0399", "\u1F98"}, {0x1F91, "\u1F29\u0399", "\u1F99"},
    {0x1F92, "\u1F2A\u0399", "\u1F9A"}, {0x1F93, "\u1F2B\u0399", "\u1F9B"}, {0x1F94, "\u1F2C\u0399", "\u1F9C"},
    {0x1F95, "\u1F2D\u0399", "\u1F9D"}, {0x1F96, "\u1F2E\u0399", "\u1F9E"}, {0x1F97, "\u1F2F\u0399", "\u1F9F"},
    {0x1F98, "\u1F28\u0399", "\u1F98"}, {0x1F99, "\u1F29\u0399", "\u1F99"}, {0x1F9A, "\u1F2A\u0399", "\u1F9A"},
    {0x1F9B, "\u1F2B\u0399", "\u1F9B"}, {0x1F9C, "\u1F2C\u0399", "\u1F9C"}, {0x1F9D, "\u1F2D\u0399", "\u1F9D"},
    {0x1F9E, "\u1F2E\u0399", "\u1F9E"}, {0x1F9F, "\u1F2F\u0399", "\u1F9F"}, {0x1FA0, "\u1F68\u0399", "\u1FA8"},
    {0x1FA1, "\u1F69\u0399", "\u1FA9"}, {0x1FA2, "\u1F6A\u0399", "\u1FAA"}, {0x1FA3, "\u1F6B\u0399", "\u1FAB"},
    {0x1FA4, "\u1F6C\u0399", "\u1FAC"}, {0x1FA5, "\u1F6D\u0399", "\u1FAD"}, {0x1FA6, "\u1F6E\u0399", "\u1FAE"},
    {0x1FA7, "\u1F6F\u0399", "\u1FAF"}, {0x1FA8, "\u1F68\u0399", "\u1FA8"}, {0x1FA9, "\u1F69\u0399", "\u1FA9"},
    {0x1FAA, "\u1F6A\u0399", "\u1FAA"}, {0x1FAB, "\u1F6B\u0399", "\u1FAB"}, {0x1FAC, "\u1F6C\u0399", "\u1FAC"},
    {0x1FAD, "\u1F6D\u0399", "\u1FAD"}, {0x1FAE, "\u1F6E\u0399", "\u1FAE"}, {0x1FAF, "\u1F6F\u0399", "\u1FAF"},
    {0x1FB2, "\u1FBA\u0399", "\u1FBA\u0345"}, {0x1FB3, "\u0391\u0399", "\u1FBC"},
    {0x1FB4, "\u0386\u0399", "\u0386\u0345"}, {0x1FB6, "\u0391\u0342", "\u0391\u0342"},
    {0x1FB7, "\u0391\u0342\u0399", "\u0391\u0342\u0345"}, {0x1FBC, "\u0391\u0399", "\u1FBC"},
    {0x1FC2, "\u1FCA\u0399", "\u1FCA\u0345"}, {0x1FC3, "\u0397\u0399", "\u1FCC"},
    {0x1FC4, "\u0389\u0399", "\u0389\u0345"}, {0x1FC6, "\u0397\u0342", "\u0397\u0342"},
    {0x1FC7, "\u0397\u0342\u0399", "\u0397\u0342\u0345"}, {0x1FCC, "\u0397\u0399", "\u1FCC"},
    {0x1FD2, "\u0399\u0308\u0300", "\u0399\u0308\u0300"}, {0x1FD3, "\u0399\u0308\u0301", "\u0399\u0308\u0301"},
    {0x1FD6, "\u0399\u0342", "\u0399\u0342"}, {0x1FD7, "\u0399\u0308\u0342", "\u0399\u0308\u0342"},
    {0x1FE2, "\u03A5\u0308\u0300", "\u03A5\u0308\u0300"}, {0x1FE3, "\u03A5\u0308\u0301", "\u03A5\u0308\u0301"},
    {0x1FE4, "\u03A1\u0313", "\u03A1\u0313"}, {0x1FE6, "\u03A5\u0342", "\u03A5\u0342"},
    {0x1FE7, "\u03A5\u0308\u0342", "\u03A5\u0308\u0342"}, {0x1FF2, "\u1FFA\u0399", "\u1FFA\u0345"},
    {0x1FF3, "\u03A9\u0399", "\u1FFC"}, {0x1FF4, "\u038F\u0399", "\u038F\u0345"},
    {0x1FF6, "\u03A9\u0342", "\u03A9\u0342"}, {0x1FF7, "\u03A9\u0342\u0399", "\u03A9\u0342\u0345"},
    {0x1FFC, "\u03A9\u0399", "\u1FFC"}, {0xFB00, "FF", "Ff"}, {0xFB01, "FI", "Fi"}, {0xFB02, "FL", "Fl"},
    {0xFB03, "FFI", "Ffi"}, {0xFB04, "FFL", "Ffl"}, {0xFB05, "ST", "St"}, {0xFB06, "ST", "St"},
    {0xFB13, "\u0544\u0546", "\u0544\u0576"}, {0xFB14, "\u0544\u0535", "\u0544\u0565"},
    {0xFB15, "\u0544\u053B", "\u0544\u056B"}, {0xFB16, "\u054E\u0546", "\u054E\u0576"},
    {0xFB17, "\u0544\u053D", "\u0544\u056D"},
};
// clang-format on

const LongCase* FindLongCase(char32_t c) {
  const auto* it = std::lower_bound(std::begin(kLongCases), std::end(kLongCases), c,
                                    [](const LongCase& entry, char32_t key) { return entry.code_point < key; });
  return it != std::end(kLongCases) && it->code_point == c ? it : nullptr;
}

utf8proc_category_t Category(char32_t c) {
  return c < kStrayByte ? utf8proc_category(static_cast<utf8proc_int32_t>(c)) : UTF8PROC_CATEGORY_CN;
}

bool IsCased(char32_t c) {
  return IsUpper(c) || IsLower(c) || Category(c) == UTF8PROC_CATEGORY_LT;
}

bool IsCaseIgnorable(char32_t c) {
  constexpr std::u32string_view kPunctuation = U"'.:^`\u00A8\u00AD\u00AF\u00B4\u00B7\u00B8\u2018\u2019\u2024\u2027";
  if (kPunctuation.find(c) != kPunctuation.npos) return true;
  switch (Category(c)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
      return true;
    default:
      return false;
  }
}

// Greek sigma has a second small form at the end of a word: after a cased letter and not before one, where marks and
// the like don't count (Unicode 3.13, Final_Sigma).
bool IsFinalSigma(std::string_view text, size_t at) {
  size_t before = at;
  bool cased_before = false;
  while (before > 0 && !cased_before) {
    before = PreviousChar(text, before);
    const char32_t c = CodePoint(text.substr(before));
    if (IsCaseIgnorable(c)) continue;
    if (!IsCased(c)) return false;
    cased_before = true;
  }
  if (!cased_before) return false;
  for (size_t after = at + CharLength(text.substr(at)); after < text.size(); after += CharLength(text.substr(after))) {
    const char32_t c = CodePoint(text.substr(after));
    if (!IsCaseIgnorable(c)) return !IsCased(c);
  }
  return true;
}

enum class Case { kUpper, kLower, kTitle };

void AppendCased(std::string& out, std::string_view text, size_t at, Case to) {
  const char32_t c = CodePoint(text.substr(at));
  const auto simple = static_cast<utf8proc_int32_t>(c);
  if (c >= kStrayByte) {
    out += text[at];
  } else if (c < 0x80) {
    const bool small = c >= 'a' && c <= 'z';
    const bool capital = c >= 'A' && c <= 'Z';
    out += static_cast<char>(to == Case::kLower ? (capital ? c + 32 : c) : (small ? c - 32 : c));
  } else if (to == Case::kLower) {
    if (c == 0x130)
      out += "i\u0307";
    else if (c == 0x3A3)
      out += IsFinalSigma(text, at) ? "\u03C2" : "\u03C3";
    else
      AppendUtf8(out, static_cast<char32_t>(utf8proc_tolower(simple)));
  } else if (const LongCase* entry = FindLongCase(c)) {
    out += to == Case::kUpper ? entry->upper : entry->title;
  } else {
    AppendUtf8(out, static_cast<char32_t>(to == Case::kUpper ? utf8proc_toupper(simple) : utf8proc_totitle(simple)));
  }
}

// choose(code point) names the case of each character in turn.
template <class Choose>
Text MapCase(const Text& text, Choose choose) {
  Text out;
  std::string piece;
  size_t at = 0;
  for (const Text::Run& run : text.Runs()) {
    piece.clear();
    while (at < run.end) {
      AppendCased(piece, text.bytes(), at, choose(CodePoint(text.bytes().substr(at))));
      at += CharLength(text.bytes().substr(at));
    }
    out.Append(piece, run.trusted);
  }
  return out;
}

}  // namespace

size_t CharLength(std::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const unsigned lead = byte(0);
  const auto follows = [&](size_t i) { return byte(i) >= 0x80 && byte(i) <= 0xBF; };
  if (lead < 0xC2) return 1;
  if (lead <= 0xDF) return follows(1) ? 2 : 1;
  if (lead <= 0xEF) {
    const bool in_range = (lead != 0xE0 || byte(1) >= 0xA0) && (lead != 0xED || byte(1) <= 0x9F);
    return in_range && follows(1) && follows(2) ? 3 : 1;
  }
  if (lead <= 0xF4) {
    const bool in_range = (lead != 0xF0 || byte(1) >= 0x90) && (lead != 0xF4 || byte(1) <= 0x8F);
    return in_range && follows(1) && follows(2) && follows(3) ? 4 : 1;
  }
  return 1;
}

size_t PreviousChar(std::string_view text, size_t end) {
  for (size_t length = 4; length >= 2; --length) {
    if (length <= end && CharLength(text.substr(end - length)) == length) return end - length;
  }
  return end - 1;
}

char32_t CodePoint(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<char32_t>(static_cast<unsigned char>(text[i])); };
  switch (CharLength(text)) {
    case 2:
      return ((byte(0) & 0x1F) << 6) | (byte(1) & 0x3F);
    case 3:
      return ((byte(0) & 0x0F) << 12) | ((byte(1) & 0x3F) << 6) | (byte(2) & 0x3F);
    case 4:
      return ((byte(0) & 0x07) << 18) | ((byte(1) & 0x3F) << 12) | ((byte(2) & 0x3F) << 6) | (byte(3) & 0x3F);
    default:
      return byte(0) < 0x80 ? byte(0) : kStrayByte + byte(0);
  }
}

void AppendUtf8(std::string& out, char32_t c) {
  const auto put = [&](char32_t byte) { out += static_cast<char>(static_cast<unsigned char>(byte)); };
  if (c < 0x80) return put(c);
  if (c < 0x800) {
    put(0xC0 | (c >> 6));
  } else {
    if (c < 0x10000) {
      put(0xE0 | (c >> 12));
    } else {
      put(0xF0 | (c >> 18));
      put(0x80 | ((c >> 12) & 0x3F));
    }
    put(0x80 | ((c >> 6) & 0x3F));
  }
  put(0x80 | (c & 0x3F));
}

size_t CountChars(std::string_view text) {
  size_t count = 0;
  for (size_t at = 0; at < text.size(); at += CharLength(text.substr(at))) ++count;
  return count;
}

size_t CharOffset(std::string_view text, size_t index) {
  size_t at = 0;
  while (index > 0 && at < text.size()) {
    at += CharLength(text.substr(at));
    --index;
  }
  return at;
}

size_t FindInvalidUtf8(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const size_t length = CharLength(text.substr(at));
    if (length == 1 && static_cast<unsigned char>(text[at]) >= 0x80) return at;
    at += length;
  }
  return std::string_view::npos;
}

bool IsSpace(char32_t c) {
  if (c < 0x80) return c == ' ' || (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x1F);
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
         c == 0x202F || c == 0x205F || c == 0x3000;
}

bool IsLineEnd(char32_t c) {
  return (c >= 10 && c <= 13) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

bool IsUpper(char32_t c) {
  return Category(c) == UTF8PROC_CATEGORY_LU;
}
bool IsLower(char32_t c) {
  return Category(c) == UTF8PROC_CATEGORY_LL;
}

bool IsAlpha(char32_t c) {
  switch (Category(c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
      return true;
    default:
      return false;
  }
}

bool IsDigit(char32_t c) {
  return Category(c) == UTF8PROC_CATEGORY_ND;
}

bool IsPrintable(char32_t c) {
  if (c < 0x80) return c >= 0x20 && c != 0x7F;
  switch (Category(c)) {
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_ZS:
      return false;
    default:
      return true;
  }
}

Text Upper(const Text& text) {
  return MapCase(text, [](char32_t) { return Case::kUpper; });
}

Text Lower(const Text& text) {
  return MapCase(text, [](char32_t) { return Case::kLower; });
}

Text Capitalize(const Text& text) {
  return MapCase(text, [first = true](char32_t) mutable {
    const Case to = first ? Case::kTitle : Case::kLower;
    first = false;
    return to;
  });
}

Text Title(const Text& text) {
  return MapCase(text, [in_word = false](char32_t c) mutable {
    const Case to = in_word ? Case::kLower : Case::kTitle;
    in_word = IsCased(c);
    return to;
  });
}

Text SwapCase(const Text& text) {
  return MapCase(text, [](char32_t c) { return IsUpper(c) ? Case::kLower : Case::kUpper; });
}

Text TitleWords(const Text& text) {
  return MapCase(text, [first = true](char32_t c) mutable {
    const Case to = first ? Case::kUpper : Case::kLower;
    first = IsSpace(c) || c == '-' || c == '(' || c == '{' || c == '[' || c == '<';
    return to;
  });
}

}  // namespace bedplate::jinja

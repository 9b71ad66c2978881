#include "text/constraint/json_text.h"

#include <algorithm>
#include <array>

#include "base/cat.h"
#include "base/check.h"

namespace bedplate {
namespace {

struct ShortEscape {
  uint32_t code;
  std::string_view spelling;
};
constexpr std::array<ShortEscape, 7> kShortEscapes{
    {{'"', "\\\""}, {'\\', "\\\\"}, {'\b', "\\b"}, {'\f', "\\f"}, {'\n', "\\n"}, {'\r', "\\r"}, {'\t', "\\t"}}};

const CodeSet& Escaped() {
  static const CodeSet kEscaped{{0, 0x1F}, {'"', '"'}, {'\\', '\\'}};
  return kEscaped;
}

void AddHexDigit(ByteNfa& nfa, uint32_t from, uint32_t low, uint32_t high, uint32_t to) {
  for (uint32_t digit = low; digit <= high; ++digit) {
    const auto lower = static_cast<uint8_t>("0123456789abcdef"[digit]);
    const auto upper = static_cast<uint8_t>("0123456789ABCDEF"[digit]);
    nfa.Range(from, {lower, lower}, to);
    if (upper != lower) nfa.Range(from, {upper, upper}, to);
  }
}

/// \u and four digits, the first two within these and the last two any.
void AddUnicodeEscape(ByteNfa& nfa, uint32_t from, ByteRange first, ByteRange second, uint32_t to) {
  const uint32_t u = nfa.Add(), a = nfa.Add(), b = nfa.Add(), c = nfa.Add();
  nfa.Text(from, "\\u", u);
  AddHexDigit(nfa, u, first.low, first.high, a);
  AddHexDigit(nfa, a, second.low, second.high, b);
  AddHexDigit(nfa, b, 0, 15, c);
  AddHexDigit(nfa, c, 0, 15, to);
}

ByteDfa Build(void (*fill)(ByteNfa&, uint32_t, uint32_t)) {
  ByteNfa nfa;
  const uint32_t start = nfa.Add(), final = nfa.Add();
  fill(nfa, start, final);
  CompileBudget budget;
  MaybeDfa dfa = nfa.Determinise(start, final, {.budget = budget});
  BP_CHECK(dfa.has_value());
  return *std::move(dfa);
}

}  // namespace

void AddJsonChars(ByteNfa& nfa, uint32_t from, const CodeSet& set, uint32_t to) {
  nfa.Chars(from, set.Minus(Escaped()), to);
  CodeSet rest = set;
  for (const ShortEscape& escape : kShortEscapes) {
    if (set.Contains(escape.code)) nfa.Text(from, escape.spelling, to);
    rest = rest.Minus({{escape.code, escape.code}});
  }
  for (uint32_t code = 0; code < 0x20; ++code) {
    if (!rest.Contains(code)) continue;
    const uint32_t zeros = nfa.Add(), high = nfa.Add();
    nfa.Text(from, "\\u00", zeros);
    AddHexDigit(nfa, zeros, code >> 4, code >> 4, high);
    AddHexDigit(nfa, high, code & 15, code & 15, to);
  }
}

std::string SpellInJson(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    const auto* escape = std::ranges::find(kShortEscapes, byte, &ShortEscape::code);
    if (escape != kShortEscapes.end()) {
      out += escape->spelling;
    } else if (byte < 0x20) {
      out += Cat("\\u00", byte < 0x10 ? "0" : "1", std::string_view("0123456789abcdef").substr(byte & 15, 1));
    } else {
      out += c;
    }
  }
  return out;
}

const ByteDfa& ShortestJsonStrings() {
  static const ByteDfa kStrings = Build([](ByteNfa& nfa, uint32_t start, uint32_t final) {
    const uint32_t loop = nfa.Add();
    nfa.Jumps(start, loop);
    AddJsonChars(nfa, loop, CodeSet::All(), loop);
    nfa.Jumps(loop, final);
  });
  return kStrings;
}

const ByteDfa& AnyJsonChar() {
  static const ByteDfa kChar = Build([](ByteNfa& nfa, uint32_t start, uint32_t final) {
    nfa.Chars(start, CodeSet::All().Minus(Escaped()), final);
    for (const std::string_view escape : {"\\\"", "\\\\", "\\/", "\\b", "\\f", "\\n", "\\r", "\\t"}) {
      nfa.Text(start, escape, final);
    }
    AddUnicodeEscape(nfa, start, {0, 0xC}, {0, 15}, final);
    AddUnicodeEscape(nfa, start, {0xD, 0xD}, {0, 7}, final);
    AddUnicodeEscape(nfa, start, {0xE, 0xF}, {0, 15}, final);
    const uint32_t high = nfa.Add();  // a surrogate pair is one character
    AddUnicodeEscape(nfa, start, {0xD, 0xD}, {8, 0xB}, high);
    AddUnicodeEscape(nfa, high, {0xD, 0xD}, {0xC, 0xF}, final);
  });
  return kChar;
}

}  // namespace bedplate

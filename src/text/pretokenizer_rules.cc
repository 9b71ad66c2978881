#include "text/pretokenizer_rules.h"

#include <algorithm>
#include <string_view>

#include "text/code_ranges.h"

namespace bedplate {
namespace {

constexpr CharSet kUpperLikeSet = SetOf(CharClass::kUpper) | SetOf(CharClass::kTitle) | SetOf(CharClass::kModifier) |
                                  SetOf(CharClass::kOtherLetter) | kMarkSet;
constexpr CharSet kLowerLikeSet =
    SetOf(CharClass::kLower) | SetOf(CharClass::kModifier) | SetOf(CharClass::kOtherLetter) | kMarkSet;

bool In(const Letter& letter, CharSet set) {
  return (letter.set & set) != 0;
}
bool IsNewline(const Letter& letter) {
  return letter.code == '\n' || letter.code == '\r';
}

/// How many letters from `at` on satisfy the predicate.
template <class Predicate>
size_t RunFrom(Letters text, size_t at, Predicate predicate) {
  size_t end = at;
  while (end < text.size() && predicate(text[end])) ++end;
  return end - at;
}
size_t RunIn(Letters text, size_t at, CharSet set) {
  return RunFrom(text, at, [set](const Letter& letter) { return In(letter, set); });
}
size_t RunOutside(Letters text, size_t at, CharSet set) {
  return RunFrom(text, at, [set](const Letter& letter) { return !In(letter, set); });
}

/// 's|'t|'re|'ve|'m|'ll|'d at `at`: its length, or 0. Without regard to case, Oniguruma also takes U+017F (long s) for
/// s.
size_t Contraction(Letters text, size_t at, bool ignore_case) {
  if (at + 1 >= text.size() || text[at].code != '\'') return 0;
  const auto folded = [&](size_t i) -> uint32_t {
    if (i >= text.size()) return 0;
    const uint32_t code = text[i].code;
    if (!ignore_case) return code;
    if (code == 0x17F) return 's';
    return code >= 'A' && code <= 'Z' ? code + ('a' - 'A') : code;
  };
  const uint32_t first = folded(at + 1);
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return 2;
  const uint32_t second = folded(at + 2);
  const bool two =
      (first == 'r' && second == 'e') || (first == 'v' && second == 'e') || (first == 'l' && second == 'l');
  return two ? 3 : 0;
}

/// \s+(?!\S)|\s+ : the run of white space, less its last character where a word follows it.
size_t WhitePiece(Letters text) {
  const size_t run = RunIn(text, 0, kWhiteSet);
  return run == text.size() || run == 1 ? run : run - 1;
}

/// \s*[\r\n]+|\s+(?!\S)|\s+
size_t LinesPiece(Letters text) {
  const size_t run = RunIn(text, 0, kWhiteSet);
  for (size_t end = run; end > 0; --end) {
    if (IsNewline(text[end - 1])) return end;
  }
  return run == text.size() || run == 1 ? run : run - 1;
}

/// " ?[^\s...]+[\r\n]*", the class given by what it leaves out; `slash` adds '/' to what may trail. 0 where none
/// matches.
size_t SymbolPiece(Letters text, CharSet excluded, bool slash) {
  const size_t start = text[0].code == ' ' ? 1 : 0;
  const size_t symbols = RunOutside(text, start, excluded);
  if (symbols == 0) return 0;
  const size_t end = start + symbols;
  return end + RunFrom(text, end, [slash](const Letter& l) { return IsNewline(l) || (slash && l.code == '/'); });
}

/// \p{N}{1,digits_max}
size_t NumberPiece(Letters text, size_t digits_max) {
  return RunIn(text.first(std::min(text.size(), digits_max)), 0, kNumberSet);
}

bool MayPrefixWord(const Letter& letter) {
  return !IsNewline(letter) && !In(letter, kLetterSet | kNumberSet);
}

/// U*V+ from `at`: where it ends, or 0. Where the greedy U* leaves no V, it gives back as little as makes V+ match:
/// down to the last character that is in both sets, after which no V can follow.
size_t UpperThenLower(Letters text, size_t at) {
  const size_t upper_end = at + RunIn(text, at, kUpperLikeSet);
  const size_t lower = RunIn(text, upper_end, kLowerLikeSet);
  if (lower > 0) return upper_end + lower;
  for (size_t end = upper_end; end > at; --end) {
    if (In(text[end - 1], kLowerLikeSet)) return end;
  }
  return 0;
}

/// The two word alternatives of the o200k family, without the contraction: where the word ends, or 0.
size_t CasedWord(Letters text) {
  const bool prefixed = MayPrefixWord(text[0]);
  if (prefixed) {
    if (const size_t end = UpperThenLower(text, 1); end > 0) return end;
  }
  if (const size_t end = UpperThenLower(text, 0); end > 0) return end;
  // U+V*: the first alternative failed here, so no V follows the U's.
  if (prefixed) {
    if (const size_t upper = RunIn(text, 1, kUpperLikeSet); upper > 0) return 1 + upper;
  }
  return RunIn(text, 0, kUpperLikeSet);
}

// The cased letters as deepseek-llm's file lists them, ascending.
constexpr CodeRange kDeepSeekLetters[] = {
    {0x41, 0x5A},       {0x61, 0x7A},       {0xB5, 0xB5},       {0xC0, 0xD6},       {0xD8, 0xF6},
    {0xF8, 0x1BA},      {0x1BC, 0x1BF},     {0x1C4, 0x293},     {0x295, 0x2AF},     {0x370, 0x373},
    {0x376, 0x377},     {0x37B, 0x37D},     {0x37F, 0x37F},     {0x386, 0x386},     {0x388, 0x38A},
    {0x38C, 0x38C},     {0x38E, 0x3A1},     {0x3A3, 0x3F5},     {0x3F7, 0x481},     {0x48A, 0x52F},
    {0x531, 0x556},     {0x10A0, 0x10C5},   {0x13A0, 0x13F5},   {0x13F8, 0x13FD},   {0x1C90, 0x1CBA},
    {0x1CBD, 0x1CBF},   {0x1D00, 0x1D2B},   {0x1D6B, 0x1D77},   {0x1D79, 0x1D9A},   {0x1E00, 0x1F15},
    {0x1F18, 0x1F1D},   {0x1F20, 0x1F45},   {0x1F48, 0x1F4D},   {0x1F50, 0x1F57},   {0x1F59, 0x1F59},
    {0x1F5B, 0x1F5B},   {0x1F5D, 0x1F5D},   {0x1F5F, 0x1F7D},   {0x1F80, 0x1FB4},   {0x1FB6, 0x1FBC},
    {0x1FBE, 0x1FBE},   {0x1FC2, 0x1FC4},   {0x1FC6, 0x1FCC},   {0x1FD0, 0x1FD3},   {0x1FD6, 0x1FDB},
    {0x1FE0, 0x1FEC},   {0x1FF2, 0x1FF4},   {0x1FF6, 0x1FFC},   {0x2102, 0x2102},   {0x2107, 0x2107},
    {0x210A, 0x2113},   {0x2115, 0x2115},   {0x2119, 0x211D},   {0x2124, 0x2124},   {0x2126, 0x2126},
    {0x2128, 0x2128},   {0x212A, 0x212D},   {0x212F, 0x2134},   {0x2139, 0x2139},   {0x213C, 0x213F},
    {0x2145, 0x2149},   {0x214E, 0x214E},   {0x2183, 0x2184},   {0x2C00, 0x2C7B},   {0x2C7E, 0x2CE4},
    {0x2CEB, 0x2CEE},   {0x2CF2, 0x2CF3},   {0xA640, 0xA66D},   {0xA680, 0xA69B},   {0xA722, 0xA76F},
    {0xA771, 0xA787},   {0xA78B, 0xA78E},   {0xAB70, 0xABBF},   {0xFB00, 0xFB06},   {0xFB13, 0xFB17},
    {0xFF21, 0xFF3A},   {0xFF41, 0xFF5A},   {0x10400, 0x1044F}, {0x104B0, 0x104D3}, {0x104D8, 0x104FB},
    {0x10C80, 0x10CB2}, {0x10CC0, 0x10CF2}, {0x118A0, 0x118DF}, {0x1E900, 0x1E943},
};
constexpr CodeRange kDeepSeekPunctuation[] = {
    {0x21, 0x2F}, {0x3A, 0x7E}, {0x2018, 0x201F}, {0x3000, 0x3002}, {0xFF01, 0xFF0F}, {0xFF1A, 0xFF5E},
};

/// \s?X+ : the space is given back where no X follows it, which matters where X holds white space itself.
template <class Predicate>
size_t SpacedRun(Letters text, Predicate predicate) {
  if (In(text[0], kWhiteSet)) {
    if (const size_t run = RunFrom(text, 1, predicate); run > 0) return 1 + run;
  }
  return RunFrom(text, 0, predicate);
}

}  // namespace

size_t NextGpt2Piece(Letters text) {
  if (const size_t contraction = Contraction(text, 0, /*ignore_case=*/false); contraction > 0) return contraction;
  const size_t start = text[0].code == ' ' ? 1 : 0;
  if (start < text.size()) {
    const Letter& first = text[start];
    if (In(first, kLetterSet)) return start + RunIn(text, start, kLetterSet);
    if (In(first, kNumberSet)) return start + RunIn(text, start, kNumberSet);
    if (!In(first, kWhiteSet)) return start + RunOutside(text, start, kWhiteSet | kLetterSet | kNumberSet);
  }
  return WhitePiece(text);
}

size_t NextCl100kPiece(Letters text, Cl100kOptions options) {
  if (const size_t contraction = Contraction(text, 0, /*ignore_case=*/true); contraction > 0) return contraction;
  if (In(text[0], options.word)) return RunIn(text, 0, options.word);
  if (MayPrefixWord(text[0])) {
    if (const size_t word = RunIn(text, 1, options.word); word > 0) return 1 + word;
  }
  if (In(text[0], kNumberSet)) return NumberPiece(text, options.digits_max);
  if (const size_t symbols = SymbolPiece(text, kWhiteSet | options.word | kNumberSet, /*slash=*/false); symbols > 0) {
    return symbols;
  }
  return LinesPiece(text);
}

size_t NextO200kPiece(Letters text, O200kOptions options) {
  if (const size_t word = CasedWord(text); word > 0) {
    return word + (options.contractions ? Contraction(text, word, /*ignore_case=*/true) : 0);
  }
  if (In(text[0], kNumberSet)) return NumberPiece(text, options.digits_max);
  if (const size_t symbols = SymbolPiece(text, kWhiteSet | kLetterSet | kNumberSet, /*slash=*/true); symbols > 0) {
    return symbols;
  }
  return LinesPiece(text);
}

size_t MatchNewline(Letters text) {
  return IsNewline(text[0]) ? 1 : 0;
}

size_t MatchDigit(Letters text) {
  return IsSplitterDigit(text[0].code) ? 1 : 0;
}

size_t MatchNumberRun(Letters text) {
  return RunIn(text, 0, kNumberSet);
}

size_t MatchDigitTriple(Letters text) {
  const auto is_digit = [](const Letter& l) { return l.code >= '0' && l.code <= '9'; };
  return text.size() >= 3 && RunFrom(text.first(3), 0, is_digit) == 3 ? 3 : 0;
}

size_t MatchSplitterPunctuation(Letters text) {
  return RunFrom(text, 0, [](const Letter& l) { return IsSplitterPunctuation(l.code); });
}

size_t MatchDefaultPunctuation(Letters text) {
  return RunFrom(text, 0, [](const Letter& l) {
    return In(l, kPunctuationSet) ||
           (l.code < 0x80 && std::string_view("$+<=>^~|").find(static_cast<char>(l.code)) != std::string_view::npos);
  });
}

size_t MatchSpacedLetters(Letters text) {
  return SpacedRun(text, [](const Letter& l) { return In(l, kLetterSet); });
}

size_t MatchSpacedPunctuation(Letters text) {
  return SpacedRun(text, [](const Letter& l) { return In(l, kPunctuationSet); });
}

size_t MatchDeepSeekLetters(Letters text) {
  return SpacedRun(text, [](const Letter& l) { return InRanges(kDeepSeekLetters, l.code); });
}

size_t MatchDeepSeekPunctuation(Letters text) {
  return SpacedRun(text, [](const Letter& l) { return InRanges(kDeepSeekPunctuation, l.code); });
}

size_t MatchCjk(Letters text) {
  return RunFrom(text, 0, [](const Letter& l) {
    return (l.code >= 0x800 && l.code <= 0x9FA5) || (l.code >= 0xAC00 && l.code <= 0xD7FF);
  });
}

size_t TrailingSpace(Letters text) {
  size_t run = 0;
  while (run < text.size() && In(text[text.size() - 1 - run], kWhiteSet)) ++run;
  return run;
}

}  // namespace bedplate

// A recursive-descent parser to a small tree; the tree becomes an NFA, whose anchors are edges that are passable only
// at the text's ends; look-aheads at the beginning become intersections.

#include "text/constraint/regex.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/cat.h"
#include "text/constraint/json_text.h"
#include "text/unicode.h"

namespace bedplate {
namespace {

constexpr uint32_t kRegexDepthMax = 200;    // of groups
constexpr uint64_t kRegexNodeSteps = 100;   // of the budget, so that few enough of 130 bytes are made
constexpr uint32_t kNoMost = UINT32_MAX;    // of rounds
constexpr uint64_t kRoundsMax = 1'000'000;  // of rounds, as written
constexpr size_t kNfaStatesMax = 300'000;   // counted repetitions copy their part

struct RegexNode {
  enum class Kind : uint8_t { kChars, kSequence, kEither, kRepeat, kStart, kEnd, kLook };
  Kind kind = Kind::kSequence;
  CodeSet chars{};
  std::vector<RegexNode> parts{};  // kRepeat and kLook: one
  uint32_t least = 0;
  uint32_t most = 0;
  bool negative = false;  // kLook
  size_t at = 0;          // in the pattern
};

CodeSet Digits() {
  return {{'0', '9'}};
}
CodeSet WordChars() {
  return {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
}
/// ECMA-262's WhiteSpace and LineTerminator.
CodeSet Spaces() {
  return {{9, 13},          {' ', ' '},       {0xA0, 0xA0},     {0x1680, 0x1680}, {0x2000, 0x200A},
          {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};
}
CodeSet LineEnds() {
  return {{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}};
}

struct Property {
  std::string_view name;
  CharSet classes;
  CodeSet codes;
};

/// Found in one pass over all code points, some milliseconds, and kept: a schema may ask hundreds of times.
std::vector<Property> MakeProperties() {
  constexpr CharClass kLu = CharClass::kUpper, kLl = CharClass::kLower, kLt = CharClass::kTitle;
  std::vector<Property> out{{"L", kLetterSet, {}},
                            {"Letter", kLetterSet, {}},
                            {"Lu", SetOf(kLu), {}},
                            {"Uppercase_Letter", SetOf(kLu), {}},
                            {"Ll", SetOf(kLl), {}},
                            {"Lowercase_Letter", SetOf(kLl), {}},
                            {"Lt", SetOf(kLt), {}},
                            {"Lm", SetOf(CharClass::kModifier), {}},
                            {"Lo", SetOf(CharClass::kOtherLetter), {}},
                            {"M", kMarkSet, {}},
                            {"N", kNumberSet, {}},
                            {"Number", kNumberSet, {}},
                            {"P", kPunctuationSet, {}},
                            {"Punctuation", kPunctuationSet, {}},
                            {"S", SetOf(CharClass::kSymbol), {}}};
  constexpr uint32_t kCodes = 0x110000;
  for (uint32_t first = 0; first < kCodes;) {
    uint32_t end = first + 1;
    while (end < kCodes && ClassOf(end) == ClassOf(first)) ++end;
    for (Property& property : out) {
      if ((SetOf(ClassOf(first)) & property.classes) != 0) property.codes.Add({first, end - 1});
    }
    first = end;
  }
  return out;
}

const CodeSet* CodesOf(std::string_view name) {
  static const std::vector<Property> kProperties = MakeProperties();
  const auto found = std::ranges::find(kProperties, name, &Property::name);
  return found == kProperties.end() ? nullptr : &found->codes;
}

Status TooMuch() {
  return Status::InvalidArgument("the regular expression needs more states than a constraint may have");
}

class RegexParser {
 public:
  RegexParser(std::string_view pattern, CompileBudget& budget) : text_(pattern), budget_(budget) {}

  Result<RegexNode> Parse() {
    BP_ASSIGN_OR_RETURN(RegexNode node, Either(0));
    if (!AtEnd()) return Wrong("a ')' without its '('");
    return node;
  }

 private:
  [[nodiscard]] bool AtEnd() const { return at_ == text_.size(); }
  [[nodiscard]] char Peek() const { return AtEnd() ? '\0' : text_[at_]; }
  [[nodiscard]] bool Take(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }
  [[nodiscard]] Status Wrong(std::string_view what) const {
    return Status::InvalidArgument(Cat("in the regular expression, at byte ", at_, ": ", what));
  }

  Result<RegexNode> Either(uint32_t depth) {
    if (depth > kRegexDepthMax) return Wrong(Cat("groups more than ", kRegexDepthMax, " deep"));
    RegexNode either{.kind = RegexNode::Kind::kEither, .at = at_};
    do {
      BP_ASSIGN_OR_RETURN(RegexNode sequence, Sequence(depth));
      either.parts.push_back(std::move(sequence));
    } while (Take("|"));
    if (either.parts.size() == 1) return std::move(either.parts.front());
    return either;
  }

  Result<RegexNode> Sequence(uint32_t depth) {
    if (!budget_.Spend(kRegexNodeSteps)) return TooMuch();  // also where nothing stands between two bars
    RegexNode sequence{.kind = RegexNode::Kind::kSequence, .at = at_};
    while (!AtEnd() && Peek() != '|' && Peek() != ')') {
      BP_ASSIGN_OR_RETURN(RegexNode atom, Atom(depth));
      BP_ASSIGN_OR_RETURN(atom, Quantified(std::move(atom)));
      sequence.parts.push_back(std::move(atom));
    }
    return sequence;
  }

  Result<RegexNode> Quantified(RegexNode atom) {
    for (bool first = true;; first = false) {
      uint32_t least = 0, most = kNoMost;
      if (Take("*")) {
      } else if (Take("+")) {
        least = 1;
      } else if (Take("?")) {
        most = 1;
      } else if (Peek() == '{') {
        BP_ASSIGN_OR_RETURN(const bool counted, Counts(least, most));
        if (!counted) return atom;
      } else {
        return atom;
      }
      if (!first || atom.kind == RegexNode::Kind::kStart || atom.kind == RegexNode::Kind::kEnd ||
          atom.kind == RegexNode::Kind::kLook) {
        return Wrong("nothing to repeat before a quantifier");
      }
      if (Take("+")) return Wrong("possessive quantifiers are not supported");
      static_cast<void>(Take("?"));  // lazy: the same language
      RegexNode repeat{.kind = RegexNode::Kind::kRepeat, .least = least, .most = most, .at = at_};
      repeat.parts.push_back(std::move(atom));
      atom = std::move(repeat);
    }
  }

  /// False: the brace is a literal, as in "{}" outside the u flag.
  Result<bool> Counts(uint32_t& least, uint32_t& most) {
    constexpr uint64_t kOpen = UINT64_MAX;
    const size_t before = at_++;
    const std::optional<uint64_t> low = Number();
    std::optional<uint64_t> high = low;
    if (low.has_value() && Take(",")) high = Peek() == '}' ? std::optional(kOpen) : Number();
    if (!low.has_value() || !high.has_value() || !Take("}")) {
      at_ = before;
      return false;
    }
    if (*high < *low) return Wrong("a repetition's bounds are out of order");
    if (*low > kRoundsMax || (*high > kRoundsMax && *high != kOpen)) {
      return Wrong(Cat("a repetition's bound is too large; allowed: up to ", kRoundsMax));
    }
    least = static_cast<uint32_t>(*low);
    most = *high == kOpen ? kNoMost : static_cast<uint32_t>(*high);
    return true;
  }

  /// However many digits: what is larger than any bound is as large as the next.
  std::optional<uint64_t> Number() {
    uint64_t value = 0;
    const size_t before = at_;
    while (Peek() >= '0' && Peek() <= '9') {
      value = std::min(value * 10 + static_cast<uint64_t>(text_[at_++] - '0'), 10 * kRoundsMax);
    }
    if (at_ == before) return std::nullopt;
    return value;
  }

  Result<RegexNode> Atom(uint32_t depth) {
    if (!budget_.Spend(kRegexNodeSteps)) return TooMuch();
    RegexNode node{.kind = RegexNode::Kind::kChars, .at = at_};
    if (Take("^")) {
      node.kind = RegexNode::Kind::kStart;
    } else if (Take("$")) {
      node.kind = RegexNode::Kind::kEnd;
    } else if (Take(".")) {
      node.chars = LineEnds().Complement();
    } else if (Take("(")) {
      return Group(depth);
    } else if (Take("[")) {
      BP_ASSIGN_OR_RETURN(node.chars, Class());
    } else if (Peek() == '\\') {
      BP_ASSIGN_OR_RETURN(node.chars, Escape(false));
    } else if (Peek() == '*' || Peek() == '+' || Peek() == '?') {
      return Wrong("nothing to repeat before a quantifier");
    } else {
      BP_ASSIGN_OR_RETURN(const uint32_t code, Char());
      node.chars = {{code, code}};
    }
    return node;
  }

  Result<RegexNode> Group(uint32_t depth) {
    RegexNode look{.kind = RegexNode::Kind::kLook, .at = at_ - 1};
    bool is_look = false;
    if (Take("?=")) {
      is_look = true;
    } else if (Take("?!")) {
      is_look = look.negative = true;
    } else if (Take("?<=") || Take("?<!")) {
      return Wrong("look-behind is not supported");
    } else if (Take("?:")) {
    } else if (Take("?<") || Take("?P<")) {
      const size_t close = text_.find('>', at_);
      if (close == std::string_view::npos) return Wrong("a group's name without its '>'");
      at_ = close + 1;
    } else if (Peek() == '?') {
      return Wrong("flags and other groups that begin with '(?' are not supported");
    }
    BP_ASSIGN_OR_RETURN(RegexNode inner, Either(depth + 1));
    if (!Take(")")) return Wrong("a '(' without its ')'");
    if (!is_look) {
      RegexNode group{.kind = RegexNode::Kind::kSequence, .at = inner.at};
      group.parts.push_back(std::move(inner));
      return group;
    }
    look.parts.push_back(std::move(inner));
    return look;
  }

  Result<uint32_t> Char() {
    const CodePoint point = ReadUtf8(text_, at_);
    if (point.code == kBadByte && point.size == 1) return Wrong("the pattern is not UTF-8");
    at_ += point.size;
    return point.code;
  }

  Result<CodeSet> Class() {
    const bool negated = Take("^");
    CodeSet set;
    while (!Take("]")) {
      if (AtEnd()) return Wrong("a '[' without its ']'");
      if (!budget_.Spend(10 + set.ranges().size() / 8)) return TooMuch();  // what an insertion may move
      BP_ASSIGN_OR_RETURN(const CodeSet low, ClassAtom());
      const bool range = text_.substr(at_).starts_with("-") && at_ + 1 < text_.size() && text_[at_ + 1] != ']';
      if (!range || !IsOne(low)) {
        set.Add(low);
        continue;
      }
      ++at_;
      BP_ASSIGN_OR_RETURN(const CodeSet high, ClassAtom());
      if (!IsOne(high)) {  // "[a-\d]": the dash stands for itself
        set.Add(low);
        set.Add({'-', '-'});
        set.Add(high);
        continue;
      }
      if (high.ranges()[0].low < low.ranges()[0].low) return Wrong("a range in a class is out of order");
      set.Add({low.ranges()[0].low, high.ranges()[0].low});
    }
    return negated ? set.Complement() : set;
  }

  static bool IsOne(const CodeSet& set) {
    return set.ranges().size() == 1 && set.ranges()[0].low == set.ranges()[0].high;
  }

  Result<CodeSet> ClassAtom() {
    if (AtEnd()) return Wrong("a '[' without its ']'");
    if (Peek() == '\\') return Escape(true);
    BP_ASSIGN_OR_RETURN(const uint32_t code, Char());
    return CodeSet{{code, code}};
  }

  static CodeSet One(uint32_t code) { return {{code, code}}; }

  Result<CodeSet> Escape(bool in_class) {
    ++at_;
    if (AtEnd()) return Wrong("the pattern ends with a backslash");
    const char c = text_[at_++];
    switch (c) {
      case 'd':
        return Digits();
      case 'D':
        return Digits().Complement();
      case 'w':
        return WordChars();
      case 'W':
        return WordChars().Complement();
      case 's':
        return Spaces();
      case 'S':
        return Spaces().Complement();
      case 'n':
        return One('\n');
      case 'r':
        return One('\r');
      case 't':
        return One('\t');
      case 'f':
        return One('\f');
      case 'v':
        return One('\v');
      case '0':
        if (Peek() >= '0' && Peek() <= '9') return Wrong("octal escapes are not supported");
        return One(0);
      case 'x':
        return HexEscape(2);
      case 'u':
        return UnicodeEscape();
      case 'c':
        if ((Peek() | 32) < 'a' || (Peek() | 32) > 'z') return Wrong("\\c must be followed by a letter");
        return One(static_cast<uint32_t>(text_[at_++]) & 31);
      case 'p':
      case 'P':
        return PropertyEscape(c == 'P');
      case 'b':
        if (in_class) return One('\b');
        return Wrong("word boundaries (\\b) are not supported");
      default:
        break;
    }
    if (c >= '1' && c <= '9') return Wrong("back references are not supported");
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
      return Wrong(Cat("the escape \\", std::string(1, c), " is not supported"));
    --at_;
    BP_ASSIGN_OR_RETURN(const uint32_t code, Char());
    return One(code);
  }

  std::optional<uint32_t> Hex(size_t digits) {
    if (at_ + digits > text_.size()) return std::nullopt;
    uint32_t value = 0;
    for (size_t i = 0; i < digits; ++i) {
      const size_t digit = std::string_view("0123456789abcdef").find(static_cast<char>(text_[at_ + i] | 32));
      if (digit == std::string_view::npos || (digit < 10 && text_[at_ + i] > '9') || (text_[at_ + i] < '0'))
        return std::nullopt;
      value = value << 4 | static_cast<uint32_t>(digit);
    }
    at_ += digits;
    return value;
  }

  Result<CodeSet> HexEscape(size_t digits) {
    const std::optional<uint32_t> code = Hex(digits);
    if (!code.has_value()) return Wrong("hexadecimal digits are missing after an escape");
    return One(*code);
  }

  Result<CodeSet> UnicodeEscape() {
    if (Take("{")) {
      const size_t close = text_.find('}', at_);
      const std::optional<uint32_t> code =
          close == std::string_view::npos || close == at_ || close - at_ > 6 ? std::nullopt : Hex(close - at_);
      if (!code.has_value() || *code > 0x10FFFF || !Take("}")) return Wrong("\\u{...} is not a code point");
      return CheckedOne(*code);
    }
    std::optional<uint32_t> code = Hex(4);
    if (!code.has_value()) return Wrong("four hexadecimal digits must follow \\u");
    const size_t before = at_;
    if (*code >= 0xD800 && *code < 0xDC00 && Take("\\u")) {
      const std::optional<uint32_t> low = Hex(4);
      if (low.has_value() && *low >= 0xDC00 && *low < 0xE000) {
        code = 0x10000 + ((*code - 0xD800) << 10) + (*low - 0xDC00);
      } else {
        at_ = before;
      }
    }
    return CheckedOne(*code);
  }

  Result<CodeSet> CheckedOne(uint32_t code) {
    if (code >= 0xD800 && code <= 0xDFFF) return Wrong("a surrogate alone is no character");
    return One(code);
  }

  Result<CodeSet> PropertyEscape(bool negated) {
    const size_t close = text_.find('}', at_);
    if (!Take("{") || close == std::string_view::npos) return Wrong("\\p must be followed by {name}");
    const std::string_view name = text_.substr(at_, close - at_);
    const CodeSet* set = CodesOf(name);
    if (set == nullptr) return Wrong(Cat("the property \\p{", name.substr(0, 40), "} is not supported"));
    at_ = close + 1;
    return negated ? set->Complement() : *set;
  }

  const std::string_view text_;
  CompileBudget& budget_;
  size_t at_ = 0;
};

class RegexBuilder {
 public:
  RegexBuilder(RegexOptions options, DfaLimits limits) : options_(options), limits_(limits) {}

  /// The pattern whole, or with a match somewhere.
  Result<ByteDfa> Language(const RegexNode& node, bool whole) {
    ByteNfa nfa;
    const uint32_t start = nfa.Add(), final = nfa.Add();
    if (whole) {
      BP_RETURN_IF_ERROR(Add(nfa, node, start, final));
    } else {
      const uint32_t before = nfa.Add(), after = nfa.Add();
      nfa.Jumps(start, before);
      Chars(nfa, before, CodeSet::All(), before);
      BP_RETURN_IF_ERROR(Add(nfa, node, before, after));
      Chars(nfa, after, CodeSet::All(), after);
      nfa.Jumps(after, final);
    }
    return Taken(nfa.Determinise(start, final, limits_));
  }

  [[nodiscard]] static Result<ByteDfa> Taken(MaybeDfa dfa) {
    if (dfa.has_value()) return *std::move(dfa);
    return TooMuch();
  }

  [[nodiscard]] DfaLimits limits() const { return limits_; }

 private:
  void Chars(ByteNfa& nfa, uint32_t from, const CodeSet& set, uint32_t to) const {
    if (options_.spelling == RegexOptions::Spelling::kJsonString) return AddJsonChars(nfa, from, set, to);
    nfa.Chars(from, set, to);
  }

  Status Add(ByteNfa& nfa, const RegexNode& node, uint32_t from, uint32_t to) {
    if (nfa.states.size() > kNfaStatesMax || !limits_.budget.Spend(8 + 8 * node.chars.ranges().size()))
      return TooMuch();
    switch (node.kind) {
      case RegexNode::Kind::kChars:
        Chars(nfa, from, node.chars, to);
        return Status::Ok();
      case RegexNode::Kind::kStart:
        nfa.Jumps(from, to, ByteNfa::Empty::kAtStart);
        return Status::Ok();
      case RegexNode::Kind::kEnd:
        nfa.Jumps(from, to, ByteNfa::Empty::kAtEnd);
        return Status::Ok();
      case RegexNode::Kind::kEither:
        for (const RegexNode& part : node.parts) BP_RETURN_IF_ERROR(Add(nfa, part, from, to));
        return Status::Ok();
      case RegexNode::Kind::kSequence:
        return AddSequence(nfa, node, from, to);
      case RegexNode::Kind::kRepeat:
        return AddRepeat(nfa, node, from, to);
      case RegexNode::Kind::kLook:
        break;
    }
    return Status::InvalidArgument(Cat("in the regular expression, at byte ", node.at,
                                       ": a look-ahead is only supported at the beginning, after ^"));
  }

  Status AddSequence(ByteNfa& nfa, const RegexNode& node, uint32_t from, uint32_t to) {
    for (size_t i = 0; i < node.parts.size(); ++i) {
      const uint32_t next = nfa.Add();
      BP_RETURN_IF_ERROR(Add(nfa, node.parts[i], from, next));
      from = next;
    }
    nfa.Jumps(from, to);
    return Status::Ok();
  }

  Status AddRepeat(ByteNfa& nfa, const RegexNode& node, uint32_t from, uint32_t to) {
    const RegexNode& part = node.parts.front();
    uint32_t at = from;
    for (uint32_t i = 0; i < node.least; ++i) {
      const uint32_t next = nfa.Add();
      BP_RETURN_IF_ERROR(Add(nfa, part, at, next));
      at = next;
    }
    if (node.most == kNoMost) {
      const uint32_t loop = nfa.Add();
      nfa.Jumps(at, loop);
      BP_RETURN_IF_ERROR(Add(nfa, part, loop, loop));
      nfa.Jumps(loop, to);
      return Status::Ok();
    }
    nfa.Jumps(at, to);
    for (uint32_t i = node.least; i < node.most; ++i) {
      const uint32_t next = nfa.Add();
      BP_RETURN_IF_ERROR(Add(nfa, part, at, next));
      nfa.Jumps(next, to);
      at = next;
    }
    return Status::Ok();
  }

  const RegexOptions options_;
  const DfaLimits limits_;
};

/// The look-aheads that stand at the beginning, after ^: taken out of the pattern.
std::vector<RegexNode> TakeLooks(RegexNode& pattern) {
  std::vector<RegexNode> looks;
  if (pattern.kind != RegexNode::Kind::kSequence) return looks;
  auto& parts = pattern.parts;
  const bool anchored = !parts.empty() && parts.front().kind == RegexNode::Kind::kStart;
  const size_t first = anchored ? 1 : 0;
  while (anchored && parts.size() > first && parts[first].kind == RegexNode::Kind::kLook) {
    looks.push_back(std::move(parts[first]));
    parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(first));
  }
  return looks;
}

}  // namespace

Result<ByteDfa> CompileRegex(std::string_view pattern, RegexOptions options, DfaLimits limits) {
  BP_ASSIGN_OR_RETURN(RegexNode node, RegexParser(pattern, limits.budget).Parse());
  std::vector<RegexNode> looks = TakeLooks(node);
  RegexBuilder builder(options, limits);
  BP_ASSIGN_OR_RETURN(ByteDfa language, builder.Language(node, options.whole));
  for (RegexNode& look : looks) {
    // What begins with the look-ahead's match: ^X, found somewhere.
    RegexNode anchored{.kind = RegexNode::Kind::kSequence};
    anchored.parts.push_back({.kind = RegexNode::Kind::kStart});
    anchored.parts.push_back(std::move(look.parts.front()));
    BP_ASSIGN_OR_RETURN(const ByteDfa ahead, builder.Language(anchored, false));
    BP_ASSIGN_OR_RETURN(language, RegexBuilder::Taken(look.negative ? Subtract(language, ahead, limits)
                                                                    : Intersect(language, ahead, limits)));
  }
  return language;
}

}  // namespace bedplate

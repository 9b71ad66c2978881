#include "text/template_lexer.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <optional>

#include "base/cat.h"
#include "text/template_unicode.h"

namespace bedplate::jinja {
namespace {

bool IsAsciiDigit(char c) {
  return c >= '0' && c <= '9';
}
bool IsNameStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}
bool IsNameChar(char c) {
  return IsNameStart(c) || IsAsciiDigit(c);
}

std::string_view TrimRight(std::string_view text) {
  while (!text.empty()) {
    const size_t last = PreviousChar(text, text.size());
    if (!IsSpace(CodePoint(text.substr(last)))) break;
    text = text.substr(0, last);
  }
  return text;
}

bool AllSpace(std::string_view text) {
  return TrimRight(text).empty();
}

// \r\n and \r become \n, as the reference does before anything else; the template's last line end goes.
std::string NormalizeNewlines(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      out += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    } else {
      out += source[i];
    }
  }
  if (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

class Lexer {
 public:
  explicit Lexer(std::string source) : source_(std::move(source)) {}

  Result<std::vector<Token>> Run() {
    while (at_ < source_.size()) {
      BP_RETURN_IF_ERROR(LexText());
    }
    Add(Token::Kind::kEnd, "");
    return std::move(tokens_);
  }

 private:
  [[nodiscard]] std::string_view Rest() const { return std::string_view(source_).substr(at_); }
  [[nodiscard]] bool At(std::string_view what) const { return Rest().starts_with(what); }

  void Add(Token::Kind kind, std::string_view text) { tokens_.push_back({kind, line_, std::string(text)}); }

  void Advance(size_t bytes) {
    line_ += static_cast<uint32_t>(std::count(source_.begin() + static_cast<ptrdiff_t>(at_),
                                              source_.begin() + static_cast<ptrdiff_t>(at_ + bytes), '\n'));
    at_ += bytes;
    if (bytes > 0) at_line_start_ = source_[at_ - 1] == '\n';
  }

  void SkipSpace() {
    while (at_ < source_.size() && IsSpace(CodePoint(Rest()))) Advance(CharLength(Rest()));
  }

  // After a tag's end: "-" already asks for all white space to go; else blocks and comments swallow one line end.
  void EndTag(char sign, bool trim_newline) {
    if (sign == '-')
      SkipSpace();
    else if (sign != '+' && trim_newline && At("\n"))
      Advance(1);
  }

  // Text up to the next tag, then that tag.
  Status LexText() {
    size_t tag = at_;
    for (;; ++tag) {
      tag = source_.find('{', tag);
      if (tag == std::string::npos || tag + 1 >= source_.size()) {
        AddText(Rest());
        Advance(source_.size() - at_);
        return Status::Ok();
      }
      const char next = source_[tag + 1];
      if (next == '%' || next == '{' || next == '#') break;
    }
    const char type = source_[tag + 1];
    const char sign = SignAt(tag + 2);
    AddText(BeforeTag(std::string_view(source_).substr(at_, tag - at_), sign, type == '{'));
    Advance(tag - at_);
    const uint32_t begin_line = line_;
    Advance(sign == 0 ? 2 : 3);
    if (type == '#') return LexComment(begin_line);
    if (type == '%') {
      if (const size_t raw = RawBeginLength(); raw > 0) {
        Advance(raw);
        return LexRaw(begin_line);
      }
    }
    Add(type == '{' ? Token::Kind::kPrintBegin : Token::Kind::kBlockBegin, "");
    return LexTag(type == '{');
  }

  [[nodiscard]] char SignAt(size_t at) const {
    return at < source_.size() && (source_[at] == '-' || source_[at] == '+') ? source_[at] : '\0';
  }

  void AddText(std::string_view text) {
    if (!text.empty()) Add(Token::Kind::kText, text);
  }

  // What is left of the text before a tag.
  [[nodiscard]] std::string_view BeforeTag(std::string_view text, char sign, bool is_print) const {
    if (sign == '-') return TrimRight(text);
    if (sign == '+' || is_print) return text;
    const size_t line_end = text.rfind('\n');
    if (line_end == std::string_view::npos && !at_line_start_) return text;
    const size_t line_start = line_end == std::string_view::npos ? 0 : line_end + 1;
    return AllSpace(text.substr(line_start)) ? text.substr(0, line_start) : text;
  }

  Status LexComment(uint32_t begin_line) {
    const size_t end = source_.find("#}", at_);
    if (end == std::string::npos) return SyntaxError(begin_line, "a comment {# is not closed with #}");
    const char sign = end > at_ ? SignAt(end - 1) : '\0';
    Advance(end + 2 - at_);
    EndTag(sign, true);
    return Status::Ok();
  }

  // Length of `raw %}` at this place (with a sign and white space as written), or 0.
  [[nodiscard]] size_t RawBeginLength() const {
    size_t at = SpaceEnd(at_);
    if (!std::string_view(source_).substr(at).starts_with("raw")) return 0;
    at = SpaceEnd(at + 3);
    if (std::string_view(source_).substr(at).starts_with("-%}")) return SpaceEnd(at + 3) - at_;
    if (std::string_view(source_).substr(at).starts_with("%}")) return at + 2 - at_;
    return 0;
  }

  [[nodiscard]] size_t SpaceEnd(size_t at) const {
    const std::string_view all = source_;
    while (at < all.size() && IsSpace(CodePoint(all.substr(at)))) at += CharLength(all.substr(at));
    return at;
  }

  Status LexRaw(uint32_t begin_line) {
    for (size_t tag = source_.find("{%", at_); tag != std::string::npos; tag = source_.find("{%", tag + 1)) {
      const char begin_sign = SignAt(tag + 2);
      size_t at = SpaceEnd(tag + (begin_sign == 0 ? 2 : 3));
      if (!std::string_view(source_).substr(at).starts_with("endraw")) continue;
      at = SpaceEnd(at + 6);
      const char end_sign = SignAt(at);
      if (end_sign != 0) ++at;
      if (!std::string_view(source_).substr(at).starts_with("%}")) continue;
      AddText(BeforeTag(std::string_view(source_).substr(at_, tag - at_), begin_sign, false));
      Advance(at + 2 - at_);
      EndTag(end_sign, true);
      return Status::Ok();
    }
    return SyntaxError(begin_line, "a raw block is not closed with {% endraw %}");
  }

  // Names, literals and operators up to the tag's end.
  Status LexTag(bool is_print) {
    const std::string_view close = is_print ? "}}" : "%}";
    while (at_ < source_.size()) {
      if (open_.empty()) {
        const char sign = SignAt(at_);
        const bool may_sign = sign == '-' || (sign == '+' && !is_print);
        if (At(close) || (may_sign && Rest().substr(1).starts_with(close))) {
          Add(is_print ? Token::Kind::kPrintEnd : Token::Kind::kBlockEnd, "");
          const bool has_sign = !At(close);
          Advance(close.size() + (has_sign ? 1 : 0));
          EndTag(has_sign ? sign : '\0', !is_print);
          return Status::Ok();
        }
      }
      BP_RETURN_IF_ERROR(LexToken());
    }
    open_.clear();
    return Status::Ok();  // the parser says what is missing
  }

  Status LexToken() {
    const char c = source_[at_];
    const char32_t code_point = CodePoint(Rest());
    if (IsSpace(code_point)) {
      Advance(CharLength(Rest()));
      return Status::Ok();
    }
    if (IsAsciiDigit(c)) return LexNumber();
    if (IsNameStart(c)) {
      size_t end = at_;
      while (end < source_.size() && IsNameChar(source_[end])) ++end;
      Add(Token::Kind::kName, Rest().substr(0, end - at_));
      Advance(end - at_);
      return Status::Ok();
    }
    if (c == '\'' || c == '"') return LexString(c);
    return LexOperator();
  }

  // The length of digits with single underscores between them, from a place.
  [[nodiscard]] size_t DigitsLength(size_t at) const {
    const size_t start = at;
    while (at < source_.size() && IsAsciiDigit(source_[at])) {
      ++at;
      if (at + 1 < source_.size() && source_[at] == '_' && IsAsciiDigit(source_[at + 1])) ++at;
    }
    return at - start;
  }

  Status LexNumber() {
    const bool after_dot = at_ > 0 && source_[at_ - 1] == '.';  // in a.0.1 the 0.1 is no number
    if (!after_dot) {
      const size_t whole = DigitsLength(at_);
      size_t end = at_ + whole;
      if (end + 1 < source_.size() && source_[end] == '.' && IsAsciiDigit(source_[end + 1])) {
        end += 1 + DigitsLength(end + 1);
      }
      if (end < source_.size() && (source_[end] == 'e' || source_[end] == 'E')) {
        const size_t digits = end + 1 + (SignAt(end + 1) != 0 ? 1 : 0);
        if (DigitsLength(digits) > 0) end = digits + DigitsLength(digits);
      }
      if (end > at_ + whole) return AddFloat(end - at_);
    }
    return LexInteger();
  }

  Status AddFloat(size_t length) {
    std::string digits(Rest().substr(0, length));
    std::erase(digits, '_');
    Token token{Token::Kind::kFloat, line_, digits};
    const std::errc error = std::from_chars(digits.data(), digits.data() + digits.size(), token.number).ec;
    if (error != std::errc()) token.number = std::strtod(digits.c_str(), nullptr);  // infinite, or zero, as in Python
    tokens_.push_back(std::move(token));
    Advance(length);
    return Status::Ok();
  }

  Status LexInteger() {
    int base = 10;
    size_t length = 0;
    if (source_[at_] == '0' && at_ + 1 < source_.size()) {
      const char mark = static_cast<char>(source_[at_ + 1] | 0x20);
      base = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 10;
    }
    std::string digits;
    if (base != 10) {
      size_t end = at_ + 2;
      const auto is_digit = [&](char d) {
        const int value = IsAsciiDigit(d)                          ? d - '0'
                          : (d | 0x20) >= 'a' && (d | 0x20) <= 'f' ? (d | 0x20) - 'a' + 10
                                                                   : 99;
        return value < base;
      };
      while (end < source_.size() && (is_digit(source_[end]) || source_[end] == '_')) ++end;
      digits = source_.substr(at_ + 2, end - at_ - 2);
      length = end - at_;
    } else if (source_[at_] == '0') {
      while (at_ + length < source_.size() && source_[at_ + length] == '0') ++length;  // 07 is 0 and 7, and no syntax
      digits = "0";
    } else {
      length = DigitsLength(at_);
      digits = Rest().substr(0, length);
    }
    std::erase(digits, '_');
    Token token{Token::Kind::kInteger, line_, std::string(Rest().substr(0, length))};
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), token.integer, base);
    if (error != std::errc() || end != digits.data() + digits.size()) {
      return SyntaxError(line_, Cat("the integer ", token.text, " is not readable in 64 bits"));
    }
    tokens_.push_back(std::move(token));
    Advance(length);
    return Status::Ok();
  }

  Status LexString(char quote) {
    size_t end = at_ + 1;
    while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
    if (end >= source_.size()) return SyntaxError(line_, "a string is not closed");
    std::string value;
    BP_RETURN_IF_ERROR(Unescape(std::string_view(source_).substr(at_ + 1, end - at_ - 1), value));
    Add(Token::Kind::kString, value);
    Advance(end + 1 - at_);
    return Status::Ok();
  }

  // Python's escapes; an unknown one keeps its backslash.
  Status Unescape(std::string_view raw, std::string& out) const {
    char32_t high = 0;  // the first half of a surrogate pair
    for (size_t i = 0; i < raw.size(); ++i) {
      if (raw[i] != '\\') {
        out += raw[i];
        continue;
      }
      const char c = raw[++i];
      constexpr std::string_view kFrom = "\\'\"abfnrtv";
      constexpr std::string_view kTo = "\\'\"\a\b\f\n\r\t\v";
      if (const size_t simple = kFrom.find(c); simple != kFrom.npos) {
        out += kTo[simple];
      } else if (c == '\n') {
        continue;  // a line continued
      } else if (c >= '0' && c <= '7') {
        size_t end = i;
        char32_t value = 0;
        while (end < raw.size() && end < i + 3 && raw[end] >= '0' && raw[end] <= '7') {
          value = value * 8 + static_cast<char32_t>(raw[end++] - '0');
        }
        AppendUtf8(out, value);
        i = end - 1;
      } else if (c == 'x' || c == 'u' || c == 'U') {
        const size_t length = c == 'x' ? 2 : c == 'u' ? 4 : 8;
        const std::string_view digits = raw.substr(i + 1, length);
        uint32_t value = 0;
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
        if (digits.size() < length || error != std::errc() || end != digits.data() + length || value > 0x10FFFF) {
          return SyntaxError(line_, Cat("a \\", std::string_view(&c, 1), " escape in a string needs ", length,
                                        " hexadecimal digits of a character"));
        }
        i += length;
        if (value >= 0xD800 && value < 0xDC00 && raw.substr(i + 1).starts_with("\\u")) {
          high = value;
          continue;
        }
        if (value >= 0xDC00 && value < 0xE000 && high != 0)
          value = 0x10000 + ((high - 0xD800) << 10) + (value - 0xDC00);
        if (value >= 0xD800 && value < 0xE000) return SyntaxError(line_, "half a surrogate pair in a string");
        AppendUtf8(out, value);
      } else if (c == 'N') {
        return SyntaxError(line_, "\\N{...} escapes are not supported; use \\u");
      } else {
        out += '\\';
        out += c;
      }
      high = 0;
    }
    return Status::Ok();
  }

  Status LexOperator() {
    constexpr std::string_view kTwo[] = {"//", "**", "==", "!=", ">=", "<="};
    constexpr std::string_view kOne = "+-/*%~[](){}><=.:|,;";
    size_t length = std::any_of(std::begin(kTwo), std::end(kTwo), [&](std::string_view op) { return At(op); }) ? 2 : 1;
    const char c = source_[at_];
    if (length == 1 && kOne.find(c) == kOne.npos) {
      return SyntaxError(line_, Cat("unexpected character '", Rest().substr(0, CharLength(Rest())), "'"));
    }
    if (length == 1) BP_RETURN_IF_ERROR(Balance(c));
    Add(Token::Kind::kOperator, Rest().substr(0, length));
    Advance(length);
    return Status::Ok();
  }

  Status Balance(char c) {
    constexpr std::string_view kOpen = "([{", kClose = ")]}";
    if (const size_t type = kOpen.find(c); type != kOpen.npos) {
      open_ += kClose[type];
    } else if (kClose.find(c) != kClose.npos) {
      if (open_.empty()) return SyntaxError(line_, Cat("unexpected '", std::string_view(&c, 1), "'"));
      if (open_.back() != c) {
        return SyntaxError(
            line_, Cat("unexpected '", std::string_view(&c, 1), "', expected '", open_.substr(open_.size() - 1), "'"));
      }
      open_.pop_back();
    }
    return Status::Ok();
  }

  std::string source_;
  size_t at_ = 0;
  uint32_t line_ = 1;
  bool at_line_start_ = true;  // the last thing that was read ended a line
  std::string open_;           // closing brackets that are due
  std::vector<Token> tokens_;
};

}  // namespace

Status SyntaxError(uint32_t line, std::string_view message) {
  return Status::InvalidArgument(Cat("chat template, line ", line, ": ", message));
}

Result<std::vector<Token>> Tokenize(std::string_view source) {
  if (const size_t bad = FindInvalidUtf8(source); bad != std::string_view::npos) {
    const auto line =
        static_cast<uint32_t>(1 + std::count(source.begin(), source.begin() + static_cast<ptrdiff_t>(bad), '\n'));
    return SyntaxError(line, Cat("the template is not UTF-8 at byte ", bad));
  }
  return Lexer(NormalizeNewlines(source)).Run();
}

}  // namespace bedplate::jinja

// Python's two ways of formatting: "%s" % x and "{}".format(x). What the format itself says keeps its trust; an
// argument keeps its own, unless the place for it came from outside.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/cat.h"
#include "text/template_call.h"
#include "text/template_print.h"
#include "text/template_unicode.h"

namespace bedplate::jinja {
namespace {

constexpr int64_t kWidthMax = 100'000;
constexpr int kPrecisionMax = 400;  // enough for every digit of a double

struct Spec {
  char32_t fill = ' ';
  char align = 0;  // < > ^ =
  char sign = 0;   // + or space: shown for positive numbers
  bool alternate = false;
  bool thousands = false;
  int64_t width = 0;
  int precision = -1;
  char type = 0;
};

// A text or number padded to the width. The prefix (sign, 0x) stays in front of '=' padding.
Text Pad(Run& run, const Text& prefix, const Text& body, const Spec& spec, char default_align) {
  Text out;
  const auto length = static_cast<int64_t>(CountChars(prefix.bytes()) + CountChars(body.bytes()));
  const int64_t missing = std::max<int64_t>(0, spec.width - length);
  if (!run.Grow(prefix.footprint() + body.footprint() + static_cast<uint64_t>(missing) * 4)) return out;
  std::string fill;
  AppendUtf8(fill, spec.fill);
  const auto pad = [&](int64_t count) {
    std::string padding;
    for (int64_t i = 0; i < count; ++i) padding += fill;
    out.Append(padding, true);
  };
  const char align = spec.align != 0 ? spec.align : default_align;
  if (align == '>') pad(missing);
  if (align == '^') pad(missing / 2);
  out.Append(prefix);
  if (align == '=') pad(missing);
  out.Append(body);
  if (align == '<') pad(missing);
  if (align == '^') pad(missing - missing / 2);
  return out;
}

std::string GroupThousands(const std::string& digits) {
  const size_t whole = std::min(digits.find_first_not_of("0123456789"), digits.size());
  std::string out;
  for (size_t i = 0; i < whole; ++i) {
    if (i > 0 && (whole - i) % 3 == 0) out += ',';
    out += digits[i];
  }
  return out + digits.substr(whole);
}

std::string IntegerDigits(uint64_t magnitude, char type) {
  switch (type) {
    case 'x':
      return fmt::format("{:x}", magnitude);
    case 'X':
      return fmt::format("{:X}", magnitude);
    case 'o':
      return fmt::format("{:o}", magnitude);
    case 'b':
      return fmt::format("{:b}", magnitude);
    default:
      return Cat(magnitude);
  }
}

Text FormatInteger(Run& run, int64_t value, bool trusted, const Spec& spec) {
  const bool negative = value < 0;
  const uint64_t magnitude = negative ? ~static_cast<uint64_t>(value) + 1 : static_cast<uint64_t>(value);
  std::string digits = IntegerDigits(magnitude, spec.type);
  if (spec.thousands) digits = GroupThousands(digits);
  std::string prefix = negative ? "-" : spec.sign == 0 ? "" : std::string(1, spec.sign);
  if (spec.alternate && (spec.type == 'x' || spec.type == 'X' || spec.type == 'o' || spec.type == 'b')) {
    prefix += Cat("0", std::string(1, spec.type));
  }
  return Pad(run, Text(prefix, trusted), Text(digits, trusted), spec, '>');
}

Text FormatDouble(Run& run, double value, bool trusted, const Spec& spec) {
  std::string digits;
  if (spec.type == '%')
    digits = FormatFloat(std::fabs(value) * 100, 'f', spec.precision < 0 ? 6 : spec.precision, false) + "%";
  else if (spec.type == 0 && spec.precision < 0)
    digits = FloatRepr(std::fabs(value));
  else if (spec.type == 0) {
    digits = FormatFloat(std::fabs(value), 'g', std::max(spec.precision, 1), false);
    if (digits.find_first_of(".en") == digits.npos) digits += ".0";
  } else {
    digits = FormatFloat(std::fabs(value), spec.type, spec.precision < 0 ? 6 : spec.precision, spec.alternate);
  }
  if (spec.thousands) digits = GroupThousands(digits);
  const std::string prefix = std::signbit(value) && !std::isnan(value) ? "-"
                             : spec.sign == 0                          ? ""
                                                                       : std::string(1, spec.sign);
  return Pad(run, Text(prefix, trusted), Text(digits, trusted), spec, '>');
}

Text FormatText(Run& run, const Text& text, const Spec& spec) {
  const size_t end = spec.precision < 0 ? text.size() : CharOffset(text.bytes(), static_cast<size_t>(spec.precision));
  return Pad(run, {}, text.Slice(0, end), spec, '<');
}

// ---- %

class PercentFormatter {
 public:
  PercentFormatter(Run& run, const Text& format, const Value& arguments)
      : run_(run), format_(format), bytes_(format.bytes()), arguments_(arguments) {}

  Text Format() {
    while (at_ < bytes_.size() && run_.Step()) {
      const size_t percent = std::min(bytes_.find('%', at_), bytes_.size());
      if (run_.Grow(percent - at_)) out_.AppendSlice(format_, at_, percent);
      begin_ = percent;
      at_ = percent + 1;
      if (percent < bytes_.size()) Conversion();
    }
    const bool is_tuple = arguments_.Is(Kind::kTuple);
    const bool all_used =
        is_tuple ? used_ >= arguments_.items().size() : used_ > 0 || arguments_.is_dict() || arguments_.Is(Kind::kList);
    if (!all_used) run_.Fail("not all arguments converted during string formatting");
    return std::move(out_);
  }

 private:
  char Peek() {
    if (at_ < bytes_.size()) return bytes_[at_];
    run_.Fail("incomplete format");
    return '\0';
  }

  void Conversion() {
    Spec spec;
    const Value* named = nullptr;
    if (Peek() == '(') {
      const size_t close = bytes_.find(')', at_);
      if (close == bytes_.npos || !arguments_.is_dict()) {
        return run_.Fail(arguments_.is_dict() ? "incomplete format key" : "format requires a mapping");
      }
      const std::string_view name = bytes_.substr(at_ + 1, close - at_ - 1);
      named = arguments_.dict().Find(run_, name);
      if (named == nullptr) return run_.Fail(Cat("the format names '", name, "', which the dict lacks"));
      at_ = close + 1;
      used_ = 1;
    }
    for (; Peek() != '\0' && std::string_view("#0- +").find(bytes_[at_]) != std::string_view::npos; ++at_)
      Flag(spec, bytes_[at_]);
    spec.width = Number(spec);
    if (Peek() == '.') {
      ++at_;
      spec.precision = static_cast<int>(std::min<int64_t>(Number(spec), kPrecisionMax));
    }
    while (Peek() == 'l' || Peek() == 'h' || Peek() == 'L') ++at_;
    spec.type = Peek();
    ++at_;
    if (run_.failed()) return;
    if (spec.type == '%') return out_.Append("%", format_.AllTrusted(begin_, at_));
    const Value* value = named != nullptr ? named : NextArgument();
    if (value != nullptr) Emit(spec, *value);
  }

  static void Flag(Spec& spec, char flag) {
    if (flag == '-') spec.align = '<';
    if (flag == '0' && spec.align == 0) spec.align = '=';
    if (flag == '+') spec.sign = '+';
    if (flag == ' ' && spec.sign == 0) spec.sign = ' ';
    if (flag == '#') spec.alternate = true;
  }

  int64_t Number(Spec& spec) {
    if (Peek() == '*') {
      ++at_;
      const Value* value = NextArgument();
      if (value == nullptr || !value->is_integer()) {
        run_.Fail("* wants int");
        return 0;
      }
      if (value->integer() < 0) spec.align = '<';
      return Limit(value->integer() < 0 ? -std::max(value->integer(), -INT64_MAX) : value->integer());
    }
    int64_t number = 0;
    for (; Peek() >= '0' && Peek() <= '9'; ++at_) number = Limit(number * 10 + (bytes_[at_] - '0'));
    return number;
  }

  int64_t Limit(int64_t width) {
    if (width > kWidthMax) run_.Fail(Cat("a format's width is at most ", kWidthMax));
    return std::min(width, kWidthMax);
  }

  const Value* NextArgument() {
    if (arguments_.Is(Kind::kTuple)) {
      if (used_ < arguments_.items().size()) return &arguments_.items()[used_++];
    } else if (used_ == 0) {
      ++used_;
      return &arguments_;
    }
    run_.Fail("not enough arguments for format string");
    return nullptr;
  }

  void Emit(Spec spec, const Value& value) {
    Text text = Convert(spec, value);
    if (!format_.AllTrusted(begin_, at_)) text.Distrust();
    if (run_.Grow(text.footprint())) out_.Append(text);
  }

  Text Convert(Spec spec, const Value& value) {
    if (spec.align == '=') spec.fill = '0';
    switch (spec.type) {
      case 's':
      case 'r':
      case 'a':
        if (spec.align == '=') spec.align = 0, spec.fill = ' ';
        if (spec.align == 0) spec.align = '>';
        return FormatText(run_, spec.type == 's' ? Str(run_, value) : Repr(run_, value), spec);
      case 'c':
        if (value.is_integer() && value.integer() >= 0 && value.integer() < 0x110000) {
          std::string character;
          AppendUtf8(character, static_cast<char32_t>(value.integer()));
          return Text(character, value.trusted());
        }
        if (value.is_text() && CountChars(value.text().bytes()) == 1) return value.text();
        run_.Fail("%c requires int or char");
        return {};
      case 'd':
      case 'i':
      case 'u':
      case 'x':
      case 'X':
      case 'o':
        return ConvertInteger(spec, value);
      case 'e':
      case 'E':
      case 'f':
      case 'F':
      case 'g':
      case 'G':
        if (value.is_number()) return FormatDouble(run_, value.number(), value.trusted(), spec);
        break;
      default:
        run_.Fail(Cat("unsupported format character '", std::string(1, spec.type), "'"));
        return {};
    }
    run_.Fail(value.is_undefined() ? value.undefined().reason : Cat("must be real number, not ", TypeName(value)));
    return {};
  }

  Text ConvertInteger(Spec spec, const Value& value) {
    const bool decimal = spec.type == 'd' || spec.type == 'i' || spec.type == 'u';
    if (decimal && value.Is(Kind::kFloat) && std::fabs(value.number()) < 9e18) {
      return FormatInteger(run_, static_cast<int64_t>(value.number()), value.trusted(), spec);
    }
    if (value.is_integer()) return FormatInteger(run_, value.integer(), value.trusted(), spec);
    run_.Fail(value.is_undefined()
                  ? value.undefined().reason
                  : Cat("%", std::string(1, spec.type), " format: a real number is required, not ", TypeName(value)));
    return {};
  }

  Run& run_;
  const Text& format_;
  std::string_view bytes_;
  const Value& arguments_;
  size_t at_ = 0;
  size_t begin_ = 0;  // of the conversion
  size_t used_ = 0;   // arguments
  Text out_;
};

// ---- {}

class BraceFormatter {
 public:
  BraceFormatter(Interpreter& interpreter, const Text& format, const Arguments& arguments)
      : interpreter_(interpreter),
        run_(interpreter.run()),
        format_(format),
        bytes_(format.bytes()),
        arguments_(arguments) {}

  Text Format() {
    size_t at = 0;
    while (at < bytes_.size() && run_.Step()) {
      const size_t brace = std::min(bytes_.find_first_of("{}", at), bytes_.size());
      if (run_.Grow(brace - at)) out_.AppendSlice(format_, at, brace);
      if (brace == bytes_.size()) break;
      if (brace + 1 < bytes_.size() && bytes_[brace + 1] == bytes_[brace]) {
        out_.AppendSlice(format_, brace, brace + 1);
        at = brace + 2;
        continue;
      }
      const size_t close = bytes_[brace] == '{' ? FieldEnd(brace) : bytes_.npos;
      if (close == bytes_.npos) {
        run_.Fail(bytes_[brace] == '{' ? "expected '}' before end of string"
                                       : "Single '}' encountered in format string");
        break;
      }
      Text text = Field(bytes_.substr(brace + 1, close - brace - 1));
      if (!format_.AllTrusted(brace, close + 1)) text.Distrust();
      if (run_.Grow(text.footprint())) out_.Append(text);
      at = close + 1;
    }
    return std::move(out_);
  }

 private:
  [[nodiscard]] size_t FieldEnd(size_t open) const {
    int depth = 0;
    for (size_t i = open; i < bytes_.size(); ++i) {
      if (bytes_[i] == '{') ++depth;
      if (bytes_[i] == '}' && --depth == 0) return i;
    }
    return bytes_.npos;
  }

  // name ! conversion : spec, where the spec may hold fields of its own, such as {:{width}}.
  Text Field(std::string_view field) {
    const size_t colon = std::min(field.find(':'), field.size());
    std::string_view name = field.substr(0, colon);
    char conversion = 's';
    if (name.size() >= 2 && name[name.size() - 2] == '!') {
      conversion = name.back();
      name.remove_suffix(2);
    }
    const Value value = Lookup(name);
    if (run_.failed()) return {};
    std::string spec(colon < field.size() ? field.substr(colon + 1) : "");
    if (spec.find('{') != spec.npos) spec = NestedSpec(spec);
    const bool converted = field.size() > name.size() && conversion == 'r';
    return Apply(converted ? Value::Of(Repr(run_, value)) : value, spec);
  }

  std::string NestedSpec(const std::string& spec) {
    std::string out;
    for (size_t at = 0; at < spec.size();) {
      const size_t open = std::min(spec.find('{', at), spec.size());
      out.append(spec, at, open - at);
      if (open == spec.size()) break;
      const size_t close = spec.find('}', open);
      if (close == spec.npos) break;
      out += Str(run_, Lookup(std::string_view(spec).substr(open + 1, close - open - 1))).bytes();
      at = close + 1;
    }
    return out;
  }

  Value Lookup(std::string_view name) {
    const size_t end = std::min(name.find_first_of(".["), name.size());
    Value value = First(name.substr(0, end));
    for (size_t at = end; at < name.size() && !run_.failed();) {
      if (name[at] == '.') {
        const size_t stop = std::min(name.find_first_of(".[", at + 1), name.size());
        value = interpreter_.GetAttribute(value, name.substr(at + 1, stop - at - 1));
        at = stop;
      } else {
        const size_t stop = name.find(']', at);
        if (stop == name.npos) {
          run_.Fail("Missing ']' in format string");
          return {};
        }
        const std::string_view key = name.substr(at + 1, stop - at - 1);
        const bool digits = !key.empty() && key.size() < 10 && key.find_first_not_of("0123456789") == key.npos;
        value = interpreter_.GetItem(value,
                                     digits ? Value::Int(std::stoll(std::string(key))) : Value::Of(std::string(key)));
        at = stop + 1;
      }
    }
    return value;
  }

  Value First(std::string_view name) {
    size_t index = 0;
    if (name.empty()) {
      index = next_++;
    } else if (name.size() < 10 && name.find_first_not_of("0123456789") == name.npos) {
      index = static_cast<size_t>(std::stoul(std::string(name)));
    } else {
      for (const auto& [key, value] : arguments_.named) {
        if (key == name) return value;
      }
      run_.Fail(Cat("the format names '", name, "', which is not among its arguments"));
      return {};
    }
    if (index < arguments_.positional.size()) return arguments_.positional[index];
    run_.Fail(Cat("the format wants argument ", index, " of ", arguments_.positional.size()));
    return {};
  }

  Text Apply(const Value& value, std::string_view text) {
    if (text.empty()) return Str(run_, value);
    const std::optional<Spec> spec = ParseSpec(text);
    if (!spec) return {};
    constexpr std::string_view kIntegerTypes("\0dxXobc", 7);
    const bool bool_as_text = value.Is(Kind::kBool) && spec->type == 0;
    if (value.is_integer() && !bool_as_text && kIntegerTypes.find(spec->type) != kIntegerTypes.npos) {
      return FormatInteger(run_, value.integer(), value.trusted(), *spec);
    }
    if (value.is_number() && !bool_as_text) return FormatDouble(run_, value.number(), value.trusted(), *spec);
    if (spec->type != 0 && spec->type != 's') {
      run_.Fail(
          Cat("unknown format code '", std::string(1, spec->type), "' for object of type '", TypeName(value), "'"));
      return {};
    }
    return FormatText(run_, Str(run_, value), *spec);
  }

  std::optional<Spec> ParseSpec(std::string_view text) {
    Spec spec;
    constexpr std::string_view kAlign = "<>^=";
    const size_t first = CharLength(text);
    if (first < text.size() && kAlign.find(text[first]) != kAlign.npos) {
      spec.fill = CodePoint(text);
      spec.align = text[first];
      text.remove_prefix(first + 1);
    } else if (kAlign.find(text[0]) != kAlign.npos) {
      spec.align = text[0];
      text.remove_prefix(1);
    }
    const auto take = [&](char c) {
      const bool is = text.starts_with(c);
      if (is) text.remove_prefix(1);
      return is;
    };
    if (take('+'))
      spec.sign = '+';
    else if (take(' '))
      spec.sign = ' ';
    else
      take('-');
    spec.alternate = take('#');
    if (take('0') && spec.align == 0) {
      spec.align = '=';
      spec.fill = '0';
    }
    const auto number = [&] {
      int64_t value = 0;
      for (; !text.empty() && text[0] >= '0' && text[0] <= '9'; text.remove_prefix(1)) {
        value = std::min(value * 10 + (text[0] - '0'), kWidthMax + 1);
      }
      return value;
    };
    spec.width = number();
    spec.thousands = take(',');
    if (take('.')) spec.precision = static_cast<int>(std::min<int64_t>(number(), kPrecisionMax));
    if (!text.empty()) {
      spec.type = text[0];
      text.remove_prefix(1);
    }
    if (spec.width > kWidthMax)
      run_.Fail(Cat("a format's width is at most ", kWidthMax));
    else if (!text.empty() || std::string_view("\0sdxXobceEfFgG%", 15).find(spec.type) == std::string_view::npos)
      run_.Fail("invalid format specifier");
    return run_.failed() ? std::nullopt : std::optional(spec);
  }

  Interpreter& interpreter_;
  Run& run_;
  const Text& format_;
  std::string_view bytes_;
  const Arguments& arguments_;
  size_t next_ = 0;
  Text out_;
};

}  // namespace

std::string FormatFloat(double value, char type, int precision, bool alternate) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  const char format[] = {'%', alternate ? '#' : '-', '.', '*', type, '\0'};
  char buffer[1024];  // 309 digits and kPrecisionMax more fit
  const int size = std::snprintf(buffer, sizeof buffer, format, precision, value);
  BP_CHECK(size > 0 && static_cast<size_t>(size) < sizeof buffer);
  return {buffer, static_cast<size_t>(size)};
}

Text FormatPercent(Run& run, const Text& format, const Value& arguments) {
  return PercentFormatter(run, format, arguments).Format();
}

Text FormatBraces(Interpreter& interpreter, const Text& format, const Arguments& arguments) {
  return BraceFormatter(interpreter, format, arguments).Format();
}

}  // namespace bedplate::jinja

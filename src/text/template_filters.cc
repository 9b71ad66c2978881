// The filters on texts, numbers and whole values; those on sequences are in template_sequence_filters.cc.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <iterator>

#include "base/cat.h"
#include "text/template_call.h"
#include "text/template_print.h"
#include "text/template_sequence_filters.h"
#include "text/template_unicode.h"

namespace bedplate::jinja {
namespace {

// ---- Whole values

Value Default(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const Parameters parameters(interpreter, "default", arguments, {"default_value", "boolean"});
  if (!parameters.ok()) return {};
  const bool missing = self.is_undefined() || (parameters.Flag(1, false) && !Truthy(self));
  if (!missing) return self;
  return parameters[0] != nullptr ? *parameters[0] : Value::Of("");
}

Value ToText(Interpreter& interpreter, const Value& self, const Arguments&) {
  return Value::Of(Str(interpreter.run(), self));
}

Value LengthFilter(Interpreter& interpreter, const Value& self, const Arguments&) {
  return Value::Int(static_cast<int64_t>(Length(interpreter.run(), self)));
}

Value AttributeFilter(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const Parameters parameters(interpreter, "attr", arguments, {"name"}, 1);
  const Text* name = parameters.ok() ? parameters.TextOrNone(0) : nullptr;
  if (name == nullptr) return {};
  if (self.is_dict() && FindMethod(self, name->bytes()) == nullptr) {
    return Value::UndefinedFor(Cat("'dict object' has no attribute '", name->bytes(), "'"));
  }
  return interpreter.GetAttribute(self, name->bytes());
}

Value ToJsonFilter(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  Run& run = interpreter.run();
  const Parameters parameters(interpreter, "tojson", arguments, {"ensure_ascii", "indent", "separators", "sort_keys"});
  if (!parameters.ok()) return {};
  JsonStyle style;
  style.ensure_ascii = parameters.Flag(0, false);
  style.sort_keys = parameters.Flag(3, false);
  if (const Value* indent = parameters[1]; indent != nullptr && !indent->is_none()) {
    if (indent->is_text()) {
      style.indent = std::string(indent->text().bytes());
    } else {
      const int64_t width = parameters.Integer(1, 0);
      if (width > 1000)
        run.Fail("tojson: the indent is at most 1000");
      else
        style.indent = std::string(static_cast<size_t>(std::max<int64_t>(width, 0)), ' ');
    }
    style.item_separator = ",";
  }
  if (const Value* separators = parameters[2]; separators != nullptr && !separators->is_none()) {
    const std::vector<Value> both = Items(run, *separators);
    if (both.size() != 2 || !both[0].is_text() || !both[1].is_text()) {
      run.Fail("tojson: separators must be a pair of strings");
      return {};
    }
    style.item_separator = both[0].text().bytes();
    style.key_separator = both[1].text().bytes();
  }
  return run.failed() ? Value() : Value::Of(ToJson(run, self, style));
}

// ---- Texts. Like the reference's they take any value, and use its text.

template <Text (*Map)(const Text&)>
Value Mapped(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const Parameters none(interpreter, "filter", arguments, {});
  const Text text = Str(interpreter.run(), self);
  return none.ok() && interpreter.run().Grow(text.footprint()) ? Value::Of(Map(text)) : Value();
}

Value Trim(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const Parameters parameters(interpreter, "trim", arguments, {"chars"});
  const Text* chars = parameters.ok() ? parameters.TextOrNone(0) : nullptr;
  const Text text = Str(interpreter.run(), self);
  const uint64_t work = chars != nullptr ? text.size() * chars->size() / 64 : 0;
  return interpreter.run().Grow(text.footprint()) && interpreter.run().Step(work)
             ? Value::Of(Strip(text, chars, true, true))
             : Value();
}

Value ReplaceFilter(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  Run& run = interpreter.run();
  const Parameters parameters(interpreter, "replace", arguments, {"old", "new", "count"}, 2);
  if (!parameters.ok()) return {};
  const bool all = parameters[2] == nullptr || parameters[2]->is_none();
  return Value::Of(Replace(run, Str(run, self), Str(run, *parameters[0]), Str(run, *parameters[1]),
                           all ? -1 : parameters.Integer(2, -1)));
}

Value Escape(Interpreter& interpreter, const Value& self, const Arguments&) {
  return EscapeText(interpreter, self);
}

Value ForceEscape(Interpreter& interpreter, const Value& self, const Arguments&) {
  return EscapeText(interpreter, Value::Of(Str(interpreter.run(), self)));
}

Value Safe(Interpreter& interpreter, const Value& self, const Arguments&) {
  return Value::Of(Str(interpreter.run(), self)).AsMarkup();
}

Value Indent(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  Run& run = interpreter.run();
  const Parameters parameters(interpreter, "indent", arguments, {"width", "first", "blank"});
  if (!parameters.ok()) return {};
  if (!self.is_text()) {
    run.Fail(self.is_undefined() ? self.undefined().reason : Cat("indent needs a string, not ", TypeName(self)));
    return {};
  }
  Text indention;
  if (parameters[0] != nullptr && parameters[0]->is_text())
    indention = parameters[0]->text();
  else
    indention = Repeat(run, Text(" ", true), parameters.Integer(0, 4));
  const bool first = parameters.Flag(1, false);
  const bool blank = parameters.Flag(2, false);
  Text with_end = self.text();
  with_end.Append("\n", true);
  const Value lines = FindMethod(self, "splitlines")(interpreter, Value::Of(std::move(with_end)), {});
  if (run.failed()) return {};
  Text out;
  for (size_t i = 0; i < lines.items().size(); ++i) {
    const Text& line = lines.items()[i].text();
    if (!run.Grow(line.footprint() + indention.footprint() + 1)) return {};
    if (i > 0) out.Append("\n", true);
    if (i == 0 ? first : blank || !line.empty()) out.Append(indention);
    out.Append(line);
  }
  return Value::Of(std::move(out));
}

Value Truncate(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  Run& run = interpreter.run();
  const Parameters parameters(interpreter, "truncate", arguments, {"length", "killwords", "end", "leeway"});
  if (!parameters.ok()) return {};
  const Text text = Str(run, self);
  const Text* end = parameters.TextOrNone(2);
  const Text dots("...", true);
  if (end == nullptr) end = &dots;
  const int64_t length = parameters.Integer(0, 255);
  const auto end_length = static_cast<int64_t>(CountChars(end->bytes()));
  if (length < end_length) run.Fail(Cat("truncate: expected length >= ", end_length, ", got ", length));
  if (run.failed() || !run.Grow(text.footprint() + end->footprint())) return {};
  if (static_cast<int64_t>(CountChars(text.bytes())) <= length + parameters.Integer(3, 5)) return Value::Of(text);
  size_t cut = CharOffset(text.bytes(), static_cast<size_t>(length - end_length));
  if (!parameters.Flag(1, false)) {
    const size_t space = text.bytes().substr(0, cut).rfind(' ');
    if (space != std::string_view::npos) cut = space;
  }
  Text out = text.Slice(0, cut);
  out.Append(*end);
  return Value::Of(std::move(out));
}

Value Center(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const Parameters parameters(interpreter, "center", arguments, {"width"});
  if (!parameters.ok()) return {};
  const Value text = Value::Of(Str(interpreter.run(), self));
  Arguments width;
  width.positional.push_back(Value::Int(parameters.Integer(0, 80)));
  return FindMethod(text, "center")(interpreter, text, width);
}

Value WordCount(Interpreter& interpreter, const Value& self, const Arguments&) {
  const Text text = Str(interpreter.run(), self);
  const std::string_view bytes = text.bytes();
  int64_t count = 0;
  bool in_word = false;
  if (!interpreter.run().Step(bytes.size() / 16)) return {};
  for (size_t at = 0; at < bytes.size(); at += CharLength(bytes.substr(at))) {
    const char32_t c = CodePoint(bytes.substr(at));
    const bool word = IsAlpha(c) || IsDigit(c) || c == '_';
    count += word && !in_word ? 1 : 0;
    in_word = word;
  }
  return Value::Int(count);
}

Value UrlEncode(Interpreter& interpreter, const Value& self, const Arguments&) {
  Run& run = interpreter.run();
  const Text text = Str(run, self);
  std::string out;
  if (!run.Grow(text.size() * 3)) return {};
  for (const char c : text.bytes()) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("_.-~/").find(c) != std::string_view::npos;
    if (plain)
      out += c;
    else
      fmt::format_to(std::back_inserter(out), "%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
  }
  return Value::Of(std::move(out), text.AllTrusted());
}

Value Format(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  Run& run = interpreter.run();
  if (!arguments.positional.empty() && !arguments.named.empty()) {
    run.Fail("format can't take positional and named arguments at the same time");
    return {};
  }
  const Text format = Str(run, self);
  if (arguments.named.empty()) {
    return Value::Of(FormatPercent(run, format, MakeSequence(run, Kind::kTuple, arguments.positional)));
  }
  std::vector<std::pair<Value, Value>> entries;
  for (const auto& [name, value] : arguments.named) entries.emplace_back(Value::Of(std::string(name)), value);
  return Value::Of(FormatPercent(run, format, MakeDict(run, std::move(entries))));
}

// ---- Numbers

// The text without white space around it and single underscores between digits, as Python's int() and float() read it.
std::optional<std::string> NumberText(const Text& text) {
  const Text stripped = Strip(text, nullptr, true, true);
  const std::string_view bytes = stripped.bytes();
  std::string out;
  for (size_t i = 0; i < bytes.size(); ++i) {
    const auto alnum = [&](size_t at) {
      return at < bytes.size() && std::isalnum(static_cast<unsigned char>(bytes[at])) != 0;
    };
    if (bytes[i] != '_')
      out += bytes[i];
    else if (i == 0 || !alnum(i - 1) || !alnum(i + 1))
      return std::nullopt;
  }
  return out;
}

std::optional<double> ParseFloat(const Text& text) {
  std::optional<std::string> digits = NumberText(text);
  if (!digits || digits->empty()) return std::nullopt;
  std::string_view rest = *digits;
  const bool has_sign = rest[0] == '+' || rest[0] == '-';
  const bool negative = rest[0] == '-';
  if (has_sign) rest.remove_prefix(1);
  if (rest.empty() || rest[0] == '-' || rest[0] == '+' || rest.find('(') != rest.npos) return std::nullopt;
  double value = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
  if (end != rest.data() + rest.size()) return std::nullopt;
  if (error == std::errc::result_out_of_range)
    value = std::strtod(std::string(rest).c_str(), nullptr);
  else if (error != std::errc())
    return std::nullopt;
  return negative ? -value : value;
}

std::optional<int64_t> ParseInteger(Run& run, const Text& text, int64_t base) {
  std::optional<std::string> digits = NumberText(text);
  if (!digits || digits->empty()) return std::nullopt;
  std::string_view rest = *digits;
  const bool negative = rest[0] == '-';
  if (rest[0] == '+' || rest[0] == '-') rest.remove_prefix(1);
  const auto prefix = [&](int64_t of, char mark) {
    if ((base != of && base != 0) || rest.size() < 3 || rest[0] != '0' || (rest[1] | 0x20) != mark) return;
    rest.remove_prefix(2);
    base = of;
  };
  prefix(16, 'x');
  prefix(8, 'o');
  prefix(2, 'b');
  if (base == 0) base = 10;
  if (base < 2 || base > 36) {
    run.Fail("int() base must be >= 2 and <= 36, or 0");
    return std::nullopt;
  }
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value, static_cast<int>(base));
  if (rest.empty() || end != rest.data() + rest.size() || error == std::errc::invalid_argument) return std::nullopt;
  if (error != std::errc() || value > static_cast<uint64_t>(INT64_MAX)) run.Fail("an integer grows beyond 64 bits");
  return negative ? -static_cast<int64_t>(value) : static_cast<int64_t>(value);
}

Value IntFilter(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  Run& run = interpreter.run();
  const Parameters parameters(interpreter, "int", arguments, {"default", "base"});
  if (!parameters.ok()) return {};
  Value otherwise = parameters[0] != nullptr ? *parameters[0] : Value::Int(0);
  if (self.is_integer()) return Value::Int(self.integer(), self.trusted());
  std::optional<double> number;
  if (self.Is(Kind::kFloat)) {
    number = self.number();
  } else if (self.is_text()) {
    if (const auto whole = ParseInteger(run, self.text(), parameters.Integer(1, 10)))
      return Value::Int(*whole, self.trusted());
    number = ParseFloat(self.text());
  } else if (self.is_undefined()) {
    run.Fail(self.undefined().reason);
  }
  if (!number || !std::isfinite(*number)) return otherwise;
  if (std::fabs(*number) >= 9.2e18) run.Fail("an integer grows beyond 64 bits");
  return run.failed() ? Value() : Value::Int(static_cast<int64_t>(*number), self.trusted());
}

Value FloatFilter(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const Parameters parameters(interpreter, "float", arguments, {"default"});
  if (!parameters.ok()) return {};
  if (self.is_undefined()) interpreter.run().Fail(self.undefined().reason);
  if (self.is_number()) return Value::Float(self.number(), self.trusted());
  const std::optional<double> number = self.is_text() ? ParseFloat(self.text()) : std::nullopt;
  if (number) return Value::Float(*number, self.trusted());
  return parameters[0] != nullptr ? *parameters[0] : Value::Float(0);
}

Value Absolute(Interpreter& interpreter, const Value& self, const Arguments&) {
  if (self.Is(Kind::kFloat)) return Value::Float(std::fabs(self.number()), self.trusted());
  if (self.is_integer())
    return self.integer() < 0 ? interpreter.Negate(self) : Value::Int(self.integer(), self.trusted());
  interpreter.run().Fail(self.is_undefined() ? self.undefined().reason
                                             : Cat("bad operand type for abs(): '", TypeName(self), "'"));
  return {};
}

Value RoundCommon(const Value& self, int64_t precision) {
  if (self.is_integer() && precision >= 0) return Value::Int(self.integer(), self.trusted());
  if (precision >= 0) {  // printing rounds the exact value, ties to even, as Python does
    const double value = self.number();
    const double rounded =
        std::isfinite(value) ? std::strtod(FormatFloat(value, 'f', static_cast<int>(precision), false).c_str(), nullptr)
                             : value;
    return Value::Float(rounded, self.trusted());
  }
  const double unit = std::pow(10.0, static_cast<double>(-precision));
  const double rounded = std::nearbyint(self.number() / unit) * unit;
  return self.is_integer() ? Value::Int(static_cast<int64_t>(rounded), self.trusted())
                           : Value::Float(rounded, self.trusted());
}

Value Round(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  Run& run = interpreter.run();
  const Parameters parameters(interpreter, "round", arguments, {"precision", "method"});
  if (!parameters.ok()) return {};
  const Text* method = parameters.TextOrNone(1);
  const std::string_view name = method == nullptr ? "common" : method->bytes();
  const int64_t precision = parameters.Integer(0, 0);
  if (!self.is_number()) {
    run.Fail(self.is_undefined() ? self.undefined().reason
                                 : Cat("type ", TypeName(self), " doesn't define __round__ method"));
  } else if (precision > 300 || precision < -18) {
    run.Fail("round: the precision is -18 to 300");
  } else if (name == "common") {
    return RoundCommon(self, precision);
  } else if (name == "ceil" || name == "floor") {
    const double unit = std::pow(10.0, static_cast<double>(precision));
    const double scaled = self.number() * unit;
    return Value::Float((name == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / unit, self.trusted());
  } else {
    run.Fail("method must be common, ceil or floor");
  }
  return {};
}

constexpr NamedFunction kFilters[] = {
    {"abs", Absolute},
    {"attr", AttributeFilter},
    {"capitalize", Mapped<Capitalize>},
    {"center", Center},
    {"count", LengthFilter},
    {"d", Default},
    {"default", Default},
    {"e", Escape},
    {"escape", Escape},
    {"float", FloatFilter},
    {"forceescape", ForceEscape},
    {"format", Format},
    {"indent", Indent},
    {"int", IntFilter},
    {"length", LengthFilter},
    {"lower", Mapped<Lower>},
    {"replace", ReplaceFilter},
    {"round", Round},
    {"safe", Safe},
    {"string", ToText},
    {"title", Mapped<TitleWords>},
    {"tojson", ToJsonFilter},
    {"trim", Trim},
    {"truncate", Truncate},
    {"upper", Mapped<Upper>},
    {"urlencode", UrlEncode},
    {"wordcount", WordCount},
};

}  // namespace

Function FindFilter(std::string_view name) {
  const auto* it =
      std::find_if(std::begin(kFilters), std::end(kFilters), [&](const NamedFunction& f) { return f.name == name; });
  return it != std::end(kFilters) ? it->function : FindSequenceFilter(name);
}

}  // namespace bedplate::jinja

#include "text/template_print.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/cat.h"
#include "text/template_unicode.h"

namespace bedplate::jinja {
namespace {

constexpr char kHex[] = "0123456789abcdef";

void AppendHex(std::string& out, char32_t value, int digits) {
  for (int shift = (digits - 1) * 4; shift >= 0; shift -= 4) out += kHex[(value >> shift) & 15];
}

void AppendTextRepr(std::string& out, std::string_view text) {
  const bool double_quotes = text.find('\'') != text.npos && text.find('"') == text.npos;
  const char quote = double_quotes ? '"' : '\'';
  out += quote;
  for (size_t at = 0; at < text.size();) {
    const size_t length = CharLength(text.substr(at));
    const char32_t c = CodePoint(text.substr(at));
    if (c == static_cast<char32_t>(quote) || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (IsPrintable(c) || c >= 0x110000) {
      out.append(text, at, length);
    } else {
      out += c < 0x100 ? "\\x" : c < 0x10000 ? "\\u" : "\\U";
      AppendHex(out, c, c < 0x100 ? 2 : c < 0x10000 ? 4 : 8);
    }
    at += length;
  }
  out += quote;
}

// Writes containers by recursion, which their depth limit bounds; a small container held in many places can still print
// as exponentially much text, so every piece is charged.
class Printer {
 public:
  explicit Printer(Run& run) : run_(run) {}

  void Repr(const Value& value) {
    if (!run_.Step()) return;
    const size_t before = out_.size();
    switch (value.kind()) {
      case Kind::kUndefined:
        out_ += "Undefined";
        break;
      case Kind::kNone:
        out_ += "None";
        break;
      case Kind::kBool:
        out_ += value.integer() != 0 ? "True" : "False";
        break;
      case Kind::kInt:
        out_ += Cat(value.integer());
        break;
      case Kind::kFloat:
        out_ += FloatRepr(value.number());
        break;
      case Kind::kText:
        if (run_.Grow(value.text().size())) AppendTextRepr(out_, value.text().bytes());
        break;
      case Kind::kList:
        return List(value, "[", "]");
      case Kind::kTuple:
        return List(value, "(", value.items().size() == 1 ? ",)" : ")");
      case Kind::kRange:
        out_ += value.sequence().repr_name;
        break;
      case Kind::kView:
        return List(value, value.sequence().repr_name + "([", "])");
      case Kind::kDict:
        return Braces(value.dict());
      case Kind::kIterator:
        out_ += Cat("<", value.iterator().repr_name, " object>");
        break;
      case Kind::kNamespace:
        return NamespaceRepr(value.name_space());
      case Kind::kLoop:
        out_ += "<LoopContext>";
        break;
      case Kind::kCallable:
        out_ += Cat("<function ", static_cast<const Callable*>(value.object().get())->name, ">");
        break;
    }
    (void)run_.Grow(out_.size() - before);
  }

  std::string Take() { return std::move(out_); }

 private:
  void List(const Value& value, std::string_view open, std::string_view close) {
    out_ += open;
    bool first = true;
    for (const Value& item : value.items()) {
      if (run_.failed()) return;
      if (!std::exchange(first, false)) out_ += ", ";
      Repr(item);
    }
    out_ += close;
  }

  void Braces(const Dict& dict) {
    out_ += '{';
    bool first = true;
    for (const auto& [key, value] : dict.entries) {
      if (run_.failed()) return;
      if (!std::exchange(first, false)) out_ += ", ";
      Repr(key);
      out_ += ": ";
      Repr(value);
    }
    out_ += '}';
  }

  void NamespaceRepr(const Namespace& space) {  // the one value that can hold itself
    if (!run_.Enter()) return;
    out_ += "<Namespace {";
    bool first = true;
    for (const auto& [name, value] : space.attributes) {
      if (run_.failed()) break;
      if (!std::exchange(first, false)) out_ += ", ";
      AppendTextRepr(out_, name);
      out_ += ": ";
      Repr(value);
    }
    out_ += "}>";
    run_.Leave();
  }

  Run& run_;
  std::string out_;
};

class JsonPrinter {
 public:
  JsonPrinter(Run& run, const JsonStyle& style) : run_(run), style_(style) {}

  void Print(const Value& value, uint32_t level) {
    if (!run_.Step()) return;
    const size_t before = out_.size();
    switch (value.kind()) {
      case Kind::kNone:
        out_ += "null";
        break;
      case Kind::kBool:
        out_ += value.integer() != 0 ? "true" : "false";
        break;
      case Kind::kInt:
        out_ += Cat(value.integer());
        break;
      case Kind::kFloat:
        out_ += JsonFloat(value.number());
        break;
      case Kind::kText:
        return String(value.text().bytes());
      case Kind::kList:
      case Kind::kTuple:
        return Array(value.items(), level);
      case Kind::kDict:
        return Object(value.dict(), level);
      default:
        run_.Fail(Cat("Object of type ", TypeName(value), " is not JSON serializable"));
        break;
    }
    (void)run_.Grow(out_.size() - before);
  }

  std::string Take() { return std::move(out_); }

 private:
  static std::string JsonFloat(double value) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
    return FloatRepr(value);
  }

  void NewLine(uint32_t level) {
    if (!style_.indent || !run_.Grow(1 + uint64_t{level} * style_.indent->size())) return;
    out_ += '\n';
    for (uint32_t i = 0; i < level; ++i) out_ += *style_.indent;
  }

  void Array(const std::vector<Value>& items, uint32_t level) {
    if (items.empty()) {
      out_ += "[]";
      return;
    }
    out_ += '[';
    for (size_t i = 0; i < items.size() && !run_.failed(); ++i) {
      if (i > 0) out_ += style_.item_separator;
      NewLine(level + 1);
      Print(items[i], level + 1);
    }
    NewLine(level);
    out_ += ']';
  }

  void Object(const Dict& dict, uint32_t level) {
    if (dict.entries.empty()) {
      out_ += "{}";
      return;
    }
    std::vector<const std::pair<Value, Value>*> order;
    for (const auto& entry : dict.entries) order.push_back(&entry);
    if (!run_.Grow(order.size() * sizeof(void*))) return;
    if (style_.sort_keys) {
      MergeSort(order, [&](const auto* a, const auto* b) { return Less(run_, a->first, b->first); });
    }
    out_ += '{';
    for (size_t i = 0; i < order.size() && !run_.failed(); ++i) {
      if (i > 0) out_ += style_.item_separator;
      NewLine(level + 1);
      Key(order[i]->first);
      out_ += style_.key_separator;
      Print(order[i]->second, level + 1);
    }
    NewLine(level);
    out_ += '}';
  }

  void Key(const Value& key) {
    switch (key.kind()) {
      case Kind::kText:
        return String(key.text().bytes());
      case Kind::kNone:
        return String("null");
      case Kind::kBool:
        return String(key.integer() != 0 ? "true" : "false");
      case Kind::kInt:
        return String(Cat(key.integer()));
      case Kind::kFloat:
        return String(JsonFloat(key.number()));
      default:
        run_.Fail(Cat("keys must be str, int, float, bool or None, not ", TypeName(key)));
    }
  }

  void String(std::string_view text) {
    if (!run_.Grow(text.size() + 2)) return;
    out_ += '"';
    for (size_t at = 0; at < text.size();) {
      const size_t length = CharLength(text.substr(at));
      const char32_t c = CodePoint(text.substr(at));
      constexpr std::string_view kFrom = "\"\\\n\r\t\b\f";
      constexpr std::string_view kTo = "\"\\nrtbf";
      const size_t simple = c < 0x80 ? kFrom.find(static_cast<char>(c)) : kFrom.npos;
      if (simple != kFrom.npos) {
        out_ += '\\';
        out_ += kTo[simple];
      } else if (c < 0x20 || (style_.ensure_ascii && c >= 0x7F && c < 0x110000)) {
        Escape(c);
      } else {
        out_.append(text, at, length);
      }
      at += length;
    }
    out_ += '"';
  }

  void Escape(char32_t c) {
    if (c >= 0x10000) {
      Escape(0xD800 + ((c - 0x10000) >> 10));
      c = 0xDC00 + ((c - 0x10000) & 0x3FF);
    }
    out_ += "\\u";
    AppendHex(out_, c, 4);
  }

  Run& run_;
  const JsonStyle& style_;
  std::string out_;
};

}  // namespace

Text Str(Run& run, const Value& value) {
  if (value.is_text()) return value.text();
  if (value.is_undefined()) return {};
  Printer printer(run);
  printer.Repr(value);
  return {printer.Take(), value.trusted()};
}

Text Repr(Run& run, const Value& value) {
  Printer printer(run);
  printer.Repr(value);
  return {printer.Take(), value.trusted()};
}

std::string FloatRepr(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  char buffer[40];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific);
  BP_CHECK(error == std::errc());
  std::string_view text(buffer, static_cast<size_t>(end - buffer));
  std::string out;
  if (text[0] == '-') {
    out += '-';
    text.remove_prefix(1);
  }
  const size_t e = text.find('e');
  std::string digits(text.substr(0, 1));
  if (e > 1) digits += text.substr(2, e - 2);
  int exponent = 0;
  const std::string_view written = text.substr(text[e + 1] == '+' ? e + 2 : e + 1);
  std::from_chars(written.data(), written.data() + written.size(), exponent);
  const auto count = static_cast<int>(digits.size());
  if (exponent < -4 || exponent >= 16) {  // where Python's repr changes to an exponent
    out += digits[0];
    if (count > 1) out += Cat(".", digits.substr(1));
    out += Cat("e", exponent < 0 ? "-" : "+", std::abs(exponent) < 10 ? "0" : "", std::abs(exponent));
  } else if (exponent < 0) {
    out += Cat("0.", std::string(static_cast<size_t>(-exponent - 1), '0'), digits);
  } else if (count <= exponent + 1) {
    out += Cat(digits, std::string(static_cast<size_t>(exponent + 1 - count), '0'), ".0");
  } else {
    const auto point = static_cast<size_t>(exponent) + 1;
    out += Cat(digits.substr(0, point), ".", digits.substr(point));
  }
  return out;
}

Text ToJson(Run& run, const Value& value, const JsonStyle& style) {
  JsonPrinter printer(run, style);
  printer.Print(value, 0);
  return {printer.Take(), value.trusted()};
}

}  // namespace bedplate::jinja

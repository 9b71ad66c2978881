#include "base/json.h"

#include <simdjson.h>

#include <charconv>
#include <cmath>

#include "base/cat.h"

namespace bedplate {
namespace {

Json Convert(const simdjson::dom::element& element) {
  using simdjson::dom::element_type;
  switch (element.type()) {
    case element_type::NULL_VALUE:
      return {};
    case element_type::BOOL:
      return bool(element);
    case element_type::INT64:
      return int64_t(element);
    case element_type::UINT64: {
      const uint64_t value(element);
      return value <= static_cast<uint64_t>(INT64_MAX) ? Json(static_cast<int64_t>(value))
                                                       : Json(static_cast<double>(value));
    }
    case element_type::DOUBLE:
      return double(element);
    case element_type::STRING:
      return std::string(std::string_view(element));
    case element_type::ARRAY: {
      Json::Array out;
      for (const simdjson::dom::element child : simdjson::dom::array(element)) out.push_back(Convert(child));
      return out;
    }
    case element_type::OBJECT: {
      Json::Object out;
      for (const auto& [name, child] : simdjson::dom::object(element))
        out.emplace_back(std::string(name), Convert(child));
      return out;
    }
  }
  return {};
}

// Length of the well-formed UTF-8 character at the front of text, or 0.
size_t Utf8Length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto follows = [&](size_t i, unsigned low, unsigned high) {
    return i < text.size() && byte(i) >= low && byte(i) <= high;
  };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return follows(1, 0x80, 0xBF) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    const unsigned low = lead == 0xE0 ? 0xA0 : 0x80;
    const unsigned high = lead == 0xED ? 0x9F : 0xBF;
    return follows(1, low, high) && follows(2, 0x80, 0xBF) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    const unsigned low = lead == 0xF0 ? 0x90 : 0x80;
    const unsigned high = lead == 0xF4 ? 0x8F : 0xBF;
    return follows(1, low, high) && follows(2, 0x80, 0xBF) && follows(3, 0x80, 0xBF) ? 4 : 0;
  }
  return 0;
}

}  // namespace

std::string_view Json::kind() const {
  constexpr std::string_view kNames[] = {"null",     "a boolean", "an integer", "a number",
                                         "a string", "an array",  "an object"};
  return kNames[value_.index()];
}

const Json* Json::Find(std::string_view name) const {
  if (!is_object()) return nullptr;
  const Object& members = as_object();
  for (auto it = members.rbegin(); it != members.rend(); ++it) {
    if (it->first == name) return &it->second;
  }
  return nullptr;
}

Result<Json> ParseJson(std::string_view text, JsonLimits limits) {
  // simdjson throws only from its throwing accessors, which Convert uses after a successful parse; the parse is
  // checked.
  // Where memory is missing it doesn't throw either: the parser says MEMALLOC, and a copy is empty.
  const auto no_memory = [] { return Status::Internal("out of memory").WithReason("out_of_memory"); };
  simdjson::dom::parser parser;
  const simdjson::padded_string padded(text);
  if (padded.size() != text.size()) return no_memory();
  if (const auto error = parser.allocate(text.size() + 1, limits.depth_max); error) {
    if (error == simdjson::MEMALLOC) return no_memory();
    return Status::ResourceExhausted(Cat("JSON of ", text.size(), " bytes: ", simdjson::error_message(error)));
  }
  simdjson::dom::element root;
  const auto error = parser.parse(padded).get(root);
  if (error == simdjson::MEMALLOC) return no_memory();
  if (error == simdjson::DEPTH_ERROR) {
    return Status::InvalidArgument(Cat("JSON is nested deeper than ", limits.depth_max, " levels"));
  }
  if (error) return Status::InvalidArgument(Cat("not valid JSON: ", simdjson::error_message(error)));
  return Convert(root);
}

void JsonWriter::Separate() {
  if (after_key_) {
    after_key_ = false;
  } else if (!first_) {
    out_ += ',';
  }
  first_ = false;
}

void JsonWriter::BeginObject() {
  Separate();
  out_ += '{';
  first_ = true;
}
void JsonWriter::EndObject() {
  out_ += '}';
  first_ = false;
}
void JsonWriter::BeginArray() {
  Separate();
  out_ += '[';
  first_ = true;
}
void JsonWriter::EndArray() {
  out_ += ']';
  first_ = false;
}

void JsonWriter::Key(std::string_view name) {
  String(name);
  out_ += ':';
  after_key_ = true;
}

void JsonWriter::String(std::string_view value) {
  Separate();
  out_ += '"';
  for (size_t i = 0; i < value.size();) {
    const auto c = static_cast<unsigned char>(value[i]);
    if (c >= 0x80) {
      const size_t length = Utf8Length(value.substr(i));
      if (length == 0) {
        out_ += "\xEF\xBF\xBD";
        ++i;
        continue;
      }
      out_.append(value, i, length);
      i += length;
      continue;
    }
    switch (c) {
      case '"':
        out_ += "\\\"";
        break;
      case '\\':
        out_ += "\\\\";
        break;
      case '\n':
        out_ += "\\n";
        break;
      case '\r':
        out_ += "\\r";
        break;
      case '\t':
        out_ += "\\t";
        break;
      default:
        if (c < 0x20 || c == 0x7F)
          fmt::format_to(std::back_inserter(out_), "\\u{:04x}", c);
        else
          out_ += static_cast<char>(c);
    }
    ++i;
  }
  out_ += '"';
}

void JsonWriter::Int(int64_t value) {
  Separate();
  fmt::format_to(std::back_inserter(out_), "{}", value);
}
void JsonWriter::Uint(uint64_t value) {
  Separate();
  fmt::format_to(std::back_inserter(out_), "{}", value);
}

namespace {
template <class T>
void AppendFloating(std::string& out, T value) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  char buffer[40];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
  BP_CHECK(error == std::errc());
  const std::string_view text(buffer, static_cast<size_t>(end - buffer));
  out += text;
  if (text.find_first_of(".e") == std::string_view::npos) out += ".0";  // stays a float when read back
}
}  // namespace

void JsonWriter::Double(double value) {
  Separate();
  AppendFloating(out_, value);
}
void JsonWriter::Float(float value) {
  Separate();
  AppendFloating(out_, value);
}
void JsonWriter::Bool(bool value) {
  Separate();
  out_ += value ? "true" : "false";
}
void JsonWriter::Null() {
  Separate();
  out_ += "null";
}
void JsonWriter::Raw(std::string_view json) {
  Separate();
  out_ += json;
}

void JsonWriter::Value(const Json& value) {
  if (value.is_null()) return Null();
  if (value.is_bool()) return Bool(value.as_bool());
  if (value.is_int()) return Int(value.as_int());
  if (value.is_double()) return Double(value.as_double());
  if (value.is_string()) return String(value.as_string());
  if (value.is_array()) {
    BeginArray();
    for (const Json& child : value.as_array()) Value(child);
    return EndArray();
  }
  BeginObject();
  for (const auto& [name, child] : value.as_object()) {
    Key(name);
    Value(child);
  }
  EndObject();
}

std::string WriteJson(const Json& value) {
  std::string out;
  JsonWriter(out).Value(value);
  return out;
}

}  // namespace bedplate

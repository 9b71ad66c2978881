#pragma once
/// JSON in and out, one place. Reading: simdjson's DOM (validates the whole text, UTF-8 included) turned into a plain
/// value that keeps member order; a repeated member name keeps the last value, as Python does. Writing: an append
/// writer.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/status.h"

namespace bedplate {

class Json {
 public:
  using Array = std::vector<Json>;
  using Member = std::pair<std::string, Json>;
  using Object = std::vector<Member>;

  Json() = default;                                 // null
  Json(std::nullptr_t) {}                           // NOLINT: implicit by design, as the rest
  Json(bool v) : value_(v) {}                       // NOLINT
  Json(int64_t v) : value_(v) {}                    // NOLINT
  Json(int v) : value_(static_cast<int64_t>(v)) {}  // NOLINT
  Json(double v) : value_(v) {}                     // NOLINT
  Json(std::string v) : value_(std::move(v)) {}     // NOLINT
  Json(const char* v) : value_(std::string(v)) {}   // NOLINT
  Json(Array v) : value_(std::move(v)) {}           // NOLINT
  Json(Object v) : value_(std::move(v)) {}          // NOLINT

  [[nodiscard]] bool is_null() const { return value_.index() == 0; }
  [[nodiscard]] bool is_bool() const { return value_.index() == 1; }
  [[nodiscard]] bool is_int() const { return value_.index() == 2; }
  [[nodiscard]] bool is_double() const { return value_.index() == 3; }
  [[nodiscard]] bool is_number() const { return is_int() || is_double(); }
  [[nodiscard]] bool is_string() const { return value_.index() == 4; }
  [[nodiscard]] bool is_array() const { return value_.index() == 5; }
  [[nodiscard]] bool is_object() const { return value_.index() == 6; }
  /// "null", "a boolean", "an integer", "a number", "a string", "an array", "an object": for error messages.
  [[nodiscard]] std::string_view kind() const;

  // The accessors check the type; ask first.
  [[nodiscard]] bool as_bool() const { return std::get<bool>(value_); }
  [[nodiscard]] int64_t as_int() const { return std::get<int64_t>(value_); }
  [[nodiscard]] double as_double() const { return is_int() ? static_cast<double>(as_int()) : std::get<double>(value_); }
  [[nodiscard]] const std::string& as_string() const { return std::get<std::string>(value_); }
  [[nodiscard]] const Array& as_array() const { return std::get<Array>(value_); }
  [[nodiscard]] Array& as_array() { return std::get<Array>(value_); }
  [[nodiscard]] const Object& as_object() const { return std::get<Object>(value_); }
  [[nodiscard]] Object& as_object() { return std::get<Object>(value_); }

  /// The member of that name, or nullptr when this is no object or has none.
  [[nodiscard]] const Json* Find(std::string_view name) const;

  bool operator==(const Json&) const = default;

 private:
  std::variant<std::monostate, bool, int64_t, double, std::string, Array, Object> value_;
};

struct JsonLimits {
  uint32_t depth_max = 128;
};

/// Integers beyond int64 become doubles. Errors: kInvalidArgument with the reason (and the byte offset where known);
/// kInternal where memory is missing.
Result<Json> ParseJson(std::string_view text, JsonLimits limits = {});

/// Appends to a string; commas are placed by it. Strings must be UTF-8: other bytes become U+FFFD.
///   JsonWriter w(out); w.BeginObject(); w.Key("id"); w.String(id); w.Key("n"); w.Int(3); w.EndObject();
class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}
  void BeginObject();
  void EndObject();
  void BeginArray();
  void EndArray();
  void Key(std::string_view name);
  void String(std::string_view value);
  void Int(int64_t value);
  void Uint(uint64_t value);
  void Double(double value);  // shortest that reads back equal; NaN and infinities become null
  void Float(float value);    // the same for float
  void Bool(bool value);
  void Null();
  void Value(const Json& value);
  void Raw(std::string_view json);  // a value that is JSON text already

 private:
  void Separate();
  std::string& out_;
  bool first_ = true;
  bool after_key_ = false;
};

/// Compact text of a value: {"a":1,"b":[true]}.
std::string WriteJson(const Json& value);

}  // namespace bedplate

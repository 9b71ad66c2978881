#pragma once
/// Checks one JSON value as its bytes arrive, and tells where in it they are. Stricter than nothing and looser than RFC
/// 8259 in one point: control characters inside strings pass, because models write line breaks there; whoever forwards
/// the bytes escapes them (AppendEscaped).
///
/// Memory: a byte for each open object or array, up to depth_max; deeper is bad.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace bedplate {

class JsonScanner {
 public:
  explicit JsonScanner(size_t depth_max = 128) : depth_max_(depth_max) {}

  /// False: this byte can't come here. The scanner is of no use afterwards.
  bool Push(char c);

  /// The value is complete: an object or array with its last bracket, a string with its quote. A number is complete
  /// only when something follows, so inside an object or array.
  [[nodiscard]] bool done() const { return state_ == State::kDone; }
  [[nodiscard]] size_t depth() const { return open_.size(); }  // objects and arrays that are open
  [[nodiscard]] bool in_string() const;
  [[nodiscard]] bool expects_value() const { return state_ == State::kValue || state_ == State::kValueOrEnd; }
  [[nodiscard]] bool expects_key() const { return state_ == State::kKey || state_ == State::kKeyOrEnd; }
  [[nodiscard]] bool after_key() const { return state_ == State::kColon; }
  [[nodiscard]] bool after_value() const { return state_ == State::kAfter || state_ == State::kDone; }

 private:
  enum class State : uint8_t {
    kValue,
    kValueOrEnd,  // after '['
    kKeyOrEnd,    // after '{'
    kKey,         // after ',' in an object
    kColon,
    kAfter,  // a comma or a bracket
    kString,
    kEscape,
    kUnicode,
    kLiteral,
    // Numbers: which part was read last.
    kMinus,
    kZero,
    kInteger,
    kDot,
    kFraction,
    kExponent,
    kExponentSign,
    kExponentDigits,
    kDone,
  };
  bool BeginValue(char c);
  bool BeginKey(char c);
  bool Close(char c);
  bool PushAfter(char c);
  bool PushString(char c);
  bool PushNumber(char c);
  void EndValue() { state_ = open_.empty() ? State::kDone : State::kAfter; }

  size_t depth_max_;
  State state_ = State::kValue;
  std::string open_;          // '{' and '['
  bool key_ = false;          // the string being read is one
  int digits_ = 0;            // left of \uXXXX
  std::string_view literal_;  // what is left of it
};

/// Appends a byte of a string's content so that it may stand in JSON: quotes, backslashes and control characters
/// escaped, all others as they are.
void AppendEscaped(char c, std::string& out);

}  // namespace bedplate

#include "text/json_scanner.h"

#include "base/ascii.h"

namespace bedplate {
namespace {

bool IsSpace(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

}  // namespace

bool JsonScanner::in_string() const {
  return state_ == State::kString || state_ == State::kEscape || state_ == State::kUnicode;
}

bool JsonScanner::Push(char c) {
  switch (state_) {
    case State::kString:
    case State::kEscape:
    case State::kUnicode:
      return PushString(c);
    case State::kLiteral:
      if (c != literal_.front()) return false;
      literal_.remove_prefix(1);
      if (literal_.empty()) EndValue();
      return true;
    case State::kMinus:
    case State::kZero:
    case State::kInteger:
    case State::kDot:
    case State::kFraction:
    case State::kExponent:
    case State::kExponentSign:
    case State::kExponentDigits:
      return PushNumber(c);
    default:
      break;
  }
  if (IsSpace(c)) return true;
  switch (state_) {
    case State::kValueOrEnd:
      if (c == ']') return Close(c);
      return BeginValue(c);
    case State::kValue:
      return BeginValue(c);
    case State::kKeyOrEnd:
      if (c == '}') return Close(c);
      return BeginKey(c);
    case State::kKey:
      return BeginKey(c);
    case State::kColon:
      state_ = State::kValue;
      return c == ':';
    case State::kAfter:
      return PushAfter(c);
    default:
      return false;  // done
  }
}

bool JsonScanner::BeginKey(char c) {
  key_ = true;
  state_ = State::kString;
  return c == '"';
}

bool JsonScanner::BeginValue(char c) {
  switch (c) {
    case '{':
    case '[':
      if (open_.size() == depth_max_) return false;
      open_ += c;
      state_ = c == '{' ? State::kKeyOrEnd : State::kValueOrEnd;
      return true;
    case '"':
      key_ = false;
      state_ = State::kString;
      return true;
    case 't':
    case 'f':
    case 'n':
      literal_ = c == 't' ? "rue" : c == 'f' ? "alse" : "ull";
      state_ = State::kLiteral;
      return true;
    case '-':
      state_ = State::kMinus;
      return true;
    case '0':
      state_ = State::kZero;
      return true;
    default:
      state_ = State::kInteger;
      return IsDigit(c);
  }
}

bool JsonScanner::Close(char c) {
  if (open_.empty() || open_.back() != (c == '}' ? '{' : '[')) return false;
  open_.pop_back();
  EndValue();
  return true;
}

bool JsonScanner::PushAfter(char c) {
  if (c != ',') return (c == '}' || c == ']') && Close(c);
  state_ = open_.back() == '{' ? State::kKey : State::kValue;
  return true;
}

bool JsonScanner::PushString(char c) {
  if (state_ == State::kEscape) {
    state_ = c == 'u' ? State::kUnicode : State::kString;
    digits_ = 4;
    return std::string_view("\"\\/bfnrtu").find(c) != std::string_view::npos;
  }
  if (state_ == State::kUnicode) {
    if (--digits_ == 0) state_ = State::kString;
    return HexDigit(c).has_value();
  }
  if (c == '\\') {
    state_ = State::kEscape;
  } else if (c == '"') {
    if (key_) {
      state_ = State::kColon;
    } else {
      EndValue();
    }
  }
  return true;
}

bool JsonScanner::PushNumber(char c) {
  const bool digit = IsDigit(c);
  const bool exponent = c == 'e' || c == 'E';
  switch (state_) {
    case State::kMinus:
      state_ = c == '0' ? State::kZero : State::kInteger;
      return digit;
    case State::kDot:
      state_ = State::kFraction;
      return digit;
    case State::kExponent:
      state_ = digit ? State::kExponentDigits : State::kExponentSign;
      return digit || c == '+' || c == '-';
    case State::kExponentSign:
      state_ = State::kExponentDigits;
      return digit;
    case State::kInteger:
    case State::kFraction:
    case State::kExponentDigits:
      if (digit) return true;
      break;
    default:
      break;
  }
  const bool whole = state_ == State::kZero || state_ == State::kInteger;
  if (whole && c == '.') {
    state_ = State::kDot;
    return true;
  }
  if (exponent && state_ != State::kExponentDigits) {
    state_ = State::kExponent;
    return true;
  }
  EndValue();
  return IsSpace(c) || (state_ == State::kAfter && PushAfter(c));
}

void AppendEscaped(char c, std::string& out) {
  switch (c) {
    case '"':
    case '\\':
      out += '\\';
      out += c;
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      break;
  }
  const auto code = static_cast<unsigned char>(c);
  if (code >= 0x20) {
    out += c;
    return;
  }
  constexpr char kDigits[] = "0123456789abcdef";
  out += "\\u00";
  out += kDigits[code >> 4];
  out += kDigits[code & 15];
}

}  // namespace bedplate

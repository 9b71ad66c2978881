// The tests: what may follow `is`.
#include <algorithm>
#include <iterator>

#include "base/cat.h"
#include "text/template_call.h"
#include "text/template_unicode.h"

namespace bedplate::jinja {
namespace {

template <bool (*Check)(const Value&)>
Value Plain(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const Parameters none(interpreter, "test", arguments, {});
  return Value::Bool(none.ok() && Check(self));
}

template <Operator Op>
Value Comparison(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const Parameters parameters(interpreter, "test", arguments, {"other"}, 1);
  return Value::Bool(parameters.ok() && interpreter.Compare(Op, self, *parameters[0]));
}

bool IsDefined(const Value& v) {
  return !v.is_undefined();
}
bool IsUndefined(const Value& v) {
  return v.is_undefined();
}
bool IsNone(const Value& v) {
  return v.is_none();
}
bool IsBoolean(const Value& v) {
  return v.Is(Kind::kBool);
}
bool IsTrue(const Value& v) {
  return v.Is(Kind::kBool) && v.integer() != 0;
}
bool IsFalse(const Value& v) {
  return v.Is(Kind::kBool) && v.integer() == 0;
}
bool IsInteger(const Value& v) {
  return v.Is(Kind::kInt);
}
bool IsFloat(const Value& v) {
  return v.Is(Kind::kFloat);
}
bool IsNumber(const Value& v) {
  return v.is_number();
}
bool IsString(const Value& v) {
  return v.is_text();
}
bool IsMapping(const Value& v) {
  return v.is_dict();
}
bool IsSequence(const Value& v) {  // has a length and items by index or key
  return v.is_undefined() || v.is_text() || v.is_dict() || (v.is_sequence() && !v.Is(Kind::kView));
}
bool IsIterable(const Value& v) {
  return v.is_undefined() || v.is_text() || v.is_dict() || v.is_sequence() || v.Is(Kind::kIterator) ||
         v.Is(Kind::kLoop);
}
bool IsCallable(const Value& v) {
  return v.is_undefined() || v.Is(Kind::kCallable) || v.Is(Kind::kLoop);
}
bool IsEscaped(const Value& v) {
  return v.markup();
}

Value Divisible(Interpreter& interpreter, const Value& self, const Value& by, int64_t rest) {
  const Value modulo = interpreter.Binary(Operator::kModulo, self, by);
  return Value::Bool(!interpreter.run().failed() && Equal(interpreter.run(), modulo, Value::Int(rest)));
}

Value IsOdd(Interpreter& interpreter, const Value& self, const Arguments&) {
  return Divisible(interpreter, self, Value::Int(2), 1);
}

Value IsEven(Interpreter& interpreter, const Value& self, const Arguments&) {
  return Divisible(interpreter, self, Value::Int(2), 0);
}

Value IsDivisibleBy(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const Parameters parameters(interpreter, "divisibleby", arguments, {"num"}, 1);
  return parameters.ok() ? Divisible(interpreter, self, *parameters[0], 0) : Value();
}

Value IsSameAs(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const Parameters parameters(interpreter, "sameas", arguments, {"other"}, 1);
  if (!parameters.ok()) return {};
  const Value& other = *parameters[0];
  if (self.kind() != other.kind()) return Value::Bool(false);
  if (self.is_text() || self.is_number() || self.is_none()) return Value::Bool(Equal(interpreter.run(), self, other));
  return Value::Bool(self.object() == other.object());
}

// All letters have that case, and there is one.
bool AllCase(const Value& value, bool upper) {
  if (!value.is_text()) return false;
  bool any = false;
  const std::string_view bytes = value.text().bytes();
  for (size_t at = 0; at < bytes.size(); at += CharLength(bytes.substr(at))) {
    const char32_t c = CodePoint(bytes.substr(at));
    if (upper ? IsLower(c) : IsUpper(c)) return false;
    any |= IsLower(c) || IsUpper(c);
  }
  return any;
}
bool IsLowerCase(const Value& v) {
  return AllCase(v, false);
}
bool IsUpperCase(const Value& v) {
  return AllCase(v, true);
}

Value IsFilter(Interpreter&, const Value& self, const Arguments&) {
  return Value::Bool(self.is_text() && FindFilter(self.text().bytes()) != nullptr);
}

Value IsTest(Interpreter&, const Value& self, const Arguments&) {
  return Value::Bool(self.is_text() && FindTest(self.text().bytes()) != nullptr);
}

constexpr NamedFunction kTests[] = {
    {"boolean", Plain<IsBoolean>},
    {"callable", Plain<IsCallable>},
    {"defined", Plain<IsDefined>},
    {"divisibleby", IsDivisibleBy},
    {"eq", Comparison<Operator::kEqual>},
    {"equalto", Comparison<Operator::kEqual>},
    {"==", Comparison<Operator::kEqual>},
    {"escaped", Plain<IsEscaped>},
    {"even", IsEven},
    {"false", Plain<IsFalse>},
    {"filter", IsFilter},
    {"float", Plain<IsFloat>},
    {"ge", Comparison<Operator::kGreaterEqual>},
    {">=", Comparison<Operator::kGreaterEqual>},
    {"greaterthan", Comparison<Operator::kGreater>},
    {"gt", Comparison<Operator::kGreater>},
    {">", Comparison<Operator::kGreater>},
    {"in", Comparison<Operator::kIn>},
    {"integer", Plain<IsInteger>},
    {"iterable", Plain<IsIterable>},
    {"le", Comparison<Operator::kLessEqual>},
    {"<=", Comparison<Operator::kLessEqual>},
    {"lessthan", Comparison<Operator::kLess>},
    {"lower", Plain<IsLowerCase>},
    {"lt", Comparison<Operator::kLess>},
    {"<", Comparison<Operator::kLess>},
    {"mapping", Plain<IsMapping>},
    {"ne", Comparison<Operator::kNotEqual>},
    {"!=", Comparison<Operator::kNotEqual>},
    {"none", Plain<IsNone>},
    {"number", Plain<IsNumber>},
    {"odd", IsOdd},
    {"sameas", IsSameAs},
    {"sequence", Plain<IsSequence>},
    {"string", Plain<IsString>},
    {"test", IsTest},
    {"true", Plain<IsTrue>},
    {"undefined", Plain<IsUndefined>},
    {"upper", Plain<IsUpperCase>},
};

}  // namespace

Function FindTest(std::string_view name) {
  const auto* it =
      std::find_if(std::begin(kTests), std::end(kTests), [&](const NamedFunction& test) { return test.name == name; });
  return it != std::end(kTests) ? it->function : nullptr;
}

}  // namespace bedplate::jinja

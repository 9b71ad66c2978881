// Operators, items, attributes and slices: what Python does with them.
#include <algorithm>
#include <cmath>

#include "base/cat.h"
#include "text/template_call.h"
#include "text/template_print.h"
#include "text/template_unicode.h"

namespace bedplate::jinja {
namespace {

struct BoundMethod final : Callable {
  BoundMethod(std::string_view n, Value s, Function f) : Callable(std::string(n)), self(std::move(s)), function(f) {}
  Value Call(Interpreter& interpreter, const Arguments& arguments) const override {
    return function(interpreter, self, arguments);
  }
  [[nodiscard]] uint32_t depth() const override { return self.depth(); }
  Value self;
  Function function;
};

std::string_view Symbol(Operator op) {
  constexpr std::string_view kSymbols[] = {"+", "-", "*", "/", "//", "%", "** or pow()"};
  return kSymbols[static_cast<size_t>(op)];
}

Value FailOperands(Run& run, Operator op, const Value& a, const Value& b) {
  for (const Value* value : {&a, &b}) {
    if (value->is_undefined()) run.Fail(value->undefined().reason);
  }
  if (op == Operator::kAdd && a.is_text()) {
    run.Fail(Cat("can only concatenate str (not \"", TypeName(b), "\") to str"));
  } else if (op == Operator::kAdd && a.Is(Kind::kList)) {
    run.Fail(Cat("can only concatenate list (not \"", TypeName(b), "\") to list"));
  } else {
    run.Fail(Cat("unsupported operand type(s) for ", Symbol(op), ": '", TypeName(a), "' and '", TypeName(b), "'"));
  }
  return {};
}

Value FailOverflow(Run& run) {
  run.Fail("an integer grows beyond 64 bits");
  return {};
}

Value FailZero(Run& run) {
  run.Fail("division by zero");
  return {};
}

Value IntegerPower(Run& run, int64_t base, int64_t exponent, bool trusted) {
  if (exponent < 0) {
    if (base == 0) return FailZero(run);
    return Value::Float(std::pow(static_cast<double>(base), static_cast<double>(exponent)), trusted);
  }
  int64_t result = 1;
  for (; exponent > 0; exponent >>= 1) {
    if ((exponent & 1) != 0 && __builtin_mul_overflow(result, base, &result)) return FailOverflow(run);
    if (exponent > 1 && __builtin_mul_overflow(base, base, &base)) return FailOverflow(run);
  }
  return Value::Int(result, trusted);
}

Value IntegerArithmetic(Run& run, Operator op, int64_t a, int64_t b, bool trusted) {
  int64_t result = 0;
  switch (op) {
    case Operator::kAdd:
      return __builtin_add_overflow(a, b, &result) ? FailOverflow(run) : Value::Int(result, trusted);
    case Operator::kSubtract:
      return __builtin_sub_overflow(a, b, &result) ? FailOverflow(run) : Value::Int(result, trusted);
    case Operator::kMultiply:
      return __builtin_mul_overflow(a, b, &result) ? FailOverflow(run) : Value::Int(result, trusted);
    case Operator::kDivide:
      return b == 0 ? FailZero(run) : Value::Float(static_cast<double>(a) / static_cast<double>(b), trusted);
    case Operator::kFloorDivide:
      if (b == 0) return FailZero(run);
      if (b == -1) return IntegerArithmetic(run, Operator::kSubtract, 0, a, trusted);
      return Value::Int(a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0), trusted);
    case Operator::kModulo:
      if (b == 0) return FailZero(run);
      if (b == -1) return Value::Int(0, trusted);
      return Value::Int(a % b + (a % b != 0 && (a < 0) != (b < 0) ? b : 0), trusted);
    default:
      return IntegerPower(run, a, b, trusted);
  }
}

Value FloatArithmetic(Run& run, Operator op, double a, double b, bool trusted) {
  const auto modulo = [&] {
    const double rest = std::fmod(a, b);
    return rest != 0 && (b < 0) != (rest < 0) ? rest + b : rest;
  };
  switch (op) {
    case Operator::kAdd:
      return Value::Float(a + b, trusted);
    case Operator::kSubtract:
      return Value::Float(a - b, trusted);
    case Operator::kMultiply:
      return Value::Float(a * b, trusted);
    case Operator::kDivide:
      return b == 0 ? FailZero(run) : Value::Float(a / b, trusted);
    case Operator::kFloorDivide:
      return b == 0 ? FailZero(run) : Value::Float(std::floor((a - modulo()) / b), trusted);
    case Operator::kModulo:
      return b == 0 ? FailZero(run) : Value::Float(modulo(), trusted);
    default:
      if (a == 0 && b < 0) return FailZero(run);
      if (a < 0 && b != std::floor(b)) {
        run.Fail("the power is a complex number");
        return {};
      }
      return Value::Float(std::pow(a, b), trusted);
  }
}

Value RepeatSequence(Run& run, const Value& sequence, int64_t count) {
  std::vector<Value> items;
  const auto times = static_cast<uint64_t>(std::max<int64_t>(count, 0));
  const uint64_t size = sequence.items().size();
  if (times > 0 && size > UINT64_MAX / times / sizeof(Value)) run.Fail("a repeated list is too long");
  if (!run.failed() && run.Grow(size * times * sizeof(Value))) {
    for (uint64_t i = 0; i < times; ++i) items.insert(items.end(), sequence.items().begin(), sequence.items().end());
  }
  return MakeSequence(run, sequence.kind(), std::move(items));
}

std::optional<Value> MultiplySequence(Run& run, const Value& a, const Value& b) {
  const Value& sequence = a.is_integer() ? b : a;
  const Value& count = a.is_integer() ? a : b;
  if (!count.is_integer()) return std::nullopt;
  if (sequence.is_text()) return Value::Of(Repeat(run, sequence.text(), count.integer()));
  if (sequence.Is(Kind::kList) || sequence.Is(Kind::kTuple)) return RepeatSequence(run, sequence, count.integer());
  return std::nullopt;
}

Value Concatenate(Run& run, const Value& a, const Value& b) {
  if (a.is_text()) {
    Text out;
    if (run.Grow(a.text().footprint() + b.text().footprint())) {
      out.Append(a.text());
      out.Append(b.text());
    }
    return Value::Of(std::move(out));
  }
  std::vector<Value> items;
  if (run.Grow((a.items().size() + b.items().size()) * sizeof(Value))) {
    items = a.items();
    items.insert(items.end(), b.items().begin(), b.items().end());
  }
  return MakeSequence(run, a.kind(), std::move(items));
}

// The object as a message names it: "'dict object' has no attribute 'x'".
Value Missing(const Value& object, const Value& key, Run& run) {
  const std::string owner = object.is_none() ? "None" : Cat(TypeName(object), " object");
  if (key.is_text()) return Value::UndefinedFor(Cat("'", owner, "' has no attribute '", key.text().bytes(), "'"));
  return Value::UndefinedFor(Cat(owner, " has no element ", Repr(run, key).bytes()));
}

Value LoopCycle(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  if (arguments.positional.empty()) {
    interpreter.run().Fail("no items for cycling given");
    return {};
  }
  const auto& loop = *static_cast<const Loop*>(self.object().get());
  return arguments.positional[loop.index0 % arguments.positional.size()];
}

Value LoopChanged(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  auto& loop = *static_cast<Loop*>(self.object().get());
  bool same = loop.has_changed && loop.last_changed.size() == arguments.positional.size();
  for (size_t i = 0; same && i < arguments.positional.size(); ++i) {
    same = Equal(interpreter.run(), loop.last_changed[i], arguments.positional[i]);
  }
  if (!same) {
    loop.has_changed = true;
    loop.last_changed = arguments.positional;
  }
  return Value::Bool(!same);
}

Value LoopAttribute(const Value& object, std::string_view name, Run& run) {
  const auto& loop = *static_cast<const Loop*>(object.object().get());
  const auto index = static_cast<int64_t>(loop.index0);
  const auto length = static_cast<int64_t>(loop.items.size());
  if (name == "index") return Value::Int(index + 1);
  if (name == "index0") return Value::Int(index);
  if (name == "revindex") return Value::Int(length - index);
  if (name == "revindex0") return Value::Int(length - index - 1);
  if (name == "first") return Value::Bool(index == 0);
  if (name == "last") return Value::Bool(index + 1 == length);
  if (name == "length") return Value::Int(length);
  if (name == "depth") return Value::Int(int64_t{loop.depth0} + 1);
  if (name == "depth0") return Value::Int(loop.depth0);
  if (name == "previtem") {
    return index == 0 ? Value::UndefinedFor("there is no previous item") : loop.items[loop.index0 - 1];
  }
  if (name == "nextitem") {
    return index + 1 == length ? Value::UndefinedFor("there is no next item") : loop.items[loop.index0 + 1];
  }
  if (name == "cycle") return Value::Make(Kind::kCallable, std::make_shared<BoundMethod>(name, object, LoopCycle));
  if (name == "changed") return Value::Make(Kind::kCallable, std::make_shared<BoundMethod>(name, object, LoopChanged));
  return Missing(object, Value::Of(std::string(name)), run);
}

// What Python's getattr() finds, or nothing.
std::optional<Value> OwnAttribute(Run& run, const Value& object, std::string_view name) {
  if (object.Is(Kind::kNamespace)) {
    const Value* value = object.name_space().Find(name);
    return value != nullptr ? std::optional(*value) : std::nullopt;
  }
  if (object.Is(Kind::kLoop)) return LoopAttribute(object, name, run);
  if (object.Is(Kind::kCallable) && name == "name") {
    return Value::Of(static_cast<const Callable*>(object.object().get())->name);
  }
  if (object.Is(Kind::kTuple) && object.sequence().repr_name == "group") {  // what groupby gives
    if (name == "grouper") return object.items()[0];
    if (name == "list") return object.items()[1];
  }
  if (IsMutator(object, name)) {
    return Value::UndefinedFor(Cat("access to attribute '", name, "' of '", TypeName(object), "' object is unsafe."));
  }
  if (const Function method = FindMethod(object, name)) {
    return Value::Make(Kind::kCallable, std::make_shared<BoundMethod>(name, object, method));
  }
  return std::nullopt;
}

bool Hashable(const Value& key) {
  return !key.Is(Kind::kList) && !key.Is(Kind::kDict) && !key.Is(Kind::kView);
}

// What Python's object[key] finds, or nothing.
std::optional<Value> OwnItem(Run& run, const Value& object, const Value& key) {
  if (object.is_dict()) {
    const Value* value = Hashable(key) ? object.dict().Find(run, key) : nullptr;
    return value != nullptr ? std::optional(*value) : std::nullopt;
  }
  if (!key.is_integer()) return std::nullopt;
  int64_t index = key.integer();
  if (object.is_text()) {
    const std::string_view bytes = object.text().bytes();
    if (!run.Step(bytes.size() / 16)) return std::nullopt;
    const auto size = static_cast<int64_t>(CountChars(bytes));
    if (index < 0) index += size;
    if (index < 0 || index >= size) return std::nullopt;
    const size_t at = CharOffset(bytes, static_cast<size_t>(index));
    return Value::Of(object.text().Slice(at, at + CharLength(bytes.substr(at))));
  }
  if (object.Is(Kind::kList) || object.Is(Kind::kTuple) || object.Is(Kind::kRange)) {
    const auto size = static_cast<int64_t>(object.items().size());
    if (index < 0) index += size;
    if (index < 0 || index >= size) return std::nullopt;
    return object.items()[static_cast<size_t>(index)];
  }
  return std::nullopt;
}

// Python's slice.indices(): which of `size` places a slice visits.
struct SliceIndices {
  int64_t start, stop, step;
};

std::optional<SliceIndices> ResolveSlice(Run& run, int64_t size, const Value& start, const Value& stop,
                                         const Value& step) {
  for (const Value* bound : {&start, &stop, &step}) {
    if (!bound->is_none() && !bound->is_integer()) {
      run.Fail(bound->is_undefined() ? bound->undefined().reason : "slice indices must be integers or None");
      return std::nullopt;
    }
  }
  SliceIndices out{0, 0, step.is_none() ? 1 : std::max<int64_t>(step.integer(), -INT64_MAX)};
  if (out.step == 0) {
    run.Fail("slice step cannot be zero");
    return std::nullopt;
  }
  const int64_t low = out.step > 0 ? 0 : -1;
  const int64_t high = out.step > 0 ? size : size - 1;
  const auto clamp = [&](const Value& bound, int64_t otherwise) {
    if (bound.is_none()) return otherwise;
    return bound.integer() < 0 ? std::max(bound.integer() + size, low) : std::min(bound.integer(), high);
  };
  out.start = clamp(start, out.step > 0 ? low : high);
  out.stop = clamp(stop, out.step > 0 ? high : low);
  return out;
}

Value SliceText(Run& run, const Text& text, const Value& start, const Value& stop, const Value& step) {
  const std::string_view bytes = text.bytes();
  if (!run.Grow(text.footprint())) return {};
  const auto slice = ResolveSlice(run, static_cast<int64_t>(CountChars(bytes)), start, stop, step);
  if (!slice) return {};
  if (slice->step == 1) {
    if (slice->start >= slice->stop) return Value::Of("");
    const size_t begin = CharOffset(bytes, static_cast<size_t>(slice->start));
    const size_t length = CharOffset(bytes.substr(begin), static_cast<size_t>(slice->stop - slice->start));
    return Value::Of(text.Slice(begin, begin + length));
  }
  std::vector<uint32_t> offsets;
  if (!run.Grow(bytes.size() * sizeof(uint32_t))) return {};
  for (size_t at = 0; at < bytes.size(); at += CharLength(bytes.substr(at)))
    offsets.push_back(static_cast<uint32_t>(at));
  Text out;
  for (int64_t i = slice->start; slice->step > 0 ? i < slice->stop : i > slice->stop;) {
    const size_t at = offsets[static_cast<size_t>(i)];
    out.AppendSlice(text, at, at + CharLength(bytes.substr(at)));
    if (__builtin_add_overflow(i, slice->step, &i)) break;
  }
  return Value::Of(std::move(out));
}

}  // namespace

Value Interpreter::Binary(Operator op, const Value& a, const Value& b) {
  if (op == Operator::kModulo && a.is_text()) return Value::Of(FormatPercent(run_, a.text(), b));
  if (a.is_number() && b.is_number()) {
    const bool trusted = a.trusted() && b.trusted();
    if (a.is_integer() && b.is_integer()) return IntegerArithmetic(run_, op, a.integer(), b.integer(), trusted);
    return FloatArithmetic(run_, op, a.number(), b.number(), trusted);
  }
  const bool both_sequences = a.kind() == b.kind() && (a.is_text() || a.Is(Kind::kList) || a.Is(Kind::kTuple));
  if (op == Operator::kAdd && both_sequences) {
    if (!a.markup() && !b.markup()) return Concatenate(run_, a, b);
    return Concatenate(run_, EscapeText(*this, a), EscapeText(*this, b)).AsMarkup();
  }
  if (op == Operator::kMultiply) {
    if (std::optional<Value> repeated = MultiplySequence(run_, a, b)) return *std::move(repeated);
  }
  return FailOperands(run_, op, a, b);
}

bool Interpreter::Compare(Operator op, const Value& a, const Value& b) {
  switch (op) {
    case Operator::kEqual:
      return Equal(run_, a, b);
    case Operator::kNotEqual:
      return !Equal(run_, a, b);
    case Operator::kLess:
      return Less(run_, a, b);
    case Operator::kLessEqual:
      return Less(run_, a, b) || Equal(run_, a, b);
    case Operator::kGreater:
      return Less(run_, b, a);
    case Operator::kGreaterEqual:
      return Less(run_, b, a) || Equal(run_, a, b);
    case Operator::kIn:
      return Contains(run_, b, a);
    default:
      return !Contains(run_, b, a);
  }
}

Value Interpreter::Negate(const Value& value) {
  if (value.is_integer()) return IntegerArithmetic(run_, Operator::kSubtract, 0, value.integer(), value.trusted());
  if (value.Is(Kind::kFloat)) return Value::Float(-value.number(), value.trusted());
  run_.Fail(value.is_undefined() ? value.undefined().reason
                                 : Cat("bad operand type for unary -: '", TypeName(value), "'"));
  return {};
}

Value Interpreter::GetAttribute(const Value& object, std::string_view name) {
  if (object.is_undefined()) {
    run_.Fail(object.undefined().reason);
    return {};
  }
  if (std::optional<Value> own = OwnAttribute(run_, object, name)) return *std::move(own);
  if (object.is_dict()) {
    if (const Value* value = object.dict().Find(run_, name)) return *value;
  }
  return Missing(object, Value::Of(std::string(name)), run_);
}

Value Interpreter::GetItem(const Value& object, const Value& key) {
  if (object.is_undefined()) {
    run_.Fail(object.undefined().reason);
    return {};
  }
  if (std::optional<Value> own = OwnItem(run_, object, key)) return *std::move(own);
  if (key.is_text()) {
    if (std::optional<Value> own = OwnAttribute(run_, object, key.text().bytes())) return *std::move(own);
  }
  return Missing(object, key, run_);
}

Value Interpreter::Slice(const Value& object, const Value& start, const Value& stop, const Value& step) {
  if (object.is_text()) return SliceText(run_, object.text(), start, stop, step);
  if (object.is_undefined()) {
    run_.Fail(object.undefined().reason);
    return {};
  }
  if (!object.Is(Kind::kList) && !object.Is(Kind::kTuple) && !object.Is(Kind::kRange)) {
    run_.Fail(Cat("'", TypeName(object), "' object is not subscriptable"));
    return {};
  }
  const auto& items = object.items();
  const auto slice = ResolveSlice(run_, static_cast<int64_t>(items.size()), start, stop, step);
  std::vector<Value> out;
  if (!slice || !run_.Grow(items.size() * sizeof(Value))) return {};
  for (int64_t i = slice->start; slice->step > 0 ? i < slice->stop : i > slice->stop;) {
    out.push_back(items[static_cast<size_t>(i)]);
    if (__builtin_add_overflow(i, slice->step, &i)) break;
  }
  return MakeSequence(run_, object.Is(Kind::kRange) ? Kind::kList : object.kind(), std::move(out));
}

}  // namespace bedplate::jinja

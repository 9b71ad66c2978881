#include "text/template_call.h"

#include <algorithm>
#include <ctime>

#include "base/cat.h"
#include "text/template_print.h"
#include "text/template_unicode.h"

namespace bedplate::jinja {

Parameters::Parameters(Interpreter& interpreter, std::string_view function, const Arguments& arguments,
                       std::initializer_list<std::string_view> names, size_t required)
    : run_(interpreter.run()), function_(function), values_(names.size(), nullptr) {
  if (arguments.positional.size() > names.size()) {
    run_.Fail(Cat(function, "() takes at most ", names.size(), " arguments, got ", arguments.positional.size()));
    return;
  }
  for (size_t i = 0; i < arguments.positional.size(); ++i) values_[i] = &arguments.positional[i];
  for (const auto& [name, value] : arguments.named) {
    const auto it = std::find(names.begin(), names.end(), name);
    if (it == names.end()) {
      run_.Fail(Cat(function, "() got an unexpected keyword argument '", name, "'"));
      return;
    }
    const Value*& place = values_[static_cast<size_t>(it - names.begin())];
    if (place != nullptr) {
      run_.Fail(Cat(function, "() got multiple values for argument '", name, "'"));
      return;
    }
    place = &value;
  }
  for (size_t i = 0; i < required; ++i) {
    if (values_[i] == nullptr) run_.Fail(Cat(function, "() needs its argument '", *(names.begin() + i), "'"));
  }
}

int64_t Parameters::Integer(size_t index, int64_t otherwise) const {
  const Value* value = values_[index];
  if (value == nullptr) return otherwise;
  if (value->is_integer()) return value->integer();
  run_.Fail(value->is_undefined() ? value->undefined().reason
                                  : Cat(function_, "() needs an integer, not ", TypeName(*value)));
  return otherwise;
}

bool Parameters::Flag(size_t index, bool otherwise) const {
  return values_[index] == nullptr ? otherwise : Truthy(*values_[index]);
}

const Text* Parameters::TextOrNone(size_t index) const {
  const Value* value = values_[index];
  if (value == nullptr || value->is_none()) return nullptr;
  if (value->is_text()) return &value->text();
  run_.Fail(value->is_undefined() ? value->undefined().reason
                                  : Cat(function_, "() needs a string, not ", TypeName(*value)));
  return nullptr;
}

Value FollowPath(Interpreter& interpreter, const Value& object, const Value& path, const Value* otherwise) {
  if (path.is_none()) return object;
  if (!path.is_text()) {
    Value item = interpreter.GetItem(object, path);
    return item.is_undefined() && otherwise != nullptr ? *otherwise : item;
  }
  Value value = object;
  std::string_view rest = path.text().bytes();
  while (!interpreter.run().failed()) {
    const size_t dot = std::min(rest.find('.'), rest.size());
    const std::string_view step = rest.substr(0, dot);
    const bool digits = !step.empty() && step.size() < 10 && step.find_first_not_of("0123456789") == step.npos;
    value =
        interpreter.GetItem(value, digits ? Value::Int(std::stoll(std::string(step))) : Value::Of(std::string(step)));
    if (value.is_undefined() && otherwise != nullptr) value = *otherwise;
    if (dot == rest.size()) break;
    rest.remove_prefix(dot + 1);
  }
  return value;
}

Text Strip(const Text& text, const Text* chars, bool left, bool right) {
  const std::string_view bytes = text.bytes();
  const auto goes = [&](size_t at, size_t length) {
    if (chars == nullptr) return IsSpace(CodePoint(bytes.substr(at)));
    const std::string_view character = bytes.substr(at, length);
    const size_t hit = FindText(chars->bytes(), character);
    return hit != std::string_view::npos;
  };
  size_t begin = 0;
  size_t end = bytes.size();
  while (left && begin < end && goes(begin, CharLength(bytes.substr(begin)))) begin += CharLength(bytes.substr(begin));
  while (right && begin < end) {
    const size_t last = PreviousChar(bytes, end);
    if (!goes(last, end - last)) break;
    end = last;
  }
  return text.Slice(begin, end);
}

Text Repeat(Run& run, const Text& text, int64_t count) {
  Text out;
  const auto times = static_cast<uint64_t>(std::max<int64_t>(count, 0));
  if (times > 0 && text.footprint() > UINT64_MAX / times) run.Fail("a repeated text is too long");
  if (run.failed() || !run.Grow(text.footprint() * times) || !run.Step(text.empty() ? 0 : times)) return out;
  for (uint64_t i = 0; i < times && !text.empty(); ++i) out.Append(text);
  return out;
}

Text Replace(Run& run, const Text& text, const Text& from, const Text& to, int64_t count_max) {
  Text out;
  const std::string_view bytes = text.bytes();
  const auto put = [&](size_t begin, size_t end) {
    if (!run.Grow(to.footprint())) return;
    if (text.AllTrusted(begin, end))
      out.Append(to);
    else
      out.Append(to.bytes(), false);
  };
  if (!run.Grow(text.footprint())) return out;
  size_t at = 0;
  for (int64_t done = 0; (count_max < 0 || done < count_max) && run.Step(); ++done) {
    const size_t hit =
        FindText(bytes, from.bytes(), at + (from.empty() && done > 0 ? CharLength(bytes.substr(at)) : 0));
    if (hit == std::string_view::npos) break;
    out.AppendSlice(text, at, hit);
    put(hit, hit + from.size());
    at = hit + from.size();
    if (from.empty() && at >= bytes.size()) break;
  }
  out.AppendSlice(text, at, bytes.size());
  return out;
}

Value EscapeText(Interpreter& interpreter, const Value& value) {
  if (value.markup()) return value;
  Run& run = interpreter.run();
  const Text text = Str(run, value);
  Text out;
  const std::string_view bytes = text.bytes();
  if (!run.Grow(text.footprint())) return {};
  for (size_t at = 0; at < bytes.size();) {
    const size_t next = std::min(bytes.find_first_of("&<>\"'", at), bytes.size());
    out.AppendSlice(text, at, next);
    if (next == bytes.size() || !run.Grow(5)) break;
    const char c = bytes[next];
    const char* entity = c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '"' ? "&#34;" : "&#39;";
    out.Append(entity, text.AllTrusted(next, next + 1));
    at = next + 1;
  }
  return Value::Of(std::move(out)).AsMarkup();
}

Text JoinTexts(Interpreter& interpreter, const Text& separator, const std::vector<Value>& items) {
  Run& run = interpreter.run();
  Text out;
  for (size_t i = 0; i < items.size() && !run.failed(); ++i) {
    if (i > 0 && run.Grow(separator.footprint())) out.Append(separator);
    const Text piece = Str(run, items[i]);
    if (run.Grow(piece.footprint())) out.Append(piece);
  }
  return out;
}

namespace {

// ---- Global functions

Value RaiseException(Interpreter& interpreter, const Value&, const Arguments& arguments) {
  const Parameters parameters(interpreter, "raise_exception", arguments, {"message"}, 1);
  if (parameters.ok()) interpreter.run().Fail(std::string(Str(interpreter.run(), *parameters[0]).bytes()));
  return {};
}

Value StrftimeNow(Interpreter& interpreter, const Value&, const Arguments& arguments) {
  const Parameters parameters(interpreter, "strftime_now", arguments, {"format"}, 1);
  const Text* format = parameters.ok() ? parameters.TextOrNone(0) : nullptr;
  if (format == nullptr) {
    interpreter.run().Fail("strftime_now() needs a format");
    return {};
  }
  const auto now = static_cast<time_t>(interpreter.now_unix_seconds());
  std::tm utc{};
  gmtime_r(&now, &utc);
  // Python knows %f (microseconds), which C doesn't; and prints nothing for the zone of a time without one.
  std::string pattern;
  const std::string_view bytes = format->bytes();
  for (size_t i = 0; i < bytes.size(); ++i) {
    const char next = bytes[i] == '%' && i + 1 < bytes.size() ? bytes[i + 1] : '\0';
    if (next == 'f')
      pattern += "000000";
    else if (next != 'z' && next != 'Z')
      pattern += bytes.substr(i, next == '%' ? 2 : 1);
    i += next == 'f' || next == 'z' || next == 'Z' || next == '%' ? 1 : 0;
  }
  char buffer[512];
  pattern += '.';  // so that an empty result differs from one that didn't fit
  const size_t size = strftime(buffer, sizeof buffer, pattern.c_str(), &utc);
  if (size == 0) {
    interpreter.run().Fail("the format of strftime_now() prints more than 500 bytes");
    return {};
  }
  return Value::Of(std::string(buffer, size - 1), format->AllTrusted());
}

Value Range(Interpreter& interpreter, const Value&, const Arguments& arguments) {
  constexpr uint64_t kItemsMax = 100'000;  // as the reference's sandbox
  Run& run = interpreter.run();
  const Parameters parameters(interpreter, "range", arguments, {"start", "stop", "step"}, 1);
  if (!parameters.ok()) return {};
  const bool one = parameters[1] == nullptr;
  const int64_t start = one ? 0 : parameters.Integer(0, 0);
  const int64_t stop = parameters.Integer(one ? 0 : 1, 0);
  const int64_t step = parameters.Integer(2, 1);
  if (step == 0) run.Fail("range() arg 3 must not be zero");
  std::vector<Value> items;
  int64_t i = start;
  while (!run.failed() && (step > 0 ? i < stop : i > stop)) {
    if (items.size() == kItemsMax) run.Fail(Cat("range() is limited to ", kItemsMax, " items"));
    items.push_back(Value::Int(i));
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  std::string repr =
      step == 1 ? Cat("range(", start, ", ", stop, ")") : Cat("range(", start, ", ", stop, ", ", step, ")");
  return MakeSequence(run, Kind::kRange, std::move(items), std::move(repr));
}

// The entries of dict(...) and namespace(...): from a dict or pairs, then from names.
std::vector<std::pair<Value, Value>> TakeEntries(Interpreter& interpreter, std::string_view function,
                                                 const Arguments& arguments) {
  Run& run = interpreter.run();
  std::vector<std::pair<Value, Value>> entries;
  if (arguments.positional.size() > 1)
    run.Fail(Cat(function, " expected at most 1 argument, got ", arguments.positional.size()));
  if (!arguments.positional.empty() && !run.failed()) {
    const Value& source = arguments.positional[0];
    if (source.is_dict()) {
      if (run.Grow(source.dict().entries.size() * 2 * sizeof(Value))) entries = source.dict().entries;
    } else {
      for (const Value& pair : Items(run, source)) {
        std::vector<Value> both = Items(run, pair);
        if (both.size() != 2) run.Fail(Cat(function, " needs pairs of a key and a value"));
        if (run.failed()) break;
        entries.emplace_back(std::move(both[0]), std::move(both[1]));
      }
    }
  }
  for (const auto& [name, value] : arguments.named) entries.emplace_back(Value::Of(std::string(name)), value);
  return entries;
}

Value DictFunction(Interpreter& interpreter, const Value&, const Arguments& arguments) {
  return MakeDict(interpreter.run(), TakeEntries(interpreter, "dict", arguments));
}

Value NamespaceFunction(Interpreter& interpreter, const Value&, const Arguments& arguments) {
  Value space = interpreter.NewNamespace();
  if (interpreter.run().failed()) return {};
  for (const auto& [name, value] : TakeEntries(interpreter, "namespace", arguments)) {
    if (name.is_text()) space.name_space().Set(name.text().bytes(), value);
  }
  return space;
}

constexpr NamedFunction kGlobals[] = {
    {"dict", DictFunction}, {"namespace", NamespaceFunction}, {"raise_exception", RaiseException},
    {"range", Range},       {"strftime_now", StrftimeNow},
};

}  // namespace

Function FindGlobal(std::string_view name) {
  for (const NamedFunction& global : kGlobals) {
    if (global.name == name) return global.function;
  }
  return nullptr;
}

}  // namespace bedplate::jinja

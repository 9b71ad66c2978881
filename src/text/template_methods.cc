// Python's methods of str, list, tuple, dict and numbers, as far as they read: what would change a list or dict is out
// of reach in the sandbox.
#include <algorithm>
#include <cmath>
#include <iterator>

#include "base/cat.h"
#include "text/template_call.h"
#include "text/template_print.h"
#include "text/template_unicode.h"

namespace bedplate::jinja {
namespace {

constexpr size_t kNoHit = std::string_view::npos;

// ---- str: case and kind

template <Text (*Map)(const Text&)>
Value MappedSelf(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const Parameters none(interpreter, "method", arguments, {});
  return interpreter.run().Grow(self.text().footprint()) ? Value::Of(Map(self.text())) : Value();
}

// True if there are characters and all of them are so.
template <bool (*Check)(char32_t)>
Value All(Interpreter& interpreter, const Value& self, const Arguments&) {
  const std::string_view bytes = self.text().bytes();
  bool all = !bytes.empty() && interpreter.run().Step(bytes.size() / 16);
  for (size_t at = 0; all && at < bytes.size(); at += CharLength(bytes.substr(at)))
    all = Check(CodePoint(bytes.substr(at)));
  return Value::Bool(all);
}

bool IsAlnum(char32_t c) {
  return IsAlpha(c) || IsDigit(c);
}
bool IsAscii(char32_t c) {
  return c < 0x80;
}

Value IsAsciiText(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  return self.text().empty() ? Value::Bool(true) : All<IsAscii>(interpreter, self, arguments);
}

template <bool kWantUpper>
Value IsCase(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  return Value::Bool(Truthy(FindTest(kWantUpper ? "upper" : "lower")(interpreter, self, arguments)));
}

Value IsTitle(Interpreter& interpreter, const Value& self, const Arguments&) {
  const std::string_view bytes = self.text().bytes();
  bool any = false;
  bool in_word = false;
  if (!interpreter.run().Step(bytes.size() / 16)) return {};
  for (size_t at = 0; at < bytes.size(); at += CharLength(bytes.substr(at))) {
    const char32_t c = CodePoint(bytes.substr(at));
    if (in_word ? IsUpper(c) : IsLower(c)) return Value::Bool(false);
    in_word = IsUpper(c) || IsLower(c);
    any |= in_word;
  }
  return Value::Bool(any);
}

// ---- str: ends

template <bool kLeft, bool kRight>
Value StripMethod(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const Parameters parameters(interpreter, "strip", arguments, {"chars"});
  const Text* chars = parameters.ok() ? parameters.TextOrNone(0) : nullptr;
  const uint64_t work = self.text().footprint() + (chars != nullptr ? self.text().size() * chars->size() / 8 : 0);
  return parameters.ok() && interpreter.run().Grow(self.text().footprint()) && interpreter.run().Step(work / 16)
             ? Value::Of(Strip(self.text(), chars, kLeft, kRight))
             : Value();
}

// The part [start, end) of a text that startswith, find and count look at, in bytes.
struct Window {
  size_t begin, end;
};

std::optional<Window> WindowOf(Run& run, const Text& text, const Parameters& parameters) {
  const Value* start = parameters[1];
  const Value* end = parameters[2];
  if ((start == nullptr || start->is_none()) && (end == nullptr || end->is_none())) return Window{0, text.size()};
  if (!run.Step(text.size() / 16)) return std::nullopt;
  const auto size = static_cast<int64_t>(CountChars(text.bytes()));
  const auto place = [&](const Value* value, size_t index, int64_t otherwise) {
    if (value == nullptr || value->is_none()) return otherwise;
    const int64_t position = parameters.Integer(index, 0);
    return std::clamp<int64_t>(position < 0 ? std::max(position + size, int64_t{0}) : position, 0, size + 1);
  };
  const int64_t from = place(start, 1, 0);
  const int64_t to = std::min(place(end, 2, size), size);
  if (run.failed() || from > to) return std::nullopt;
  return Window{CharOffset(text.bytes(), static_cast<size_t>(from)), CharOffset(text.bytes(), static_cast<size_t>(to))};
}

template <bool kAtStart>
Value HasAffix(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  Run& run = interpreter.run();
  const Parameters parameters(interpreter, kAtStart ? "startswith" : "endswith", arguments, {"prefix", "start", "end"},
                              1);
  if (!parameters.ok()) return {};
  const auto window = WindowOf(run, self.text(), parameters);
  if (!window) return Value::Bool(false);
  const std::string_view bytes = self.text().bytes().substr(window->begin, window->end - window->begin);
  const auto matches = [&](const Value& affix) {
    if (affix.is_text())
      return kAtStart ? bytes.starts_with(affix.text().bytes()) : bytes.ends_with(affix.text().bytes());
    run.Fail(affix.is_undefined() ? affix.undefined().reason
                                  : Cat(kAtStart ? "startswith" : "endswith",
                                        " first arg must be str or a tuple of str, not ", TypeName(affix)));
    return false;
  };
  if (!parameters[0]->Is(Kind::kTuple)) return Value::Bool(matches(*parameters[0]));
  const auto& affixes = parameters[0]->items();
  return Value::Bool(std::any_of(affixes.begin(), affixes.end(), matches));
}

template <bool kPrefix>
Value RemoveAffix(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const Parameters parameters(interpreter, "removeprefix", arguments, {"affix"}, 1);
  const Text* affix = parameters.ok() ? parameters.TextOrNone(0) : nullptr;
  if (affix == nullptr || affix->empty()) return self;
  const std::string_view bytes = self.text().bytes();
  if (kPrefix ? !bytes.starts_with(affix->bytes()) : !bytes.ends_with(affix->bytes())) return self;
  if (!interpreter.run().Grow(self.text().footprint())) return {};
  return Value::Of(kPrefix ? self.text().Slice(affix->size(), bytes.size())
                           : self.text().Slice(0, bytes.size() - affix->size()));
}

// ---- str: search

// Charges a search from the right, which may compare the needle at every place.
size_t FindLast(Run& run, std::string_view haystack, std::string_view needle) {
  return run.Step(haystack.size() / 64 * std::max<size_t>(needle.size(), 1)) ? haystack.rfind(needle) : kNoHit;
}

template <bool kLast, bool kMustExist>
Value FindMethodOf(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  Run& run = interpreter.run();
  const Parameters parameters(interpreter, "find", arguments, {"sub", "start", "end"}, 1);
  const Text* needle = parameters.ok() ? parameters.TextOrNone(0) : nullptr;
  if (needle == nullptr) {
    run.Fail("must be str, not NoneType");
    return {};
  }
  size_t hit = kNoHit;
  const auto window = WindowOf(run, self.text(), parameters);
  if (window && run.Step(self.text().size() / 16)) {
    const std::string_view bytes = self.text().bytes().substr(0, window->end);
    if (kLast) {
      hit = FindLast(run, bytes.substr(window->begin), needle->bytes());
      if (hit != kNoHit) hit += window->begin;
    } else {
      hit = FindText(bytes, needle->bytes(), window->begin);
    }
  }
  if (hit == kNoHit && kMustExist) run.Fail("substring not found");
  return Value::Int(hit == kNoHit ? -1 : static_cast<int64_t>(CountChars(self.text().bytes().substr(0, hit))));
}

Value CountInText(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  Run& run = interpreter.run();
  const Parameters parameters(interpreter, "count", arguments, {"sub", "start", "end"}, 1);
  const Text* needle = parameters.ok() ? parameters.TextOrNone(0) : nullptr;
  if (needle == nullptr) {
    run.Fail("must be str, not NoneType");
    return {};
  }
  const auto window = WindowOf(run, self.text(), parameters);
  if (!window || !run.Step(self.text().size() / 16)) return Value::Int(0);
  const std::string_view bytes = self.text().bytes().substr(window->begin, window->end - window->begin);
  if (needle->empty()) return Value::Int(static_cast<int64_t>(CountChars(bytes)) + 1);
  int64_t count = 0;
  for (size_t at = 0; (at = FindText(bytes, needle->bytes(), at)) != kNoHit && run.Step(); at += needle->size())
    ++count;
  return Value::Int(count);
}

Value ReplaceMethod(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const Parameters parameters(interpreter, "replace", arguments, {"old", "new", "count"}, 2);
  const Text* from = parameters.ok() ? parameters.TextOrNone(0) : nullptr;
  const Text* to = parameters.ok() ? parameters.TextOrNone(1) : nullptr;
  if (from == nullptr || to == nullptr) {
    interpreter.run().Fail("replace() arguments must be str, not NoneType");
    return {};
  }
  return Value::Of(Replace(interpreter.run(), self.text(), *from, *to, parameters.Integer(2, -1)));
}

// ---- str: parts

bool PutPiece(Run& run, std::vector<Value>& out, const Text& text, size_t begin, size_t end) {
  if (!run.Grow(end - begin + sizeof(TextObject) + sizeof(Value))) return false;
  out.push_back(Value::Of(text.Slice(begin, end)));
  return true;
}

// split() without a separator: at runs of white space, none of it left.
std::vector<Value> SplitAtSpace(Run& run, const Text& text, int64_t splits_max) {
  std::vector<Value> out;
  const std::string_view bytes = text.bytes();
  const auto skip = [&](size_t at, bool space) {
    while (at < bytes.size() && IsSpace(CodePoint(bytes.substr(at))) == space) at += CharLength(bytes.substr(at));
    return at;
  };
  for (size_t at = skip(0, true); at < bytes.size();) {
    const bool last = splits_max >= 0 && static_cast<int64_t>(out.size()) >= splits_max;
    const size_t end = last ? bytes.size() : skip(at, false);  // the last piece keeps what follows it
    if (!PutPiece(run, out, text, at, end)) break;
    at = last ? bytes.size() : skip(end, true);
  }
  return out;
}

std::vector<Value> SplitAtSpaceFromRight(Run& run, const Text& text, int64_t splits_max) {
  std::vector<Value> out;
  const std::string_view bytes = text.bytes();
  const auto skip = [&](size_t end, bool space) {
    while (end > 0 && IsSpace(CodePoint(bytes.substr(PreviousChar(bytes, end)))) == space)
      end = PreviousChar(bytes, end);
    return end;
  };
  for (size_t end = skip(bytes.size(), true); end > 0;) {
    const bool last = splits_max >= 0 && static_cast<int64_t>(out.size()) >= splits_max;
    const size_t begin = last ? 0 : skip(end, false);
    if (!PutPiece(run, out, text, begin, end)) break;
    end = last ? 0 : skip(begin, true);
  }
  std::reverse(out.begin(), out.end());
  return out;
}

std::vector<Value> SplitAt(Run& run, const Text& text, std::string_view separator, int64_t splits_max) {
  std::vector<Value> out;
  size_t at = 0;
  while (splits_max < 0 || static_cast<int64_t>(out.size()) < splits_max) {
    const size_t hit = FindText(text.bytes(), separator, at);
    if (hit == kNoHit || !PutPiece(run, out, text, at, hit)) break;
    at = hit + separator.size();
  }
  PutPiece(run, out, text, at, text.size());
  return out;
}

std::vector<Value> SplitAtFromRight(Run& run, const Text& text, std::string_view separator, int64_t splits_max) {
  std::vector<Value> out;
  size_t end = text.size();
  if (!run.Step(text.size() / 64 * separator.size())) return out;
  while (splits_max < 0 || static_cast<int64_t>(out.size()) < splits_max) {
    const size_t hit = text.bytes().substr(0, end).rfind(separator);
    if (hit == kNoHit || !PutPiece(run, out, text, hit + separator.size(), end)) break;
    end = hit;
  }
  PutPiece(run, out, text, 0, end);
  std::reverse(out.begin(), out.end());
  return out;
}

template <bool kFromRight>
Value Split(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  Run& run = interpreter.run();
  const Parameters parameters(interpreter, "split", arguments, {"sep", "maxsplit"});
  const Text* separator = parameters.ok() ? parameters.TextOrNone(0) : nullptr;
  const int64_t splits_max = parameters.ok() ? parameters.Integer(1, -1) : -1;
  if (run.failed() || !run.Step(self.text().size() / 16)) return {};
  if (separator == nullptr) {
    return MakeList(run, kFromRight ? SplitAtSpaceFromRight(run, self.text(), splits_max)
                                    : SplitAtSpace(run, self.text(), splits_max));
  }
  if (separator->empty()) {
    run.Fail("empty separator");
    return {};
  }
  return MakeList(run, kFromRight ? SplitAtFromRight(run, self.text(), separator->bytes(), splits_max)
                                  : SplitAt(run, self.text(), separator->bytes(), splits_max));
}

template <bool kFromRight>
Value Partition(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  Run& run = interpreter.run();
  const Parameters parameters(interpreter, "partition", arguments, {"sep"}, 1);
  const Text* separator = parameters.ok() ? parameters.TextOrNone(0) : nullptr;
  if (separator == nullptr || separator->empty()) {
    run.Fail("empty separator");
    return {};
  }
  const Text& text = self.text();
  if (!run.Grow(text.footprint())) return {};
  const size_t hit =
      kFromRight ? FindLast(run, text.bytes(), separator->bytes()) : FindText(text.bytes(), separator->bytes());
  std::vector<Value> out = {Value::Of(""), Value::Of(""), Value::Of("")};
  if (hit == kNoHit) {
    out[kFromRight ? 2 : 0] = self;
  } else {
    out[0] = Value::Of(text.Slice(0, hit));
    out[1] = Value::Of(text.Slice(hit, hit + separator->size()));
    out[2] = Value::Of(text.Slice(hit + separator->size(), text.size()));
  }
  return MakeSequence(run, Kind::kTuple, std::move(out));
}

Value SplitLines(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  Run& run = interpreter.run();
  const Parameters parameters(interpreter, "splitlines", arguments, {"keepends"});
  if (!parameters.ok()) return {};
  const bool keep_ends = parameters.Flag(0, false);
  std::vector<Value> out;
  const std::string_view bytes = self.text().bytes();
  size_t begin = 0;
  for (size_t at = 0; at < bytes.size();) {
    const size_t length = CharLength(bytes.substr(at));
    if (!IsLineEnd(CodePoint(bytes.substr(at)))) {
      at += length;
      continue;
    }
    const size_t next = at + (bytes.substr(at).starts_with("\r\n") ? 2 : length);
    if (!PutPiece(run, out, self.text(), begin, keep_ends ? next : at)) break;
    begin = at = next;
  }
  if (begin < bytes.size()) PutPiece(run, out, self.text(), begin, bytes.size());
  return MakeList(run, std::move(out));
}

Value JoinMethod(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  Run& run = interpreter.run();
  const Parameters parameters(interpreter, "join", arguments, {"iterable"}, 1);
  if (!parameters.ok()) return {};
  const std::vector<Value> items = Items(run, *parameters[0]);
  for (size_t i = 0; i < items.size(); ++i) {
    if (!items[i].is_text())
      run.Fail(Cat("sequence item ", i, ": expected str instance, ", TypeName(items[i]), " found"));
  }
  return run.failed() ? Value() : Value::Of(JoinTexts(interpreter, self.text(), items));
}

// ---- str: padding and format

// align: -1 left, 0 centre, 1 right.
template <int kAlign>
Value Justify(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  Run& run = interpreter.run();
  const Parameters parameters(interpreter, "justify", arguments, {"width", "fillchar"}, 1);
  if (!parameters.ok()) return {};
  const Text* fill = parameters.TextOrNone(1);
  const Text space(" ", true);
  if (fill == nullptr) fill = &space;
  if (CountChars(fill->bytes()) != 1) run.Fail("The fill character must be exactly one character long");
  const int64_t width = parameters.Integer(0, 0);
  const auto length = static_cast<int64_t>(CountChars(self.text().bytes()));
  if (run.failed() || width <= length || !run.Grow(self.text().footprint())) return self;
  const int64_t missing = width - length;
  const int64_t left = kAlign == -1 ? 0 : kAlign == 1 ? missing : missing / 2 + (missing & width & 1);
  Text out = Repeat(run, *fill, left);
  out.Append(self.text());
  out.Append(Repeat(run, *fill, missing - left));
  return Value::Of(std::move(out));
}

Value ZeroFill(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  Run& run = interpreter.run();
  const Parameters parameters(interpreter, "zfill", arguments, {"width"}, 1);
  if (!parameters.ok()) return {};
  const Text& text = self.text();
  const int64_t missing = parameters.Integer(0, 0) - static_cast<int64_t>(CountChars(text.bytes()));
  if (missing <= 0 || !run.Grow(text.footprint())) return self;
  const bool has_sign = text.bytes().starts_with('+') || text.bytes().starts_with('-');
  Text out = text.Slice(0, has_sign ? 1 : 0);
  out.Append(Repeat(run, Text("0", true), missing));
  out.AppendSlice(text, has_sign ? 1 : 0, text.size());
  return Value::Of(std::move(out));
}

Value ExpandTabs(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  Run& run = interpreter.run();
  const Parameters parameters(interpreter, "expandtabs", arguments, {"tabsize"});
  const int64_t size = parameters.ok() ? parameters.Integer(0, 8) : 8;
  Text out;
  int64_t column = 0;
  const std::string_view bytes = self.text().bytes();
  for (size_t at = 0; at < bytes.size() && !run.failed();) {
    const size_t length = CharLength(bytes.substr(at));
    if (bytes[at] == '\t') {
      const int64_t spaces = size > 0 ? size - column % size : 0;
      out.Append(Repeat(run, Text(" ", self.text().AllTrusted(at, at + 1)), spaces));
      column += spaces;
    } else if (run.Grow(length)) {
      out.AppendSlice(self.text(), at, at + length);
      column = bytes[at] == '\n' || bytes[at] == '\r' ? 0 : column + 1;
    }
    at += length;
  }
  return Value::Of(std::move(out));
}

Value FormatMethod(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  return Value::Of(FormatBraces(interpreter, self.text(), arguments));
}

constexpr NamedFunction kTextMethods[] = {
    {"capitalize", MappedSelf<Capitalize>},
    {"casefold", MappedSelf<Lower>},
    {"center", Justify<0>},
    {"count", CountInText},
    {"endswith", HasAffix<false>},
    {"expandtabs", ExpandTabs},
    {"find", FindMethodOf<false, false>},
    {"format", FormatMethod},
    {"index", FindMethodOf<false, true>},
    {"isalnum", All<IsAlnum>},
    {"isalpha", All<IsAlpha>},
    {"isascii", IsAsciiText},
    {"isdecimal", All<IsDigit>},
    {"isdigit", All<IsDigit>},
    {"islower", IsCase<false>},
    {"isnumeric", All<IsDigit>},
    {"isprintable", All<IsPrintable>},
    {"isspace", All<IsSpace>},
    {"istitle", IsTitle},
    {"isupper", IsCase<true>},
    {"join", JoinMethod},
    {"ljust", Justify<-1>},
    {"lower", MappedSelf<Lower>},
    {"lstrip", StripMethod<true, false>},
    {"partition", Partition<false>},
    {"removeprefix", RemoveAffix<true>},
    {"removesuffix", RemoveAffix<false>},
    {"replace", ReplaceMethod},
    {"rfind", FindMethodOf<true, false>},
    {"rindex", FindMethodOf<true, true>},
    {"rjust", Justify<1>},
    {"rpartition", Partition<true>},
    {"rsplit", Split<true>},
    {"rstrip", StripMethod<false, true>},
    {"split", Split<false>},
    {"splitlines", SplitLines},
    {"startswith", HasAffix<true>},
    {"strip", StripMethod<true, true>},
    {"swapcase", MappedSelf<SwapCase>},
    {"title", MappedSelf<Title>},
    {"upper", MappedSelf<Upper>},
    {"zfill", ZeroFill},
};

// ---- list and tuple

Value SequenceIndex(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  Run& run = interpreter.run();
  const Parameters parameters(interpreter, "index", arguments, {"value", "start", "stop"}, 1);
  if (!parameters.ok()) return {};
  const auto& items = self.items();
  for (size_t i = 0; i < items.size() && !run.failed(); ++i) {
    if (Equal(run, items[i], *parameters[0])) return Value::Int(static_cast<int64_t>(i));
  }
  run.Fail(Cat(Repr(run, *parameters[0]).bytes(), " is not in list"));
  return {};
}

Value SequenceCount(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  Run& run = interpreter.run();
  const Parameters parameters(interpreter, "count", arguments, {"value"}, 1);
  if (!parameters.ok()) return {};
  int64_t count = 0;
  for (const Value& item : self.items()) count += Equal(run, item, *parameters[0]) ? 1 : 0;
  return Value::Int(count);
}

Value CopyMethod(Interpreter&, const Value& self, const Arguments&) {
  return self;
}

constexpr NamedFunction kSequenceMethods[] = {{"copy", CopyMethod}, {"count", SequenceCount}, {"index", SequenceIndex}};

// ---- dict

enum class Part { kKeys, kValues, kItems };

template <Part kPart>
Value View(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  Run& run = interpreter.run();
  const Parameters none(interpreter, "method", arguments, {});
  std::vector<Value> items;
  const auto& entries = self.dict().entries;
  if (!none.ok() || !run.Grow(entries.size() * sizeof(Value) * 4)) return {};
  for (const auto& [key, value] : entries) {
    if (kPart == Part::kKeys)
      items.push_back(key);
    else if (kPart == Part::kValues)
      items.push_back(value);
    else
      items.push_back(MakeSequence(run, Kind::kTuple, {key, value}));
  }
  const char* name = kPart == Part::kKeys ? "dict_keys" : kPart == Part::kValues ? "dict_values" : "dict_items";
  return MakeSequence(run, Kind::kView, std::move(items), name);
}

Value DictGet(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const Parameters parameters(interpreter, "get", arguments, {"key", "default"}, 1);
  if (!parameters.ok()) return {};
  const Value* value = self.dict().Find(interpreter.run(), *parameters[0]);
  if (value != nullptr) return *value;
  return parameters[1] != nullptr ? *parameters[1] : Value();
}

constexpr NamedFunction kDictMethods[] = {{"copy", CopyMethod},
                                          {"get", DictGet},
                                          {"items", View<Part::kItems>},
                                          {"keys", View<Part::kKeys>},
                                          {"values", View<Part::kValues>}};

// ---- numbers

Value IsWhole(Interpreter&, const Value& self, const Arguments&) {
  return Value::Bool(std::isfinite(self.number()) && self.number() == std::floor(self.number()));
}

constexpr NamedFunction kFloatMethods[] = {{"is_integer", IsWhole}};

template <size_t kSize>
Function Find(const NamedFunction (&table)[kSize], std::string_view name) {
  const auto* it =
      std::find_if(std::begin(table), std::end(table), [&](const NamedFunction& f) { return f.name == name; });
  return it != std::end(table) ? it->function : nullptr;
}

}  // namespace

Function FindMethod(const Value& object, std::string_view name) {
  switch (object.kind()) {
    case Kind::kText:
      return Find(kTextMethods, name);
    case Kind::kList:
      return Find(kSequenceMethods, name);
    case Kind::kTuple:
    case Kind::kRange:
      return name == "copy" ? nullptr : Find(kSequenceMethods, name);
    case Kind::kDict:
      return Find(kDictMethods, name);
    case Kind::kFloat:
      return Find(kFloatMethods, name);
    default:
      return nullptr;
  }
}

bool IsMutator(const Value& object, std::string_view name) {
  constexpr std::string_view kList[] = {"append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"};
  constexpr std::string_view kDict[] = {"clear", "pop", "popitem", "setdefault", "update"};
  if (object.Is(Kind::kList)) return std::find(std::begin(kList), std::end(kList), name) != std::end(kList);
  return object.is_dict() && std::find(std::begin(kDict), std::end(kDict), name) != std::end(kDict);
}

}  // namespace bedplate::jinja

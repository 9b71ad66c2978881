#include "text/template_value.h"

#include <cstring>
#include <functional>

#include "base/cat.h"
#include "text/template_unicode.h"

namespace bedplate::jinja {
namespace {

constexpr size_t kIndexFrom = 9;  // below that, looking at every entry is faster than hashing
constexpr size_t kNoEntry = SIZE_MAX;

size_t HashText(std::string_view bytes) {
  return std::hash<std::string_view>()(bytes);
}

// int and float compare exactly: 2**53 + 1 is not 2.0**53.
int CompareNumbers(const Value& a, const Value& b) {  // -1, 0, 1; 2 when a NaN is in it
  if (a.is_integer() && b.is_integer()) return (a.integer() > b.integer()) - (a.integer() < b.integer());
  const long double x = a.is_integer() ? static_cast<long double>(a.integer()) : a.number();
  const long double y = b.is_integer() ? static_cast<long double>(b.integer()) : b.number();
  if (x != x || y != y) return 2;
  return (x > y) - (x < y);
}

bool EqualItems(Run& run, const std::vector<Value>& a, const std::vector<Value>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!Equal(run, a[i], b[i])) return false;
  }
  return true;
}

bool EqualDicts(Run& run, const Dict& a, const Dict& b) {
  if (a.entries.size() != b.entries.size()) return false;
  for (const auto& [key, value] : a.entries) {
    const Value* other = b.Find(run, key);
    if (other == nullptr || !Equal(run, value, *other)) return false;
  }
  return true;
}

uint32_t DepthAbove(Run& run, uint32_t depth) {
  if (depth >= kContainerDepthMax) run.Fail(Cat("lists and dicts nest deeper than ", kContainerDepthMax, " levels"));
  return depth + 1;
}

Value Character(const Text& text, size_t at, size_t length) {
  return Value::Of(text.Slice(at, at + length));
}

}  // namespace

Value Value::Of(Text text) {
  const bool trusted = text.AllTrusted();
  return Make(Kind::kText, std::make_shared<TextObject>(std::move(text)), trusted);
}

Value Value::UndefinedFor(std::string reason) {
  return Make(Kind::kUndefined, std::make_shared<Undefined>(std::move(reason)));
}

const Sequence& Value::sequence() const {
  return *static_cast<const Sequence*>(object_.get());
}
const std::vector<Value>& Value::items() const {
  return sequence().items;
}
const Dict& Value::dict() const {
  return *static_cast<const Dict*>(object_.get());
}
Iterator& Value::iterator() const {
  return *static_cast<Iterator*>(object_.get());
}
Namespace& Value::name_space() const {
  return *static_cast<Namespace*>(object_.get());
}

uint32_t Value::depth() const {
  switch (kind_) {
    case Kind::kList:
    case Kind::kTuple:
    case Kind::kRange:
    case Kind::kView:
      return sequence().depth;
    case Kind::kDict:
      return dict().depth;
    case Kind::kIterator:
      return iterator().depth;
    case Kind::kCallable:
      return static_cast<const Callable*>(object_.get())->depth();
    default:
      return 0;
  }
}

template <class Same>
size_t Dict::Locate(Run& run, size_t hash, Same same) const {
  if (index_.empty()) {
    for (size_t i = 0; i < entries.size(); ++i) {
      if (same(entries[i].first)) return i;
    }
    return kNoEntry;
  }
  const auto [first, last] = index_.equal_range(hash);
  for (auto it = first; it != last; ++it) {
    if (!run.Step()) return kNoEntry;
    if (same(entries[it->second].first)) return it->second;
  }
  return kNoEntry;
}

const Value* Dict::Find(Run& run, const Value& key) const {
  const size_t at = Locate(run, Hash(run, key), [&](const Value& candidate) { return Equal(run, candidate, key); });
  return at == kNoEntry ? nullptr : &entries[at].second;
}

const Value* Dict::Find(Run& run, std::string_view key) const {
  const size_t hash = index_.empty() ? 0 : HashText(key);
  const size_t at =
      Locate(run, hash, [&](const Value& candidate) { return candidate.is_text() && candidate.text().bytes() == key; });
  return at == kNoEntry ? nullptr : &entries[at].second;
}

void Dict::Set(Run& run, Value key, Value value) {
  const size_t hash = Hash(run, key);
  const size_t at = Locate(run, hash, [&](const Value& candidate) { return Equal(run, candidate, key); });
  if (at != kNoEntry) {
    entries[at].second = std::move(value);
    return;
  }
  entries.emplace_back(std::move(key), std::move(value));
  if (!index_.empty()) {
    index_.emplace(hash, static_cast<uint32_t>(entries.size() - 1));
  } else if (entries.size() >= kIndexFrom) {
    for (size_t i = 0; i < entries.size(); ++i) {
      index_.emplace(Hash(run, entries[i].first), static_cast<uint32_t>(i));
    }
  }
}

const Value* Namespace::Find(std::string_view name) const {
  for (const auto& [key, value] : attributes) {
    if (key == name) return &value;
  }
  return nullptr;
}

void Namespace::Set(std::string_view name, Value value) {
  for (auto& [key, old] : attributes) {
    if (key == name) {
      old = std::move(value);
      return;
    }
  }
  attributes.emplace_back(std::string(name), std::move(value));
}

std::string_view TypeName(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
      return "Undefined";
    case Kind::kNone:
      return "NoneType";
    case Kind::kBool:
      return "bool";
    case Kind::kInt:
      return "int";
    case Kind::kFloat:
      return "float";
    case Kind::kText:
      return "str";
    case Kind::kList:
      return "list";
    case Kind::kTuple:
      return "tuple";
    case Kind::kRange:
      return "range";
    case Kind::kView:
      return value.sequence().repr_name;
    case Kind::kDict:
      return "dict";
    case Kind::kIterator:
      return value.iterator().repr_name;
    case Kind::kNamespace:
      return "Namespace";
    case Kind::kLoop:
      return "LoopContext";
    case Kind::kCallable:
      return "function";
  }
  return "object";
}

namespace {

// Sequences and iterators hold their items alike.
template <class Holder>
Value MakeHolder(Run& run, Kind kind, std::vector<Value> items, std::string repr_name) {
  auto out = std::make_shared<Holder>();
  bool trusted = true;
  uint32_t depth = 0;
  if (run.Grow(64 + items.size() * sizeof(Value))) {
    for (const Value& item : items) {
      depth = std::max(depth, item.depth());
      trusted &= item.trusted();
    }
    out->items = std::move(items);
  }
  out->depth = DepthAbove(run, depth);
  out->repr_name = std::move(repr_name);
  return Value::Make(kind, std::move(out), trusted);
}

}  // namespace

Value MakeSequence(Run& run, Kind kind, std::vector<Value> items, std::string repr_name) {
  return MakeHolder<Sequence>(run, kind, std::move(items), std::move(repr_name));
}

Value MakeIterator(Run& run, std::vector<Value> items, std::string repr_name) {
  return MakeHolder<Iterator>(run, Kind::kIterator, std::move(items), std::move(repr_name));
}

Value MakeDict(Run& run, std::vector<std::pair<Value, Value>> entries) {
  auto out = std::make_shared<Dict>();
  bool trusted = true;
  uint32_t depth = 0;
  if (run.Grow(64 + entries.size() * 4 * sizeof(Value))) {
    for (auto& [key, value] : entries) {
      depth = std::max({depth, key.depth(), value.depth()});
      trusted &= key.trusted() && value.trusted();
      out->Set(run, std::move(key), std::move(value));
      if (run.failed()) break;
    }
  }
  out->depth = DepthAbove(run, depth);
  return Value::Make(Kind::kDict, std::move(out), trusted);
}

Value FromJson(Run& run, const Json& json) {
  constexpr bool kTrusted = false;
  if (json.is_null()) return Value::None(kTrusted);
  if (json.is_bool()) return Value::Bool(json.as_bool(), kTrusted);
  if (json.is_int()) return Value::Int(json.as_int(), kTrusted);
  if (json.is_double()) return Value::Float(json.as_double(), kTrusted);
  if (json.is_string()) return Value::Of(json.as_string(), kTrusted);
  if (json.is_array()) {
    std::vector<Value> items;
    for (const Json& item : json.as_array()) {
      items.push_back(FromJson(run, item));
      if (run.failed()) break;
    }
    return MakeSequence(run, Kind::kList, std::move(items));
  }
  std::vector<std::pair<Value, Value>> entries;
  for (const auto& [name, member] : json.as_object()) {
    entries.emplace_back(Value::Of(name, kTrusted), FromJson(run, member));
    if (run.failed()) break;
  }
  return MakeDict(run, std::move(entries));
}

bool Truthy(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
    case Kind::kNone:
      return false;
    case Kind::kBool:
    case Kind::kInt:
      return value.integer() != 0;
    case Kind::kFloat:
      return value.number() != 0;
    case Kind::kText:
      return !value.text().empty();
    case Kind::kList:
    case Kind::kTuple:
    case Kind::kRange:
    case Kind::kView:
      return !value.items().empty();
    case Kind::kDict:
      return !value.dict().entries.empty();
    case Kind::kIterator:
    case Kind::kNamespace:
    case Kind::kLoop:
    case Kind::kCallable:
      return true;
  }
  return true;
}

bool Equal(Run& run, const Value& a, const Value& b) {
  if (!run.Step()) return false;
  if (a.is_number() && b.is_number()) return CompareNumbers(a, b) == 0;
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Kind::kUndefined:
    case Kind::kNone:
      return true;
    case Kind::kText:
      return run.Step(std::min(a.text().size(), b.text().size()) / 64) && a.text().bytes() == b.text().bytes();
    case Kind::kList:
    case Kind::kTuple:
    case Kind::kRange:
      return a.object() == b.object() || EqualItems(run, a.items(), b.items());
    case Kind::kDict:
      return a.object() == b.object() || EqualDicts(run, a.dict(), b.dict());
    default:
      return a.object() == b.object();
  }
}

bool Less(Run& run, const Value& a, const Value& b) {
  if (!run.Step()) return false;
  if (a.is_number() && b.is_number()) return CompareNumbers(a, b) == -1;
  if (a.is_text() && b.is_text()) return a.text().bytes() < b.text().bytes();  // UTF-8 sorts as code points do
  if (a.kind() == b.kind() && (a.Is(Kind::kList) || a.Is(Kind::kTuple))) {
    const auto& x = a.items();
    const auto& y = b.items();
    for (size_t i = 0; i < std::min(x.size(), y.size()); ++i) {
      if (!Equal(run, x[i], y[i])) return Less(run, x[i], y[i]);
    }
    return x.size() < y.size();
  }
  for (const Value* value : {&a, &b}) {
    if (value->is_undefined()) run.Fail(value->undefined().reason);
  }
  run.Fail(Cat("'<' not supported between instances of '", TypeName(a), "' and '", TypeName(b), "'"));
  return false;
}

size_t Hash(Run& run, const Value& value) {
  if (!run.Step()) return 0;
  switch (value.kind()) {
    case Kind::kUndefined:
    case Kind::kNone:
      return static_cast<size_t>(value.kind());
    case Kind::kBool:
    case Kind::kInt:
    case Kind::kFloat:
      return std::hash<double>()(value.number() == 0 ? 0.0 : value.number());  // 1, 1.0, True alike
    case Kind::kText:
      return HashText(value.text().bytes());
    case Kind::kTuple: {
      size_t hash = 17;
      for (const Value& item : value.items()) hash = hash * 31 + Hash(run, item);
      return hash;
    }
    case Kind::kList:
    case Kind::kView:
    case Kind::kDict:
      run.Fail(Cat("unhashable type: '", TypeName(value), "'"));
      return 0;
    default:
      return std::hash<const void*>()(value.object().get());
  }
}

bool Contains(Run& run, const Value& haystack, const Value& needle) {
  switch (haystack.kind()) {
    case Kind::kText:
      if (!needle.is_text()) {
        run.Fail(needle.is_undefined() ? needle.undefined().reason
                                       : Cat("'in <string>' requires string as left operand, not ", TypeName(needle)));
        return false;
      }
      return run.Step(haystack.text().size() / 16) &&
             FindText(haystack.text().bytes(), needle.text().bytes()) != std::string_view::npos;
    case Kind::kList:
    case Kind::kTuple:
    case Kind::kRange:
    case Kind::kView:
      for (const Value& item : haystack.items()) {
        if (Equal(run, item, needle)) return true;
        if (run.failed()) return false;
      }
      return false;
    case Kind::kDict:
      return haystack.dict().Find(run, needle) != nullptr;
    case Kind::kUndefined:
      return false;
    case Kind::kIterator:
      for (Iterator& it = haystack.iterator(); it.next < it.items.size();) {
        if (Equal(run, it.items[it.next++], needle)) return true;
        if (run.failed()) return false;
      }
      return false;
    default:
      run.Fail(Cat("argument of type '", TypeName(haystack), "' is not iterable"));
      return false;
  }
}

size_t Length(Run& run, const Value& value) {
  switch (value.kind()) {
    case Kind::kText:
      return run.Step(value.text().size() / 16) ? CountChars(value.text().bytes()) : 0;
    case Kind::kList:
    case Kind::kTuple:
    case Kind::kRange:
    case Kind::kView:
      return value.items().size();
    case Kind::kDict:
      return value.dict().entries.size();
    case Kind::kUndefined:
      return 0;
    default:
      run.Fail(Cat("object of type '", TypeName(value), "' has no len()"));
      return 0;
  }
}

std::vector<Value> Items(Run& run, const Value& value) {
  std::vector<Value> out;
  switch (value.kind()) {
    case Kind::kText: {
      const std::string_view bytes = value.text().bytes();
      if (!run.Grow(bytes.size() * (sizeof(Value) + sizeof(TextObject)))) break;
      for (size_t at = 0; at < bytes.size();) {
        const size_t length = CharLength(bytes.substr(at));
        out.push_back(Character(value.text(), at, length));
        at += length;
      }
      break;
    }
    case Kind::kList:
    case Kind::kTuple:
    case Kind::kRange:
    case Kind::kView:
      if (run.Grow(value.items().size() * sizeof(Value))) out = value.items();
      break;
    case Kind::kDict:
      if (!run.Grow(value.dict().entries.size() * sizeof(Value))) break;
      for (const auto& entry : value.dict().entries) out.push_back(entry.first);
      break;
    case Kind::kIterator: {
      Iterator& it = value.iterator();
      if (!run.Step(it.items.size() - it.next)) break;
      if (it.next == 0) {
        out = it.items;
      } else {
        out.assign(it.items.begin() + static_cast<ptrdiff_t>(it.next), it.items.end());
      }
      it.next = it.items.size();
      break;
    }
    case Kind::kUndefined:
      break;
    default:
      run.Fail(Cat("'", TypeName(value), "' object is not iterable"));
      break;
  }
  return out;
}

size_t FindText(std::string_view haystack, std::string_view needle, size_t from) {
  if (from > haystack.size()) return std::string_view::npos;
  if (needle.empty()) return from;
  const void* hit = ::memmem(haystack.data() + from, haystack.size() - from, needle.data(), needle.size());
  return hit == nullptr ? std::string_view::npos : static_cast<size_t>(static_cast<const char*>(hit) - haystack.data());
}

}  // namespace bedplate::jinja

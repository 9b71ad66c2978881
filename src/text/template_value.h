#pragma once
/// The values of the template language, with Python's meaning: what is true, equal, less, hashable, iterable.
///
/// A value is a small handle; containers and texts are shared and never change (transformers runs templates in an
/// immutable sandbox, so list.append and its like don't exist). Only a Namespace changes. Because of that no container
/// can hold itself, and each knows how deep it nests and whether all of it is the template's own.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/json.h"
#include "text/template_run.h"
#include "text/template_text.h"

namespace bedplate::jinja {

class Value;
class Interpreter;
struct Arguments;

enum class Kind : uint8_t {
  kUndefined,  // object: Undefined
  kNone,
  kBool,
  kInt,  // 64 bits; Python's are unbounded, ours fail when they overflow
  kFloat,
  kText,  // object: TextObject
  kList,  // object: Sequence, as the next three
  kTuple,
  kRange,
  kView,       // dict.keys(), .values(), .items(): iterable and sized, without indexes
  kDict,       // object: Dict
  kIterator,   // object: Iterator; what map, select and others give: read once, always true, no length
  kNamespace,  // object: Namespace
  kLoop,       // object: Loop (template_interpreter.h)
  kCallable,   // object: Callable
};

struct Object {
  virtual ~Object() = default;
};

/// A missing variable or attribute: prints as nothing, is false, iterates over nothing, fails when used otherwise.
struct Undefined final : Object {
  explicit Undefined(std::string r) : reason(std::move(r)) {}
  std::string reason;  // "'x' is undefined"
};

struct TextObject final : Object {
  explicit TextObject(Text t) : text(std::move(t)) {}
  Text text;
};

struct Sequence;
struct Dict;
struct Iterator;
struct Namespace;
struct Callable;

class Value {
 public:
  Value() = default;  // None
  static Value Bool(bool v, bool trusted = true) {
    Value out(Kind::kBool, trusted);
    out.int_ = v;
    return out;
  }
  static Value Int(int64_t v, bool trusted = true) {
    Value out(Kind::kInt, trusted);
    out.int_ = v;
    return out;
  }
  static Value Float(double v, bool trusted = true) {
    Value out(Kind::kFloat, trusted);
    out.float_ = v;
    return out;
  }
  static Value None(bool trusted = true) { return Value(Kind::kNone, trusted); }
  static Value Of(Text text);
  static Value Of(std::string text, bool trusted = true) { return Of(Text(std::move(text), trusted)); }
  static Value UndefinedFor(std::string reason);
  static Value Make(Kind kind, std::shared_ptr<Object> object, bool trusted = true) {
    Value out(kind, trusted);
    out.object_ = std::move(object);
    return out;
  }

  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] bool Is(Kind kind) const { return kind_ == kind; }
  [[nodiscard]] bool is_undefined() const { return kind_ == Kind::kUndefined; }
  [[nodiscard]] bool is_none() const { return kind_ == Kind::kNone; }
  [[nodiscard]] bool is_text() const { return kind_ == Kind::kText; }
  [[nodiscard]] bool is_integer() const {
    return kind_ == Kind::kInt || kind_ == Kind::kBool;
  }  // as Python: bool is int
  [[nodiscard]] bool is_number() const { return is_integer() || kind_ == Kind::kFloat; }
  [[nodiscard]] bool is_sequence() const { return kind_ >= Kind::kList && kind_ <= Kind::kView; }
  [[nodiscard]] bool is_dict() const { return kind_ == Kind::kDict; }
  /// False if any part of it came from outside the template.
  [[nodiscard]] bool trusted() const { return trusted_; }

  // The accessors require the kind; ask first.
  [[nodiscard]] int64_t integer() const { return int_; }
  [[nodiscard]] double number() const { return kind_ == Kind::kFloat ? float_ : static_cast<double>(int_); }
  [[nodiscard]] const Text& text() const { return static_cast<const TextObject*>(object_.get())->text; }
  [[nodiscard]] const Undefined& undefined() const { return *static_cast<const Undefined*>(object_.get()); }
  [[nodiscard]] const Sequence& sequence() const;
  [[nodiscard]] const std::vector<Value>& items() const;
  [[nodiscard]] const Dict& dict() const;
  [[nodiscard]] Iterator& iterator() const;
  [[nodiscard]] Namespace& name_space() const;
  [[nodiscard]] const std::shared_ptr<Object>& object() const { return object_; }
  /// True for a text that the `safe` and `escape` filters made: Python's Markup, which escapes what is added to it.
  [[nodiscard]] bool markup() const { return markup_; }
  [[nodiscard]] Value AsMarkup() const {
    Value out = *this;
    out.markup_ = true;
    return out;
  }
  /// How many containers deep; 0 for a plain value.
  [[nodiscard]] uint32_t depth() const;

 private:
  Value(Kind kind, bool trusted) : kind_(kind), trusted_(trusted) {}

  Kind kind_ = Kind::kNone;
  bool trusted_ = true;
  bool markup_ = false;
  union {
    int64_t int_ = 0;
    double float_;
  };
  std::shared_ptr<Object> object_;
};

struct Sequence final : Object {
  std::vector<Value> items;
  uint32_t depth = 1;
  std::string repr_name;  // "dict_keys" for a view; "range(0, 3)" in full for a range
};

struct Dict final : Object {
  std::vector<std::pair<Value, Value>> entries;  // in order of insertion
  uint32_t depth = 1;

  /// nullptr if there is none. The key must be hashable.
  [[nodiscard]] const Value* Find(Run& run, const Value& key) const;
  [[nodiscard]] const Value* Find(Run& run, std::string_view key) const;
  void Set(Run& run, Value key, Value value);

 private:
  template <class Same>
  [[nodiscard]] size_t Locate(Run& run, size_t hash, Same same) const;
  std::unordered_multimap<size_t, uint32_t> index_;  // by hash, once there are more than a few entries
};

struct Iterator final : Object {
  std::vector<Value> items;
  size_t next = 0;
  uint32_t depth = 1;
  std::string repr_name = "generator";
};

struct Namespace final : Object {
  std::vector<std::pair<std::string, Value>> attributes;
  [[nodiscard]] const Value* Find(std::string_view name) const;
  void Set(std::string_view name, Value value);
};

/// A macro, a method bound to its object, or a global function.
struct Callable : Object {
  explicit Callable(std::string n) : name(std::move(n)) {}
  virtual Value Call(Interpreter& interpreter, const Arguments& arguments) const = 0;
  [[nodiscard]] virtual uint32_t depth() const { return 0; }
  std::string name;
};

/// "str", "list", "dict", "NoneType": Python's names, for messages.
std::string_view TypeName(const Value& value);

/// A container of these; fails when it would nest deeper than kContainerDepthMax or cost too much.
Value MakeSequence(Run& run, Kind kind, std::vector<Value> items, std::string repr_name = {});
inline Value MakeList(Run& run, std::vector<Value> items) {
  return MakeSequence(run, Kind::kList, std::move(items));
}
Value MakeIterator(Run& run, std::vector<Value> items, std::string repr_name = "generator");
Value MakeDict(Run& run, std::vector<std::pair<Value, Value>> entries);

/// The value of JSON from outside; untrusted throughout.
Value FromJson(Run& run, const Json& json);

bool Truthy(const Value& value);
bool Equal(Run& run, const Value& a, const Value& b);
/// a < b as Python's sort asks; fails on kinds that have no order.
bool Less(Run& run, const Value& a, const Value& b);
/// Fails on a list, a dict and other things that can change in Python.
size_t Hash(Run& run, const Value& value);
/// `needle in haystack`.
bool Contains(Run& run, const Value& haystack, const Value& needle);
/// len(); fails on what has none.
size_t Length(Run& run, const Value& value);
/// What a for loop would see; reads an iterator to its end; fails on what can't be iterated.
std::vector<Value> Items(Run& run, const Value& value);

/// Sorts stably with less(a, b), which may be no order at all (a NaN, or values that stopped comparing when the run
/// failed): the library's sorts may read out of bounds then, this one just gives some order.
template <class T, class LessThan>
void MergeSort(std::vector<T>& items, LessThan less) {
  std::vector<T> merged(items.size());
  for (size_t width = 1; width < items.size(); width *= 2) {
    for (size_t begin = 0; begin < items.size(); begin += 2 * width) {
      const size_t middle = std::min(begin + width, items.size());
      const size_t end = std::min(begin + 2 * width, items.size());
      size_t left = begin;
      size_t right = middle;
      for (size_t i = begin; i < end; ++i) {
        const bool take_right = left == middle || (right < end && less(items[right], items[left]));
        merged[i] = std::move(items[take_right ? right++ : left++]);
      }
    }
    std::swap(items, merged);
  }
}

/// First position of the needle at or after `from`, or npos. Linear in the worst case too, unlike string_view::find.
size_t FindText(std::string_view haystack, std::string_view needle, size_t from = 0);

}  // namespace bedplate::jinja

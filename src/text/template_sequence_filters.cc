// Where the reference gives a generator, so do we: it is always true, has no length and is read once. Ours is computed
// at once rather than on demand, which shows only in when an error appears.
#include "text/template_sequence_filters.h"

#include <algorithm>
#include <iterator>
#include <optional>

#include "base/cat.h"
#include "text/template_print.h"
#include "text/template_unicode.h"

namespace bedplate::jinja {
namespace {

Arguments Skip(const Arguments& arguments, size_t count) {
  Arguments out;
  out.named = arguments.named;
  if (count < arguments.positional.size()) {
    out.positional.assign(arguments.positional.begin() + static_cast<ptrdiff_t>(count), arguments.positional.end());
  }
  return out;
}

// What sorting compares: the value, its attribute or several of them ("a,b"), without case unless asked.
class Key {
 public:
  Key(Interpreter& interpreter, const Value* attribute, bool case_sensitive)
      : interpreter_(interpreter), case_sensitive_(case_sensitive) {
    if (attribute == nullptr || attribute->is_none()) return;
    if (!attribute->is_text()) {
      paths_.push_back(*attribute);
      return;
    }
    std::string_view rest = attribute->text().bytes();
    for (size_t comma = rest.find(','); comma != rest.npos; comma = rest.find(',')) {
      paths_.push_back(Value::Of(std::string(rest.substr(0, comma))));
      rest.remove_prefix(comma + 1);
    }
    paths_.push_back(Value::Of(std::string(rest)));
  }

  [[nodiscard]] Value Of(const Value& item, const Value* otherwise = nullptr) const {
    if (paths_.empty()) return Fold(item);
    if (paths_.size() == 1) return Fold(FollowPath(interpreter_, item, paths_[0], otherwise));
    std::vector<Value> values;
    for (const Value& path : paths_) values.push_back(Fold(FollowPath(interpreter_, item, path, otherwise)));
    return MakeList(interpreter_.run(), std::move(values));
  }

 private:
  [[nodiscard]] Value Fold(const Value& value) const {
    if (case_sensitive_ || !value.is_text()) return value;
    return interpreter_.run().Grow(value.text().footprint()) ? Value::Of(Lower(value.text())) : Value();
  }

  Interpreter& interpreter_;
  bool case_sensitive_;
  std::vector<Value> paths_;
};

struct Keyed {
  Value key;
  Value item;
};

// Stable, also when reversed: equal items keep their order.
std::vector<Value> SortByKey(Run& run, std::vector<Keyed> keyed, bool reverse) {
  MergeSort(keyed, [&](const Keyed& a, const Keyed& b) {
    return reverse ? Less(run, b.key, a.key) : Less(run, a.key, b.key);
  });
  std::vector<Value> out;
  for (Keyed& entry : keyed) out.push_back(std::move(entry.item));
  return out;
}

std::vector<Value> Sorted(Interpreter& interpreter, const std::vector<Value>& items, const Key& key, bool reverse) {
  std::vector<Keyed> keyed;
  if (!interpreter.run().Grow(items.size() * 3 * sizeof(Value))) return {};
  for (const Value& item : items) keyed.push_back({key.Of(item), item});
  return SortByKey(interpreter.run(), std::move(keyed), reverse);
}

Value First(Interpreter& interpreter, const Value& self, const Arguments&) {
  if (self.Is(Kind::kIterator)) {
    Iterator& it = self.iterator();
    if (it.next < it.items.size()) return it.items[it.next++];
  } else if (self.is_sequence()) {
    if (!self.items().empty()) return self.items().front();
  } else if (self.is_text()) {
    if (!self.text().empty()) return Value::Of(self.text().Slice(0, CharLength(self.text().bytes())));
  } else {
    const std::vector<Value> items = Items(interpreter.run(), self);
    if (!items.empty()) return items.front();
  }
  return Value::UndefinedFor("No first item, sequence was empty.");
}

Value Last(Interpreter& interpreter, const Value& self, const Arguments&) {
  if (self.Is(Kind::kIterator)) {
    interpreter.run().Fail(Cat("'", TypeName(self), "' object is not reversible"));
  } else if (self.is_sequence()) {
    if (!self.items().empty()) return self.items().back();
  } else if (self.is_text()) {
    if (!self.text().empty())
      return Value::Of(self.text().Slice(PreviousChar(self.text().bytes(), self.text().size()), self.text().size()));
  } else {
    const std::vector<Value> items = Items(interpreter.run(), self);
    if (!items.empty()) return items.back();
  }
  return Value::UndefinedFor("No last item, sequence was empty.");
}

Value Join(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  Run& run = interpreter.run();
  const Parameters parameters(interpreter, "join", arguments, {"d", "attribute"});
  if (!parameters.ok()) return {};
  std::vector<Value> items = Items(run, self);
  if (parameters[1] != nullptr && !parameters[1]->is_none()) {
    for (Value& item : items) item = FollowPath(interpreter, item, *parameters[1]);
  }
  const Text separator = parameters[0] != nullptr ? Str(run, *parameters[0]) : Text();
  return Value::Of(JoinTexts(interpreter, separator, items));
}

Value ListFilter(Interpreter& interpreter, const Value& self, const Arguments&) {
  return MakeList(interpreter.run(), Items(interpreter.run(), self));
}

Value ItemsFilter(Interpreter& interpreter, const Value& self, const Arguments&) {
  Run& run = interpreter.run();
  std::vector<Value> out;
  if (!self.is_dict()) {
    if (!self.is_undefined()) run.Fail("Can only get item pairs from a mapping.");
    return MakeIterator(run, std::move(out));
  }
  for (const auto& [key, value] : self.dict().entries) {
    if (run.failed()) break;
    out.push_back(MakeSequence(run, Kind::kTuple, {key, value}));
  }
  return MakeIterator(run, std::move(out));
}

Value Reverse(Interpreter& interpreter, const Value& self, const Arguments&) {
  Run& run = interpreter.run();
  std::vector<Value> items = Items(run, self);
  std::reverse(items.begin(), items.end());
  if (self.is_text()) return Value::Of(JoinTexts(interpreter, {}, items));
  if (self.Is(Kind::kIterator)) return MakeList(run, std::move(items));
  return MakeIterator(run, std::move(items), "list_reverseiterator");
}

Value Map(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  Run& run = interpreter.run();
  std::vector<Value> out;
  if (!Truthy(self)) return MakeIterator(run, {});
  std::vector<Value> items = Items(run, self);
  if (arguments.positional.empty()) {
    const Parameters parameters(interpreter, "map", arguments, {"attribute", "default"}, 1);
    const Value* otherwise =
        parameters.ok() && parameters[1] != nullptr && !parameters[1]->is_none() ? parameters[1] : nullptr;
    for (size_t i = 0; i < items.size() && !run.failed(); ++i) {
      out.push_back(FollowPath(interpreter, items[i], *parameters[0], otherwise));
    }
    return MakeIterator(run, std::move(out));
  }
  if (!arguments.positional[0].is_text()) {
    run.Fail("map requires the name of a filter");
    return {};
  }
  const Arguments rest = Skip(arguments, 1);
  for (size_t i = 0; i < items.size() && !run.failed(); ++i) {
    out.push_back(interpreter.ApplyFilter(arguments.positional[0].text().bytes(), items[i], rest));
  }
  return MakeIterator(run, std::move(out));
}

// select and reject, by the item itself or one attribute of it.
template <bool kWanted, bool kByAttribute>
Value Select(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  Run& run = interpreter.run();
  std::vector<Value> out;
  if (!Truthy(self)) return MakeIterator(run, {});
  constexpr size_t kOffset = kByAttribute ? 1 : 0;
  if (arguments.positional.size() < kOffset) {
    run.Fail("Missing parameter for attribute name");
    return {};
  }
  const bool by_test = arguments.positional.size() > kOffset;
  if (by_test && !arguments.positional[kOffset].is_text()) {
    run.Fail("select requires the name of a test");
    return {};
  }
  const Arguments rest = Skip(arguments, kOffset + 1);
  for (const Value& item : Items(run, self)) {
    if (run.failed()) break;
    const Value subject = kByAttribute ? FollowPath(interpreter, item, arguments.positional[0]) : item;
    const bool passes =
        by_test ? interpreter.ApplyTest(arguments.positional[kOffset].text().bytes(), subject, rest) : Truthy(subject);
    if (passes == kWanted) out.push_back(item);
  }
  return MakeIterator(run, std::move(out));
}

Value Sort(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  Run& run = interpreter.run();
  const Parameters parameters(interpreter, "sort", arguments, {"reverse", "case_sensitive", "attribute"});
  if (!parameters.ok()) return {};
  const Key key(interpreter, parameters[2], parameters.Flag(1, false));
  return MakeList(run, Sorted(interpreter, Items(run, self), key, parameters.Flag(0, false)));
}

Value DictSort(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  Run& run = interpreter.run();
  const Parameters parameters(interpreter, "dictsort", arguments, {"case_sensitive", "by", "reverse"});
  if (!parameters.ok()) return {};
  const Text* by = parameters.TextOrNone(1);
  const bool by_value = by != nullptr && by->bytes() == "value";
  if (by != nullptr && !by_value && by->bytes() != "key") run.Fail("You can only sort by either \"key\" or \"value\"");
  if (!self.is_dict())
    run.Fail(self.is_undefined() ? self.undefined().reason : Cat("dictsort needs a dict, not ", TypeName(self)));
  if (run.failed()) return {};
  const Key key(interpreter, nullptr, parameters.Flag(0, false));
  std::vector<Keyed> keyed;
  for (const auto& [name, value] : self.dict().entries) {
    if (run.failed()) return {};
    keyed.push_back({key.Of(by_value ? value : name), MakeSequence(run, Kind::kTuple, {name, value})});
  }
  return MakeList(run, SortByKey(run, std::move(keyed), parameters.Flag(2, false)));
}

Value Unique(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  Run& run = interpreter.run();
  const Parameters parameters(interpreter, "unique", arguments, {"case_sensitive", "attribute"});
  if (!parameters.ok()) return {};
  const Key key(interpreter, parameters[1], parameters.Flag(0, false));
  Dict seen;
  std::vector<Value> out;
  for (const Value& item : Items(run, self)) {
    const Value name = key.Of(item);
    if (run.failed() || !run.Grow(4 * sizeof(Value))) break;
    if (seen.Find(run, name) != nullptr) continue;
    seen.Set(run, name, {});
    out.push_back(item);
  }
  return MakeIterator(run, std::move(out));
}

template <bool kMax>
Value Extreme(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  Run& run = interpreter.run();
  const Parameters parameters(interpreter, kMax ? "max" : "min", arguments, {"case_sensitive", "attribute"});
  if (!parameters.ok()) return {};
  const Key key(interpreter, parameters[1], parameters.Flag(0, false));
  const std::vector<Value> items = Items(run, self);
  if (items.empty()) return Value::UndefinedFor("No aggregated item, sequence was empty.");
  Keyed best{key.Of(items[0]), items[0]};
  for (size_t i = 1; i < items.size() && !run.failed(); ++i) {
    Keyed next{key.Of(items[i]), items[i]};
    if (kMax ? Less(run, best.key, next.key) : Less(run, next.key, best.key)) best = std::move(next);
  }
  return best.item;
}

Value Sum(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  Run& run = interpreter.run();
  const Parameters parameters(interpreter, "sum", arguments, {"attribute", "start"});
  if (!parameters.ok()) return {};
  Value total = parameters[1] != nullptr ? *parameters[1] : Value::Int(0);
  if (total.is_text()) run.Fail("sum() can't sum strings");
  for (const Value& item : Items(run, self)) {
    if (run.failed()) break;
    total = interpreter.Binary(Operator::kAdd, total,
                               parameters[0] != nullptr ? FollowPath(interpreter, item, *parameters[0]) : item);
  }
  return total;
}

Value GroupBy(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  Run& run = interpreter.run();
  const Parameters parameters(interpreter, "groupby", arguments, {"attribute", "default", "case_sensitive"}, 1);
  if (!parameters.ok()) return {};
  const bool case_sensitive = parameters.Flag(2, false);
  const Value* otherwise = parameters[1] != nullptr && !parameters[1]->is_none() ? parameters[1] : nullptr;
  const Key key(interpreter, parameters[0], case_sensitive);
  const Key exact(interpreter, parameters[0], true);
  std::vector<Keyed> keyed;
  for (const Value& item : Items(run, self)) {
    if (run.failed()) return {};
    keyed.push_back({key.Of(item, otherwise), item});
  }
  const std::vector<Value> sorted = SortByKey(run, keyed, false);
  std::vector<Value> groups;
  for (size_t i = 0; i < sorted.size() && !run.failed();) {
    const Value name = key.Of(sorted[i], otherwise);
    std::vector<Value> members;
    const size_t begin = i;
    for (; i < sorted.size() && Equal(run, key.Of(sorted[i], otherwise), name); ++i) members.push_back(sorted[i]);
    if (i == begin) break;  // not equal to itself: only when the run failed, or for NaN
    groups.push_back(
        MakeSequence(run, Kind::kTuple, {exact.Of(members[0], otherwise), MakeList(run, members)}, "group"));
  }
  return MakeList(run, std::move(groups));
}

Value Batch(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  Run& run = interpreter.run();
  const Parameters parameters(interpreter, "batch", arguments, {"linecount", "fill_with"}, 1);
  if (!parameters.ok()) return {};
  const int64_t size = parameters.Integer(0, 1);
  const bool fill = parameters[1] != nullptr && !parameters[1]->is_none();
  std::vector<Value> batches;
  std::vector<Value> batch;
  for (const Value& item : Items(run, self)) {
    if (static_cast<int64_t>(batch.size()) == size) batches.push_back(MakeList(run, std::exchange(batch, {})));
    batch.push_back(item);
  }
  if (!batch.empty()) {
    if (fill && size > static_cast<int64_t>(batch.size()) && run.Grow(static_cast<uint64_t>(size) * sizeof(Value))) {
      batch.resize(static_cast<size_t>(size), *parameters[1]);
    }
    batches.push_back(MakeList(run, std::move(batch)));
  }
  return MakeIterator(run, std::move(batches));
}

Value SliceFilter(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  Run& run = interpreter.run();
  const Parameters parameters(interpreter, "slice", arguments, {"slices", "fill_with"}, 1);
  if (!parameters.ok()) return {};
  const int64_t slices = parameters.Integer(0, 1);
  const std::vector<Value> items = Items(run, self);
  std::vector<Value> out;
  if (slices <= 0) run.Fail("slice: the number of slices must be positive");
  if (run.failed() || !run.Grow(static_cast<uint64_t>(slices) * sizeof(Value) * 2)) return {};
  const auto count = static_cast<int64_t>(items.size());
  const bool fill = parameters[1] != nullptr && !parameters[1]->is_none();
  int64_t at = 0;
  for (int64_t i = 0; i < slices && !run.failed(); ++i) {
    const int64_t size = count / slices + (i < count % slices ? 1 : 0);
    std::vector<Value> part(items.begin() + at, items.begin() + at + size);
    if (fill && i >= count % slices) part.push_back(*parameters[1]);
    out.push_back(MakeList(run, std::move(part)));
    at += size;
  }
  return MakeIterator(run, std::move(out));
}

constexpr NamedFunction kSequenceFilters[] = {
    {"batch", Batch},
    {"dictsort", DictSort},
    {"first", First},
    {"groupby", GroupBy},
    {"items", ItemsFilter},
    {"join", Join},
    {"last", Last},
    {"list", ListFilter},
    {"map", Map},
    {"max", Extreme<true>},
    {"min", Extreme<false>},
    {"reject", Select<false, false>},
    {"rejectattr", Select<false, true>},
    {"reverse", Reverse},
    {"select", Select<true, false>},
    {"selectattr", Select<true, true>},
    {"slice", SliceFilter},
    {"sort", Sort},
    {"sum", Sum},
    {"unique", Unique},
};

}  // namespace

Function FindSequenceFilter(std::string_view name) {
  const auto* it = std::find_if(std::begin(kSequenceFilters), std::end(kSequenceFilters),
                                [&](const NamedFunction& f) { return f.name == name; });
  return it != std::end(kSequenceFilters) ? it->function : nullptr;
}

}  // namespace bedplate::jinja

#include "text/constraint/schema_shape.h"

#include <algorithm>
#include <utility>

#include "base/cat.h"
#include "text/constraint/json_text.h"

namespace bedplate {
namespace {

Status TooMany() {
  return Status::InvalidArgument("it has too many alternatives together with the rest of the schema");
}

bool IsEmpty(const ArrayShape& a) {
  if (a.least > a.most) return true;
  for (size_t i = 0; i < a.least && i <= a.prefix.size(); ++i) {
    if (a.At(i) == SubSchemas::kNothing) return true;
  }
  return std::ranges::any_of(a.contains, [](const auto& c) { return c.least > c.most; });
}
bool IsEmpty(const ObjectShape& o) {
  return o.least > o.most ||
         std::ranges::any_of(o.properties, [](const auto& p) { return p.required && p.sub == SubSchemas::kNothing; });
}

// What copies cost of a budget: a property is about 60 bytes and a state 100, which take some 40 ns each.
uint64_t CopySteps(const ArrayShape& a) {
  return 10 + a.prefix.size() / 4 + a.contains.size();
}
uint64_t CopySteps(const ObjectShape& o) {
  uint64_t steps = 10;
  for (const ObjectShape::Property& p : o.properties) steps += 8 + p.name.size() / 8;
  for (const ObjectShape::Others& others : o.others) steps += 4 * others.names.states.size();
  return steps;
}
uint64_t CopySteps(const Shape& shape) {
  uint64_t steps = 10 + 4 * (shape.numbers.states() + shape.strings.texts().states.size());
  for (const ArrayShape& a : shape.arrays) steps += CopySteps(a);
  for (const ObjectShape& o : shape.objects) steps += CopySteps(o);
  return steps;
}

bool IsAny(const ObjectShape& o) {
  return o.properties.empty() && o.least == 0 && o.most == ObjectShape::kUnbounded && o.others.size() == 1 &&
         o.others.front().sub == SubSchemas::kAnything &&
         o.others.front().names.states.size() == ShortestJsonStrings().states.size() &&
         o.others.front().names.Key() == ShortestJsonStrings().Key();
}

}  // namespace

SubSchemas::SubSchemas() {
  subs_.emplace_back();
  by_literals_.emplace(subs_[0], kAnything);
  facts_.push_back({.kind = Fact::Kind::kConjunction, .place = {}, .conjunction = kAnything});
  Intern({{.fact = 0, .negated = true}});  // not anything
}

SubId SubSchemas::Intern(std::vector<Literal> literals) {
  std::ranges::sort(literals);
  const auto [first, last] = std::ranges::unique(literals);
  literals.erase(first, last);
  if (literals.size() > 1) {
    for (size_t i = 0; i < literals.size(); ++i) {
      const bool contradicts = i > 0 && literals[i - 1].fact == literals[i].fact;
      if (contradicts || literals[i] == Literal{.fact = 0, .negated = true}) return kNothing;
    }
  }
  const auto [at, added] = by_literals_.emplace(literals, static_cast<SubId>(subs_.size()));
  if (added) subs_.push_back(std::move(literals));
  return at->second;
}

SubId SubSchemas::OfFact(Fact fact) {
  const uintptr_t key = fact.kind == Fact::Kind::kConjunction ? uintptr_t{fact.conjunction}
                                                              : reinterpret_cast<uintptr_t>(fact.place.schema);
  const auto [at, added] =
      fact_numbers_.emplace(std::pair(static_cast<uint8_t>(fact.kind), key), static_cast<uint32_t>(facts_.size()));
  if (added) facts_.push_back(std::move(fact));
  return Intern({{.fact = at->second, .negated = false}});
}

SubId SubSchemas::Schema(const SchemaDocument::Place& place) {
  if (place.schema->is_bool()) return place.schema->as_bool() ? kAnything : kNothing;
  if (place.schema->is_object() && place.schema->as_object().empty()) return kAnything;
  return OfFact({.kind = Fact::Kind::kSchema, .place = place});
}

SubId SubSchemas::Constant(const SchemaDocument::Place& place) {
  return OfFact({.kind = Fact::Kind::kConstant, .place = place});
}

SubId SubSchemas::And(SubId a, SubId b) {
  if (a == b || b == kAnything) return a;
  if (a == kAnything) return b;
  if (a == kNothing || b == kNothing) return kNothing;
  std::vector<Literal> both = subs_[a];
  both.insert(both.end(), subs_[b].begin(), subs_[b].end());
  return Intern(std::move(both));
}

bool SubSchemas::Contradict(SubId a, SubId b) const {
  if (a == kNothing || b == kNothing) return true;
  const auto &x = subs_[a], &y = subs_[b];
  for (auto i = x.begin(), j = y.begin(); i != x.end() && j != y.end();) {
    if (i->fact == j->fact && i->negated != j->negated) return true;
    i->fact < j->fact ? ++i : ++j;
  }
  return false;
}

SubId SubSchemas::Not(SubId a) {
  if (a == kAnything) return kNothing;
  if (a == kNothing) return kAnything;
  if (subs_[a].size() == 1) {
    Literal literal = subs_[a].front();
    const Fact& fact = facts_[literal.fact];
    if (literal.negated && fact.kind == Fact::Kind::kConjunction) return fact.conjunction;
    literal.negated = !literal.negated;
    return Intern({literal});
  }
  const SubId both = OfFact({.kind = Fact::Kind::kConjunction, .place = {}, .conjunction = a});
  return Intern({{.fact = subs_[both].front().fact, .negated = true}});
}

ObjectShape ObjectShape::Any() {
  ObjectShape any;
  any.others.push_back({.names = ShortestJsonStrings(), .sub = SubSchemas::kAnything});
  return any;
}

SubId ObjectShape::Sub(std::string_view name) const {
  const auto listed = std::ranges::find(properties, name, &Property::name);
  if (listed != properties.end()) return listed->sub;
  const std::string spelled = SpellInJson(name);
  const auto other = std::ranges::find_if(others, [&](const Others& o) { return o.names.Accepts(spelled); });
  return other != others.end() ? other->sub : SubSchemas::kNothing;
}

ObjectShape::Property* ObjectShape::Find(std::string_view name) {
  const auto at = std::ranges::find(properties, name, &Property::name);
  return at == properties.end() ? nullptr : &*at;
}

Shape Shape::Anything() {
  Shape any{.null = true,
            .yes = true,
            .no = true,
            .numbers = NumberSet::All(),
            .strings = StringSet::All(),
            .arrays = {},
            .objects = {}};
  any.arrays.emplace_back();
  any.objects.push_back(ObjectShape::Any());
  return any;
}

bool ShapeAlgebra::MayCopy(const Shape& shape) {
  return limits_.budget.Spend(CopySteps(shape));
}

bool ShapeAlgebra::MayKeep(const Shape& shape) {
  return limits_.budget.Spend(3 * CopySteps(shape));  // so that all that are kept are some hundred MB at most
}

Status ShapeAlgebra::Require(ObjectShape& object, const std::string& name) {
  if (name.size() > ObjectShape::kNameMax) {
    return Status::InvalidArgument(
        Cat("a property's name has ", name.size(), " bytes; allowed: up to ", ObjectShape::kNameMax));
  }
  if (!limits_.budget.Spend(object.SubSteps(name))) return TooManyStates();
  if (ObjectShape::Property* known = object.Find(name)) {
    known->required = true;
  } else {
    object.properties.push_back({.name = name, .sub = object.Sub(name), .required = true});
  }
  return Status::Ok();
}

/// Conjunctions are kept, each with all of its parts.
Result<SubId> ShapeAlgebra::AndSubs(SubId a, SubId b) {
  if (a != b && a > SubSchemas::kNothing && b > SubSchemas::kNothing &&
      !limits_.budget.Spend(20 + 4 * (subs_.Literals(a).size() + subs_.Literals(b).size()))) {
    return TooManyStates();
  }
  return subs_.And(a, b);
}

Result<Shape> ShapeAlgebra::And(const Shape& a, const Shape& b) {
  constexpr uint64_t kSteps = 100;  // where nothing is large
  const uint64_t states =
      a.numbers.states() + b.numbers.states() + a.strings.texts().states.size() + b.strings.texts().states.size();
  if (!limits_.budget.Spend(kSteps + 4 * states)) return TooManyStates();
  Shape out{.null = a.null && b.null,
            .yes = a.yes && b.yes,
            .no = a.no && b.no,
            .numbers = {},
            .strings = {},
            .arrays = {},
            .objects = {}};
  BP_ASSIGN_OR_RETURN(out.numbers, a.numbers.And(b.numbers, limits_));
  BP_ASSIGN_OR_RETURN(out.strings, a.strings.And(b.strings, limits_));
  if (a.arrays.size() * b.arrays.size() > kAlternativesMax || a.objects.size() * b.objects.size() > kAlternativesMax) {
    return TooMany();
  }
  for (const ArrayShape& x : a.arrays) {
    for (const ArrayShape& y : b.arrays) {
      if (!limits_.budget.Spend(CopySteps(x) + CopySteps(y))) return TooManyStates();
      BP_ASSIGN_OR_RETURN(ArrayShape both, AndArray(x, y));
      if (!IsEmpty(both)) out.arrays.push_back(std::move(both));
    }
  }
  for (const ObjectShape& x : a.objects) {
    for (const ObjectShape& y : b.objects) {
      BP_ASSIGN_OR_RETURN(ObjectShape both, AndObject(x, y));
      if (!IsEmpty(both)) out.objects.push_back(std::move(both));
    }
  }
  if (subs_.full()) return TooMany();
  return out;
}

Result<Shape> ShapeAlgebra::Or(Shape a, const Shape& b) {
  const uint64_t states = a.numbers.states() + a.strings.texts().states.size();
  if (!limits_.budget.Spend(4 * states) || !MayCopy(b)) return TooManyStates();
  a.null = a.null || b.null;
  a.yes = a.yes || b.yes;
  a.no = a.no || b.no;
  BP_ASSIGN_OR_RETURN(a.numbers, a.numbers.Or(b.numbers, limits_));
  BP_ASSIGN_OR_RETURN(a.strings, a.strings.Or(b.strings, limits_));
  a.arrays.insert(a.arrays.end(), b.arrays.begin(), b.arrays.end());
  a.objects.insert(a.objects.end(), b.objects.begin(), b.objects.end());
  if (a.arrays.size() > kAlternativesMax || a.objects.size() > kAlternativesMax) return TooMany();
  return a;
}

Result<Shape> ShapeAlgebra::Not(const Shape& a) {
  Shape out{.null = !a.null, .yes = !a.yes, .no = !a.no, .numbers = {}, .strings = {}, .arrays = {}, .objects = {}};
  BP_ASSIGN_OR_RETURN(out.numbers, a.numbers.Not(limits_));
  BP_ASSIGN_OR_RETURN(out.strings, a.strings.Not(limits_));
  // Not any of them: the conjunction of what violates each.
  out.arrays.emplace_back();
  for (const ArrayShape& array : a.arrays) {
    Shape violated;
    BP_RETURN_IF_ERROR(NotArray(array, violated.arrays));
    Shape so_far;
    so_far.arrays = std::exchange(out.arrays, {});
    BP_ASSIGN_OR_RETURN(Shape both, And(so_far, violated));
    out.arrays = std::move(both.arrays);
  }
  out.objects.push_back(ObjectShape::Any());
  for (const ObjectShape& object : a.objects) {
    Shape violated;
    BP_RETURN_IF_ERROR(NotObject(object, violated.objects));
    Shape so_far;
    so_far.objects = std::exchange(out.objects, {});
    BP_ASSIGN_OR_RETURN(Shape both, And(so_far, violated));
    out.objects = std::move(both.objects);
  }
  return out;
}

Result<ArrayShape> ShapeAlgebra::AndArray(const ArrayShape& a, const ArrayShape& b) {
  ArrayShape out;
  for (size_t i = 0; i < std::max(a.prefix.size(), b.prefix.size()); ++i) {
    BP_ASSIGN_OR_RETURN(const SubId both, AndSubs(a.At(i), b.At(i)));
    out.prefix.push_back(both);
  }
  BP_ASSIGN_OR_RETURN(out.items, AndSubs(a.items, b.items));
  out.least = std::max(a.least, b.least);
  out.most = std::min(a.most, b.most);
  // Elements that nothing satisfies end the array before them.
  const auto barred = std::ranges::find(out.prefix, SubSchemas::kNothing);
  if (barred != out.prefix.end()) {
    out.most = std::min(out.most, static_cast<uint32_t>(barred - out.prefix.begin()));
  } else if (out.items == SubSchemas::kNothing) {
    out.most = std::min(out.most, static_cast<uint32_t>(out.prefix.size()));
  }
  out.contains = a.contains;
  out.contains.insert(out.contains.end(), b.contains.begin(), b.contains.end());
  return out;
}

Result<ObjectShape> ShapeAlgebra::AndObject(const ObjectShape& a, const ObjectShape& b) {
  if (IsAny(b) || IsAny(a)) {
    const ObjectShape& other = IsAny(b) ? a : b;
    if (!limits_.budget.Spend(CopySteps(other))) return TooManyStates();
    return other;
  }
  ObjectShape out;
  for (const ObjectShape* one : {&a, &b}) {
    const ObjectShape& other = one == &a ? b : a;
    for (const ObjectShape::Property& p : one->properties) {
      if (!limits_.budget.Spend(out.FindSteps(p.name) + other.SubSteps(p.name))) return TooManyStates();
      if (ObjectShape::Property* known = out.Find(p.name)) {
        known->required = known->required || p.required;
      } else {
        BP_ASSIGN_OR_RETURN(const SubId both, AndSubs(p.sub, other.Sub(p.name)));
        out.properties.push_back({.name = p.name, .sub = both, .required = p.required});
      }
    }
  }
  for (const ObjectShape::Others& x : a.others) {
    for (const ObjectShape::Others& y : b.others) {
      MaybeDfa names = Intersect(x.names, y.names, limits_);
      if (!names.has_value()) return TooManyStates();
      if (names->IsEmpty()) continue;
      BP_ASSIGN_OR_RETURN(const SubId both, AndSubs(x.sub, y.sub));
      out.others.push_back({.names = *std::move(names), .sub = both});
    }
  }
  if (out.others.size() > 64) return TooMany();
  out.least = std::max(a.least, b.least);
  out.most = std::min(a.most, b.most);
  return out;
}

Status ShapeAlgebra::NotArray(const ArrayShape& a, std::vector<ArrayShape>& out) {
  if (a.least > 0) out.push_back({.prefix = {}, .most = a.least - 1, .contains = {}});
  if (a.most != ArrayShape::kUnbounded) out.push_back({.prefix = {}, .least = a.most + 1, .contains = {}});
  for (size_t i = 0; i < a.prefix.size(); ++i) {
    if (a.prefix[i] == SubSchemas::kAnything) continue;
    if (out.size() > kAlternativesMax) return TooMany();
    if (!limits_.budget.Spend(10 + i)) return TooManyStates();
    ArrayShape wrong;
    wrong.prefix.assign(i, SubSchemas::kAnything);
    wrong.prefix.push_back(subs_.Not(a.prefix[i]));
    wrong.least = static_cast<uint32_t>(i + 1);
    out.push_back(std::move(wrong));
  }
  if (a.items != SubSchemas::kAnything) {
    ArrayShape wrong;
    wrong.contains.push_back({.sub = subs_.Not(a.items), .from = static_cast<uint32_t>(a.prefix.size())});
    out.push_back(std::move(wrong));
  }
  for (const ArrayShape::Contains& c : a.contains) {
    ArrayShape::Contains few = c, many = c;
    few.least = 0;
    few.most = c.least - 1;
    many.least = c.most + 1;
    many.most = ArrayShape::kUnbounded;
    if (c.least > 0) {
      out.emplace_back();
      out.back().contains.push_back(few);
    }
    if (c.most != ArrayShape::kUnbounded) {
      out.emplace_back();
      out.back().contains.push_back(many);
    }
  }
  return Status::Ok();
}

Status ShapeAlgebra::NotObject(const ObjectShape& a, std::vector<ObjectShape>& out) {
  const auto with = [&](std::string name, SubId sub, bool required) {
    ObjectShape wrong = ObjectShape::Any();
    wrong.properties.push_back({.name = std::move(name), .sub = sub, .required = required});
    out.push_back(std::move(wrong));
  };
  for (const ObjectShape::Property& p : a.properties) {
    if (out.size() > kAlternativesMax) return TooMany();
    if (p.required) with(p.name, SubSchemas::kNothing, false);
    if (p.sub != SubSchemas::kAnything) with(p.name, subs_.Not(p.sub), true);
  }
  if (a.least > 0) {
    out.push_back(ObjectShape::Any());
    out.back().most = a.least - 1;
  }
  if (a.most != ObjectShape::kUnbounded) {
    out.push_back(ObjectShape::Any());
    out.back().least = a.most + 1;
  }
  // A name that is not listed, with a value that its class forbids. Only few names can be asked for one by one.
  MaybeDfa barred = ShortestJsonStrings();
  std::vector<ObjectShape::Others> wrong;
  for (const ObjectShape::Others& others : a.others) {
    barred = barred.has_value() ? Subtract(*barred, others.names, limits_) : barred;
    if (others.sub != SubSchemas::kAnything) wrong.push_back({.names = others.names, .sub = subs_.Not(others.sub)});
  }
  if (!barred.has_value()) return TooManyStates();
  if (!barred->IsEmpty()) wrong.push_back({.names = *std::move(barred), .sub = SubSchemas::kAnything});
  std::vector<std::string> listed;
  for (const ObjectShape::Property& p : a.properties) listed.push_back(SpellInJson(p.name));
  const MaybeDfa any_listed = ByteDfa::AnyOf(listed, limits_.budget);
  if (!any_listed.has_value()) return TooManyStates();
  for (const ObjectShape::Others& others : wrong) {
    const MaybeDfa names = Subtract(others.names, *any_listed, limits_);
    if (!names.has_value()) return TooManyStates();
    if (names->IsEmpty()) continue;
    return Status::InvalidArgument(
        "it would have to ask for a property of any name, which can't be enforced; list the properties by name");
  }
  return Status::Ok();
}

}  // namespace bedplate

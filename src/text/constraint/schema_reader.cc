// A schema's shape is the conjunction of its keywords' shapes. A keyword that is not known is an annotation, as the
// specification has it; those that are known and can't be enforced are refused by name.

#include "text/constraint/schema_reader.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/cat.h"
#include "text/constraint/json_text.h"

namespace bedplate {
namespace {

constexpr uint32_t kSchemaDepthMax = 100;  // of schemas that are read one inside the other

/// All values of other types.
Shape WithObjects(std::vector<ObjectShape> objects) {
  Shape out = Shape::Anything();
  out.objects = std::move(objects);
  return out;
}

constexpr std::array kRefused{"$dynamicRef", "$recursiveRef", "unevaluatedProperties", "unevaluatedItems"};

}  // namespace

SchemaReader::SchemaReader(const Json& root, DfaLimits limits)
    : document_(root, limits.budget),
      limits_(limits),
      algebra_(subs_, limits),
      types_(algebra_, subs_, [this](SubId sub) { return ShapeOf(sub); }) {}

std::string SchemaReader::Where(SubId sub) const {
  for (const SubSchemas::Literal& literal : subs_.Literals(sub)) {
    const SubSchemas::Fact& fact = subs_.fact(literal.fact);
    if (fact.kind != SubSchemas::Fact::Kind::kConjunction) return fact.place.pointer;
    if (fact.conjunction != SubSchemas::kAnything) return Where(fact.conjunction);
  }
  return "#";
}

Result<Shape> SchemaReader::ShapeOf(SubId sub) {
  Shape out = Shape::Anything();
  const std::vector<SubSchemas::Literal> literals = subs_.Literals(sub);
  for (size_t i = 0; i < literals.size(); ++i) {
    BP_ASSIGN_OR_RETURN(Shape one, Literal(literals[i]));
    if (i == 0) {
      out = std::move(one);
      continue;
    }
    Result<Shape> both = algebra_.And(out, one);
    if (!both.ok()) {
      return Status::InvalidArgument(Cat(Where(sub), ": ", both.status().message()));
    }
    out = *std::move(both);
  }
  return out;
}

Result<Shape> SchemaReader::Literal(SubSchemas::Literal literal) {
  const SubSchemas::Fact fact = subs_.fact(literal.fact);
  Result<Shape> shape = Shape();
  switch (fact.kind) {
    case SubSchemas::Fact::Kind::kSchema:
      shape = Schema(fact.place);
      break;
    case SubSchemas::Fact::Kind::kConstant:
      shape = Constant(fact.place);
      break;
    case SubSchemas::Fact::Kind::kConjunction:
      shape = ShapeOf(fact.conjunction);
      break;
  }
  if (!shape.ok() || !literal.negated) return shape;
  Result<Shape> negated = algebra_.Not(*shape);
  if (negated.ok()) return negated;
  return StatusAt(fact.place.schema == nullptr ? document_.root() : fact.place, "", negated.status());
}

Result<Shape> SchemaReader::Schema(const Place& place) {
  if (place.schema->is_bool()) return place.schema->as_bool() ? Shape::Anything() : Shape();
  if (!place.schema->is_object())
    return StatusAt(place, "", WrongType("a schema: an object or a boolean", *place.schema));
  if (const auto known = known_.find(place.schema); known != known_.end()) {
    if (!algebra_.MayCopy(known->second)) return StatusAt(place, "", TooManyStates());
    return known->second;
  }
  if (!reading_.insert(place.schema).second) {
    return StatusAt(place, "", Status::InvalidArgument("the schema refers to itself without a value in between"));
  }
  ++depth_;
  Result<Shape> shape =
      Status::InvalidArgument(Cat(place.pointer, ": schemas are more than ", kSchemaDepthMax, " deep"));
  if (depth_ <= kSchemaDepthMax) shape = Keywords(place);
  --depth_;
  reading_.erase(place.schema);
  if (!shape.ok()) return shape;
  if (!algebra_.MayKeep(*shape)) return StatusAt(place, "", TooManyStates());
  known_.emplace(place.schema, *shape);
  return shape;
}

Result<Shape> SchemaReader::Keywords(const Place& place) {
  const Json& schema = *place.schema;
  Shape out = Shape::Anything();
  const auto take = [&](std::string_view keyword, Result<Shape> shape) -> Status {
    if (!shape.ok()) return StatusAt(place, keyword, shape.status());
    Result<Shape> both = algebra_.And(out, *shape);
    if (!both.ok()) return StatusAt(place, keyword, both.status());
    out = *std::move(both);
    return Status::Ok();
  };
  if (const Json* dialect = schema.Find("$schema"); dialect != nullptr && dialect->is_string()) {
    const std::string_view uri = dialect->as_string();
    if (!uri.starts_with("https://json-schema.org/") && !uri.starts_with("http://json-schema.org/")) {
      return StatusAt(
          place, "$schema",
          Status::InvalidArgument("this dialect of JSON Schema is not known; allowed: those of json-schema.org"));
    }
  }
  for (const char* keyword : kRefused) {
    const Json* value = schema.Find(keyword);
    if (value == nullptr || *value == Json(true) || (value->is_object() && value->as_object().empty())) continue;
    return StatusAt(place, keyword, Status::InvalidArgument("this keyword is not supported"));
  }
  BP_ASSIGN_OR_RETURN(out, types_.Read(place));
  for (const auto& [keyword, value] : schema.as_object()) {
    if (keyword == "type") {
      BP_RETURN_IF_ERROR(take(keyword, Types(value)));
    } else if (keyword == "$ref") {
      BP_RETURN_IF_ERROR(take(keyword, Reference(place, keyword, value)));
    } else if (keyword == "enum") {
      BP_RETURN_IF_ERROR(take(keyword, Enum(place, value)));
    } else if (keyword == "const") {
      BP_RETURN_IF_ERROR(take(keyword, Constant(SchemaDocument::Child(place, keyword, value))));
    } else if (keyword == "allOf") {
      Result<std::vector<Place>> parts = List(place, keyword, value);
      if (!parts.ok()) return StatusAt(place, keyword, parts.status());
      for (const Place& part : *parts) BP_RETURN_IF_ERROR(take(keyword, Schema(part)));
    } else if (keyword == "anyOf") {
      BP_RETURN_IF_ERROR(take(keyword, AnyOf(place, keyword, value)));
    } else if (keyword == "oneOf") {
      BP_RETURN_IF_ERROR(take(keyword, OneOf(place, value)));
    } else if (keyword == "not") {
      BP_RETURN_IF_ERROR(take(keyword, ShapeOf(subs_.Not(subs_.Schema(SchemaDocument::Child(place, keyword, value))))));
    } else if (keyword == "if") {
      BP_RETURN_IF_ERROR(take(keyword, IfThenElse(place, value)));
    } else if (keyword == "dependentRequired" || keyword == "dependentSchemas" || keyword == "dependencies") {
      BP_RETURN_IF_ERROR(take(keyword, Dependent(place, keyword, value)));
    }
  }
  return out;
}

Result<Shape> SchemaReader::Constant(const Place& place) {
  const Json& value = *place.schema;
  Shape out;
  if (value.is_null()) out.null = true;
  if (value.is_bool()) (value.as_bool() ? out.yes : out.no) = true;
  if (value.is_number()) {
    BP_ASSIGN_OR_RETURN(const Decimal decimal, Decimal::Of(value));
    out.numbers = NumberSet::Only(decimal);
  }
  if (value.is_string()) {
    if (value.as_string().size() > ByteDfa::kListStatesMax) return TooManyStates();
    out.strings = StringSet::Only(ByteDfa::Literal(SpellInJson(value.as_string())));
  }
  if (value.is_array()) {
    ArrayShape array;
    for (size_t i = 0; i < value.as_array().size(); ++i) {
      array.prefix.push_back(subs_.Constant(SchemaDocument::Child(place, Cat(i), value.as_array()[i])));
    }
    array.items = SubSchemas::kNothing;
    array.least = array.most = static_cast<uint32_t>(array.prefix.size());
    out.arrays.push_back(std::move(array));
  }
  if (value.is_object()) {
    ObjectShape object;
    for (const auto& [name, member] : value.as_object()) {
      object.properties.push_back(
          {.name = name, .sub = subs_.Constant(SchemaDocument::Child(place, name, member)), .required = true});
    }
    out.objects.push_back(std::move(object));
  }
  return out;
}

Result<Shape> SchemaReader::Reference(const Place& place, std::string_view, const Json& value) {
  if (!value.is_string()) return WrongType("a string", value);
  BP_ASSIGN_OR_RETURN(const Place target, document_.Resolve(place, value.as_string()));
  return Schema(target);
}

Result<std::vector<SchemaDocument::Place>> SchemaReader::List(const Place& place, std::string_view keyword,
                                                              const Json& value) {
  if (!value.is_array() || value.as_array().empty()) return WrongType("an array of schemas, at least one", value);
  const Place list = SchemaDocument::Child(place, keyword, value);
  std::vector<Place> parts;
  for (size_t i = 0; i < value.as_array().size(); ++i) {
    parts.push_back(SchemaDocument::Child(list, Cat(i), value.as_array()[i]));
  }
  return parts;
}

Result<Shape> SchemaReader::AnyOf(const Place& place, std::string_view keyword, const Json& value) {
  BP_ASSIGN_OR_RETURN(const std::vector<Place> parts, List(place, keyword, value));
  Shape out;
  for (const Place& part : parts) {
    BP_ASSIGN_OR_RETURN(const Shape shape, Schema(part));
    BP_ASSIGN_OR_RETURN(out, algebra_.Or(std::move(out), shape));
  }
  return out;
}

/// Exactly one: each of them without all others. Where two can't both hold, nothing need be taken away.
Result<Shape> SchemaReader::OneOf(const Place& place, const Json& value) {
  BP_ASSIGN_OR_RETURN(const std::vector<Place> parts, List(place, "oneOf", value));
  std::vector<Shape> shapes;
  for (const Place& part : parts) {
    BP_ASSIGN_OR_RETURN(Shape shape, Schema(part));
    shapes.push_back(std::move(shape));
  }
  std::vector<std::vector<size_t>> meets(shapes.size());  // those that may hold together with each
  for (size_t i = 0; i < shapes.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (Disjoint(shapes[i], shapes[j])) continue;
      meets[i].push_back(j);
      meets[j].push_back(i);
    }
    if (limits_.budget.spent()) return TooManyStates();
  }
  Shape out;
  for (size_t i = 0; i < shapes.size(); ++i) {
    Shape alone = shapes[i];
    for (const size_t j : meets[i]) {
      BP_ASSIGN_OR_RETURN(const Shape others, algebra_.Not(shapes[j]));
      BP_ASSIGN_OR_RETURN(alone, algebra_.And(alone, others));
    }
    BP_ASSIGN_OR_RETURN(out, algebra_.Or(std::move(out), alone));
  }
  return out;
}

/// True: no value is in both. False: maybe one is.
bool SchemaReader::Disjoint(const Shape& a, const Shape& b) {
  constexpr uint64_t kSteps = 6;
  if (!limits_.budget.Spend(kSteps)) return false;
  if ((a.null && b.null) || (a.yes && b.yes) || (a.no && b.no)) return false;
  if (!a.arrays.empty() && !b.arrays.empty()) return false;
  if (a.numbers.MayMeet(b.numbers, limits_) || a.strings.MayMeet(b.strings, limits_)) return false;
  return std::ranges::all_of(a.objects, [&](const ObjectShape& x) {
    return std::ranges::all_of(b.objects, [&](const ObjectShape& y) { return Contradict(x, y) || Contradict(y, x); });
  });
}

/// A property that `a` requires and that can't satisfy both: absent in the other, or of another value, as tags are.
bool SchemaReader::Contradict(const ObjectShape& a, const ObjectShape& b) {
  constexpr uint32_t kDepth = 3;
  constexpr uint64_t kSteps = 4;
  if (comparing_ >= kDepth) return false;
  for (const ObjectShape::Property& p : a.properties) {
    if (!p.required) continue;
    if (!limits_.budget.Spend(kSteps + b.SubSteps(p.name) / 4)) return false;
    const SubId theirs = b.Sub(p.name);
    if (subs_.Contradict(p.sub, theirs)) return true;
    if (p.sub == theirs || p.sub == SubSchemas::kAnything || theirs == SubSchemas::kAnything) continue;
    ++comparing_;
    const Shape *x = Compared(p.sub), *y = Compared(theirs);
    const bool disjoint = x != nullptr && y != nullptr && Disjoint(*x, *y);
    --comparing_;
    if (disjoint) return true;
  }
  return false;
}

/// The shape, kept: each of hundreds of alternatives is compared with all others. nullptr: it can't be computed, which
/// is told where it is asked for.
const Shape* SchemaReader::Compared(SubId sub) {
  const auto known = compared_.find(sub);
  if (known != compared_.end()) return known->second.has_value() ? &*known->second : nullptr;
  Result<Shape> shape = ShapeOf(sub);
  std::optional<Shape>& kept = compared_[sub];
  if (shape.ok() && algebra_.MayKeep(*shape)) kept = *std::move(shape);
  return kept.has_value() ? &*kept : nullptr;
}

/// Both ways: what the condition holds for satisfies `then`, the rest satisfies `else`.
Result<Shape> SchemaReader::IfThenElse(const Place& place, const Json& condition) {
  const SubId holds = subs_.Schema(SchemaDocument::Child(place, "if", condition));
  const Json *then = place.schema->Find("then"), *otherwise = place.schema->Find("else");
  if (then == nullptr && otherwise == nullptr) return Shape::Anything();
  const auto branch = [&](SubId when, std::string_view name, const Json* schema) {
    return ShapeOf(schema == nullptr ? when
                                     : subs_.And(when, subs_.Schema(SchemaDocument::Child(place, name, *schema))));
  };
  BP_ASSIGN_OR_RETURN(const Shape yes, branch(holds, "then", then));
  BP_ASSIGN_OR_RETURN(const Shape no, branch(subs_.Not(holds), "else", otherwise));
  return algebra_.Or(yes, no);
}

Result<Shape> SchemaReader::Types(const Json& value) {
  Shape out;
  const Json::Array one{value};
  for (const Json& type : value.is_array() ? value.as_array() : one) {
    if (!type.is_string()) return WrongType("a string or an array of strings", value);
    const std::string& name = type.as_string();
    const Shape any = Shape::Anything();
    if (name == "null") {
      out.null = true;
    } else if (name == "boolean") {
      out.yes = out.no = true;
    } else if (name == "number") {
      out.numbers = NumberSet::All();
    } else if (name == "integer") {
      if (!out.numbers.is_all()) out.numbers = NumberSet::Integers();
    } else if (name == "string") {
      out.strings = any.strings;
    } else if (name == "array") {
      out.arrays = any.arrays;
    } else if (name == "object") {
      out.objects = any.objects;
    } else {
      return Status::InvalidArgument(Cat("there is no type '", name.substr(0, 50), "'"));
    }
  }
  return out;
}

Result<Shape> SchemaReader::Enum(const Place& place, const Json& value) {
  if (!value.is_array()) return WrongType("an array", value);
  const Place list = SchemaDocument::Child(place, "enum", value);
  Shape out;
  std::vector<std::string> texts;  // all strings at once: there may be thousands
  for (size_t i = 0; i < value.as_array().size(); ++i) {
    const Json& one = value.as_array()[i];
    if (one.is_string()) {
      texts.push_back(SpellInJson(one.as_string()));
      continue;
    }
    BP_ASSIGN_OR_RETURN(const Shape shape, Constant(SchemaDocument::Child(list, Cat(i), one)));
    BP_ASSIGN_OR_RETURN(out, algebra_.Or(std::move(out), shape));
  }
  if (!texts.empty()) {
    Shape strings;
    MaybeDfa language = ByteDfa::AnyOf(texts, limits_.budget);
    if (!language.has_value()) return TooManyStates();
    strings.strings = StringSet::Only(*std::move(language));
    BP_ASSIGN_OR_RETURN(out, algebra_.Or(std::move(out), strings));
  }
  return out;
}

/// Where the property is there, the others are too, or the schema holds.
Result<Shape> SchemaReader::Dependent(const Place& place, std::string_view keyword, const Json& value) {
  if (!value.is_object()) return WrongType("an object", value);
  const Place list = SchemaDocument::Child(place, keyword, value);
  Shape out = Shape::Anything();
  for (const auto& [name, needs] : value.as_object()) {
    ObjectShape absent = ObjectShape::Any(), present = ObjectShape::Any();
    absent.properties.push_back({.name = name, .sub = SubSchemas::kNothing, .required = false});
    present.properties.push_back({.name = name, .sub = SubSchemas::kAnything, .required = true});
    if (needs.is_array()) {
      for (const Json& other : needs.as_array()) {
        if (!other.is_string()) return WrongType("an array of strings", needs);
        BP_RETURN_IF_ERROR(algebra_.Require(present, other.as_string()));
      }
      BP_ASSIGN_OR_RETURN(out, algebra_.And(out, WithObjects({absent, present})));
      continue;
    }
    Shape when;
    when.objects.push_back(present);
    BP_ASSIGN_OR_RETURN(const Shape needed, Schema(SchemaDocument::Child(list, name, needs)));
    BP_ASSIGN_OR_RETURN(const Shape both, algebra_.And(when, needed));
    BP_ASSIGN_OR_RETURN(const Shape either, algebra_.Or(both, WithObjects({absent})));
    BP_ASSIGN_OR_RETURN(out, algebra_.And(out, either));
  }
  return out;
}

}  // namespace bedplate

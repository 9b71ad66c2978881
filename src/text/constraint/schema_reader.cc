// A schema's shape is the conjunction of its keywords' shapes. A keyword that is not known is an annotation, as the
// specification has it; those that are known and can't be enforced are refused by name.

#include "text/constraint/schema_reader.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/cat.h"
#include "text/constraint/json_text.h"
#include "text/constraint/regex.h"

namespace bedplate {
namespace {

constexpr uint32_t kSchemaDepthMax = 100;  // of schemas that are read one inside the other

/// Prefixes the place, unless a deeper one has.
Status At(const SchemaDocument::Place& place, std::string_view keyword, const Status& status) {
  if (status.ok() || status.message().starts_with("#")) return status;
  return Status::InvalidArgument(
      Cat(place.pointer, keyword.empty() ? "" : "/", PointerToken(keyword), ": ", status.message()));
}

Status WrongType(std::string_view expected, const Json& got) {
  return Status::InvalidArgument(Cat("expected ", expected, ", got ", got.kind()));
}

Result<uint32_t> Count(const Json& value) {
  constexpr double kMax = 1e9;  // beyond which no output reaches
  const double count = value.is_number() ? value.as_double() : -1;
  if (!(count >= 0)) return WrongType("a whole number of at least 0", value);
  const auto whole = static_cast<uint32_t>(std::min(count, kMax));
  if (count < kMax && static_cast<double>(whole) != count) return WrongType("a whole number of at least 0", value);
  return whole;
}

/// All values of other types.
Shape WithArray(ArrayShape array) {
  Shape out = Shape::Anything();
  out.arrays.assign(1, std::move(array));
  return out;
}
Shape WithObjects(std::vector<ObjectShape> objects) {
  Shape out = Shape::Anything();
  out.objects = std::move(objects);
  return out;
}

constexpr std::array kNumberKeywords{"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"};
constexpr std::array kStringKeywords{"minLength", "maxLength", "pattern", "format"};
constexpr std::array kArrayKeywords{"prefixItems", "items",    "additionalItems", "minItems",   "maxItems",
                                    "uniqueItems", "contains", "minContains",     "maxContains"};
constexpr std::array kObjectKeywords{"properties",    "patternProperties", "additionalProperties", "required",
                                     "minProperties", "maxProperties",     "propertyNames"};
constexpr std::array kRefused{"$dynamicRef", "$recursiveRef", "unevaluatedProperties", "unevaluatedItems"};

template <size_t N>
bool HasAny(const Json& schema, const std::array<const char*, N>& names) {
  return std::ranges::any_of(names, [&](const char* name) { return schema.Find(name) != nullptr; });
}

}  // namespace

SchemaReader::SchemaReader(const Json& root, DfaLimits limits)
    : document_(root), limits_(limits), algebra_(subs_, limits) {}

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
  return At(fact.place.schema == nullptr ? document_.root() : fact.place, "", negated.status());
}

Result<Shape> SchemaReader::Schema(const Place& place) {
  if (place.schema->is_bool()) return place.schema->as_bool() ? Shape::Anything() : Shape();
  if (!place.schema->is_object()) return At(place, "", WrongType("a schema: an object or a boolean", *place.schema));
  if (const auto known = known_.find(place.schema); known != known_.end()) return known->second;
  if (!reading_.insert(place.schema).second) {
    return At(place, "", Status::InvalidArgument("the schema refers to itself without a value in between"));
  }
  ++depth_;
  Result<Shape> shape =
      Status::InvalidArgument(Cat(place.pointer, ": schemas are more than ", kSchemaDepthMax, " deep"));
  if (depth_ <= kSchemaDepthMax) shape = Keywords(place);
  --depth_;
  reading_.erase(place.schema);
  if (shape.ok()) known_.emplace(place.schema, *shape);
  return shape;
}

Result<Shape> SchemaReader::Keywords(const Place& place) {
  const Json& schema = *place.schema;
  Shape out = Shape::Anything();
  const auto take = [&](std::string_view keyword, Result<Shape> shape) -> Status {
    if (!shape.ok()) return At(place, keyword, shape.status());
    Result<Shape> both = algebra_.And(out, *shape);
    if (!both.ok()) return At(place, keyword, both.status());
    out = *std::move(both);
    return Status::Ok();
  };
  if (const Json* dialect = schema.Find("$schema"); dialect != nullptr && dialect->is_string()) {
    const std::string_view uri = dialect->as_string();
    if (!uri.starts_with("https://json-schema.org/") && !uri.starts_with("http://json-schema.org/")) {
      return At(place, "$schema",
                Status::InvalidArgument("this dialect of JSON Schema is not known; allowed: those of json-schema.org"));
    }
  }
  for (const char* keyword : kRefused) {
    const Json* value = schema.Find(keyword);
    if (value == nullptr || *value == Json(true) || (value->is_object() && value->as_object().empty())) continue;
    return At(place, keyword, Status::InvalidArgument("this keyword is not supported"));
  }
  if (HasAny(schema, kObjectKeywords)) {
    BP_ASSIGN_OR_RETURN(ObjectShape object, Object(place));
    out.objects.assign(1, std::move(object));
  }
  if (HasAny(schema, kArrayKeywords)) {
    BP_ASSIGN_OR_RETURN(ArrayShape array, Array(place));
    out.arrays.assign(1, std::move(array));
  }
  if (HasAny(schema, kNumberKeywords)) {
    BP_ASSIGN_OR_RETURN(out.numbers, Numbers(place));
  }
  if (HasAny(schema, kStringKeywords)) {
    BP_ASSIGN_OR_RETURN(out.strings, Strings(place));
  }
  // Drops alternatives that no value can satisfy, such as a required property that must be absent.
  BP_ASSIGN_OR_RETURN(out, algebra_.And(out, Shape::Anything()));
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
      if (!parts.ok()) return At(place, keyword, parts.status());
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
    BP_ASSIGN_OR_RETURN(out, algebra_.Or(out, shape));
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
  Shape out;
  for (size_t i = 0; i < shapes.size(); ++i) {
    Shape alone = shapes[i];
    for (size_t j = 0; j < shapes.size(); ++j) {
      if (i == j) continue;
      BP_ASSIGN_OR_RETURN(const bool disjoint, Disjoint(shapes[i], shapes[j]));
      if (disjoint) continue;
      BP_ASSIGN_OR_RETURN(const Shape others, algebra_.Not(shapes[j]));
      BP_ASSIGN_OR_RETURN(alone, algebra_.And(alone, others));
    }
    BP_ASSIGN_OR_RETURN(out, algebra_.Or(out, alone));
  }
  return out;
}

/// True: no value is in both. False: maybe one is.
Result<bool> SchemaReader::Disjoint(const Shape& a, const Shape& b) {
  if ((a.null && b.null) || (a.yes && b.yes) || (a.no && b.no)) return false;
  if (!a.arrays.empty() && !b.arrays.empty()) return false;
  BP_ASSIGN_OR_RETURN(const NumberSet numbers, a.numbers.And(b.numbers, limits_));
  BP_ASSIGN_OR_RETURN(const StringSet strings, a.strings.And(b.strings, limits_));
  if (!numbers.is_empty() || !strings.is_empty()) return false;
  for (const ObjectShape& x : a.objects) {
    for (const ObjectShape& y : b.objects) {
      if (!DisjointObjects(x, y)) return false;
    }
  }
  return true;
}

/// A property that one requires and that can't satisfy both: absent in the other, or of another value, as tags are.
bool SchemaReader::DisjointObjects(const ObjectShape& a, const ObjectShape& b) {
  constexpr uint32_t kDepth = 3;
  if (comparing_ >= kDepth) return false;
  for (const ObjectShape* one : {&a, &b}) {
    const ObjectShape& other = one == &a ? b : a;
    for (const ObjectShape::Property& p : one->properties) {
      const SubId theirs = other.Sub(p.name);
      if (!p.required) continue;
      if (theirs == SubSchemas::kNothing || subs_.And(p.sub, theirs) == SubSchemas::kNothing) return true;
      if (p.sub == SubSchemas::kAnything || theirs == SubSchemas::kAnything) continue;
      ++comparing_;
      const Result<Shape> x = ShapeOf(p.sub), y = ShapeOf(theirs);
      const Result<bool> disjoint = x.ok() && y.ok() ? Disjoint(*x, *y) : Result<bool>(false);
      --comparing_;
      if (disjoint.ok() && *disjoint) return true;
    }
  }
  return false;
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
    BP_ASSIGN_OR_RETURN(out, algebra_.Or(out, shape));
  }
  if (!texts.empty()) {
    Shape strings;
    MaybeDfa language = ByteDfa::AnyOf(texts, limits_.budget);
    if (!language.has_value()) return TooManyStates();
    strings.strings = StringSet::Only(*std::move(language));
    BP_ASSIGN_OR_RETURN(out, algebra_.Or(out, strings));
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
        if (ObjectShape::Property* known = present.Find(other.as_string())) {
          known->required = true;
        } else {
          present.properties.push_back({.name = other.as_string(), .sub = SubSchemas::kAnything, .required = true});
        }
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

Result<NumberSet> SchemaReader::Numbers(const Place& place) {
  NumberSet out = NumberSet::All();
  for (const char* keyword : kNumberKeywords) {
    const Json* value = place.schema->Find(keyword);
    if (value == nullptr) continue;
    const auto read = [&]() -> Result<NumberSet> {
      const std::string_view name = keyword;
      if (!value->is_number()) return WrongType("a number", *value);
      BP_ASSIGN_OR_RETURN(const Decimal bound, Decimal::Of(*value));
      if (name == "multipleOf") {
        if (bound.negative || bound.digits.empty()) return Status::InvalidArgument("it must be above 0");
        return NumberSet::MultipleOf(bound, limits_);
      }
      using Side = NumberSet::Side;
      const Side side = name == "minimum"            ? Side::kAtLeast
                        : name == "maximum"          ? Side::kAtMost
                        : name == "exclusiveMinimum" ? Side::kAbove
                                                     : Side::kBelow;
      return NumberSet::Bound(side, bound, limits_);
    };
    Result<NumberSet> one = read();
    if (one.ok()) one = out.And(*one, limits_);
    if (!one.ok()) return At(place, keyword, one.status());
    out = *std::move(one);
  }
  return out;
}

Result<StringSet> SchemaReader::Strings(const Place& place) {
  StringSet out = StringSet::All();
  for (const char* keyword : kStringKeywords) {
    const Json* value = place.schema->Find(keyword);
    if (value == nullptr) continue;
    const auto read = [&]() -> Result<StringSet> {
      const std::string_view name = keyword;
      if (name == "minLength" || name == "maxLength") {
        BP_ASSIGN_OR_RETURN(const uint32_t count, Count(*value));
        return StringSet::OfLengths(name == "minLength" ? StringSet::Lengths{count, StringSet::kUnbounded}
                                                        : StringSet::Lengths{0, count});
      }
      if (!value->is_string()) return WrongType("a string", *value);
      if (name == "format") return FormatSet(value->as_string(), limits_);
      BP_ASSIGN_OR_RETURN(
          ByteDfa texts,
          CompileRegex(value->as_string(), {.spelling = RegexOptions::Spelling::kJsonString, .whole = false}, limits_));
      return StringSet::Only(std::move(texts));
    };
    Result<StringSet> one = read();
    if (one.ok()) one = out.And(*one, limits_);
    if (!one.ok()) return At(place, keyword, one.status());
    out = *std::move(one);
  }
  return out;
}

Result<ArrayShape> SchemaReader::Array(const Place& place) {
  const Json& schema = *place.schema;
  ArrayShape out;
  // Draft 4 to 2019-09 have an array in `items`, and the rest in `additionalItems`.
  const Json *prefix = schema.Find("prefixItems"), *items = schema.Find("items");
  std::string_view prefix_name = "prefixItems", items_name = "items";
  if (items != nullptr && items->is_array()) {
    if (prefix != nullptr) return At(place, "items", WrongType("a schema", *items));
    prefix = std::exchange(items, schema.Find("additionalItems"));
    prefix_name = std::exchange(items_name, "additionalItems");
  }
  if (prefix != nullptr) {
    if (!prefix->is_array()) return At(place, prefix_name, WrongType("an array of schemas", *prefix));
    const Place list = SchemaDocument::Child(place, prefix_name, *prefix);
    for (size_t i = 0; i < prefix->as_array().size(); ++i) {
      out.prefix.push_back(subs_.Schema(SchemaDocument::Child(list, Cat(i), prefix->as_array()[i])));
    }
  }
  if (items != nullptr) out.items = subs_.Schema(SchemaDocument::Child(place, items_name, *items));
  ArrayShape::Contains contains;
  for (const auto& [name, target] :
       {std::pair{"minItems", &out.least}, std::pair{"maxItems", &out.most}, std::pair{"minContains", &contains.least},
        std::pair{"maxContains", &contains.most}}) {
    const Json* value = schema.Find(name);
    if (value == nullptr) continue;
    const Result<uint32_t> count = Count(*value);
    if (!count.ok()) return At(place, name, count.status());
    *target = *count;
  }
  if (const Json* value = schema.Find("contains")) {
    contains.sub = subs_.Schema(SchemaDocument::Child(place, "contains", *value));
    if (contains.least > 0 || contains.most != ArrayShape::kUnbounded) out.contains.push_back(contains);
  }
  const Json* unique = schema.Find("uniqueItems");
  if (unique != nullptr && !(*unique == Json(false)) && out.most > 1) {
    return At(place, "uniqueItems",
              Status::InvalidArgument("elements can't be held apart from each other; this keyword is only "
                                      "supported with a maxItems of at most 1"));
  }
  // The bounds that elements which nothing satisfies put on the length.
  BP_ASSIGN_OR_RETURN(Shape both, algebra_.And(WithArray(out), Shape::Anything()));
  if (both.arrays.empty()) return ArrayShape{.prefix = {}, .least = 1, .most = 0, .contains = {}};
  return std::move(both.arrays.front());
}

Result<ObjectShape> SchemaReader::Object(const Place& place) {
  const Json& schema = *place.schema;
  ObjectShape out;
  const Json* properties = schema.Find("properties");
  const Json* patterns = schema.Find("patternProperties");
  const Json* additional = schema.Find("additionalProperties");
  if (properties != nullptr) {
    if (!properties->is_object()) return At(place, "properties", WrongType("an object", *properties));
    const Place list = SchemaDocument::Child(place, "properties", *properties);
    for (const auto& [name, value] : properties->as_object()) {
      out.properties.push_back({.name = name, .sub = subs_.Schema(SchemaDocument::Child(list, name, value))});
    }
  }
  const SubId rest = additional == nullptr
                         ? SubSchemas::kAnything
                         : subs_.Schema(SchemaDocument::Child(place, "additionalProperties", *additional));
  out.others.push_back({.names = ShortestJsonStrings(), .sub = rest});
  if (patterns != nullptr) {
    const Status status = Patterns(place, *patterns, out);
    if (!status.ok()) return At(place, "patternProperties", status);
  }
  if (const Json* names = schema.Find("propertyNames")) {
    const SubId sub = subs_.Schema(SchemaDocument::Child(place, "propertyNames", *names));
    BP_ASSIGN_OR_RETURN(const Shape shape, ShapeOf(sub));
    const auto spellings = shape.strings.AsTexts(limits_);
    if (!spellings.ok()) return At(place, "propertyNames", spellings.status());
    ObjectShape named = ObjectShape::Any();
    named.others.front().names = *spellings;
    Shape left = WithObjects({out});
    BP_ASSIGN_OR_RETURN(Shape both, algebra_.And(left, WithObjects({named})));
    if (both.objects.empty()) return ObjectShape{.properties = {}, .others = {}, .least = 1, .most = 0};
    out = std::move(both.objects.front());
  }
  if (const Json* required = schema.Find("required"); required != nullptr && !required->is_bool()) {
    if (!required->is_array()) return At(place, "required", WrongType("an array of strings", *required));
    for (const Json& name : required->as_array()) {
      if (!name.is_string()) return At(place, "required", WrongType("an array of strings", *required));
      if (ObjectShape::Property* known = out.Find(name.as_string())) {
        known->required = true;
      } else {
        out.properties.push_back({.name = name.as_string(), .sub = out.Sub(name.as_string()), .required = true});
      }
    }
  }
  for (const auto& [name, target] : {std::pair{"minProperties", &out.least}, std::pair{"maxProperties", &out.most}}) {
    const Json* value = schema.Find(name);
    if (value == nullptr) continue;
    const Result<uint32_t> count = Count(*value);
    if (!count.ok()) return At(place, name, count.status());
    *target = *count;
  }
  return out;
}

/// Names that match a pattern satisfy its schema, also when listed; `additionalProperties` is for names that match
/// none. out.others holds one class: all names.
Status SchemaReader::Patterns(const Place& place, const Json& patterns, ObjectShape& out) {
  if (!patterns.is_object()) return WrongType("an object", patterns);
  const Place list = SchemaDocument::Child(place, "patternProperties", patterns);
  constexpr size_t kClassesMax = 64;
  struct Class {
    ByteDfa names;
    SubId sub;
    bool matched;
  };
  const SubId rest = out.others.front().sub;
  std::vector<Class> classes{{ShortestJsonStrings(), SubSchemas::kAnything, false}};
  for (const auto& [pattern, value] : patterns.as_object()) {
    const Place here = SchemaDocument::Child(list, pattern, value);
    const Result<ByteDfa> names =
        CompileRegex(pattern, {.spelling = RegexOptions::Spelling::kJsonString, .whole = false}, limits_);
    if (!names.ok()) return At(here, "", names.status());
    const SubId sub = subs_.Schema(here);
    for (ObjectShape::Property& p : out.properties) {
      if (names->Accepts(SpellInJson(p.name))) p.sub = subs_.And(p.sub, sub);
    }
    std::vector<Class> split;
    for (const Class& c : classes) {
      MaybeDfa in = Intersect(c.names, *names, limits_), outside = Subtract(c.names, *names, limits_);
      if (!in.has_value() || !outside.has_value() || split.size() > kClassesMax) {
        return At(here, "",
                  Status::InvalidArgument("the patterns together need more states than a constraint may have"));
      }
      if (!in->IsEmpty()) split.push_back({*std::move(in), subs_.And(c.sub, sub), true});
      if (!outside->IsEmpty()) split.push_back({*std::move(outside), c.sub, c.matched});
    }
    classes = std::move(split);
  }
  out.others.clear();
  for (Class& c : classes) {
    const SubId sub = c.matched ? c.sub : rest;
    if (sub != SubSchemas::kNothing) out.others.push_back({.names = std::move(c.names), .sub = sub});
  }
  return Status::Ok();
}

}  // namespace bedplate

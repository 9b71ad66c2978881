#include "text/constraint/schema_types.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include "base/cat.h"
#include "text/constraint/json_text.h"
#include "text/constraint/regex.h"

namespace bedplate {
namespace {

using Place = SchemaDocument::Place;

Result<uint32_t> Count(const Json& value) {
  constexpr double kMax = 1e9;  // beyond which no output reaches
  const double count = value.is_number() ? value.as_double() : -1;
  if (!(count >= 0)) return WrongType("a whole number of at least 0", value);
  const auto whole = static_cast<uint32_t>(std::min(count, kMax));
  if (count < kMax && static_cast<double>(whole) != count) return WrongType("a whole number of at least 0", value);
  return whole;
}

/// All values of other types.
Shape WithArray(const ArrayShape& array) {
  Shape out = Shape::Anything();
  out.arrays.assign(1, array);
  return out;
}
Shape WithObject(const ObjectShape& object) {
  Shape out = Shape::Anything();
  out.objects.assign(1, object);
  return out;
}

constexpr std::array kNumberKeywords{"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"};
constexpr std::array kStringKeywords{"minLength", "maxLength", "pattern", "format"};
constexpr std::array kArrayKeywords{"prefixItems", "items",    "additionalItems", "minItems",   "maxItems",
                                    "uniqueItems", "contains", "minContains",     "maxContains"};
constexpr std::array kObjectKeywords{"properties",    "patternProperties", "additionalProperties", "required",
                                     "minProperties", "maxProperties",     "propertyNames"};

template <size_t N>
bool HasAny(const Json& schema, const std::array<const char*, N>& names) {
  return std::ranges::any_of(names, [&](const char* name) { return schema.Find(name) != nullptr; });
}

}  // namespace

Result<Shape> SchemaTypes::Read(const Place& place) {
  const Json& schema = *place.schema;
  Shape out = Shape::Anything();
  if (HasAny(schema, kObjectKeywords)) {
    out.objects.resize(1);
    BP_ASSIGN_OR_RETURN(out.objects.front(), Object(place));
  }
  if (HasAny(schema, kArrayKeywords)) {
    out.arrays.resize(1);
    BP_ASSIGN_OR_RETURN(out.arrays.front(), Array(place));
  }
  if (HasAny(schema, kNumberKeywords)) {
    BP_ASSIGN_OR_RETURN(out.numbers, Numbers(place));
  }
  if (HasAny(schema, kStringKeywords)) {
    BP_ASSIGN_OR_RETURN(out.strings, Strings(place));
  }
  // Drops alternatives that no value can satisfy, such as a required property that must be absent.
  return algebra_.And(out, Shape::Anything());
}

Result<NumberSet> SchemaTypes::Numbers(const Place& place) {
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
        return NumberSet::MultipleOf(bound, algebra_.limits());
      }
      using Side = NumberSet::Side;
      const Side side = name == "minimum"            ? Side::kAtLeast
                        : name == "maximum"          ? Side::kAtMost
                        : name == "exclusiveMinimum" ? Side::kAbove
                                                     : Side::kBelow;
      return NumberSet::Bound(side, bound, algebra_.limits());
    };
    Result<NumberSet> one = read();
    if (one.ok()) one = out.And(*one, algebra_.limits());
    if (!one.ok()) return StatusAt(place, keyword, one.status());
    out = *std::move(one);
  }
  return out;
}

Result<StringSet> SchemaTypes::Strings(const Place& place) {
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
      return Texts(name, value->as_string());
    };
    Result<StringSet> one = read();
    if (one.ok()) one = out.And(*one, algebra_.limits());
    if (!one.ok()) return StatusAt(place, keyword, one.status());
    out = *std::move(one);
  }
  return out;
}

/// Kept: a schema may say the same of hundreds of properties.
Result<StringSet> SchemaTypes::Texts(std::string_view keyword, const std::string& value) {
  const std::string key = Cat(keyword, ":", value);
  const auto known = texts_.find(key);
  if (known != texts_.end()) return known->second;
  StringSet out;
  if (keyword == "format") {
    BP_ASSIGN_OR_RETURN(out, FormatSet(value, algebra_.limits()));
  } else {
    BP_ASSIGN_OR_RETURN(
        ByteDfa texts,
        CompileRegex(value, {.spelling = RegexOptions::Spelling::kJsonString, .whole = false}, algebra_.limits()));
    out = StringSet::Only(std::move(texts));
  }
  texts_.emplace(key, out);
  return out;
}

Result<ArrayShape> SchemaTypes::Array(const Place& place) {
  const Json& schema = *place.schema;
  ArrayShape out;
  // Draft 4 to 2019-09 have an array in `items`, and the rest in `additionalItems`.
  const Json *prefix = schema.Find("prefixItems"), *items = schema.Find("items");
  std::string_view prefix_name = "prefixItems", items_name = "items";
  if (items != nullptr && items->is_array()) {
    if (prefix != nullptr) return StatusAt(place, "items", WrongType("a schema", *items));
    prefix = std::exchange(items, schema.Find("additionalItems"));
    prefix_name = std::exchange(items_name, "additionalItems");
  }
  if (prefix != nullptr) {
    if (!prefix->is_array()) return StatusAt(place, prefix_name, WrongType("an array of schemas", *prefix));
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
    if (!count.ok()) return StatusAt(place, name, count.status());
    *target = *count;
  }
  if (const Json* value = schema.Find("contains")) {
    contains.sub = subs_.Schema(SchemaDocument::Child(place, "contains", *value));
    if (contains.least > 0 || contains.most != ArrayShape::kUnbounded) out.contains.push_back(contains);
  }
  const Json* unique = schema.Find("uniqueItems");
  if (unique != nullptr && !(*unique == Json(false)) && out.most > 1) {
    return StatusAt(place, "uniqueItems",
                    Status::InvalidArgument("elements can't be held apart from each other; this keyword is only "
                                            "supported with a maxItems of at most 1"));
  }
  // The bounds that elements which nothing satisfies put on the length.
  BP_ASSIGN_OR_RETURN(Shape both, algebra_.And(WithArray(out), Shape::Anything()));
  if (both.arrays.empty()) return ArrayShape{.prefix = {}, .least = 1, .most = 0, .contains = {}};
  return std::move(both.arrays.front());
}

Result<ObjectShape> SchemaTypes::Object(const Place& place) {
  const Json& schema = *place.schema;
  ObjectShape out;
  const Json* properties = schema.Find("properties");
  const Json* patterns = schema.Find("patternProperties");
  const Json* additional = schema.Find("additionalProperties");
  if (properties != nullptr) {
    if (!properties->is_object()) return StatusAt(place, "properties", WrongType("an object", *properties));
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
    if (!status.ok()) return StatusAt(place, "patternProperties", status);
  }
  if (const Json* names = schema.Find("propertyNames")) {
    const SubId sub = subs_.Schema(SchemaDocument::Child(place, "propertyNames", *names));
    BP_ASSIGN_OR_RETURN(const Shape shape, shape_of_(sub));
    const auto spellings = shape.strings.AsTexts(algebra_.limits());
    if (!spellings.ok()) return StatusAt(place, "propertyNames", spellings.status());
    ObjectShape named = ObjectShape::Any();
    named.others.front().names = *spellings;
    Shape left = WithObject(out);
    BP_ASSIGN_OR_RETURN(Shape both, algebra_.And(left, WithObject(named)));
    if (both.objects.empty()) return ObjectShape{.properties = {}, .others = {}, .least = 1, .most = 0};
    out = std::move(both.objects.front());
  }
  if (const Json* required = schema.Find("required"); required != nullptr && !required->is_bool()) {
    if (!required->is_array()) return StatusAt(place, "required", WrongType("an array of strings", *required));
    for (const Json& name : required->as_array()) {
      if (!name.is_string()) return StatusAt(place, "required", WrongType("an array of strings", *required));
      const Status added = algebra_.Require(out, name.as_string());
      if (!added.ok()) return StatusAt(place, "required", added);
    }
  }
  for (const auto& [name, target] : {std::pair{"minProperties", &out.least}, std::pair{"maxProperties", &out.most}}) {
    const Json* value = schema.Find(name);
    if (value == nullptr) continue;
    const Result<uint32_t> count = Count(*value);
    if (!count.ok()) return StatusAt(place, name, count.status());
    *target = *count;
  }
  return out;
}

/// Names that match a pattern satisfy its schema, also when listed; `additionalProperties` is for names that match
/// none. out.others holds one class: all names.
Status SchemaTypes::Patterns(const Place& place, const Json& patterns, ObjectShape& out) {
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
  std::vector<std::string> spelled;  // the properties' names
  for (const ObjectShape::Property& p : out.properties) spelled.push_back(SpellInJson(p.name));
  for (const auto& [pattern, value] : patterns.as_object()) {
    const Place here = SchemaDocument::Child(list, pattern, value);
    const Result<ByteDfa> names =
        CompileRegex(pattern, {.spelling = RegexOptions::Spelling::kJsonString, .whole = false}, algebra_.limits());
    if (!names.ok()) return StatusAt(here, "", names.status());
    const SubId sub = subs_.Schema(here);
    for (size_t i = 0; i < spelled.size(); ++i) {
      if (!algebra_.limits().budget.Spend(5 + spelled[i].size())) return StatusAt(here, "", TooManyStates());
      if (!names->Accepts(spelled[i])) continue;
      BP_ASSIGN_OR_RETURN(out.properties[i].sub, algebra_.AndSubs(out.properties[i].sub, sub));
    }
    if (subs_.full()) return StatusAt(here, "", TooManyStates());
    std::vector<Class> split;
    for (const Class& c : classes) {
      MaybeDfa in = Intersect(c.names, *names, algebra_.limits()),
               outside = Subtract(c.names, *names, algebra_.limits());
      if (!in.has_value() || !outside.has_value() || split.size() > kClassesMax) {
        return StatusAt(here, "",
                        Status::InvalidArgument("the patterns together need more states than a constraint may have"));
      }
      if (!in->IsEmpty()) {
        BP_ASSIGN_OR_RETURN(const SubId both, algebra_.AndSubs(c.sub, sub));
        split.push_back({*std::move(in), both, true});
      }
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

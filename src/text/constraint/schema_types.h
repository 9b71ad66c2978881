#pragma once
/// What JSON Schema's keywords about one type of value mean: those of numbers, strings, arrays and objects. A keyword
/// says nothing of values of other types.
///
/// Errors: kInvalidArgument, "#/place/keyword: why".

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "text/constraint/schema_document.h"
#include "text/constraint/schema_shape.h"

namespace bedplate {

class SchemaTypes {
 public:
  using Place = SchemaDocument::Place;

  /// algebra and subs outlive it. shape_of: of another schema, which propertyNames asks for.
  SchemaTypes(ShapeAlgebra& algebra, SubSchemas& subs, std::function<Result<Shape>(SubId)> shape_of)
      : algebra_(algebra), subs_(subs), shape_of_(std::move(shape_of)) {}

  /// The conjunction of these keywords of a schema that is an object.
  Result<Shape> Read(const Place& place);

 private:
  Result<NumberSet> Numbers(const Place& place);
  Result<StringSet> Strings(const Place& place);
  Result<StringSet> Texts(std::string_view keyword, const std::string& value);
  Result<ArrayShape> Array(const Place& place);
  Result<ObjectShape> Object(const Place& place);
  Status Patterns(const Place& place, const Json& patterns, ObjectShape& object);

  ShapeAlgebra& algebra_;
  SubSchemas& subs_;
  const std::function<Result<Shape>(SubId)> shape_of_;
  std::map<std::string, StringSet> texts_;  // by "format:..." or "pattern:..."
};

}  // namespace bedplate

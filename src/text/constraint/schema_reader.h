#pragma once
/// From schemas to shapes: what each keyword means. A shape is made when somebody asks for it, once.

#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "text/constraint/schema_document.h"
#include "text/constraint/schema_shape.h"
#include "text/constraint/schema_types.h"

namespace bedplate {

class SchemaReader {
 public:
  using Place = SchemaDocument::Place;

  /// root outlives the reader.
  SchemaReader(const Json& root, DfaLimits limits);
  SchemaReader(const SchemaReader&) = delete;
  SchemaReader& operator=(const SchemaReader&) = delete;

  /// Of the document as a whole; ask before anything else.
  [[nodiscard]] const Status& status() const { return document_.status(); }
  [[nodiscard]] SubId root() { return subs_.Schema(document_.root()); }
  SubSchemas& subs() { return subs_; }
  [[nodiscard]] DfaLimits limits() const { return limits_; }
  Result<Shape> ShapeOf(SubId sub);
  /// Where a conjunction comes from, for messages.
  [[nodiscard]] std::string Where(SubId sub) const;

 private:
  Result<Shape> Literal(SubSchemas::Literal literal);
  Result<Shape> Schema(const Place& place);
  Result<Shape> Keywords(const Place& place);
  Result<Shape> Constant(const Place& place);

  Result<Shape> Reference(const Place& place, std::string_view keyword, const Json& value);
  Result<std::vector<Place>> List(const Place& place, std::string_view keyword, const Json& value);
  Result<Shape> AnyOf(const Place& place, std::string_view keyword, const Json& value);
  Result<Shape> OneOf(const Place& place, const Json& value);
  Result<Shape> IfThenElse(const Place& place, const Json& condition);
  Result<Shape> Types(const Json& value);
  Result<Shape> Enum(const Place& place, const Json& value);
  Result<Shape> Dependent(const Place& place, std::string_view keyword, const Json& value);
  [[nodiscard]] bool Disjoint(const Shape& a, const Shape& b);
  [[nodiscard]] bool Contradict(const ObjectShape& a, const ObjectShape& b);
  [[nodiscard]] const Shape* Compared(SubId sub);

  SchemaDocument document_;
  SubSchemas subs_;
  DfaLimits limits_;
  ShapeAlgebra algebra_;
  SchemaTypes types_;  // after what it uses
  std::map<const Json*, Shape> known_;
  std::set<const Json*> reading_;
  std::map<SubId, std::optional<Shape>> compared_;
  uint32_t comparing_ = 0;  // objects, one inside the other
  uint32_t depth_ = 0;
};

}  // namespace bedplate

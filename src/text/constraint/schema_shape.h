#pragma once
/// What a JSON Schema allows, in a form that "and", "or" and "not" can be computed in: for each type of JSON value,
/// what values of that type are allowed. Arrays and objects name the schemas of what is inside them by SubId:
/// conjunctions of schemas, looked at only when they are needed, which is what lets a schema contain itself.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "text/constraint/byte_dfa.h"
#include "text/constraint/number_language.h"
#include "text/constraint/schema_document.h"
#include "text/constraint/string_language.h"

namespace bedplate {

/// A conjunction of schemas and negated schemas.
using SubId = uint32_t;

/// All conjunctions there are. Equal ones have equal ids.
class SubSchemas {
 public:
  static constexpr SubId kAnything = 0;
  static constexpr SubId kNothing = 1;
  static constexpr size_t kMax = 20'000;

  /// One fact about a value: it is valid under a schema, equal to a constant, or satisfies a conjunction; or not.
  struct Fact {
    enum class Kind : uint8_t { kSchema, kConstant, kConjunction };
    Kind kind = Kind::kSchema;
    SchemaDocument::Place place{};  // kSchema; kConstant: its schema is the value
    SubId conjunction = 0;
  };
  struct Literal {
    uint32_t fact = 0;
    bool negated = false;
    auto operator<=>(const Literal&) const = default;
  };

  SubSchemas();
  SubId Schema(const SchemaDocument::Place& place);
  SubId Constant(const SchemaDocument::Place& place);
  SubId And(SubId a, SubId b);
  SubId Not(SubId a);
  /// What And() would make of them is kNothing; makes nothing. False where that doesn't show from their facts alone.
  [[nodiscard]] bool Contradict(SubId a, SubId b) const;
  [[nodiscard]] const std::vector<Literal>& Literals(SubId id) const { return subs_[id]; }
  [[nodiscard]] const Fact& fact(uint32_t number) const { return facts_[number]; }
  [[nodiscard]] bool full() const { return subs_.size() > kMax; }

 private:
  SubId Intern(std::vector<Literal> literals);
  SubId OfFact(Fact fact);
  std::vector<std::vector<Literal>> subs_;
  std::map<std::vector<Literal>, SubId> by_literals_;
  std::vector<Fact> facts_;
  std::map<std::pair<uint8_t, uintptr_t>, uint32_t> fact_numbers_;
};

struct ArrayShape {
  static constexpr uint32_t kUnbounded = UINT32_MAX;
  struct Contains {
    SubId sub = SubSchemas::kAnything;
    uint32_t from = 0;  // elements before it don't count
    uint32_t least = 1;
    uint32_t most = kUnbounded;
  };
  std::vector<SubId> prefix{};
  SubId items = SubSchemas::kAnything;  // of elements after the prefix
  uint32_t least = 0;
  uint32_t most = kUnbounded;
  std::vector<Contains> contains{};

  [[nodiscard]] SubId At(size_t index) const { return index < prefix.size() ? prefix[index] : items; }
};

struct ObjectShape {
  static constexpr uint32_t kUnbounded = UINT32_MAX;
  static constexpr size_t kNameMax = 4096;  // bytes
  struct Property {
    std::string name{};
    SubId sub = SubSchemas::kAnything;  // kNothing: must be absent
    bool required = false;
  };
  /// Names that are not listed, by classes without overlap. Names in no class must be absent.
  struct Others {
    ByteDfa names{};  // in shortest spelling
    SubId sub = SubSchemas::kAnything;
  };
  std::vector<Property> properties{};  // in the order they are written
  std::vector<Others> others{};
  uint32_t least = 0;
  uint32_t most = kUnbounded;

  static ObjectShape Any();
  /// What a property must satisfy that may not be listed.
  [[nodiscard]] SubId Sub(std::string_view name) const;
  /// Of a budget, that Find() and Sub() cost: names are looked for one by one.
  [[nodiscard]] uint64_t FindSteps(std::string_view name) const {
    return 10 + properties.size() * (1 + name.size() / 64);
  }
  [[nodiscard]] uint64_t SubSteps(std::string_view name) const {
    return FindSteps(name) + name.size() * (1 + others.size()) / 2;
  }
  [[nodiscard]] Property* Find(std::string_view name);
};

struct Shape {
  bool null = false;
  bool yes = false;  // true
  bool no = false;   // false
  NumberSet numbers{};
  StringSet strings{};
  std::vector<ArrayShape> arrays{};    // any of these
  std::vector<ObjectShape> objects{};  // any of these

  static Shape Anything();
};

/// Computes with shapes. Errors: kInvalidArgument for what would grow beyond the limits, or can't be negated.
class ShapeAlgebra {
 public:
  static constexpr size_t kAlternativesMax = 512;

  ShapeAlgebra(SubSchemas& subs, DfaLimits limits) : subs_(subs), limits_(limits) {}
  Result<Shape> And(const Shape& a, const Shape& b);
  Result<Shape> Or(Shape a, const Shape& b);
  Result<Shape> Not(const Shape& a);
  Result<SubId> AndSubs(SubId a, SubId b);
  /// The property must be there; whatever it satisfied before, it still does.
  Status Require(ObjectShape& object, const std::string& name);
  /// There is budget left to copy the shape, or to keep a copy. Shapes are as large as a schema's author makes them,
  /// and one may be asked for from hundreds of places.
  [[nodiscard]] bool MayCopy(const Shape& shape);
  [[nodiscard]] bool MayKeep(const Shape& shape);
  [[nodiscard]] DfaLimits limits() const { return limits_; }

 private:
  Result<ArrayShape> AndArray(const ArrayShape& a, const ArrayShape& b);
  Result<ObjectShape> AndObject(const ObjectShape& a, const ObjectShape& b);
  Status NotArray(const ArrayShape& a, std::vector<ArrayShape>& out);
  Status NotObject(const ObjectShape& a, std::vector<ObjectShape>& out);
  SubSchemas& subs_;
  DfaLimits limits_;
};

}  // namespace bedplate

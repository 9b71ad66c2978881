#pragma once
/// A JSON Schema document: which schema a $ref means. JSON pointers, $anchor and embedded $id are followed inside the
/// document; what lies outside of it is refused.

#include <map>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/status.h"

namespace bedplate {

class SchemaDocument {
 public:
  struct Place {
    const Json* schema = nullptr;
    std::string pointer{};  // "#/properties/a", for messages; its end is cut off far in
    std::string base{};     // the URI that relative references start from
  };

  /// root outlives the document.
  explicit SchemaDocument(const Json& root);

  [[nodiscard]] const Place& root() const { return root_; }
  /// A schema inside another: its member, or an element of it.
  [[nodiscard]] static Place Child(const Place& place, std::string_view name, const Json& schema);
  Result<Place> Resolve(const Place& from, std::string_view reference) const;

 private:
  void Index(const Place& place);
  static Result<Place> Follow(Place place, std::string_view pointer, std::string_view reference);

  Place root_;
  std::map<std::string, Place, std::less<>> by_uri_;  // without a fragment, or with an anchor's
};

/// Prefixes the place, unless a deeper one has.
Status StatusAt(const SchemaDocument::Place& place, std::string_view keyword, const Status& status);
Status WrongType(std::string_view expected, const Json& got);
/// "~" and "/" as a pointer spells them.
std::string PointerToken(std::string_view name);

}  // namespace bedplate

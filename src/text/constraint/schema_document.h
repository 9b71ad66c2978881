#pragma once
/// A JSON Schema document: which schema a $ref means. JSON pointers, $anchor and embedded $id are followed inside the
/// document; what lies outside of it is refused. Names and references have a largest length, since each may be told
/// again for every value of the document.

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/status.h"
#include "text/constraint/compile_budget.h"

namespace bedplate {

class SchemaDocument {
 public:
  static constexpr size_t kUriMax = 2048;        // bytes of an $id, whole and as written, and of an anchor
  static constexpr size_t kReferenceMax = 4096;  // bytes of a $ref
  struct Place {
    const Json* schema = nullptr;
    std::string pointer{};  // "#/properties/a", for messages; its end is cut off far in
    // The URI that relative references start from; one for all that is inside an $id's schema. nullptr: empty.
    std::shared_ptr<const std::string> base{};
  };

  /// root and budget outlive the document.
  SchemaDocument(const Json& root, CompileBudget& budget);

  /// Of the document as a whole: an $id or anchor that is too long, or more of it than the budget has room for.
  [[nodiscard]] const Status& status() const { return status_; }
  [[nodiscard]] const Place& root() const { return root_; }
  /// A schema inside another: its member, or an element of it.
  [[nodiscard]] static Place Child(const Place& place, std::string_view name, const Json& schema);
  Result<Place> Resolve(const Place& from, std::string_view reference) const;

 private:
  Status Index(const Place& place);
  Status AddUri(std::string uri, const Place& place);
  Result<Place> Follow(Place place, std::string_view pointer, std::string_view reference) const;

  CompileBudget& budget_;
  Place root_;
  Status status_ = Status::Ok();
  std::map<std::string, Place, std::less<>> by_uri_;  // without a fragment, or with an anchor's
};

/// Prefixes the place, unless a deeper one has.
Status StatusAt(const SchemaDocument::Place& place, std::string_view keyword, const Status& status);
Status WrongType(std::string_view expected, const Json& got);
/// "~" and "/" as a pointer spells them.
std::string PointerToken(std::string_view name);

}  // namespace bedplate

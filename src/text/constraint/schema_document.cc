#include "text/constraint/schema_document.h"

#include <charconv>
#include <optional>
#include <utility>
#include <vector>

#include "base/cat.h"

namespace bedplate {
namespace {

const std::string* StringMember(const Json& schema, std::string_view name) {
  const Json* value = schema.Find(name);
  return value != nullptr && value->is_string() ? &value->as_string() : nullptr;
}

/// RFC 3986, 5.2, as far as schemas use it: absolute URIs, absolute paths and names beside the base's last segment.
std::string ResolveUri(std::string_view base, std::string_view reference) {
  const size_t colon = reference.find(':'), slash = reference.find('/');
  if (colon != std::string_view::npos && (slash == std::string_view::npos || colon < slash)) {
    return std::string(reference);
  }
  if (reference.empty()) return std::string(base);
  const size_t scheme = base.find("://");
  const size_t path = scheme == std::string_view::npos ? base.find('/') : base.find('/', scheme + 3);
  if (reference.starts_with("/")) return Cat(base.substr(0, path), reference);
  const size_t last = base.rfind('/');
  const bool has_path = path != std::string_view::npos && last != std::string_view::npos && last >= path;
  return Cat(has_path ? base.substr(0, last + 1) : Cat(base, scheme == std::string_view::npos ? "" : "/"), reference);
}

Result<std::string> Unescape(std::string_view text, std::string_view reference) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    uint8_t byte = 0;
    if (text[i] != '%') {
      out += text[i];
    } else if (i + 2 < text.size() &&
               std::from_chars(text.data() + i + 1, text.data() + i + 3, byte, 16).ptr == text.data() + i + 3) {
      out += static_cast<char>(byte);
      i += 2;
    } else {
      return Status::InvalidArgument(Cat("'", reference.substr(0, 200), "' is no URI"));
    }
  }
  return out;
}

std::string_view BaseOf(const SchemaDocument::Place& place) {
  return place.base == nullptr ? std::string_view() : *place.base;
}

/// The whole URI that an $id gives to its schema. nullopt: it is too long.
std::optional<std::string> WholeUri(std::string_view base, const std::string& id) {
  if (id.size() > SchemaDocument::kUriMax) return std::nullopt;
  std::string uri = ResolveUri(base, std::string_view(id).substr(0, id.find('#')));
  if (uri.size() > SchemaDocument::kUriMax) return std::nullopt;
  return uri;
}

Status TooLongUri() {
  return Status::InvalidArgument(Cat("it is too long; allowed: up to ", SchemaDocument::kUriMax, " bytes"));
}

/// The name that a pointer's token spells.
std::string NameOfToken(std::string_view token) {
  std::string out;
  for (size_t i = 0; i < token.size(); ++i) {
    const bool escape = token[i] == '~' && i + 1 < token.size() && (token[i + 1] == '0' || token[i + 1] == '1');
    out += !escape ? token[i] : token[++i] == '0' ? '~' : '/';
  }
  return out;
}

}  // namespace

std::string PointerToken(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

Status StatusAt(const SchemaDocument::Place& place, std::string_view keyword, const Status& status) {
  if (status.ok() || status.message().starts_with("#")) return status;
  return Status::InvalidArgument(
      Cat(place.pointer, keyword.empty() ? "" : "/", PointerToken(keyword), ": ", status.message()));
}

Status WrongType(std::string_view expected, const Json& got) {
  return Status::InvalidArgument(Cat("expected ", expected, ", got ", got.kind()));
}

SchemaDocument::SchemaDocument(const Json& root, CompileBudget& budget)
    : budget_(budget), root_{.schema = &root, .pointer = "#"} {
  if (const std::string* id = StringMember(root, "$id")) {
    std::optional<std::string> uri = WholeUri("", *id);
    if (!uri.has_value()) {
      status_ = StatusAt(root_, "$id", TooLongUri());
      return;
    }
    root_.base = std::make_shared<const std::string>(*std::move(uri));
  }
  by_uri_.emplace("", root_);
  status_ = Index(root_);
}

SchemaDocument::Place SchemaDocument::Child(const Place& place, std::string_view name, const Json& schema) {
  // A pointer is for people, and there are as many as there are values: far in, or with very long names, it is cut.
  constexpr size_t kNameMax = 200, kPointerMax = 500;
  const bool cut = place.pointer.size() > kPointerMax;
  if (name.size() > kNameMax) {
    name = name.substr(0, kNameMax);
    while (!name.empty() && (name.back() & 0x80) != 0) name.remove_suffix(1);  // a character may have been cut
  }
  Place child{.schema = &schema,
              .pointer = cut ? place.pointer : Cat(place.pointer, "/", PointerToken(name)),
              .base = place.base};
  if (const std::string* id = StringMember(schema, "$id")) {
    // Too long it can only be in what is no schema: the index has refused the others.
    std::optional<std::string> uri = WholeUri(BaseOf(place), *id);
    if (uri.has_value()) child.base = std::make_shared<const std::string>(*std::move(uri));
  }
  return child;
}

Status SchemaDocument::AddUri(std::string uri, const Place& place) {
  if (!budget_.Spend(100 + uri.size() / 2)) return StatusAt(place, "", TooManyStates());
  by_uri_.emplace(std::move(uri), place);
  return Status::Ok();
}

/// Everything that may hold a schema is looked into, but not values that only look like one.
Status SchemaDocument::Index(const Place& first) {
  std::vector<Place> todo{first};
  const auto push = [&](const Place& place, std::string_view name, const Json& value) -> Status {
    Place child = Child(place, name, value);
    const std::string* id = StringMember(value, "$id");
    if (id != nullptr && !WholeUri(BaseOf(place), *id).has_value()) return StatusAt(child, "$id", TooLongUri());
    if (!budget_.Spend(1 + child.pointer.size() / 4)) return StatusAt(child, "", TooManyStates());
    todo.push_back(std::move(child));
    return Status::Ok();
  };
  while (!todo.empty()) {
    const Place place = std::move(todo.back());
    todo.pop_back();
    if (place.schema->is_array()) {
      for (size_t i = 0; i < place.schema->as_array().size(); ++i) {
        BP_RETURN_IF_ERROR(push(place, Cat(i), place.schema->as_array()[i]));
      }
    }
    if (!place.schema->is_object()) continue;
    if (StringMember(*place.schema, "$id") != nullptr) {
      BP_RETURN_IF_ERROR(AddUri(std::string(BaseOf(place)), place));
    }
    for (const std::string_view name : {"$anchor", "$dynamicAnchor"}) {
      const std::string* anchor = StringMember(*place.schema, name);
      if (anchor == nullptr) continue;
      if (anchor->size() > kUriMax) return StatusAt(place, name, TooLongUri());
      BP_RETURN_IF_ERROR(AddUri(Cat(BaseOf(place), "#", *anchor), place));
    }
    for (const auto& [name, value] : place.schema->as_object()) {
      if (name == "enum" || name == "const" || name == "default" || name == "examples") continue;
      if (value.is_object() || value.is_array()) BP_RETURN_IF_ERROR(push(place, name, value));
    }
  }
  return Status::Ok();
}

Result<SchemaDocument::Place> SchemaDocument::Resolve(const Place& from, std::string_view reference) const {
  if (reference.size() > kReferenceMax) {
    return Status::InvalidArgument(
        Cat("the reference has ", reference.size(), " bytes; allowed: up to ", kReferenceMax));
  }
  if (!budget_.Spend(100 + reference.size())) return TooManyStates();
  const size_t hash = reference.find('#');
  const std::string uri = ResolveUri(BaseOf(from), reference.substr(0, hash));
  const std::string_view raw = hash == std::string_view::npos ? "" : reference.substr(hash + 1);
  BP_ASSIGN_OR_RETURN(const std::string fragment, Unescape(raw, reference));
  const auto missing = [&] {
    return Status::InvalidArgument(
        Cat("'", reference.substr(0, 200), "' is not in the document; only references inside it are followed"));
  };
  if (!fragment.empty() && !fragment.starts_with("/")) {
    const auto anchor = by_uri_.find(Cat(uri, "#", fragment));
    if (anchor == by_uri_.end()) return missing();
    return anchor->second;
  }
  auto resource = by_uri_.find(uri);
  if (resource == by_uri_.end() && uri == BaseOf(root_)) resource = by_uri_.find("");
  if (resource == by_uri_.end()) return missing();
  return Follow(resource->second, fragment, reference);
}

Result<SchemaDocument::Place> SchemaDocument::Follow(Place place, std::string_view pointer,
                                                     std::string_view reference) const {
  while (!pointer.empty()) {
    const size_t end = pointer.find('/', 1);
    const std::string token = NameOfToken(pointer.substr(1, end == std::string_view::npos ? end : end - 1));
    pointer = end == std::string_view::npos ? "" : pointer.substr(end);
    // Members are looked for one by one, and a document may have very many.
    const size_t members = place.schema->is_object() ? place.schema->as_object().size() : 0;
    if (!budget_.Spend(10 + members / 4)) return TooManyStates();
    const Json* next = place.schema->Find(token);
    if (place.schema->is_array()) {
      size_t index = 0;
      const auto [stop, error] = std::from_chars(token.data(), token.data() + token.size(), index);
      const bool whole = error == std::errc() && stop == token.data() + token.size();
      next = whole && index < place.schema->as_array().size() ? &place.schema->as_array()[index] : nullptr;
    }
    if (next == nullptr) {
      return Status::InvalidArgument(Cat("'", reference.substr(0, 200), "' points at nothing in the document"));
    }
    place = Child(place, token, *next);
  }
  return place;
}

}  // namespace bedplate

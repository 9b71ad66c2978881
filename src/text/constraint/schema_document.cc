#include "text/constraint/schema_document.h"

#include <charconv>
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

void Replace(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

}  // namespace

std::string PointerToken(std::string_view name) {
  std::string out(name);
  Replace(out, "~", "~0");
  Replace(out, "/", "~1");
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

SchemaDocument::SchemaDocument(const Json& root) : root_{.schema = &root, .pointer = "#", .base = ""} {
  if (const std::string* id = StringMember(root, "$id")) root_.base = id->substr(0, id->find('#'));
  by_uri_.emplace("", root_);
  Index(root_);
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
    child.base = ResolveUri(place.base, std::string_view(*id).substr(0, id->find('#')));
  }
  return child;
}

/// Everything that may hold a schema is looked into, but not values that only look like one.
void SchemaDocument::Index(const Place& first) {
  std::vector<Place> todo{first};
  while (!todo.empty()) {
    const Place place = std::move(todo.back());
    todo.pop_back();
    if (place.schema->is_array()) {
      for (size_t i = 0; i < place.schema->as_array().size(); ++i) {
        todo.push_back(Child(place, Cat(i), place.schema->as_array()[i]));
      }
    }
    if (!place.schema->is_object()) continue;
    if (StringMember(*place.schema, "$id") != nullptr) by_uri_.emplace(place.base, place);
    for (const std::string_view name : {"$anchor", "$dynamicAnchor"}) {
      const std::string* anchor = StringMember(*place.schema, name);
      if (anchor != nullptr) by_uri_.emplace(Cat(place.base, "#", *anchor), place);
    }
    for (const auto& [name, value] : place.schema->as_object()) {
      if (name == "enum" || name == "const" || name == "default" || name == "examples") continue;
      if (value.is_object() || value.is_array()) todo.push_back(Child(place, name, value));
    }
  }
}

Result<SchemaDocument::Place> SchemaDocument::Resolve(const Place& from, std::string_view reference) const {
  const size_t hash = reference.find('#');
  const std::string uri = ResolveUri(from.base, reference.substr(0, hash));
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
  if (resource == by_uri_.end() && uri == root_.base) resource = by_uri_.find("");
  if (resource == by_uri_.end()) return missing();
  return Follow(resource->second, fragment, reference);
}

Result<SchemaDocument::Place> SchemaDocument::Follow(Place place, std::string_view pointer,
                                                     std::string_view reference) {
  while (!pointer.empty()) {
    const size_t end = pointer.find('/', 1);
    std::string token(pointer.substr(1, end == std::string_view::npos ? end : end - 1));
    pointer = end == std::string_view::npos ? "" : pointer.substr(end);
    Replace(token, "~1", "/");
    Replace(token, "~0", "~");
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

#pragma once
/// Which members an object that clients send may have, and what becomes of each. One list behind four things: a
/// FieldReader with a table reads no other member, /openapi.json tells it, the tables of docs/ are held to it by a
/// test, and so is what the decoders take and refuse.

#include <cstdint>
#include <span>
#include <string_view>

namespace bedplate {

enum class Support : uint8_t {
  kSupported,
  kIgnored,  // taken whatever it is, and no answer depends on it (one may repeat it, and the books: attribution.h)
  kRefused,  // an error that names it, but for what its schema lets through
};

struct Field {
  std::string_view name;
  Support support = Support::kSupported;
  std::string_view schema = {};  // JSON Schema of what is taken. None: whatever is supported, nothing that is refused
  bool required = false;
};

/// In groups, since APIs share some. A name is in one of them.
using FieldTable = std::span<const std::span<const Field>>;

/// nullptr: an object may have such a member, but it is none of ours, and ignored.
inline const Field* FindField(FieldTable table, std::string_view name) {
  for (const std::span<const Field> group : table) {
    for (const Field& field : group) {
      if (field.name == name) return &field;
    }
  }
  return nullptr;
}

}  // namespace bedplate

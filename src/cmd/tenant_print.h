#pragma once
/// How commands print what Tenants::Do answers.

#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "base/json.h"

namespace bedplate {

enum class ColumnKind : uint8_t { kPlain, kTime };

struct TableColumn {
  std::string_view title;
  std::string_view member;
  ColumnKind kind = ColumnKind::kPlain;
};

void PrintJson(const Json& value);
/// A row for each object of an array.
void PrintTable(const Json& data, std::initializer_list<TableColumn> columns);
/// "name: value" for each member of an object; times (..._at) as such.
void PrintMembers(const Json& object);
/// The secret that a key was made or rotated with; shown now, and never again.
void PrintSecret(const Json& key);

}  // namespace bedplate

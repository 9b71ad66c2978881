#pragma once
/// How commands print what Office::Do answers.

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace bedplate {

enum class ColumnKind : uint8_t { kPlain, kTime, kNumber /* to the right */ };

struct TableColumn {
  std::string_view title;
  std::string_view member;
  ColumnKind kind = ColumnKind::kPlain;
};

void PrintJson(const Json& value);
/// A row for each object of an array.
void PrintTable(const Json& data, const std::vector<TableColumn>& columns);
/// "name: value" for each member of an object; times (..._at) as such.
void PrintMembers(const Json& object);
/// The secret that a key was made or rotated with; shown now, and never again.
void PrintSecret(const Json& key);

}  // namespace bedplate

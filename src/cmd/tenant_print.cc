#include "cmd/tenant_print.h"

#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <vector>

#include "base/cat.h"
#include "cmd/table.h"
#include "cmd/time_text.h"

namespace bedplate {
namespace {

std::string CellText(const Json* value, ColumnKind kind) {
  if (value == nullptr || value->is_null()) return "-";
  if (value->is_int()) return kind == ColumnKind::kTime ? UtcTimeText(value->as_int()) : Cat(value->as_int());
  if (value->is_bool()) return value->as_bool() ? "yes" : "-";
  if (value->is_string()) return value->as_string().empty() ? "-" : value->as_string();
  if (!value->is_array()) return WriteJson(*value);
  std::string texts;
  for (const Json& one : value->as_array()) {
    texts += Cat(texts.empty() ? "" : ",", one.is_string() ? one.as_string() : WriteJson(one));
  }
  return texts.empty() ? "-" : texts;
}

}  // namespace

void PrintJson(const Json& value) {
  fmt::print("{}\n", WriteJson(value));
}

void PrintTable(const Json& data, const std::vector<TableColumn>& columns) {
  std::vector<Table::Align> aligns;
  for (const TableColumn& column : columns) {
    aligns.push_back(column.kind == ColumnKind::kNumber ? Table::Align::kRight : Table::Align::kLeft);
  }
  Table table(std::move(aligns));
  std::vector<std::string> titles;
  for (const TableColumn& column : columns) titles.emplace_back(column.title);
  table.Row(std::move(titles));
  for (const Json& row : data.as_array()) {
    std::vector<std::string> cells;
    for (const TableColumn& column : columns) cells.push_back(CellText(row.Find(column.member), column.kind));
    table.Row(std::move(cells));
  }
  fmt::print("{}", table.Text());
}

void PrintMembers(const Json& object) {
  for (const auto& [name, value] : object.as_object()) {
    if (name == "object") continue;
    fmt::print("{}: {}\n", name, CellText(&value, name.ends_with("_at") ? ColumnKind::kTime : ColumnKind::kPlain));
  }
}

void PrintSecret(const Json& key) {
  if (const Json* const text = key.Find("key")) {
    fmt::print("The key, which is shown only now:\n\n  {}\n\n", text->as_string());
    return;
  }
  fmt::print("The pair, which is shown only now:\n\n  AWS_ACCESS_KEY_ID={}\n  AWS_SECRET_ACCESS_KEY={}\n\n",
             key.Find("access_key_id")->as_string(), key.Find("secret_access_key")->as_string());
}

}  // namespace bedplate

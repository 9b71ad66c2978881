#pragma once
/// Rows of text in columns, for people. A column is as wide as its longest cell.

#include <string>
#include <vector>

namespace bedplate {

class Table {
 public:
  enum class Align { kLeft, kRight };
  explicit Table(std::vector<Align> columns) : columns_(std::move(columns)) {}

  /// As many cells as columns; UTF-8, each character one place wide.
  void Row(std::vector<std::string> cells);
  [[nodiscard]] bool empty() const { return rows_.empty(); }
  /// Every row with a newline, two spaces between columns, none at the ends of lines. indent goes before each.
  [[nodiscard]] std::string Text(const std::string& indent = "") const;

 private:
  std::vector<Align> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace bedplate

// Columns line up for cells of any length, and lines end without spaces.
#include "cmd/table.h"

#include <gtest/gtest.h>

namespace bedplate {
namespace {

TEST(Table, ColumnsLineUp) {
  Table table({Table::Align::kLeft, Table::Align::kRight, Table::Align::kLeft});
  EXPECT_TRUE(table.empty());
  table.Row({"name", "bytes", "note"});
  table.Row({"müde", "7", ""});
  table.Row({"a longer name", "1234567", "x"});
  EXPECT_EQ(table.Text(),
            "name             bytes  note\n"
            "müde                 7\n"
            "a longer name  1234567  x\n");
  EXPECT_EQ(table.Text("  ").substr(0, 6), "  name");
}

}  // namespace
}  // namespace bedplate

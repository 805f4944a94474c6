#include "report/table.hpp"

#include <gtest/gtest.h>

namespace celere::report {
namespace {

// The widest cell of a column sets its width, two spaces apart; "é" is one column although it is
// two bytes. Nothing trails.
TEST(Table, aligns_by_characters) {
  Table table({{"name", Table::Align::left}, {"GPUs", Table::Align::right}});
  table.row({"café", "8"});
  table.row({"x", "350,000"});
  EXPECT_EQ(table.text(2),
            "  name     GPUs\n"
            "  café        8\n"
            "  x     350,000\n");
}

TEST(Bar, is_full_in_proportion) {
  EXPECT_EQ(bar(0.5, 10), "#####.....");
  EXPECT_EQ(bar(0, 4), "....");
  EXPECT_EQ(bar(1, 4), "####");
}

// Lines break at spaces, at most 10 wide; a longer word stands alone.
TEST(Wrapped, breaks_at_spaces) {
  EXPECT_EQ(wrapped("aaa bbb ccc ddd", 10, 2), "aaa bbb\n  ccc ddd");
  EXPECT_EQ(wrapped("a verylongwordindeed b", 10, 0), "a\nverylongwordindeed\nb");
}

}  // namespace
}  // namespace celere::report

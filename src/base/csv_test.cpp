#include "base/csv.hpp"

#include <gmock/gmock.h>

namespace celere {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string message_of(std::string_view text) {
  const Result<CsvTable> table = parse_csv(text, "runs.csv");
  return table.ok() ? "" : table.error().message;
}

// The example of RFC 4180, section 2, rule 7: a doubled quote is a quote; rule 6: a comma and a
// line break inside quotes belong to the cell.
TEST(Csv, quotes_hold_commas_line_breaks_and_doubled_quotes) {
  const Result<CsvTable> table =
      parse_csv("a,b,c\r\n\"aaa\",\"b\r\nb,b\",\"c\"\"c\"\r\nzzz,,xxx", "runs.csv");
  ASSERT_TRUE(table.ok()) << table.error().text();
  EXPECT_THAT(table->columns, ElementsAre("a", "b", "c"));
  ASSERT_EQ(table->rows.size(), 2u);
  EXPECT_THAT(table->rows[0].cells, ElementsAre("aaa", "b\r\nb,b", "c\"c"));
  EXPECT_THAT(table->rows[1].cells, ElementsAre("zzz", "", "xxx"));
}

// The first record spans lines 2 and 3, so the second begins on line 4.
TEST(Csv, a_row_knows_the_line_on_which_it_begins) {
  const Result<CsvTable> table = parse_csv("a\n\"x\ny\"\nz\n", "runs.csv");
  ASSERT_TRUE(table.ok());
  EXPECT_EQ(table->rows[0].line, 2);
  EXPECT_EQ(table->rows[1].line, 4);
}

TEST(Csv, a_byte_order_mark_is_no_part_of_the_first_name) {
  const Result<CsvTable> table = parse_csv("\xEF\xBB\xBFid,gpu\n1,2\n", "runs.csv");
  ASSERT_TRUE(table.ok());
  EXPECT_EQ(table->column("id"), 0u);
  EXPECT_EQ(table->column("gpu"), 1u);
  EXPECT_EQ(table->column("tp"), std::nullopt);
}

// A name that begins with a second mark keeps it: found by csv_fuzz, which wrote it unquoted.
TEST(Csv, only_the_first_byte_order_mark_is_passed_over) {
  const Result<CsvTable> table = parse_csv(
      "\xEF\xBB\xBF\xEF\xBB\xBF"
      "id\n1\n",
      "runs.csv");
  ASSERT_TRUE(table.ok());
  EXPECT_THAT(table->columns, ElementsAre("\xEF\xBB\xBF"
                                          "id"));
  const Result<CsvTable> back = parse_csv(written_csv(*table), "runs.csv");
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->columns, table->columns);
}

// Each message names the file, the line and the column that a reader must look at.
TEST(Csv, what_is_wrong_is_refused_with_its_place) {
  EXPECT_THAT(message_of(""), HasSubstr("runs.csv:1: is empty"));
  EXPECT_THAT(message_of("a,b\n1,2\n3\n"), HasSubstr("runs.csv:3: has 1 cells"));
  EXPECT_THAT(message_of("a,b\n1,2,3\n"), HasSubstr("runs.csv:2: has 3 cells"));
  EXPECT_THAT(message_of("a,b\n1,\"2\n"), HasSubstr("runs.csv:2: column 2: the quote that opens"));
  EXPECT_THAT(message_of("a,b\n1,x\"y\"\n"), HasSubstr("runs.csv:2: column 2: a quote inside"));
  EXPECT_THAT(message_of("a,b\n\"1\"2,3\n"), HasSubstr("runs.csv:2: column 1: text behind"));
  EXPECT_THAT(message_of("a,a\n"), HasSubstr("columns 1 and 2 are both \"a\""));
  EXPECT_THAT(message_of("a,\n"), HasSubstr("column 2 has no name"));
}

// Cells that need quotes, one that looks empty, and one that is: reading back gives the same.
TEST(Csv, what_is_written_reads_back) {
  const CsvTable table{.file = "x",
                       .columns = {"a b", "c"},
                       .rows = {{.line = 2, .cells = {"1,2", "say \"so\""}},
                                {.line = 3, .cells = {"", "line\nline"}}}};
  const Result<CsvTable> back = parse_csv(written_csv(table), "x");
  ASSERT_TRUE(back.ok()) << back.error().text();
  EXPECT_EQ(back->columns, table.columns);
  ASSERT_EQ(back->rows.size(), 2u);
  EXPECT_EQ(back->rows[0].cells, table.rows[0].cells);
  EXPECT_EQ(back->rows[1].cells, table.rows[1].cells);
}

}  // namespace
}  // namespace celere

#include "study/published_run.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace celere::study {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// A table of one row: every input column, id, grade and what is measured; empty but for `cells`.
CsvTable table_of(const std::vector<std::pair<std::string, std::string>>& cells) {
  CsvTable table{
      .file = "runs.csv", .columns = {"id", "grade"}, .rows = {{.line = 2, .cells = {}}}};
  for (const std::string_view name : input_columns()) table.columns.emplace_back(name);
  for (const std::string_view name : measured_columns()) table.columns.emplace_back(name);
  table.rows[0].cells.resize(table.columns.size());
  table.rows[0].cells[0] = "test-001";
  for (const auto& [name, text] : cells) table.rows[0].cells[*table.column(name)] = text;
  return table;
}

std::string message_of(const CsvTable& table) {
  const auto runs = read_published_runs(table);
  return runs.ok() ? "" : runs.error().message;
}

TEST(PublishedRun, cells_become_numbers_and_empty_ones_nothing) {
  const auto runs = read_published_runs(table_of({{"gpu", "H100-SXM"},
                                                  {"n_gpus", "64"},
                                                  {"tp", "8.0"},
                                                  {"flags", "mla first_dense=3 token_drop"},
                                                  {"step_s", "1.5"},
                                                  {"measured_peak_memory_gib", "2"}}));
  ASSERT_TRUE(runs.ok()) << runs.error().text();
  ASSERT_EQ(runs->runs.size(), 1u);
  const PublishedRun& run = runs->runs[0];
  EXPECT_EQ(run.id, "test-001");
  EXPECT_EQ(run.family, "test");
  EXPECT_EQ(run.inputs.gpu, "H100-SXM");
  EXPECT_EQ(run.inputs.gpus, 64);
  EXPECT_EQ(run.inputs.tp, 8);  // as spreadsheets write a column of whole numbers with gaps
  EXPECT_EQ(run.inputs.pp, std::nullopt);
  EXPECT_TRUE(run.inputs.has("mla"));
  EXPECT_FALSE(run.inputs.has("first_dense"));
  EXPECT_EQ(run.inputs.amount("first_dense"), 3);
  EXPECT_EQ(run.inputs.amount("mtp"), std::nullopt);
  EXPECT_EQ(run.measured.step, 1.5_s);
  EXPECT_EQ(run.measured.peak_memory, 2_GiB);
}

// 32 sequences of 1,000 tokens on 4 GPUs at 2,000 tokens a second each: 32,000 / 8,000 = 4 s. A
// printed step time wins.
TEST(PublishedRun, a_step_time_that_is_not_printed_follows_from_tokens_a_second) {
  std::vector<std::pair<std::string, std::string>> cells = {
      {"global_batch", "32"},
      {"seq_len", "1000"},
      {"n_gpus", "4"},
      {"measured_tokens_per_s_per_gpu", "2000"}};
  const auto derived = read_published_runs(table_of(cells));
  ASSERT_TRUE(derived.ok());
  EXPECT_EQ(derived->runs[0].measured.step, 4_s);
  cells.emplace_back("measured_step_s", "3.5");
  const auto printed = read_published_runs(table_of(cells));
  ASSERT_TRUE(printed.ok());
  EXPECT_EQ(printed->runs[0].measured.step, 3.5_s);
}

// FLOP/s are counted differently by each source, so that no time follows from them.
TEST(PublishedRun, no_step_time_follows_from_flop_rates) {
  const auto runs = read_published_runs(table_of(
      {{"measured_tflops_per_gpu", "400"}, {"measured_mfu_pct", "40"}, {"global_batch", "32"}}));
  ASSERT_TRUE(runs.ok());
  EXPECT_EQ(runs->runs[0].measured.step, std::nullopt);
}

TEST(PublishedRun, what_is_wrong_is_refused_with_file_line_and_column) {
  EXPECT_THAT(message_of(table_of({{"tp", "eight"}})),
              HasSubstr("runs.csv:2: tp: \"eight\" is no number"));
  EXPECT_THAT(message_of(table_of({{"tp", "0"}})), HasSubstr("runs.csv:2: tp: is 0, and must be"));
  EXPECT_THAT(message_of(table_of({{"tp", "1.5"}})), HasSubstr("a whole number from 1"));
  EXPECT_THAT(message_of(table_of({{"gated_mlp", "2"}})), HasSubstr("gated_mlp: is 2"));
  EXPECT_THAT(message_of(table_of({{"step_s", "-1"}})), HasSubstr("step_s: is -1"));
  EXPECT_THAT(message_of(table_of({{"id", ""}})), HasSubstr("id: is empty"));
  CsvTable twice = table_of({});
  twice.rows.push_back(twice.rows[0]);
  twice.rows[1].line = 3;
  EXPECT_THAT(message_of(twice), HasSubstr("runs.csv:3: id: \"test-001\" stands on an earlier"));
  CsvTable lacking = table_of({});
  lacking.columns[*lacking.column("tp")] = "TP";
  EXPECT_THAT(message_of(lacking), HasSubstr("runs.csv:1: the column tp is missing"));
}

TEST(PublishedRun, a_column_of_someone_else_is_named_and_not_read) {
  CsvTable table = table_of({});
  table.columns.emplace_back("my_remark");
  table.rows[0].cells.emplace_back("x");
  const auto runs = read_published_runs(table);
  ASSERT_TRUE(runs.ok());
  EXPECT_THAT(runs->ignored, ElementsAre("my_remark"));
}

}  // namespace
}  // namespace celere::study

#include "study/end_to_end.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

#include "base/files.hpp"
#include "layout/legal.hpp"
#include "spec/catalog.hpp"
#include "study/end_to_end_validation.hpp"

namespace celere::study {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

WholeRunPredictor predictor() {
  const std::unique_ptr<Files> files = local_files();
  const spec::Catalog catalog(*files, {});
  return *WholeRunPredictor::of(catalog, *parse_whole_numbers(embedded_whole_numbers()));
}

CsvTable embedded_table(std::size_t file) {
  const std::string_view path = embedded_whole_runs()[file];
  return *parse_csv(spec::embedded_text(path), std::string(path));
}

WholeValidation validated(const std::vector<CsvTable>& tables) {
  std::vector<WholeRuns> files;
  for (const CsvTable& table : tables) files.push_back(*read_whole_runs(table));
  return validate_whole(predictor(), files);
}

// The table with these columns alone.
CsvTable only(const CsvTable& table, const std::vector<std::string>& columns) {
  CsvTable out{.file = table.file, .columns = columns, .rows = {}};
  for (const CsvRow& row : table.rows) {
    CsvRow& kept = out.rows.emplace_back();
    kept.line = row.line;
    for (const std::string& column : columns) {
      kept.cells.push_back(row.cells[*table.column(column)]);
    }
  }
  return out;
}

void expect_same(const WholeValidation& a, const WholeValidation& b) {
  ASSERT_EQ(a.results.size(), b.results.size());
  for (std::size_t i = 0; i < a.results.size(); ++i) {
    const auto& one = a.results[i].prediction;
    const auto& two = b.results[i].prediction;
    ASSERT_EQ(one.has_value(), two.has_value()) << i;
    if (!one) continue;
    EXPECT_EQ(one->gpu_time.value, two->gpu_time.value) << i;
    EXPECT_EQ(one->gpu_time.low, two->gpu_time.low) << i;
    EXPECT_EQ(one->gpu_time.high, two->gpu_time.high) << i;
    EXPECT_EQ(one->layout.layout, two->layout.layout) << i;
  }
}

TEST(EndToEnd, keeps_its_bounds) {
  const auto bounds = parse_whole_bounds(embedded_whole_bounds());
  ASSERT_TRUE(bounds.ok()) << bounds.error().text();
  const WholeValidation validation = validated({embedded_table(0), embedded_table(1)});
  EXPECT_THAT(broken(*bounds, validation, true), IsEmpty());
  EXPECT_GT(validation.trainings.measured, 30);
  EXPECT_GT(validation.mlperf.measured, 100);
}

// What the catalogue says was fitted is what the files give.
TEST(EndToEnd, the_fitted_numbers_are_those_of_the_files) {
  const auto numbers = parse_whole_numbers(embedded_whole_numbers());
  const WholeValidation validation = validated({embedded_table(0), embedded_table(1)});
  EXPECT_NEAR(*numbers->exponent.value, validation.exponent, 0.01);
  EXPECT_NEAR(numbers->trainings.low, validation.left_out_spread.low, 0.02);
  EXPECT_NEAR(numbers->trainings.high, validation.left_out_spread.high, 0.02);
}

// Of MLPerf's rows, whose batch is said or not.
std::vector<double> race_residuals(const WholeValidation& validation, bool batch_said) {
  std::vector<double> out;
  for (const WholeResult& result : validation.results) {
    const WholeInputs& inputs = result.run.inputs;
    if (!result.run.counts() || !inputs.mlperf()) continue;
    if (inputs.global_batch.has_value() != batch_said) continue;
    if (const auto residual = result.residual()) out.push_back(*residual);
  }
  return out;
}

// So are the intervals of MLPerf: the middle 80 % where the batch is said; and how many times as
// far away, in logarithms, an end of the others' middle 80 % lies at most.
TEST(EndToEnd, the_intervals_of_races_are_those_of_the_files) {
  const auto numbers = parse_whole_numbers(embedded_whole_numbers());
  const WholeValidation validation = validated({embedded_table(0), embedded_table(1)});
  const std::vector<double> said = race_residuals(validation, true);
  const std::vector<double> assumed = race_residuals(validation, false);
  ASSERT_GT(said.size(), 50u);
  ASSERT_GT(assumed.size(), 50u);
  const Spread known = middle_of(said), wide = middle_of(assumed);
  EXPECT_NEAR(numbers->mlperf.low, known.low, 0.01);
  EXPECT_NEAR(numbers->mlperf.high, known.high, 0.01);
  const double below = std::log(wide.low) / std::log(known.low);
  const double above = std::log(wide.high) / std::log(known.high);
  EXPECT_NEAR(numbers->assumed_batch, std::max(below, above), 0.05);
}

// One changed number is seen: the GPU-hours of one training a hundredth, the minutes of another a
// hundredfold.
TEST(EndToEnd, a_changed_number_breaks_a_bound) {
  const auto bounds = parse_whole_bounds(embedded_whole_bounds());
  CsvTable trainings = embedded_table(0), races = embedded_table(1);
  trainings.rows[2].cells[*trainings.column("gpu_hours")] = "17203";
  EXPECT_THAT(broken(*bounds, validated({trainings, races}), true),
              Contains(HasSubstr("trainings_worst_most")));
  trainings = embedded_table(0);
  races.rows[2].cells[*races.column("mean_minutes_raw_log_olympic")] = "0.64264";
  EXPECT_THAT(broken(*bounds, validated({trainings, races}), true),
              Contains(HasSubstr("mlperf_worst_most")));
}

// Without the columns of the answer, and of what depends on it, the predictions are the same to the
// last bit; and so they are when they are made twice.
TEST(EndToEnd, never_reads_the_answer) {
  const CsvTable trainings = embedded_table(0), races = embedded_table(1);
  const WholeValidation whole = validated({trainings, races});
  const WholeValidation hidden =
      validated({only(trainings, {"model", "params_total", "params_active", "tokens", "gpu",
                                  "n_gpus", "precision"}),
                 only(races, {"round", "system", "benchmark", "accelerators", "accelerator",
                              "seq_len", "global_batch", "tokens_trained_mean"})});
  expect_same(whole, hidden);
  EXPECT_EQ(hidden.trainings.measured, 0);
  const auto bounds = parse_whole_bounds(embedded_whole_bounds());
  EXPECT_THAT(broken(*bounds, hidden, false), IsEmpty());
  expect_same(whole, validated({trainings, races}));
}

WholeInputs gpt3_race() {
  WholeInputs inputs;
  inputs.model = "GPT-3 175B";
  inputs.benchmark = "gpt3";
  inputs.round = "v4.1";
  inputs.system = "eos_n64";
  inputs.gpu = "NVIDIA H100-SXM5-80GB";
  inputs.parameters = inputs.active = 175e9;
  inputs.tokens = Tokens::of(2048.0 * 2048 * 300);
  inputs.gpus = 512;
  inputs.sequence = 2048;
  inputs.global_batch = 2048;
  return inputs;
}

// 300 steps on 512 GPUs; an evaluation of 5,659 sequences, forward alone, behind each 24,576; 2.5 %
// beside.
TEST(EndToEnd, a_race_is_steps_evaluations_and_what_is_beside) {
  const auto of = predictor().predict(gpt3_race());
  ASSERT_TRUE(of.ok()) << of.error().text();
  EXPECT_DOUBLE_EQ(of->steps, 300);
  EXPECT_EQ(of->goodput, 1);
  const double share = 1 + 5659.0 / 24'576 / 3;
  EXPECT_NEAR(of->gpu_time.value / (512 * 300 * share * 1.025 * of->step), 1, 1e-12);
  EXPECT_EQ(of->stack, "megatron-core-2024");
}

// Llama 2 70B on A100s: software of before 2023, so that nothing is added; on H100s, at 290 tokens
// a parameter 10 times as long as 29 would suggest: (290 / 20)^exponent.
TEST(EndToEnd, practice_counts_with_tuned_software_alone) {
  WholeInputs inputs;
  inputs.model = "Llama 2 70B";
  inputs.gpu = "A100-80GB";
  inputs.parameters = inputs.active = 69e9;
  inputs.tokens = Tokens::of(290 * 69e9);
  inputs.gpus = 2048;
  const auto old = predictor().predict(inputs);
  ASSERT_TRUE(old.ok()) << old.error().text();
  EXPECT_EQ(old->practice, 1);
  EXPECT_LT(old->goodput, 1);
  inputs.gpu = "H100";
  const auto tuned = predictor().predict(inputs);
  ASSERT_TRUE(tuned.ok()) << tuned.error().text();
  const double exponent = *parse_whole_numbers(embedded_whole_numbers())->exponent.value;
  EXPECT_NEAR(tuned->practice, std::pow(14.5, exponent), 1e-9);
  EXPECT_NEAR(tuned->gpu_time.value /
                  (2048 * tuned->steps * tuned->step / tuned->goodput * tuned->practice),
              1, 1e-12);
}

// No count and no batch: both are assumed, and said.
TEST(EndToEnd, says_what_it_assumed) {
  WholeInputs inputs;
  inputs.model = "Llama 3 70B";
  inputs.gpu = "H100";
  inputs.parameters = inputs.active = 70.6e9;
  inputs.tokens = Tokens::of(15e12);
  const auto of = predictor().predict(inputs);
  ASSERT_TRUE(of.ok()) << of.error().text();
  EXPECT_THAT(of->assumed, Contains(HasSubstr("GPUs")));
  EXPECT_THAT(of->assumed, Contains(HasSubstr("batch")));
  EXPECT_LE(of->layout.layout.ranks(), of->gpus);
}

}  // namespace
}  // namespace celere::study

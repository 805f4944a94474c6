#include "report/end_to_end_report.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace celere::report {
namespace {

using testing::HasSubstr;
using testing::Not;

// Two rows of one file: one predicted at 100 GPU-hours (80 to 150) and measured at 125, so 20 %
// off; one without a prediction, whose name has bytes of a terminal and none of UTF-8.
study::WholeValidation validation() {
  study::WholeValidation out;
  study::WholeResult& one = out.results.emplace_back();
  one.file = "runs.csv";
  one.run.inputs.model = "Llama 3 8B";
  one.run.inputs.gpus = 8;
  one.run.grade = "A";
  one.run.measured = 125 * 1_h;
  study::WholePrediction prediction;
  prediction.gpu_time = {100 * 1_h, 80 * 1_h, 150 * 1_h};
  prediction.gpus = 8;
  prediction.chip = "h100-sxm";
  prediction.assumed = {"batch 512 sequences"};
  one.prediction = prediction;
  study::WholeResult& two = out.results.emplace_back();
  two.file = "runs.csv";
  two.run.row = 1;
  two.run.inputs.model = "\x1b[31m\xff";
  two.reason = "tokens is empty";
  out.trainings = {.rows = 2,
                   .predicted = 1,
                   .measured = 1,
                   .median = 0.2,
                   .mean = 0.2,
                   .worst = 0.2,
                   .bias = 0.25,
                   .inside = 1};
  return out;
}

TEST(EndToEndReport, json_has_every_row_and_null_where_nothing_is_known) {
  const auto json = nlohmann::json::parse(end_to_end_json(validation()));
  const auto& one = json["results"][0];
  EXPECT_EQ(one["id"], 0);
  EXPECT_NEAR(one["predicted_gpu_hours"], 100, 1e-9);
  EXPECT_NEAR(one["low"], 80, 1e-9);
  EXPECT_NEAR(one["high"], 150, 1e-9);
  EXPECT_NEAR(one["measured_gpu_hours"], 125, 1e-9);
  EXPECT_NEAR(one["error"], 0.2, 1e-9);
  EXPECT_EQ(one["inside"], true);
  EXPECT_TRUE(one["reason"].is_null());
  EXPECT_EQ(one["assumed"][0], "batch 512 sequences");
  const auto& two = json["results"][1];
  EXPECT_EQ(two["id"], 1);
  for (const char* key : {"predicted_gpu_hours", "low", "high", "measured_gpu_hours", "error"}) {
    EXPECT_TRUE(two[key].is_null()) << key;
  }
  EXPECT_EQ(two["reason"], "tokens is empty");
  EXPECT_EQ(json["trainings"]["measured"], 1);
  EXPECT_TRUE(json["mlperf"]["median"].is_null());
  EXPECT_TRUE(json["left_out"].is_null());
}

TEST(EndToEndReport, text_shows_the_error_and_the_reason_and_no_control_characters) {
  const std::string text = end_to_end_text(validation());
  EXPECT_THAT(text, HasSubstr("-20.0 %"));
  EXPECT_THAT(text, HasSubstr("80 to 150"));
  EXPECT_THAT(text, HasSubstr("tokens is empty"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace celere::report

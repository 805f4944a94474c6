// The JSON of a training against its run directory.
#include "report/training_report.hpp"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "report/test_training.hpp"

namespace celere::report {
namespace {

using nlohmann::json;
using testing::HasSubstr;

// Steps of 0.2, 0.3 and 0.1 s: the median is 0.2 s, 1.25 times the predicted 0.16 s.
TEST(TrainingReport, says_what_the_run_directory_says) {
  const Training training = training_by_hand();
  const json view = json::parse(training_json(training));
  EXPECT_EQ(view["run"], "</script><b id=evil>");
  EXPECT_EQ(view["state"], "ended");
  EXPECT_EQ(view["ended"]["how"], "done");
  EXPECT_EQ(view["layout"], "dp=2");
  EXPECT_EQ(view["last_step"], 3);
  EXPECT_EQ(view["total_steps"], 3);
  EXPECT_EQ(view["tokens"], 300);
  EXPECT_EQ(view["loss"], 2);
  EXPECT_EQ(view["loss_validation"], 2.5);
  EXPECT_EQ(view["memory_max_bytes"], 1048576);
  EXPECT_NEAR(view["step_time_p50_s"], 0.2, 1e-12);
  EXPECT_NEAR(view["measured_over_predicted"], 1.25, 1e-12);
  EXPECT_NEAR(view["step_time_predicted_high_s"], 0.25, 1e-12);
  EXPECT_EQ(view["recoveries"], 1);
  EXPECT_EQ(view["recovery_time_s"], 2.5);
  EXPECT_EQ(view["steps_again"], 1);
  ASSERT_EQ(view["failures"].size(), 2u);
  EXPECT_EQ(view["failures"][0]["step"], 1);
  EXPECT_THAT(view["failures"][0]["text"].get<std::string>(), HasSubstr("rank 1 on node 0"));
  EXPECT_EQ(view["steps"].size(), 3u);
  EXPECT_EQ(view["answer"],
            "Done after 3 steps, with a validation loss of 2.500; a step took 200 ms, 160 ms were "
            "predicted; 1 failure was survived.");
}

TEST(TrainingReport, what_was_not_measured_or_predicted_is_null) {
  Training training = training_by_hand();
  training.predicted = {};
  for (wire::StepMetrics& step : training.steps) {
    step.step_time_s = {};
    step.loss_validation = {};
  }
  const json view = json::parse(training_json(training));
  EXPECT_TRUE(view["step_time_p50_s"].is_null());
  EXPECT_TRUE(view["step_time_predicted_s"].is_null());
  EXPECT_TRUE(view["measured_over_predicted"].is_null());
  EXPECT_TRUE(view["loss_validation"].is_null());
}

TEST(TrainingReport, begins_before_anything_was_trained) {
  const auto files = training_files();
  ASSERT_TRUE(files->remove(training_folder.metrics()).ok());
  ASSERT_TRUE(files->remove(training_folder.events()).ok());
  const auto training = read_training(*files, training_folder, Instant{0});
  ASSERT_TRUE(training.ok()) << training.error().text();
  EXPECT_EQ(training_headline(*training), "Nothing was trained yet.");
  EXPECT_TRUE(training_svgs(*training).empty());
  EXPECT_LT(training_page(*training).size(), 2'000'000u);
}

// 200,000 steps: neighbours are shown as one.
TEST(TrainingReport, its_page_stays_small) {
  Training training = training_by_hand();
  training.steps.clear();
  for (int i = 1; i <= 200000; ++i) {
    wire::StepMetrics& step = training.steps.emplace_back();
    step.step = i;
    step.loss = 1.0 / i;
    step.loss_validation = 2.0 / i;
    step.step_time_s = 0.123456789;
  }
  training.events.assign(30000, training.events[1]);
  EXPECT_LT(training_page(training).size(), 2'000'000u);
  EXPECT_EQ(training_svgs(training).size(), 2u);
}

}  // namespace
}  // namespace celere::report

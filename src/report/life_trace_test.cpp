#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "life/replica.hpp"
#include "report/forecast_report.hpp"

namespace celere::report {
namespace {

// Four nodes and a spare, 1,000 steps of 3 s; node 1 is lost at 1,000 s.
life::Forecast told() {
  life::Forecast out;
  life::Scene& scene = out.built.scene;
  scene.steps = 1000;
  scene.layouts = {{.nodes = 4, .replicas = 4, .step = 3_s}};
  scene.tranches = {{.at = 0_s, .nodes = 5}};
  scene.causes = {{.name = "GPU", .effect = life::Effect::lost, .detect = 30_s, .repair = 100_s}};
  scene.given = {{.at = 1000_s, .cause = 0, .node = 1}};
  scene.times = {.first = 10_s, .stop = 5_s, .replace = 60_s, .restart = 20_s};
  scene.checkpoints = {.every = 100, .blocking = 3_s};
  out.told = life::Replica(scene, 1, 0, {.story = true}).live();
  return out;
}

// What the training did lies end to end, from the beginning to the end of the life, each stretch
// under the name of its part; what the story says lies within.
TEST(LifeTrace, covers_the_life_without_a_gap) {
  const life::Forecast forecast = told();
  ASSERT_TRUE(forecast.told.done);
  const auto trace = nlohmann::json::parse(life_trace(forecast));
  double end = 0, detection = 0;
  std::size_t spans = 0, told = 0;
  for (const auto& event : trace["traceEvents"]) {
    if (event["ph"] == "X") {
      EXPECT_NEAR(event["ts"].get<double>(), end, 1e-3);
      end += event["dur"].get<double>();
      if (event["name"] == "detection") detection += event["dur"].get<double>();
      ++spans;
    } else if (event["ph"] == "i") {
      EXPECT_LE(event["ts"].get<double>(), static_cast<double>(forecast.told.time) * 1e-3);
      ++told;
    }
  }
  EXPECT_NEAR(end, static_cast<double>(forecast.told.time) * 1e-3, 1e-3);
  EXPECT_DOUBLE_EQ(detection, 30e6);
  EXPECT_EQ(told, forecast.told.story.size());
  EXPECT_GE(spans, 5u);
}

TEST(LifeText, tells_the_story_in_order) {
  const std::string text = life_text(told());
  const std::size_t lost = text.find("day 0 00:16:40  GPU");
  const std::size_t noticed = text.find("day 0 00:17:10  node 1 is gone");
  EXPECT_NE(lost, std::string::npos) << text;
  EXPECT_NE(noticed, std::string::npos) << text;
  EXPECT_LT(lost, noticed);
  EXPECT_NE(text.find("done after"), std::string::npos);
}

}  // namespace
}  // namespace celere::report

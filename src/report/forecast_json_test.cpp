// The JSON of a forecast and of a comparison, against the structs that it is made of.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "report/life_report.hpp"
#include "report/test_forecasts.hpp"

namespace celere::report {
namespace {

using nlohmann::json;
using testing::HasSubstr;

// 10 + 0.1 x 10 = 11 days, 20 days, 29 days after 2024-07-22.
TEST(ForecastJson, says_what_the_forecast_says) {
  const life::Forecast forecast = forecast_by_hand();
  const json view = json::parse(forecast_json(*planned_by_hand("xai-100k-h100", "x"), forecast));
  EXPECT_EQ(view["run"], "x");
  EXPECT_EQ(view["lives"], 3);
  EXPECT_EQ(view["done"], 3);
  EXPECT_NEAR(view["completion_p5_s"], 11 * a_day, 1e-6);
  EXPECT_NEAR(view["completion_p50_s"], 20 * a_day, 1e-6);
  EXPECT_NEAR(view["completion_p95_s"], 29 * a_day, 1e-6);
  EXPECT_EQ(view["completion_date_p5"], "2024-08-02");
  EXPECT_EQ(view["completion_date_p50"], "2024-08-11");
  EXPECT_EQ(view["completion_date_p95"], "2024-08-20");
  EXPECT_NEAR(view["ettr_mean"], 0.8, 1e-12);
  EXPECT_NEAR(view["dollars_p95"], 2.9e6, 1e-6);
  EXPECT_NEAR(view["energy_p50_mwh"], 2, 1e-12);
  EXPECT_EQ(view["account"]["useful_s"], 12 * a_day);
  EXPECT_EQ(view["account"]["no_machine_s"], a_day);
  double whole = 0;
  for (const auto& [name, part] : view["account"].items()) whole += part.get<double>();
  EXPECT_EQ(view["account"].size(), 9u);
  EXPECT_EQ(whole, view["account_whole_s"].get<double>());
  EXPECT_EQ(whole, 20 * a_day);
  EXPECT_EQ(view["causes"][0]["name"], hostile);
  EXPECT_EQ(view["causes"][1]["lost_s"], 3600);
  EXPECT_EQ(view["deliveries"][1]["gpus"], 24);
  EXPECT_EQ(view["deliveries"][1]["date"], "2024-07-23");
  EXPECT_EQ(view["powered"][1]["at_s"], 3 * a_day);
  EXPECT_EQ(view["told"]["story"][1]["text"], "NIC: on node 1");
  EXPECT_EQ(view["told"]["failures_by_day"].size(), 21u);
  EXPECT_EQ(view["told"]["failures_by_day"][0], 0);
  EXPECT_EQ(view["told"]["failures_by_day"][1], 1);
  EXPECT_EQ(view["told"]["failures_by_day"][2], 0);
  EXPECT_EQ(view["told"]["account"]["checkpoint_s"], 4 * a_day);
  EXPECT_EQ(view["tuning"]["interval_s"]["present"], 600);
  EXPECT_EQ(view["tuning"]["interval_s"]["best"], 1200);
  EXPECT_TRUE(view["tuning"]["interval_s"]["points"][0]["dollars_mean"].is_null());
  EXPECT_EQ(view["tuning"]["spares_nodes"]["points"][1]["time_mean_s"], 20 * a_day);
  EXPECT_EQ(view["sensitivity"][0]["low_moves_s"], -2 * a_day);
  EXPECT_EQ(view["sensitivity"][0]["from"], hostile);
  ASSERT_EQ(view["ends"].size(), 3u);
  EXPECT_EQ(view["ends"][2]["time_s"], 30 * a_day);
  EXPECT_EQ(view["ends"][2]["energy_mwh"], 3);
}

// What the catalogue says of failures at this cluster stands there with its grade and text.
TEST(ForecastJson, names_its_sources) {
  const json view =
      json::parse(forecast_json(*planned_by_hand("xai-100k-h100", "x"), forecast_by_hand()));
  bool found = false;
  for (const json& source : view["sources"]) {
    EXPECT_FALSE(source["from"].get<std::string>().empty());
    if (source["name"] != "failures of a node") continue;
    found = true;
    EXPECT_EQ(source["value"], "0.0038 /day");
    EXPECT_EQ(source["grade"], "assumption");
    EXPECT_THAT(source["from"].get<std::string>(), HasSubstr("Llama 3"));
  }
  EXPECT_TRUE(found);
}

TEST(ForecastJson, what_is_not_known_is_null) {
  life::Forecast forecast = forecast_by_hand();
  for (life::End& end : forecast.ends) {
    end.dollars = {};
    end.energy = {};
  }
  forecast.built.start = {};
  forecast.tuning = {};
  const auto plan = planned_by_hand("xai-100k-h100", "x");
  json view = json::parse(forecast_json(*plan, forecast));
  EXPECT_TRUE(view["dollars_p50"].is_null());
  EXPECT_TRUE(view["energy_p50_mwh"].is_null());
  EXPECT_TRUE(view["completion_date_p50"].is_null());
  EXPECT_TRUE(view["tuning"].is_null());
  EXPECT_EQ(view["answer"],
            "Done within 20.0 days in half of all lives, and in nine of ten between 11.0 days and "
            "29.0 days.");
  forecast.summary.done = 0;
  forecast.told.why_not = "the horizon";
  view = json::parse(forecast_json(*plan, forecast));
  EXPECT_TRUE(view["completion_p50_s"].is_null());
  EXPECT_EQ(view["answer"], "Not done in any of 3 lives: the horizon.");
}

TEST(ForecastJson, mends_text_that_is_not_utf8) {
  life::Forecast forecast = forecast_by_hand();
  forecast.built.assumptions = {"a\xff"};
  const json view = json::parse(forecast_json(*planned_by_hand("xai-100k-h100", "x"), forecast));
  EXPECT_EQ(view["assumptions"][0], "a\xef\xbf\xbd");
}

// The first ends five days before the second, in two of three worlds.
TEST(ComparisonJson, says_who_is_first) {
  const json view = json::parse(comparison_json(comparison_by_hand()));
  EXPECT_EQ(view["answer"],
            "oracle-24k-hopper ends first: by 2024-08-11 in half of all lives, 5.00 days before "
            "xai-100k-h100, which it beats in 67 % of worlds. It is also the cheapest, with 2.00 "
            "M$.");
  EXPECT_EQ(view["by_time"], json({"oracle-24k-hopper", "xai-100k-h100"}));
  EXPECT_EQ(view["contenders"][1]["forecast"]["completion_p50_s"], 25 * a_day);
  EXPECT_EQ(view["contenders"][1]["forecast"]["cluster"], "xai-100k-h100");
  EXPECT_TRUE(view["contenders"][2]["forecast"].is_null());
  EXPECT_EQ(view["contenders"][2]["why_not"], hostile);
  EXPECT_NEAR(view["before"][1][0], 1.0 / 3, 1e-12);
  EXPECT_TRUE(view["cheaper"][0][2].is_null());
  EXPECT_EQ(view["crossings"][0]["at_tokens"], 2e12);
  EXPECT_EQ(view["crossings"][0]["text"],
            "Up to 2.00 T tokens xai-100k-h100 ends first, beyond it oracle-24k-hopper.");
  EXPECT_EQ(view["crossings"][1]["at_s"], 5 * a_day);
  EXPECT_EQ(view["crossings"][2]["at_factor"], 1.25);
}

// Whoever cannot train and whoever trains and never ends are told apart.
TEST(ComparisonJson, says_why_nobody_is_first) {
  study::Comparison comparison = comparison_by_hand();
  comparison.by_time = comparison.by_dollars = {};
  for (const std::size_t i : {0, 1}) comparison.contenders[i].forecast->summary = {.lives = 3};
  EXPECT_EQ(comparison_headline(comparison), "None of these clusters ends this training.");
  for (const std::size_t i : {0, 1}) comparison.contenders[i].forecast = {};
  EXPECT_EQ(comparison_headline(comparison), "None of these clusters can do this training.");
}

// One life of three ends with the second, after 5 days: its median of lives that end is less than
// the 20 days of the first, which is ahead in the two worlds in which the second never ends.
TEST(ComparisonJson, says_no_number_of_days_where_few_lives_end) {
  study::Comparison comparison = comparison_by_hand();
  life::Summary& second = comparison.contenders[1].forecast->summary;
  second.done = 1;
  second.time = life::quantiles_of({5 * a_day});
  EXPECT_EQ(comparison_headline(comparison),
            "oracle-24k-hopper ends first: by 2024-08-11 in half of all lives, ahead of "
            "xai-100k-h100 in 67 % of worlds. It is also the cheapest, with 2.00 M$.");
}

TEST(ComparisonJson, two_of_one_cluster_are_told_apart) {
  study::Comparison comparison = comparison_by_hand();
  comparison.contenders[1].cluster = comparison.contenders[0].cluster;
  EXPECT_EQ(label(comparison, 0), "oracle-24k-hopper:16");
  EXPECT_EQ(label(comparison, 2), "selene");
}

}  // namespace
}  // namespace celere::report

// Charts as SVG: axes by hand, points where they belong, names as text.
#include "report/plot.hpp"

#include <gmock/gmock.h>

#include "report/life_report.hpp"
#include "report/test_forecasts.hpp"

namespace celere::report {
namespace {

using testing::HasSubstr;
using testing::Not;

// About six ticks of 0 to 87: 87 / 6 = 14.5, the next of 1, 2, 5, 10 times a power is 20; so 0, 20,
// 40, 60, 80, 100.
TEST(NumberAxis, ends_at_round_numbers) {
  const PlotAxis axis = number_axis("days", 0, 87);
  ASSERT_EQ(axis.ticks.size(), 6u);
  EXPECT_EQ(axis.ticks[1].text, "20");
  EXPECT_EQ(axis.from, 0);
  EXPECT_EQ(axis.to, 100);
  const PlotAxis both = number_axis("days", -3, 4);  // 7 / 6: steps of 2
  EXPECT_EQ(both.from, -4);
  EXPECT_EQ(both.to, 4);
  EXPECT_EQ(number_axis("x", 5, 5).ticks.empty(), false);
}

// From 2024-07-22 on August begins after 10 days, September after 41.
TEST(DayAxis, has_months_where_they_begin) {
  const Date start{std::chrono::sys_days{std::chrono::year{2024} / 7 / 22}};
  const PlotAxis axis = day_axis(start, 0, 120);
  ASSERT_GE(axis.ticks.size(), 3u);
  EXPECT_EQ(axis.ticks[0].text, "2024-08");
  EXPECT_EQ(axis.ticks[0].at, 10);
  EXPECT_EQ(axis.ticks[1].at, 41);
  const PlotAxis days = day_axis(start, 0.5, 3.5);
  ASSERT_EQ(days.ticks.size(), 3u);
  EXPECT_EQ(days.ticks[0].text, "2024-07-23");
  EXPECT_EQ(day_axis(std::nullopt, 0, 10).title, "days from the start");
}

// The widest label, "100", is guessed at 21 px: the plot begins at 24 + 21 = 45 and ends at 854, so
// half of it lies at 449.5; upright it goes from 420 - 56 = 364 to 62, so a quarter lies at 288.5.
TEST(Plot, puts_points_where_they_belong) {
  Plot plot("<b id=evil>", number_axis("", 0, 100), number_axis("", 0, 100));
  plot.line({{50, 25}}, 0, "a & b");
  const std::string svg = plot.svg();
  EXPECT_THAT(svg, HasSubstr("points=\"449.5,288.5 \""));
  EXPECT_THAT(svg, HasSubstr("a &amp; b"));
  EXPECT_THAT(svg, HasSubstr("&lt;b id=evil&gt;"));
  EXPECT_THAT(svg, Not(HasSubstr("<b id")));
}

void expect_sound(const std::vector<Svg>& svgs) {
  for (const Svg& svg : svgs) {
    EXPECT_TRUE(svg.text.starts_with("<svg xmlns")) << svg.name;
    EXPECT_TRUE(svg.text.ends_with("</svg>\n")) << svg.name;
    EXPECT_THAT(svg.text, Not(HasSubstr("nan"))) << svg.name;
    EXPECT_THAT(svg.text, Not(HasSubstr("inf"))) << svg.name;
    EXPECT_THAT(svg.text, Not(HasSubstr("<script"))) << svg.name;
  }
}

std::vector<std::string> names_of(const std::vector<Svg>& svgs) {
  std::vector<std::string> out;
  for (const Svg& svg : svgs) out.push_back(svg.name);
  return out;
}

TEST(LifeSvgs, there_is_one_for_each_chart) {
  const auto plan = planned_by_hand("xai-100k-h100", "x");
  const auto svgs = forecast_svgs(*plan, forecast_by_hand());
  EXPECT_THAT(names_of(svgs),
              testing::ElementsAre("completion", "account", "causes", "deliveries", "failures",
                                   "sensitivity", "interval", "spares", "memory", "pareto"));
  expect_sound(svgs);
  const auto compared = comparison_svgs(comparison_by_hand());
  EXPECT_THAT(names_of(compared),
              testing::ElementsAre("completion", "account", "dollars", "energy", "sensitivity"));
  expect_sound(compared);
}

// A training that never is done, of a life of no length, has no end to draw.
TEST(LifeSvgs, draw_nothing_of_what_is_not_there) {
  life::Forecast forecast = forecast_by_hand();
  forecast.summary.done = 0;
  for (life::End& end : forecast.ends) end.done = false;
  forecast.told = {};
  forecast.tuning = {};
  forecast.shifts = {};
  const auto svgs = forecast_svgs(*planned_by_hand("xai-100k-h100", "x"), forecast);
  EXPECT_THAT(names_of(svgs), testing::ElementsAre("deliveries", "failures", "memory", "pareto"));
  expect_sound(svgs);
}

}  // namespace
}  // namespace celere::report

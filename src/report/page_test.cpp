// Pages: what stands outside stays text, whatever it says, and they stay small.
#include "report/page.hpp"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "report/life_report.hpp"
#include "report/test_forecasts.hpp"
#include "report/test_training.hpp"
#include "report/training_report.hpp"

namespace celere::report {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::size_t page_max = 2'000'000;

std::size_t count_of(const std::string& text, const std::string& what) {
  std::size_t count = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) {
    ++count;
  }
  return count;
}

// Data, Chart.js and the page's own script are three, and none more is begun or ended.
void expect_tame(const std::string& page) {
  EXPECT_EQ(count_of(page, "<script"), 3u);
  EXPECT_EQ(count_of(page, "</script"), 3u);
  EXPECT_THAT(page, Not(HasSubstr("<b id=evil")));
  EXPECT_LT(page.size(), page_max);
}

nlohmann::json data_of(const std::string& page) {
  const std::string begin = "<script type=\"application/json\" id=\"data\">";
  const std::size_t from = page.find(begin) + begin.size();
  return nlohmann::json::parse(page.substr(from, page.find("</script>", from) - from));
}

TEST(HtmlEscaped, leaves_nothing_that_begins_a_tag_or_ends_a_quote) {
  EXPECT_EQ(html_escaped("<a href=\"x\">'&amp;'</a>"),
            "&lt;a href=&quot;x&quot;&gt;&#39;&amp;amp;&#39;&lt;/a&gt;");
  EXPECT_EQ(html_escaped("plain \xc3\xa9"), "plain \xc3\xa9");
}

// A mark of the template in a title is text as well: it is not filled.
TEST(Page, fills_each_mark_once) {
  const std::string page = page_html(
      {.title = "@DATA@ @CODE@", .answer = "@CHART@", .json = "[\"@CODE@\"]", .code = "run();"});
  EXPECT_THAT(page, HasSubstr("<title>@DATA@ @CODE@</title>"));
  EXPECT_THAT(page, HasSubstr(">@CHART@</h1>"));
  EXPECT_THAT(page, HasSubstr(">[\"@CODE@\"]</script>"));
  EXPECT_EQ(count_of(page, "run();"), 1u);
  EXPECT_EQ(count_of(page, "Chart.js v"), 1u);
}

TEST(ForecastPage, hostile_names_are_text) {
  const auto plan = planned_by_hand("xai-100k-h100", "</title></script><b id=evil>");
  const std::string page = forecast_page(*plan, forecast_by_hand());
  expect_tame(page);
  const nlohmann::json data = data_of(page);
  EXPECT_EQ(data["forecast"]["run"], "</title></script><b id=evil>");
  EXPECT_EQ(data["forecast"]["causes"][0]["name"], hostile);
  EXPECT_EQ(data["thinned"], false);
}

TEST(ComparisonPage, hostile_names_are_text) {
  const std::string page = comparison_page(comparison_by_hand());
  expect_tame(page);
  EXPECT_EQ(data_of(page)["comparison"]["contenders"][2]["why_not"], hostile);
}

TEST(TrainingPage, hostile_names_are_text) { expect_tame(training_page(training_by_hand())); }

// What the page holds beside charts is the JSON to the digit.
TEST(ForecastPage, holds_what_the_json_says) {
  const auto plan = planned_by_hand("xai-100k-h100", "x");
  const life::Forecast forecast = forecast_by_hand();
  nlohmann::json json = nlohmann::json::parse(forecast_json(*plan, forecast));
  nlohmann::json data = data_of(forecast_page(*plan, forecast))["forecast"];
  EXPECT_EQ(data["ends"].size(), json["ends"].size());
  json.erase("ends");
  data.erase("ends");
  EXPECT_EQ(data, json);
}

// 20,000 lives and 60,000 events are thinned out: the first and the last life stay, and the number
// of events is told.
TEST(ForecastPage, stays_small_whatever_the_forecast) {
  const auto plan = planned_by_hand("xai-100k-h100", "x");
  life::Forecast forecast = forecast_by_hand();
  forecast.ends.clear();
  for (int i = 20000; i > 0; --i) {
    forecast.ends.push_back({.time = Seconds::of(i * 1234.567891), .done = true, .ettr = 0.123456});
  }
  const std::string text(120, 'x');
  forecast.told.story.assign(60000, {.at = 1234567, .text = text});
  const std::string page = forecast_page(*plan, forecast);
  EXPECT_LT(page.size(), page_max);
  const nlohmann::json data = data_of(page);
  EXPECT_EQ(data["thinned"], true);
  EXPECT_EQ(data["forecast"]["ends"].front()["time_s"], 1234.567891);
  EXPECT_EQ(data["forecast"]["ends"].back()["time_s"], 20000 * 1234.567891);
  EXPECT_EQ(data["forecast"]["told"]["story_events"], 60000);
  EXPECT_LT(data["forecast"]["told"]["story"].size(), 60000u);
}

TEST(ComparisonPage, stays_small_with_many_lives_of_each) {
  study::Comparison comparison = comparison_by_hand();
  for (int i = 0; i < 6; ++i) {
    comparison.contenders.push_back({.cluster = "more" + std::to_string(i),
                                     .title = "more",
                                     .plan = planned_by_hand("xai-100k-h100", "x"),
                                     .forecast = forecast_by_hand()});
  }
  for (study::Contender& one : comparison.contenders) {
    if (!one.forecast) continue;
    one.forecast->ends.assign(5000, {.time = Seconds::of(1234567.891), .done = true});
    one.forecast->told.story.assign(20000, {.at = 1, .text = std::string(120, 'x')});
  }
  const std::size_t count = comparison.contenders.size();
  comparison.before.assign(count, std::vector<double>(count, 0.5));
  comparison.cheaper.assign(count, std::vector<std::optional<double>>(count));
  EXPECT_LT(comparison_page(comparison).size(), page_max);
}

}  // namespace
}  // namespace celere::report

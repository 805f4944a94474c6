#include <algorithm>

#include "report/embedded_pages.hpp"
#include "report/life_json.hpp"
#include "report/life_report.hpp"
#include "report/page.hpp"

namespace celere::report {
namespace {

using Json = OrderedJson;

// What fits a page of 2 MB, of all contenders together. A life takes about 120 bytes, an event
// about 100.
constexpr std::size_t lives_shown = 2000, events_shown = 1500;

std::string key_of_bucket(cost::Bucket bucket) { return key_of(cost::name_of(bucket)); }

// Of the best layout.
Json layout_json(const plan::Plan& plan) {
  Json json = {{"memory_limit_bytes", plan.model->numbers().memory.in_base()},
               {"memory_by_stage", Json::array()},
               {"pareto", Json::array()}};
  if (plan.answer.best.empty()) return json;
  const plan::Outcome& best = plan.answer.best.front();
  for (const cost::Memory& memory : plan.model->memory_by_stage(best.layout, best.global_batch)) {
    Json stage;
    for (int i = 0; i < cost::bucket_count; ++i) {
      const auto bucket = static_cast<cost::Bucket>(i);
      stage[key_of_bucket(bucket)] = memory[bucket].in_base();
    }
    json["memory_by_stage"].push_back(std::move(stage));
  }
  for (const plan::Outcome& one : plan.answer.pareto) {
    json["pareto"].push_back({{"layout", layout::written(one.layout)},
                              {"days", one.wall / 1_days},
                              {"memory_bytes", one.step.memory_max.in_base()}});
  }
  return json;
}

// At most so many lives: in the order of their times, evenly spaced, the first and the last among
// them. Of each what charts show.
bool thin_out(Json& forecast, std::size_t most) {
  Json& ends = forecast["ends"];
  std::stable_sort(ends.begin(), ends.end(), [](const Json& a, const Json& b) {
    return a["time_s"].get<double>() < b["time_s"].get<double>();
  });
  Json kept = Json::array();
  const std::size_t count = std::min(most, ends.size());
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t place = count < 2 ? 0 : i * (ends.size() - 1) / (count - 1);
    kept.push_back({{"time_s", ends[place]["time_s"]}, {"done", ends[place]["done"]}});
  }
  const bool thinned = kept.size() < ends.size();
  ends = std::move(kept);
  return thinned;
}

}  // namespace

std::string forecast_page(const plan::Plan& plan, const life::Forecast& forecast) {
  Json page = {{"forecast", forecast_object(plan, forecast)}, {"plan", layout_json(plan)}};
  page["forecast"]["told"]["story"] = story_json(forecast, events_shown);
  page["thinned"] = thin_out(page["forecast"], lives_shown);
  const std::string code =
      std::string(embedded_life_script()) + std::string(embedded_forecast_script());
  return page_html({.title = plan.run.name + ": forecast",
                    .answer = forecast_headline(forecast),
                    .json = dumped(page, -1),
                    .code = code});
}

std::string comparison_page(const study::Comparison& comparison) {
  Json page = {{"comparison", comparison_object(comparison)}, {"plans", Json::array()}};
  const std::size_t count = std::max<std::size_t>(1, comparison.contenders.size());
  bool thinned = false;
  for (std::size_t i = 0; i < comparison.contenders.size(); ++i) {
    const study::Contender& contender = comparison.contenders[i];
    Json& forecast = page["comparison"]["contenders"][i]["forecast"];
    page["plans"].push_back(contender.forecast ? layout_json(*contender.plan) : Json(nullptr));
    if (!contender.forecast) continue;
    forecast["told"]["story"] = story_json(*contender.forecast, events_shown / count);
    thinned = thin_out(forecast, lives_shown / count) || thinned;
  }
  page["thinned"] = thinned;
  const std::string code =
      std::string(embedded_life_script()) + std::string(embedded_comparison_script());
  return page_html({.title = comparison.run.name + ": clusters compared",
                    .answer = comparison_headline(comparison),
                    .json = dumped(page, -1),
                    .code = code});
}

}  // namespace celere::report

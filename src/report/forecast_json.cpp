#include <algorithm>

#include "base/written_units.hpp"
#include "report/life_json.hpp"
#include "report/life_report.hpp"

namespace celere::report {
namespace {

using Json = OrderedJson;
using life::Forecast;
using life::Quantiles;

// "completion_p50_s" and the like; null where there are none.
struct Named {
  const char* name;
  const char* unit;  // "_s", or empty
};
void add_quantiles(Json& json, const Named& named, const std::optional<Quantiles>& of,
                   double unit = 1) {
  const auto add = [&](const char* which, double Quantiles::* value) {
    json[std::string(named.name) + which + named.unit] =
        of ? Json((*of).*value / unit) : Json(nullptr);
  };
  add("_p5", &Quantiles::p5);
  add("_p50", &Quantiles::p50);
  add("_p95", &Quantiles::p95);
  add("_mean", &Quantiles::mean);
  add("_mean_error", &Quantiles::mean_error);
}

Json date_json(const Forecast& forecast, Seconds time) {
  const std::optional<Date> day = forecast.day(time);
  return day ? Json(written(*day)) : Json(nullptr);
}

Json account_json(const std::array<Seconds, life::part_count>& account) {
  Json json;
  for (int i = 0; i < life::part_count; ++i) {
    const auto part = static_cast<std::size_t>(i);
    json[key_of(name_of(static_cast<life::Part>(i))) + "_s"] = account[part].in_base();
  }
  return json;
}

Json deliveries_json(const Forecast& forecast, const std::vector<life::Tranche>& tranches,
                     int per_node) {
  Json json = Json::array();
  for (const life::Tranche& tranche : tranches) {
    json.push_back({{"at_s", tranche.at.in_base()},
                    {"date", date_json(forecast, tranche.at)},
                    {"nodes", tranche.nodes},
                    {"gpus", tranche.nodes * per_node}});
  }
  return json;
}

Json causes_json(const std::vector<life::CauseMean>& causes) {
  Json json = Json::array();
  for (const life::CauseMean& cause : causes) {
    json.push_back({{"name", cause.name}, {"hits", cause.hits}, {"lost_s", cause.lost.in_base()}});
  }
  return json;
}

Json ends_json(const Forecast& forecast) {
  Json json = Json::array();
  for (const life::End& end : forecast.ends) {
    json.push_back({{"time_s", end.time.in_base()},
                    {"done", end.done},
                    {"ettr", end.ettr},
                    {"dollars", or_null(end.dollars)},
                    {"energy_mwh", or_null(end.energy, joules_a_mwh)}});
  }
  return json;
}

Json told_json(const Forecast& forecast) {
  const life::Life& told = forecast.told;
  std::array<Seconds, life::part_count> account;
  for (std::size_t i = 0; i < account.size(); ++i) account[i] = life::seconds(told.account[i]);
  Json json = {{"life", forecast.options.told},
               {"done", told.done},
               {"why_not", told.why_not.empty() ? Json(nullptr) : Json(told.why_not)},
               {"time_s", life::seconds(told.time).in_base()},
               {"date", date_json(forecast, life::seconds(told.time))},
               {"step_factor", forecast.told_world.step},
               {"tokens_factor", forecast.told_world.tokens},
               {"failures_factor", forecast.told_world.failures},
               {"account", account_json(account)},
               {"ettr", told.ettr()},
               {"starts", told.starts},
               {"regroups", told.regroups},
               {"checkpoints", told.checkpoints},
               {"failures", told.failures},
               {"drained", told.drained},
               {"steps_again", told.steps_again},
               {"undetected", told.undetected},
               {"misdiagnosed", told.misdiagnosed},
               {"unhealed", told.unhealed},
               {"node_time_s", told.node_time.in_base()},
               {"dollars", or_null(told.dollars)},
               {"energy_mwh", or_null(told.energy, joules_a_mwh)}};
  json["failures_by_day"] = failures_by_day(forecast);
  json["story_events"] = told.story.size();
  return json;
}

Json curve_json(const life::Curve& curve, const std::string& value) {
  Json json = {{"present", nullptr}, {"best", nullptr}, {"points", Json::array()}};
  if (curve.present < curve.points.size()) json["present"] = curve.points[curve.present].value;
  if (curve.best < curve.points.size()) json["best"] = curve.points[curve.best].value;
  for (const life::Point& point : curve.points) {
    json["points"].push_back({{value, point.value},
                              {"time_p50_s", point.time_p50.in_base()},
                              {"time_mean_s", point.time_mean.in_base()},
                              {"time_mean_error_s", point.time_mean_error.in_base()},
                              {"ettr_mean", point.ettr},
                              {"dollars_mean", or_null(point.dollars_mean)},
                              {"done", point.done}});
  }
  return json;
}

Json shifts_json(const std::vector<life::Shift>& shifts) {
  Json json = Json::array();
  for (const life::Shift& shift : shifts) {
    const life::Knob& knob = shift.knob;
    json.push_back({{"name", knob.name},
                    {"low", knob.low},
                    {"is", knob.is},
                    {"high", knob.high},
                    {"at_low", knob.at_low},
                    {"at_is", knob.at_is},
                    {"at_high", knob.at_high},
                    {"low_moves_s", shift.low.in_base()},
                    {"high_moves_s", shift.high.in_base()},
                    {"grade", knob.grade},
                    {"from", knob.source}});
  }
  return json;
}

// What is trained, and how: the plan's best layout.
void add_plan(Json& json, const plan::Plan& plan) {
  const cost::Setting& setting = plan.model->setting();
  json["run"] = plan.run.name;
  json["goal"] = spec::name_of(plan.run.goal);
  json["model"] = setting.model.name;
  json["cluster"] = setting.cluster.name;
  json["cluster_title"] = setting.cluster.title;
  json["chip"] = setting.chip.name;
  json["stack"] = setting.stack.name;
  json["gpus_per_node"] = setting.cluster.gpus_per_node;
  if (plan.answer.best.empty()) return;
  const plan::Outcome& best = plan.answer.best.front();
  json["layout"] = layout::written(best.layout);
  json["ranks"] = best.layout.ranks();
  json["spares"] = best.spares;
  json["global_batch_sequences"] = best.global_batch;
  json["tokens"] = best.tokens.in_base();
  json["steps"] = best.steps;
  json["step_time_s"] = best.step.time.in_base();
  json["mfu"] = plan.model->mfu(best.layout, best.global_batch, best.step.time);
}

void add_summary(Json& json, const Forecast& forecast) {
  const life::Summary& summary = forecast.summary;
  const auto if_done = [&](const Quantiles& of, bool known) {
    return summary.done > 0 && known ? std::optional(of) : std::nullopt;
  };
  const auto known = [&](auto member) {
    return std::any_of(forecast.ends.begin(), forecast.ends.end(),
                       [&](const life::End& end) { return (end.*member).has_value(); });
  };
  json["lives"] = summary.lives;
  json["done"] = summary.done;
  const std::optional<Quantiles> time = if_done(summary.time, true);
  add_quantiles(json, {"completion", "_s"}, time);
  const auto date = [&](double Quantiles::* value) {
    return time ? date_json(forecast, Seconds::of((*time).*value)) : Json(nullptr);
  };
  json["completion_date_p5"] = date(&Quantiles::p5);
  json["completion_date_p50"] = date(&Quantiles::p50);
  json["completion_date_p95"] = date(&Quantiles::p95);
  add_quantiles(json, {"ettr", ""}, summary.lives > 0 ? std::optional(summary.ettr) : std::nullopt);
  add_quantiles(json, {"dollars", ""}, if_done(summary.dollars, known(&life::End::dollars)));
  add_quantiles(json, {"energy", "_mwh"}, if_done(summary.joules, known(&life::End::energy)),
                joules_a_mwh);
}

}  // namespace

Json forecast_object(const plan::Plan& plan, const Forecast& forecast) {
  const life::Scene& scene = forecast.built.scene;
  const int per_node = plan.model->setting().cluster.gpus_per_node;
  Json json = {{"answer", forecast_headline(forecast)}};
  add_plan(json, plan);
  json["start_date"] = date_json(forecast, {});
  json["seed"] = forecast.options.seed;
  json["certain"] = forecast.options.certain;
  add_summary(json, forecast);
  json["account"] = account_json(forecast.summary.account);
  json["account_whole_s"] = forecast.summary.whole().in_base();
  json["causes"] = causes_json(forecast.summary.causes);
  json["needed_nodes"] = scene.layouts.empty() ? 0 : scene.layouts.front().nodes;
  json["deliveries"] = deliveries_json(forecast, scene.tranches, per_node);
  json["powered"] = deliveries_json(forecast, scene.powered, per_node);
  json["late_min_s"] = scene.late_min.in_base();
  json["late_max_s"] = scene.late_max.in_base();
  json["checkpoint_every_steps"] = scene.checkpoints.every;
  json["told"] = told_json(forecast);
  json["tuning"] = nullptr;
  if (forecast.tuning) {
    json["tuning"] = {{"interval_s", curve_json(forecast.tuning->interval, "interval_s")},
                      {"spares_nodes", curve_json(forecast.tuning->spares, "spares_nodes")}};
  }
  json["sensitivity"] = shifts_json(forecast.shifts);
  json["assumptions"] = forecast.built.assumptions;
  json["sources"] = sources_json(plan, forecast.built);
  json["ends"] = ends_json(forecast);
  return json;
}

std::vector<int> failures_by_day(const Forecast& forecast) {
  std::vector<int> count(static_cast<std::size_t>(life::seconds(forecast.told.time) / 1_days) + 1);
  for (const life::StoryEvent& event : forecast.told.story) {
    const auto day = static_cast<std::size_t>(life::seconds(event.at) / 1_days);
    if (event.failure && day < count.size()) ++count[day];
  }
  return count;
}

Json story_json(const Forecast& forecast, std::size_t most) {
  Json json = Json::array();
  for (const life::StoryEvent& event : forecast.told.story) {
    if (json.size() == most) break;
    json.push_back({{"at_s", life::seconds(event.at).in_base()}, {"text", event.text}});
  }
  return json;
}

std::string forecast_json(const plan::Plan& plan, const Forecast& forecast) {
  Json json = forecast_object(plan, forecast);
  json["told"]["story"] = story_json(forecast, forecast.told.story.size());
  return dumped(json, 2) + "\n";
}

}  // namespace celere::report

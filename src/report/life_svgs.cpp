#include <algorithm>

#include "report/life_json.hpp"
#include "report/life_report.hpp"
#include "report/plot.hpp"

namespace celere::report {
namespace {

using life::Forecast;

constexpr double gibi = 1024.0 * 1024.0 * 1024.0;

double days(Seconds time) { return time / 1_days; }

// One forecast of a chart, and what it is called there.
struct Shown {
  std::string name;
  const Forecast* forecast;
};

// Of those that were done, in days, ascending.
std::vector<double> ends_of(const Forecast& forecast) {
  std::vector<double> out;
  for (const life::End& end : forecast.ends) {
    if (end.done) out.push_back(days(end.time));
  }
  std::sort(out.begin(), out.end());
  return out;
}

Svg completion(const std::vector<Shown>& list, std::optional<Date> start) {
  std::vector<std::vector<double>> ends_of_all;
  double low = 1e300, high = 0;
  for (const Shown& one : list) {
    const std::vector<double>& ends = ends_of_all.emplace_back(ends_of(*one.forecast));
    low = std::min(low, ends.front());
    high = std::max(high, ends.back());
  }
  const double edge = std::max(0.5, 0.04 * (high - low));
  PlotAxis shares = number_axis("share of lives that are done, %", 0, 100);
  Plot plot("Share of lives that are done by a day",
            day_axis(start, std::max(0.0, low - edge), high + edge), shares);
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::vector<double>& ends = ends_of_all[i];
    const auto lives = static_cast<double>(list[i].forecast->ends.size());
    Plot::Points points = {{ends.front(), 0}};
    for (std::size_t k = 0; k < ends.size(); ++k) {
      points.emplace_back(ends[k], points.back().second);
      points.emplace_back(ends[k], 100 * static_cast<double>(k + 1) / lives);
    }
    plot.line(points, i, list[i].name);
  }
  if (list.size() == 1) {
    const life::Quantiles& time = list.front().forecast->summary.time;
    plot.mark(time.p5 / 86400, "5 %");
    if (time.p95 > time.p5) {
      plot.mark(time.p50 / 86400, "half");
      plot.mark(time.p95 / 86400, "95 %");
    }
  }
  return {"completion", plot.svg()};
}

Svg account(const std::vector<Shown>& list) {
  std::vector<std::string> names;
  double most = 0;
  for (const Shown& one : list) {
    names.push_back(one.name);
    most = std::max(most, days(one.forecast->summary.whole()));
  }
  Plot plot("Where the days of a mean life go", number_axis("days", 0, most), name_axis(names),
            150 + 44 * static_cast<int>(list.size()));
  for (std::size_t part = 0; part < life::part_count; ++part) {
    plot.key(life::name_of(static_cast<life::Part>(part)), color_of_part(part));
  }
  for (std::size_t i = 0; i < list.size(); ++i) {
    const double middle = static_cast<double>(i);
    double from = 0;
    for (std::size_t part = 0; part < life::part_count; ++part) {
      const double to = from + days(list[i].forecast->summary.account[part]);
      if (to > from) plot.box({from, to}, {middle - 0.3, middle + 0.3}, color_of_part(part));
      from = to;
    }
  }
  return {"account", plot.svg()};
}

Svg causes(const Forecast& forecast) {
  const auto& all = forecast.summary.causes;
  const std::size_t count = std::min<std::size_t>(12, all.size());
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) names.push_back(all[i].name);
  Plot plot("Causes by hours lost, a mean life",
            number_axis("hours", 0, all.front().lost / Seconds::of(3600)), name_axis(names),
            130 + 26 * static_cast<int>(count));
  for (std::size_t i = 0; i < count; ++i) {
    const double middle = static_cast<double>(i);
    plot.box({0, all[i].lost / Seconds::of(3600)}, {middle - 0.28, middle + 0.28}, color_of(1));
  }
  return {"causes", plot.svg()};
}

Plot::Points steps_of(const std::vector<life::Tranche>& list, int per_node, double end) {
  Plot::Points points = {{0, 0}};
  for (const life::Tranche& tranche : list) {
    if (days(tranche.at) > end) break;
    points.emplace_back(days(tranche.at), points.back().second);
    points.emplace_back(days(tranche.at), static_cast<double>(tranche.nodes) * per_node);
  }
  points.emplace_back(end, points.back().second);
  return points;
}

Svg deliveries(const plan::Plan& plan, const Forecast& forecast) {
  const life::Scene& scene = forecast.built.scene;
  const int per_node = plan.model->setting().cluster.gpus_per_node;
  const double end = std::max(1e-3, days(life::seconds(forecast.told.time)));
  double most = static_cast<double>(scene.nodes()) * per_node;
  for (const life::Tranche& one : scene.powered) {
    most = std::max(most, static_cast<double>(one.nodes) * per_node);
  }
  Plot plot("GPUs that are there, as planned", day_axis(forecast.built.start, 0, end),
            number_axis("GPUs", 0, most), 340);
  plot.line(steps_of(scene.tranches, per_node, end), 0, "delivered");
  if (!scene.powered.empty()) plot.line(steps_of(scene.powered, per_node, end), 2, "powered");
  if (!scene.layouts.empty()) {
    const double need = static_cast<double>(scene.layouts.front().nodes) * per_node;
    plot.line({{0, need}, {end, need}}, 1, "the full layout needs");
  }
  return {"deliveries", plot.svg()};
}

Svg failures(const Forecast& forecast) {
  const std::vector<int> by_day = failures_by_day(forecast);
  const std::size_t width = std::max<std::size_t>(1, (by_day.size() + 159) / 160);
  std::vector<double> bars;
  for (std::size_t i = 0; i < by_day.size(); ++i) {
    if (i % width == 0) bars.push_back(0);
    bars.back() += by_day[i];
  }
  const double step = static_cast<double>(width);
  Plot plot(width == 1 ? "Failures a day, of one life"
                       : "Failures in " + std::to_string(width) + " days, of one life",
            day_axis(forecast.built.start, 0, step * static_cast<double>(bars.size())),
            number_axis("failures", 0, *std::max_element(bars.begin(), bars.end())), 300);
  for (std::size_t i = 0; i < bars.size(); ++i) {
    const double from = step * static_cast<double>(i);
    if (bars[i] > 0) plot.box({from, from + 0.9 * step}, {0, bars[i]}, color_of(3));
  }
  return {"failures", plot.svg()};
}

Svg sensitivity(const Forecast& forecast) {
  const std::size_t count = std::min<std::size_t>(12, forecast.shifts.size());
  std::vector<std::string> names;
  double low = 0, high = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const life::Shift& shift = forecast.shifts[i];
    names.push_back(shift.knob.name);
    low = std::min({low, days(shift.low), days(shift.high)});
    high = std::max({high, days(shift.low), days(shift.high)});
  }
  Plot plot("What moves the median end", number_axis("days", low, high), name_axis(names),
            130 + 28 * static_cast<int>(count));
  plot.key("at its low end", color_of(0));
  plot.key("at its high end", color_of(1));
  for (std::size_t i = 0; i < count; ++i) {
    const double middle = static_cast<double>(i);
    plot.box({0, days(forecast.shifts[i].low)}, {middle - 0.28, middle}, color_of(0));
    plot.box({0, days(forecast.shifts[i].high)}, {middle, middle + 0.28}, color_of(1));
  }
  return {"sensitivity", plot.svg()};
}

struct CurveText {
  const char* name;
  const char* title;
  const char* axis;
  double unit;
};
Svg curve(const life::Curve& curve, const CurveText& text) {
  Plot::Points points;
  double low = 1e300, high = 0;
  for (const life::Point& point : curve.points) {
    if (point.done == 0) continue;
    points.emplace_back(point.value / text.unit, days(point.time_mean));
    low = std::min(low, points.back().second);
    high = std::max(high, points.back().second);
  }
  if (points.empty()) return {text.name, ""};
  Plot plot(text.title, number_axis(text.axis, points.front().first, points.back().first),
            number_axis("mean days", low, high), 360);
  plot.line(points, 0);
  const auto at = [&](std::size_t place, std::size_t style, const char* name) {
    const life::Point& point = curve.points[place];
    if (point.done == 0) return;
    plot.dot(point.value / text.unit, days(point.time_mean), style);
    plot.key(name, color_of(style));
  };
  at(curve.present, 1, "present");
  at(curve.best, 2, "best");
  return {text.name, plot.svg()};
}

Svg memory(const plan::Plan& plan) {
  const plan::Outcome& best = plan.answer.best.front();
  const std::vector<cost::Memory> stages =
      plan.model->memory_by_stage(best.layout, best.global_batch);
  const double limit = plan.model->numbers().memory.in_base() / gibi;
  const double count = static_cast<double>(stages.size());
  PlotAxis places{.title = "pipeline stage", .from = -0.6, .to = count - 0.4, .grid = false};
  const std::size_t every = (stages.size() + 15) / 16;
  double most = limit;
  for (std::size_t i = 0; i < stages.size(); ++i) {
    if (i % every == 0) places.ticks.push_back({static_cast<double>(i), std::to_string(i)});
    most = std::max(most, stages[i].total().in_base() / gibi);
  }
  Plot plot("Memory of a GPU by pipeline stage", places, number_axis("GiB", 0, most), 360);
  for (std::size_t i = 0; i < stages.size(); ++i) {
    const double middle = static_cast<double>(i);
    plot.box({middle - 0.35, middle + 0.35}, {0, stages[i].total().in_base() / gibi}, color_of(0));
  }
  plot.line({{places.from, limit}, {places.to, limit}}, 1, "what there is");
  return {"memory", plot.svg()};
}

Svg pareto(const plan::Plan& plan) {
  double least = 1e300, most = 0, shortest = 1e300, longest = 0;
  for (const plan::Outcome& one : plan.answer.pareto) {
    const double gib = one.step.memory_max.in_base() / gibi;
    least = std::min(least, gib);
    most = std::max(most, gib);
    shortest = std::min(shortest, days(one.wall));
    longest = std::max(longest, days(one.wall));
  }
  Plot plot("Time against memory: layouts of which none is better in both",
            number_axis("GiB of a GPU", least, most), number_axis("days", shortest, longest), 360);
  for (std::size_t i = plan.answer.pareto.size(); i-- > 0;) {
    const plan::Outcome& one = plan.answer.pareto[i];
    plot.dot(one.step.memory_max.in_base() / gibi, days(one.wall), i == 0 ? 1 : 0);
  }
  plot.key("the one that is taken", color_of(1));
  plot.key("others", color_of(0));
  return {"pareto", plot.svg()};
}

// From the 5 to the 95 % end, with a point at the median.
struct Reach {
  std::string name;
  double low, middle, high;
};
Svg reaches(const char* name, const std::string& title, const char* unit,
            const std::vector<Reach>& list) {
  std::vector<std::string> names;
  double most = 0;
  for (const Reach& one : list) {
    names.push_back(one.name);
    most = std::max(most, one.high);
  }
  Plot plot(title, number_axis(unit, 0, most), name_axis(names),
            130 + 36 * static_cast<int>(list.size()));
  for (std::size_t i = 0; i < list.size(); ++i) {
    const double middle = static_cast<double>(i);
    plot.box({list[i].low, list[i].high}, {middle - 0.05, middle + 0.05}, color_of(i));
    plot.dot(list[i].middle, middle, i);
  }
  return {name, plot.svg()};
}

void add_reaches(std::vector<Svg>& out, const std::vector<Shown>& list) {
  std::vector<Reach> dollars, energy;
  for (const Shown& one : list) {
    const life::Summary& summary = one.forecast->summary;
    const life::Quantiles& money = summary.dollars;
    const life::Quantiles& joules = summary.joules;
    if (money.p50 > 0)
      dollars.push_back({one.name, money.p5 / 1e6, money.p50 / 1e6, money.p95 / 1e6});
    constexpr double gwh = 3.6e12;
    if (joules.p50 > 0)
      energy.push_back({one.name, joules.p5 / gwh, joules.p50 / gwh, joules.p95 / gwh});
  }
  if (!dollars.empty()) {
    out.push_back(reaches("dollars", "Dollars: half of all lives, and from 5 to 95 %",
                          "million dollars", dollars));
  }
  if (!energy.empty()) {
    out.push_back(
        reaches("energy", "Energy: half of all lives, and from 5 to 95 %", "GWh", energy));
  }
}

}  // namespace

std::vector<Svg> forecast_svgs(const plan::Plan& plan, const Forecast& forecast) {
  std::vector<Svg> out;
  const std::vector<Shown> one = {{plan.model->setting().cluster.name, &forecast}};
  if (forecast.summary.done > 0) {
    out.push_back(completion(one, forecast.built.start));
    out.push_back(account(one));
    if (!forecast.summary.causes.empty()) out.push_back(causes(forecast));
  }
  out.push_back(deliveries(plan, forecast));
  out.push_back(failures(forecast));
  if (!forecast.shifts.empty()) out.push_back(sensitivity(forecast));
  if (forecast.tuning) {
    out.push_back(curve(forecast.tuning->interval,
                        {"interval", "Interval between checkpoints", "minutes", 60}));
    out.push_back(curve(forecast.tuning->spares, {"spares", "Spare nodes", "spare nodes", 1}));
  }
  if (!plan.answer.best.empty()) out.push_back(memory(plan));
  if (!plan.answer.pareto.empty()) out.push_back(pareto(plan));
  std::erase_if(out, [](const Svg& svg) { return svg.text.empty(); });
  return out;
}

std::vector<Svg> comparison_svgs(const study::Comparison& comparison) {
  std::vector<Shown> list;
  for (const std::size_t i : comparison.by_time) {
    list.push_back({label(comparison, i), &*comparison.contenders[i].forecast});
  }
  std::vector<Svg> out;
  if (list.empty()) return out;
  out.push_back(completion(list, comparison.start));
  out.push_back(account(list));
  add_reaches(out, list);
  const study::Contender& best = comparison.contenders[comparison.by_time.front()];
  if (!best.forecast->shifts.empty()) out.push_back(sensitivity(*best.forecast));
  return out;
}

}  // namespace celere::report

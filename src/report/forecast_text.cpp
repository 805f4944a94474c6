#include <fmt/format.h>

#include <algorithm>

#include "base/written_units.hpp"
#include "report/forecast_report.hpp"
#include "report/life_report.hpp"
#include "report/table.hpp"

namespace celere::report {
namespace {

using life::Forecast;

constexpr int width = 98;
constexpr std::size_t rows_max = 12;  // of causes and of curves
constexpr auto left = Table::Align::left, right = Table::Align::right;

std::string hours(Seconds time) { return fmt::format("{:.1f} h", time / 3600_s); }

std::string head(const plan::Plan& plan, const Forecast& forecast) {
  const cost::Setting& s = plan.model->setting();
  const life::Scene& scene = forecast.built.scene;
  std::string text = plan.run.name + "\n";
  text += fmt::format("  {} on {} ({}):\n", s.model.title, s.cluster.title, s.cluster.name);
  text += fmt::format("  {} nodes of {} GPUs train, {} are spares; {} steps of {}\n",
                      written_count(scene.layouts.front().nodes), s.cluster.gpus_per_node,
                      written_count(scene.nodes() - scene.layouts.front().nodes),
                      written_count(static_cast<double>(scene.steps)),
                      written(scene.layouts.front().step));
  text += "  " + wrapped(layout::written(plan.answer.best.front().layout), width - 2, 2) + "\n";
  return text;
}

std::string headline(const Forecast& forecast) {
  const life::Summary& summary = forecast.summary;
  const auto at = [&](double time) { return day_text(forecast, Seconds::of(time)); };
  std::string text = fmt::format("\n{}\n", wrapped(forecast_headline(forecast), width, 0));
  if (summary.done == 0) return text;
  Table table({{"", left}, {"5 %", right}, {"50 %", right}, {"95 %", right}, {"mean", right}});
  const auto row = [&](const char* name, const life::Quantiles& of, const auto& shown) {
    table.row({name, shown(of.p5), shown(of.p50), shown(of.p95), shown(of.mean)});
  };
  if (forecast.built.start) row("done by", summary.time, at);
  row("time", summary.time, [](double time) { return written(Seconds::of(time)); });
  const life::Charges& charges = forecast.built.scene.charges;
  if (charges.price) {
    row("price", summary.dollars, [](double price) { return written(Dollars::of(price)); });
  } else {
    table.row({"price", "unknown", "unknown", "unknown", "unknown"});
  }
  if (charges.power) {
    row("energy", summary.joules, [](double energy) { return written(Joules::of(energy)); });
  } else {
    table.row({"energy", "unknown", "unknown", "unknown", "unknown"});
  }
  row("ETTR", summary.ettr, [](double share) { return written_share(share); });
  text += table.text(2);
  if (summary.done < summary.lives) {
    text += fmt::format("  the {} of {} lives that never end are not in these numbers\n",
                        summary.lives - summary.done, summary.lives);
  }
  return text;
}

std::string worlds(const Forecast& forecast) {
  std::string text = fmt::format("{} lives, drawn with seed {}; ", forecast.options.replicas,
                                 forecast.options.seed);
  if (forecast.options.certain) {
    return "  " + text + "steps, tokens and failure rates as predicted (--certain)\n";
  }
  const auto factor = [](Spread spread) {
    return fmt::format("{:.2f} to {:.2f}", spread.low, spread.high);
  };
  const life::Uncertain& of = forecast.built.uncertain;
  text += fmt::format(
      "each in a world of its own: the predicted step {} times, tokens {} times, failures {} times "
      "(80 % of them)",
      factor(of.step), factor(of.tokens), factor(of.failures));
  return "  " + wrapped(text, width - 2, 2) + "\n";
}

std::string account(const life::Summary& summary) {
  const Seconds all = summary.whole();
  std::string text = "\nWhere the time goes (the mean of all lives)\n";
  for (int i = 0; i < life::part_count; ++i) {
    const Seconds part = summary.account[static_cast<std::size_t>(i)];
    if (part == Seconds{}) continue;
    const double share = part / all;
    text += fmt::format("  {:<11} {:>10}  {:>6}  {}\n", life::name_of(static_cast<life::Part>(i)),
                        written(part), written_share(share), bar(share, 40));
  }
  return text;
}

std::string causes(const life::Summary& summary) {
  Table table({{"cause", left}, {"times a life", right}, {"lost a life", right}, {"", left}});
  Seconds most, rest;
  double rest_hits = 0;
  for (const life::CauseMean& cause : summary.causes) most = std::max(most, cause.lost);
  if (most == Seconds{}) return "";
  std::size_t rows = 0;
  for (const life::CauseMean& cause : summary.causes) {
    if (cause.hits == 0) continue;
    if (++rows > rows_max) {
      rest += cause.lost;
      rest_hits += cause.hits;
      continue;
    }
    table.row({cause.name, fmt::format("{:.1f}", cause.hits), hours(cause.lost),
               bar(cause.lost / most, 20)});
  }
  if (rest_hits > 0) table.row({"others", fmt::format("{:.1f}", rest_hits), hours(rest), ""});
  return "\nWhat it is lost to (steps done again, standing, starting again)\n" + table.text(2);
}

std::string curve(const life::Curve& curve, const char* name, const auto& shown) {
  Table table({{name, right}, {"ends in, 50 %", right}, {"ETTR", right}, {"", left}});
  for (std::size_t i = 0; i < curve.points.size(); ++i) {
    const life::Point& point = curve.points[i];
    std::string mark = i == curve.best ? "the best" : "";
    if (i == curve.present) mark += mark.empty() ? "as it is" : ", as it is";
    table.row({shown(point.value), point.done > 0 ? written(point.time_p50) : "never",
               written_share(point.ettr), mark});
  }
  return table.text(2);
}

std::string tuning(const Forecast& forecast) {
  if (!forecast.tuning) return "";
  const life::Tuning& tuning = *forecast.tuning;
  std::string text;
  if (!tuning.interval.points.empty()) {
    text += "\nA checkpoint every\n" + curve(tuning.interval, "every", [](double value) {
              return written(Seconds::of(value));
            });
  }
  if (!tuning.spares.points.empty()) {
    text += "\nSpares\n" +
            curve(tuning.spares, "nodes", [](double value) { return written_count(value); });
  }
  return text;
}

std::string moved(Seconds by) {
  const double days = by / 1_days;
  return std::abs(days) < 0.005 ? "0" : fmt::format("{:+.2f} days", days);
}

std::string shifts(const Forecast& forecast) {
  if (forecast.shifts.empty()) return "";
  Table table({{"assumption", left},
               {"low", right},
               {"high", right},
               {"at low", right},
               {"at high", right},
               {"grade", left}});
  const std::size_t shown = std::min(rows_max, forecast.shifts.size());
  for (std::size_t i = 0; i < shown; ++i) {
    const life::Shift& shift = forecast.shifts[i];
    const life::Knob& knob = shift.knob;
    table.row({knob.name, knob.low, knob.high, moved(shift.low), moved(shift.high), knob.grade});
  }
  std::string text =
      "\nWhich assumption moves the end most (of half of all lives)\n" + table.text(2);
  if (shown < forecast.shifts.size()) {
    text +=
        fmt::format("  {} more move it less: --json has them\n", forecast.shifts.size() - shown);
  }
  return text;
}

}  // namespace

std::string day_text(const Forecast& forecast, Seconds time) {
  const std::optional<Date> day = forecast.day(time);
  return day ? written(*day) : written(time);
}

std::string forecast_text(const plan::Plan& plan, const Forecast& forecast) {
  std::string text = head(plan, forecast) + worlds(forecast) + headline(forecast) +
                     account(forecast.summary) + causes(forecast.summary) + tuning(forecast) +
                     shifts(forecast);
  text += "\nWhat this stands on\n";
  for (const std::string& assumption : forecast.built.assumptions) text += item(assumption, width);
  return text;
}

std::string life_text(const Forecast& forecast) {
  const life::Life& life = forecast.told;
  std::string text = fmt::format(
      "Life {} of seed {}: steps {:.3f} times as predicted, tokens {:.3f}, failures {:.3f}\n",
      forecast.options.told, forecast.options.seed, forecast.told_world.step,
      forecast.told_world.tokens, forecast.told_world.failures);
  for (const life::StoryEvent& event : life.story) {
    const Seconds at = life::seconds(event.at);
    const auto second = static_cast<long>(at / 1_s);
    const std::string day =
        forecast.built.start
            ? written(Date{forecast.built.start->day + std::chrono::days(second / 86400)})
            : fmt::format("day {}", second / 86400);
    text += fmt::format("  {} {:02}:{:02}:{:02}  {}\n", day, second % 86400 / 3600,
                        second % 3600 / 60, second % 60, wrapped(event.text, width - 22, 22));
  }
  text += life.done ? fmt::format("done after {}\n", written(life::seconds(life.time)))
                    : fmt::format("not done: {}\n", life.why_not);
  return text;
}

}  // namespace celere::report

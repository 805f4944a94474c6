#include <fmt/format.h>

#include <algorithm>

#include "base/written_units.hpp"
#include "report/life_report.hpp"

namespace celere::report {
namespace {

using life::Forecast;
using study::Comparison;
using study::Contender;

// "by 2025-05-13", or "within 212 days" where no day is known.
std::string by(const Forecast& forecast, double time) {
  const std::optional<Date> day = forecast.day(Seconds::of(time));
  return day ? "by " + written(*day) : "within " + written(Seconds::of(time));
}

std::string when(const Forecast& forecast, double time) {
  const std::optional<Date> day = forecast.day(Seconds::of(time));
  return day ? written(*day) : written(Seconds::of(time));
}

std::string lives(int count) { return fmt::format("{} {}", count, count == 1 ? "life" : "lives"); }

}  // namespace

std::string forecast_headline(const Forecast& forecast) {
  const life::Summary& summary = forecast.summary;
  if (summary.done == 0) {
    const std::string& why = forecast.told.why_not;
    return fmt::format("Not done in any of {}{}.", lives(summary.lives),
                       why.empty() ? "" : ": " + why);
  }
  std::string text = "Done " + by(forecast, summary.time.p50) + " in half of all lives";
  if (summary.done < summary.lives) {
    text = fmt::format("Done in {} of {}; in half of these {}", summary.done, lives(summary.lives),
                       by(forecast, summary.time.p50));
  }
  if (summary.time.p5 == summary.time.p95) return text + ".";
  return fmt::format("{}, and in nine of ten between {} and {}.", text,
                     when(forecast, summary.time.p5), when(forecast, summary.time.p95));
}

std::string label(const Comparison& comparison, std::size_t place) {
  const Contender& one = comparison.contenders[place];
  const auto same = [&](const Contender& other) { return other.cluster == one.cluster; };
  const auto count = std::ranges::count_if(comparison.contenders, same);
  if (count == 1 || !one.plan) return one.cluster;
  return fmt::format("{}:{}", one.cluster, one.plan->model->setting().gpus);
}

std::string comparison_headline(const Comparison& comparison) {
  const auto at = [&](std::size_t place) -> const Contender& {
    return comparison.contenders[place];
  };
  if (comparison.by_time.empty()) return "None of these clusters can do this training.";
  const std::size_t first = comparison.by_time.front();
  const Forecast& winner = *at(first).forecast;
  if (winner.summary.done == 0) return "None of these clusters ends this training.";
  const life::Summary& of = winner.summary;
  const std::string lives_done =
      of.done == of.lives ? "all lives"
                          : fmt::format("the {} of {} that end", of.done, lives(of.lives));
  std::string text = fmt::format("{} ends first: {} in half of {}", label(comparison, first),
                                 by(winner, of.time.p50), lives_done);
  if (comparison.by_time.size() > 1) {
    const std::size_t second = comparison.by_time[1];
    const Contender& other = at(second);
    if (other.forecast->summary.done == 0) {
      text += fmt::format("; {} never does", label(comparison, second));
    } else {
      const Seconds later = Seconds::of(other.forecast->summary.time.p50 - winner.summary.time.p50);
      text += fmt::format(", {} before {}, which it beats in {:.0f} % of worlds", written(later),
                          label(comparison, second), 100 * comparison.before[first][second]);
    }
  }
  if (comparison.by_dollars.empty()) return text + ".";
  const std::size_t cheapest = comparison.by_dollars.front();
  const std::string cost = written(Dollars::of(at(cheapest).forecast->summary.dollars.p50));
  if (cheapest == first) return fmt::format("{}. It is also the cheapest, with {}.", text, cost);
  return fmt::format("{}. {} is the cheapest, with {}.", text, label(comparison, cheapest), cost);
}

}  // namespace celere::report

#include <fmt/format.h>

#include <algorithm>

#include "base/check.hpp"
#include "base/written_units.hpp"
#include "report/forecast_report.hpp"
#include "report/life_report.hpp"

namespace celere::report {
namespace {

using life::Forecast;
using study::Comparison;
using study::Contender;
using study::Crossing;

// "by 2025-05-13", or "within 212 days" where no day is known.
std::string by(const Forecast& forecast, double time) {
  const std::optional<Date> day = forecast.day(Seconds::of(time));
  return day ? "by " + written(*day) : "within " + written(Seconds::of(time));
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
                     day_text(forecast, Seconds::of(summary.time.p5)),
                     day_text(forecast, Seconds::of(summary.time.p95)));
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
  if (comparison.by_time.empty()) {
    const bool any = std::ranges::any_of(
        comparison.contenders, [](const Contender& one) { return one.forecast.has_value(); });
    return fmt::format("None of these clusters {} this training.", any ? "ends" : "can do");
  }
  const std::size_t first = comparison.by_time.front();
  const Forecast& winner = *at(first).forecast;
  const life::Summary& of = winner.summary;
  const std::string lives_done =
      of.done == of.lives ? "all lives"
                          : fmt::format("the {} of {} that end", of.done, lives(of.lives));
  std::string text = fmt::format("{} ends first: {} in half of {}", label(comparison, first),
                                 by(winner, of.time.p50), lives_done);
  if (comparison.by_time.size() > 1) {
    const std::size_t second = comparison.by_time[1];
    const std::string name = label(comparison, second);
    const double beaten = 100 * comparison.before[first][second];
    const double later = at(second).forecast->summary.time.p50 - of.time.p50;
    // Both medians are of the lives that end: of few they say nothing of who is ahead.
    text += later > 0 ? fmt::format(", {} before {}, which it beats in {:.0f} % of worlds",
                                    written(Seconds::of(later)), name, beaten)
                      : fmt::format(", ahead of {} in {:.0f} % of worlds", name, beaten);
  }
  if (comparison.by_dollars.empty()) return text + ".";
  const std::size_t cheapest = comparison.by_dollars.front();
  const std::string cost = written(Dollars::of(at(cheapest).forecast->summary.dollars.p50));
  if (cheapest == first) return fmt::format("{}. It is also the cheapest, with {}.", text, cost);
  return fmt::format("{}. {} is the cheapest, with {}.", text, label(comparison, cheapest), cost);
}

std::string crossing_sentence(const Comparison& comparison, const Crossing& crossing) {
  const std::string one = label(comparison, crossing.one);
  const std::string other = label(comparison, crossing.other);
  switch (crossing.by) {
    case Crossing::By::tokens:
      return fmt::format("Up to {} {} ends first, beyond it {}.", written(Tokens::of(crossing.at)),
                         one, other);
    case Crossing::By::delay:
      return fmt::format("If all that {} is delivered comes {} later, {} ends first.", one,
                         written(Seconds::of(crossing.at)), other);
    case Crossing::By::price:
      return fmt::format("At {:.3g} times its price {} is no longer cheaper than {}.", crossing.at,
                         one, other);
  }
  CHECK(false);
}

}  // namespace celere::report

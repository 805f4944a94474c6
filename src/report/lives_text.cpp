#include <fmt/format.h>

#include "base/written_units.hpp"
#include "report/lives_report.hpp"
#include "report/table.hpp"

namespace celere::report {
namespace {

using study::ExpectationResult;
using study::LivesValidation;
using study::Measure;
using study::PublishedLifeResult;
using Align = Table::Align;

constexpr int width = 110;

std::string amount(Measure what, double value) {
  switch (what) {
    case Measure::effective_share:
      return written_share(value);
    case Measure::interruptions:
      return fmt::format("{:.0f}", value);
    case Measure::hours_between_failures:
      return value >= 100 ? fmt::format("{:.1f} days", value / 24) : fmt::format("{:.3g} h", value);
  }
  return "";
}

std::string bound(const study::Expectation& expected) {
  if (!expected.least || !expected.most) return "none";
  return fmt::format("{} to {}", amount(expected.what, *expected.least),
                     amount(expected.what, *expected.most));
}

std::string verdict(const ExpectationResult& one) {
  if (!one.kept) return "";
  return *one.kept ? "kept" : "RED";
}

std::string answers(const LivesValidation& validation) {
  Table table({{"case", Align::left},
               {"GPUs", Align::right},
               {"what", Align::left},
               {"published", Align::right},
               {"bound", Align::right},
               {"simulated", Align::right},
               {"", Align::left}});
  for (const PublishedLifeResult& result : validation.results) {
    for (const ExpectationResult& one : result.expected) {
      table.row({result.life.name, fmt::format("{}", result.life.gpus), name_of(one.expected.what),
                 one.expected.published, bound(one.expected),
                 amount(one.expected.what, one.simulated), verdict(one)});
    }
  }
  return table.text(2) + "\n";
}

std::string time_of(Seconds time) {
  const double s = time.in_base();
  if (s < 120) return fmt::format("{:g} s", s);
  return s < 7200 ? fmt::format("{:.3g} min", s / 60) : fmt::format("{:.3g} h", s / 3600);
}

std::string accounts(const LivesValidation& validation) {
  constexpr std::array shown = {life::Part::useful,    life::Part::checkpoint, life::Part::replay,
                                life::Part::detection, life::Part::restart,    life::Part::degraded,
                                life::Part::no_machine};
  std::vector<std::pair<std::string, Align>> columns = {{"where the time goes, %", Align::left},
                                                        {"a failure each", Align::right},
                                                        {"a save each", Align::right},
                                                        {"times", Align::left}};
  for (const life::Part part : shown) columns.emplace_back(life::name_of(part), Align::right);
  Table table(columns);
  for (const PublishedLifeResult& result : validation.results) {
    std::vector<std::string> row = {result.life.name, time_of(1.0 / result.life.rate()),
                                    time_of(result.interval),
                                    result.life.own_times ? "own" : "common"};
    for (const life::Part part : shown) {
      row.push_back(fmt::format("{:.2f}", 100 * result.shares[static_cast<std::size_t>(part)]));
    }
    table.row(row);
  }
  return table.text(2) + "\n";
}

std::string common_times(const LivesValidation& validation) {
  const study::RecoveryTimes& times = validation.times;
  return wrapped(
             fmt::format(
                 "The common times: detect {}, localise {}, replace {}, start {}, load {}; a save "
                 "blocks {} and is committed {} later, at the best interval where none was "
                 "published. Assumed of all: steps of {}, {:.1f} % spares, repairs within {} on "
                 "average. {} lives of each case.",
                 time_of(times.detect), time_of(times.localise), time_of(times.replace),
                 time_of(times.init), time_of(times.load), time_of(times.blocking),
                 time_of(times.background), time_of(validation.assumed.step),
                 100 * validation.assumed.spare_share, time_of(validation.assumed.repair),
                 validation.options.replicas),
             width, 0) +
         "\n";
}

std::string reasons(const LivesValidation& validation) {
  std::string out;
  for (const PublishedLifeResult& result : validation.results) {
    for (const ExpectationResult& one : result.expected) {
      if (one.kept.value_or(true)) continue;
      const std::string why =
          one.expected.red.empty() ? "the reason is not known" : one.expected.red;
      out += wrapped(fmt::format("RED {}: {}.", result.life.name, why), width, 4) + "\n";
    }
  }
  for (const PublishedLifeResult& result : validation.results) {
    out +=
        wrapped(fmt::format("{}: {}. {}", result.life.name, result.life.source, result.life.notes),
                width, 4) +
        "\n";
  }
  return out;
}

}  // namespace

std::string lives_text(const LivesValidation& validation) {
  return answers(validation) + accounts(validation) + common_times(validation) + "\n" +
         reasons(validation);
}

}  // namespace celere::report

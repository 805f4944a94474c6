#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/written_units.hpp"
#include "report/comparison_report.hpp"
#include "report/life_report.hpp"
#include "report/table.hpp"

namespace celere::report {
namespace {

using study::Comparison;
using study::Contender;
using study::Crossing;

constexpr int width = 98;
constexpr auto left = Table::Align::left, right = Table::Align::right;

const life::Summary& summary(const Comparison& comparison, std::size_t i) {
  return comparison.contenders[i].forecast->summary;
}

std::string day(const Comparison& comparison, double time) {
  return written(later(comparison.start, Seconds::of(time) / 1_days));
}

// Of the first life that never ends.
std::string why_not(const life::Forecast& forecast) {
  for (const life::End& end : forecast.ends) {
    if (!end.done) return end.why_not;
  }
  return "";
}

std::string ends(const Comparison& comparison) {
  Table table({{"", left},
               {"cluster", left},
               {"5 %", right},
               {"done by", right},
               {"95 %", right},
               {"price", right},
               {"energy", right},
               {"ETTR", right}});
  int place = 0;
  for (const std::size_t i : comparison.by_time) {
    const Contender& one = comparison.contenders[i];
    const life::Summary& of = summary(comparison, i);
    const life::Charges& charges = one.forecast->built.scene.charges;
    table.row({fmt::format("{}", ++place), label(comparison, i), day(comparison, of.time.p5),
               day(comparison, of.time.p50), day(comparison, of.time.p95),
               charges.price ? written(Dollars::of(of.dollars.p50)) : "unknown",
               charges.power ? written(Joules::of(of.joules.p50)) : "unknown",
               written_share(of.ettr.p50)});
  }
  std::string text = table.text(2);
  for (std::size_t i = 0; i < comparison.contenders.size(); ++i) {
    const Contender& one = comparison.contenders[i];
    if (one.forecast && one.forecast->summary.done == one.forecast->summary.lives) continue;
    text += "  " +
            wrapped(one.forecast
                        ? fmt::format("{}: {} of {} lives never end ({})", label(comparison, i),
                                      one.forecast->summary.lives - one.forecast->summary.done,
                                      one.forecast->summary.lives, why_not(*one.forecast))
                        : fmt::format("{} cannot train it: {}", label(comparison, i), one.why_not),
                    width - 2, 4) +
            "\n";
  }
  return text;
}

// Of the life that is told, from its first start on.
std::string failure_every(const life::Life& life) {
  if (life.failures == 0) return "never";
  const life::Nanoseconds waiting = life.account[static_cast<std::size_t>(life::Part::waiting)];
  return written(life::seconds(life.time - waiting) / static_cast<double>(life.failures));
}

std::string layouts(const Comparison& comparison) {
  Table table({{"cluster", left},
               {"GPUs", right},
               {"batch", right},
               {"tokens", right},
               {"step", right},
               {"MFU", right},
               {"nothing fails", right},
               {"a failure every", right}});
  for (const std::size_t i : comparison.by_time) {
    const Contender& one = comparison.contenders[i];
    const plan::Outcome& best = one.plan->answer.best.front();
    const double batch =
        static_cast<double>(best.global_batch) * static_cast<double>(one.plan->run.sequence);
    table.row({label(comparison, i), written_count(static_cast<double>(best.layout.ranks())),
               written(Tokens::of(batch)), written(best.tokens), written(best.step.time),
               written_share(one.plan->model->mfu(best.layout, best.global_batch, best.step.time)),
               written(best.working), failure_every(one.forecast->told)});
  }
  return "\nEach with its own best layout and batch\n" + table.text(2);
}

// A column for each contender, behind one of that name.
Table table_of(const Comparison& comparison, const char* name) {
  std::vector<std::pair<std::string, Table::Align>> columns = {{name, left}};
  for (const std::size_t i : comparison.by_time) columns.emplace_back(label(comparison, i), right);
  return Table(std::move(columns));
}

std::string matrix(const Comparison& comparison) {
  Table table = table_of(comparison, "");
  for (const std::size_t i : comparison.by_time) {
    std::vector<std::string> row = {label(comparison, i)};
    for (const std::size_t j : comparison.by_time) {
      row.push_back(i == j ? "-" : written_share(comparison.before[i][j]));
    }
    table.row(std::move(row));
  }
  return fmt::format(
             "\nHow likely the one at the left ends before the one above ({} worlds, the same for "
             "all)\n",
             comparison.options.replicas) +
         table.text(2);
}

std::string accounts(const Comparison& comparison) {
  Table table = table_of(comparison, "days");
  for (int part = 0; part < life::part_count; ++part) {
    std::vector<std::string> row = {life::name_of(static_cast<life::Part>(part))};
    bool any = false;
    for (const std::size_t i : comparison.by_time) {
      const Seconds time = summary(comparison, i).account[static_cast<std::size_t>(part)];
      any |= time > Seconds{};
      row.push_back(fmt::format("{:.1f}", time / 1_days));
    }
    if (any) table.row(std::move(row));
  }
  return "\nWhere the days go (the mean of all lives)\n" + table.text(2);
}

std::string crossings(const Comparison& comparison) {
  if (comparison.crossings.empty()) return "";
  std::string text = "\nWhat would change the answer (in half of all worlds)\n";
  for (const Crossing& crossing : comparison.crossings) {
    text += item(crossing_sentence(comparison, crossing), width);
  }
  return text;
}

std::string shifts(const Comparison& comparison) {
  Table table({{"cluster", left},
               {"assumption", left},
               {"low", right},
               {"high", right},
               {"at low", right},
               {"at high", right}});
  bool any = false;
  for (const std::size_t i : comparison.by_time) {
    const Contender& one = comparison.contenders[i];
    const auto& list = one.forecast->shifts;
    for (std::size_t k = 0; k < std::min<std::size_t>(3, list.size()); ++k) {
      const auto days = [](Seconds by) { return fmt::format("{:+.1f} days", by / 1_days); };
      table.row({k == 0 ? label(comparison, i) : "", list[k].knob.name, list[k].knob.low,
                 list[k].knob.high, days(list[k].low), days(list[k].high)});
      any = true;
    }
  }
  return any ? "\nWhat moves each end most (its median)\n" + table.text(2) : "";
}

// What all stand on once, then each one's own.
std::string assumptions(const Comparison& comparison) {
  std::set<std::string> common;
  bool first = true;
  for (const Contender& one : comparison.contenders) {
    if (!one.forecast) continue;
    const std::set<std::string> own(one.forecast->built.assumptions.begin(),
                                    one.forecast->built.assumptions.end());
    if (first) {
      common = own;
    } else {
      std::erase_if(common, [&](const std::string& text) { return !own.contains(text); });
    }
    first = false;
  }
  std::string text;
  for (const std::string& one : common) text += item(one, width);
  for (std::size_t i = 0; i < comparison.contenders.size(); ++i) {
    const Contender& contender = comparison.contenders[i];
    if (!contender.forecast) continue;
    std::string own;
    for (const std::string& one : contender.forecast->built.assumptions) {
      if (!common.contains(one)) own += item(one, width, 4);
    }
    if (!own.empty()) text += fmt::format("  {}\n", label(comparison, i)) + own;
  }
  return text.empty() ? "" : "\nWhat this stands on\n" + text;
}

}  // namespace

std::string comparison_text(const Comparison& comparison) {
  std::string text = comparison.run.name + "\n  decided on " + written(comparison.start) + "\n\n";
  text += wrapped(comparison_headline(comparison), width, 0) + "\n\n";
  text += ends(comparison);
  if (!comparison.by_time.empty()) {
    text += layouts(comparison) + matrix(comparison) + accounts(comparison) +
            crossings(comparison) + shifts(comparison);
  }
  return text + assumptions(comparison);
}

}  // namespace celere::report

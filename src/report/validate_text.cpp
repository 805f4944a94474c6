#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "base/written_units.hpp"
#include "report/table.hpp"
#include "report/validate_report.hpp"

namespace celere::report {
namespace {

using study::ErrorSummary;
using study::RunResult;
using study::Validation;

constexpr std::size_t furthest_shown = 15;

std::string signed_percent(double share) { return fmt::format("{:+.1f} %", 100 * share); }

// Of |ln(predicted / measured)|: what a reader takes for a relative error, which small ones are.
void add_rows(Table& table, const study::Summaries& summaries) {
  for (const auto& [name, s] : summaries) {
    table.row({name, fmt::format("{}", s.rows), written_share(s.median), written_share(s.mean),
               written_share(s.p90), signed_percent(s.bias)});
  }
}

std::string section(const char* title, const study::Summaries& summaries) {
  using Align = Table::Align;
  Table table({{title, Align::left},
               {"rows", Align::right},
               {"median", Align::right},
               {"mean", Align::right},
               {"p90", Align::right},
               {"bias", Align::right}});
  add_rows(table, summaries);
  return table.text(2) + "\n";
}

std::string headline(const Validation& validation) {
  std::string out =
      fmt::format("{} rows: {} predicted, {} skipped; of grades A and B {} of {}\n",
                  validation.results.size() + validation.skipped.size(), validation.results.size(),
                  validation.skipped.size(), validation.graded_predicted, validation.graded);
  if (validation.overall) {
    const ErrorSummary& s = *validation.overall;
    out += fmt::format(
        "Error |ln(predicted / measured)| over {} rows of grades A and B: median {}, mean {}, 90th "
        "percentile {}\n",
        s.rows, written_share(s.median), written_share(s.mean), written_share(s.p90));
  }
  if (validation.memory) {
    out +=
        fmt::format("Memory against {} measured peaks: median {}, 90th percentile {}, bias {}\n",
                    validation.memory->rows, written_share(validation.memory->median),
                    written_share(validation.memory->p90), signed_percent(validation.memory->bias));
  }
  out += fmt::format("{} of the runs of grades A and B do not fit by our count\n\n",
                     validation.too_large);
  out += fmt::format("{:.0f} % of the measured step times lie inside the 80 % intervals",
                     100 * validation.inside);
  if (validation.inside_nested) {
    out += fmt::format("; {:.0f} % inside intervals that their source had no part in",
                       100 * *validation.inside_nested);
  }
  out += "\n";
  const ErrorSummary noise = study::noise_of(validation.results);
  if (noise.rows > 0) {
    out += fmt::format(
        "The data's own noise, {} rows that describe the same run as another: median {:.1f} %, "
        "mean {:.1f} %,\n90th percentile {:.1f} %\n",
        noise.rows, 100 * noise.median, 100 * noise.mean, 100 * noise.p90);
  }
  return out + "\n";
}

std::string rankings(const Validation& validation) {
  using Align = Table::Align;
  Table table({{"order of layouts", Align::left},
               {"layouts", Align::right},
               {"Kendall's tau", Align::right},
               {"regret", Align::right}});
  const std::vector<study::FamilyRanking> all = study::rankings_of(validation.results);
  for (const study::FamilyRanking& one : all) {
    table.row({one.family, fmt::format("{}", one.layouts), fmt::format("{:.2f}", one.tau),
               written_share(one.regret)});
  }
  return all.empty() ? "" : table.text(2) + "\n";
}

std::string furthest(const Validation& validation) {
  std::vector<const RunResult*> rows;
  for (const RunResult& result : validation.results) {
    if (result.counts() && result.signed_error()) rows.push_back(&result);
  }
  std::stable_sort(rows.begin(), rows.end(), [](const RunResult* a, const RunResult* b) {
    return std::abs(*a->signed_error()) > std::abs(*b->signed_error());
  });
  using Align = Table::Align;
  Table table({{"furthest off", Align::left},
               {"error", Align::right},
               {"predicted", Align::right},
               {"measured", Align::right},
               {"stack", Align::left},
               {"model", Align::left}});
  for (std::size_t i = 0; i < std::min(furthest_shown, rows.size()); ++i) {
    const RunResult& result = *rows[i];
    table.row({result.run.id, signed_percent(*result.signed_error()),
               fmt::format("{:.3g} s", result.prediction.step.value.in_base()),
               fmt::format("{:.3g} s", result.run.measured.step->in_base()),
               result.prediction.stack, result.run.inputs.model_name});
  }
  return rows.empty() ? "" : table.text(2) + "\n";
}

std::string skipped(const Validation& validation) {
  std::map<std::string, int> reasons;
  for (const study::SkippedRun& run : validation.skipped) ++reasons[run.reason];
  if (reasons.empty()) return "";
  Table table({{"skipped, because", Table::Align::left}, {"rows", Table::Align::right}});
  for (const auto& [reason, count] : reasons) table.row({reason, fmt::format("{}", count)});
  return table.text(2) + "\n";
}

}  // namespace

std::string validate_text(const Validation& validation) {
  std::string out = headline(validation);
  if (validation.overall) {
    out += section("source", validation.by_source);
    out += section("chip", validation.by_chip);
    out += section("precision", validation.by_precision);
    out += section("kind", validation.by_kind);
    out += section("stack", validation.by_stack);
    out += rankings(validation);
    out += furthest(validation);
  }
  out += skipped(validation);
  for (const std::string& column : validation.ignored_columns) {
    out += fmt::format("The column \"{}\" is none of the format's and was not read.\n", column);
  }
  return out;
}

}  // namespace celere::report

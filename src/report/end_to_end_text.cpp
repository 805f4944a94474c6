#include <fmt/format.h>

#include <map>

#include "base/written_units.hpp"
#include "report/end_to_end_report.hpp"
#include "report/table.hpp"

namespace celere::report {
namespace {

using study::WholeResult;
using study::WholeSummary;

constexpr std::size_t name_longest = 40;

std::string hours(Seconds time) { return fmt::format("{:.3g}", time / 1_h); }

// Names come from outside: a terminal gets no control characters.
std::string name_of(const WholeResult& result) {
  std::string name = result.run.inputs.model;
  if (!result.run.inputs.system.empty()) name += " " + result.run.inputs.system;
  for (char& letter : name) {
    const auto byte = static_cast<unsigned char>(letter);
    if (byte < 0x20 || byte >= 0x7f) letter = '?';
  }
  if (name.size() > name_longest) name = name.substr(0, name_longest - 3) + "...";
  return name;
}

std::string file_table(const std::vector<WholeResult>& results, const std::string& file) {
  using Align = Table::Align;
  Table table({{"row", Align::right},
               {"training", Align::left},
               {"chip", Align::left},
               {"GPUs", Align::right},
               {"GPU-hours", Align::right},
               {"80 % interval", Align::left},
               {"measured", Align::right},
               {"error", Align::right},
               {"", Align::left}});
  for (const WholeResult& result : results) {
    if (result.file != file || !result.prediction) continue;
    const study::WholePrediction& of = *result.prediction;
    const std::optional<double> error = result.error();
    table.row(
        {fmt::format("{}", result.run.row), name_of(result), of.chip,
         fmt::format("{}{}", result.run.inputs.gpus ? "" : "~", of.gpus), hours(of.gpu_time.value),
         fmt::format("{} to {}", hours(of.gpu_time.low), hours(of.gpu_time.high)),
         result.run.measured ? hours(*result.run.measured) : "",
         error ? fmt::format("{:+.1f} %", 100 * (of.gpu_time.value / *result.run.measured - 1))
               : "",
         error && !result.inside() ? "outside" : ""});
  }
  return table.text(2);
}

std::string not_predicted(const std::vector<WholeResult>& results) {
  std::map<std::string, int> reasons;
  for (const WholeResult& result : results) {
    if (!result.prediction) ++reasons[result.reason];
  }
  if (reasons.empty()) return "";
  Table table({{"not predicted, because", Table::Align::left}, {"rows", Table::Align::right}});
  for (const auto& [reason, count] : reasons) table.row({reason, fmt::format("{}", count)});
  return "\n" + table.text(2);
}

std::string summary_line(const char* name, const WholeSummary& summary) {
  if (summary.rows == 0) return "";
  if (summary.measured == 0) {
    return fmt::format("{}: {} rows, {} predicted, none measured\n", name, summary.rows,
                       summary.predicted);
  }
  return fmt::format(
      "{}: {} rows of grades A and B, {} predicted; error median {}, mean {}, worst {}; {:.0f} % "
      "inside the 80 % interval\n",
      name, summary.rows, summary.predicted, written_share(summary.median),
      written_share(summary.mean), written_share(summary.worst), 100 * summary.inside);
}

}  // namespace

std::string end_to_end_text(const study::WholeValidation& validation) {
  std::string out, last;
  for (const WholeResult& result : validation.results) {
    if (result.file == last) continue;
    last = result.file;
    out += last + "\n" + file_table(validation.results, last) + "\n";
  }
  out += "Errors are |predicted / measured - 1|; \"~\" before a count that was assumed.\n\n";
  out += summary_line("MLPerf", validation.mlperf);
  out += summary_line("Other trainings", validation.trainings);
  if (validation.left_out) {
    out += fmt::format(
        "  with each maker left out in turn: error median {}, {:.0f} % inside; these rows give the "
        "exponent {:.2f}\n",
        written_share(validation.left_out_median), 100 * validation.left_out_inside,
        validation.exponent);
  }
  return out + not_predicted(validation.results);
}

}  // namespace celere::report

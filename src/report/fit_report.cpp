#include "report/fit_report.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "report/table.hpp"

namespace celere::report {

std::string fit_text(const study::FittedNumbers& numbers, std::size_t rows) {
  Table table({{"unknown", Table::Align::left},
               {"believed", Table::Align::right},
               {"width", Table::Align::right},
               {"found", Table::Align::right},
               {"moved", Table::Align::right}});
  const auto& unknowns = numbers.unknowns.unknowns();
  for (std::size_t i = 0; i < unknowns.size(); ++i) {
    const double x = numbers.fitted.x[i];
    table.row({unknowns[i].name, fmt::format("{:.3f}", unknowns[i].prior),
               fmt::format("{:.3f}", unknowns[i].sd), fmt::format("{:.3f}", x),
               fmt::format("{:+.1f}", (x - unknowns[i].prior) / unknowns[i].sd)});
  }
  return fmt::format(
      "{} unknowns fitted on {} rows in {} iterations, objective {:.4f}\n"
      "(logarithms and log-odds; moved: in widths)\n\n{}",
      unknowns.size(), rows, numbers.fitted.iterations, numbers.fitted.objective, table.text(2));
}

std::string fit_json(const study::FittedNumbers& numbers) {
  nlohmann::ordered_json json = {{"objective", numbers.fitted.objective},
                                 {"iterations", numbers.fitted.iterations}};
  json["unknowns"] = nlohmann::ordered_json::array();
  const auto& unknowns = numbers.unknowns.unknowns();
  for (std::size_t i = 0; i < unknowns.size(); ++i) {
    json["unknowns"].push_back({{"name", unknowns[i].name},
                                {"prior", unknowns[i].prior},
                                {"sd", unknowns[i].sd},
                                {"found", numbers.fitted.x[i]}});
  }
  return json.dump(2) + "\n";
}

}  // namespace celere::report

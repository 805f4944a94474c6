#include "study/end_to_end_practice.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

#include "base/quantile.hpp"
#include "spec/catalog.hpp"
#include "spec/toml_reader.hpp"

namespace celere::study {
namespace {

constexpr double tokens_a_parameter = 20;
constexpr double wider = 1.2;

std::vector<PracticeRow> others_than(const std::vector<PracticeRow>& rows,
                                     const std::string& family) {
  std::vector<PracticeRow> others;
  for (const PracticeRow& row : rows) {
    if (row.family != family) others.push_back(row);
  }
  return others;
}

}  // namespace

Result<WholeNumbers> parse_whole_numbers(std::string_view toml) {
  ASSIGN_OR_RETURN(const std::unique_ptr<spec::TomlDocument> document,
                   spec::TomlDocument::parse(toml, "fit/end_to_end.toml"));
  const spec::TomlTable root = document->root();
  WholeNumbers out;
  out.exponent = root.number_fact("practice_exponent");
  out.mlperf_others = root.number_fact("mlperf_others");
  const auto spread = [](const spec::TomlTable& table) {
    return Spread{table.number("low", 0.01, 1), table.number("high", 1, 100)};
  };
  const spec::TomlTable trainings = root.table("spread_of_trainings");
  out.trainings = spread(trainings);
  const spec::TomlTable mlperf = root.table("spread_of_mlperf");
  out.mlperf = spread(mlperf);
  out.assumed_batch = mlperf.number("assumed_batch", 1, 10);
  RETURN_IF_ERROR(document->finish());
  return out;
}

std::string_view embedded_whole_numbers() { return spec::embedded_text("fit/end_to_end.toml"); }

double beyond_chinchilla(double tokens) {
  return std::max(0.0, std::log(tokens / tokens_a_parameter));
}

double fitted_exponent(const std::vector<PracticeRow>& rows) {
  struct Slope {
    double value, weight;
  };
  std::vector<Slope> slopes;
  double all = 0;
  for (const PracticeRow& row : rows) {
    if (row.x <= 0) continue;
    slopes.push_back({row.residual / row.x, row.x});
    all += row.x;
  }
  std::sort(slopes.begin(), slopes.end(),
            [](const Slope& a, const Slope& b) { return a.value < b.value; });
  double below = 0;
  for (const Slope& slope : slopes) {
    below += slope.weight;
    if (2 * below >= all) return slope.value;
  }
  return 0;
}

std::vector<double> left_out_residuals(const std::vector<PracticeRow>& rows) {
  std::vector<double> out;
  for (const PracticeRow& row : rows) {
    const double exponent = fitted_exponent(others_than(rows, row.family));
    out.push_back(row.residual - exponent * row.x);
  }
  return out;
}

Spread middle_of(const std::vector<double>& residuals) {
  if (residuals.empty()) return {};
  return {std::exp(std::min(0.0, quantile(residuals, 0.1))),
          std::exp(std::max(0.0, quantile(residuals, 0.9)))};
}

Spread interval_of(const std::vector<PracticeRow>& rows) {
  return raised(middle_of(left_out_residuals(rows)), wider);
}

double nested_coverage(const std::vector<PracticeRow>& rows) {
  if (rows.empty()) return 0;
  int inside = 0;
  for (const PracticeRow& row : rows) {
    const std::vector<PracticeRow> others = others_than(rows, row.family);
    const Spread spread = interval_of(others);
    const double ratio = std::exp(row.residual - fitted_exponent(others) * row.x);
    inside += spread.low <= ratio && ratio <= spread.high ? 1 : 0;
  }
  return static_cast<double>(inside) / static_cast<double>(rows.size());
}

}  // namespace celere::study

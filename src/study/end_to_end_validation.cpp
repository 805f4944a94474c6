#include "study/end_to_end_validation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/quantile.hpp"
#include "spec/catalog.hpp"
#include "spec/toml_reader.hpp"

namespace celere::study {
namespace {

constexpr std::size_t left_out_least = 10;

WholeSummary summary_of(const std::vector<WholeResult>& results, bool mlperf) {
  WholeSummary out;
  std::vector<double> errors, residuals;
  for (const WholeResult& result : results) {
    if (!result.run.counts() || result.run.inputs.mlperf() != mlperf) continue;
    ++out.rows;
    out.predicted += result.prediction ? 1 : 0;
    const std::optional<double> error = result.error();
    if (!error) continue;
    errors.push_back(*error);
    residuals.push_back(*result.residual());
    out.inside += result.inside() ? 1 : 0;
  }
  out.measured = static_cast<int>(errors.size());
  if (errors.empty()) return out;
  for (const double error : errors) out.mean += error / out.measured;
  out.median = quantile(errors, 0.5);
  out.worst = quantile(errors, 1);
  out.bias = std::expm1(quantile(residuals, 0.5));
  out.inside /= out.measured;
  return out;
}

std::vector<PracticeRow> practice_rows(const std::vector<WholeResult>& results) {
  std::vector<PracticeRow> rows;
  for (const WholeResult& result : results) {
    const std::optional<double> residual = result.residual();
    if (!residual || !result.run.counts() || result.run.inputs.mlperf()) continue;
    rows.push_back({.family = result.run.family,
                    .x = result.prediction->beyond,
                    .residual = *residual + std::log(result.prediction->practice)});
  }
  return rows;
}

void leave_out(WholeValidation& out) {
  const std::vector<PracticeRow> rows = practice_rows(out.results);
  if (rows.size() < left_out_least) return;
  out.left_out = true;
  out.exponent = fitted_exponent(rows);
  const std::vector<double> residuals = left_out_residuals(rows);
  std::vector<double> errors;
  for (const double residual : residuals) errors.push_back(std::abs(std::expm1(-residual)));
  out.left_out_median = quantile(errors, 0.5);
  out.left_out_spread = interval_of(rows);
  out.left_out_inside = nested_coverage(rows);
}

struct Measure {
  const char* key;
  double value;
  bool judged;  // enough rows
  bool at_most;
};

std::vector<Measure> measures_of(const WholeValidation& validation, int rows_least) {
  const WholeSummary& mlperf = validation.mlperf;
  const WholeSummary& others = validation.trainings;
  const bool races = mlperf.measured >= rows_least;
  const bool trainings = others.measured >= rows_least;
  const auto share = [](const WholeSummary& summary) {
    return summary.rows == 0 ? 1 : static_cast<double>(summary.predicted) / summary.rows;
  };
  return {{"mlperf_median_most", mlperf.median, races, true},
          {"trainings_median_most", others.median, trainings, true},
          {"trainings_left_out_median_most", validation.left_out_median, validation.left_out, true},
          {"trainings_inside_least", others.inside, trainings, false},
          {"trainings_inside_most", others.inside, trainings, true},
          {"mlperf_worst_most", mlperf.worst, races, true},
          {"trainings_worst_most", others.worst, trainings, true},
          {"mlperf_inside_least", mlperf.inside, races, false},
          {"mlperf_predicted_least", share(mlperf), races, false},
          {"trainings_predicted_least", share(others), trainings, false}};
}

}  // namespace

std::optional<double> WholeResult::residual() const {
  if (!prediction || !run.measured) return std::nullopt;
  return std::log(*run.measured / prediction->gpu_time.value);
}

std::optional<double> WholeResult::error() const {
  const std::optional<double> distance = residual();
  if (!distance) return std::nullopt;
  return std::abs(std::expm1(-*distance));
}

bool WholeResult::inside() const {
  const Interval<Seconds>& time = prediction->gpu_time;
  return time.low <= *run.measured && *run.measured <= time.high;
}

WholeValidation validate_whole(const WholeRunPredictor& predictor,
                               const std::vector<WholeRuns>& files) {
  WholeValidation out;
  for (const WholeRuns& file : files) {
    for (const WholeRun& run : file.runs) {
      WholeResult& result = out.results.emplace_back();
      result.file = file.file;
      result.run = run;
      Result<WholePrediction> prediction = predictor.predict(run.inputs);
      if (prediction.ok()) {
        result.prediction = *std::move(prediction);
      } else {
        result.reason = prediction.error().message;
      }
    }
  }
  out.mlperf = summary_of(out.results, true);
  out.trainings = summary_of(out.results, false);
  leave_out(out);
  return out;
}

Result<WholeBounds> parse_whole_bounds(std::string_view toml) {
  constexpr double large = 100;
  ASSIGN_OR_RETURN(const std::unique_ptr<spec::TomlDocument> document,
                   spec::TomlDocument::parse(toml, "published/end_to_end_bounds.toml"));
  const spec::TomlTable root = document->root();
  WholeBounds bounds;
  bounds.rows_least = static_cast<int>(root.integer("rows_least", 1, 1'000'000));
  const auto read = [&](const char* name, std::map<std::string, double>& to) {
    const spec::TomlTable table = root.table(name);
    for (const Measure& measure : measures_of({}, 1)) {
      if (table.has(measure.key)) to[measure.key] = table.number(measure.key, 0, large);
    }
  };
  read("bars", bounds.bars);
  read("built_in", bounds.built_in);
  RETURN_IF_ERROR(document->finish());
  return bounds;
}

std::string_view embedded_whole_bounds() {
  return spec::embedded_text("published/end_to_end_bounds.toml");
}

std::vector<std::string> broken(const WholeBounds& bounds, const WholeValidation& validation,
                                bool built_in) {
  std::vector<std::string> out;
  for (const Measure& measure : measures_of(validation, bounds.rows_least)) {
    const auto check = [&](const std::map<std::string, double>& limits) {
      const auto limit = limits.find(measure.key);
      if (limit == limits.end()) return;
      if (!measure.judged && built_in) {
        out.push_back(fmt::format("{} cannot be said: too few rows were measured", measure.key));
      } else if (measure.judged && (measure.at_most ? measure.value > limit->second
                                                    : measure.value < limit->second)) {
        out.push_back(fmt::format("{} is {:.3f}, and must be at {} {:.3f}", measure.key,
                                  measure.value, measure.at_most ? "most" : "least",
                                  limit->second));
      }
    };
    check(bounds.bars);
    if (built_in) check(bounds.built_in);
  }
  return out;
}

}  // namespace celere::study

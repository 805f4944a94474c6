#include "study/validation.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

#include "base/check.hpp"
#include "base/quantile.hpp"

namespace celere::study {
namespace {

bool graded(const PublishedRun& run) { return run.grade != "C"; }

using KeyOf = std::function<std::string(const RunResult&)>;

Summaries summaries_by(const std::vector<RunResult>& results, const KeyOf& key) {
  std::map<std::string, std::vector<double>> errors;
  for (const RunResult& result : results) {
    const std::optional<double> error = result.signed_error();
    if (error && result.counts()) errors[key(result)].push_back(*error);
  }
  Summaries summaries;
  for (const auto& [name, values] : errors) summaries[name] = summary_of(values);
  return summaries;
}

double share_inside(const std::vector<RunResult>& results) {
  int rows = 0, inside = 0;
  for (const RunResult& result : results) {
    if (!result.run.measured.step || !result.counts()) continue;
    const Interval<Seconds>& step = result.prediction.step;
    ++rows;
    inside += step.low <= *result.run.measured.step && *result.run.measured.step <= step.high;
  }
  return rows == 0 ? 0 : static_cast<double>(inside) / rows;
}

void summarize_memory(Validation& out) {
  std::vector<double> errors;
  for (const RunResult& result : out.results) {
    if (!result.run.measured.peak_memory || !result.counts()) continue;
    errors.push_back(std::log(result.prediction.allocated() / *result.run.measured.peak_memory));
  }
  if (!errors.empty()) out.memory = summary_of(errors);
}

}  // namespace

std::optional<double> RunResult::signed_error() const {
  if (!run.measured.step) return std::nullopt;
  return std::log(prediction.step.value / *run.measured.step);
}

bool RunResult::counts() const { return graded(run); }

ErrorSummary summary_of(const std::vector<double>& errors) {
  CHECK(!errors.empty());
  ErrorSummary out;
  out.rows = static_cast<int>(errors.size());
  out.bias = quantile(errors, 0.5);
  std::vector<double> sizes;
  for (const double error : errors) {
    sizes.push_back(std::abs(error));
    out.mean += sizes.back() / static_cast<double>(errors.size());
  }
  out.median = quantile(sizes, 0.5);
  out.p90 = quantile(sizes, 0.9);
  return out;
}

Validation validate(const Predictor& predictor, PublishedRuns runs) {
  return validate([&](const PublishedRun& run) { return predictor.predict(run.inputs); },
                  std::move(runs));
}

Validation validate(const std::function<Result<Prediction>(const PublishedRun&)>& predict,
                    PublishedRuns runs) {
  Validation out;
  out.ignored_columns = std::move(runs.ignored);
  for (PublishedRun& run : runs.runs) {
    const bool counts = graded(run);
    out.graded += counts ? 1 : 0;
    Result<Prediction> prediction = predict(run);
    if (!prediction.ok()) {
      out.skipped.push_back({std::move(run), prediction.error().message});
      continue;
    }
    out.graded_predicted += counts ? 1 : 0;
    out.too_large += counts && !prediction->fits ? 1 : 0;
    out.results.push_back({std::move(run), *std::move(prediction)});
  }
  const std::string all = "all";
  const Summaries overall = summaries_by(out.results, [&](const RunResult&) { return all; });
  if (!overall.empty()) out.overall = overall.at(all);
  out.by_source = summaries_by(out.results, [](const RunResult& r) { return r.run.family; });
  out.by_chip = summaries_by(out.results, [](const RunResult& r) { return r.run.inputs.gpu; });
  out.by_precision = summaries_by(
      out.results, [](const RunResult& r) { return spec::name_of(r.prediction.precision); });
  out.by_kind = summaries_by(
      out.results, [](const RunResult& r) { return r.prediction.experts ? "moe" : "dense"; });
  out.by_stack = summaries_by(out.results, [](const RunResult& r) { return r.prediction.stack; });
  summarize_memory(out);
  out.inside = share_inside(out.results);
  return out;
}

}  // namespace celere::study

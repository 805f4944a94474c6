#include <algorithm>
#include <cmath>

#include "report/json.hpp"
#include "report/validate_report.hpp"

namespace celere::report {
namespace {

using Json = OrderedJson;
using study::ErrorSummary;
using study::RunResult;
using study::Validation;

Json summary_json(const ErrorSummary& summary) {
  return {{"median", summary.median},
          {"mean", summary.mean},
          {"p90", summary.p90},
          {"bias", summary.bias},
          {"rows", summary.rows}};
}

Json summary_or_null(const std::optional<ErrorSummary>& summary) {
  return summary ? summary_json(*summary) : Json(nullptr);
}

Json summaries_json(const study::Summaries& summaries) {
  Json out = Json::object();
  for (const auto& [name, summary] : summaries) out[name] = summary_json(summary);
  return out;
}

Json parts_json(const cost::StepCost& step) {
  Json parts = Json::object();
  for (int i = 0; i < cost::step_part_count; ++i) {
    const auto part = static_cast<cost::StepPart>(i);
    parts[std::string(cost::name_of(part)) + "_s"] = step[part].in_base();
  }
  return parts;
}

Json memory_json(const cost::Memory& memory) {
  Json out = Json::object();
  for (int i = 0; i < cost::bucket_count; ++i) {
    const auto bucket = static_cast<cost::Bucket>(i);
    std::string key = cost::name_of(bucket);
    std::replace(key.begin(), key.end(), ' ', '_');
    out[key + "_bytes"] = memory[bucket].in_base();
  }
  return out;
}

Json result_json(const RunResult& result) {
  const study::Prediction& predicted = result.prediction;
  const std::optional<double> error = result.signed_error();
  return {{"id", result.run.id},
          {"predicted_step_time_s", predicted.step.value.in_base()},
          {"low_s", predicted.step.low.in_base()},
          {"high_s", predicted.step.high.in_base()},
          {"measured_step_time_s", or_null(result.run.measured.step)},
          {"error", error ? Json(std::abs(*error)) : Json(nullptr)},
          {"signed_error", error ? Json(*error) : Json(nullptr)},
          {"memory_max_bytes", predicted.memory_max().in_base()},
          {"memory_allocated_bytes", predicted.allocated().in_base()},
          {"measured_peak_memory_bytes", or_null(result.run.measured.peak_memory)},
          {"fits", predicted.fits},
          {"grade", result.run.grade},
          {"chip", predicted.chip},
          {"cluster", predicted.cluster},
          {"stack", predicted.stack},
          {"precision", spec::name_of(predicted.precision)},
          {"kind", predicted.experts ? "moe" : "dense"},
          {"layout", layout::written(predicted.layout)},
          {"global_batch_sequences", predicted.global_batch},
          {"filled", predicted.filled},
          {"step_parts", parts_json(predicted.cost)},
          {"memory_parts", memory_json(predicted.cost.memory)}};
}

}  // namespace

std::string validate_json(const Validation& validation) {
  Json results = Json::array();
  for (const RunResult& result : validation.results) results.push_back(result_json(result));
  Json skipped = Json::array();
  for (const study::SkippedRun& run : validation.skipped) {
    skipped.push_back({{"id", run.run.id}, {"reason", run.reason}});
  }
  Json error = validation.overall ? summary_json(*validation.overall)
                                  : Json{{"median", nullptr}, {"mean", nullptr}, {"p90", nullptr}};
  error["by_source"] = summaries_json(validation.by_source);
  error["by_chip"] = summaries_json(validation.by_chip);
  error["by_precision"] = summaries_json(validation.by_precision);
  error["by_kind"] = summaries_json(validation.by_kind);
  error["by_stack"] = summaries_json(validation.by_stack);
  Json rankings = Json::array();
  for (const study::FamilyRanking& one : study::rankings_of(validation.results)) {
    rankings.push_back({{"family", one.family},
                        {"source", one.source},
                        {"layouts", one.layouts},
                        {"tau", one.tau},
                        {"regret", one.regret}});
  }
  const Json out = {{"results", results},
                    {"skipped", skipped},
                    {"error", error},
                    {"memory_error", summary_or_null(validation.memory)},
                    {"graded_rows", validation.graded},
                    {"graded_rows_predicted", validation.graded_predicted},
                    {"graded_rows_too_large", validation.too_large},
                    {"noise", summary_json(study::noise_of(validation.results))},
                    {"ranking", rankings},
                    {"share_inside", validation.inside},
                    {"share_inside_nested", or_null(validation.inside_nested)},
                    {"ignored_columns", validation.ignored_columns}};
  return dumped(out, 2) + "\n";
}

}  // namespace celere::report

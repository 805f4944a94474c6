#include "report/end_to_end_report.hpp"
#include "report/json.hpp"

namespace celere::report {
namespace {

using Json = OrderedJson;
using study::WholePrediction;
using study::WholeResult;
using study::WholeSummary;

Json hours(Seconds time) { return time / 1_h; }

// How the row was understood.
void add_prediction(Json& out, const WholePrediction& of) {
  out["model"] = of.model;
  out["chip"] = of.chip;
  out["cluster"] = of.cluster;
  out["stack"] = of.stack;
  out["precision"] = spec::name_of(of.precision);
  out["gpus"] = of.gpus;
  out["layout"] = layout::written(of.layout.layout);
  out["global_batch_sequences"] = of.layout.global_batch;
  out["fits"] = of.layout.fits;
  out["step_time_s"] = of.step.in_base();
  out["steps"] = of.steps;
  out["mfu"] = of.mfu;
  out["goodput"] = of.goodput;
  out["evaluation_share"] = of.evaluation_share;
  out["practice"] = of.practice;
  out["assumed"] = of.assumed;
}

Json result_json(const WholeResult& result) {
  const bool predicted = result.prediction.has_value();
  const std::optional<double> error = result.error();
  const auto of = [&](Seconds Interval<Seconds>::* end) {
    return predicted ? hours(result.prediction->gpu_time.*end) : Json(nullptr);
  };
  Json out = {
      {"id", result.run.row},
      {"file", result.file},
      {"name", result.run.inputs.model},
      {"system", result.run.inputs.system},
      {"grade", result.run.grade},
      {"predicted_gpu_hours", of(&Interval<Seconds>::value)},
      {"low", of(&Interval<Seconds>::low)},
      {"high", of(&Interval<Seconds>::high)},
      {"measured_gpu_hours", result.run.measured ? hours(*result.run.measured) : Json(nullptr)},
      {"error", or_null(error)},
      {"inside", error ? Json(result.inside()) : Json(nullptr)},
      {"reason", predicted ? Json(nullptr) : Json(result.reason)}};
  if (predicted) add_prediction(out, *result.prediction);
  return out;
}

Json summary_json(const WholeSummary& summary) {
  Json out = {
      {"rows", summary.rows}, {"predicted", summary.predicted}, {"measured", summary.measured}};
  const auto value = [&](double number) {
    return summary.measured > 0 ? Json(number) : Json(nullptr);
  };
  out["median"] = value(summary.median);
  out["mean"] = value(summary.mean);
  out["worst"] = value(summary.worst);
  out["bias"] = value(summary.bias);
  out["inside"] = value(summary.inside);
  return out;
}

}  // namespace

std::string end_to_end_json(const study::WholeValidation& validation) {
  Json results = Json::array();
  for (const WholeResult& result : validation.results) results.push_back(result_json(result));
  Json left_out = nullptr;
  if (validation.left_out) {
    left_out = {{"median", validation.left_out_median},
                {"inside", validation.left_out_inside},
                {"practice_exponent", validation.exponent},
                {"spread_low", validation.left_out_spread.low},
                {"spread_high", validation.left_out_spread.high}};
  }
  const Json out = {{"results", results},
                    {"mlperf", summary_json(validation.mlperf)},
                    {"trainings", summary_json(validation.trainings)},
                    {"left_out", left_out}};
  return dumped(out, 2) + "\n";
}

}  // namespace celere::report

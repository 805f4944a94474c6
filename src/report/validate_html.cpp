#include <algorithm>
#include <cmath>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/check.hpp"
#include "report/page.hpp"
#include "report/validate_report.hpp"

extern "C" {
extern const char validate_page_begin[];
extern const char validate_page_end[];
}

namespace celere::report {
namespace {

using Json = nlohmann::ordered_json;

// Five digits: a page is looked at, and half as large.
double rounded(double value) {
  if (value == 0 || !std::isfinite(value)) return value;
  const double unit = std::pow(10.0, std::floor(std::log10(std::abs(value))) - 4);
  return std::round(value / unit) * unit;
}

Json run_json(const study::RunResult& result) {
  const study::Prediction& prediction = result.prediction;
  const std::optional<double> error = result.signed_error();
  Json step = Json::array();
  for (const Seconds part : prediction.cost.parts) step.push_back(rounded(part.in_base()));
  Json json = {{"id", result.run.id},
               {"source", result.run.family},
               {"model", result.run.inputs.model_name},
               {"chip", result.run.inputs.gpu},
               {"gpus", prediction.layout.ranks()},
               {"precision", spec::name_of(prediction.precision)},
               {"kind", prediction.experts ? "moe" : "dense"},
               {"stack", prediction.stack},
               {"predicted", rounded(prediction.step.value.in_base())},
               {"counts", result.counts()},
               {"step", step}};
  json["measured"] = error ? Json(rounded(result.run.measured.step->in_base())) : Json(nullptr);
  json["error"] = error ? Json(rounded(*error)) : Json(nullptr);
  return json;
}

}  // namespace

std::string validate_html(const study::Validation& validation) {
  Json page = Json::parse(validate_json(validation));
  page["results"] = Json::array();
  for (const study::RunResult& result : validation.results) {
    page["results"].push_back(run_json(result));
  }
  page["parts"] = Json::array();
  for (int i = 0; i < cost::step_part_count; ++i) {
    page["parts"].push_back(cost::name_of(static_cast<cost::StepPart>(i)));
  }
  page["how"] = validation.inside_nested
                    ? "Each was predicted by a fit that had not seen its source."
                    : "The numbers were fitted on these runs, all sources together.";
  const std::string_view whole(validate_page_begin,
                               static_cast<std::size_t>(validate_page_end - validate_page_begin));
  constexpr std::string_view mark = "@DATA@";
  const std::size_t place = whole.find(mark);
  CHECK(place != std::string_view::npos);
  std::string html(whole.substr(0, place));
  html += without_tags(page.dump());
  html += whole.substr(place + mark.size());
  return html;
}

}  // namespace celere::report

#include "base/check.hpp"
#include "base/written_units.hpp"
#include "report/life_json.hpp"
#include "report/life_report.hpp"

namespace celere::report {
namespace {

using Json = OrderedJson;
using study::Comparison;
using study::Contender;
using study::Crossing;

const char* name_of(Crossing::By by) {
  switch (by) {
    case Crossing::By::tokens:
      return "tokens";
    case Crossing::By::delay:
      return "delay";
    case Crossing::By::price:
      return "price";
  }
  CHECK(false);
}

Json crossing_json(const Comparison& comparison, const Crossing& crossing) {
  constexpr std::array<const char*, 3> keys = {"at_tokens", "at_s", "at_factor"};
  return {{"by", name_of(crossing.by)},
          {"one", label(comparison, crossing.one)},
          {"other", label(comparison, crossing.other)},
          {keys[static_cast<std::size_t>(crossing.by)], crossing.at},
          {"text", crossing_sentence(comparison, crossing)}};
}

template <typename Share>
Json matrix_json(const std::vector<std::vector<Share>>& matrix) {
  Json json = Json::array();
  for (const std::vector<Share>& row : matrix) {
    Json cells = Json::array();
    for (const std::optional<double> share : row) cells.push_back(or_null(share));
    json.push_back(std::move(cells));
  }
  return json;
}

}  // namespace

Json comparison_object(const Comparison& comparison) {
  Json json = {
      {"answer", comparison_headline(comparison)}, {"run", comparison.run.name},
      {"start_date", written(comparison.start)},   {"seed", comparison.options.seed},
      {"replicas", comparison.options.replicas},   {"certain", comparison.options.certain}};
  const auto names = [&](const std::vector<std::size_t>& places) {
    Json out = Json::array();
    for (const std::size_t place : places) out.push_back(label(comparison, place));
    return out;
  };
  json["by_time"] = names(comparison.by_time);
  json["by_dollars"] = names(comparison.by_dollars);
  json["before"] = matrix_json(comparison.before);
  json["cheaper"] = matrix_json(comparison.cheaper);
  json["crossings"] = Json::array();
  for (const Crossing& crossing : comparison.crossings) {
    json["crossings"].push_back(crossing_json(comparison, crossing));
  }
  json["contenders"] = Json::array();
  for (std::size_t place = 0; place < comparison.contenders.size(); ++place) {
    const Contender& contender = comparison.contenders[place];
    Json one = {{"name", label(comparison, place)},
                {"cluster", contender.cluster},
                {"title", contender.title},
                {"why_not", contender.why_not.empty() ? Json(nullptr) : Json(contender.why_not)},
                {"forecast", nullptr}};
    if (contender.forecast) {
      CHECK(contender.plan != nullptr);
      one["forecast"] = forecast_object(*contender.plan, *contender.forecast);
    }
    json["contenders"].push_back(std::move(one));
  }
  return json;
}

std::string comparison_json(const Comparison& comparison) {
  return dumped(comparison_object(comparison), 2) + "\n";
}

}  // namespace celere::report

#include "report/json.hpp"
#include "report/lives_report.hpp"

namespace celere::report {
namespace {

using Json = OrderedJson;

Json times_json(const study::RecoveryTimes& times) {
  return {{"detect", times.detect.in_base()},
          {"localise", times.localise.in_base()},
          {"replace", times.replace.in_base()},
          {"init", times.init.in_base()},
          {"load", times.load.in_base()},
          {"blocking", times.blocking.in_base()},
          {"background", times.background.in_base()},
          {"regroup", times.regroup.in_base()}};
}

Json expected_json(const study::ExpectationResult& one) {
  return {{"what", name_of(one.expected.what)},
          {"published", one.expected.published},
          {"least", or_null(one.expected.least)},
          {"most", or_null(one.expected.most)},
          {"simulated", one.simulated},
          {"standard_error", one.error},
          {"kept", or_null(one.kept)},
          {"why", one.expected.why},
          {"red", one.expected.red}};
}

Json case_json(const study::PublishedLifeResult& result) {
  Json shares = Json::object(), expected = Json::array(), effective = Json::array();
  for (std::size_t part = 0; part < life::part_count; ++part) {
    shares[key_of(life::name_of(static_cast<life::Part>(part)))] = result.shares[part];
  }
  for (const auto& one : result.expected) expected.push_back(expected_json(one));
  for (const life::Part part : result.life.effective) effective.push_back(life::name_of(part));
  constexpr double day = 86400;
  return {{"name", result.life.name},
          {"source", result.life.source},
          {"notes", result.life.notes},
          {"gpus", result.life.gpus},
          {"nodes", result.life.nodes},
          {"spares", result.spares},
          {"replicas", result.life.replicas},
          {"interval_s", result.interval.in_base()},
          {"failures_per_day", result.life.rate().in_base() * day},
          {"own_times", result.life.own_times},
          {"times_s", times_json(result.life.times)},
          {"effective", effective},
          {"shares", shares},
          {"lives_done", result.done},
          {"expected", expected}};
}

}  // namespace

std::string lives_json(const study::LivesValidation& validation) {
  Json cases = Json::array();
  for (const auto& result : validation.results) cases.push_back(case_json(result));
  const Json out = {{"cases", cases},
                    {"times_s", times_json(validation.times)},
                    {"lives", validation.options.replicas},
                    {"seed", validation.options.seed},
                    {"broken", study::broken(validation)}};
  return dumped(out, 2) + "\n";
}

}  // namespace celere::report

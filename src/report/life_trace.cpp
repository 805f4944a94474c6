#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "report/forecast_report.hpp"
#include "report/life_json.hpp"

namespace celere::report {
namespace {

// One process of two tracks.
constexpr int process = 1, training_track = 1, events_track = 2;

double microseconds(life::Nanoseconds time) { return static_cast<double>(time) * 1e-3; }

OrderedJson named(const char* what, int track, const std::string& name) {
  return {
      {"ph", "M"}, {"pid", process}, {"tid", track}, {"name", what}, {"args", {{"name", name}}}};
}

}  // namespace

std::string life_trace(const life::Forecast& forecast) {
  OrderedJson events = OrderedJson::array();
  events.push_back(
      named("process_name", training_track,
            fmt::format("life {} of seed {}", forecast.options.told, forecast.options.seed)));
  events.push_back(named("thread_name", training_track, "training"));
  events.push_back(named("thread_name", events_track, "what happens"));
  for (const life::Span& span : forecast.told.spans) {
    OrderedJson event = {{"ph", "X"},
                         {"pid", process},
                         {"tid", training_track},
                         {"ts", microseconds(span.begin)},
                         {"dur", microseconds(span.end - span.begin)},
                         {"name", span.part ? life::name_of(*span.part) : "training"}};
    if (!span.part) event["args"] = {{"nodes", span.nodes}};
    events.push_back(std::move(event));
  }
  for (const life::StoryEvent& event : forecast.told.story) {
    events.push_back({{"ph", "i"},
                      {"s", "t"},
                      {"pid", process},
                      {"tid", events_track},
                      {"ts", microseconds(event.at)},
                      {"name", event.text}});
  }
  return dumped({{"displayTimeUnit", "ms"}, {"traceEvents", std::move(events)}}, -1) + "\n";
}

}  // namespace celere::report

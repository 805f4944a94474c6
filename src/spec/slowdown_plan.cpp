#include "spec/slowdown_plan.hpp"

#include "spec/toml_reader.hpp"

namespace celere::spec {
namespace {

constexpr double factor_most = 1000;

}  // namespace

SlowdownPlan read_slowdown_plan(const TomlTable& table) {
  SlowdownPlan plan;
  plan.name = table.text("name");
  plan.from = table.quantity_if<Seconds>("from").value_or(Seconds{});
  plan.lasts = table.quantity<Seconds>("for");
  plan.every = table.quantity_if<Seconds>("every").value_or(Seconds{});
  if (table.has("every") && !(plan.lasts < plan.every)) {
    table.mistake("every", "must be longer than it lasts");
  }
  plan.stops = table.boolean_or("stops", false);
  plan.factor = table.number_or("factor", 1, 1, factor_most);
  if (plan.stops == table.has("factor")) {
    table.mistake("factor", "give exactly one of factor and stops = true");
  }
  return plan;
}

TimeRange read_time_range(const TomlTable& table, const char* key) {
  const std::vector<std::string> texts = table.texts(key);
  TimeRange range;
  std::vector<Seconds> times;
  for (const std::string& text : texts) {
    if (const Result<Seconds> time = parse_quantity<Seconds>(text); time.ok()) {
      times.push_back(*time);
    }
  }
  if (texts.size() != 2 || times.size() != 2 || times[1] < times[0]) {
    table.mistake(key, "must be the least and the most, as in [\"0 days\", \"60 days\"]");
    return range;
  }
  return {.low = times[0], .high = times[1]};
}

}  // namespace celere::spec

// Parts of the JSON of a forecast that a comparison has as well.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "life/forecast.hpp"
#include "plan/planner.hpp"
#include "study/comparison.hpp"

namespace celere::report {

using OrderedJson = nlohmann::ordered_json;

OrderedJson forecast_object(const plan::Plan& plan, const life::Forecast& forecast);
// Of the life that is told, by whole days from its start: what struck, spares as well. A failure is
// told with the name of its cause and a colon.
std::vector<int> failures_by_day(const life::Forecast& forecast);
// The first so many events of the life that is told; forecast_object() has none of them.
OrderedJson story_json(const life::Forecast& forecast, std::size_t most);
// What stands behind it, each with its grade and where it comes from: the assumptions that have an
// interval, then what the catalogue says beside them.
OrderedJson sources_json(const plan::Plan& plan, const life::Built& built);

OrderedJson comparison_object(const study::Comparison& comparison);

// Text that is not UTF-8 is mended. `indent`: -1 for one line.
std::string dumped(const OrderedJson& json, int indent);

// "no machine" as "no_machine".
std::string key_of(const char* name);

}  // namespace celere::report

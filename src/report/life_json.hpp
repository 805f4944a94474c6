// Parts of the JSON of a forecast that a comparison has as well.
#pragma once

#include <vector>

#include "life/forecast.hpp"
#include "plan/planner.hpp"
#include "report/json.hpp"
#include "study/comparison.hpp"

namespace celere::report {

OrderedJson forecast_object(const plan::Plan& plan, const life::Forecast& forecast);
// Of the life that is told, by whole days from its start: what struck, spares as well.
std::vector<int> failures_by_day(const life::Forecast& forecast);
// The first so many events of the life that is told; forecast_object() has none of them.
OrderedJson story_json(const life::Forecast& forecast, std::size_t most);
// What stands behind it, each with its grade and where it comes from: the assumptions that have an
// interval, then what the catalogue says beside them.
OrderedJson sources_json(const plan::Plan& plan, const life::Built& built);

OrderedJson comparison_object(const study::Comparison& comparison);

}  // namespace celere::report

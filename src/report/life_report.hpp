// A forecast of a training, and a comparison of several, as JSON, as one page of HTML and as SVG.
//
// Keys end in their unit and stay as they are: completion_p50_s, dollars_p50, energy_p50_mwh,
// ettr_mean, account.useful_s. What is not known is null. The page holds the same JSON, and shows
// no number beside it.
#pragma once

#include <string>
#include <vector>

#include "life/forecast.hpp"
#include "plan/planner.hpp"
#include "report/svg.hpp"
#include "study/comparison.hpp"

namespace celere::report {

// The answer in one sentence: "Done by 2025-05-13 in half of all lives, ..."
std::string forecast_headline(const life::Forecast& forecast);
std::string comparison_headline(const study::Comparison& comparison);
// What a contender is called: its cluster, with its GPUs where two are of one cluster.
std::string label(const study::Comparison& comparison, std::size_t place);
// Where the answer flips: "Up to 2.00 T tokens A ends first, beyond it B."
std::string crossing_sentence(const study::Comparison& comparison, const study::Crossing& crossing);

std::string forecast_json(const plan::Plan& plan, const life::Forecast& forecast);
std::string comparison_json(const study::Comparison& comparison);

// One file that needs nothing beside it, and stays under 2 MB: of many lives, steps and events what
// is more than a page can show is thinned out, and the page says so.
std::string forecast_page(const plan::Plan& plan, const life::Forecast& forecast);
std::string comparison_page(const study::Comparison& comparison);

// Each chart of the page by itself, where there is something to draw.
std::vector<Svg> forecast_svgs(const plan::Plan& plan, const life::Forecast& forecast);
std::vector<Svg> comparison_svgs(const study::Comparison& comparison);

}  // namespace celere::report

// The forecast of a whole training for people and for programs: views of one answer.
#pragma once

#include <string>

#include "life/forecast.hpp"
#include "plan/planner.hpp"

namespace celere::report {

// What a terminal shows: at most 100 columns.
std::string forecast_text(const plan::Plan& plan, const life::Forecast& forecast);

// The story of the life that the forecast told, an event a line.
std::string life_text(const life::Forecast& forecast);

// The same as a trace that Perfetto and chrome://tracing read [Trace Event Format, Google]: what
// the training did as spans, what happened as instants.
std::string life_trace(const life::Forecast& forecast);

// "12 May 2025" is written 2025-05-12; without dates the time since the start.
std::string day_text(const life::Forecast& forecast, Seconds time);

}  // namespace celere::report

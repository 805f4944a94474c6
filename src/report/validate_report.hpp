// Predictions against measurements, for people and for programs: three views of one validation.
#pragma once

#include <string>

#include "study/ranking.hpp"
#include "study/validation.hpp"

namespace celere::report {

// What a terminal shows: the errors by source, chip, precision, kind and stack, the rows that are
// furthest off, and how many were skipped for which reason.
std::string validate_text(const study::Validation& validation);

// Stable keys: `results` [{id, predicted_step_time_s, low_s, high_s, measured_step_time_s, error,
// memory_max_bytes, fits, ...}], `skipped` [{id, reason}], `error` {median, mean, p90, rows,
// by_source, ...}, `memory_error`. What was not measured is null.
std::string validate_json(const study::Validation& validation);

// The same as one page that needs nothing else: no network, no other file.
std::string validate_html(const study::Validation& validation);

}  // namespace celere::report

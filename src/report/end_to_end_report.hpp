// Whole trainings against what they took, for people and for programs.
#pragma once

#include <string>

#include "study/end_to_end_validation.hpp"

namespace celere::report {

// Every row with its prediction, interval and error; the medians; what was fitted.
std::string end_to_end_text(const study::WholeValidation& validation);

// Stable keys: `results` [{file, id (the row's number in its file, from 0), predicted_gpu_hours,
// low, high, measured_gpu_hours, error, ...}], `mlperf`, `trainings` {median, inside, ...},
// `left_out`. What is not known is null.
std::string end_to_end_json(const study::WholeValidation& validation);

}  // namespace celere::report

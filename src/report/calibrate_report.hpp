// What a calibration found: a short table, or every number for programs.
#pragma once

#include <string>

#include "calibrate/calibrate.hpp"

namespace celere::report {

std::string calibrate_text(const calibrate::Calibration& calibration);
std::string calibrate_json(const calibrate::Calibration& calibration);

}  // namespace celere::report

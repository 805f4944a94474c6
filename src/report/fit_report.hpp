// What a fit found: each unknown with what was believed of it.
#pragma once

#include <string>

#include "study/run_fit.hpp"

namespace celere::report {

std::string fit_text(const study::FittedNumbers& numbers, std::size_t rows);
std::string fit_json(const study::FittedNumbers& numbers);

}  // namespace celere::report

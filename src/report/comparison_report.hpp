// The same training on several clusters, for people: which ends first, which is cheapest, how sure
// that is, and what would change the answer.
#pragma once

#include <string>

#include "study/comparison.hpp"

namespace celere::report {

// What a terminal shows: at most 100 columns.
std::string comparison_text(const study::Comparison& comparison);

}  // namespace celere::report

// The bounds that predictions must keep: catalog/published/bounds.toml. Errors are |ln(predicted /
// measured)|. The bound on the worst row is what one wrong number in the file breaks: a step time
// of 1.42 s that became 142 s is off by ln 100 = 4.6.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "study/validation.hpp"

namespace celere::study {

struct Bounds {
  std::map<std::string, double> most;   // by what is bounded: "median", "worst", ...
  std::map<std::string, double> least;  // "predicted_share"
  std::map<std::string, double> source_median;
};

// Errors: bad_input with file, line and key.
Result<Bounds> parse_bounds(std::string_view toml);
std::string_view embedded_bounds();

// Each bound that is broken, in words; empty: all are kept.
std::vector<std::string> broken(const Bounds& bounds, const Validation& validation);

}  // namespace celere::study

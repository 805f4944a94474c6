// Whole trainings held against what their makers say they took.
//
//   error = |predicted / measured - 1|
//
// over rows of grades A and B (and those without a grade). MLPerf's rows and the other trainings
// are summed up apart: the first are predicted from first principles, of the others one number is
// fitted on these files (end_to_end_practice.hpp), so each maker's rows are predicted without them
// too.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "study/end_to_end.hpp"

namespace celere::study {

struct WholeResult {
  std::string file;
  WholeRun run;
  std::optional<WholePrediction> prediction;
  std::string reason;  // why there is none

  std::optional<double> error() const;
  // ln(measured / predicted).
  std::optional<double> residual() const;
  bool inside() const;  // REQUIRES: error() has a value
};

struct WholeSummary {
  int rows = 0;                            // that count
  int predicted = 0;                       // of those
  int measured = 0;                        // of those
  double median = 0, mean = 0, worst = 0;  // of errors; 0 where none was measured
  double bias = 0;                         // median of measured / predicted, less 1
  double inside = 0;                       // share of measured rows inside the 80 % interval
};

struct WholeValidation {
  std::vector<WholeResult> results;  // in the order of the files
  WholeSummary mlperf, trainings;
  // Of trainings where their maker had no part in the exponent and the interval; said of ten
  // measured ones or more.
  bool left_out = false;
  double exponent = 0;  // that these rows give
  double left_out_median = 0, left_out_inside = 0;
  Spread left_out_spread;
};

WholeValidation validate_whole(const WholeRunPredictor& predictor,
                               const std::vector<WholeRuns>& files);

// catalog/published/end_to_end_bounds.toml.
struct WholeBounds {
  int rows_least = 1;                      // a class of fewer measured rows is not judged
  std::map<std::string, double> bars;      // of any file: "mlperf_median", ...
  std::map<std::string, double> built_in;  // of the program's own files beside
};

// Errors: bad_input with file, line and key.
Result<WholeBounds> parse_whole_bounds(std::string_view toml);
std::string_view embedded_whole_bounds();

// Each bound that is broken, in words.
std::vector<std::string> broken(const WholeBounds& bounds, const WholeValidation& validation,
                                bool built_in);

}  // namespace celere::study

// Predictions of published runs held against what was measured.
//
//   error = |ln(predicted / measured)|
//
// which is alike for twice too long and half as long. Summaries count rows of grades A and B, and
// those that give no grade; rows of grade C are checks of the order of magnitude, whose error
// stands at the row alone. The 90th percentile is interpolated between the two nearest rows.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "study/predictor.hpp"
#include "study/published_run.hpp"

namespace celere::study {

struct RunResult {
  PublishedRun run;
  Prediction prediction;

  // ln(predicted / measured), above 0 where the prediction is too slow; nothing where no step time
  // was measured.
  std::optional<double> signed_error() const;
  bool counts() const;  // in the summaries
};

struct SkippedRun {
  PublishedRun run;
  std::string reason;
};

struct ErrorSummary {
  int rows = 0;
  double median = 0, mean = 0, p90 = 0;
  double bias = 0;  // median of the signed errors
};

// REQUIRES: signed errors, at least one.
ErrorSummary summary_of(const std::vector<double>& errors);

using Summaries = std::map<std::string, ErrorSummary>;

struct Validation {
  std::vector<RunResult> results;  // in the order of the file
  std::vector<SkippedRun> skipped;
  std::vector<std::string> ignored_columns;
  std::optional<ErrorSummary> overall;  // nothing where no row was measured
  Summaries by_source, by_chip, by_precision, by_kind, by_stack;
  int graded = 0;            // rows that count, predicted or skipped
  int graded_predicted = 0;  // of those, predicted
  int too_large = 0;         // of those, that do not fit by our count
  // Of measured rows, inside low to high; and where each source was left out, inside what the other
  // sources' intervals say.
  double inside = 0;
  std::optional<double> inside_nested;
  std::optional<ErrorSummary> memory;  // of allocated() against what was measured
};

// `predict` sees the whole row only to choose the numbers that its source had no part in.
Validation validate(const std::function<Result<Prediction>(const PublishedRun&)>& predict,
                    PublishedRuns runs);
Validation validate(const Predictor& predictor, PublishedRuns runs);

}  // namespace celere::study

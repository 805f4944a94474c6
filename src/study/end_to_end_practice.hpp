// What whole trainings take beside their steps, failures and evaluations, as
// catalog/fit/end_to_end.toml says it, and how it was found.
//
//   practice = (tokens / parameters / 20)^exponent     above 20 tokens a parameter, else 1
//
// GPU-hours of model cards hold more than one undisturbed training with a tuned recipe: context
// extension and annealing, restarts by hand, trials, the small batch of a small model on many GPUs.
// Small models that large laboratories train far beyond 20 tokens a parameter [Hoffmann et al.
// 2022] show it most: Llama 3.1 8B (1,870 tokens a parameter) reaches 14 % of the bf16 peak over
// all its hours, Llama 3 70B (210) 28 %, Nemotron-4 340B (26) 39 %, while tuned recipes of all
// three reach 45 to 55 %. The exponent is the only number that is fitted on whole trainings. It
// counts with software of 2023 and later, whose numbers come from tuned recipes; those of before
// come from production (BLOOM, Megatron-Turing).
//
// The fit takes the least sum of absolute residuals: with r = ln(measured / predicted without
// practice) and x = ln(tokens / parameters / 20), the median of r / x weighted by x. Leaving each
// maker out in turn gives residuals of rows that had no part in it; the interval holds the middle
// 80 % of them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/interval.hpp"
#include "base/result.hpp"
#include "spec/fact.hpp"

namespace celere::study {

struct WholeNumbers {
  spec::Fact<double> exponent;       // above
  spec::Fact<double> mlperf_others;  // of MLPerf's minutes beside steps and evaluations
  // measured / predicted, 80 %; and how many times as wide where MLPerf's batch is assumed.
  Spread trainings, mlperf;
  double assumed_batch = 1;
};

// Errors: bad_input with file, line and key.
Result<WholeNumbers> parse_whole_numbers(std::string_view toml);
std::string_view embedded_whole_numbers();

// ln(tokens / parameters / 20), at least 0.
double beyond_chinchilla(double tokens_a_parameter);

// A whole training as the fit sees it.
struct PracticeRow {
  std::string family;   // who trained it
  double x = 0;         // 0: practice does not count
  double residual = 0;  // ln(measured / predicted without practice)
};

// REQUIRES: a row with x > 0; otherwise 0.
double fitted_exponent(const std::vector<PracticeRow>& rows);

// Each row's residual with the exponent that the others' makers give; in the order of `rows`.
std::vector<double> left_out_residuals(const std::vector<PracticeRow>& rows);

// Of ln(measured / predicted): the middle 80 %; 1 is always inside.
Spread middle_of(const std::vector<double>& residuals);

// The interval that these rows give.
Spread interval_of(const std::vector<PracticeRow>& rows);

// The share of rows inside intervals that their own family had no part in.
double nested_coverage(const std::vector<PracticeRow>& rows);

}  // namespace celere::study

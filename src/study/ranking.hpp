// Whether predictions put layouts in the right order, which is what a plan is chosen by.
//
// A family is one model on one kind of machine in one source: equal model, chip, precision and
// sequence. Its layouts are compared by GPU-seconds a token; rows that describe the same layout are
// one, at their mean. Of families of four layouts or more:
//
//   tau      Kendall's tau-b of predicted against measured [Kendall 1945]: 1 the same order, -1 the
//            opposite, ties counted half
//   regret   what the layout that is predicted best took more than the best: measured / best - 1
#pragma once

#include <string>
#include <vector>

#include "study/validation.hpp"

namespace celere::study {

struct FamilyRanking {
  std::string family;  // "vtrain: GPT 175B on A100"
  std::string source;
  int layouts = 0;
  double tau = 0;
  double regret = 0;
};

// By source, then by layouts, the largest first.
std::vector<FamilyRanking> rankings_of(const std::vector<RunResult>& results);

// REQUIRES: sizes agree. 0 where all of one are tied.
double kendall_tau_b(const std::vector<double>& a, const std::vector<double>& b);

// How far apart measurements of the same run are: of rows of one source whose columns are equal but
// for release, year and flags, the distance |ln| of each from their geometric mean.
ErrorSummary noise_of(const std::vector<RunResult>& results);

}  // namespace celere::study

// How sure a prediction is, from how wrong predictions were of sources that had no part in them.
//
// Residuals ln(measured / predicted) of left-out rows, by whether another source was measured with
// the same software, and by whether the model has experts: the interval of a class holds the middle
// 80 % of them. Rows that leave fields empty are further off: the interval is as many times as
// wide, in logarithms, as four fifths of them are.
//
// How honest that is shows where each source is held against intervals that were made of the
// others: `nested` below; of a class that only one source has, all of its kind are taken.
#pragma once

#include <string>
#include <vector>

#include "base/interval.hpp"

namespace celere::study {

struct LeftOut {
  std::string family;  // the source
  double residual = 0;
  bool known = false;  // another source was measured with this software
  bool experts = false;
  bool complete = true;
};

struct Intervals {
  Spread of[2][2];        // [known][experts]
  double incomplete = 1;  // times as wide
  Spread at(bool known, bool experts, bool complete) const {
    return raised(of[known ? 1 : 0][experts ? 1 : 0], complete ? 1 : incomplete);
  }
};

// REQUIRES: at least one row. A class without rows has the interval of all.
Intervals intervals_of(const std::vector<LeftOut>& rows);

// The share of rows inside these intervals, and inside those that other sources make.
struct Coverage {
  double inside = 0;
  double nested = 0;
};
Coverage coverage_of(const std::vector<LeftOut>& rows, const Intervals& intervals);

}  // namespace celere::study

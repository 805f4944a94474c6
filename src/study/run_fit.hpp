// The numbers of catalog/fit/unknowns.toml, fitted on published runs.
//
// One observation is ln(predicted / measured) of a row of grades A or B; a source of n rows weighs
// n^-1/4 a row, so that a large source does not drown the others. What a source has on a chip
// beyond what any row can say (its clocks, its cooling, its clock for measuring) is one offset for
// each source and chip while fitting, and 0 when predicting.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/thread_pool.hpp"
#include "study/intervals.hpp"
#include "study/predictor.hpp"
#include "study/unknowns.hpp"
#include "study/validation.hpp"

namespace celere::study {

// What was found: the numbers, ready to be put into entries.
struct FittedNumbers {
  Unknowns unknowns;
  Fitted fitted;
  void apply(spec::Stack& stack, spec::Chip& chip, spec::Cluster& cluster) const {
    unknowns.apply(fitted.x, stack, chip, cluster);
  }
};

class RunFit {
 public:
  // Rows that cannot be predicted or were not measured are left out.
  RunFit(const Predictor& predictor, const std::vector<PublishedRun>& runs,
         std::vector<FittedNumber> numbers);

  // Of all rows but those of one family; none is left out where it is empty. `near`: a fit to start
  // from.
  FittedNumbers without(const std::string& family, ThreadPool& threads,
                        const FittedNumbers* near = nullptr) const;

  std::vector<std::string> families() const;
  std::size_t rows() const { return rows_.size(); }

 private:
  struct Row {
    PreparedRun run;
    double log_measured = 0;
    std::string family;
    std::string group;  // source and chip
  };
  std::vector<Row> rows_;
  std::vector<FittedNumber> numbers_;
};

struct LeaveOneOut {
  Validation validation;  // each row predicted by a fit that has not seen its source
  Intervals intervals;    // of those predictions' errors; what the validation's intervals are
};
LeaveOneOut leave_one_out(const Predictor& predictor, const PublishedRuns& runs,
                          const std::vector<FittedNumber>& numbers, ThreadPool& threads);

}  // namespace celere::study

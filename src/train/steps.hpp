// Which samples each step of a training takes: a pure function of the batch (fixed, or a ramp over
// consumed tokens) and the number of tokens. A step takes as many samples as the phase says in
// which it begins; the training ends with the first step that reaches its tokens.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.hpp"
#include "spec/run.hpp"

namespace celere::train {

struct StepSamples {
  std::int64_t first = 0;  // samples consumed before it
  std::int64_t count = 0;
};

class Steps {
 public:
  // Errors: bad_input for a batch that is a range: a training needs one.
  static Result<Steps> make(const spec::Batch& batch, std::int64_t sequence, double tokens);

  std::int64_t total() const { return phases_.back().step_end; }
  StepSamples at(std::int64_t step) const;  // from 0. REQUIRES: step < total()

 private:
  struct Phase {
    std::int64_t step_begin = 0, step_end = 0;
    std::int64_t sample_begin = 0;
    std::int64_t sequences = 0;
  };
  std::vector<Phase> phases_;
};

}  // namespace celere::train

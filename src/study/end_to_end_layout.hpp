// The layout that whoever trained would have chosen, where nobody says: the fastest that fits, by
// cost::StepModel, of those that recipes use.
//
//   tp       powers of two to 8 within the NVLink domain, with sequence parallelism
//   cp       1; with sequences of 8,192 or more powers of two to 8
//   pp       powers of two to 64, 6 and 12, no more than layers
//   vpp      1, and the numbers of chunks that divide the layers (or layers, embedding and head,
//   the
//            chunks being balanced) down to one or two layers each
//   ep       of experts: powers of two to 64, not split further
//   ZeRO     1, and 3 without a pipeline
//   micro    1, 2 and 4 sequences
//   recompute the least that fits: nothing, so many layers of a chunk, everything
//
// The replicas take all GPUs; a batch that they do not divide is rounded up, as the last
// micro-batch takes as long as a full one. A twelfth of the planner's space, and what it leaves out
// (offloading, zero-bubble, orders of ranks) these trainings did not use.
#pragma once

#include <optional>

#include "cost/step.hpp"
#include "layout/layout.hpp"

namespace celere::study {

struct UsualLayout {
  layout::Layout layout;
  std::int64_t global_batch = 0;  // rounded up
  cost::StepCost step;
  bool fits = true;  // false: none does, and this needs the least memory
  int tried = 0;
};

struct WantedBatch {
  std::int64_t sequences = 0;
  bool fixed = true;  // false: assumed, so that it is trained as it is rounded up
};

// Nothing where no such layout is legal.
std::optional<UsualLayout> usual_layout(const cost::StepModel& model, std::int64_t gpus,
                                        const WantedBatch& batch);

}  // namespace celere::study

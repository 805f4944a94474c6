// The layout that whoever trained would have chosen, where nobody says: the fastest that fits, by
// cost::StepModel, of those that recipes use.
//
//   tp         powers of two to 8 within the NVLink domain, with sequence parallelism
//   cp         1; with sequences of 8,192 or more powers of two to 8
//   pp         powers of two to 64, 6 and 12
//   schedule   1F1B; interleaved in chunks of 1, 2 or 4 layers where these divide the layers, or
//              the layers, embedding and head; DualPipe where the software has it
//   ep         of experts: powers of two to 64, not split further
//   ZeRO       1, and 3 without tensor or pipeline parallelism where attention is fused (before,
//              ZeRO 3 was another software)
//   micro      1, 2 and 4 sequences
//   recompute  the least that fits: nothing, so many layers of a chunk, everything
//
// The replicas take all GPUs, or all but a sixteenth where the degrees do not divide them; a batch
// that they do not divide is rounded up, as the last micro-batch takes as long as a full one. Left
// out of the planner's space: offloading, zero-bubble, other orders of ranks.
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
};

struct WantedBatch {
  std::int64_t sequences = 0;
  bool fixed = true;  // false: assumed, so that it is trained as it is rounded up
};

// Nothing where no such layout is legal.
std::optional<UsualLayout> usual_layout(const cost::StepModel& model, std::int64_t gpus,
                                        const WantedBatch& batch);

}  // namespace celere::study

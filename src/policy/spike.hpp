// Whether a loss is far above those before it: by the robust z-score
//
//   z = (loss - median) / (1.4826 median|loss - median|)   over the last 64 losses that were none,
//
// a spike where z > 8 and the loss is 5 % and 0.2 nats above the median (what leaps by less, of a
// model that knows its texts by heart, say, costs less than going back). A loss that falls lies
// below the median of those before, so a normal curve has its largest z at its flat end, where 8 is
// out of reach of normal noise. After 200 spikes in a row the new height is the normal one.
//
// Leaves out: losses that are no numbers (their step never counts as done), spikes of the gradient
// norm alone, and what follows of it (recovery.hpp).
#pragma once

#include <utility>
#include <vector>

#include "policy/events.hpp"

namespace celere::policy {

class SpikeDetector {
 public:
  // REQUIRES: `loss` is finite. A step that is done again replaces what was after it.
  bool is_spike(Step step, double loss);

 private:
  std::vector<std::pair<Step, double>> losses_;  // the oldest first
  int in_a_row_ = 0;
};

}  // namespace celere::policy

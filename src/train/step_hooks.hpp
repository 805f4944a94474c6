// Moments of a step at which someone may reach into it. A training that nobody reaches into has
// none of these.
#pragma once

#include "base/units.hpp"
#include "nn/parameters.hpp"

namespace celere::train {

class StepHooks {
 public:
  virtual ~StepHooks() = default;
  // Before anything of a step; `computed`: processor time that the one before took for itself.
  virtual void step_begins(Seconds computed) = 0;
  // And nothing is added yet; of a step, or of a micro-batch that a check computes twice.
  virtual void gradients_zeroed(nn::Parameters& parameters, bool in_check) = 0;
  virtual void gradients_summed(nn::Parameters& parameters) = 0;  // over all ranks
  virtual void weights_updated(nn::Parameters& parameters) = 0;
};

}  // namespace celere::train

// What fails in a large training, from a set of the catalogue (spec/failure_set.hpp) and the rate
// at which a node of a cluster fails.
//
// Causes with a weight share that rate; the others come beside it, with rates of their own. A group
// that falls at a rate r has r / group of a node; what strikes the whole training, its rate over
// the nodes. All but these, and what is announced, are of parts (scene.hpp).
#pragma once

#include <vector>

#include "base/result.hpp"
#include "life/scene.hpp"
#include "spec/failure_set.hpp"

namespace celere::life {

struct CauseTimes {
  Seconds detect;  // until the job knows
  Seconds localise;
  Seconds repair;  // of a node, the mean
};

// `rate`: of a node, of all that have a weight; `nodes`: that train. `times` are of those that say
// nothing themselves. Errors: unknown_value, naming the entry and key.
Result<std::vector<Cause>> causes_of(const spec::FailureSet& set, PerSecond rate, int nodes,
                                     const CauseTimes& times);

}  // namespace celere::life

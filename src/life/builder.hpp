// From a plan to what its life is simulated from: the best layout and smaller ones of its kind, the
// deliveries, failures, storage and prices of the cluster, what the run file says of recovery and
// of what slows it down.
//
// Every number is of the plan, the run file or the catalogue (the cluster's entry, and the set of
// failures that it names); what nobody published is an assumption there, and listed. A checkpoint
// is loaded at the storage's bandwidth by all together, each byte once, or from a neighbour's
// memory at a GPU's port. An evaluation costs a third (the forward pass) of what its micro-batches
// would in a step.
//
// Leaves out: a ramp of the batch (its steps take their mean time), layouts of another kind for
// fewer nodes (only the number of replicas changes), what a larger batch would cost there, and that
// nodes which were delivered before the start are older than it.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "life/scene.hpp"
#include "life/sensitivity.hpp"
#include "life/world.hpp"
#include "plan/planner.hpp"

namespace celere::life {

struct BuildOptions {
  // Never in a smaller layout, whatever the run file's [recovery] resize says: it begins when all
  // nodes of its layout are there, and waits where too few are left.
  bool waits_for_all = false;
};

struct Built {
  Scene scene;
  std::optional<Date> start;  // time 0, where dates are known
  int gpus_per_node = 1;
  Uncertain uncertain;
  std::vector<Knob> knobs;  // the assumptions that have an interval
  std::vector<std::string> assumptions;
};

// Errors: bad_input where no layout fits; unknown_value, naming the entry and key.
Result<Built> scene_of(const plan::Plan& plan, const BuildOptions& options = {});

}  // namespace celere::life

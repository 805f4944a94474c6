// From a plan to what its life is simulated from: the best layout and smaller ones of its kind, the
// deliveries, failures, storage and prices of the cluster.
//
// What the catalogue does not say is an assumption that is listed by name: shares of the causes
// (life/causes.hpp), repair times, what a change of the layout costs.
//
// Leaves out: a ramp of the batch (its steps take their mean time), layouts of another kind for
// fewer nodes (only the number of replicas changes), and what a larger batch would cost there.
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
  // Trains on what is there, in a layout with fewer replicas, and grows; else it waits for all.
  bool grows = true;
};

struct Built {
  Scene scene;
  std::optional<Date> start;  // time 0, where dates are known
  Uncertain uncertain;
  std::vector<Knob> knobs;  // the assumptions that have an interval
  std::vector<std::string> assumptions;
};

// Errors: bad_input where no layout fits; unknown_value, naming the entry and key.
Result<Built> scene_of(const plan::Plan& plan, const BuildOptions& options = {});

}  // namespace celere::life

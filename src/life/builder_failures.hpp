// What a cluster's entry and its set of failures say of a scene: causes, repairs, recovery's times,
// slowdowns, deliveries; and each of these numbers that has an interval, as a knob.
//
// A cluster says how long it takes to detect, to replace and to restart; the set says the rest.
// Where both could be counted, one is: a restart includes loading, so what loading takes is taken
// out of it (and comes back where it is read from the disk, not where from a neighbour's memory).
// Where lemons spend much of their time in repair, the rate of all is raised so that as many
// failures strike as the cluster counts.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "life/scene.hpp"
#include "life/sensitivity.hpp"
#include "spec/cluster.hpp"
#include "spec/recovery_plan.hpp"

namespace celere::life {

struct FailureInputs {
  spec::FailureFacts facts;  // of the cluster, with its set
  std::string cluster;       // "xai-100k-h100"
  int nodes = 0;             // of the full layout
  std::optional<spec::SpareKind> spares_are = {};
  Seconds load = {};        // a checkpoint from the storage
  bool delivered = false;   // nodes come after the start, fresh from the factory
  bool late_known = false;  // the run file says how late they may be
};

// Over what the scene has of them; what else it has stays (causes and slowdowns behind these too).
// Errors: unknown_value, naming the entry and key.
Status write_failures(Scene& scene, const FailureInputs& inputs);

// Each puts its number into the scene as write_failures wrote it.
std::vector<Knob> failure_knobs(const FailureInputs& inputs);

// What of it nobody published, a line each; but of the rate of a node, which the plan names.
std::vector<std::string> failure_assumptions(const FailureInputs& inputs);

}  // namespace celere::life

// A scenario (spec/scenario.hpp, the file of `train --faults`) in a life that is simulated: its
// faults come beside what the cluster's entry has.
//
// What comes again without limits and hits whom it likes is a cause with a rate, so that each life
// draws its own. All else (a time, a step, a named target, a window, a count) is drawn from the
// scenario's seed by spec/fault_schedule.hpp and given to every life alike, as far as four times
// the undisturbed training reaches.
//
// Times count from the first start. A step is at the time at which it would be done if nothing
// failed (steps, saves and evaluations at the full layout's pace), and so many steps last as many
// of the full layout's. A rank is the node that it stands on at the start. A killed agent takes its
// workers with it, as a killed worker does; a hang that ends by itself before it is noticed stops
// all for as long.
//
// Leaves out, and says so in the assumptions: what kills the supervisor, fills disks or damages
// checkpoints; how large a spike is.
#pragma once

#include <cstdint>

#include "base/result.hpp"
#include "life/builder.hpp"
#include "spec/scenario.hpp"

namespace celere::life {

// `seed`: where the scenario names none. Errors: bad_input, of targets that are not there, or of
// more faults at known times than can be simulated.
Status add_scenario(Built& built, const spec::Scenario& scenario, std::uint64_t seed);

}  // namespace celere::life

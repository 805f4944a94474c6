// What the life of a training is simulated from: plain numbers, none of them drawn yet.
//
// A training is so many steps on one of a few layouts, saved every so many steps; its nodes arrive
// in tranches, break by the causes that are listed, and come back from repair. Whoever fills this
// in (life/builder.hpp from a plan) names the source of each number; here they are only said.
//
// A node fails by a cause at a rate that may depend on its age a, by its cumulative hazard
//
//   H(a) = rate (early_factor min(a, early_time) + max(0, a - early_time))      weibull = 1
//   H(a) = rate span (a / span)^weibull                                         otherwise,
//
// where `span` is the age by which as many have failed as with a constant rate. A repair does not
// make a node young again (minimal repair), so all nodes of a tranche together are one Poisson
// process, and a failure costs the same to draw for one node and for a hundred thousand.
//
// What repeats for ever is no event but a rate: a flap of a link lengthens the mean step, a pause
// for evaluation is a closed form as a save is (stretch.hpp).
//
// Leaves out: spikes of the loss that heal by themselves and losses that are no number because of
// the data (both cost nothing but a note, or what a spike costs), an evaluation behind the last
// step, spares of several kinds in one training (hot, warm or cold is Times::replace), deliveries
// that slip each by itself, and the power that is saved while all stand.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"
#include "policy/events.hpp"
#include "spec/failure_set.hpp"

namespace celere::life {

using Nanoseconds = std::int64_t;
using policy::Node;
using policy::Step;

Nanoseconds nanoseconds(Seconds time);  // the nearest
Seconds seconds(Nanoseconds time);

using Effect = spec::FailureEffect;

struct Cause {
  std::string name = {};
  Effect effect = Effect::crash;
  PerSecond rate = {};  // of a node
  double weibull = 1;   // shape: below 1 the young fail more
  Seconds span = Seconds::of(365.0 * 86400);
  // Of parts that wear in, and of which some nodes have worse ones: early_factor and lemons hold
  // for it. What is planned, done on purpose, or of the whole training comes evenly.
  bool of_parts = true;
  // lost, preempt: so many neighbours fall together (a rack, a pod). As the rate is of a node, a
  // whole group falls at `group` times it.
  int group = 1;
  Seconds detect = {};  // until the job knows, once it stands
  Seconds localise = {};
  // lost, preempt, silent, and where recovery drains the node: until it is back, the mean
  Seconds repair = {};
  bool repair_varies = true;  // exponential; else always the mean
  double factor = 1;          // slow: times so long a step
  Seconds lasts = {};         // slow
  Seconds notice = {};        // preempt
};

// Of hangs, slow nodes and silent corruption: a healthy node is named instead of the sick one, and
// is blamed, replaced or drained. The sick one stays: it is slow and computes wrongly as before,
// and hangs again after `again`, the mean of an exponential.
struct Misdiagnosis {
  double share = 0;
  Seconds again = {};
};

// Steps take `factor` times as long from `at` on for `lasts`, and again each `every` (0: once): the
// heat of the day, power that is curtailed. It holds from the next step on, and a step that began
// in it ends at its pace, so power that is cut to nothing is not a large factor but `stops`: all
// stand behind the step under way until it is over. The account has both as degraded.
struct Slowdown {
  std::string name = {};
  Seconds at = {}, lasts = {}, every = {};
  double factor = 1;
  bool stops = false;
};

// All stand for so long behind each `every`-th step (0: never), behind its save if there is one,
// and not behind the last of the training. One that a failure cuts short is not made up for.
struct Pauses {
  Step every = 0;
  Seconds takes = {};
};

// Links of a node that go down and come back by themselves, which holds all up for `stall` each
// time: a step of n nodes takes 1 + n rate stall times as long (degraded).
struct Flaps {
  PerSecond rate = {};  // of a node that trains
  Seconds stall = {};
};

// A failure at a known time, beside those that are drawn.
struct Given {
  Seconds at = {};
  int cause = 0;  // of Scene::causes, whose rate may be 0
  Node node = 0;
};

// From `at` on, so many nodes in all.
struct Tranche {
  Seconds at = {};
  int nodes = 0;
};

// When it is there in a life in which deliveries after time 0 come so much later.
Nanoseconds there_at(const Tranche& tranche, Nanoseconds late);

struct Layout {
  int nodes = 0;
  int replicas = 1;
  // Each replica has nodes of its own and holds all weights and optimizer state: it can be lost
  // alone.
  bool replicas_whole = false;
  // Then so many nodes side by side are of one replica, row i of replica i mod replicas; 0: all of
  // its nodes, nodes / replicas, are.
  int row = 0;
  Seconds step = {};  // with all replicas; with fewer the same batch takes proportionally longer
};

struct Times {
  Seconds first = {};        // from the first order to start to the first step
  Seconds stop = {};         // until no worker lives
  Seconds replace = {};      // a node by another
  Seconds restart = {};      // processes and communicators
  Seconds load = {};         // of a checkpoint
  Seconds load_memory = {};  // of the copy in a neighbour's memory, where there is one and the
                             // neighbour did not fall as well
  Seconds warm_up = {};      // what the first steps take longer
  Seconds plan = {};         // until another layout is found
  Seconds change = {};       // to another layout: what that start takes longer
  Seconds regroup = {};      // the others go on without a replica, or one joins
};

struct Checkpoints {
  Step every = 0;           // steps; 0: only the last one
  Seconds blocking = {};    // of each, when nobody trains
  Seconds background = {};  // then until it is committed, while they do
  bool memory_copy = false;
};

// Of a node: what is charged from its arrival to the end.
struct Charges {
  std::optional<Watts> power = {};
  std::optional<DollarsPerSecond> price = {};  // rent, or the share of capital
  std::optional<DollarsPerJoule> energy = {};  // beside it; nothing: it is in the price
};

struct Scene {
  Step steps = 0;
  std::vector<Layout> layouts = {};    // the full one first, which is the fastest
  std::vector<Tranche> tranches = {};  // ascending; the last has all nodes, spares as well
  std::vector<Tranche> powered = {};   // nodes that can be powered; empty: all
  // Each life draws evenly between these by how much all tranches after time 0 come later than they
  // say: what makes one slip makes all slip. (Power comes as it says.)
  Seconds late_min = {}, late_max = {};
  double dead_on_arrival = 0;  // share of nodes
  Seconds dead_repair = {};    // the mean
  std::vector<Cause> causes = {};
  std::vector<Given> given = {};
  double early_factor = 1;
  Seconds early_time = {};
  double idle_rate_share = 1;  // a spare fails at this share of the rate
  double lemon_share = 0;      // of the nodes
  double lemon_failures = 0;   // their share of all failures, beside what falls to all alike
  // Failures strike places of the layout instead of nodes, so that trainings with other numbers of
  // spares are struck alike: for comparisons. Nodes are of one age then.
  bool by_slot = false;
  Step check_every = 0;  // steps between checks for silent corruption; 0: never
  Misdiagnosis misdiagnosis = {};
  std::vector<Slowdown> slowdowns = {};
  Pauses evaluation = {};
  Flaps flaps = {};
  Times times = {};
  Checkpoints checkpoints = {};
  policy::Settings recovery = {};
  Charges charges = {};
  Seconds horizon = Seconds::of(20.0 * 365 * 86400);  // who is not done by then never is

  int nodes() const { return tranches.empty() ? 0 : tranches.back().nodes; }
};

// Errors: bad_input, saying which number cannot be.
Status checked(const Scene& scene);

}  // namespace celere::life

// The search of layouts: every legal one, or all but those that a bound proves worse.
//
// Space (plan/space.hpp) is a tree: how a layer is cut (tp, sp, cp), its micro-batch and experts
// (ep, etp), then the pipeline (pp, order, schedule, vpp, partition, recomputation), then the
// replicas (batch, dp, ZeRO, offload). What depends on the upper part only is computed once there
// and shared below. A subtree is skipped where its bound is above what counts:
//
//   of a pipeline's depth    plan/scene.hpp's table, over all trainings and dp: the compute and the
//                            exposed tp and cp of all layers, in whole layers a stage, what a step
//                            waits while the pipeline fills, and the best goodput of so many nodes
//   of dp                    the same for one training and dp, then with what of its replicas'
//                            traffic is exposed (plan/traffic.hpp)
//   of a pipeline            in its own whole layers, full recomputation with a larger compute
//   of its stages            the step without what optimizer and offloading add
//   of memory                what every layout with this cut holds (cost::StepModel::memory_floor)
//
// "Above what counts" is above the tenth best family so far (plan/found.hpp). So the ten best and
// the Pareto front between them are those of the exhaustive search. A coarse search of a few usual
// choices goes first, so that the bounds bite from the start. Cuts are handled in rounds of a fixed
// size, each against the best of the rounds before: neither the answer nor the counts depend on the
// number of threads.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/thread_pool.hpp"
#include "plan/objective.hpp"
#include "plan/space.hpp"

namespace celere::plan {

struct SearchOptions {
  bool exhaustive = false;
  int best = 10;                // families, and how far the front reaches
  bool count_distinct = false;  // points whose time or memory is their own
  // Told from any thread which share of the cuts is done; the answer does not depend on it.
  std::function<void(double)> progress = {};
};

// What was not evaluated, or evaluated and refused, and why.
struct Pruned {
  std::string group;  // "tp = 2", or empty: all
  std::string reason;
  std::int64_t count = 0;
  std::string unit;     // what is counted: "groups" of layouts, or "layouts"
  double bound = 0;     // the least objective that any of them could have; 0: not of that kind
  Bytes need;           // the least memory of those that do not fit; 0: not of that kind
  std::string example;  // where a rule is broken, with the amounts of one layout that breaks it
};

// Why there is no answer.
struct Infeasible {
  std::string limit;
  std::string need;
  std::string have;
};

struct Answer {
  std::int64_t searched = 0;        // full evaluations: memory and time
  std::int64_t distinct = 0;        // with count_distinct
  std::uint64_t hash = 0;           // over time and memory of all that was evaluated, in any order
  std::vector<Outcome> best;        // ascending objective
  std::vector<Outcome> pareto;      // ascending objective, descending memory
  std::vector<Outcome> best_by_tp;  // the best that was evaluated for each tp
  std::vector<Pruned> pruned;
  std::optional<Infeasible> infeasible;
  std::vector<std::string> blocking;  // where nothing was evaluated: what stood in the way
  std::optional<Outcome> nearest;     // where nothing fits: the layout that needs least memory
};

// The space to search, and a coarse part of it (plan/space.hpp) for the first bounds.
struct Spaces {
  const Space& full;
  const Space& coarse;
};

Answer search(const cost::StepModel& model, const Objective& objective, const Spaces& spaces,
              const SearchOptions& options, ThreadPool& threads);

}  // namespace celere::plan

// The best interval between checkpoints and the best number of spares, with the curve around each:
// the same training, lived again with other values.
//
// The values go by factors of sqrt 2 around the scene's own, and on from there while the best is at
// an end; spares no further than four times those of the scene or a twentieth of its nodes. Life i
// is struck by the same failures at every value, as far as they can be the same, so two values are
// held against each other life by life: their difference is known far better than either mean.
//
// Leaves out: both together (the interval is searched with the spares as they are, and the other
// way round), whether the cluster has more spares, and what spares cost beside their share of time:
// dollars are in each point. A life counts as not done that takes three times as long as the
// slowest that is done with the scene's own values.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/thread_pool.hpp"
#include "life/monte_carlo.hpp"
#include "life/scene.hpp"

namespace celere::life {

// What the lives say at one value.
struct Point {
  double value = 0;
  Seconds time_p50 = {}, time_mean = {}, time_mean_error = {};  // of those that were done
  double ettr = 0;                                              // the mean
  std::optional<Dollars> dollars_mean = {};                     // where they are known
  int done = 0;                                                 // of the lives
};

struct Curve {
  std::vector<Point> points = {};  // by value
  std::size_t present = 0;         // that of the scene
  // The least mean time, where a life that is not done counts for three times the slowest; of those
  // whose difference to it is within one standard error, the least value of spares and the greatest
  // of intervals.
  std::size_t best = 0;
};

struct Tuning {
  Curve interval;  // seconds between checkpoints, at the full layout's pace
  Curve spares;    // nodes
};

// The scene with so many nodes beside its full layout: the newest are left out, or more come with
// the last tranche. Failures that are given of nodes which are left out go as well.
Scene with_spares(Scene scene, int spares);

// `progress` is told the share that is done: in jumps, for how far a search goes is not known
// before. REQUIRES: checked(scene); replicas >= 1.
Tuning tuned(const Scene& scene, std::uint64_t seed, int replicas, ThreadPool& threads,
             const std::function<void(double)>& progress = {});

}  // namespace celere::life

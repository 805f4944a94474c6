// The best interval between checkpoints and the best number of spares, with the curve around each:
// the same training, lived again with other values.
//
// Leaves out: both together (the interval is searched with the spares as they are, and the other
// way round), and what spares cost beside their share of time: dollars are in each point.
#pragma once

#include <cstdint>
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
  Seconds time_p50 = {}, time_mean = {}, time_mean_error = {};
  double ettr = 0;                           // the mean
  std::optional<Dollars> dollars_mean = {};  // where they are known
  int done = 0;                              // of the lives
};

struct Curve {
  std::vector<Point> points = {};  // by value
  std::size_t present = 0;         // that of the scene
  std::size_t best = 0;  // the least mean time; of those within one standard error of it, the
                         // least value of spares and the greatest of intervals
};

struct Tuning {
  Curve interval;  // seconds between checkpoints
  Curve spares;    // nodes
};

// REQUIRES: checked(scene); replicas >= 1.
Tuning tuned(const Scene& scene, std::uint64_t seed, int replicas, ThreadPool& threads);

}  // namespace celere::life

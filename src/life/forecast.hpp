// The forecast of a whole training: many lives, each in a world of its own (world.hpp), and what
// they say of the day it ends, of where the time goes, and of what would change that.
//
// Life i of a seed is drawn from streams (seed, i), whatever else is asked, on any number of
// threads. What is compared with something else (other intervals between checkpoints, other numbers
// of spares, an assumption at its other end) lives through the same failures as far as they can be
// the same.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/date.hpp"
#include "base/thread_pool.hpp"
#include "life/builder.hpp"
#include "life/monte_carlo.hpp"
#include "life/sensitivity.hpp"
#include "life/tuning.hpp"
#include "life/world.hpp"

namespace celere::life {

struct ForecastOptions {
  std::uint64_t seed = 1;
  int replicas = 200;
  bool certain = false;  // step times, tokens and failure rates are as predicted
  int told = 0;          // of which life the story is told
  bool tune = true;      // look for the best interval of checkpoints and number of spares
  bool shift = true;     // look which assumption moves the end most
};

// One life as the distribution has it.
struct End {
  Seconds time = {};  // from time 0; of one that was not done: until it gave up
  bool done = false;
  std::string why_not = {};  // it gave up
  double ettr = 0;
  std::optional<Dollars> dollars = {};
  std::optional<Joules> energy = {};
  // When each of `milestones` equal shares of its steps was first done; as far as it came.
  std::vector<Nanoseconds> reached = {};

  // When so many times its steps are done and saved: between milestones evenly, beyond the last at
  // the pace of its last eighth. REQUIRES: done, share > 0.
  Seconds time_of(double share) const;
};

struct Forecast {
  Built built;
  ForecastOptions options;
  std::vector<End> ends = {};  // of life 0, 1, ...
  Summary summary = {};
  Life told = {};
  World told_world = {};
  std::optional<Tuning> tuning = {};
  std::vector<Shift> shifts = {};  // the largest first

  // The day of a time since 0, where dates are known.
  std::optional<Date> day(Seconds time) const;
};

// `progress` is told the share that is done, by any thread. REQUIRES: options.replicas >= 1, 0 <=
// options.told < options.replicas.
Forecast forecast_of(Built built, const ForecastOptions& options, ThreadPool& threads,
                     const std::function<void(double)>& progress = {});

}  // namespace celere::life

// Many lives of one training: what is likely, and what it is lost to.
//
// Life i draws from streams (seed, i), so the answer is the same for any number of threads, bit for
// bit. Quantiles are those of the lives in order, linearly between them [Hyndman and Fan 1996, type
// 7].
#pragma once

#include <cstdint>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "base/thread_pool.hpp"
#include "life/replica.hpp"

namespace celere::life {

struct MonteCarlo {
  std::uint64_t seed = 0;
  int replicas = 200;
  LifeOptions options = {};  // a story is kept for each: ask for few lives then
};

// REQUIRES: checked(scene).
std::vector<Life> live_many(const Scene& scene, const MonteCarlo& options, ThreadPool& threads);

struct Quantiles {
  double p5 = 0, p50 = 0, p95 = 0, mean = 0;
  double mean_error = 0;  // one standard error of the mean
};
// REQUIRES: there is one.
Quantiles quantiles_of(std::vector<double> values);

struct CauseMean {
  std::string name = {};
  double hits = 0;    // a life
  Seconds lost = {};  // a life
};

// Means and quantiles over lives. Of times and money only lives that were done count; where none
// was, they are 0.
struct Summary {
  int lives = 0;
  int done = 0;
  Quantiles time = {};  // seconds
  Quantiles ettr = {};
  Quantiles dollars = {};  // where they are known
  Quantiles joules = {};
  std::array<Seconds, part_count> account{};
  std::vector<CauseMean> causes = {};  // by hours lost, the most first; ties by name

  Seconds whole() const {  // of the account
    return std::accumulate(account.begin(), account.end(), Seconds{});
  }
};
Summary summary_of(const Scene& scene, std::span<const Life> lives);

}  // namespace celere::life

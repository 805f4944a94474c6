// Robust, shrunk least squares: the unknowns whose predictions are nearest to what was measured and
// that stay near what is known of them beforehand.
//
//   minimize  sum_i w_i rho((r_i(x) - o_g(i)) / s)  +  sum_j ((x_j - prior_j) / sd_j)^2
//             + sum_g (o_g / sd_o)^2
//   rho(z) = 2 (sqrt(1 + z^2) - 1)                   (pseudo-Huber [Charbonnier et al. 1997]:
//                                                     squares near 0, absolute values far out)
//
// r_i is the signed error of observation i, s its usual size, w_i its weight. o_g is an offset that
// all observations of a group g share: what cannot be seen of them, and what no prediction is told.
// Solved by Gauss-Newton with Levenberg's damping; the Jacobian by forward differences. The same
// answer each time and on any number of threads.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "base/thread_pool.hpp"

namespace celere::study {

struct Unknown {
  std::string name;
  double prior = 0;
  double sd = 1;  // how far from its prior it is believed to be
};

struct LeastSquares {
  std::vector<Unknown> unknowns;
  std::vector<double> weights;      // one for each observation
  std::vector<std::size_t> groups;  // its group: 0, 1, ...
  double error_size = 0.06;         // s
  double offset_sd = 0.07;          // sd_o
  // The signed error of one observation. Called from several threads.
  std::function<double(std::size_t observation, const std::vector<double>& x)> error;
  // Whether the error of an observation can depend on an unknown: others are not asked.
  std::function<bool(std::size_t observation, std::size_t unknown)> reads;
};

struct Fitted {
  std::vector<double> x;
  std::vector<double> offsets;  // of the groups
  double objective = 0;
  int iterations = 0;
};

// From `start` on (the priors are a good one), at most so many iterations. REQUIRES: sizes agree,
// sd > 0.
Fitted fit(const LeastSquares& problem, std::vector<double> start, int iterations,
           ThreadPool& threads);

}  // namespace celere::study

#include "study/least_squares.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace celere::study {
namespace {

LeastSquares of_one_unknown(std::vector<double> targets, double prior, double sd) {
  LeastSquares problem;
  problem.unknowns = {{.name = "x", .prior = prior, .sd = sd}};
  problem.weights.assign(targets.size(), 1.0);
  for (std::size_t i = 0; i < targets.size(); ++i) problem.groups.push_back(i);
  problem.error_size = 1;
  problem.offset_sd = 1e-9;  // no offsets
  problem.error = [targets](std::size_t i, const std::vector<double>& x) {
    return x[0] - targets[i];
  };
  problem.reads = [](std::size_t, std::size_t) { return true; };
  return problem;
}

// Near the minimum rho(z) is z^2: one observation at 0.01 with error size 1 and a prior of 0 with
// sd 1 weigh the same, so the answer is half way, 0.005 (to the cube of 0.005 in rho's tail).
TEST(LeastSquares, a_prior_weighs_as_an_observation_of_its_width) {
  ThreadPool threads(1);
  const Fitted fitted = fit(of_one_unknown({0.01}, 0, 1), {0}, 20, threads);
  EXPECT_NEAR(fitted.x[0], 0.005, 1e-6);
}

// Far out rho is 2 |z|: of the observations 0, 0, 0, 0 and 1000 the last pulls with at most 2 where
// each of the others pulls back with 2 z / sqrt(1 + z^2) / 2. At the balance 4 z / sqrt(1 + z^2) =
// 1, so z = 1 / sqrt(15) = 0.2582, where least squares would say 200.
TEST(LeastSquares, an_outlier_pulls_no_harder_than_a_near_miss) {
  ThreadPool threads(1);
  const Fitted fitted = fit(of_one_unknown({0, 0, 0, 0, 1000}, 0, 1e6), {0}, 200, threads);
  EXPECT_NEAR(fitted.x[0], 1 / std::sqrt(15.0), 1e-4);
}

// y = a e^(b t) from t = 0, 1, 2 and no noise: the unknowns come back.
TEST(LeastSquares, finds_the_unknowns_of_a_curve) {
  LeastSquares problem = of_one_unknown({0, 0, 0}, 0, 1e3);
  problem.unknowns.push_back({.name = "b", .prior = 0, .sd = 1e3});
  problem.error = [](std::size_t i, const std::vector<double>& x) {
    const double t = static_cast<double>(i);
    return x[0] * std::exp(x[1] * t) - 2 * std::exp(0.5 * t);
  };
  ThreadPool threads(2);
  const Fitted fitted = fit(problem, {1, 0}, 100, threads);
  EXPECT_NEAR(fitted.x[0], 2, 1e-4);
  EXPECT_NEAR(fitted.x[1], 0.5, 1e-4);
}

// Ten observations of one group are off by 0.01 each. The offset that they share and the unknown
// explain it alike; with sd 1 for the offset and 0.1 for the unknown, the offset takes 100 of 101
// parts of what is explained.
TEST(LeastSquares, what_a_group_shares_is_its_offset) {
  LeastSquares problem = of_one_unknown(std::vector<double>(10, -0.01), 0, 0.1);
  problem.groups.assign(10, 0);
  problem.offset_sd = 1;
  ThreadPool threads(1);
  const Fitted fitted = fit(problem, {0}, 50, threads);
  EXPECT_NEAR(fitted.offsets[0] / (fitted.offsets[0] - fitted.x[0]), 100.0 / 101, 1e-3);
}

// An unknown that nothing reads stays where it was believed to be.
TEST(LeastSquares, what_nothing_reads_stays_at_its_prior) {
  LeastSquares problem = of_one_unknown({1}, 0, 1);
  problem.unknowns.push_back({.name = "unread", .prior = 3, .sd = 1});
  problem.reads = [](std::size_t, std::size_t unknown) { return unknown == 0; };
  ThreadPool threads(1);
  EXPECT_DOUBLE_EQ(fit(problem, {0, 3}, 20, threads).x[1], 3);
}

}  // namespace
}  // namespace celere::study

#include "cost/goodput.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "cost/batch.hpp"
#include "cost/money.hpp"

namespace celere::cost {
namespace {

FailureModel model(double between_s, double restart_s, double blocking_s) {
  return {.rate = 1.0 / Seconds::of(between_s),
          .restart = Seconds::of(restart_s),
          .blocking = Seconds::of(blocking_s),
          .least_interval = {}};
}

// M = 10,000 s, R = 600 s, w = 5 s, t = 300 s: 0.03 / (e^0.06 (e^0.0305 - 1)) = 0.03 / (1.0618365 *
// 0.0309699) = 0.91227.
TEST(Goodput, matches_daly_by_hand) {
  EXPECT_NEAR(useful_share(model(10000, 600, 5), 300_s), 0.91227, 1e-5);
}

// Young's first order: t = sqrt(2 w M) = sqrt(2 * 5 * 1e6) = 3,162 s for rare failures, less a
// third of w and change.
TEST(Goodput, the_best_interval_is_youngs_where_failures_are_rare) {
  EXPECT_NEAR(best_interval(model(1e6, 600, 5)) / 1_s, 3162, 5);
}

// No interval around it is better, from failures each minute to none in years.
TEST(Goodput, the_best_interval_is_a_maximum) {
  for (const double between : {60.0, 600.0, 1e4, 1e6, 1e9}) {
    const FailureModel m = model(between, 300, 10);
    const Seconds best = best_interval(m);
    for (const double factor : {0.5, 0.9, 0.99, 1.01, 1.1, 2.0}) {
      EXPECT_GE(useful_share(m, best), useful_share(m, factor * best))
          << between << " x " << factor;
    }
    EXPECT_GT(useful_share(m, best), 0);
  }
}

TEST(Goodput, storage_bounds_the_interval) {
  FailureModel m = model(1e4, 300, 0.5);
  m.least_interval = 500_s;
  EXPECT_EQ(best_interval(m), 500_s);
}

TEST(Goodput, without_failures_all_work_is_useful) {
  const FailureModel never{.rate = {}, .restart = 600_s, .blocking = 5_s, .least_interval = {}};
  EXPECT_TRUE(std::isinf(best_interval(never) / 1_s));
  EXPECT_EQ(useful_share(never, best_interval(never)), 1);
}

// M = 1,000 s, a pause of 100 s, 500 s to replace one of 10 replicas: 1/1.1 * (1 - 0.05) * 990/1000
// = 0.855.
TEST(Goodput, a_lost_replica_costs_its_share) {
  const ReplicaLoss loss{.pause = 100_s, .replace = 500_s, .replicas = 10};
  EXPECT_NEAR(useful_share_without_replica(model(1000, 600, 10), 990_s, loss), 0.855, 1e-12);
}

// 0.2 B / B* more: 20 % at the critical batch, 5 % at a quarter of it.
TEST(Batch, tokens_grow_with_the_batch) {
  const Tokens small = Tokens::of(1e12), critical = Tokens::of(4e6);
  EXPECT_DOUBLE_EQ(tokens_at_batch(small, critical, critical).in_base(), 1.2e12);
  EXPECT_DOUBLE_EQ(tokens_at_batch(small, Tokens::of(1e6), critical).in_base(), 1.05e12);
  EXPECT_DOUBLE_EQ(tokens_at_batch(small, critical, std::nullopt).in_base(), 1e12);
}

// 2^k {4, 5, 6, 7} / 4 from 6 to 20, and the ends.
TEST(Batch, searched_batches_are_dense_and_round) {
  const std::vector<std::int64_t> expected = {6, 7, 8, 10, 12, 14, 16, 20};
  EXPECT_EQ(searched_batches(6, 20), expected);
  EXPECT_EQ(searched_batches(11, 11), std::vector<std::int64_t>{11});
}

// Llama 3 405B's own ramp: 4 M tokens for 252 M, 8 M until 2.87 T, 16 M until 15.6 T, of 1 Mi-token
// sequences here.
TEST(Batch, a_ramp_counts_the_steps_of_its_phases) {
  const std::vector<spec::BatchPhase> phases = {
      {Tokens::of(0), 4}, {Tokens::of(252e6), 8}, {Tokens::of(2.87e12), 16}};
  const std::vector<BatchSteps> steps =
      ramp_steps(phases, 1'000'000, Tokens::of(15.6e12), std::nullopt);
  ASSERT_EQ(steps.size(), 3u);
  EXPECT_DOUBLE_EQ(steps[0].steps, 63);
  EXPECT_DOUBLE_EQ(steps[1].steps, (2.87e12 - 252e6) / 8e6);
  EXPECT_DOUBLE_EQ(steps[2].steps, (15.6e12 - 2.87e12) / 16e6);
}

template <typename T>
spec::Fact<T> known(T value) {
  spec::Fact<T> fact;
  fact.value = value;
  return fact;
}

// 1,000 GPUs for 10 hours at 2.5 $/h: 25,000 $.
TEST(Money, rent_is_by_the_hour) {
  spec::Cluster cluster;
  cluster.rent.emplace().per_gpu = known(DollarsPerSecond::of(2.5 / 3600));
  EXPECT_NEAR(dollars_of(cluster, 1000, 10_h)->in_base(), 25000, 1e-6);
}

// 1,001 ranks on nodes of 8 are 126 nodes, of each 0.01 failures a day: 1.26 a day, three times as
// many in the first 20 of 100 days: 1.26 * (0.2 * 3 + 0.8) = 1.764 a day. 500 GB at 100 GB/s take
// 5 s.
TEST(Failures, of_a_cluster_are_those_of_its_nodes_and_their_youth) {
  spec::Cluster cluster;
  cluster.gpus_per_node = 8;
  spec::FailureFacts& facts = cluster.failures;
  facts.per_node = known(0.01 / 1_days);
  facts.early_factor = known(3.0);
  facts.early_time = known(20 * 1_days);
  facts.detect = known(30_s);
  facts.replace = known(60_s);
  facts.restart = known(90_s);
  cluster.storage.blocking = known(2_s);
  EXPECT_EQ(failures_of(cluster, 1001, 100 * 1_days, 500_GB).error().code,
            ErrorCode::unknown_value);
  cluster.storage.write = known(100_GBps);
  const FailureModel failures = *failures_of(cluster, 1001, 100 * 1_days, 500_GB);
  EXPECT_NEAR(failures.rate * 1_days, 1.764, 1e-12);
  EXPECT_EQ(failures.restart, 180_s);
  EXPECT_EQ(failures.blocking, 2_s);
  EXPECT_EQ(failures.least_interval, 5_s);
  facts.early_time = {};
  EXPECT_NEAR(failures_of(cluster, 1001, 100 * 1_days, 500_GB)->rate * 1_days, 1.26, 1e-12);
}

// 100 GPUs of 50,000 $ that live 4 years, for one: 1.25 M$; 1 kW each for a year at 0.1 $/kWh: 100
// * 8,766 h * 0.1 = 87,660 $.
TEST(Money, a_machine_costs_its_share_of_life_and_its_energy) {
  spec::Cluster cluster;
  cluster.power_per_gpu = known(Watts::of(1000));
  const double year = 365.25 * 86400;
  spec::Build& build = cluster.build.emplace();
  build.capital_per_gpu = known(Dollars::of(50000));
  build.life = known(Seconds::of(4 * year));
  build.energy = known(DollarsPerJoule::of(0.1 / 3.6e6));
  EXPECT_NEAR(dollars_of(cluster, 100, Seconds::of(year))->in_base(), 1.25e6 + 87660, 1);
}

TEST(Money, an_unknown_price_says_where_it_would_stand) {
  spec::Cluster cluster;
  cluster.name = "here";
  EXPECT_EQ(dollars_of(cluster, 1, 1_s).error().message,
            "clusters/here.toml says neither rent nor build, so its price is unknown");
  EXPECT_EQ(dollars_of(cluster, 1, 1_s).error().code, ErrorCode::unknown_value);
}

}  // namespace
}  // namespace celere::cost

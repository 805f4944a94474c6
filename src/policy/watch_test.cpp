// Detectors on made-up numbers with known truth: seeded noise in which nothing is wrong, and the
// same with something wrong from a known step on.
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <optional>

#include "base/prng.hpp"
#include "policy/deadline.hpp"
#include "policy/fence.hpp"
#include "policy/spike.hpp"
#include "policy/straggler.hpp"

namespace celere::policy {
namespace {

double normal(Prng& prng) {  // Box and Muller 1958
  const double radius = std::sqrt(-2 * std::log(1 - prng.uniform()));
  return radius * std::cos(2 * std::numbers::pi * prng.uniform());
}

// ---- stragglers ----

struct Noise {
  double each = 0.05;         // log-normal, of each rank and step
  double spike_share = 0.01;  // of a rank's steps take three times as long
  double drift = 0.3;         // common to all: a slow wave, and a random part of each step
};

// Steps of `ranks` in groups of `group` ranks; groups do different work. `slow` is slower by
// `factor` from step `from` on.
class Ranks {
 public:
  Ranks(std::uint64_t seed, int ranks, int group, Noise noise = {})
      : prng_(seed, 0), noise_(noise), times_(static_cast<std::size_t>(ranks)), group_(group) {}

  std::vector<int> groups() const {
    std::vector<int> out;
    for (int rank = 0; rank < std::ssize(times_); ++rank) out.push_back(rank / group_);
    return out;
  }
  const std::vector<Seconds>& step(int step, Rank slow = -1, double factor = 1) {
    const double all =
        std::exp(noise_.drift * std::sin(step / 50.0) + noise_.drift / 3 * normal(prng_));
    for (int rank = 0; rank < std::ssize(times_); ++rank) {
      double time = 0.2 * (1 + rank / group_) * all * std::exp(noise_.each * normal(prng_));
      if (prng_.uniform() < noise_.spike_share) time *= 3;
      if (rank == slow) time *= factor;
      times_[static_cast<std::size_t>(rank)] = Seconds::of(time);
    }
    return times_;
  }

 private:
  Prng prng_;
  Noise noise_;
  std::vector<Seconds> times_;
  int group_;
};

int false_alarms(std::uint64_t seed, int ranks, int group, Noise noise = {}) {
  Ranks healthy(seed, ranks, group, noise);
  StragglerDetector detector(healthy.groups());
  int alarms = 0;
  for (int step = 0; step < 1000; ++step)
    alarms += detector.step(healthy.step(step)).empty() ? 0 : 1;
  return alarms;
}

// Steps after its onset at which the slow rank, and it alone, is named; nothing: later than 60.
std::optional<int> named_after(std::uint64_t seed, int ranks, int group, double factor) {
  Ranks world(seed, ranks, group);
  StragglerDetector detector(world.groups());
  const Rank slow = static_cast<Rank>(seed % static_cast<std::uint64_t>(ranks));
  for (int step = 0; step < 160; ++step) {
    const auto found = detector.step(world.step(step, step < 100 ? -1 : slow, factor));
    if (found.empty()) continue;
    EXPECT_GE(step, 100) << "seed " << seed;
    EXPECT_EQ(found.size(), 1) << "seed " << seed;
    EXPECT_EQ(found[0].rank, slow) << "seed " << seed;
    EXPECT_NEAR(found[0].factor, factor, 0.12) << "seed " << seed;
    return step - 100 + 1;
  }
  return std::nullopt;
}

TEST(Straggler, no_alarm_in_a_thousand_healthy_steps) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    EXPECT_EQ(false_alarms(seed, 2, 2), 0) << "seed " << seed;
    EXPECT_EQ(false_alarms(seed, 3, 3), 0) << "seed " << seed;
    EXPECT_EQ(false_alarms(seed, 8, 4), 0) << "seed " << seed;
  }
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    EXPECT_EQ(false_alarms(seed, 64, 16), 0) << "seed " << seed;
  }
  EXPECT_EQ(false_alarms(1, 2048, 512), 0);
}

// More noise than the detector can see 15 % through: it says nothing rather than something wrong.
TEST(Straggler, no_alarm_at_four_times_the_noise) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    EXPECT_EQ(false_alarms(seed, 2, 2, {.each = 0.2}), 0) << "seed " << seed;
    EXPECT_EQ(false_alarms(seed, 8, 4, {.each = 0.2}), 0) << "seed " << seed;
  }
}

// Of two ranks, noise of 5 % each is 7 % in what they differ by: the mean of 20 steps is within
// 0.016, and the bound near 0.093 lies 3 of these below log(1.15) = 0.140. So 1 in 100 may take
// longer there, and no more.
TEST(Straggler, names_a_rank_that_is_15_percent_slow_within_20_steps) {
  int late = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    for (const auto& [ranks, group] : {std::pair{2, 2}, {3, 3}, {8, 4}, {64, 16}}) {
      const auto after = named_after(seed, ranks, group, 1.15);
      ASSERT_TRUE(after) << "seed " << seed << ", " << ranks << " ranks";
      if (ranks == 2) {
        late += *after > 20 ? 1 : 0;
      } else {
        EXPECT_LE(*after, 20) << "seed " << seed << ", " << ranks << " ranks";
      }
    }
  }
  EXPECT_LE(late, 2);
  const auto after = named_after(7, 2048, 512, 1.15);
  ASSERT_TRUE(after);
  EXPECT_LE(*after, 20);
}

// What slows all ranks of a group alike cannot be seen, nor what has nobody to compare with.
TEST(Straggler, says_nothing_of_a_rank_alone_in_its_group) {
  EXPECT_EQ(named_after(1, 4, 1, 3), std::nullopt);
}

// 1.05 is below 1.1^0.8 = 1.079; at 5 % noise the mean of 20 steps is within 0.012 of it, so the
// bound is two of these away, and k times 0.012 more.
TEST(Straggler, says_nothing_of_less_than_the_factor_that_matters) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const auto after = named_after(seed, 64, 64, 1.05);
    EXPECT_EQ(after, std::nullopt) << "seed " << seed;
  }
}

TEST(Straggler, a_time_that_is_not_known_is_left_out) {
  StragglerDetector detector({0, 0, 0});
  const std::vector<Seconds> times = {1_s, Seconds(), 2_s};
  std::vector<StragglerDetector::Slow> found;
  // Three steps of warm-up and twelve that count.
  for (int step = 0; step < 15; ++step) found = detector.step(times);
  ASSERT_EQ(found.size(), 1);
  EXPECT_EQ(found[0].rank, 2);
  EXPECT_NEAR(found[0].factor, 2, 1e-9);
}

// ---- deadlines ----

TEST(Deadline, is_long_until_three_steps_are_done) {
  Deadline deadline({.floor = 10_s, .first = 600_s});
  EXPECT_EQ(deadline.allowed(), 600_s);
  deadline.done(40_s);  // kernels are chosen, memory is taken
  deadline.done(5_s);
  EXPECT_EQ(deadline.allowed(), 600_s);
  deadline.done(5_s);
  EXPECT_EQ(deadline.allowed(), 80_s);  // twice the longest of 40, 5, 5
}

TEST(Deadline, follows_the_steps_and_keeps_its_floor) {
  Deadline deadline({.floor = 10_s, .first = 600_s});
  for (int step = 0; step < 300; ++step) deadline.done(Seconds::of(0.1));
  EXPECT_EQ(deadline.allowed(), 10_s);
  // 129 of the last 256 took 6 s: the median is 6, four times that is more than twice the longest.
  for (int step = 0; step < 129; ++step) deadline.done(6_s);
  EXPECT_EQ(deadline.allowed(), 24_s);
}

// A validation of 30 s every hundredth step is no hang: the next one has 60 s.
TEST(Deadline, remembers_what_comes_seldom) {
  Deadline deadline({.floor = 1_s, .first = 600_s});
  for (int step = 1; step <= 1000; ++step) {
    const Seconds took = step % 100 == 0 ? 30_s : 1_s;
    if (step > 100) {
      EXPECT_LT(took, deadline.allowed()) << step;
    }
    deadline.done(took);
  }
  for (int step = 0; step < 256; ++step) deadline.done(1_s);
  EXPECT_EQ(deadline.allowed(), 4_s);
}

// ---- spikes ----

double loss_at(Step step, double noise, Prng& prng) {
  return 2 + 8 * std::pow(static_cast<double>(step), -0.3) + noise * normal(prng);
}

TEST(Spike, no_alarm_on_a_falling_noisy_curve) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    for (const double noise : {0.0, 0.01, 0.05, 0.2}) {
      Prng prng(seed, 0);
      SpikeDetector detector;
      for (Step step = 1; step <= 2000; ++step) {
        EXPECT_FALSE(detector.is_spike(step, loss_at(step, noise, prng)))
            << "seed " << seed << " step " << step << " noise " << noise;
      }
    }
  }
}

// From step 500 on the loss is 1 higher (20 times the noise of 0.05) for 30 steps, and back.
TEST(Spike, sees_all_of_one_and_its_end) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Prng prng(seed, 0);
    SpikeDetector detector;
    for (Step step = 1; step <= 700; ++step) {
      const bool high = step >= 500 && step < 530;
      EXPECT_EQ(detector.is_spike(step, loss_at(step, 0.05, prng) + (high ? 1 : 0)), high)
          << "seed " << seed << " step " << step;
    }
  }
}

TEST(Spike, takes_a_height_that_stays_for_the_new_normal) {
  Prng prng(1, 0);
  SpikeDetector detector;
  int alarms = 0;
  for (Step step = 1; step <= 1000; ++step) {
    alarms += detector.is_spike(step, 2 + (step > 500 ? 3 : 0) + 0.05 * normal(prng)) ? 1 : 0;
  }
  EXPECT_EQ(alarms, 200);
}

// The steps 101 to 200 are done twice, the first time higher by 0.5, which is forgotten.
TEST(Spike, a_step_done_again_replaces_what_was_after_it) {
  SpikeDetector once, twice;
  Prng prng(3, 0);
  std::vector<double> losses(401);
  for (Step step = 1; step <= 400; ++step) {
    losses[static_cast<std::size_t>(step)] = loss_at(step, 0.05, prng);
  }
  for (Step step = 1; step <= 200; ++step) {
    twice.is_spike(step, losses[static_cast<std::size_t>(step)] + (step > 100 ? 0.5 : 0));
  }
  for (Step step = 1; step <= 400; ++step) {
    const double loss = losses[static_cast<std::size_t>(step)] + (step == 300 ? 0.6 : 0);
    const bool seen = once.is_spike(step, loss);
    if (step > 100) {
      EXPECT_EQ(twice.is_spike(step, loss), seen) << step;
    }
  }
}

// ---- fences ----

// An agent hears of epoch 1, then 2; the supervisor of epoch 1 comes back from its sleep.
TEST(Fence, refuses_who_was_replaced) {
  Fence fence;
  EXPECT_TRUE(fence.admits(1));
  EXPECT_TRUE(fence.admits(1));
  EXPECT_TRUE(fence.admits(2));
  EXPECT_FALSE(fence.admits(1));
  EXPECT_TRUE(fence.admits(2));
  EXPECT_EQ(fence.highest(), 2U);
  EXPECT_FALSE(Fence(3).admits(2));
}

}  // namespace
}  // namespace celere::policy

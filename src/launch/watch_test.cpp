#include "launch/watch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <limits>

#include "base/prng.hpp"

namespace celere::launch {
namespace {

using testing::IsEmpty;

Instant at(double time_s) { return Instant{} + Seconds::of(time_s); }

layout::Layout replicas(int count) {
  layout::Layout out;
  out.dp = count;
  return out;
}

wire::StepMetrics step_of(std::int64_t step, double loss = 2) {
  wire::StepMetrics out;
  out.step = step;
  out.loss = loss;
  return out;
}

wire::AgentBeat phase_of(std::int64_t rank, const std::string& phase) {
  wire::RankBeat one;
  one.rank = rank;
  one.phase = phase;
  return {.generation = 1, .ranks = {one}};
}

// Ten minutes are for loading and for what the first steps alone do, whatever the run file says of
// later ones; each phase that begins shows that something moves.
TEST(Watch, the_first_step_may_take_ten_minutes) {
  Watch watch({.step_deadline = Seconds::of(2)});
  watch.begin(replicas(2), at(0));
  EXPECT_FALSE(watch.overdue(at(599)));
  EXPECT_TRUE(watch.overdue(at(601)));
  watch.beat(phase_of(0, "loading"), at(500));
  EXPECT_FALSE(watch.overdue(at(1099)));
  watch.beat(phase_of(0, "loading"), at(1000));  // the same
  EXPECT_TRUE(watch.overdue(at(1101)));
}

TEST(Watch, then_what_the_run_file_says_counts_from_the_last_step) {
  Watch watch({.step_deadline = Seconds::of(2)});
  watch.begin(replicas(2), at(0));
  watch.stepped(step_of(1), at(100));
  EXPECT_FALSE(watch.overdue(at(101.9)));
  EXPECT_TRUE(watch.overdue(at(102.1)));
  EXPECT_NEAR(watch.waited(at(102.1)).in_base(), 2.1, 1e-6);
  watch.rest(at(102.1));
  EXPECT_FALSE(watch.overdue(at(104)));
  watch.begin(replicas(2), at(110));  // the next generation has its first step again
  EXPECT_FALSE(watch.overdue(at(700)));
}

// A save takes its own time: its beginning counts, and that it ends. That a rank computes, or
// computes again, is no news: others wait for it.
TEST(Watch, a_save_that_begins_is_a_sign_and_computing_is_none) {
  Watch watch({.step_deadline = Seconds::of(2)});
  watch.begin(replicas(2), at(0));
  watch.beat(phase_of(1, "computing"), at(99));
  watch.stepped(step_of(1), at(100));
  watch.beat(phase_of(1, "saving"), at(101));
  EXPECT_FALSE(watch.overdue(at(102.9)));
  watch.beat(phase_of(1, "computing"), at(102));
  EXPECT_TRUE(watch.overdue(at(103.1)));
  watch.beat(phase_of(7, "saving"), at(103));  // of no rank of ours
  EXPECT_TRUE(watch.overdue(at(103.1)));
}

// Without a deadline in the run file: max(10 s, 4 medians, 2 times the longest) of the steps
// before, which all took 5 s: 20 s.
TEST(Watch, else_the_deadline_is_of_the_steps_before) {
  Watch watch({});
  watch.begin(replicas(2), at(0));
  for (int i = 1; i <= 10; ++i) watch.stepped(step_of(i), at(5 * i));
  EXPECT_FALSE(watch.overdue(at(50 + 19)));
  EXPECT_TRUE(watch.overdue(at(50 + 21)));
}

// Eight replicas at some 1.6 % noise; each tells its steps in beats of its own, late and several at
// once.
class Ranks {
 public:
  // Of so many steps with rank 5 slower by a factor: the steps at which who was named.
  std::vector<Watch::Straggler> train(Watch& watch, int steps, double slow) {
    std::vector<Watch::Straggler> out;
    for (int i = 0; i < steps; ++i) {
      ++step_;
      for (std::int64_t rank = 0; rank < 8; ++rank) {
        const double noise = 1 + 0.04 * (prng_.uniform() + prng_.uniform() - 1);
        const double time_s = (rank == 5 ? slow : 1) * noise;
        untold_[static_cast<std::size_t>(rank)].push_back({step_, time_s, time_s});
        if ((step_ + rank) % 3 != 0) continue;
        wire::RankBeat one;
        one.rank = rank;
        one.phase = "computing";
        one.steps = std::exchange(untold_[static_cast<std::size_t>(rank)], {});
        watch.beat({.generation = 1, .ranks = {one}}, at(static_cast<double>(step_)));
      }
      for (const auto& one : watch.take_stragglers()) out.push_back(one);
    }
    return out;
  }
  std::int64_t step() const { return step_; }

 private:
  Prng prng_{3, 0};
  std::int64_t step_ = 0;
  std::array<std::vector<wire::StepTime>, 8> untold_;
};

TEST(Watch, who_is_15_percent_slow_is_named_within_20_steps_and_once) {
  Watch watch({});
  watch.begin(replicas(8), at(0));
  Ranks ranks;
  EXPECT_THAT(ranks.train(watch, 1000, 1.0), IsEmpty());
  const auto named = ranks.train(watch, 60, 1.15);
  ASSERT_EQ(named.size(), 1u);
  EXPECT_EQ(named[0].rank, 5);
  EXPECT_LE(named[0].step, 1020);
  EXPECT_GT(named[0].factor, 1.07);  // of steps among which some before were healthy
  EXPECT_LT(named[0].factor, 1.2);
  watch.begin(replicas(8), at(5000));  // a new generation names it again
  EXPECT_EQ(ranks.train(watch, 40, 1.15).size(), 1u);
}

// The others' steps do not wait in memory for ever for one that tells nothing: nobody is named, and
// nothing is lost of what comes when it speaks again.
TEST(Watch, one_that_tells_nothing_stops_no_judgement_of_later_steps) {
  Watch watch({});
  watch.begin(replicas(2), at(0));
  const auto tell = [&](std::int64_t rank, std::int64_t step, double time_s) {
    wire::RankBeat one;
    one.rank = rank;
    one.steps = {{step, time_s, time_s}};
    watch.beat({.generation = 1, .ranks = {one}}, at(static_cast<double>(step)));
  };
  for (std::int64_t step = 1; step <= 2000; ++step) tell(0, step, 1);
  EXPECT_THAT(watch.take_stragglers(), IsEmpty());
  for (std::int64_t step = 2001; step <= 2040; ++step) {
    tell(0, step, 1);
    tell(1, step, 2);
  }
  EXPECT_EQ(watch.take_stragglers().size(), 1u);
}

// 2.0 with a hundredth of waves for 40 steps; 4.0 is far off. What is no number is not a spike: its
// own rule has it.
TEST(Watch, a_leap_of_the_loss_is_a_spike) {
  Watch watch({});
  watch.begin(replicas(2), at(0));
  for (int i = 1; i <= 40; ++i) watch.stepped(step_of(i, 2.0 + 0.01 * (i % 3)), at(i));
  EXPECT_EQ(watch.take_spike(), std::nullopt);
  watch.stepped(step_of(41, std::numeric_limits<double>::quiet_NaN()), at(41));
  EXPECT_EQ(watch.take_spike(), std::nullopt);
  watch.stepped(step_of(42, 4.0), at(42));
  EXPECT_EQ(watch.take_spike(), 42);
  EXPECT_EQ(watch.take_spike(), std::nullopt);  // told once
}

}  // namespace
}  // namespace celere::launch

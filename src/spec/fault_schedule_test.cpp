#include "spec/fault_schedule.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <string>

namespace celere::spec {
namespace {

constexpr Seconds never = Seconds::of(std::numeric_limits<double>::infinity());

Scenario scenario_of(const std::string& faults, const std::string& about = "") {
  auto scenario = parse_scenario("[scenario]\nname = \"x\"\n" + about + faults, "x.toml");
  if (!scenario.ok()) ADD_FAILURE() << scenario.error().message;
  return *std::move(scenario);
}

std::string fault(const std::string& lines) { return "[[fault]]\n" + lines + "\n"; }

// What comes until a time and a step in one look.
std::vector<DueFault> all(FaultSchedule schedule, Seconds now, std::int64_t step) {
  std::vector<DueFault> out;
  while (true) {
    const std::vector<DueFault> more = schedule.due(now, step);
    if (more.empty()) return out;
    out.insert(out.end(), more.begin(), more.end());
  }
}

TEST(FaultSchedule, gives_a_fault_at_its_time_and_once) {
  FaultSchedule schedule(scenario_of(fault("kind = \"hang\"\nat = \"30 s\"\nrank = 3")), 1,
                         {.ranks = 4, .nodes = 2});
  EXPECT_EQ(schedule.next_time(), Seconds::of(30));
  EXPECT_FALSE(schedule.next_step().has_value());
  EXPECT_TRUE(schedule.due(29.9_s, 1'000'000).empty());
  const auto due = schedule.due(30_s, 0);
  ASSERT_EQ(due.size(), 1u);
  EXPECT_EQ(due[0].kind, FaultKind::hang);
  EXPECT_EQ(due[0].rank, 3);
  EXPECT_FALSE(due[0].node.has_value());
  EXPECT_EQ(due[0].time, 30_s);
  EXPECT_EQ(due[0].number, 1);
  EXPECT_TRUE(schedule.due(never, 0).empty());
  EXPECT_FALSE(schedule.next_time().has_value());
}

// A training that was at step 120 goes back to 100 and comes by 120 again.
TEST(FaultSchedule, gives_what_is_due_at_a_step_once_although_the_step_comes_twice) {
  FaultSchedule schedule(scenario_of(fault("kind = \"kill_agent\"\nat_step = 120\nnode = 1")), 1,
                         {.ranks = 4, .nodes = 2});
  EXPECT_EQ(schedule.next_step(), 120);
  EXPECT_TRUE(schedule.due(never, 119).empty());
  const auto due = schedule.due(0_s, 121);
  ASSERT_EQ(due.size(), 1u);
  EXPECT_EQ(due[0].step, 120);
  EXPECT_EQ(due[0].node, 1);
  EXPECT_TRUE(schedule.due(1_s, 100).empty());
  EXPECT_TRUE(schedule.due(2_s, 130).empty());
}

// The sum of n exponential intervals of mean m is n m with the standard deviation m sqrt(n): the
// n-th comes within four of them. A rate of 1e-3 /s of each of 4 nodes is one in 250 s; 1e-3 /s
// of each of 8 ranks one in 125 s.
TEST(FaultSchedule, comes_again_after_exponential_intervals_of_the_mean_that_was_asked_for) {
  const std::uint64_t seed = 20240722;
  struct Case {
    const char* when;
    double mean;
  };
  for (const Case& one : {Case{"every = \"20 s\"", 20}, Case{"rate_per_node = \"3.6 /h\"", 250},
                          Case{"rate_per_rank = \"3.6 /h\"", 125}, Case{"every_steps = 50", 50}}) {
    const FaultSchedule schedule(
        scenario_of(fault(std::string("kind = \"hang\"\ncount = 20000\n") + one.when)), seed,
        {.ranks = 8, .nodes = 4});
    const auto due = all(schedule, never, std::numeric_limits<std::int64_t>::max());
    ASSERT_EQ(due.size(), 20000u);
    const double last =
        due.back().time ? due.back().time->in_base() : static_cast<double>(*due.back().step);
    EXPECT_NEAR(last, 20000 * one.mean, 4 * one.mean * std::sqrt(20000.0)) << one.when;
    if (!due.back().time) continue;
    // Of exponential intervals 1 - 1/e are shorter than the mean: 12,642 of 20,000, +- 68.
    int shorter = 0;
    Seconds before;
    for (const DueFault& it : due) {
      shorter += *it.time - before <= Seconds::of(one.mean) ? 1 : 0;
      before = *it.time;
    }
    EXPECT_NEAR(shorter, 12642, 4 * 68) << one.when;
  }
}

// The documented streams, summed up naively.
TEST(FaultSchedule, draws_fault_i_from_stream_i) {
  const std::uint64_t seed = 5;
  const auto scenario =
      scenario_of(fault("kind = \"nan\"\nevery_steps = 7\nfrom_step = 10\nuntil_step = 90") +
                  fault("kind = \"hang\"\nevery = \"3 s\"\nfrom = \"4 s\"\nuntil = \"40 s\""));
  const auto due = all(FaultSchedule(scenario, seed, {.ranks = 1000}), never, 1'000'000);
  std::vector<double> steps, times;
  for (const DueFault& it : due) {
    if (it.step) steps.push_back(static_cast<double>(*it.step));
    if (it.time) times.push_back(it.time->in_base());
  }
  const auto naive = [&](std::uint64_t stream, double mean, double from, double until, bool whole) {
    Prng prng(seed, stream);
    std::vector<double> out;
    for (double at = from;;) {
      at += prng.exponential(Seconds::of(mean)).in_base();
      const double shown = whole ? std::ceil(at) : at;
      if (shown > until) return out;
      out.push_back(shown);
    }
  };
  EXPECT_EQ(steps, naive(0, 7, 10, 90, true));
  EXPECT_EQ(times, naive(1, 3, 4, 40, false));
  // Targets have streams of their own, of which each fault takes a target and a draw.
  Prng targets(seed, (std::uint64_t{1} << 32) + 1);
  for (const DueFault& it : due) {
    if (it.fault != 1) continue;
    EXPECT_EQ(*it.rank, static_cast<int>(targets.below(1000)));
    EXPECT_EQ(it.draw, targets.bits());
  }
  EXPECT_GT(steps.size(), 3u);
  EXPECT_GT(times.size(), 3u);
}

const char* const busy =
    "[[fault]]\nkind = \"hang\"\nevery = \"2 s\"\n"
    "[[fault]]\nkind = \"lose_node\"\nrate_per_node = \"500 /h\"\nnodes = 2\n"
    "[[fault]]\nkind = \"flip_bit\"\nevery_steps = 3\n"
    "[[fault]]\nkind = \"kill_worker\"\nat = \"33 s\"\ncount = 3\n"
    "[[fault]]\nkind = \"preempt\"\nat_step = 40\n";

// Faults of time come in one order and those of steps in one, however often one looks; which of
// the two kinds is told first is up to who looks.
TEST(FaultSchedule, is_the_same_however_often_one_looks) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    const FaultSchedule fresh(scenario_of(busy), seed, {.ranks = 8, .nodes = 4});
    const auto once = all(fresh, 100_s, 200);
    FaultSchedule schedule = fresh;
    Prng prng(seed, 99);
    std::vector<DueFault> often;
    double now = 0;
    std::int64_t step = 0, step_most = 0;
    while (now < 100 || step_most < 200) {
      now = std::min(100.0, now + prng.uniform() * 5);
      step += static_cast<std::int64_t>(prng.below(9)) - 2;  // now and then it goes back
      step_most = std::max(step_most, step);
      for (const DueFault& it : schedule.due(Seconds::of(now), std::min<std::int64_t>(step, 200))) {
        often.push_back(it);
      }
    }
    for (const bool of_steps : {false, true}) {
      const auto kept = [&](std::vector<DueFault> from) {
        std::erase_if(from, [&](const DueFault& it) { return it.step.has_value() != of_steps; });
        return from;
      };
      EXPECT_EQ(kept(once), kept(often));
      EXPECT_GT(kept(once).size(), 20u);
    }
  }
}

TEST(FaultSchedule, goes_on_behind_what_was_given) {
  FaultSchedule first(scenario_of(busy), 3, {.ranks = 8, .nodes = 4});
  FaultSchedule second = first;
  (void)first.due(35_s, 60);
  second.resume(first.given());
  EXPECT_EQ(second.given(), first.given());
  EXPECT_EQ(all(first, 100_s, 200), all(second, 100_s, 200));
}

// Other seeds give other times; of 4 ranks each is hit by a quarter of 8,000 draws, +- 4 x 39.
TEST(FaultSchedule, draws_targets_evenly) {
  const auto scenario = scenario_of(fault("kind = \"hang\"\nevery = \"1 s\"\ncount = 8000"));
  const auto due = all(FaultSchedule(scenario, 1, {.ranks = 4}), never, 0);
  const auto other = all(FaultSchedule(scenario, 2, {.ranks = 4}), never, 0);
  EXPECT_NE(due[0].time, other[0].time);
  std::map<int, int> hits;
  std::set<std::uint64_t> draws;
  for (const DueFault& it : due) {
    ++hits[*it.rank];
    draws.insert(it.draw);
  }
  ASSERT_EQ(hits.size(), 4u);
  for (const auto& [rank, count] : hits) EXPECT_NEAR(count, 2000, 4 * 39) << rank;
  EXPECT_EQ(draws.size(), 8000u);
}

TEST(FaultSchedule, keeps_the_times_when_a_target_is_named) {
  const auto times = [](const std::string& target) {
    std::vector<Seconds> out;
    const auto scenario =
        scenario_of(fault("kind = \"hang\"\nevery = \"1 s\"\ncount = 50\n" + target));
    for (const DueFault& it : all(FaultSchedule(scenario, 1, {.ranks = 4}), never, 0)) {
      out.push_back(*it.time);
    }
    return out;
  };
  EXPECT_EQ(times(""), times("rank = 2"));
}

// Seven of eight ranks at once are seven different ones; three groups of two neighbours among four
// nodes begin at nodes 0, 1 and 2.
TEST(FaultSchedule, hits_another_target_with_each_that_comes_at_once) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const auto due = all(FaultSchedule(scenario_of(fault("kind = \"kill_worker\"\nat = \"1 s\"\n"
                                                         "count = 7") +
                                                   fault("kind = \"lose_node\"\nat = \"1 s\"\n"
                                                         "count = 3\nnodes = 2")),
                                       seed, {.ranks = 8, .nodes = 4}),
                         1_s, 0);
    std::set<int> ranks, nodes;
    for (const DueFault& it : due) {
      if (it.rank) ranks.insert(*it.rank);
      if (it.node) nodes.insert(*it.node);
    }
    EXPECT_EQ(ranks.size(), 7u) << "seed " << seed;
    EXPECT_LT(*ranks.rbegin(), 8) << "seed " << seed;
    EXPECT_EQ(nodes, (std::set<int>{0, 1, 2})) << "seed " << seed;
  }
}

// 0.5 of five kinds are 2.5, rounded up: three are off. What is left comes when it came before.
TEST(FaultSchedule, switches_off_a_share_of_the_kinds_and_moves_nothing_else) {
  std::set<std::vector<FaultKind>> choices;
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    const FaultSchedule whole(scenario_of(busy), seed, {.ranks = 8, .nodes = 4});
    const FaultSchedule part(scenario_of(busy, "switch_off = 0.5\n"), seed,
                             {.ranks = 8, .nodes = 4});
    EXPECT_TRUE(whole.left_out().empty());
    ASSERT_EQ(part.left_out().size(), 3u);
    EXPECT_TRUE(std::is_sorted(part.left_out().begin(), part.left_out().end()));
    choices.insert(part.left_out());
    auto expected = all(whole, 100_s, 200);
    std::erase_if(expected, [&](const DueFault& it) {
      return std::count(part.left_out().begin(), part.left_out().end(), it.kind) > 0;
    });
    EXPECT_EQ(all(part, 100_s, 200), expected) << "seed " << seed;
  }
  EXPECT_GT(choices.size(), 5u);
  // The last kind stays, whatever the share.
  const FaultSchedule one(scenario_of(fault("kind = \"nan\"\nat_step = 1"), "switch_off = 0.9\n"),
                          1, {});
  EXPECT_TRUE(one.left_out().empty());
}

// A million faults a second for ten seconds: 4,096 at a time, and none is lost between the calls.
TEST(FaultSchedule, gives_a_flood_in_parts) {
  FaultSchedule schedule(scenario_of(fault("kind = \"hang\"\nevery = \"1 ms\"\ncount = 10000")), 1,
                         {});
  EXPECT_EQ(schedule.due(never, 0).size(), 4096u);
  EXPECT_EQ(schedule.due(never, 0).size(), 4096u);
  const auto rest = schedule.due(never, 0);
  ASSERT_EQ(rest.size(), 10000u - 8192u);
  EXPECT_EQ(rest.front().number, 8193);
}

// Of three that are due the second kills who asks: it has noted two as given, and the one who takes
// over is given the third.
TEST(FaultSchedule, gives_nothing_behind_what_kills_who_asks) {
  const auto scenario = scenario_of(fault("kind = \"hang\"\nat = \"1 s\"") +
                                    fault("kind = \"kill_supervisor\"\nat = \"2 s\"") +
                                    fault("kind = \"nan\"\nat_step = 3"));
  FaultSchedule first(scenario, 1, {});
  EXPECT_EQ(first.due(9_s, 9).size(), 2u);
  FaultSchedule second(scenario, 1, {});
  second.resume(first.given());
  const auto rest = second.due(9_s, 9);
  ASSERT_EQ(rest.size(), 1u);
  EXPECT_EQ(rest[0].kind, FaultKind::nan);
}

TEST(FaultSchedule, says_which_targets_are_not_there) {
  const auto scenario =
      scenario_of(fault("kind = \"hang\"\nat = \"1 s\"\nrank = 4") +
                  fault("kind = \"lose_node\"\nevery = \"1 s\"\nnode = 1\nnodes = 2") +
                  fault("kind = \"kill_worker\"\nat_step = 3\ncount = 5") +
                  fault("kind = \"preempt\"\nat = \"1 s\"\nnodes = 3"));
  const auto fit = fits(scenario, {.ranks = 4, .nodes = 2});
  ASSERT_FALSE(fit.ok());
  EXPECT_EQ(fit.error().message,
            "x.toml:3: fault: rank 4 of hang: the training has 4, counted from 0\n"
            "x.toml:7: fault: node 2 of lose_node: the training has 2, counted from 0\n"
            "x.toml:12: fault: 5 at once of kill_worker: there are 4 to hit\n"
            "x.toml:16: fault: node 2 of preempt: the training has 2, counted from 0");
  EXPECT_TRUE(fits(scenario, {.ranks = 5, .nodes = 3}).ok());
}

TEST(FaultSchedule, is_told_in_words) {
  const auto scenario =
      scenario_of(fault("kind = \"slow\"\nat = \"1 s\"\nrank = 3\nfactor = 1.5\nfor = \"20 s\"") +
                  fault("kind = \"lose_node\"\nat = \"1 s\"\nnode = 4\nnodes = 4\ncause = "
                        "\"power\"") +
                  fault("kind = \"disk_full\"\nat = \"1 s\"\nnode = 0\nfor_steps = 1") +
                  fault("kind = \"preempt\"\nat = \"1 s\"\nnode = 0") +
                  fault("kind = \"kill_supervisor\"\nat = \"1 s\""));
  FaultSchedule schedule(scenario, 1, {.ranks = 8, .nodes = 8});
  std::vector<std::string> words;
  for (const DueFault& it : schedule.due(1_s, 0)) words.push_back(told(it, schedule.fault_of(it)));
  EXPECT_EQ(words, (std::vector<std::string>{"slow of rank 3: 1.5 times, for 20.0 s",
                                             "lose_node of nodes 4 to 7: cause: power",
                                             "disk_full of node 0: for 1 step",
                                             "preempt of node 0: in 30.0 s", "kill_supervisor"}));
}

}  // namespace
}  // namespace celere::spec

// Recovery on a small cluster that does what it says (test_world.hpp): every ordered pair of two
// faults at every phase, and thousands of random streams. What must hold is held by the world, at
// every order: never two generations at once, never a start on a node that is drained or gone,
// never a trusted checkpoint passed over but by a stated roll back, never a start without its
// back-off, and the same decisions by a supervisor that took over. In the end the training must be
// done.
#include <gtest/gtest.h>

#include <array>

#include "base/prng.hpp"
#include "policy/test_world.hpp"

namespace celere::policy {
namespace {

WorldOptions options(LostReplica lost) {
  WorldOptions out;
  out.shape = three();
  out.settings.on_lost_replica = lost;
  out.settings.node_patience = 6_s;
  out.settings.spike_heals = 5;
  out.settings.back_off_max = 20_s;
  return out;
}

// Until it ends: 40 steps of a second, and room for all that failed.
void finish(World& world) {
  world.repair();
  for (int second = 0; second < 400 && !world.over(); ++second) world.second();
}

void expect_right(const World& world, const std::string& what) {
  ASSERT_TRUE(world.wrong().empty()) << what << "\n"
                                     << world.wrong().front() << "\n"
                                     << world.log();
  ASSERT_TRUE(world.over()) << what << ": no end\n" << world.log();
  ASSERT_EQ(world.ended(), "done") << what << "\n" << world.log();
}

TEST(Faults, without_any_it_starts_once_and_is_done) {
  for (const LostReplica lost : {LostReplica::roll_back, LostReplica::go_on}) {
    World world(options(lost));
    for (int second = 0; second < 60; ++second) world.second();
    expect_right(world, "no fault");
    EXPECT_EQ(world.starts(), 1);
    EXPECT_EQ(world.regroups(), 0);
    EXPECT_TRUE(world.skipped().empty());
  }
}

// First at 1 s (starting), 7 s (before a save), 9 s (while it is written); the second 0 to 9 s
// later, which meets stopping, waiting, planning, starting and regrouping.
void every_pair(LostReplica lost, Node first_node, Node second_node) {
  for (int first = 0; first < faults; ++first) {
    for (int second = 0; second < faults; ++second) {
      for (const int at : {1, 7, 9}) {
        for (int later = 0; later < 10; ++later) {
          World world(options(lost));
          for (int now = 0; now < at + 30; ++now) {
            if (now == at) world.fault(static_cast<Fault>(first), first_node);
            if (now == at + later) world.fault(static_cast<Fault>(second), second_node);
            world.second();
          }
          finish(world);
          expect_right(
              world, fmt::format("fault {} on node {} at {}, then {} on node {} {} s later", first,
                                 first_node, at, second, second_node, later));
          if (testing::Test::HasFatalFailure()) return;
        }
      }
    }
  }
}

TEST(Faults, every_pair_on_two_nodes) { every_pair(LostReplica::roll_back, 0, 1); }
TEST(Faults, every_pair_on_one_node) { every_pair(LostReplica::roll_back, 1, 1); }
TEST(Faults, every_pair_on_a_node_and_the_spare) { every_pair(LostReplica::roll_back, 2, 3); }
TEST(Faults, every_pair_on_two_nodes_that_go_on) { every_pair(LostReplica::go_on, 0, 1); }
TEST(Faults, every_pair_on_one_node_that_goes_on) { every_pair(LostReplica::go_on, 1, 1); }

// Faults at random for two minutes. Then they stop; but what was in the data stays, so a run may
// have given up for skipped batches or retries: that is an answer, and must be told as one.
TEST(Faults, random_streams) {
  int done = 0, gave_up = 0;
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    Prng prng(seed, 0);
    WorldOptions world_options =
        options(seed % 2 == 0 ? LostReplica::roll_back : LostReplica::go_on);
    world_options.last_step = 120;
    world_options.twin_every = 7;
    world_options.settings.resizes = seed % 8 != 7;
    World world(world_options);
    const std::uint64_t seldom = 3 + prng.below(20);
    for (int second = 0; second < 120; ++second) {
      if (prng.below(seldom) == 0) {
        world.fault(static_cast<Fault>(prng.below(faults)), static_cast<Node>(prng.below(4)));
      }
      world.second();
    }
    finish(world);
    ASSERT_TRUE(world.wrong().empty()) << "seed " << seed << "\n"
                                       << world.wrong().front() << "\n"
                                       << world.log();
    ASSERT_TRUE(world.over()) << "seed " << seed << ": no end\n" << world.log();
    done += world.done() ? 1 : 0;
    gave_up += world.ended().starts_with("gave up") ? 1 : 0;
    ASSERT_EQ(done + gave_up, static_cast<int>(seed) + 1) << "seed " << seed << world.log();
  }
  EXPECT_GT(done, 1900);
}

// A stop at any second of a run with faults ends it, saved or not, and never as done before it is.
TEST(Faults, a_stop_at_any_moment_ends_it) {
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    Prng prng(seed, 1);
    World world(options(seed % 2 == 0 ? LostReplica::roll_back : LostReplica::go_on));
    const auto stop = static_cast<int>(prng.below(35));
    for (int second = 0; second < 35; ++second) {
      if (prng.below(8) == 0) {
        world.fault(static_cast<Fault>(prng.below(faults)), static_cast<Node>(prng.below(4)));
      }
      if (second == stop) world.ask_to_stop();
      world.second();
    }
    for (int second = 0; second < 30 && !world.over(); ++second) world.second();
    ASSERT_TRUE(world.wrong().empty()) << "seed " << seed << "\n"
                                       << world.wrong().front() << "\n"
                                       << world.log();
    ASSERT_TRUE(world.over()) << "seed " << seed << "\n" << world.log();
    ASSERT_EQ(world.done(), world.done() && world.step() == 40) << "seed " << seed;
  }
}

}  // namespace
}  // namespace celere::policy

#include "spec/recovery_plan.hpp"

#include <gtest/gtest.h>

#include <string>

#include "spec/run.hpp"

namespace celere::spec {
namespace {

// The keys of [recovery] begin at line 13.
Result<Run> read(const std::string& recovery) {
  return parse_run(
      "[run]\nname = \"x\"\n[model]\nuse = \"grok-1\"\n[train]\ntokens = \"1 T tokens\"\n"
      "sequence = 8192\nbatch = \"8 sequences\"\nprecision = \"bf16\"\n[cluster]\n"
      "use = \"eos-h100\"\n[recovery]\n" +
          recovery,
      "x.toml");
}

std::string error_of(const std::string& recovery) {
  const auto run = read(recovery);
  return run.ok() ? "" : run.error().message;
}

TEST(RecoveryPlan, has_the_documented_defaults) {
  const auto run = read("");
  ASSERT_TRUE(run.ok()) << run.error().message;
  const RecoveryPlan& plan = run->recovery;
  EXPECT_EQ(plan.retries, 8);
  EXPECT_EQ(plan.back_off, Seconds::of(1));
  EXPECT_EQ(plan.back_off_max, Seconds::of(300));
  EXPECT_EQ(plan.node_failures, 3);
  EXPECT_EQ(plan.node_window, Seconds::of(86400));
  EXPECT_EQ(plan.node_patience, Seconds::of(30));
  EXPECT_TRUE(plan.resize);
  EXPECT_EQ(plan.straggler_factor, 1.1);
  EXPECT_EQ(plan.skips, 3);
  EXPECT_FALSE(plan.step_deadline.has_value());
  EXPECT_FALSE(plan.ranks_per_node.has_value());
  EXPECT_EQ(run->check_every, 0);
}

// 2 h are 7,200 s and 10 min are 600 s.
TEST(RecoveryPlan, reads_what_is_written) {
  const auto run = read(
      "spares = 2\non_lost_replica = \"continue\"\nretries = 0\nback_off = \"0 s\"\n"
      "back_off_max = \"10 min\"\nnode_failures = 1\nnode_window = \"2 h\"\n"
      "node_patience = \"0 s\"\nresize = false\nstraggler_factor = 1.25\nskips = 0\n"
      "check_every = \"50 steps\"\nstep_deadline = \"10 min\"\nranks_per_node = 2\n");
  ASSERT_TRUE(run.ok()) << run.error().message;
  const RecoveryPlan& plan = run->recovery;
  EXPECT_EQ(run->spares, 2);
  EXPECT_EQ(run->on_lost_replica, LostReplica::go_on);
  EXPECT_EQ(plan.retries, 0);
  EXPECT_EQ(plan.back_off, Seconds{});
  EXPECT_EQ(plan.back_off_max, Seconds::of(600));
  EXPECT_EQ(plan.node_failures, 1);
  EXPECT_EQ(plan.node_window, Seconds::of(7200));
  EXPECT_EQ(plan.node_patience, Seconds{});
  EXPECT_FALSE(plan.resize);
  EXPECT_EQ(plan.straggler_factor, 1.25);
  EXPECT_EQ(plan.skips, 0);
  EXPECT_EQ(run->check_every, 50);
  EXPECT_EQ(plan.step_deadline, Seconds::of(600));
  EXPECT_EQ(plan.ranks_per_node, 2);
  const auto words = read("check_every = \"never\"\nstep_deadline = \"auto\"\n");
  ASSERT_TRUE(words.ok()) << words.error().message;
  EXPECT_EQ(words->check_every, 0);
  EXPECT_FALSE(words->recovery.step_deadline.has_value());
}

TEST(RecoveryPlanErrors, each_names_its_key_and_all_come_at_once) {
  EXPECT_EQ(error_of("retrys = 3\n"),
            "x.toml:13: recovery.retrys: is not a key that is known here; is \"retries\" meant?");
  EXPECT_EQ(error_of("back_off = \"10 s\"\nback_off_max = \"5 s\"\n"),
            "x.toml:14: recovery.back_off_max: 5.00 s is less than back_off, 10.0 s");
  EXPECT_EQ(error_of("straggler_factor = 1\nstep_deadline = \"0 s\"\nranks_per_node = 0\n"),
            "x.toml:13: recovery.straggler_factor: is 1, and must be from 1.01 to 1000\n"
            "x.toml:14: recovery.step_deadline: must be more than nothing\n"
            "x.toml:15: recovery.ranks_per_node: is 0, and must be from 1 to 16777216");
  EXPECT_EQ(
      error_of("check_every = 50\n"),
      "x.toml:13: recovery.check_every: must be \"never\" or count steps, as in \"50 steps\"");
  EXPECT_EQ(error_of("check_every = \"0 steps\"\n"),
            "x.toml:13: recovery.check_every: \"0 steps\" is not a whole number of at least 1");
  EXPECT_EQ(error_of("resize = \"no\"\nnode_window = 24\n"),
            "x.toml:13: recovery.resize: is a text, and must be true or false\n"
            "x.toml:14: recovery.node_window: 24 has no unit; write for example \"20 min\", "
            "\"1.5 s\" or \"8 us\"");
}

}  // namespace
}  // namespace celere::spec

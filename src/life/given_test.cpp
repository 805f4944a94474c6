// A scenario's faults as a life has them, by hand.
#include "life/given.hpp"

#include <gmock/gmock.h>

#include "life/test_scenes.hpp"

namespace celere::life {
namespace {

// 4 nodes of 2 GPUs and a spare; 1,000 steps of 3 s from 10 s on, a save of 3 s behind each 100.
Built small() {
  Built built;
  built.scene = small_scene();
  built.gpus_per_node = 2;
  return built;
}

Built with(const std::string& faults, Built built = small(), std::uint64_t seed = 1) {
  const auto scenario = spec::parse_scenario("[scenario]\nname = \"x\"\n" + faults, "x.toml");
  EXPECT_TRUE(scenario.ok()) << scenario.error().message;
  const Status added = add_scenario(built, *scenario, seed);
  EXPECT_TRUE(added.ok()) << added.error().message;
  return built;
}

const std::size_t own = small_scene().causes.size();  // that the scene has before

// Rank 5 is the second of node 2. Step 200 is done behind the start, 200 steps and one save, as its
// own comes after it: 10 + 600 + 3 s; with an evaluation of 4 s behind each 60 steps 12 s later.
TEST(Given, times_and_steps_are_times_of_a_node) {
  const char* faults =
      "[[fault]]\nkind = \"kill_worker\"\nat = \"100 s\"\nrank = 5\n"
      "[[fault]]\nkind = \"slow\"\nat_step = 200\nrank = 0\nfactor = 2\nfor_steps = 7\n";
  Built built = with(faults);
  ASSERT_EQ(built.scene.given.size(), 2u);
  EXPECT_EQ(built.scene.given[0].at, 100_s);
  EXPECT_EQ(built.scene.given[0].node, 2);
  const Cause& crashed = built.scene.causes[own];
  EXPECT_EQ(built.scene.given[0].cause, static_cast<int>(own));
  EXPECT_EQ(crashed.name, "scenario: kill_worker");
  EXPECT_EQ(crashed.effect, Effect::crash);
  EXPECT_EQ(crashed.detect, 30_s);
  EXPECT_EQ(built.scene.given[1].at, Seconds::of(613));
  EXPECT_EQ(built.scene.causes[own + 1].factor, 2);
  EXPECT_EQ(built.scene.causes[own + 1].lasts, 21_s);
  Built evaluated = small();
  evaluated.scene.evaluation = {.every = 60, .takes = 4_s};
  EXPECT_EQ(with(faults, evaluated).scene.given[1].at, Seconds::of(625));
  // The first start is when the fourth node is there.
  Built later = small();
  later.scene.tranches = {{.at = 50_s, .nodes = 5}};
  EXPECT_EQ(with(faults, later).scene.given[0].at, 150_s);
}

// Each of 5 nodes at its rate; a rank at half a node's; one of the training's 4 working nodes each
// 1,000 s; each 10 steps is each 30 s.
TEST(Given, what_comes_again_is_drawn_by_each_life) {
  const Built built = with(
      "[[fault]]\nkind = \"lose_node\"\nrate_per_node = \"1 /day\"\nfor = \"2 h\"\nnodes = 2\n"
      "cause = \"power\"\n"
      "[[fault]]\nkind = \"hang\"\nrate_per_rank = \"1 /day\"\n"
      "[[fault]]\nkind = \"nan\"\nevery = \"1000 s\"\n"
      "[[fault]]\nkind = \"preempt\"\nevery_steps = 10\nnotice = \"40 s\"\nfor = \"1 h\"\n");
  EXPECT_TRUE(built.scene.given.empty());
  const std::vector<Cause>& causes = built.scene.causes;
  ASSERT_EQ(causes.size(), own + 4);
  EXPECT_EQ(causes[own].name, "scenario: lose_node (power)");
  EXPECT_DOUBLE_EQ(causes[own].rate.in_base(), 1.0 / 86400);
  EXPECT_EQ(causes[own].group, 2);
  EXPECT_EQ(causes[own].repair, Seconds::of(7200));
  EXPECT_FALSE(causes[own].repair_varies);
  EXPECT_FALSE(causes[own].of_parts);
  EXPECT_DOUBLE_EQ(causes[own + 1].rate.in_base(), 2.0 / 86400);
  EXPECT_EQ(causes[own + 1].localise, 180_s);
  EXPECT_DOUBLE_EQ(causes[own + 2].rate.in_base(), 1.0 / 4000);
  EXPECT_DOUBLE_EQ(causes[own + 3].rate.in_base(), 1.0 / 30 / 5);
  EXPECT_EQ(causes[own + 3].notice, 40_s);
}

// Within a window, so often at most, or of a named target: drawn once, from the scenario's seed.
TEST(Given, what_is_limited_is_the_same_in_every_life) {
  const char* faults =
      "[[fault]]\nkind = \"kill_worker\"\nevery = \"10 s\"\nfrom = \"100 s\"\nuntil = \"400 s\"\n"
      "[[fault]]\nkind = \"kill_worker\"\nevery = \"1 s\"\ncount = 3\n"
      "[[fault]]\nkind = \"kill_agent\"\nevery = \"300 s\"\nnode = 3\n";
  const Built built = with(faults);
  int windowed = 0, counted = 0, targeted = 0;
  for (const Given& given : built.scene.given) {
    const int fault = given.cause - static_cast<int>(own);
    windowed += fault == 0;
    counted += fault == 1;
    targeted += fault == 2;
    EXPECT_TRUE(fault != 0 || (given.at >= 100_s && given.at <= 400_s));
    EXPECT_TRUE(fault != 2 || given.node == 3);
  }
  EXPECT_NEAR(windowed, 30, 4 * 5.5);
  EXPECT_EQ(counted, 3);
  // Four times the undisturbed 10 + 3,000 + 9 x 3 s, each 300 s: about 40.
  EXPECT_NEAR(targeted, 40.5, 4 * 6.4);
  const auto first = [&](std::uint64_t seed) {
    return with(faults, small(), seed).scene.given[0].at;
  };
  EXPECT_EQ(first(1), first(1));
  EXPECT_NE(first(1), first(2));
  const std::string seeded = "seed = 9\n" + std::string(faults);
  EXPECT_EQ(with(seeded, small(), 1).scene.given[0].at, with(seeded, small(), 2).scene.given[0].at);
}

TEST(Given, neighbours_fall_together_and_what_is_for_good_never_comes_back) {
  const Built built = with("[[fault]]\nkind = \"lose_node\"\nat = \"60 s\"\nnode = 1\nnodes = 2\n");
  ASSERT_EQ(built.scene.given.size(), 2u);
  EXPECT_EQ(built.scene.given[0].node, 1);
  EXPECT_EQ(built.scene.given[1].node, 2);
  EXPECT_EQ(built.scene.given[1].at, 60_s);
  EXPECT_EQ(built.scene.causes[own].group, 1);
  EXPECT_EQ(built.scene.causes[own].repair, built.scene.horizon);
}

// It is noticed after 30 + 180 s: one of 200 s is over by then, one of 300 s is not.
TEST(Given, a_hang_that_nobody_notices_stops_all_for_as_long) {
  const auto hang = [](const char* lasts) {
    return with(std::string("[[fault]]\nkind = \"hang\"\nat = \"60 s\"\nfor = \"") + lasts +
                "\"\n");
  };
  const Built brief = hang("200 s");
  EXPECT_TRUE(brief.scene.given.empty());
  ASSERT_EQ(brief.scene.slowdowns.size(), 1u);
  EXPECT_TRUE(brief.scene.slowdowns[0].stops);
  EXPECT_EQ(brief.scene.slowdowns[0].at, 60_s);
  EXPECT_EQ(brief.scene.slowdowns[0].lasts, 200_s);
  const Built noticed = hang("300 s");
  EXPECT_EQ(noticed.scene.given.size(), 1u);
  EXPECT_TRUE(noticed.scene.slowdowns.empty());
}

TEST(Given, says_what_it_does_not_simulate) {
  const Built built = with(
      "[[fault]]\nkind = \"disk_full\"\nat = \"60 s\"\nfor = \"1 min\"\n"
      "[[fault]]\nkind = \"kill_supervisor\"\nevery = \"1 h\"\n"
      "[[fault]]\nkind = \"kill_worker\"\nat = \"60 s\"\n");
  EXPECT_THAT(built.assumptions,
              testing::IsSupersetOf(
                  {testing::HasSubstr("x.toml:3: fault: disk_full is not simulated"),
                   testing::HasSubstr("x.toml:7: fault: kill_supervisor is not simulated")}));
  ASSERT_EQ(built.scene.causes.size(), own + 1);
  ASSERT_EQ(built.scene.given.size(), 1u);
  EXPECT_EQ(built.scene.given[0].cause, static_cast<int>(own));
}

TEST(Given, a_target_that_is_not_there_is_an_error) {
  Built built = small();
  const auto scenario = spec::parse_scenario(
      "[scenario]\nname = \"x\"\n[[fault]]\nkind = \"nan\"\nat = \"1 s\"\nrank = 8\n", "x.toml");
  ASSERT_TRUE(scenario.ok());
  const Status added = add_scenario(built, *scenario, 1);
  ASSERT_FALSE(added.ok());
  EXPECT_THAT(added.error().message, testing::HasSubstr("x.toml:3"));
}

// A crash at 100 s: noticed at 130 s, stopped by 135, restarted in 20, loaded in 7 and warm in 3
// s, from the beginning, as nothing was saved. So everything is 165 s later but for the first start
// of 10 s: 165 + 3,000 + 9 x 3 + 8 s.
TEST(Given, is_lived_as_the_same_failure_by_hand) {
  const Built built = with("[[fault]]\nkind = \"kill_worker\"\nat = \"100 s\"\nrank = 1\n");
  const Life life = Replica(built.scene, 1, 0).live();
  ASSERT_TRUE(life.done) << life.why_not;
  EXPECT_EQ(life.time, nanoseconds(Seconds::of(165 + 3000 + 9 * 3 + 8)));
  EXPECT_EQ(life.causes[own].hits, 1);
}

}  // namespace
}  // namespace celere::life

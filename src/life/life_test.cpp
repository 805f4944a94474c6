// One life by hand, and what must be true of any.
#include <gmock/gmock.h>

#include "life/test_scenes.hpp"

namespace celere::life {
namespace {

Life life_of(const Scene& scene, LifeOptions options = {}) {
  const Status good = checked(scene);
  EXPECT_TRUE(good.ok()) << good.error().text();
  return Replica(scene, 1, 0, options).live();
}

double part(const Life& life, Part part) {
  return static_cast<double>(life.account[static_cast<std::size_t>(part)]) / 1e9;
}

// A first start of 10 s, 1,000 steps of 3 s, nine saves of 3 s between them, and the last one with
// its 5 s until it is committed: 10 + 3000 + 27 + 8.
TEST(Life, without_failures_is_its_steps_and_saves) {
  const Life life = life_of(small_scene());
  EXPECT_TRUE(life.done);
  EXPECT_EQ(life.time, 3'045'000'000'000);
  EXPECT_EQ(part(life, Part::useful), 3000);
  EXPECT_EQ(part(life, Part::checkpoint), 35);
  EXPECT_EQ(part(life, Part::restart), 10);
  EXPECT_EQ(life.checkpoints, 10);
  EXPECT_EQ(life.node_time.in_base(), 5 * 3045.0);
}

// Step 200 is done at 613 s, saved until 616 and committed at 621; at 702 28 more steps are done
// and 2 s of the next: 86 s are lost. Then 30 s until it is known, 5 s to stop, and 20 + 7 + 3 to
// start in place: 151 s in all.
TEST(Life, a_crash_costs_what_was_not_saved_and_the_restart) {
  Scene scene = small_scene();
  scene.given = {{.at = 702_s, .cause = crash, .node = 2}};
  const Life life = life_of(scene);
  EXPECT_EQ(life.time, (3045 + 151) * 1'000'000'000LL);
  EXPECT_EQ(part(life, Part::replay), 86);
  EXPECT_EQ(part(life, Part::detection), 30);
  EXPECT_EQ(part(life, Part::restart), 10 + 35);
  EXPECT_EQ(life.causes[crash].lost, 151'000'000'000);
  EXPECT_EQ(life.steps_again, 28);
}

// At 619 s step 201 is done, and the save of step 200 is not committed before 621: back to step
// 100. 101 steps again, the save of 200 blocks once more, 30 s, 5 s, and 30 + 60 s with a spare.
// A hang is the same with 180 s to find it, and without the spare.
TEST(Life, what_is_not_committed_is_lost) {
  Scene scene = small_scene();
  scene.given = {{.at = 619_s, .cause = lost, .node = 2}};
  EXPECT_EQ(life_of(scene).time, (3045 + 303 + 3 + 30 + 5 + 90) * 1'000'000'000LL);
  scene.given = {{.at = 619_s, .cause = hang, .node = 2}};
  EXPECT_EQ(life_of(scene).time, (3045 + 303 + 3 + 210 + 5 + 30) * 1'000'000'000LL);
}

// Without a spare one waits for the repair, 100 s from when it was known (the 5 s of stopping are
// among them), and starts on a node that had been away: 30 s, 100 s, 90 s, and step 201 with the
// rest of 102 as above.
TEST(Life, without_a_spare_one_waits_for_the_repair) {
  Scene scene = small_scene();
  scene.tranches = {{.at = 0_s, .nodes = 4}};
  scene.recovery.resizes = false;
  scene.given = {{.at = 619_s, .cause = lost, .node = 2}};
  const Life life = life_of(scene);
  EXPECT_EQ(part(life, Part::no_machine), 95);
  EXPECT_EQ(life.time, (3045 + 303 + 3 + 30 + 100 + 30) * 1'000'000'000LL);
}

// Step 228 is done at 700 s sharp. 30 s until it is known, 15 s to regroup; three of four replicas
// need 4 s a step. The node is back 100 s after it was known, at 830 s: 85 s, 21 steps and 1 s of
// another that is lost. 15 s to regroup, and all goes on as before: 30 + 30 + 21 + 1 s.
TEST(Life, the_others_go_on_without_a_replica) {
  Scene scene = small_scene();
  scene.tranches = {{.at = 0_s, .nodes = 4}};
  scene.recovery.on_lost_replica = policy::LostReplica::go_on;
  scene.given = {{.at = 700_s, .cause = lost, .node = 2}};
  const Life life = life_of(scene);
  EXPECT_EQ(life.time, (3045 + 82) * 1'000'000'000LL);
  EXPECT_EQ(part(life, Part::degraded), 21);
  EXPECT_EQ(part(life, Part::replay), 1);
  EXPECT_EQ(life.regroups, 2);
  EXPECT_EQ(life.starts, 1);
}

// As before, and at 734 s, while the others regroup, node 1 fails as well: at 764 s it is known, at
// 779 two replicas go on with 6 s a step. Node 2 is back at 830 s: 8 steps and 3 s of another; at
// 845 three go on, and at 864, when node 1 is back, they have done 4 steps and 3 s of another. At
// 879 all go on as before: 12 steps behind 228, for which 36 of the 179 s were needed.
TEST(Life, another_replica_is_lost_while_the_others_regroup) {
  Scene scene = small_scene();
  scene.tranches = {{.at = 0_s, .nodes = 4}};
  scene.recovery.on_lost_replica = policy::LostReplica::go_on;
  scene.given = {{.at = 700_s, .cause = lost, .node = 2}, {.at = 734_s, .cause = lost, .node = 1}};
  const Life life = life_of(scene);
  EXPECT_EQ(life.time, (3045 + 143) * 1'000'000'000LL);
  EXPECT_EQ(part(life, Part::detection), 60);
  EXPECT_EQ(part(life, Part::restart), 10 + 4 + 3 * 15);
  EXPECT_EQ(part(life, Part::degraded), 8 * 3 + 4 * 1);
  EXPECT_EQ(part(life, Part::replay), 6);
  EXPECT_EQ(life.regroups, 4);
  EXPECT_EQ(life.starts, 1);
}

// A node is slow from 699 s on: step 228 is done at 700 as before, the next ones take 6 s. At 729
// it is known: the fifth of them (233) is done at 730 and saved until 733, committed at 738, before
// the next is done. 5 s to stop, 90 s to start with the spare: 5 steps of 3 s more, 3 s of a save,
// 5 s that are lost, 95 s.
TEST(Life, a_slow_node_is_replaced_behind_a_save) {
  Scene scene = small_scene();
  scene.given = {{.at = 699_s, .cause = slow, .node = 2}};
  const Life life = life_of(scene, {.story = true});
  EXPECT_EQ(part(life, Part::degraded), 15);
  EXPECT_EQ(life.time, (3045 + 15 + 3 + 5 + 95) * 1'000'000'000LL);
  EXPECT_EQ(life.starts, 2);
}

// Corrupt from step 229 on (the one under way at 702 s), checked every 50 steps: found behind step
// 250 at 766 s, known to be right up to 200. 50 steps again; 10 s to find who it was, 5 s to stop,
// 90 s to start on the spare.
TEST(Life, silent_corruption_is_rolled_back_to_the_last_clean_checkpoint) {
  Scene scene = small_scene();
  scene.check_every = 50;
  scene.causes[silent].localise = 10_s;
  scene.given = {{.at = 702_s, .cause = silent, .node = 2}};
  const Life life = life_of(scene);
  EXPECT_EQ(life.time, (3045 + 150 + 10 + 5 + 90) * 1'000'000'000LL);
  EXPECT_EQ(life.undetected, 0);
  EXPECT_EQ(life.drained, 1);
  scene.check_every = 0;
  EXPECT_EQ(life_of(scene).undetected, 1);
}

// Half of the nodes at the beginning, all at 1,000 s, power for all at 2,000 s. Who waits for all
// begins at 2,000. Who does not plans for two nodes after 30 s of patience, trains at 6 s a step
// from 40 s on, and asks for the full layout when all can train.
TEST(Life, deliveries_and_power_decide_when_it_begins) {
  Scene scene = small_scene();
  scene.layouts.push_back({.nodes = 2, .replicas = 2, .replicas_whole = true, .step = 6_s});
  scene.tranches = {{.at = 0_s, .nodes = 2}, {.at = 1000_s, .nodes = 4}};
  scene.powered = {{.at = 0_s, .nodes = 3}, {.at = 2000_s, .nodes = 4}};
  scene.recovery.resizes = false;
  const Life waits = life_of(scene);
  EXPECT_EQ(part(waits, Part::waiting), 2000);
  EXPECT_EQ(waits.time, (2000 + 3045) * 1'000'000'000LL);
  scene.recovery.resizes = true;
  const Life grows = life_of(scene);
  EXPECT_EQ(part(grows, Part::waiting), 30);
  EXPECT_TRUE(grows.done);
  EXPECT_GT(part(grows, Part::degraded), 900);
  EXPECT_LT(grows.time, waits.time);
  EXPECT_EQ(grows.starts, 2);
}

TEST(Life, the_account_sums_to_the_whole_whatever_happens) {
  int done = 0;
  for (unsigned seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    const Scene scene = random_scene(seed);
    ASSERT_TRUE(checked(scene).ok());
    const Life life = Replica(scene, seed, 0).live();
    EXPECT_EQ(whole(life.account), life.time);
    for (const Nanoseconds time : life.account) EXPECT_GE(time, 0);
    if (!life.done) continue;
    ++done;
    // Every step is done for the first time once.
    EXPECT_EQ(life.account[0], scene.steps * nanoseconds(scene.layouts.front().step));
  }
  EXPECT_GT(done, 150);
}

// The slow twin: recovery hears of each checkpoint when it is committed.
TEST(Life, telling_late_of_what_happened_changes_nothing) {
  for (unsigned seed = 0; seed < 1000; ++seed) {
    SCOPED_TRACE(seed);
    const Scene scene = random_scene(seed);
    const Life late = Replica(scene, seed, 0).live();
    const Life each = Replica(scene, seed, 0, {.every_event = true}).live();
    EXPECT_EQ(late.time, each.time);
    EXPECT_EQ(late.account, each.account);
    EXPECT_EQ(late.starts, each.starts);
  }
}

// Struck at the same times in the same places, who has more spares is done earlier, on the mean of
// pairs. (Not in each pair: who waits for a repair cannot be struck meanwhile.)
TEST(Life, more_spares_are_no_worse) {
  Scene scene = small_scene();
  scene.by_slot = true;
  scene.recovery.resizes = false;
  scene.recovery.retries = 1000000;
  scene.causes[lost].rate = PerSecond::of(1.0 / 4000);
  scene.causes[lost].repair = 2000_s;
  scene.causes[lost].repair_varies = true;
  ThreadPool pool;
  std::vector<double> before;
  for (const int spares : {0, 1, 2, 4}) {
    scene.tranches = {{.at = 0_s, .nodes = 4 + spares}};
    std::vector<double> times, gains;
    for (const Life& life : live_many(scene, {.seed = 4, .replicas = 100}, pool)) {
      ASSERT_TRUE(life.done) << life.why_not;
      times.push_back(seconds(life.time).in_base());
      if (!before.empty()) gains.push_back(before[times.size() - 1] - times.back());
    }
    if (!gains.empty()) {
      const Quantiles gain = quantiles_of(gains);
      EXPECT_GT(gain.mean, -2 * gain.mean_error) << spares;
      if (spares == 1) {
        EXPECT_GT(gain.mean, 1000) << "of them waits of 500 s and more each";
      }
    }
    before = times;
  }
}

// The same crash as above, with a copy in a neighbour's memory that loads in 1 s instead of 7.
TEST(Life, a_copy_in_memory_loads_faster) {
  Scene scene = small_scene();
  scene.given = {{.at = 702_s, .cause = crash, .node = 2}};
  scene.checkpoints.memory_copy = true;
  scene.times.load_memory = 1_s;
  EXPECT_EQ(life_of(scene).time, (3045 + 151 - 6) * 1'000'000'000LL);
}

// Power of 10 kW a node and 36 $ a node-hour, 1 $ for each MJ: 5 nodes for 3,045 s are 15,225 node
// seconds, so 152.25 MJ and 152.25 + 152.25 $.
TEST(Life, energy_and_dollars_are_those_of_all_nodes) {
  Scene scene = small_scene();
  scene.charges = {.power = Watts::of(1e4),
                   .price = DollarsPerSecond::of(36.0 / 3600),
                   .energy = DollarsPerJoule::of(1e-6)};
  const Life life = life_of(scene);
  ASSERT_TRUE(life.energy && life.dollars);
  EXPECT_NEAR(life.energy->in_base(), 152.25e6, 1);
  EXPECT_NEAR(life.dollars->in_base(), 304.5, 1e-6);
  scene.charges.power.reset();
  EXPECT_FALSE(life_of(scene).dollars);
}

TEST(Life, is_the_same_on_any_number_of_threads) {
  const Scene scene = random_scene(7);
  std::vector<std::vector<Nanoseconds>> times;
  for (const int threads : {1, 2, 8}) {
    ThreadPool pool(threads);
    times.emplace_back();
    for (const Life& life : live_many(scene, {.seed = 3, .replicas = 40}, pool)) {
      times.back().push_back(life.time);
      for (const Nanoseconds time : life.account) times.back().push_back(time);
    }
  }
  EXPECT_EQ(times[0], times[1]);
  EXPECT_EQ(times[0], times[2]);
}

}  // namespace
}  // namespace celere::life

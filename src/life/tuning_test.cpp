// The searches against what theory says is best, and assumptions against differences done by hand.
#include "life/tuning.hpp"

#include <gmock/gmock.h>

#include <cmath>

#include "cost/goodput.hpp"
#include "life/sensitivity.hpp"
#include "life/test_scenes.hpp"

namespace celere::life {
namespace {

// A failure each 3,600 s, a restart of 180 s, a save of 12 s, which the scene makes each 2,400 s:
// four grid steps below that are 600 s, and the search has to go on to Daly's optimum near 290 s
// (the square root of 2 x 12 x 3,600 s, less a little). It ends within a factor sqrt 2 of it.
TEST(Tuning, finds_dalys_interval) {
  Scene scene = bare_scene();
  scene.layouts.front().step = 2_s;
  scene.steps = 30000;
  scene.checkpoints = {.every = 1200, .blocking = 12_s};
  scene.causes[crash].rate = PerSecond::of(1.0 / 3600 / 4);
  scene.by_slot = true;
  scene.times.restart = 180_s;
  const cost::FailureModel model{
      .rate = PerSecond::of(1.0 / 3600), .restart = 180_s, .blocking = 12_s, .least_interval = {}};
  const double daly = cost::best_interval(model).in_base();
  ASSERT_NEAR(daly, 290, 15);
  ThreadPool threads(2);
  const Curve curve = tuned(scene, 3, 300, threads).interval;
  EXPECT_EQ(curve.points[curve.present].value, 2400);
  const double best = curve.points[curve.best].value;
  EXPECT_LE(std::abs(std::log2(best / daly)), 0.5) << best << " s, not " << daly;
  ASSERT_GT(curve.best, 0u) << "there is a curve on both sides";
  // And each point is Daly's expression, to 4 standard errors.
  for (const Point& point : curve.points) {
    if (point.done < 300) continue;
    const double share = cost::useful_share(model, Seconds::of(point.value));
    EXPECT_NEAR(point.time_mean.in_base(), 60000 / share, 4 * point.time_mean_error.in_base())
        << point.value;
  }
}

// The machine-repairman queue with a repairman for each machine: each of 4 + s nodes is away with
// p = 1,000 / 6,000 on its own, and the training goes on while at most s are. So it takes in
// proportion 1 / P(at most s of 4 + s away), which is 1 / 0.482 without a spare, and with 1, 2, 3,
// 4, ... of them 1 / 0.804, 1 / 0.938, 1 / 0.982, 1 / 0.995.
double up_share(int spares) {
  const int nodes = 4 + spares;
  double sum = 0, ways = 1;
  for (int away = 0; away <= spares; ++away) {
    sum += ways * std::pow(1.0 / 6, away) * std::pow(5.0 / 6, nodes - away);
    ways *= static_cast<double>(nodes - away) / (away + 1);
  }
  return sum;
}

TEST(Tuning, spares_follow_the_repairman_queue) {
  Scene scene = bare_scene();
  scene.steps = 20000;
  scene.causes[lost].rate = PerSecond::of(1.0 / 5000);
  scene.causes[lost].repair = 1000_s;
  scene.causes[lost].repair_varies = true;
  scene.tranches = {{.at = 0_s, .nodes = 5}};
  ASSERT_NEAR(up_share(0), 0.482, 0.001);
  ASSERT_NEAR(up_share(2), 0.938, 0.001);
  ThreadPool threads(2);
  const Curve curve = tuned(scene, 3, 200, threads).spares;
  EXPECT_EQ(curve.points[curve.present].value, 1);
  ASSERT_EQ(curve.points.front().value, 0);
  // Steps that are cut short cost the same share whatever the spares are: of 4 nodes one fails each
  // 1,250 s, and half a step of 3 s goes.
  const double alone = 60000 * (1 + 1.5 / 1250);
  for (const Point& point : curve.points) {
    if (point.done < 200) continue;
    const double expected = alone / up_share(static_cast<int>(point.value));
    EXPECT_NEAR(point.time_mean.in_base(), expected, 4 * point.time_mean_error.in_base() + 5)
        << point.value;
  }
  // One that is as good as any: from 4 on (0.995) they differ by less than 200 lives can tell.
  EXPECT_GT(up_share(static_cast<int>(curve.points[curve.best].value)), 0.99);
}

// Without failures saves only cost, and spares are of no use: the longest interval, and none.
TEST(Tuning, without_failures_nothing_is_worth_its_while) {
  Scene scene = small_scene();
  scene.charges.price = DollarsPerSecond::of(1);
  ThreadPool threads(1);
  const Tuning found = tuned(scene, 1, 2, threads);
  EXPECT_EQ(found.interval.points[found.interval.best].value, 3000);
  EXPECT_EQ(found.spares.points[found.spares.best].value, 0);
  // 10 s to start, 3,000 s, nine saves of 3 s and the last of 8 s, of 5 nodes at a dollar a second.
  const Point& present = found.interval.points[found.interval.present];
  EXPECT_EQ(present.value, 300);
  ASSERT_TRUE(present.dollars_mean);
  EXPECT_DOUBLE_EQ(present.dollars_mean->in_base(), 5 * (10 + 3000 + 9 * 3 + 8));
}

// 4 nodes train. With 1 spare of the 6 nodes in three tranches the last tranche goes and the second
// is cut to one node; with 4 the last brings two more, which can be powered as all could before.
TEST(Tuning, spares_are_the_newest_nodes) {
  Scene scene = small_scene();
  scene.tranches = {{.at = 0_s, .nodes = 4}, {.at = 10_s, .nodes = 5}, {.at = 20_s, .nodes = 6}};
  scene.powered = {{.at = 0_s, .nodes = 3}, {.at = 5_s, .nodes = 6}};
  scene.given = {{.at = 1_s, .cause = 0, .node = 5}, {.at = 1_s, .cause = 0, .node = 4}};
  const Scene fewer = with_spares(scene, 1);
  ASSERT_EQ(fewer.tranches.size(), 2u);
  EXPECT_EQ(fewer.nodes(), 5);
  EXPECT_EQ(fewer.tranches.back().at, 10_s);
  ASSERT_EQ(fewer.given.size(), 1u);
  EXPECT_EQ(fewer.given.front().node, 4);
  const Scene more = with_spares(scene, 4);
  EXPECT_EQ(more.nodes(), 8);
  EXPECT_EQ(more.tranches[1].nodes, 5);
  EXPECT_EQ(more.powered.back().nodes, 8);
  EXPECT_EQ(more.powered.front().nodes, 3);
  EXPECT_EQ(with_spares(scene, 2).nodes(), scene.nodes());
}

Knob knob(const char* name, double low, double is, double high,
          std::function<void(Scene&, double)> put) {
  return {.name = name, .at_low = low, .at_is = is, .at_high = high, .put = std::move(put)};
}

// Nothing fails. 1,000 steps of 3 s: at 2.5 s they take 500 s less, at 4 s 1,000 s more. A first
// start of 10 s: at 0 s 10 s less, at 10 s nothing. What is not in the scene moves nothing.
TEST(Sensitivity, is_the_difference_done_by_hand) {
  const std::vector<Knob> knobs = {
      knob("nothing", 0, 1, 2, [](Scene&, double) {}),
      knob("start", 0, 10, 10,
           [](Scene& scene, double value) { scene.times.first = Seconds::of(value); }),
      knob("step", 2.5, 3, 4,
           [](Scene& scene, double value) { scene.layouts.front().step = Seconds::of(value); })};
  ThreadPool threads(1);
  const std::vector<Shift> shifts = shifts_of(small_scene(), knobs, 1, 3, threads);
  ASSERT_EQ(shifts.size(), 3u);
  EXPECT_EQ(shifts[0].knob.name, "step");
  EXPECT_NEAR(shifts[0].low.in_base(), -500, 1e-6);
  EXPECT_NEAR(shifts[0].high.in_base(), 1000, 1e-6);
  EXPECT_EQ(shifts[1].knob.name, "start");
  EXPECT_NEAR(shifts[1].low.in_base(), -10, 1e-6);
  EXPECT_EQ(shifts[1].high, 0_s);
  EXPECT_EQ(shifts[2].knob.name, "nothing");
}

// A node that fails each second lets no step of 3 s end: it counts for five times 3,045 s, so it
// moves the end by four times that.
TEST(Sensitivity, never_is_five_times_as_long) {
  Scene scene = small_scene();
  scene.recovery.retries = scene.recovery.restarts = 1'000'000'000;
  scene.recovery.node_failures = 1'000'000'000;
  const std::vector<Knob> knobs = {knob("failures", 0, 0, 1, [](Scene& of, double value) {
    of.causes[crash].rate = PerSecond::of(value);
  })};
  ThreadPool threads(1);
  const Shift shift = shifts_of(scene, knobs, 1, 2, threads).front();
  EXPECT_NEAR(shift.high.in_base(), 4 * 3045, 1e-6);
}

}  // namespace
}  // namespace celere::life

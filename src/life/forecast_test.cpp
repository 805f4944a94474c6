#include "life/forecast.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "life/test_scenes.hpp"

namespace celere::life {
namespace {

// A tenth of all worlds is below low and a tenth above high: of 20,000, 2,000 with a standard
// deviation of 42. Half of them are on each side of 1.
TEST(World, has_its_ends_where_the_interval_says) {
  const Uncertain uncertain{.step = {0.8, 1.5}, .tokens = {0.9, 1.0}, .failures = {1, 3}};
  int low = 0, high = 0, below = 0;
  for (std::uint64_t i = 0; i < 20000; ++i) {
    const World world = drawn_world(uncertain, 7, i);
    low += world.step < 0.8;
    high += world.step > 1.5;
    below += world.step < 1;
    ASSERT_LE(world.tokens, 1);
    ASSERT_GE(world.failures, 1);
  }
  EXPECT_NEAR(low, 2000, 200);
  EXPECT_NEAR(high, 2000, 200);
  EXPECT_NEAR(below, 10000, 400);
}

TEST(World, of_certain_things_is_this_one) {
  const World world = drawn_world({}, 1, 2);
  EXPECT_EQ(world.step, 1);
  EXPECT_EQ(world.tokens, 1);
  EXPECT_EQ(world.failures, 1);
}

// Nothing fails: 10 s to start, 1,000 steps of 3 s, nine saves of 3 s on the way and the last one
// of 3 + 5 s. With steps twice as long it is 3,000 s more, with twice as many 3,000 s and ten saves
// more.
TEST(World, makes_steps_longer_and_more) {
  Scene scene = small_scene();
  const auto time = [](const Scene& one) { return Replica(one, 1, 0).live().time; };
  const Nanoseconds here = time(scene);
  EXPECT_EQ(here, nanoseconds(Seconds::of(10 + 3000 + 9 * 3 + 8)));
  EXPECT_EQ(time(in_world(scene, {.step = 2})), here + nanoseconds(3000_s));
  EXPECT_EQ(time(in_world(scene, {.tokens = 2})), here + nanoseconds(Seconds::of(3000 + 10 * 3)));
}

// Nothing fails: 10 s, 3 s a step, 3 s a save behind each hundredth. Half of the steps are done at
// 10 + 1,500 + 4 x 3 s, a quarter at 10 + 750 + 2 x 3, and both are saved within 8 s. Twice the
// steps take eight times what the last 125 of them took, 375 + 3 s (the save behind step 900),
// more.
TEST(End, knows_when_a_part_was_done) {
  Built built;
  built.scene = small_scene();
  ThreadPool threads(1);
  const Forecast forecast =
      forecast_of(built, {.replicas = 1, .tune = false, .shift = false}, threads);
  const End& end = forecast.ends.front();
  EXPECT_NEAR(end.time_of(0.5) / 1_s, 10 + 1500 + 12 + 8, 1e-6);
  EXPECT_NEAR(end.time_of(0.25) / 1_s, 10 + 750 + 6 + 8, 1e-6);
  EXPECT_EQ(end.time_of(1), end.time);
  EXPECT_NEAR((end.time_of(2) - end.time) / 1_s, 8 * (375 + 3), 1e-6);
}

Built busy() {
  Built built;
  built.scene = random_scene(3);
  built.uncertain = {.step = {0.9, 1.2}, .tokens = {0.9, 1.1}, .failures = {0.5, 2}};
  return built;
}

// Every life is the one that its number says, and the one that is told is one of them.
TEST(Forecast, is_the_same_on_any_number_of_threads) {
  ThreadPool one(1), two(2);
  const ForecastOptions options{
      .seed = 5, .replicas = 20, .told = 13, .tune = false, .shift = false};
  const Forecast a = forecast_of(busy(), options, one);
  const Forecast b = forecast_of(busy(), options, two);
  ASSERT_EQ(a.ends.size(), 20u);
  for (std::size_t i = 0; i < a.ends.size(); ++i) EXPECT_EQ(a.ends[i].time, b.ends[i].time);
  EXPECT_EQ(a.summary.time.p50, b.summary.time.p50);
  EXPECT_EQ(seconds(a.told.time), a.ends[13].time);
  EXPECT_FALSE(a.told.story.empty());
}

TEST(Forecast, spreads_more_where_less_is_certain) {
  ThreadPool threads(1);
  ForecastOptions options{.replicas = 100, .tune = false, .shift = false};
  const auto spread = [&] {
    const Quantiles time = forecast_of(busy(), options, threads).summary.time;
    return time.p95 - time.p5;
  };
  const double uncertain = spread();
  options.certain = true;
  EXPECT_LT(spread(), uncertain);
}

// Lives, then intervals and spares, then knobs: it goes on all the time, and ends at 1.
TEST(Forecast, says_how_far_it_is) {
  Built built = busy();
  for (const char* name : {"stopping", "stopping again"}) {
    Knob knob{.name = name, .at_low = 1, .at_is = 5, .at_high = 20};
    knob.put = [](Scene& scene, double value) { scene.times.stop = Seconds::of(value); };
    built.knobs.push_back(knob);
  }
  ThreadPool one(1);
  for (const auto& [tune, shift] : {std::pair(true, true), {true, false}, {false, true}}) {
    std::vector<double> said = {0};
    forecast_of(built, {.replicas = 12, .tune = tune, .shift = shift}, one,
                [&](double share) { said.push_back(share); });
    for (std::size_t i = 1; i < said.size(); ++i) {
      EXPECT_GE(said[i], said[i - 1]);
      EXPECT_LE(said[i], said[i - 1] + 0.25) << "from " << said[i - 1];
    }
    EXPECT_EQ(said.back(), 1) << tune << shift;
  }
}

}  // namespace
}  // namespace celere::life

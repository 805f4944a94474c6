// From a run file to its lives: what the scene says is what the plan and the cluster's entry say.
#include "life/builder.hpp"

#include <gmock/gmock.h>

#include "base/files.hpp"
#include "life/monte_carlo.hpp"

namespace celere::life {
namespace {

std::unique_ptr<plan::Plan> planned(const std::string& file, const char* layout) {
  const auto files = local_files();
  const spec::Catalog catalog(*files, {});
  plan::PlanOptions options;
  options.layout = *spec::parse_layout_text(layout);
  ThreadPool pool;
  return *plan::make_plan(*spec::parse_run(*files->read(file), file), catalog, options, pool);
}

// The next Grok on 100,000 H100s as they arrive: 12,000 on 22 July 2024, day 0, 100,000 on 2
// September, day 42; the site can power 28,000 GPUs on day 0, 56,000 on day 10, and all on 1
// November, day 102. Without growth it cannot begin before that.
TEST(Builder, deliveries_and_power_follow_the_entry) {
  const auto plan = planned("examples/next-grok-on-xai-100k.toml", "tp=8,pp=16,micro_batch=1");
  ASSERT_FALSE(plan->answer.best.empty());
  const Result<Built> built = scene_of(*plan, {.grows = false});
  ASSERT_TRUE(built.ok()) << built.error().text();
  const Scene& scene = built->scene;
  const plan::Outcome& best = plan->answer.best.front();
  EXPECT_EQ(scene.layouts.front().nodes * 8, best.layout.ranks());
  EXPECT_EQ(scene.tranches.front().nodes, 1500);
  EXPECT_EQ(scene.tranches.back().at, 42_days);
  EXPECT_EQ(scene.powered[1].at, 10_days);
  EXPECT_EQ(scene.powered[1].nodes, 7000);
  EXPECT_EQ(scene.powered[2].at, 102_days);
  const Life waits = Replica(scene, 1, 0).live();
  ASSERT_TRUE(waits.done) << waits.why_not;
  EXPECT_GE(waits.account[static_cast<int>(Part::waiting)], nanoseconds(102_days));
  EXPECT_EQ(waits.account[0], scene.steps * nanoseconds(scene.layouts.front().step));
  ASSERT_TRUE(waits.dollars && waits.energy);
  const Built grown = *scene_of(*plan);
  ASSERT_GT(grown.scene.layouts.size(), 3);
  const Life grows = Replica(grown.scene, 1, 0).live();
  ASSERT_TRUE(grows.done) << grows.why_not;
  EXPECT_LT(grows.time, waits.time);
}

// A cluster without deliveries is there from the beginning, and what the closed form has for the
// whole (cost/goodput.hpp) is near what lives take: it knows neither of spares that run out nor of
// steps that are cut short.
TEST(Builder, lives_last_about_as_long_as_the_plan_says) {
  const auto plan = planned("examples/next-grok-on-oracle-24k.toml", "tp=8,pp=16,micro_batch=1");
  ASSERT_FALSE(plan->answer.best.empty());
  const Built built = *scene_of(*plan, {.grows = false});
  ThreadPool pool;
  const Summary summary =
      summary_of(built.scene, live_many(built.scene, {.seed = 2, .replicas = 8}, pool));
  ASSERT_EQ(summary.done, 8);
  EXPECT_NEAR(summary.time.mean, plan->answer.best.front().wall.in_base(),
              0.05 * summary.time.mean);
  EXPECT_THAT(built.assumptions, testing::Contains(testing::HasSubstr("Llama 3")));
}

}  // namespace
}  // namespace celere::life

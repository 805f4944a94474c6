// From a run file to its lives: what the scene says is what the plan and the cluster's entry say.
#include "life/builder.hpp"

#include <gmock/gmock.h>

#include "base/files.hpp"
#include "life/monte_carlo.hpp"

namespace celere::life {
namespace {

std::unique_ptr<plan::Plan> planned_text(const std::string& text, const std::string& file,
                                         const char* layout) {
  const auto files = local_files();
  const spec::Catalog catalog(*files, {});
  plan::PlanOptions options;
  options.layout = *spec::parse_layout_text(layout);
  ThreadPool pool;
  return *plan::make_plan(*spec::parse_run(text, file), catalog, options, pool);
}

std::unique_ptr<plan::Plan> planned(const std::string& file, const char* layout) {
  return planned_text(*local_files()->read(file), file, layout);
}

// GPT-3 on 4,096 rented H100s, 8 a node.
std::unique_ptr<plan::Plan> planned_gpt3(const char* layout) {
  return planned_text(R"([run]
name = "test"
goal = "time"
[model]
use = "gpt3-175b"
[train]
tokens = "300 G tokens"
sequence = 2048
batch = "4032 sequences"
precision = "bf16"
optimizer = "adamw"
[cluster]
use = "oracle-24k-hopper"
gpus = 4096
[recovery]
on_lost_replica = "continue"
)",
                      "test.toml", layout);
}

// The next Grok on 100,000 H100s as they arrive: 12,000 on 22 July 2024, day 0, 100,000 on 2
// September, day 42; the site can power 28,000 GPUs on day 0, 56,000 on day 10, and all on 1
// November, day 102. Without growth it cannot begin before that.
TEST(Builder, deliveries_and_power_follow_the_entry) {
  const auto plan = planned("examples/next-grok-on-xai-100k.toml", "tp=8,pp=16,micro_batch=1");
  ASSERT_FALSE(plan->answer.best.empty());
  const Result<Built> built = scene_of(*plan, {.waits_for_all = true});
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
  const Built built = *scene_of(*plan, {.waits_for_all = true});
  ThreadPool pool;
  const Summary summary =
      summary_of(built.scene, live_many(built.scene, {.seed = 2, .replicas = 8}, pool));
  ASSERT_EQ(summary.done, 8);
  EXPECT_NEAR(summary.time.mean, plan->answer.best.front().wall.in_base(),
              0.05 * summary.time.mean);
  EXPECT_THAT(built.assumptions, testing::Contains(testing::HasSubstr("Llama 3")));
}

// tp = 4 and pp = 16: behind 4 ranks of a stage come the next replica's, so each node of 8 is of
// two and none can be lost alone. With stages close together a replica is 8 nodes side by side;
// with tp = 8 its nodes are whole but stand apart, one of each stage.
TEST(Builder, a_node_of_two_replicas_is_not_lost_alone) {
  const auto of = [](const char* layout) {
    const auto plan = planned_gpt3(layout);
    EXPECT_FALSE(plan->answer.best.empty());
    const auto built = scene_of(*plan);
    if (!built.ok()) ADD_FAILURE() << built.error().text();
    return built->scene.layouts.front();
  };
  const std::string rest = ",cp=1,micro_batch=1,zero_stage=0,dp=32";
  EXPECT_FALSE(of(("tp=4,pp=16,order=tp-cp-dp-pp" + rest).c_str()).replicas_whole);
  EXPECT_TRUE(of(("tp=4,pp=16,order=tp-cp-pp-dp" + rest).c_str()).replicas_whole);
  EXPECT_TRUE(of(("tp=8,pp=16,order=tp-cp-dp-pp" + rest).c_str()).replicas_whole);
}

// 63 replicas in shards of 21. An eighth of them less is 55, and the nearest number below that
// divides the batch of 4,032 is 48; shards of 21 divide 42 alone. With 21 and fewer, shards are
// over all that are left: 31 gives 28 (not in 21s), 24 and 21, then 23 and 15 give 21 and 14, 7
// gives 7. So the scene has 63, 42, 21, 14 and 7.
TEST(Builder, smaller_layouts_shard_over_what_is_left) {
  const auto plan = planned_gpt3("tp=8,pp=8,micro_batch=1,zero_stage=1,shard=21,dp=63");
  ASSERT_FALSE(plan->answer.best.empty());
  const Built built = *scene_of(*plan);
  std::vector<int> replicas;
  for (const Layout& layout : built.scene.layouts) replicas.push_back(layout.replicas);
  EXPECT_THAT(replicas, testing::ElementsAre(63, 42, 21, 14, 7));
}

}  // namespace
}  // namespace celere::life

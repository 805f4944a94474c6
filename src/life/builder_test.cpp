// From a run file to its lives: what the scene says is what the plan and the cluster's entry say.
#include "life/builder.hpp"

#include <gmock/gmock.h>

#include "base/files.hpp"
#include "cost/money.hpp"
#include "layout/place.hpp"
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

// GPT-3 on 4,096 rented H100s, 8 a node. `more`: tables behind its [recovery]; `train`: lines of
// its [train].
std::unique_ptr<plan::Plan> planned_gpt3(const char* layout, const std::string& more = "",
                                         const std::string& train = "") {
  const std::string head = R"([run]
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
)";
  const std::string rest = R"([cluster]
use = "oracle-24k-hopper"
gpus = 4096
[recovery]
on_lost_replica = "continue"
)";
  return planned_text(head + train + rest + more, "test.toml", layout);
}
constexpr const char* plain_layout = "tp=8,pp=8,cp=1,micro_batch=1,zero_stage=1,dp=32";

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

// By place.hpp: every rank of a node of row i is of replica i mod dp, in both orders. tp = 8 makes
// a stage a node: rows of one where replicas change before stages, of all 16 where they do not.
TEST(Builder, rows_of_nodes_are_replicas) {
  for (const auto& [order, row] : {std::pair("tp-cp-dp-pp", 1), std::pair("tp-cp-pp-dp", 16)}) {
    const auto plan = planned_gpt3(
        (std::string("tp=8,pp=16,cp=1,micro_batch=1,zero_stage=0,dp=32,order=") + order).c_str());
    ASSERT_FALSE(plan->answer.best.empty());
    const layout::Layout& layout = plan->answer.best.front().layout;
    const Layout of = scene_of(*plan)->scene.layouts.front();
    ASSERT_EQ(of.row, row) << order;
    for (std::int64_t rank = 0; rank < layout.ranks(); rank += 3) {
      const auto node = static_cast<int>(rank / 8);
      ASSERT_EQ(layout::place_of(layout, rank).dp, node / of.row % of.replicas) << rank;
    }
  }
}

// Nothing fails and nothing is saved: the time is that of tokens over tokens a second, to the
// nanosecond for whole steps. 300 G tokens are 36,330 steps of 4,032 x 2,048 tokens and a bit.
TEST(Builder, without_failures_it_takes_tokens_over_tokens_a_second) {
  const auto plan = planned_gpt3(plain_layout);
  ASSERT_FALSE(plan->answer.best.empty());
  Scene scene = scene_of(*plan)->scene;
  scene.causes.clear();
  scene.slowdowns.clear();
  scene.flaps = {};
  scene.evaluation = {};
  scene.checkpoints = {};
  scene.times = {};
  const Life life = Replica(scene, 1, 0).live();
  ASSERT_TRUE(life.done) << life.why_not;
  const plan::Outcome& best = plan->answer.best.front();
  const double batch = 4032.0 * 2048;
  EXPECT_EQ(scene.steps, 36331);
  EXPECT_EQ(life.time, scene.steps * nanoseconds(best.step.time));
  EXPECT_EQ(life.time, life.account[0]);
  const double a_second = batch / best.step.time.in_base();
  EXPECT_NEAR(seconds(life.time).in_base(), 300e9 / a_second, best.step.time.in_base());
}

// What a cluster says goes before, the rest is the default set's: Llama 3's counts of the
// cluster's 3.8e-3 a node-day, made up for lemons in repair; 0.1 failed feeds a year and 64 nodes
// beside. A lemon's share of 0.5 on 0.013 of nodes fails by parts that take it away, (315 x 1 day +
// 4 h) / 419 of 3.8e-3 / day, so 0.110 of its time is repair, of which half is hidden: 1 / (1 -
// 0.5 x 0.110 / 1.110) = 1.052.
TEST(Builder, failures_are_those_of_the_cluster_and_its_set) {
  const auto plan = planned_gpt3(plain_layout);
  ASSERT_FALSE(plan->answer.best.empty());
  const Scene scene = scene_of(*plan)->scene;
  double shared = 0, feeds = 0;
  for (const Cause& cause : scene.causes) {
    const bool beside = cause.name == "power feed" || cause.name == "cooling of a rack" ||
                        cause.name == "network of a pod" || cause.name == "planned maintenance" ||
                        cause.name == "slow node" || cause.name.starts_with("loss");
    if (!beside) shared += cause.rate.in_base() * 86400;
    if (cause.name == "power feed") {
      feeds = cause.rate.in_base() * 365.25 * 86400;
      EXPECT_EQ(cause.group, 64);
      EXPECT_FALSE(cause.of_parts);
    }
  }
  const double away = 3.8e-3 * (315 + 4.0 / 24) / 419 * 0.5 / 0.013;
  EXPECT_NEAR(away, 0.110, 0.001);
  EXPECT_NEAR(shared, 3.8e-3 / (1 - 0.5 * away / (1 + away)), 1e-9);
  EXPECT_NEAR(feeds, 0.1 / 64, 1e-9);
  EXPECT_EQ(scene.early_factor, 2);
  EXPECT_EQ(scene.times.replace, Seconds::of(180));
  EXPECT_EQ(scene.times.stop, 5_s);
  EXPECT_EQ(scene.misdiagnosis.share, 0.1);
  EXPECT_EQ(scene.flaps.stall, 10_s);
  ASSERT_EQ(scene.slowdowns.size(), 1u);
  EXPECT_EQ(scene.slowdowns[0].factor, 1.015);
  EXPECT_EQ(scene.slowdowns[0].lasts, Seconds::of(8 * 3600));
  EXPECT_EQ(scene.dead_on_arrival, 0);  // it has long been there
}

// A restart of 180 s includes loading: so many bytes over the 2 TB/s of all. From a neighbour's
// memory each of a replica's 64 GPUs gets its part through its port.
TEST(Builder, loading_is_by_bytes) {
  const auto plan = planned_gpt3(plain_layout, "[checkpoint]\nmemory_copy = true\n");
  ASSERT_FALSE(plan->answer.best.empty());
  const Times times = scene_of(*plan)->scene.times;
  const double bytes = plan->model->checkpoint_bytes().in_base();
  EXPECT_NEAR(bytes, 175e9 * 12, 0.2 * bytes);  // fp32 weights and two moments
  EXPECT_NEAR(times.load.in_base(), bytes / 2e12, 1e-9);
  EXPECT_NEAR((times.restart + times.load).in_base(), 180, 1e-9);
  const spec::Tier& tier = plan->model->setting().cluster.tiers.back();
  const double port = tier.bandwidth.value->in_base() * *tier.share.value;
  EXPECT_NEAR(times.load_memory.in_base(), std::min(bytes / 64 / port, bytes / 2e12), 1e-9);
}

// 512 sequences on 32 replicas are 16 micro-batches through 8 stages, a step's 4,032 are 126: (16 +
// 7) / (126 + 7) of its forward pass, a third of it.
TEST(Builder, evaluations_cost_their_forward_pass) {
  const auto plan = planned_gpt3(
      plain_layout, "", "validate_every = \"1000 steps\"\nvalidation = \"512 sequences\"\n");
  ASSERT_FALSE(plan->answer.best.empty());
  const Pauses pauses = scene_of(*plan)->scene.evaluation;
  const double step = plan->answer.best.front().step.time.in_base();
  EXPECT_EQ(pauses.every, 1000);
  EXPECT_NEAR(pauses.takes.in_base(), step * 23 / 133 / 3, 1e-9);
}

TEST(Builder, the_run_file_says_what_is_known_beforehand) {
  const auto plan = planned_gpt3(plain_layout,
                                 "spares_are = \"cold\"\n[[slowdown]]\nname = \"grid\"\n"
                                 "from = \"1 h\"\nfor = \"30 min\"\nstops = true\n");
  ASSERT_FALSE(plan->answer.best.empty());
  const Scene scene = scene_of(*plan)->scene;
  EXPECT_EQ(scene.times.replace, Seconds::of(600));
  ASSERT_EQ(scene.slowdowns.size(), 2u);
  EXPECT_EQ(scene.slowdowns[1].name, "grid");
  EXPECT_TRUE(scene.slowdowns[1].stops);
  EXPECT_EQ(scene.slowdowns[1].at, Seconds::of(3600));
}

// A node of 8 is charged as cost/money.hpp has it for 8 GPUs.
TEST(Builder, charges_are_those_of_the_plan) {
  const auto plan = planned("examples/next-grok-on-xai-100k.toml", "tp=8,pp=16,micro_batch=1");
  ASSERT_FALSE(plan->answer.best.empty());
  const Built built = *scene_of(*plan);
  const Charges& charges = built.scene.charges;
  const spec::Cluster& cluster = plan->model->setting().cluster;
  const Seconds day = 1_days;
  EXPECT_DOUBLE_EQ((*charges.price * day).in_base(), cost::dollars_of(cluster, 8, day)->in_base());
  EXPECT_DOUBLE_EQ((*charges.power * day).in_base(), cost::energy_of(cluster, 8, day)->in_base());
  EXPECT_FALSE(charges.energy);
  EXPECT_EQ(built.gpus_per_node, 8);
}

// All numbers of a scene, in one line.
std::string numbers_of(const Scene& scene) {
  std::string out = fmt::format(
      "{} {} {} {} {} {} {} {} {} {} {} {} {} {}", scene.steps, scene.late_min.in_base(),
      scene.late_max.in_base(), scene.dead_on_arrival, scene.dead_repair.in_base(),
      scene.early_factor, scene.early_time.in_base(), scene.idle_rate_share, scene.lemon_share,
      scene.lemon_failures, scene.misdiagnosis.share, scene.misdiagnosis.again.in_base(),
      scene.flaps.rate.in_base(), scene.flaps.stall.in_base());
  const Times& times = scene.times;
  for (const Seconds time : {times.first, times.stop, times.replace, times.restart, times.load,
                             times.warm_up, times.plan, times.change, times.regroup}) {
    out += fmt::format(" {}", time.in_base());
  }
  for (const Cause& cause : scene.causes) {
    out += fmt::format(" {} {} {} {} {} {} {} {}", cause.rate.in_base(), cause.group, cause.weibull,
                       cause.detect.in_base(), cause.repair.in_base(), cause.factor,
                       cause.lasts.in_base(), cause.notice.in_base());
  }
  for (const Slowdown& slowdown : scene.slowdowns) out += fmt::format(" {}", slowdown.factor);
  for (const Layout& layout : scene.layouts) out += fmt::format(" {}", layout.step.in_base());
  return out;
}

// Each knob at what it is leaves the scene as it is, at its ends changes it, and names its source.
// What a scenario adds behind stays.
TEST(Builder, each_knob_turns_its_number) {
  const auto plan = planned("examples/next-grok-on-xai-100k.toml", "tp=8,pp=16,micro_batch=1");
  ASSERT_FALSE(plan->answer.best.empty());
  Built built = *scene_of(*plan);
  built.scene.causes.push_back({.name = "added", .rate = PerSecond::of(1)});
  const std::string as_is = numbers_of(built.scene);
  std::vector<std::string> names;
  for (const Knob& knob : built.knobs) {
    names.push_back(knob.name);
    EXPECT_FALSE(knob.source.empty() || knob.grade.empty()) << knob.name;
    EXPECT_LT(knob.at_low, knob.at_high) << knob.name;
    for (const double value : {knob.at_low, knob.at_is, knob.at_high}) {
      Scene scene = built.scene;
      knob.put(scene, value);
      EXPECT_EQ(numbers_of(scene) == as_is, value == knob.at_is) << knob.name << " at " << value;
      EXPECT_TRUE(checked(scene).ok()) << knob.name;
      EXPECT_EQ(scene.causes.back().name, "added");
    }
  }
  EXPECT_THAT(names, testing::IsSupersetOf({"failures of a node", "detection", "restart",
                                            "repair of a node", "nodes that come broken",
                                            "deliveries are late by", "step time", "tokens",
                                            "power feed, rate", "heat of the day, factor"}));
  EXPECT_EQ(std::ranges::count(names, "tokens"), 1);
}

// Each number of grade assumption that the scene takes from the cluster and its set, as TOML has
// them, its source once: those of a knob, and the early time, which has no interval. (The plan says
// how often a node fails.) A node that is replaced by a warm spare is no cold one.
TEST(Builder, all_assumptions_are_named_once) {
  const auto plan = planned_gpt3(plain_layout);
  ASSERT_FALSE(plan->answer.best.empty());
  const Built built = *scene_of(*plan);
  const auto times = [&](const std::string& text) {
    return std::ranges::count_if(
        built.assumptions, [&](const std::string& line) { return line.find(text) != line.npos; });
  };
  for (const Knob& knob : built.knobs) {
    if (knob.grade != "assumption") continue;
    EXPECT_EQ(times(knob.source), 1) << knob.name;
  }
  EXPECT_EQ(times("burn-in, 1 to 3 times as many failures"), 1);
  EXPECT_EQ(times("agents see a dead process in 30 s"), 1);
  EXPECT_EQ(times("a warm spare takes 1 to 5 minutes"), 1);
  EXPECT_EQ(times("30 s to initialize tuned communicators"), 1);
  EXPECT_EQ(times("lazy connections and caches may cost more"), 1);
  EXPECT_EQ(times("maintenance is announced and takes about an hour"), 1);
  EXPECT_EQ(times("8 nodes, as 64 GPUs a rack"), 1);
  EXPECT_EQ(times("goes back to its maker"), 0) << "nothing is delivered";
  EXPECT_EQ(times("3 to 10 % of nodes without burn-in"), 0);
  EXPECT_EQ(times("takes over within seconds"), 0) << "spares are not hot";
}

}  // namespace
}  // namespace celere::life

#include "launch/job.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace celere::launch {
namespace {

using testing::HasSubstr;
using testing::IsSupersetOf;
using testing::StartsWith;

// 4 layers with 4 heads, batches of 8; [layout] is at line 15.
Result<Job> job_of(const std::string& layout, const JobWish& wish = {},
                   const std::string& recovery = "") {
  const std::string text =
      "[run]\nname = \"x\"\n[model]\nuse = \"grok-1\"\nlayers = 4\nhidden = 256\nattention = { "
      "heads = 4, "
      "kv_heads = 4, head_dim = 64 }\n[train]\ntokens = \"1 M tokens\"\nsequence = 64\nbatch = \"8 "
      "sequences\"\nprecision = \"fp32\"\n[cluster]\nuse = \"eos-h100\"\n[layout]\n" +
      layout + "[recovery]\n" + recovery;
  ASSIGN_OR_RETURN(const spec::Run run, spec::parse_run(text, "x.toml"));
  const auto no_files = memory_files();
  return make_job(run, spec::Catalog(*no_files, {}), wish);
}

template <typename Say>
JobWish wish(const Say& say) {
  JobWish out;
  say(out);
  return out;
}

std::string error_of(const std::string& layout, const JobWish& wish = {},
                     const std::string& recovery = "") {
  const auto job = job_of(layout, wish, recovery);
  return job.ok() ? "" : job.error().message;
}

// All ranks on one node, its 8 cores shared by 2 ranks.
TEST(Job, a_node_has_all_ranks_where_nothing_is_said) {
  const auto job = job_of("dp = 2\n", wish([](JobWish& it) {
                            it.directory.folder = "runs/x";
                            it.corpus = "c";
                            it.cores = 8;
                          }));
  ASSERT_TRUE(job.ok()) << job.error().text();
  EXPECT_EQ(job->layout.dp, 2);
  EXPECT_EQ(job->ranks_per_node, 2);
  EXPECT_EQ(job->nodes, 1);
  EXPECT_EQ(job->threads, 4);
  EXPECT_FALSE(job->micro_batch_said);
  EXPECT_THAT(job->worker_arguments,
              IsSupersetOf({"train", "--run-directory", "runs/x", "--corpus", "c"}));
}

// 4 ranks, 2 on a node, need 2 nodes; with the spare 3. On one machine all 4 share its 8 cores; of
// a machine a node, the 2 of a node do.
TEST(Job, nodes_are_those_of_the_ranks_and_the_spares) {
  const std::string recovery = "ranks_per_node = 2\nspares = 1\n";
  const auto job = job_of("dp = 4\n", wish([](JobWish& it) { it.cores = 8; }), recovery);
  ASSERT_TRUE(job.ok()) << job.error().text();
  EXPECT_EQ(job->ranks_per_node, 2);
  EXPECT_EQ(job->nodes, 3);
  EXPECT_EQ(job->threads, 2);
  EXPECT_EQ(job_of("dp = 4\n", wish([](JobWish& it) {
                     it.nodes = 2;
                     it.cores = 8;
                   }),
                   recovery)
                ->nodes,
            2);
  EXPECT_EQ(job_of("dp = 4\n", wish([](JobWish& it) {
                     it.cores = 8;
                     it.one_machine = false;
                   }),
                   recovery)
                ->threads,
            4);
  EXPECT_EQ(job_of("dp = 4\n", wish([](JobWish& it) { it.cores = 2; }), recovery)->threads,
            1);  // never none
  EXPECT_EQ(job_of("dp = 4\n", wish([](JobWish& it) {
                     it.threads = 7;
                     it.cores = 2;
                   }),
                   recovery)
                ->threads,
            7);
}

TEST(Job, flags_are_over_the_run_file) {
  const auto job = job_of("dp = 2\ntp = 2\nsequence_parallel = true\n", wish([](JobWish& it) {
                            it.layout = "dp=4,micro_batch=2";
                            it.stop_after = 100;
                            it.catalog = {"own"};
                          }));
  ASSERT_TRUE(job.ok()) << job.error().text();
  EXPECT_EQ(job->layout.dp, 4);
  EXPECT_EQ(job->layout.tp, 2);
  EXPECT_TRUE(job->micro_batch_said);
  EXPECT_THAT(job->worker_arguments, IsSupersetOf({"--stop-after", "100", "--catalog", "own"}));
}

TEST(Job, recovery_is_that_of_the_run_file) {
  const auto job = job_of("dp = 2\n", {},
                          "on_lost_replica = \"continue\"\nretries = 5\nresize = false\n"
                          "step_deadline = \"10 min\"\nstraggler_factor = 1.25\n");
  ASSERT_TRUE(job.ok()) << job.error().text();
  EXPECT_EQ(job->settings.on_lost_replica, policy::LostReplica::go_on);
  EXPECT_EQ(job->settings.retries, 5);
  EXPECT_FALSE(job->settings.resizes);
  EXPECT_EQ(job->watch.step_deadline, Seconds::of(600));
  EXPECT_EQ(job->watch.straggler_factor, 1.25);
}

// tp = 3 does not divide 4 heads; 8 sequences are not 3 times as many.
TEST(Job, what_cannot_be_trained_is_refused_where_it_was_said) {
  EXPECT_THAT(error_of("tp = 3\n"), StartsWith("x.toml:15: layout: tp = 3 does not divide"));
  EXPECT_THAT(error_of("dp = 2\n", wish([](JobWish& it) { it.layout = "dp=3"; })),
              StartsWith("--layout dp=3: "));
  EXPECT_THAT(error_of("dp = 2\n", wish([](JobWish& it) { it.layout = "pd=3"; })), HasSubstr("pd"));
  EXPECT_THAT(error_of("dp = 4\n", wish([](JobWish& it) { it.nodes = 1; }), "ranks_per_node = 2\n"),
              "--nodes 1: 4 ranks, 2 on a node, need 2 nodes");
}

// tp = 4 fits no node of 2 GPUs: the planner, which may choose any layout, finds one that does, and
// the greatest it is asked for has at most so many ranks.
TEST(Job, the_planner_finds_a_layout_where_no_replica_fits) {
  const std::string text =
      "[run]\nname = \"x\"\n[model]\nuse = \"gpt2-124m\"\n[train]\ntokens = \"1 G tokens\"\n"
      "sequence = 1024\nbatch = \"32 sequences\"\nprecision = \"bf16\"\n[cluster]\n"
      "use = \"eos-h100\"\n[layout]\ntp = 4\n";
  const auto run = spec::parse_run(text, "x.toml");
  ASSERT_TRUE(run.ok()) << run.error().text();
  const auto no_files = memory_files();
  const spec::Catalog catalog(*no_files, {});
  const auto plan = planner_of(*run, catalog);
  for (const int gpus : {1, 2, 8}) {
    const auto layout = plan(gpus);
    ASSERT_TRUE(layout) << gpus;
    EXPECT_LE(layout->ranks(), gpus);
    EXPECT_FALSE(layout::untrained(*layout));
  }
  EXPECT_NE(plan(2)->tp, 4);
}

}  // namespace
}  // namespace celere::launch

// What a supervised rank does when it is asked: saves, skips a batch, goes back, leaves its trace.
#include "train/test_ranks.hpp"

namespace celere::train {
namespace {

// Ten steps of twelve samples on two ranks. Its flight record has ten steps, and of every group the
// same count on both ranks; rank 1 says nothing.
TEST_F(SupervisedTest, leaves_its_steps_and_collectives) {
  Ranks ranks = start({.directory = "two", .run = run_of(10), .at = {.layout = "dp=2"}}, 2);
  const Result<Outcome> outcome = finish(ranks);
  ASSERT_TRUE(outcome.ok()) << outcome.error().text();
  const wire::Flight first = ranks[0]->flight(), second = ranks[1]->flight();
  EXPECT_EQ(first.pulse.phase, wire::RankPhase::ended);
  EXPECT_EQ(first.pulse.step, 10);
  ASSERT_EQ(first.steps.size(), 10u);
  EXPECT_EQ(first.steps.back().step, 10);
  for (const wire::FlightStep& step : first.steps) EXPECT_GT(step.whole, 0_s);
  ASSERT_EQ(first.entries.size(), 64u);
  ASSERT_EQ(second.entries.size(), 64u);
  for (std::size_t i = 0; i < 64; ++i) {
    EXPECT_EQ(first.entries[i].sequence, second.entries[i].sequence);
    EXPECT_EQ(first.entries[i].in_group, second.entries[i].in_group);
    EXPECT_EQ(first.entries[i].kind, second.entries[i].kind);
    EXPECT_EQ(first.entries[i].group, second.entries[i].group);
    EXPECT_TRUE(first.entries[i].left.has_value());
  }
  EXPECT_EQ(ranks[0]->events("done").size(), 1u);
  EXPECT_TRUE(ranks[1]->events("done").empty());
  EXPECT_FALSE(files_->exists(folder_ + "/two/events.jsonl"));
}

// The plan saves at 4 and 8 and the end, 20; the order in between.
TEST_F(SupervisedTest, saves_when_ordered) {
  TestHooks slowly;
  slowly.begins = [] { std::this_thread::sleep_for(std::chrono::milliseconds(40)); };
  spec::Run run = run_of(20);
  run.checkpoint.every_steps = 100;
  Ranks ranks = start({.directory = "ordered", .run = run, .at = {}, .hooks = &slowly}, 1);
  ranks[0]->reaches(3);
  ranks[0]->order(wire::SaveOrder{});
  ASSERT_TRUE(finish(ranks).ok());
  const auto saved = ranks[0]->events("checkpoint_saved");
  ASSERT_EQ(saved.size(), 2u);
  EXPECT_LT(number_of(saved[0], "step").value(), 20);
}

// Without the last step's batch a training ends with the weights of the step before, while cursor
// and step go on to their end.
TEST_F(SupervisedTest, skips_a_batch) {
  Ranks nine =
      start({.directory = "nine", .run = run_of(10), .at = {.layout = "dp=2"}, .stop_after = 9}, 2);
  ASSERT_TRUE(finish(nine).ok());
  Ranks ranks = start(
      {.directory = "skips", .run = run_of(10), .at = {.layout = "dp=2"}, .skipped = {10}}, 2);
  const Result<Outcome> outcome = finish(ranks);
  ASSERT_TRUE(outcome.ok()) << outcome.error().text();
  EXPECT_EQ(outcome->ended, Ended::done);
  EXPECT_EQ(outcome->steps, 10);
  auto without = stored("nine"), skipping = stored("skips");
  EXPECT_NE(without["cursor"], skipping["cursor"]);
  without.erase("cursor");
  skipping.erase("cursor");
  EXPECT_EQ(skipping, without);
  EXPECT_EQ(newest_step("skips"), 10);
  const auto skipped = ranks[0]->events("batch_skipped");
  ASSERT_EQ(skipped.size(), 1u);
  EXPECT_EQ(number_of(skipped[0], "step"), 10);
  EXPECT_EQ(number_of(skipped[0], "first_sample"), 108);
  EXPECT_EQ(number_of(skipped[0], "samples"), 12);
  // In the middle: the steps behind it have their own samples, and a line each.
  Ranks middle = start({.directory = "middle", .run = run_of(10), .at = {}, .skipped = {4}}, 1);
  ASSERT_TRUE(finish(middle).ok());
  EXPECT_EQ(steps_of("middle"), (std::vector<std::int64_t>{1, 2, 3, 5, 6, 7, 8, 9, 10}));
  EXPECT_EQ(wire::read_metrics(*files_, folder_ + "/middle/metrics.jsonl")->back().samples, 120);
}

// Saved at 4, 8 and 9, but not trusted behind 5: it begins again at 4, saves 8 anew, and ends with
// the right bits, although what it passed over is rubbish with good checksums.
TEST_F(SupervisedTest, goes_back_behind_a_step) {
  Ranks whole = start({.directory = "whole", .run = run_of(10), .at = {}}, 1);
  ASSERT_TRUE(finish(whole).ok());
  // The same seeds at another rate: other weights under the same names.
  spec::Run other = run_of(10);
  other.schedule.learning_rate = other.schedule.muon.learning_rate = 0.03;
  Ranks good = start({.directory = "back", .run = run_of(10), .at = {}, .stop_after = 4}, 1);
  ASSERT_TRUE(finish(good).ok());
  Ranks bad = start({.directory = "back", .run = other, .at = {}, .stop_after = 9}, 1);
  ASSERT_TRUE(finish(bad).ok());
  EXPECT_EQ(newest_step("back"), 9);
  Ranks again = start({.directory = "back", .run = run_of(10), .at = {}, .from_step = 5}, 1);
  ASSERT_TRUE(finish(again).ok());
  EXPECT_EQ(number_of(again[0]->events("resumed").at(0), "step"), 4);
  EXPECT_EQ(stored("back"), stored("whole"));
}

// Copies in memory, and both ranks killed: they begin again with what lies in memory, and to the
// same bits as without.
TEST_F(SupervisedTest, begins_again_with_copies_in_memory) {
  Ranks whole = start({.directory = "disk", .run = run_of(10), .at = {.layout = "dp=2"}}, 2);
  ASSERT_TRUE(finish(whole).ok());
  const checkpoint::MemoryOptions memory{.folder = folder_ + "/memory", .ranks_per_node = 0};
  std::filesystem::create_directories(memory.folder);
  Ranks first = start({.directory = "memory",
                       .run = run_of(10),
                       .at = {.layout = "dp=2"},
                       .stop_after = 5,
                       .memory = memory},
                      2);
  ASSERT_TRUE(finish(first).ok());
  Ranks again = start(
      {.directory = "memory", .run = run_of(10), .at = {.layout = "dp=2"}, .memory = memory}, 2);
  ASSERT_TRUE(finish(again).ok());
  const auto resumed = again[0]->events("resumed");
  ASSERT_EQ(resumed.size(), 1u);
  EXPECT_GT(number_of(resumed[0], "memory_bytes").value(), 0);
  EXPECT_TRUE(again[0]->events("memory_copy_failed").empty());
  EXPECT_EQ(stored("memory"), stored("disk"));
}

}  // namespace
}  // namespace celere::train

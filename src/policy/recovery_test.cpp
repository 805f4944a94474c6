// Each rule of recovery by hand: what is told, and what must be ordered.
#include "policy/recovery.hpp"

#include <gmock/gmock.h>

#include <csignal>
#include <tuple>

namespace celere::policy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using What = decltype(Action::what);

// Three replicas of a node each, and a spare: nodes 0 to 2 train, 3 waits.
Shape three() {
  return {.slots = 3, .replicas = 3, .replica_of_slot = {0, 1, 2}, .replicas_whole = true};
}
Shape two() {
  return {.slots = 2, .replicas = 2, .replica_of_slot = {0, 1}, .replicas_whole = true};
}

class Driver {
 public:
  explicit Driver(Settings settings = {}, int nodes = 4, Shape shape = three())
      : recovery(settings, shape) {
    for (Node node = 0; node < nodes; ++node) recovery.on(NodeJoined{node}, {});
  }
  std::vector<What> tell(const Event& event) {
    whys.clear();
    return whats(recovery.on(event, now));
  }
  std::vector<What> begin() { return whats(recovery.begin(now)); }
  // Steps up to this one, in the present generation.
  void train(Step from, Step to) {
    for (Step step = from; step <= to; ++step) tell(Trained{recovery.generation(), step});
  }
  void pass(Seconds time) { now = now + time; }
  // Of the present generation, which a Stop was ordered for.
  std::vector<What> ended() { return tell(GenerationEnded{recovery.generation()}); }

  Recovery recovery;
  Instant now;
  std::string whys;

 private:
  std::vector<What> whats(const std::vector<Action>& actions) {
    std::vector<What> out;
    for (const Action& action : actions) {
      EXPECT_FALSE(action.why.text().empty());
      whys += action.why.text() + "\n";
      out.push_back(action.what);
    }
    return out;
  }
};

WorkerExited killed(int generation, Node node) {
  return {.generation = generation, .node = node, .rank = node, .signal = SIGKILL};
}
Start start(int generation, How how, std::vector<Node> nodes, std::optional<Step> from = {},
            std::vector<Step> skipped = {}) {
  return {generation, how, std::move(nodes), from, std::move(skipped)};
}

TEST(Recovery, starts_on_the_first_nodes_and_keeps_the_rest_as_spares) {
  Driver it;
  EXPECT_THAT(it.begin(), ElementsAre(start(1, How::first, {0, 1, 2})));
  EXPECT_EQ(it.recovery.phase(), Phase::training);
  EXPECT_EQ(it.recovery.wakes(), std::nullopt);
}

TEST(Recovery, a_killed_worker_starts_again_in_place_once_all_are_gone) {
  Driver it;
  it.begin();
  it.train(1, 5);
  EXPECT_THAT(it.tell(killed(1, 1)), ElementsAre(Stop{1}));
  EXPECT_THAT(it.whys, HasSubstr("rank 1 on node 1 was killed by signal 9"));
  // The others end too: that is no news.
  EXPECT_THAT(it.tell(killed(1, 0)), IsEmpty());
  EXPECT_THAT(it.ended(), ElementsAre(start(2, How::in_place, {0, 1, 2})));
  // And what generation 1 still says changes nothing.
  EXPECT_THAT(it.tell(killed(1, 2)), IsEmpty());
  EXPECT_THAT(it.tell(GenerationEnded{1}), IsEmpty());
  EXPECT_THAT(it.tell(Overdue{1, {0}}), IsEmpty());
  EXPECT_THAT(it.tell(BadNumbers{1, Sick::mismatch, 3, 0}), IsEmpty());
}

TEST(Recovery, a_spare_takes_the_slot_of_a_node_that_is_gone) {
  Driver it;
  it.begin();
  it.train(1, 5);
  EXPECT_THAT(it.tell(NodeGone{1}), ElementsAre(Stop{1}));
  EXPECT_THAT(it.ended(), ElementsAre(start(2, How::spare, {0, 3, 2})));
  // Node 1 is back, and 0 goes: it had been in use.
  it.train(1, 6);
  EXPECT_THAT(it.tell(NodeJoined{1}), IsEmpty());
  EXPECT_THAT(it.tell(NodeGone{0}), ElementsAre(Stop{2}));
  EXPECT_THAT(it.ended(), ElementsAre(start(3, How::elsewhere, {1, 3, 2})));
}

// Two of four nodes are gone, and 30 s later none is back: a layout for two.
TEST(Recovery, waits_for_nodes_then_shrinks_and_grows_back_at_a_checkpoint) {
  Driver it;
  it.begin();
  it.train(1, 5);
  it.tell(NodeGone{1});
  it.tell(NodeGone{3});
  EXPECT_THAT(it.ended(), ElementsAre(Note{}));
  EXPECT_EQ(it.recovery.phase(), Phase::waiting);
  EXPECT_EQ(it.recovery.wakes(), it.now + 30_s);
  it.pass(29_s);
  EXPECT_THAT(it.tell(Tick{}), IsEmpty());
  it.pass(1_s);
  EXPECT_THAT(it.tell(Tick{}), ElementsAre(Replan{2}));
  EXPECT_EQ(it.recovery.phase(), Phase::planning);
  EXPECT_THAT(it.tell(Planned{two()}), ElementsAre(start(2, How::resized, {0, 2})));
  EXPECT_EQ(it.recovery.shape(), two());
  it.train(1, 6);
  EXPECT_THAT(it.tell(NodeJoined{3}), ElementsAre(Replan{3}));
  EXPECT_THAT(it.tell(Planned{three()}), ElementsAre(SaveNow{2}));
  it.train(7, 8);
  EXPECT_THAT(it.tell(CheckpointCommitted{7}), ElementsAre(Stop{2}));
  EXPECT_THAT(it.ended(), ElementsAre(start(3, How::resized, {0, 2, 3})));
}

TEST(Recovery, a_node_that_comes_in_time_needs_no_other_layout) {
  Driver it({}, 3);
  it.begin();
  it.train(1, 5);
  it.tell(NodeGone{1});
  EXPECT_THAT(it.ended(), ElementsAre(Note{}));
  it.pass(10_s);
  EXPECT_THAT(it.tell(NodeJoined{1}), ElementsAre(start(2, How::in_place, {0, 1, 2})));
}

// No layout fits two nodes: it asks no more for two, and starts when the third is there.
TEST(Recovery, where_no_layout_fits_it_waits_for_nodes) {
  Driver it({}, 2);
  EXPECT_THAT(it.begin(), ElementsAre(Note{}));
  it.pass(30_s);
  EXPECT_THAT(it.tell(Tick{}), ElementsAre(Replan{2}));
  EXPECT_THAT(it.tell(Planned{}), ElementsAre(Note{}));
  it.pass(300_s);
  EXPECT_THAT(it.tell(Tick{}), IsEmpty());
  EXPECT_EQ(it.recovery.wakes(), std::nullopt);
  EXPECT_THAT(it.tell(NodeJoined{2}), ElementsAre(start(1, How::first, {0, 1, 2})));
}

TEST(Recovery, without_leave_to_resize_it_waits_for_ever) {
  Driver it({.resizes = false}, 2);
  EXPECT_THAT(it.begin(), ElementsAre(Note{}));
  EXPECT_EQ(it.recovery.wakes(), std::nullopt);
}

// retries = 4, back-off 1 s: the first start that does no step (2) begins at once behind a
// generation that did; 3, 4 and 5 wait 1, 2 and 4 s; when 5, the fourth of the row, is
// over, it gives up.
TEST(Recovery, starts_without_a_step_further_wait_twice_as_long_each_and_end) {
  Driver it({.retries = 4, .node_failures = 100});
  it.begin();
  it.train(1, 5);
  it.tell(killed(1, 0));
  EXPECT_THAT(it.ended(), ElementsAre(start(2, How::in_place, {0, 1, 2})));
  for (const auto& [generation, pause] : {std::pair{2, 1_s}, {3, 2_s}, {4, 4_s}}) {
    it.train(1, 5);  // done before: no progress
    it.tell(killed(generation, 0));
    EXPECT_THAT(it.ended(), ElementsAre(Note{}));
    EXPECT_EQ(it.recovery.wakes(), it.now + pause);
    it.pass(pause);
    EXPECT_THAT(it.tell(Tick{}), ElementsAre(start(generation + 1, How::in_place, {0, 1, 2})));
  }
  it.tell(killed(5, 0));
  EXPECT_THAT(it.ended(), ElementsAre(GiveUp{}));
  EXPECT_THAT(it.whys, HasSubstr("4 starts in a row came no further than step 5"));
  EXPECT_THAT(it.tell(NodeJoined{7}), IsEmpty());
}

TEST(Recovery, a_step_further_makes_the_next_start_a_first_one) {
  Driver it({.node_failures = 100});
  it.begin();
  it.tell(killed(1, 0));
  it.ended();
  it.pass(1_s);
  it.tell(Tick{});
  it.train(1, 1);
  it.tell(killed(2, 0));
  EXPECT_THAT(it.ended(), ElementsAre(start(3, How::in_place, {0, 1, 2})));
}

// 4,096 slots are a scale of 3, so retries = 2 are six starts that came no further: three of them
// wait 1 s and two 2 s, then it gives up. With 4,095 slots the scale is 2: four, of 1, 1 and 2 s.
TEST(Recovery, many_nodes_have_more_retries) {
  const auto pauses_of = [](int nodes) {
    Recovery recovery({.retries = 2, .node_failures = 100}, {.slots = nodes});
    for (Node node = 0; node < nodes; ++node) recovery.on(NodeJoined{node}, {});
    recovery.begin({});
    std::vector<Seconds> pauses;
    Instant now;
    for (int generation = 1; recovery.phase() != Phase::over; ++generation) {
      recovery.on(killed(generation, 0), now);
      recovery.on(GenerationEnded{generation}, now);
      if (recovery.phase() == Phase::over) break;
      pauses.push_back(*recovery.wakes() - now);
      now = *recovery.wakes();
      recovery.on(Tick{}, now);
    }
    return pauses;
  };
  EXPECT_THAT(pauses_of(4096), ElementsAre(1_s, 1_s, 1_s, 2_s, 2_s));
  EXPECT_THAT(pauses_of(4095), ElementsAre(1_s, 1_s, 2_s));
}

TEST(Recovery, restarts_have_a_budget) {
  Driver it({.node_failures = 100, .restarts = 2});
  it.begin();
  for (int generation = 1; generation <= 2; ++generation) {
    it.train(generation, generation);
    it.tell(killed(generation, 0));
    EXPECT_THAT(it.ended(), ElementsAre(start(generation + 1, How::in_place, {0, 1, 2})));
  }
  it.train(3, 3);
  it.tell(killed(3, 0));
  EXPECT_THAT(it.ended(), ElementsAre(GiveUp{}));
}

// Three failures within a day, and a spare is there.
TEST(Recovery, a_node_that_fails_often_is_drained) {
  Driver it;
  it.begin();
  for (int generation = 1; generation <= 2; ++generation) {
    it.train(generation, generation);
    it.tell(killed(generation, 2));
    it.pass(3600_s);
    it.ended();
  }
  it.train(3, 3);
  EXPECT_THAT(it.tell(killed(3, 2)), ElementsAre(Stop{3}, Drain{2}));
  EXPECT_THAT(it.ended(), ElementsAre(start(4, How::spare, {0, 1, 3})));
  // A person has repaired it; node 0 goes.
  EXPECT_THAT(it.tell(NodeCleared{2}), IsEmpty());
  it.train(4, 4);
  it.tell(NodeGone{0});
  EXPECT_THAT(it.ended(), ElementsAre(start(5, How::elsewhere, {2, 1, 3})));
}

TEST(Recovery, failures_longer_ago_than_the_window_do_not_count) {
  Driver it;
  it.begin();
  for (int generation = 1; generation <= 4; ++generation) {
    it.train(generation, generation);
    EXPECT_THAT(it.tell(killed(generation, 2)), ElementsAre(Stop{generation}));
    it.ended();
    it.pass(13_h);
  }
}

// Without a spare a node that fails often is better than none.
TEST(Recovery, the_last_nodes_are_not_drained_until_another_is_there) {
  Driver it({}, 3);
  it.begin();
  for (int generation = 1; generation <= 5; ++generation) {
    it.train(generation, generation);
    EXPECT_THAT(it.tell(killed(generation, 2)), ElementsAre(Stop{generation}));
    EXPECT_THAT(it.ended(), ElementsAre(start(generation + 1, How::in_place, {0, 1, 2})));
  }
  it.train(6, 6);
  EXPECT_THAT(it.tell(NodeJoined{3}), ElementsAre(Drain{2}, SaveNow{6}));
}

// Rank 1 ends because rank 0's node lost its power, which takes 5 s to be noticed.
TEST(Recovery, who_ended_with_an_error_is_not_blamed_for_a_node_that_is_gone) {
  Driver it({.node_failures = 1}, 5);
  it.begin();
  it.train(1, 5);
  EXPECT_THAT(it.tell(WorkerExited{.generation = 1, .node = 1, .rank = 1, .code = 1}),
              ElementsAre(Stop{1}));
  EXPECT_THAT(it.tell(NodeGone{0}), ElementsAre(Drain{0}));
  EXPECT_THAT(it.ended(), ElementsAre(start(2, How::spare, {3, 1, 2})));
}

TEST(Recovery, who_ended_with_an_error_is_blamed_where_nothing_worse_is_found) {
  Driver it({.node_failures = 1}, 5);
  it.begin();
  it.train(1, 5);
  it.tell(WorkerExited{.generation = 1, .node = 1, .rank = 1, .code = 1});
  EXPECT_THAT(it.ended(), ElementsAre(Drain{1}, start(2, How::spare, {0, 3, 2})));
}

TEST(Recovery, a_hang_starts_again_and_counts_against_who_was_absent) {
  Driver it({.node_failures = 1});
  it.begin();
  it.train(1, 5);
  EXPECT_THAT(it.tell(Overdue{1, {1}}), ElementsAre(Stop{1}, Drain{1}));
  EXPECT_THAT(it.ended(), ElementsAre(start(2, How::spare, {0, 3, 2})));
  it.train(1, 6);
  EXPECT_THAT(it.tell(Overdue{2, {}}), ElementsAre(Stop{2}));
}

TEST(Recovery, a_slow_node_gives_way_to_a_spare_at_a_checkpoint) {
  Driver it;
  it.begin();
  it.train(1, 5);
  EXPECT_THAT(it.tell(Slow{1, 2, 2, 1.05}), IsEmpty());
  EXPECT_THAT(it.tell(Slow{1, 2, 2, 1.15}), ElementsAre(Note{}, SaveNow{1}));
  EXPECT_THAT(it.tell(Slow{1, 2, 2, 1.15}), IsEmpty());
  EXPECT_THAT(it.tell(CheckpointCommitted{5}), ElementsAre(Stop{1}));
  EXPECT_THAT(it.ended(), ElementsAre(start(2, How::spare, {0, 1, 3})));
}

TEST(Recovery, a_slow_node_without_a_spare_is_only_told) {
  Driver it({}, 3);
  it.begin();
  it.train(1, 5);
  EXPECT_THAT(it.tell(Slow{1, 2, 2, 1.15}), ElementsAre(Note{}));
  EXPECT_THAT(it.tell(CheckpointCommitted{5}), IsEmpty());
}

TEST(Recovery, a_preempted_node_is_left_behind_a_checkpoint) {
  Driver it;
  it.begin();
  it.train(1, 5);
  EXPECT_THAT(it.tell(Preemption{0, 120_s}), ElementsAre(SaveNow{1}));
  EXPECT_THAT(it.tell(CheckpointCommitted{5}), ElementsAre(Stop{1}));
  EXPECT_THAT(it.ended(), ElementsAre(start(2, How::spare, {3, 1, 2})));
  EXPECT_THAT(it.tell(NodeGone{0}), IsEmpty());
}

TEST(Recovery, without_a_spare_a_preempted_node_trains_until_it_is_gone) {
  Driver it({}, 3);
  it.begin();
  it.train(1, 5);
  EXPECT_THAT(it.tell(Preemption{0, 120_s}), ElementsAre(SaveNow{1}));
  EXPECT_THAT(it.tell(CheckpointCommitted{5}), IsEmpty());
  EXPECT_THAT(it.tell(NodeGone{0}), ElementsAre(Stop{1}));
}

TEST(Recovery, a_failed_checkpoint_is_told_and_the_third_in_a_row_louder) {
  Driver it;
  it.begin();
  it.train(1, 5);
  EXPECT_THAT(it.tell(CheckpointFailed{5}), ElementsAre(Note{}));
  it.tell(CheckpointFailed{6});
  EXPECT_THAT(it.whys, testing::Not(HasSubstr("ATTENTION")));
  EXPECT_THAT(it.tell(CheckpointFailed{7}), ElementsAre(Note{}));
  EXPECT_THAT(it.whys, HasSubstr("ATTENTION: 3 checkpoints in a row failed"));
}

TEST(Recovery, done_when_all_workers_say_so_and_are_gone) {
  Driver it;
  it.begin();
  it.train(1, 5);
  for (const Node node : {0, 1, 2}) {
    EXPECT_THAT(it.tell(WorkerExited{.generation = 1, .node = node, .rank = node, .done = true}),
                IsEmpty());
  }
  EXPECT_THAT(it.ended(), ElementsAre(Finish{true}));
  EXPECT_EQ(it.recovery.phase(), Phase::over);
}

// Two say that they are done, and the third is killed: whether the last checkpoint is whole only
// another start can tell.
TEST(Recovery, not_done_when_one_failed_at_the_end) {
  Driver it;
  it.begin();
  it.train(1, 5);
  it.tell(WorkerExited{.generation = 1, .node = 0, .rank = 0, .done = true});
  EXPECT_THAT(it.tell(killed(1, 1)), ElementsAre(Stop{1}));
  EXPECT_THAT(it.ended(), ElementsAre(start(2, How::in_place, {0, 1, 2})));
}

TEST(Recovery, a_stop_saves_and_a_second_one_does_not_wait) {
  Driver it;
  it.begin();
  it.train(1, 5);
  EXPECT_THAT(it.tell(StopAsked{}), ElementsAre(StopSaved{1}));
  EXPECT_THAT(it.tell(StopAsked{}), ElementsAre(Stop{1}));
  EXPECT_THAT(it.ended(), ElementsAre(Finish{false}));
  Driver waits({}, 2);
  waits.begin();
  EXPECT_THAT(waits.tell(StopAsked{}), ElementsAre(Finish{false}));
}

TEST(Recovery, a_failure_while_saving_to_stop_ends_it_without) {
  Driver it;
  it.begin();
  it.train(1, 5);
  it.tell(StopAsked{});
  EXPECT_THAT(it.tell(killed(1, 1)), ElementsAre(Stop{1}));
  EXPECT_THAT(it.ended(), ElementsAre(Finish{false}));
}

TEST(Recovery, workers_that_stopped_unasked_start_again) {
  Driver it;
  it.begin();
  it.train(1, 5);
  it.tell(WorkerExited{.generation = 1, .node = 0, .rank = 0, .stopped = true});
  EXPECT_THAT(it.ended(), ElementsAre(start(2, How::in_place, {0, 1, 2})));
}

// Of five slots for which four nodes are there the layout takes two: those that stay are the first,
// in their order.
TEST(Recovery, of_too_many_nodes_the_first_keep_their_order) {
  Driver it({}, 5, {.slots = 5});
  it.begin();
  it.train(1, 1);
  EXPECT_THAT(it.tell(NodeGone{1}), ElementsAre(Stop{1}));
  it.ended();
  it.pass(Seconds::of(31));
  EXPECT_THAT(it.tell(Tick{}), ElementsAre(Replan{4}));
  EXPECT_THAT(it.tell(Planned{Shape{.slots = 2}}), ElementsAre(start(2, How::resized, {0, 2})));
  EXPECT_EQ(it.recovery.slot_of(2), 1);
  EXPECT_EQ(it.recovery.slot_of(3), -1);
}

// Two replicas of two nodes each, then two of one each: a node alone is none of the first layout,
// and is one of the second.
TEST(Recovery, who_joins_is_a_replica_of_the_present_layout) {
  Driver it({.on_lost_replica = LostReplica::go_on}, 4,
            {.slots = 4, .replicas = 2, .replica_of_slot = {0, 0, 1, 1}, .replicas_whole = true});
  it.begin();
  it.train(1, 1);
  EXPECT_THAT(it.tell(NodeGone{3}), ElementsAre(Regroup{2, {0, 1}, 1, 1, {}}));
  it.tell(WentOn{2, 1});
  EXPECT_THAT(it.tell(Trained{2, 2}), IsEmpty());
  EXPECT_THAT(it.tell(NodeGone{1}), ElementsAre(Stop{2}));
  it.ended();
  it.pass(Seconds::of(31));
  EXPECT_THAT(it.tell(Tick{}), ElementsAre(Replan{2}));
  EXPECT_THAT(it.tell(Planned{two()}), ElementsAre(start(3, How::resized, {0, 2})));
  it.tell(Trained{3, 3});
  EXPECT_THAT(it.tell(NodeGone{2}), ElementsAre(Regroup{4, {0}, 1, 1, {}}));
  it.tell(WentOn{4, 3});
  EXPECT_THAT(it.tell(Trained{4, 4}), IsEmpty());
  EXPECT_THAT(it.tell(NodeJoined{1}), ElementsAre(Regroup{5, {0, 1}, 2, std::nullopt, {1}}));
}

}  // namespace
}  // namespace celere::policy

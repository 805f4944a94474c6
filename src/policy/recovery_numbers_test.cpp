// Bad numbers, going on without a replica, and taking over, each rule by hand.
#include <gmock/gmock.h>

#include <csignal>

#include "policy/recovery.hpp"
#include "policy/test_world.hpp"

namespace celere::policy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using What = decltype(Action::what);

// Two replicas of two nodes each, and two spares.
Shape four() {
  return {.slots = 4, .replicas = 2, .replica_of_slot = {0, 0, 1, 1}, .replicas_whole = true};
}

class Driver {
 public:
  explicit Driver(Settings settings = {}, int nodes = 6, const Shape& shape = four())
      : settings_(settings), shape_(shape), recovery(settings, shape) {
    for (Node node = 0; node < nodes; ++node) recovery.on(NodeJoined{node}, {});
    recovery.begin({});
  }
  std::vector<What> tell(const Event& event) { return whats(recovery.on(event, now)); }
  void train(Step from, Step to) {
    for (Step step = from; step <= to; ++step) tell(Trained{recovery.generation(), step});
  }
  std::vector<What> ended() { return tell(GenerationEnded{recovery.generation()}); }
  // The Start behind a Stop, back-off included.
  Start next_start() {
    std::vector<What> whats = ended();
    if (const auto wakes = recovery.wakes()) {
      now = *wakes;
      whats = tell(Tick{});
    }
    return whats.empty() || !std::holds_alternative<Start>(whats.back())
               ? Start{}
               : std::get<Start>(whats.back());
  }
  std::vector<What> take_over() {
    recovery = *Recovery::from_state(settings_, shape_, recovery.state());
    return whats(recovery.begin(now));
  }

 private:
  static std::vector<What> whats(const std::vector<Action>& actions) {
    std::vector<What> out;
    for (const Action& action : actions) out.push_back(action.what);
    return out;
  }
  Settings settings_;
  Shape shape_;

 public:
  Recovery recovery;
  Instant now;
};

BadNumbers bad(int generation, Sick kind, Step step, std::optional<Node> node = {}) {
  return {generation, kind, step, node};
}

// ---- bad numbers ----

TEST(BadNumbers, not_finite_is_tried_again_once_then_its_batch_is_skipped) {
  Driver it;
  it.train(1, 10);
  it.tell(CheckpointCommitted{8});
  EXPECT_THAT(it.tell(bad(1, Sick::not_finite, 11)), ElementsAre(Stop{1}));
  Start start = it.next_start();
  EXPECT_EQ(start.generation, 2);
  EXPECT_EQ(start.from_step, std::nullopt);
  EXPECT_THAT(start.skipped, IsEmpty());
  it.train(9, 10);
  EXPECT_THAT(it.tell(bad(2, Sick::not_finite, 11)), ElementsAre(Stop{2}));
  start = it.next_start();
  EXPECT_THAT(start.skipped, ElementsAre(11));
  EXPECT_EQ(start.from_step, std::nullopt);
}

TEST(BadNumbers, at_another_step_it_is_a_first_time_again) {
  Driver it;
  it.train(1, 10);
  it.tell(bad(1, Sick::not_finite, 11));
  it.next_start();
  it.train(1, 11);
  it.tell(bad(2, Sick::not_finite, 12));
  EXPECT_THAT(it.next_start().skipped, IsEmpty());
}

TEST(BadNumbers, no_more_batches_are_skipped_than_may_be) {
  Driver it({.skips = 1});
  for (const Step step : {11, 12}) {
    it.train(1, step - 1);
    it.tell(bad(it.recovery.generation(), Sick::not_finite, step));
    it.next_start();
    it.train(1, step - 1);
    it.tell(bad(it.recovery.generation(), Sick::not_finite, step));
    if (step == 11) {
      EXPECT_THAT(it.next_start().skipped, ElementsAre(11));
    }
  }
  EXPECT_THAT(it.ended(), ElementsAre(GiveUp{}));
}

// Clean up to 9: the checkpoint of 8 is right, that of 12 may not be.
TEST(BadNumbers, a_mismatch_drains_the_node_and_goes_back_to_before_the_last_clean_check) {
  Driver it;
  it.train(1, 9);
  it.tell(CheckpointCommitted{4});
  it.tell(CheckpointCommitted{8});
  it.tell(CleanCheck{1, 9});
  EXPECT_THAT(it.recovery.must_keep(), ElementsAre(8));
  it.train(10, 14);
  it.tell(CheckpointCommitted{12});
  EXPECT_EQ(it.recovery.committed(), 12);
  EXPECT_THAT(it.tell(bad(1, Sick::mismatch, 14, 1)), ElementsAre(Drain{1}, Stop{1}));
  EXPECT_EQ(it.recovery.committed(), 8);
  // What the dying generation still writes is not trusted either.
  it.tell(CheckpointCommitted{14});
  EXPECT_EQ(it.recovery.committed(), 8);
  Start start = it.next_start();
  EXPECT_EQ(start, (Start{2, How::spare, {0, 4, 2, 3}, 8, {}}));
  // A crash before anything new is written goes back to 8 as well, not to 14.
  it.train(9, 10);
  it.tell(NodeGone{0});
  EXPECT_EQ(it.next_start().from_step, 8);
  it.train(9, 15);
  it.tell(CheckpointCommitted{15});
  it.tell(NodeGone{2});
  it.tell(NodeJoined{0});
  EXPECT_EQ(it.next_start().from_step, std::nullopt);
}

// Step 8 is saved, 9 is clean, and two more steps were done.
Driver clean_up_to_9() {
  Driver it;
  it.train(1, 9);
  it.tell(CheckpointCommitted{8});
  it.tell(CleanCheck{1, 9});
  it.train(10, 11);
  return it;
}

// The only checkpoint that is not to be trusted was on its way when the mismatch was found.
TEST(BadNumbers, a_checkpoint_that_comes_behind_a_mismatch_is_put_away) {
  Driver it = clean_up_to_9();
  it.tell(bad(1, Sick::mismatch, 11));
  it.tell(CheckpointCommitted{10});
  EXPECT_EQ(it.next_start().from_step, 8);
}

// And one that was written, and nobody lived to say so: steps behind 8 were done, so it may lie on
// the disk, and the next start would take the newest.
TEST(BadNumbers, a_checkpoint_that_nobody_told_of_is_put_away) {
  Driver it = clean_up_to_9();
  it.tell(bad(1, Sick::mismatch, 12));
  EXPECT_EQ(it.next_start().from_step, 8);
  // Whether a start that came to no step has put it away, nobody knows.
  it.tell(NodeGone{0});
  EXPECT_EQ(it.take_over(), std::vector<What>{Stop{2}});
  EXPECT_EQ(it.next_start().from_step, 8);
  it.train(9, 12);
  it.tell(CheckpointCommitted{12});
  it.tell(NodeGone{2});
  it.tell(NodeJoined{0});
  EXPECT_EQ(it.next_start().from_step, std::nullopt);
}

// Steps 9 to 12 were clean in generation 1; generation 2 does 9 to 11 anew, and they are not.
TEST(BadNumbers, what_is_done_again_is_not_clean_by_an_old_check) {
  Driver it;
  it.train(1, 12);
  it.tell(CheckpointCommitted{8});
  it.tell(CleanCheck{1, 12});
  it.tell(NodeGone{0});
  it.next_start();
  it.train(9, 11);
  it.tell(CheckpointCommitted{10});
  it.tell(bad(2, Sick::mismatch, 11));
  EXPECT_EQ(it.next_start().from_step, 8);
}

TEST(BadNumbers, without_a_clean_checkpoint_a_mismatch_goes_back_to_the_beginning) {
  Driver it;
  it.train(1, 9);
  it.tell(CheckpointCommitted{8});
  it.tell(bad(1, Sick::mismatch, 9));
  EXPECT_EQ(it.next_start().from_step, 0);
}

// Within 50 steps it is one spike that may heal; behind them it did not.
TEST(BadNumbers, a_spike_is_told_and_rolled_back_to_before_it_if_it_lasts) {
  Driver it;
  it.train(1, 100);
  it.tell(CheckpointCommitted{60});
  it.tell(CheckpointCommitted{100});
  it.train(101, 110);
  EXPECT_THAT(it.tell(bad(1, Sick::spike, 110)), ElementsAre(Note{}));
  it.train(111, 150);
  it.tell(CheckpointCommitted{140});
  EXPECT_THAT(it.tell(bad(1, Sick::spike, 150)), IsEmpty());
  it.tell(CleanCheck{1, 150});
  EXPECT_THAT(it.recovery.must_keep(), ElementsAre(100, 140));
  EXPECT_THAT(it.tell(bad(1, Sick::spike, 161)), ElementsAre(Stop{1}));
  EXPECT_EQ(it.next_start(), (Start{2, How::in_place, {0, 1, 2, 3}, 100, {110}}));
}

TEST(BadNumbers, a_spike_long_behind_another_is_a_new_one) {
  Driver it;
  it.train(1, 110);
  EXPECT_THAT(it.tell(bad(1, Sick::spike, 110)), ElementsAre(Note{}));
  it.train(111, 211);
  EXPECT_THAT(it.tell(bad(1, Sick::spike, 211)), ElementsAre(Note{}));
}

// 200 checkpoints and no check ever: the memory stays small, and a mismatch knows that nothing but
// the beginning is sure.
TEST(BadNumbers, without_checks_old_checkpoints_are_forgotten) {
  Driver it;
  for (Step step = 1; step <= 200; ++step) {
    it.train(step, step);
    it.tell(CheckpointCommitted{step});
  }
  EXPECT_LT(it.recovery.state().size(), 2000);
  EXPECT_EQ(it.recovery.committed(), 200);
  EXPECT_THAT(it.recovery.must_keep(), IsEmpty());
}

// ---- going on without a replica ----

TEST(GoingOn, the_others_go_on_and_a_replica_joins_again) {
  Driver it({.on_lost_replica = LostReplica::go_on}, 4);
  it.train(1, 5);
  EXPECT_THAT(it.tell(NodeGone{1}), ElementsAre(Regroup{2, {2, 3}, 1, 0, {}}));
  EXPECT_EQ(it.recovery.shape(),
            (Shape{.slots = 2, .replicas = 1, .replica_of_slot = {0, 0}, .replicas_whole = true}));
  // What is left of generation 1 on node 0 was killed with its replica.
  EXPECT_THAT(it.tell(WorkerExited{.generation = 1, .node = 0, .rank = 0, .signal = SIGKILL}),
              IsEmpty());
  EXPECT_THAT(it.tell(WentOn{2, 5}), IsEmpty());
  it.train(6, 7);
  // Node 0 waits; with another one there are two for the last replica.
  EXPECT_THAT(it.tell(NodeJoined{5}), ElementsAre(Regroup{3, {2, 3, 0, 5}, 2, {}, {0, 5}}));
  EXPECT_THAT(it.tell(WentOn{3, 7}), IsEmpty());
  EXPECT_EQ(it.recovery.shape(), four());
}

TEST(GoingOn, losses_in_two_replicas_roll_back) {
  Driver it({.on_lost_replica = LostReplica::go_on}, 4);
  it.train(1, 5);
  EXPECT_THAT(it.tell(Overdue{1, {1, 2}}), ElementsAre(Stop{1}));
}

// Whoever forms a generation that another loss breaks carries its weights into the next one.
TEST(GoingOn, another_loss_while_regrouping_makes_the_rest_regroup) {
  Driver it({.on_lost_replica = LostReplica::go_on}, 3, three());
  it.train(1, 5);
  EXPECT_THAT(it.tell(NodeGone{1}), ElementsAre(Regroup{2, {0, 2}, 2, 1, {}}));
  EXPECT_THAT(it.tell(NodeGone{0}), ElementsAre(Regroup{3, {2}, 1, 0, {}}));
  EXPECT_THAT(it.take_over(), ElementsAre(Regroup{3, {2}, 1, 0, {}}));
  EXPECT_THAT(it.tell(WentOn{2, 5}), IsEmpty());
  EXPECT_THAT(it.tell(WentOn{3, 5}), IsEmpty());
  EXPECT_EQ(it.recovery.phase(), Phase::training);
}

TEST(GoingOn, replicas_join_together) {
  Driver it({.on_lost_replica = LostReplica::go_on}, 3, three());
  it.train(1, 5);
  it.tell(NodeGone{1});
  it.tell(NodeGone{0});
  it.tell(NodeJoined{0});
  it.tell(NodeJoined{1});
  EXPECT_THAT(it.tell(WentOn{3, 5}), IsEmpty());
  EXPECT_THAT(it.tell(Trained{3, 6}), ElementsAre(Regroup{4, {2, 0, 1}, 3, {}, {0, 1}}));
  EXPECT_EQ(it.recovery.shape(), three());
}

TEST(GoingOn, a_loss_before_the_first_step_behind_a_regroup) {
  Driver it({.on_lost_replica = LostReplica::go_on}, 3, three());
  it.train(1, 5);
  it.tell(NodeGone{1});
  it.tell(WentOn{2, 5});
  EXPECT_THAT(it.tell(WorkerExited{.generation = 2, .node = 2, .rank = 1, .signal = SIGKILL}),
              ElementsAre(Regroup{3, {0}, 1, 1, {}}));
}

// Two replicas are there and a third joins, of a new node.
TEST(GoingOn, a_loss_while_a_replica_joins) {
  const auto joining = [] {
    Driver it({.on_lost_replica = LostReplica::go_on}, 3, three());
    it.train(1, 5);
    it.tell(NodeGone{0});
    it.tell(WentOn{2, 5});
    it.train(6, 6);
    EXPECT_THAT(it.tell(NodeJoined{7}), ElementsAre(Regroup{3, {1, 2, 7}, 3, {}, {7}}));
    return it;
  };
  Driver lost = joining();
  EXPECT_THAT(lost.tell(NodeGone{2}), ElementsAre(Regroup{4, {1, 7}, 2, 1, {7}}));
  // Nobody would be left who carries anything.
  EXPECT_THAT(lost.tell(NodeGone{1}), ElementsAre(Stop{4}));
  Driver other = joining();
  EXPECT_THAT(other.tell(NodeGone{7}), ElementsAre(Regroup{4, {1, 2}, 2, 2, {}}));
}

TEST(GoingOn, without_another_replica_a_loss_while_regrouping_rolls_back) {
  Driver it({.on_lost_replica = LostReplica::go_on});
  it.train(1, 5);
  it.tell(NodeGone{1});
  // The other node of the lost replica is no loss; one that was to go on is.
  EXPECT_THAT(it.tell(NodeGone{0}), IsEmpty());
  EXPECT_THAT(it.tell(NodeGone{2}), ElementsAre(Stop{2}));
  EXPECT_THAT(it.tell(WentOn{2, 5}), IsEmpty());
}

TEST(GoingOn, those_who_could_not_start_from_the_checkpoint) {
  Driver it({.on_lost_replica = LostReplica::go_on});
  it.train(1, 5);
  it.tell(NodeGone{1});
  EXPECT_THAT(it.tell(CouldNotGoOn{2}), ElementsAre(Stop{2}));
  const Start start = it.next_start();
  EXPECT_EQ(start.generation, 3);
  EXPECT_EQ(start.how, How::resized);
  EXPECT_THAT(start.nodes, ElementsAre(2, 3, 0, 4));
}

TEST(GoingOn, not_before_the_first_step_nor_where_replicas_are_not_whole) {
  Driver it({.on_lost_replica = LostReplica::go_on});
  EXPECT_THAT(it.tell(NodeGone{1}), ElementsAre(Stop{1}));
}

// ---- taking over ----

TEST(TakingOver, repeats_the_order_that_may_have_been_lost) {
  Driver it;
  EXPECT_THAT(it.take_over(), ElementsAre(Start{1, How::first, {0, 1, 2, 3}, {}, {}}));
  it.train(1, 5);
  EXPECT_THAT(it.take_over(), IsEmpty());
  it.tell(NodeGone{1});
  EXPECT_THAT(it.take_over(), ElementsAre(Stop{1}));
  EXPECT_EQ(it.next_start(), (Start{2, How::spare, {0, 4, 2, 3}, {}, {}}));
}

// Skipped batches and drained nodes are not forgotten by a training that was stopped and goes on.
TEST(TakingOver, a_stopped_training_goes_on_with_what_it_knows) {
  Driver it;
  it.train(1, 10);
  it.tell(bad(1, Sick::not_finite, 11));
  it.next_start();
  it.tell(bad(2, Sick::not_finite, 11));
  it.next_start();
  it.tell(bad(3, Sick::mismatch, 12, 2));
  it.tell(StopAsked{});
  EXPECT_THAT(it.ended(), ElementsAre(Finish{false}));
  EXPECT_THAT(it.take_over(), ElementsAre(Note{}));  // no node has joined yet
  std::vector<What> last;
  for (Node node = 0; node < 5; ++node) last = it.tell(NodeJoined{node});
  // From the beginning: of what may have been saved since nothing is trusted.
  EXPECT_THAT(last, ElementsAre(Start{4, How::spare, {0, 1, 4, 3}, 0, {11}}));
}

// Numbers that nobody would give, as a file that is not ours may hold them, are nodes like others:
// started in order, and the same once written and read back.
TEST(TakingOver, nodes_may_have_any_number) {
  const Shape shape{.slots = 3};
  Recovery recovery({}, shape);
  for (const Node node : {2'000'000'000, -1, 5}) recovery.on(NodeJoined{node}, {});
  const std::vector<Action> actions = recovery.begin({});
  EXPECT_THAT(std::get<Start>(actions.at(0).what).nodes, ElementsAre(-1, 5, 2'000'000'000));
  Recovery other = *Recovery::from_state({}, shape, recovery.state());
  EXPECT_EQ(other.state(), recovery.state());
  EXPECT_EQ(other.slot_of(2'000'000'000), 2);
  EXPECT_EQ(other.slot_of(-2), -1);
  other.on(NodeGone{-1}, {});
  EXPECT_EQ(other.steady(), 2);
}

TEST(TakingOver, fresh_retries_are_for_persons_only) {
  Driver it({.retries = 2, .node_failures = 100});
  for (int generation = 1; generation <= 2; ++generation) {
    it.tell(Overdue{generation, {}});
    it.take_over();
    it.ended();
    if (const auto wakes = it.recovery.wakes()) {
      it.now = *wakes;
      it.tell(Tick{});
    }
  }
  EXPECT_EQ(it.recovery.phase(), Phase::over);
}

TEST(TakingOver, adopts_workers_that_live) {
  Recovery it({}, four());
  for (Node node = 0; node < 5; ++node) it.on(NodeJoined{node}, {});
  it.on(CheckpointCommitted{40}, {});
  it.adopt({.generation = 7, .shape = four(), .nodes = {3, 2, 1, 0}, .step = 44, .skipped = {9}});
  EXPECT_THAT(it.begin({}), IsEmpty());
  it.on(NodeGone{3}, {});
  it.on(GenerationEnded{6}, {});
  EXPECT_EQ(it.phase(), Phase::stopping);
  const auto actions = it.on(GenerationEnded{7}, {});
  ASSERT_EQ(actions.size(), 1);
  // It did no step since, so it may have failed at once; the next start waits a second.
  EXPECT_EQ(it.phase(), Phase::waiting);
  const auto after = it.on(Tick{}, *it.wakes());
  ASSERT_EQ(after.size(), 1);
  EXPECT_EQ(std::get<Start>(after[0].what), (Start{8, How::spare, {4, 2, 1, 0}, {}, {9}}));
}

TEST(TakingOver, refuses_what_is_no_state) {
  Driver it;
  const std::string state = it.recovery.state();
  ASSERT_TRUE(Recovery::from_state({}, four(), state).ok());
  EXPECT_FALSE(Recovery::from_state({}, four(), "").ok());
  EXPECT_FALSE(Recovery::from_state({}, four(), "{}").ok());
  EXPECT_FALSE(Recovery::from_state({}, four(), state.substr(0, state.size() / 2)).ok());
  const auto with = [&](const std::string& before, const std::string& after) {
    std::string changed = state;
    const auto place = changed.find(before);
    EXPECT_NE(place, std::string::npos) << before << " in " << state;
    if (place != std::string::npos) changed.replace(place, before.size(), after);
    return Recovery::from_state({}, four(), changed);
  };
  EXPECT_FALSE(with("\"phase\":1", "\"phase\":99").ok());
  EXPECT_FALSE(with("\"phase\":1", "\"phase\":5").ok());  // planning, and nothing was asked
  EXPECT_FALSE(with("\"slots\":[0,1,2,3]", "\"slots\":[0,1,2]").ok());
  EXPECT_FALSE(with("\"best\":0", "\"best\":\"0\"").ok());
  Shape other = four();
  other.replicas_whole = false;
  const auto changed = Recovery::from_state({}, other, state);
  ASSERT_FALSE(changed.ok());
  EXPECT_THAT(changed.error().message, HasSubstr("the layout has changed"));
}

}  // namespace
}  // namespace celere::policy

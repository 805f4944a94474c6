// A training that loses a replica and goes on, and that another one joins: no step is lost, and the
// weights are those of a run that follows the same trace of layouts undisturbed.
#include <numeric>
#include <set>

#include "train/test_ranks.hpp"

namespace celere::train {
namespace {

class RegroupTest : public SupervisedTest {
 protected:
  static std::int64_t whole(const wire::Event& event, const std::string& key) {
    return wire::number_of(event, key).value_or(-1);
  }
  // From whatever is there up to a step.
  void follow(const std::string& directory, int steps, const std::string& layout, int count,
              std::int64_t until) {
    Ranks ranks = start({.directory = directory,
                         .run = run_of(steps),
                         .at = {.layout = layout},
                         .stop_after = until},
                        count);
    ASSERT_TRUE(finish(ranks).ok()) << ranks.front()->outcome().error().text();
  }

  // So many ranks, each a thread, of which those in `dying` end alone as they begin their step
  // `step`.
  Ranks start_dying(Wanted wanted, std::size_t count, const std::set<std::size_t>& dying,
                    int step) {
    EXPECT_TRUE(files_->make_folder(folder_ + "/" + wanted.directory).ok());
    wanted.at.meeting = new_meeting();
    hooks_.resize(count);
    made_.assign(count, nullptr);
    begun_.assign(count, 0);
    Ranks ranks;
    for (std::size_t rank = 0; rank < count; ++rank) {
      const bool dies = dying.contains(rank);
      hooks_[rank].begins = [this, rank, dies, step] {
        if (++begun_[rank] == step && dies) made_[rank]->watch().abandon();
      };
      wanted.at.rank = static_cast<int>(rank);
      wanted.hooks = &hooks_[rank];
      wanted.dies_alone = dies;
      ranks.push_back(std::make_unique<Rank>(*this, wanted));
      made_[rank] = ranks.back().get();
    }
    for (const std::size_t rank : dying) EXPECT_FALSE(ranks[rank]->outcome().ok());
    return ranks;
  }

  struct Generation {
    std::string layout;
    int number = 1;
    bool joining = false;
  };
  // Those from `first` on, so many, are to form a generation as its first ranks. Where they meet.
  std::string tell(Ranks& ranks, const Generation& generation, int count, std::size_t first = 0) {
    const std::string meeting = new_meeting();
    for (int rank = 0; rank < count; ++rank) {
      ranks[first + static_cast<std::size_t>(rank)]->order(
          wire::RegroupOrder{.layout = generation.layout,
                             .rank = rank,
                             .meeting = meeting,
                             .interface = "lo",
                             .generation = generation.number,
                             .joining = generation.joining});
    }
    return meeting;
  }

 private:
  // Of start_dying(), until the next one.
  std::vector<TestHooks> hooks_;
  std::vector<Rank*> made_;
  std::vector<int> begun_;
};

// Three replicas of which the last dies while it computes step 7. The other two are told, go on
// from step 6 as two, and when a third joins, as three. Behind that rank 0 has a line for every
// step, once.
TEST_F(RegroupTest, loses_a_replica_and_gets_one_back) {
  constexpr int steps = 60;
  TestHooks dying, slowly;
  int begun = 0;
  slowly.begins = [] { std::this_thread::sleep_for(std::chrono::milliseconds(20)); };
  Rank* last = nullptr;
  dying.begins = [&] {
    if (++begun == 7) last->watch().abandon();
  };
  EXPECT_TRUE(files_->make_folder(folder_ + "/lost").ok());
  Wanted wanted{.directory = "lost", .run = run_of(steps), .at = {.layout = "dp=3"}};
  wanted.at.meeting = new_meeting();
  Ranks ranks;
  for (int rank = 0; rank < 3; ++rank) {
    wanted.at.rank = rank;
    wanted.hooks = rank == 2 ? &dying : rank == 0 ? &slowly : nullptr;
    wanted.dies_alone = rank == 2;
    // It reaches for its own rank only from the seventh step on.
    ranks.push_back(std::make_unique<Rank>(*this, wanted));
    last = ranks.back().get();
  }
  EXPECT_FALSE(ranks[2]->outcome().ok());

  tell(ranks, {"dp=2", 1}, 2);
  ranks[0]->reaches(12);
  const std::string meeting = tell(ranks, {"dp=3", 2, true}, 2);
  wanted.at = {.layout = "dp=3", .rank = 2, .meeting = meeting, .generation = 2, .joins = true};
  wanted.hooks = nullptr;
  wanted.dies_alone = false;
  ranks[2] = std::make_unique<Rank>(*this, wanted);
  const Result<Outcome> outcome = finish(ranks);
  ASSERT_TRUE(outcome.ok()) << outcome.error().text();
  EXPECT_EQ(outcome->ended, Ended::done);

  const auto went_on = ranks[0]->events("went_on");
  ASSERT_EQ(went_on.size(), 2u);
  EXPECT_EQ(whole(went_on[0], "generation"), 1);
  EXPECT_EQ(whole(went_on[0], "step"), 6);
  EXPECT_EQ(whole(went_on[1], "generation"), 2);
  const std::int64_t joined = whole(went_on[1], "step");
  EXPECT_GE(joined, 12);
  EXPECT_LT(joined, steps);
  std::vector<std::int64_t> every(steps);
  std::iota(every.begin(), every.end(), 1);
  EXPECT_EQ(steps_of("lost"), every);

  follow("followed", steps, "dp=3", 3, 6);
  follow("followed", steps, "dp=2", 2, joined);
  follow("followed", steps, "dp=3", 3, steps);
  EXPECT_EQ(stored("lost"), stored("followed"));
  follow("other", steps, "dp=3", 3, steps);
  EXPECT_NE(stored("lost"), stored("other")) << "the trace of layouts makes no difference";
}

// Two of three die in step 7, and the second loss is known only when rank 0 waits already for the
// other in the next generation: it gives that up, and goes on alone from step 6.
TEST_F(RegroupTest, another_is_lost_while_they_regroup) {
  constexpr int steps = 30;
  Ranks ranks = start_dying({.directory = "twice", .run = run_of(steps), .at = {.layout = "dp=3"}},
                            3, {1, 2}, 7);
  tell(ranks, {"dp=2", 1}, 1);
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  tell(ranks, {"dp=1", 2}, 1);
  ASSERT_TRUE(ranks[0]->outcome().ok()) << ranks[0]->outcome().error().text();
  EXPECT_EQ(ranks[0]->outcome()->ended, Ended::done);
  EXPECT_EQ(ranks[0]->events("could_not_go_on").size(), 0u);
  EXPECT_EQ(ranks[0]->events("generation_broken").size(), 2u);
  const auto went_on = ranks[0]->events("went_on");
  ASSERT_EQ(went_on.size(), 1u);
  EXPECT_EQ(whole(went_on[0], "generation"), 2);
  EXPECT_EQ(whole(went_on[0], "step"), 6);
  follow("followed", steps, "dp=3", 3, 6);
  follow("followed", steps, "dp=1", 1, steps);
  EXPECT_EQ(stored("twice"), stored("followed"));
}

// A third is to join two, and never comes: they go on as they were.
TEST_F(RegroupTest, who_joins_is_lost_while_they_regroup) {
  constexpr int steps = 60;
  TestHooks slowly;
  slowly.begins = [] { std::this_thread::sleep_for(std::chrono::milliseconds(10)); };
  Wanted wanted{.directory = "alone", .run = run_of(steps), .at = {.layout = "dp=2"}};
  wanted.hooks = &slowly;
  Ranks ranks = start(wanted, 2);
  ranks[0]->reaches(5);
  tell(ranks, {"dp=3", 1, true}, 2);
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  tell(ranks, {"dp=2", 2}, 2);
  const Result<Outcome> outcome = finish(ranks);
  ASSERT_TRUE(outcome.ok()) << outcome.error().text();
  const auto went_on = ranks[0]->events("went_on");
  ASSERT_EQ(went_on.size(), 1u);
  EXPECT_EQ(whole(went_on[0], "generation"), 2);
  follow("followed", steps, "dp=2", 2, steps);
  EXPECT_EQ(stored("alone"), stored("followed"));
}

// With replicas of two ranks each, that share the matrices of a layer (tp = 2): one replica goes,
// both its ranks at once.
TEST_F(RegroupTest, replicas_of_several_ranks_go_on) {
  constexpr int steps = 30;
  Ranks ranks = start_dying(
      {.directory = "pairs", .run = run_of(steps), .at = {.layout = "dp=2,tp=2"}}, 4, {0, 1}, 5);
  tell(ranks, {"dp=1,tp=2", 1}, 2, 2);
  for (const std::size_t rank : {2u, 3u}) {
    ASSERT_TRUE(ranks[rank]->outcome().ok()) << ranks[rank]->outcome().error().text();
  }
  ASSERT_EQ(ranks[2]->events("went_on").size(), 1u);
  EXPECT_EQ(whole(ranks[2]->events("went_on").front(), "step"), 4);
  follow("followed", steps, "dp=2,tp=2", 4, 4);
  follow("followed", steps, "dp=1,tp=2", 2, steps);
  EXPECT_EQ(stored("pairs"), stored("followed"));
}

// What the others say, as if there were some.
class SaidPeers : public checkpoint::NoPeers {
 public:
  explicit SaidPeers(std::string other) : other_(std::move(other)) {}
  Result<std::vector<std::string>> exchange(const std::string& own) override {
    return std::vector{own, other_};
  }

 private:
  std::string other_;
};

TEST_F(RegroupTest, what_does_not_fit_together_does_not_go_on) {
  const std::vector<HeldTensor> none;
  Carried carried;
  carried.standing.step = 6;
  carried.standing.optimizer_steps = 6;
  const std::string there = "+6 6 " + tokens::Cursor().json();
  const auto why = [&](const std::optional<Carried>& own, const std::string& other) {
    SaidPeers peers(other);
    const auto standing = adopt(own, none, peers);
    return standing.ok() ? std::string("fine") : standing.error().message;
  };
  EXPECT_EQ(why(carried, there), "fine");
  EXPECT_EQ(why(carried, "."), "fine");
  EXPECT_EQ(why(std::nullopt, there), "fine");
  EXPECT_EQ(why(std::nullopt, "."), "no rank of the generation before is left");
  EXPECT_EQ(why(carried, "+7 7 " + tokens::Cursor().json()),
            "rank 1 stands at step 7, others at step 6");
  EXPECT_EQ(why(carried, "-its memory burnt"), "rank 1: its memory burnt");
  carried.intact = false;
  EXPECT_EQ(why(carried, there), "rank 0: its update of the weights was left half-way");
  carried.intact = true;
  carried.tensors.push_back({"a layer", at::zeros({1}), nullptr});
  EXPECT_EQ(why(carried, there), "rank 0: its shards are others under the new layout");
}

// The order comes, and the other rank never does: it says that it could not, and ends when its
// patience is over; a layout under which its shards are others is said at once.
TEST_F(RegroupTest, other_shards_are_said) {
  constexpr int steps = 200;
  TestHooks slowly;
  slowly.begins = [] { std::this_thread::sleep_for(std::chrono::milliseconds(5)); };
  EXPECT_TRUE(files_->make_folder(folder_ + "/other").ok());
  Wanted wanted{.directory = "other", .run = run_of(steps), .at = {.layout = "dp=2"}};
  wanted.hooks = &slowly;
  wanted.dies_alone = true;
  Ranks ranks = start(wanted, 2);
  ranks[0]->reaches(3);
  tell(ranks, {"tp=2", 1, true}, 2);
  for (const auto& rank : ranks) {
    ASSERT_FALSE(rank->outcome().ok());
    EXPECT_THAT(rank->outcome().error().text(),
                testing::HasSubstr("its shards are others under the new layout"));
    EXPECT_EQ(rank->events("could_not_go_on").size(), 1u);
  }
}

}  // namespace
}  // namespace celere::train

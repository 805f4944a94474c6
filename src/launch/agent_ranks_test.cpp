// The workers of a node, with real processes of a training that is played.
#include "launch/agent_ranks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "base/test_folder.hpp"
#include "launch/played_job.hpp"
#include "wire/orders.hpp"
#include "wire/worker_exit.hpp"

namespace celere::launch {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class AgentRanksTest : public testing::Test {
 protected:
  void SetUp() override {
    setenv("CELERE_WORKER", played_program().c_str(), 1);
    play("steps 100000");
  }
  void TearDown() override { unsetenv("CELERE_WORKER"); }

  void play(const std::string& how) { ASSERT_TRUE(files_->write(folder_ / "play", how).ok()); }
  wire::StartWorkers order(std::int64_t generation, wire::Ranks ranks) const {
    wire::StartWorkers out;
    out.generation = generation;
    out.ranks = std::move(ranks);
    out.arguments = {"train", "--run-directory", folder_.path()};
    return out;
  }
  template <typename Message>
  std::vector<Message> said() const {
    std::vector<Message> out;
    for (const wire::AgentMessage& message : said_) {
      if (const auto* it = std::get_if<Message>(&message)) out.push_back(*it);
    }
    return out;
  }
  template <typename Is>
  bool until(const Is& is) {
    for (int i = 0; i < 500 && !is(); ++i) {
      ranks_.work();
      clock_.sleep(Seconds::of(0.01));
    }
    return is();
  }
  // All ranks have done a step and say so.
  bool until_they_train(std::size_t count) {
    return until([&] {
      const wire::AgentBeat beat = ranks_.beat();
      return beat.ranks.size() == count &&
             std::ranges::all_of(beat.ranks, [](const auto& rank) { return rank.step > 0; });
    });
  }

  TemporaryFolder folder_{"agent-ranks"};
  std::unique_ptr<Files> files_ = local_files();
  std::unique_ptr<Processes> processes_ = local_processes();
  SystemClock clock_;
  std::vector<wire::AgentMessage> said_;
  AgentRanks ranks_{{*processes_, *files_, clock_},
                    folder_ / "node",
                    [this](const wire::AgentMessage& message) { said_.push_back(message); }};
};

TEST_F(AgentRanksTest, starts_tells_what_they_do_and_halts) {
  EXPECT_EQ(ranks_.generation(), 0);
  ranks_.start(order(3, {4, 5}));
  EXPECT_EQ(ranks_.generation(), 3);
  EXPECT_THAT(ranks_.alive(), ElementsAre(4, 5));
  ASSERT_TRUE(until_they_train(2));
  const wire::AgentBeat beat = ranks_.beat();
  EXPECT_EQ(beat.generation, 3);
  EXPECT_EQ(beat.ranks[1].rank, 5);
  const auto process = static_cast<pid_t>(beat.ranks[1].process);
  EXPECT_EQ(::kill(process, 0), 0);
  ranks_.halt({2, false});  // of a generation before: nothing of it lives, and nothing ends
  EXPECT_THAT(said<wire::WorkersCleared>(), ElementsAre(wire::WorkersCleared{2}));
  EXPECT_THAT(ranks_.alive(), ElementsAre(4, 5));
  ranks_.halt({3, false});
  EXPECT_EQ(said<wire::WorkersCleared>().back(), wire::WorkersCleared{3});
  EXPECT_THAT(ranks_.alive(), IsEmpty());
  EXPECT_EQ(ranks_.generation(), 0);
  EXPECT_NE(::kill(process, 0), 0);
}

// A step is told in one beat, and none is left out.
TEST_F(AgentRanksTest, each_step_is_told_once) {
  ranks_.start(order(1, {0}));
  std::vector<std::int64_t> steps;
  ASSERT_TRUE(until([&] {
    const wire::AgentBeat beat = ranks_.beat();
    for (const wire::RankBeat& rank : beat.ranks) {
      for (const wire::StepTime& step : rank.steps) steps.push_back(step.step);
    }
    return steps.size() > 20;
  }));
  for (std::size_t i = 0; i < steps.size(); ++i) {
    EXPECT_EQ(steps[i], static_cast<std::int64_t>(i) + 1);
  }
}

TEST_F(AgentRanksTest, asked_to_save_they_end_by_themselves) {
  ranks_.start(order(1, {0, 1}));
  ASSERT_TRUE(until_they_train(2));
  ranks_.halt({1, true});
  EXPECT_THAT(said<wire::WorkersCleared>(), IsEmpty());  // they live yet
  ASSERT_TRUE(until([&] { return !said<wire::WorkersCleared>().empty(); }));
  const auto ended = said<wire::WorkerEnded>();
  ASSERT_EQ(ended.size(), 2u);
  EXPECT_EQ(ended[0].code, wire::worker_stopped);
  EXPECT_EQ(ended[1].code, wire::worker_stopped);
}

TEST_F(AgentRanksTest, tells_how_a_worker_ended) {
  ranks_.start(order(1, {0, 1}));
  ASSERT_TRUE(until_they_train(2));
  ranks_.signal({1, 2, SIGKILL});  // of no rank here
  ranks_.signal({2, 1, SIGKILL});  // of no generation here
  ranks_.signal({1, 1, SIGKILL});
  ASSERT_TRUE(until([&] { return !said<wire::WorkerEnded>().empty(); }));
  const auto ended = said<wire::WorkerEnded>();
  EXPECT_EQ(ended[0].rank, 1);
  EXPECT_EQ(ended[0].signal, SIGKILL);
  EXPECT_EQ(ended[0].code, std::nullopt);
  EXPECT_THAT(ranks_.alive(), ElementsAre(0));
  EXPECT_THAT(said<wire::WorkersCleared>(), IsEmpty());
}

TEST_F(AgentRanksTest, an_error_comes_with_its_words) {
  play("fails 1");
  ranks_.start(order(1, {0}));
  ASSERT_TRUE(until([&] { return !said<wire::WorkersCleared>().empty(); }));
  const auto ended = said<wire::WorkerEnded>();
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].code, wire::worker_failed);
  EXPECT_EQ(ended[0].errors, "it cannot be played");
}

// Two generations at once would write the same checkpoints.
TEST_F(AgentRanksTest, a_new_generation_ends_the_one_before) {
  ranks_.start(order(1, {0, 1}));
  ASSERT_TRUE(until_they_train(2));
  std::vector<pid_t> before;
  for (const auto& rank : ranks_.beat().ranks) before.push_back(static_cast<pid_t>(rank.process));
  ranks_.start(order(2, {0}));
  for (const pid_t process : before) EXPECT_NE(::kill(process, 0), 0);
  EXPECT_EQ(ranks_.generation(), 2);
  EXPECT_THAT(ranks_.alive(), ElementsAre(0));
  ASSERT_TRUE(until_they_train(1));
}

// Workers pass over what they have done: the agent counts for each, whatever number an order comes
// with. What is of another generation or rank is not theirs.
TEST_F(AgentRanksTest, orders_are_numbered_for_each_rank) {
  ranks_.start(order(1, {0, 1}));
  ASSERT_TRUE(until_they_train(2));
  const std::string save = written_json(wire::Order{1, wire::SaveOrder{}});
  ranks_.tell({1, {0, 1}, save});
  ranks_.tell({1, {0}, save});
  ranks_.tell({2, {0}, save});
  ranks_.tell({1, {7}, save});
  ranks_.tell({1, {0}, "no order"});
  const auto orders_of = [&](int rank) {
    std::vector<std::uint64_t> numbers;
    const auto orders =
        wire::read_orders(*files_, fmt::format("{}/node/rank-{}.orders", folder_.path(), rank), 0);
    EXPECT_TRUE(orders.ok());
    if (!orders.ok()) return numbers;
    for (const wire::Order& one : *orders) numbers.push_back(one.number);
    return numbers;
  };
  EXPECT_THAT(orders_of(0), ElementsAre(1, 2));
  EXPECT_THAT(orders_of(1), ElementsAre(1));
}

// Rank 2 goes on as rank 1 of the next generation: the same process, known by its new name; orders
// go on counting.
TEST_F(AgentRanksTest, a_rank_that_lives_on_is_known_by_its_new_number) {
  ranks_.start(order(1, {2, 3}));
  ASSERT_TRUE(until_they_train(2));
  const std::int64_t process = ranks_.beat().ranks[0].process;
  const std::string save = written_json(wire::Order{1, wire::SaveOrder{}});
  ranks_.tell({1, {2}, save});
  ranks_.rename({5, 6, {2, 3}, {1, 2}});  // from another generation: no
  ranks_.rename({1, 2, {2}, {1, 2}});     // lists that do not fit: no
  EXPECT_EQ(ranks_.generation(), 1);
  ranks_.rename({1, 2, {2, 3}, {1, 2}});
  EXPECT_EQ(ranks_.generation(), 2);
  EXPECT_THAT(ranks_.alive(), ElementsAre(1, 2));
  const wire::AgentBeat beat = ranks_.beat();
  ASSERT_EQ(beat.ranks.size(), 2u);
  EXPECT_EQ(beat.ranks[0].rank, 1);
  EXPECT_EQ(beat.ranks[0].process, process);
  ranks_.tell({2, {1}, save});
  const auto orders = wire::read_orders(*files_, folder_ / "node/rank-2.orders", 0);
  ASSERT_TRUE(orders.ok());
  EXPECT_EQ(orders->size(), 2u);
  EXPECT_EQ(orders->back().number, 2u);
}

// What was said of it by its old name, nobody may have heeded.
TEST_F(AgentRanksTest, one_that_has_ended_is_said_to_have_by_its_new_number) {
  ranks_.start(order(1, {2, 3}));
  ASSERT_TRUE(until_they_train(2));
  ranks_.signal({1, 3, SIGKILL});
  ASSERT_TRUE(until([&] { return !said<wire::WorkerEnded>().empty(); }));
  ranks_.rename({1, 2, {2, 3}, {1, 2}});
  const auto ended = said<wire::WorkerEnded>();
  ASSERT_EQ(ended.size(), 2u);
  EXPECT_EQ(ended[1].generation, 2);
  EXPECT_EQ(ended[1].rank, 2);
  EXPECT_EQ(ended[1].signal, SIGKILL);
  ranks_.start(order(3, {0, 1}));
  ranks_.rename({3, 4, {0, 1}, {1, 0}});
  EXPECT_EQ(said<wire::WorkerEnded>().size(), 2u) << "of a generation that is over";
}

// A stopped process shows no stack, but that it is stopped.
TEST_F(AgentRanksTest, looks_at_each_rank) {
  ranks_.start(order(1, {0, 1}));
  ASSERT_TRUE(until_they_train(2));
  ranks_.signal({1, 1, SIGSTOP});
  ranks_.look({2});  // of another generation
  ranks_.look({1});
  ASSERT_TRUE(until([&] { return said<wire::RankSeen>().size() == 2; }));
  const auto seen = said<wire::RankSeen>();
  EXPECT_EQ(seen[0].rank, 0);
  EXPECT_THAT(seen[0].state, testing::AnyOf("sleeping", "running"));
  EXPECT_EQ(seen[0].phase, "computing");
  EXPECT_EQ(seen[1].rank, 1);
  EXPECT_EQ(seen[1].state, "stopped");
  EXPECT_GT(seen[1].step, 0);
}

}  // namespace
}  // namespace celere::launch

// Real processes: agents, workers and a supervisor, of a training that is played.
#include "launch/supervisor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <thread>

#include "base/test_folder.hpp"
#include "launch/fault_maker.hpp"
#include "launch/played_job.hpp"

namespace celere::launch {
namespace {

using testing::Contains;
using testing::Gt;
using testing::IsEmpty;
using testing::Not;

class SupervisorTest : public testing::Test {
 protected:
  void SetUp() override { setenv("CELERE_WORKER", played_program().c_str(), 1); }
  void TearDown() override { unsetenv("CELERE_WORKER"); }

  void play(const std::string& how) { ASSERT_TRUE(files_->write(folder_ / "play", how).ok()); }

  // One supervisor, in this process.
  Ended supervise(int nodes, const std::string& scenario = "") {
    LocalNodes local(*processes_, *files_, clock_, played_nodes(folder_.path(), nodes));
    const Job job = played_job(folder_.path(), nodes);
    const auto secret = wire::Secret::at(folder_ / "secret");
    EXPECT_TRUE(secret.ok());
    auto supervisor = Supervisor::make({*processes_, *files_, *storage_, clock_, &local}, job,
                                       *secret, {"127.0.0.1", 0}, [](const std::string&) {});
    EXPECT_TRUE(supervisor.ok()) << supervisor.error().text();
    if (!scenario.empty()) {
      auto parsed = spec::parse_scenario("[scenario]\nname = \"x\"\n" + scenario, "x.toml");
      EXPECT_TRUE(parsed.ok()) << parsed.error().text();
      auto maker = FaultMaker::make(
          spec::FaultSchedule(*parsed, 1, {.ranks = job.layout.dp, .nodes = nodes}), clock_, {});
      EXPECT_TRUE(maker.ok());
      (*supervisor)->add_faults(std::make_unique<FaultMaker>(*std::move(maker)));
    }
    return (*supervisor)->run(interrupts_);
  }

  std::vector<wire::Event> events() {
    auto events = wire::read_events(*files_, folder_ / "events.jsonl");
    return events.ok() ? *events : std::vector<wire::Event>{};
  }
  std::vector<wire::Event> events(const std::string& name) {
    std::vector<wire::Event> out;
    for (const wire::Event& event : events()) {
      if (event.event == name) out.push_back(event);
    }
    return out;
  }
  // "first", "in place", ... of each start.
  std::vector<std::string> starts() {
    std::vector<std::string> out;
    for (const wire::Event& event : events("decision")) {
      if (text_of(event, "action") == "start") out.push_back(text_of(event, "how"));
    }
    return out;
  }
  std::int64_t saved() {
    const auto text = files_->read(folder_ / "progress");
    return text.ok() ? std::stoll(*text) : 0;
  }

  TemporaryFolder folder_{"supervisor"};
  std::unique_ptr<Files> files_ = local_files();
  std::unique_ptr<Processes> processes_ = local_processes();
  std::unique_ptr<checkpoint::Storage> storage_ = checkpoint::local_storage();
  SystemClock clock_;
  std::atomic<int> interrupts_ = 0;
};

TEST_F(SupervisorTest, an_undisturbed_training_ends) {
  play("ranks 2 steps 60");
  EXPECT_EQ(supervise(2), Ended::done);
  EXPECT_EQ(saved(), 60);
  EXPECT_THAT(starts(), testing::ElementsAre("first"));
  EXPECT_THAT(events("worker_ended"), IsEmpty());
  EXPECT_EQ(events("finished").size(), 1u);
}

// Killed behind step 30: saved were 20, so at most the steps from 21 on are done again.
TEST_F(SupervisorTest, a_killed_worker_is_replaced_and_steps_since_the_save_are_done_again) {
  play("ranks 2 steps 100 save_every 20");
  EXPECT_EQ(supervise(2, "[[fault]]\nkind = \"kill_worker\"\nat_step = 30\nrank = 1\n"),
            Ended::done);
  EXPECT_EQ(saved(), 100);
  EXPECT_THAT(starts(), testing::ElementsAre("first", "in place"));
  const auto ended = events("worker_ended");
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(number_of(ended[0], "rank"), 1);
  EXPECT_EQ(number_of(ended[0], "signal"), SIGKILL);
  const auto recovered = events("recovered");
  ASSERT_EQ(recovered.size(), 1u);
  EXPECT_THAT(number_of(recovered[0], "step").value_or(0), testing::AnyOf(21, 41));
}

TEST_F(SupervisorTest, a_killed_agent_takes_its_worker_along_and_comes_back) {
  play("ranks 2 steps 100");
  EXPECT_EQ(supervise(2, "[[fault]]\nkind = \"kill_agent\"\nat_step = 30\nnode = 1\n"),
            Ended::done);
  EXPECT_EQ(events("node_gone").size(), 1u);
  EXPECT_EQ(starts().size(), 2u);
}

// Of three nodes the first two that come begin; where node 1 is the last, it is the spare itself.
TEST_F(SupervisorTest, a_lost_node_is_replaced_by_the_spare) {
  play("ranks 2 steps 100");
  EXPECT_EQ(
      supervise(3, "[[fault]]\nkind = \"lose_node\"\nat_step = 30\nnode = 1\nfor = \"60 s\"\n"),
      Ended::done);
  std::vector<std::string> expected = {"first"};
  for (const wire::Event& event : events("decision")) {
    if (text_of(event, "how") != "first") continue;
    if (text_of(event, "on_nodes") != "0,2") expected.emplace_back("spare");
  }
  EXPECT_EQ(starts(), expected);
  EXPECT_EQ(events("node_gone").size(), 1u);
}

// Of a stopped process the others know nothing: who looks at them all does.
TEST_F(SupervisorTest, a_hang_is_noticed_and_the_rank_named) {
  play("ranks 2 steps 800 deadline_ms 2500");
  EXPECT_EQ(supervise(2, "[[fault]]\nkind = \"hang\"\nat_step = 30\nrank = 0\n"), Ended::done);
  const auto hangs = events("hang");
  ASSERT_EQ(hangs.size(), 1u);
  EXPECT_EQ(text_of(hangs[0], "absent_ranks"), "0");
  EXPECT_THAT(events("rank_seen"), Not(IsEmpty()));
}

TEST_F(SupervisorTest, stops_saved_when_asked) {
  play("ranks 2 steps 10000");
  std::thread asker([&] {
    while (events("started").empty()) clock_.sleep(Seconds::of(0.05));
    clock_.sleep(Seconds::of(0.5));
    interrupts_ = 1;
  });
  EXPECT_EQ(supervise(2), Ended::stopped);
  asker.join();
  EXPECT_GT(saved(), 0);
  EXPECT_LT(saved(), 10000);
}

// Each start fails at once: after three of them it gives up and says why.
TEST_F(SupervisorTest, gives_up_with_the_workers_error) {
  play("ranks 2 fails 1");
  EXPECT_EQ(supervise(2), Ended::gave_up);
  const auto gave_up = events("gave_up");
  ASSERT_EQ(gave_up.size(), 1u);
  EXPECT_THAT(text_of(gave_up[0], "errors"), testing::HasSubstr("it cannot be played"));
}

// The workers' processes are those of before: nobody stopped them.
TEST_F(SupervisorTest, another_supervisor_takes_over_without_stopping_workers) {
  play("ranks 2 steps 400");
  Command command;
  command.program = played_program();
  command.arguments = {"supervise", folder_.path(), "2"};
  auto first = processes_->start(command);
  ASSERT_TRUE(first.ok());
  for (int i = 0; i < 200 && saved() < 40; ++i) clock_.sleep(Seconds::of(0.05));
  ASSERT_GE(saved(), 40);
  (*first)->send(SIGKILL);
  (void)(*first)->wait(Seconds::of(5));
  EXPECT_EQ(supervise(2), Ended::done);
  EXPECT_EQ(saved(), 400);
  EXPECT_EQ(events("started").size(), 1u);  // the workers began once
  EXPECT_EQ(events("supervisor_started").size(), 2u);
  EXPECT_EQ(number_of(events("supervisor_started")[1], "epoch"), 2);
}

// One of two replicas is killed; the other goes on as it is, and the first joins again.
TEST_F(SupervisorTest, goes_on_without_a_replica) {
  play("ranks 2 steps 300 goes_on 1");
  EXPECT_EQ(supervise(2, "[[fault]]\nkind = \"kill_worker\"\nat_step = 30\nrank = 0\n"),
            Ended::done);
  bool regrouped = false;
  for (const wire::Event& event : events("decision")) {
    regrouped |= text_of(event, "action") == "regroup";
  }
  EXPECT_TRUE(regrouped);
  EXPECT_THAT(events("went_on"), Not(IsEmpty()));
  EXPECT_EQ(starts().size(), 1u);
}

// Two of three replicas are killed at one time: the third goes on as it is, whichever end is heard
// first.
TEST_F(SupervisorTest, goes_on_without_two_replicas) {
  play("ranks 3 steps 300 goes_on 1 late_ms 150");
  EXPECT_EQ(supervise(3,
                      "[[fault]]\nkind = \"kill_worker\"\nat_step = 30\nrank = 1\n"
                      "[[fault]]\nkind = \"kill_worker\"\nat_step = 30\nrank = 2\n"),
            Ended::done);
  std::string order;
  for (const wire::Event& event : events()) {
    const auto action = text_of(event, "action");
    if (action == "regroup" || action == "stop") order += action + " ";
    if (event.event == "went_on") order += "went_on ";
  }
  EXPECT_THAT(order, testing::StartsWith("regroup regroup went_on "));
  EXPECT_THAT(order, Not(testing::HasSubstr("stop")));
  EXPECT_EQ(starts().size(), 1u);
}

// The line of a step that was done before comes when the workers have their new number already: it
// does not mean that they have regrouped, and the next regroup waits until they say so.
TEST_F(SupervisorTest, a_step_from_before_a_regroup_is_not_taken_for_its_end) {
  play("ranks 2 steps 300 goes_on 1 late_ms 150");
  EXPECT_EQ(supervise(2, "[[fault]]\nkind = \"kill_worker\"\nat_step = 30\nrank = 1\n"),
            Ended::done);
  std::string order;
  for (const wire::Event& event : events()) {
    if (text_of(event, "action") == "regroup") order += "regroup ";
    if (event.event == "went_on" || event.event == "recovered") order += event.event + " ";
  }
  EXPECT_THAT(order, testing::StartsWith("regroup went_on "));
  EXPECT_THAT(order, Not(testing::HasSubstr("regroup regroup")));
  EXPECT_THAT(order, Not(testing::HasSubstr("regroup recovered")));
}

}  // namespace
}  // namespace celere::launch

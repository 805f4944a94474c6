#include "report/status.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

namespace celere::report {
namespace {

using testing::HasSubstr;
using testing::Not;

const wire::RunDirectory directory{"runs/x"};
constexpr Instant written_at{1721636130'250'000'000};  // 2024-07-22T08:15:30.250Z

wire::RunStatus example() {
  wire::RunStatus s;
  s.written_unix_s = 1721636130.25;
  s.process = 4711;
  s.epoch = 2;
  s.phase = "training";
  s.generation = 3;
  s.layout = "dp=2";
  s.step = 120;
  s.total_steps = 400;
  s.committed_step = 100;
  s.committed_age_s = 4.5;
  s.loss = 3.25;
  s.tokens_per_s = 12345;
  s.time_left_s = 150;
  s.restarts = 2;
  s.lost_steps = 1;
  s.node_count = s.rank_count = 2;
  s.nodes = {{.node = 0, .host = "alpha", .state = "training", .heartbeat_age_s = 0.2},
             {.node = 1, .host = "beta", .state = "gone", .failures = 3}};
  s.ranks = {{.rank = 0, .node = 0, .process = 98, .step = 120, .phase = "computing"},
             {.rank = 1, .node = 0, .process = 99, .step = 120, .phase = "computing"}};
  s.ranks[0].compute_time_s = 0.2;
  s.ranks[0].slow_factor = 1;
  s.ranks[0].collective = wire::InCollective{"dp", "all_reduce", 7, 4096, 0.25};
  s.ranks[1].phase_time_s = 0.5;
  s.ranks[1].compute_time_s = 0.4;
  s.ranks[1].slow_factor = 2;
  s.last_events = {{"2024-07-22T08:15:20.000Z",
                    "decision",
                    {{"action", std::string("start")}, {"why", std::string("rank 1 died")}}}};
  return s;
}

// Rank 0 waits in a collective for rank 1, which takes twice as long; 120 of 400 are 30 %, 9 of 30
// signs.
TEST(StatusText, shows_who_waits_for_whom) {
  const auto files = memory_files();
  ASSERT_TRUE(files->write(directory.status(), wire::written_json(example())).ok());
  const auto status = read_status(*files, directory, written_at + 1_s);
  ASSERT_TRUE(status.ok()) << status.error().message;
  EXPECT_EQ(status->state, TrainingState::running);
  EXPECT_EQ(status_text(*status, "x.toml"),
            R"(runs/x: training (supervisor: process 4711, epoch 2)
  step 120/400  [#########.....................]  30 %  loss 3.250  12.3 k tokens/s  2.50 min left
  training, generation 3, dp=2
  saved behind step 100, 4.50 s ago; 2 restarts, 1 step done again

  node  host   state     failures    heard of
     0  alpha  training         0  200 ms ago
     1  beta   gone             3       never

  rank  node  process  step  phase         for  in a collective          computes a step  slower
     0     0       98   120  computing     0 s  250 ms: dp all_reduce 7  ###... 200 ms    1.00 x
     1     0       99   120  computing  500 ms  -                        ###### 400 ms    2.00 x

what happened last (UTC)
  08:15:20  decision           rank 1 died
)");
}

// 10 s is the age at which a supervisor that writes each second is gone.
TEST(StatusText, says_that_the_supervisor_is_gone) {
  const auto files = memory_files();
  ASSERT_TRUE(files->write(directory.status(), wire::written_json(example())).ok());
  EXPECT_EQ(read_status(*files, directory, written_at + 10_s)->state, TrainingState::running);
  const auto status = read_status(*files, directory, written_at + 10.1_s);
  ASSERT_EQ(status->state, TrainingState::left);
  EXPECT_THAT(status_text(*status, "x.toml"),
              testing::StartsWith("runs/x: its supervisor is gone (process 4711, epoch 2): it "
                                  "wrote last at 2024-07-22T08:15:30.250Z.\n"
                                  "What it knew then:\n  step 120/400"));
  EXPECT_THAT(status_text(*status, "x.toml"),
              testing::EndsWith("To go on:\n  celere train x.toml\n"));
}

// The first line; no events: the file is not there.
std::string state_of(const std::string& events) {
  const auto files = memory_files();
  if (!events.empty()) {
    EXPECT_TRUE(files->write(directory.events(), events).ok());
  }
  const auto status = read_status(*files, directory, written_at);
  EXPECT_TRUE(status.ok()) << status.error().message;
  const std::string text = status_text(*status, "x.toml");
  return text.substr(0, text.find('\n'));
}

std::string event(const std::string& name, const std::string& more = "") {
  return R"({"time":"2024-07-22T08:15:30.250Z","event":")" + name + "\"" + more + "}\n";
}

TEST(StatusText, tells_the_end_from_the_events) {
  EXPECT_EQ(state_of(""), "runs/x: nothing has happened yet");
  EXPECT_EQ(state_of(event("started")), "runs/x: not ended, and no supervisor writes here");
  EXPECT_EQ(state_of(event("started") + event("done")),
            "runs/x: done, at 2024-07-22T08:15:30.250Z");
  EXPECT_EQ(state_of(event("started") + event("not_finite", R"(,"message":"at step 3")")),
            "runs/x: ended by numbers that are none: at step 3, at 2024-07-22T08:15:30.250Z");
  // A new start after the end is no end.
  EXPECT_EQ(state_of(event("done") + event("started")),
            "runs/x: not ended, and no supervisor writes here");
  // A supervisor starts workers anew: their ends are not the training's.
  const std::string supervised = event("supervisor_started") + event("started");
  EXPECT_EQ(state_of(supervised + event("not_finite")),
            "runs/x: not ended, and no supervisor writes here");
  EXPECT_EQ(state_of(supervised + event("finished", R"(,"how":"stopped","step":9)")),
            "runs/x: stopped and saved, at 2024-07-22T08:15:30.250Z");
  EXPECT_EQ(state_of(supervised + event("gave_up", R"(,"why":"no node is left")")),
            "runs/x: given up: no node is left, at 2024-07-22T08:15:30.250Z");
}

// A status of phase "over" is the last word of a supervisor that ended by itself.
TEST(StatusText, believes_the_events_behind_the_last_status) {
  const auto files = memory_files();
  wire::RunStatus over = example();
  over.phase = "over";
  ASSERT_TRUE(files->write(directory.status(), wire::written_json(over)).ok());
  ASSERT_TRUE(files
                  ->write(directory.events(), event("supervisor_started") +
                                                  event("started", R"(,"total_steps":400)") +
                                                  event("finished", R"(,"how":"done")"))
                  .ok());
  ASSERT_TRUE(files->write(directory.metrics(), "{\"step\":400,\"loss\":2.5}\n").ok());
  const auto status = read_status(*files, directory, written_at);
  ASSERT_EQ(status->state, TrainingState::ended);
  EXPECT_THAT(status_text(*status, "x.toml"),
              testing::StartsWith("runs/x: done, at 2024-07-22T08:15:30.250Z\n"
                                  "  step 400/400  [##############################] 100 %  loss "
                                  "2.500\n  2 restarts, 1 step done again\n"));
}

// Nine lines for a replay lie among three that tell what happened; eight lines are shown.
TEST(StatusText, shows_what_happened_and_not_what_is_for_a_replay) {
  const auto files = memory_files();
  std::string log = event("supervisor_started") + event("recovery_begins") +
                    event("decision", R"(,"action":"start","why":"all nodes are there")");
  for (int i = 0; i < 8; ++i) log += event("told", R"(,"what":"trained")");
  log += event("finished", R"(,"how":"done")");
  ASSERT_TRUE(files->write(directory.events(), log).ok());
  const auto status = read_status(*files, directory, written_at);
  ASSERT_TRUE(status.ok()) << status.error().message;
  std::vector<std::string> names;
  for (const wire::Event& one : status->events) names.push_back(one.event);
  EXPECT_THAT(names, testing::ElementsAre("supervisor_started", "decision", "finished"));
  EXPECT_THAT(status_text(*status, "x.toml"), HasSubstr("all nodes are there"));
}

// The first line of a training that was stopped; its supervisor's last status knows what is saved.
std::string stopped_line(std::optional<std::int64_t> committed_step, std::int64_t step = 120,
                         const std::string& metrics = "") {
  const auto files = memory_files();
  wire::RunStatus over = example();
  over.phase = "over";
  over.step = step;
  over.committed_step = committed_step;
  EXPECT_TRUE(files->write(directory.status(), wire::written_json(over)).ok());
  EXPECT_TRUE(files
                  ->write(directory.events(), event("supervisor_started") + event("started") +
                                                  event("finished", R"(,"how":"stopped")"))
                  .ok());
  if (!metrics.empty()) {
    EXPECT_TRUE(files->write(directory.metrics(), metrics).ok());
  }
  const auto status = read_status(*files, directory, written_at);
  EXPECT_TRUE(status.ok()) << status.error().message;
  const std::string text = status_text(*status, "x.toml");
  return text.substr(0, text.find('\n'));
}

// Asked twice to stop, or while it waits for nodes, nobody saves: a training at step 120 goes on
// behind step 100, or from its beginning.
TEST(StatusText, does_not_call_saved_what_was_not) {
  EXPECT_EQ(stopped_line(120), "runs/x: stopped and saved, at 2024-07-22T08:15:30.250Z");
  EXPECT_EQ(stopped_line(100), "runs/x: stopped; saved is step 100, at 2024-07-22T08:15:30.250Z");
  EXPECT_EQ(stopped_line(std::nullopt),
            "runs/x: stopped; nothing is saved, at 2024-07-22T08:15:30.250Z");
  // No step was done since its last supervisor began: those before it are in the log.
  EXPECT_EQ(stopped_line(100, 0, "{\"step\":100}\n"),
            "runs/x: stopped and saved, at 2024-07-22T08:15:30.250Z");
  EXPECT_EQ(stopped_line(100, 0, "{\"step\":120}\n"),
            "runs/x: stopped; saved is step 100, at 2024-07-22T08:15:30.250Z");
}

// What others wrote moves no cursor and fills no screen.
TEST(StatusText, is_plain_text_of_at_most_a_screen) {
  wire::RunStatus many = example();
  many.last_events = {
      {"t", "log_failed", {{"error", std::string(3, '\x1b') + std::string(500, 'x')}}}};
  many.nodes.clear();
  many.ranks.clear();
  for (int i = 0; i < 1000; ++i) {
    many.ranks.push_back(
        {.rank = i, .node = 0, .process = 1, .step = i == 777 ? 119 : 120, .phase = "x\ny"});
  }
  many.rank_count = 4096;
  const auto files = memory_files();
  ASSERT_TRUE(files->write(directory.status(), wire::written_json(many)).ok());
  const std::string text = status_text(*read_status(*files, directory, written_at), "x.toml");
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_LT(std::count(text.begin(), text.end(), '\n'), 60);
  EXPECT_THAT(text, HasSubstr("and 4,056 ranks that stand out less"));
  // The one rank that is behind comes first.
  EXPECT_LT(text.find(" 777 "), text.find("     0     0"));
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 100u) << line;
}

TEST(StatusJson, says_the_same_with_stable_keys) {
  const auto files = memory_files();
  ASSERT_TRUE(files->write(directory.status(), wire::written_json(example())).ok());
  const std::string running = status_json(*read_status(*files, directory, written_at));
  EXPECT_THAT(running, testing::StartsWith(
                           R"({"run_directory":"runs/x","state":"running","ended":null,)"
                           R"("total_steps":400,"last_step":null,"status":{"written_unix_s":)"));
  EXPECT_THAT(running, HasSubstr(R"("last_events":[{"time":"2024-07-22T08:15:20.000Z",)"));
  EXPECT_THAT(running, testing::EndsWith("]}\n"));
}

}  // namespace
}  // namespace celere::report

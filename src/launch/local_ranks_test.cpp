#include "launch/local_ranks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace celere::launch {
namespace {

TEST(WorkerMessage, steps_and_events_are_read) {
  const auto step =
      parse_worker_message(R"({"kind":"step","step":12,"loss":3.5,"time_left_s":4.0})");
  ASSERT_TRUE(step.ok()) << step.error().text();
  EXPECT_EQ(std::get<wire::StepMetrics>(step->what).step, 12);
  EXPECT_EQ(std::get<wire::StepMetrics>(step->what).loss, 3.5);
  const auto event = parse_worker_message(
      R"({"kind":"event","time":"2024-07-22T08:15:30.250Z","event":"done","step":3})");
  ASSERT_TRUE(event.ok()) << event.error().text();
  EXPECT_EQ(std::get<wire::Event>(event->what).event, "done");
}

TEST(WorkerMessage, what_is_none_is_refused) {
  for (const char* line : {"", "{", "[]", "{}", R"({"kind":1})", R"({"kind":"cake"})",
                           R"({"kind":"step"})", R"({"kind":"event"})", "libgomp: a warning"}) {
    EXPECT_FALSE(parse_worker_message(line).ok()) << line;
  }
}

// Ranks that are shells: of two, $1 is the rank.
class RanksTest : public testing::Test {
 protected:
  void SetUp() override { setenv("CELERE_WORKER", "/bin/sh", 1); }
  void TearDown() override { unsetenv("CELERE_WORKER"); }

  RanksEnded run(int count, const std::string& script) {
    const auto processes = local_processes();
    const auto files = local_files();
    SystemClock clock;
    std::atomic<int> interrupts = 0;
    auto ended = run_ranks({*processes, *files, clock},
                           {.count = count, .threads = 1, .arguments = {"-c", script}}, interrupts,
                           [&](const WorkerMessage& message) {
                             heard_.push_back(std::get<wire::StepMetrics>(message.what).step);
                             if (stops_) interrupts = 1;
                           });
    EXPECT_TRUE(ended.ok()) << ended.error().text();
    return *ended;
  }

  std::vector<std::int64_t> heard_;
  bool stops_ = false;
};

// What the first rank says is heard in order, and its exit code comes back.
TEST_F(RanksTest, hears_all_lines) {
  const RanksEnded ended =
      run(1, R"(for i in 1 2 3; do echo "{\"kind\":\"step\",\"step\":$i}"; done; exit 3)");
  EXPECT_EQ(ended.ending.code, 3);
  EXPECT_THAT(heard_, testing::ElementsAre(1, 2, 3));
}

// The first wish to stop is a SIGTERM to all, which these answer; they wait for nothing else.
TEST_F(RanksTest, passes_a_wish_to_stop_on) {
  stops_ = true;
  const RanksEnded ended =
      run(2, R"(trap 'exit 0' TERM; test $1 = 0 && echo '{"kind":"step","step":1}'
                                     while :; do sleep 0.05; done)");
  EXPECT_TRUE(ended.ending.fine());
}

// Rank 2 dies by itself, the others then of its absence: it is rank 2's error that is told.
TEST_F(RanksTest, tells_who_died_first) {
  const RanksEnded ended = run(3, R"(test $1 = 2 && { echo 'no memory' >&2; exit 2; }
                                     sleep 0.01; echo 'a collective: closed by peer' >&2; exit 2)");
  EXPECT_EQ(ended.rank, 2);
  EXPECT_EQ(ended.errors, "no memory\n");
}

// Those that do not notice that one is killed are ended.
TEST_F(RanksTest, ends_all_when_one_is_killed) {
  const RanksEnded ended = run(2, R"(test $1 = 1 && kill -9 $$; sleep 600)");
  EXPECT_EQ(ended.rank, 1);
  EXPECT_EQ(ended.ending.signal, 9);
}

}  // namespace
}  // namespace celere::launch

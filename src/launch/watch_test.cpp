#include "launch/watch.hpp"

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

// What a worker says is heard in order, and its exit code comes back.
TEST(Watch, hears_all_lines) {
  const auto processes = local_processes();
  const auto files = local_files();
  setenv("CELERE_WORKER", "/bin/sh", 1);
  auto worker = WorkerProcess::start(
      *processes, *files,
      {.arguments = {
           "-c", R"(for i in 1 2 3; do echo "{\"kind\":\"step\",\"step\":$i}"; done; exit 3)"}});
  ASSERT_TRUE(worker.ok()) << worker.error().text();
  SystemClock clock;
  std::atomic<int> interrupts = 0;
  std::vector<std::int64_t> heard;
  const auto ending = watch(*worker, clock, interrupts, [&](const WorkerMessage& message) {
    heard.push_back(std::get<wire::StepMetrics>(message.what).step);
  });
  unsetenv("CELERE_WORKER");
  ASSERT_TRUE(ending.ok()) << ending.error().text();
  EXPECT_EQ(ending->code, 3);
  EXPECT_THAT(heard, testing::ElementsAre(1, 2, 3));
}

// The first wish to stop is a SIGTERM, which this worker answers; it waits for nothing else.
TEST(Watch, passes_a_wish_to_stop_on) {
  const auto processes = local_processes();
  const auto files = local_files();
  setenv("CELERE_WORKER", "/bin/sh", 1);
  auto worker = WorkerProcess::start(
      *processes, *files,
      {.arguments = {"-c", R"(trap 'exit 4' TERM; echo '{"kind":"step","step":1}'; )"
                           R"(while :; do sleep 0.05; done)"}});
  unsetenv("CELERE_WORKER");
  ASSERT_TRUE(worker.ok()) << worker.error().text();
  SystemClock clock;
  std::atomic<int> interrupts = 0;
  const auto ending =
      watch(*worker, clock, interrupts, [&](const WorkerMessage&) { interrupts = 1; });
  ASSERT_TRUE(ending.ok());
  EXPECT_EQ(ending->code, 4);
}

}  // namespace
}  // namespace celere::launch

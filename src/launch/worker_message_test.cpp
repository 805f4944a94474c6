#include "launch/worker_message.hpp"

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

}  // namespace
}  // namespace celere::launch

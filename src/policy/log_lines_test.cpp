// What is written comes back, word for word; and what no one wrote is refused.
#include "policy/log_lines.hpp"

#include <gmock/gmock.h>

#include "policy/test_world.hpp"

namespace celere::policy {
namespace {

using testing::HasSubstr;

// Through the line of a file, as a replay reads it.
wire::Event through_json(const std::string& name, std::vector<wire::EventField> fields) {
  auto line = wire::parse_event(wire::written_json({"t", name, std::move(fields)}));
  EXPECT_TRUE(line.ok()) << line.error().text();
  return *line;
}

// Each event with every field away from its default: written, read and written again.
TEST(LogLines, whatever_recovery_is_told_comes_back) {
  const Shape shape{
      .slots = 3, .replicas = 2, .replica_of_slot = {0, -1, 1}, .replicas_whole = true};
  const std::vector<Event> events = {
      NodeJoined{3},
      NodeGone{4},
      NodeCleared{5},
      WorkerExited{.generation = 2, .node = 1, .rank = 9, .code = 3, .signal = {}, .done = true},
      WorkerExited{.generation = 2, .node = 1, .rank = 9, .code = {}, .signal = 11},
      WorkerExited{.generation = 2, .node = 1, .code = 4, .signal = {}, .stopped = true},
      GenerationEnded{7},
      Trained{7, 123456789012},
      Overdue{7, {0, 12, 3}},
      Overdue{7, {}},
      Slow{7, 2, 5, 1.0 / 3},
      BadNumbers{7, Sick::spike, 8, {}},
      BadNumbers{7, Sick::mismatch, 8, 2},
      CleanCheck{7, 20},
      Preemption{2, Seconds::of(0.1)},
      CheckpointCommitted{40},
      CheckpointFailed{60},
      Planned{shape},
      Planned{},
      WentOn{8, 61},
      CouldNotGoOn{8},
      StopAsked{},
      Tick{}};
  std::set<std::size_t> kinds;
  for (const Event& event : events) {
    kinds.insert(event.index());
    const auto fields = told_fields({{1'700'000'000'123'456'789}, event});
    const auto told = read_told(through_json("told", fields));
    ASSERT_TRUE(told.ok()) << told.error().text();
    ASSERT_TRUE(told->event);
    EXPECT_EQ(told->at.nanoseconds, 1'700'000'000'123'456'789);
    EXPECT_EQ(told->event->index(), event.index());
    EXPECT_EQ(told_fields(*told), fields);
  }
  EXPECT_EQ(kinds.size(), std::variant_size_v<Event>);
  // The twin above would not see a field that neither side knows.
  const auto overdue = read_told(through_json("told", told_fields({{}, Overdue{7, {0, 12, 3}}})));
  EXPECT_EQ(std::get<Overdue>(*overdue->event).absent, (std::vector<Node>{0, 12, 3}));
  const auto planned = read_told(through_json("told", told_fields({{}, Planned{shape}})));
  EXPECT_EQ(std::get<Planned>(*planned->event).shape, shape);
  const auto slow = read_told(through_json("told", told_fields({{}, Slow{7, 2, 5, 1.0 / 3}})));
  EXPECT_EQ(std::get<Slow>(*slow->event).factor, 1.0 / 3);
  const auto began = read_told(through_json("told", told_fields({{5}, {}})));
  ASSERT_TRUE(began.ok());
  EXPECT_FALSE(began->event);
}

TEST(LogLines, settings_and_shape_come_back) {
  Begins begins;
  Settings& it = begins.settings;
  it = {.on_lost_replica = LostReplica::go_on,
        .retries = 3,
        .back_off = Seconds::of(0.2),
        .back_off_max = Seconds::of(7),
        .node_failures = 4,
        .node_window = Seconds::of(100),
        .node_patience = Seconds::of(0.3),
        .resizes = false,
        .straggler_factor = 1.25,
        .skips = 0,
        .restarts = 77,
        .spike_heals = 9,
        .saves_failed = 5};
  begins.shape = {.slots = 2, .replicas = 2, .replica_of_slot = {0, 1}, .replicas_whole = true};
  begins.memory = -5;
  const auto fields = begins_fields(begins);
  const auto read = read_begins(through_json("recovery_begins", fields));
  ASSERT_TRUE(read.ok()) << read.error().text();
  EXPECT_EQ(begins_fields(*read), fields);
  EXPECT_EQ(read->shape, begins.shape);
  EXPECT_EQ(read->memory, -5);
  EXPECT_EQ(read->settings.on_lost_replica, LostReplica::go_on);
  EXPECT_EQ(read->settings.node_patience, it.node_patience);
  EXPECT_FALSE(read->settings.resizes);
  EXPECT_EQ(read->settings.retries, 3);
  EXPECT_EQ(read->settings.back_off, it.back_off);
  EXPECT_EQ(read->settings.back_off_max, it.back_off_max);
  EXPECT_EQ(read->settings.node_failures, 4);
  EXPECT_EQ(read->settings.node_window, it.node_window);
  EXPECT_EQ(read->settings.straggler_factor, 1.25);
  EXPECT_EQ(read->settings.skips, 0);
  EXPECT_EQ(read->settings.restarts, 77);
  EXPECT_EQ(read->settings.spike_heals, 9);
  EXPECT_EQ(read->settings.saves_failed, 5);
}

TEST(LogLines, what_nobody_wrote_is_refused) {
  const auto error = [](const std::string& json) {
    const auto told = read_told(
        *wire::parse_event(R"({"time":"2024-07-22T08:15:30.250Z","event":"told",)" + json + "}"));
    return told.ok() ? "" : told.error().message;
  };
  EXPECT_EQ(error(R"("what":"tick","wall_ns":1)"), "");
  EXPECT_THAT(error(R"("what":"tock","wall_ns":1)"), HasSubstr("what"));
  EXPECT_THAT(error(R"("what":"tick")"), HasSubstr("wall_ns"));
  EXPECT_THAT(error(R"("what":"node_gone","wall_ns":1)"), HasSubstr("node"));
  EXPECT_THAT(error(R"("what":"node_gone","wall_ns":1,"node":99999999999)"), HasSubstr("node"));
  EXPECT_THAT(error(R"("what":"overdue","wall_ns":1,"generation":1,"absent":"1;2")"),
              HasSubstr("absent"));
  for (const char* absent : {"", R"(,"absent":"1,2,")", R"(,"absent":",1")", R"(,"absent":7)"}) {
    EXPECT_THAT(error(std::string(R"("what":"overdue","wall_ns":1,"generation":1)") + absent),
                HasSubstr("absent"))
        << absent;
  }
  EXPECT_EQ(error(R"("what":"overdue","wall_ns":1,"generation":1,"absent":"")"), "");
  EXPECT_THAT(error(R"("what":"tick")"), HasSubstr("2024-07-22T08:15:30.250Z")) << "which line";
  EXPECT_THAT(error(R"("what":"bad_numbers","wall_ns":1,"generation":1,"step":2,"kind":"odd")"),
              HasSubstr("kind"));
}

}  // namespace
}  // namespace celere::policy

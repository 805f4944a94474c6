#include "wire/flight_record.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <random>
#include <thread>

#include "base/files.hpp"
#include "base/test_folder.hpp"

namespace celere::wire {
namespace {

class FlightRecordTest : public testing::Test {
 protected:
  TemporaryFolder folder_{"flight"};
  std::string path_ = folder_ / "rank-0";
  ManualClock clock_;
};

// One collective that was left and one that was not, 2 s and 3 s after the start.
TEST_F(FlightRecordTest, says_what_the_rank_did_last) {
  auto record = FlightRecord::create(path_, 3, clock_);
  ASSERT_TRUE(record.ok()) << record.error().text();
  clock_.advance(2_s);
  record->pulse(7, RankPhase::computing);
  const std::uint64_t first = record->enter(
      {.group = "data 0", .kind = CollectiveKind::all_reduce, .bytes = 4096, .in_group = 5});
  clock_.advance(1_s);
  record->leave(first);
  record->pulse(7, RankPhase::computing);  // the same phase: it began before
  (void)record->enter({.group = "a name that is longer than is kept",
                       .kind = CollectiveKind::send,
                       .bytes = 12,
                       .in_group = 1});
  record->step_done({.step = 7, .compute = 0.25_s, .whole = 0.5_s});

  const auto reader = FlightReader::open(path_);
  ASSERT_TRUE(reader.ok()) << reader.error().text();
  const Flight flight = reader->read();
  EXPECT_EQ(flight.rank, 3);
  EXPECT_EQ(flight.process, getpid());
  EXPECT_EQ(flight.pulse.step, 7);
  EXPECT_EQ(flight.pulse.phase, RankPhase::computing);
  EXPECT_EQ(flight.pulse.since.nanoseconds, 2000000000);
  EXPECT_EQ(flight.pulse.beats, 3u);
  ASSERT_EQ(flight.steps.size(), 1u);
  EXPECT_EQ(flight.steps[0].compute, 0.25_s);
  EXPECT_EQ(flight.steps[0].whole, 0.5_s);
  ASSERT_EQ(flight.entries.size(), 2u);
  EXPECT_EQ(flight.entries[0].group, "data 0");
  EXPECT_EQ(flight.entries[0].bytes, 4096);
  EXPECT_EQ(flight.entries[0].in_group, 5u);
  EXPECT_EQ(flight.entries[0].entered.nanoseconds, 2000000000);
  EXPECT_EQ(flight.entries[0].left->nanoseconds, 3000000000);
  EXPECT_EQ(flight.entries[1].group, "a name that is longer t");  // 23 bytes
  EXPECT_EQ(flight.entries[1].kind, CollectiveKind::send);
  EXPECT_FALSE(flight.entries[1].left);
}

// 100 collectives of which 64 are kept: 37 to 100.
TEST_F(FlightRecordTest, keeps_the_last_sixty_four) {
  auto record = FlightRecord::create(path_, 0, clock_);
  ASSERT_TRUE(record.ok());
  for (int i = 1; i <= 100; ++i) {
    record->leave(
        record->enter({.group = "g", .kind = CollectiveKind::barrier, .bytes = 0, .in_group = 1}));
    record->step_done({.step = i, .compute = {}, .whole = {}});
  }
  record->leave(3);  // that is no longer there
  const Flight flight = FlightReader::open(path_)->read();
  ASSERT_EQ(flight.entries.size(), 64u);
  ASSERT_EQ(flight.steps.size(), 64u);
  EXPECT_EQ(flight.entries.front().sequence, 37u);
  EXPECT_EQ(flight.entries.back().sequence, 100u);
  EXPECT_EQ(flight.steps.front().step, 37);
}

TEST_F(FlightRecordTest, orders_only_grow) {
  auto record = FlightRecord::create(path_, 0, clock_);
  auto reader = FlightReader::open(path_);
  ASSERT_TRUE(reader.ok());
  EXPECT_EQ(record->order(), 0u);
  reader->order(4);
  reader->order(2);
  EXPECT_EQ(record->order(), 4u);
}

// What the child writes as fast as it can: each entry can be checked against its number.
[[noreturn]] void write_for_ever(FlightRecord& record) {
  for (std::int64_t i = 1;; ++i) {
    const std::string group = fmt::format("g{}", i);
    const auto n = record.enter({.group = group,
                                 .kind = static_cast<CollectiveKind>(i % 8),
                                 .bytes = 7 * i,
                                 .in_group = static_cast<std::uint64_t>(3 * i)});
    record.pulse(i, static_cast<RankPhase>(i % 7));
    record.leave(n);
    record.step_done({.step = i,
                      .compute = Seconds::of(static_cast<double>(i)),
                      .whole = Seconds::of(static_cast<double>(2 * i))});
  }
}

// Gives the newest entry's number.
std::uint64_t expect_whole(const Flight& flight) {
  for (const FlightEntry& entry : flight.entries) {
    const auto i = static_cast<std::int64_t>(entry.sequence);
    EXPECT_EQ(entry.group, fmt::format("g{}", i));
    EXPECT_EQ(static_cast<int>(entry.kind), i % 8);
    EXPECT_EQ(entry.bytes, 7 * i);
    EXPECT_EQ(entry.in_group, static_cast<std::uint64_t>(3 * i));
  }
  for (const FlightStep& step : flight.steps) {
    EXPECT_NEAR(step.compute.in_base(), static_cast<double>(step.step), 1e-6);
    EXPECT_NEAR(step.whole.in_base(), static_cast<double>(2 * step.step), 1e-6);
  }
  EXPECT_EQ(static_cast<int>(flight.pulse.phase), flight.pulse.step % 7);
  return flight.entries.empty() ? 0 : flight.entries.back().sequence;
}

// While it writes, and after it was killed in the middle of a write: every entry that is seen is
// whole, only the one that was being written is missing, and the pulse is never lost.
TEST_F(FlightRecordTest, outlives_a_writer_that_is_killed) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937 random(seed);
  for (int round = 0; round < 25; ++round) {
    auto record = FlightRecord::create(path_, 0, clock_);
    ASSERT_TRUE(record.ok());
    const auto reader = FlightReader::open(path_);
    ASSERT_TRUE(reader.ok());
    const pid_t child = fork();
    if (child == 0) write_for_ever(*record);
    const SystemClock now;
    const Instant until =
        now.now() + Seconds::of(2e-3 + 1e-6 * static_cast<double>(random() % 8000));
    while (now.now() < until) (void)expect_whole(reader->read());
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    const Flight flight = reader->read();
    const std::uint64_t last = expect_whole(flight);
    if (last < 100) continue;  // it was hardly given the processor
    EXPECT_GE(flight.entries.size(), 63u);
    EXPECT_GE(flight.steps.size(), 63u);
    EXPECT_GE(flight.pulse.step, static_cast<std::int64_t>(last) - 1);
    const Flight again = FlightReader::open(path_)->read();
    EXPECT_EQ(again.entries.size(), flight.entries.size());
  }
}

TEST_F(FlightRecordTest, what_is_none_is_corrupt) {
  const auto files = local_files();
  EXPECT_EQ(FlightReader::open(path_).error().code, ErrorCode::not_found);
  ASSERT_TRUE(FlightRecord::create(path_, 0, clock_).ok());
  const std::string whole = *files->read(path_);
  const auto code_of = [&](const std::string& content) {
    EXPECT_TRUE(files->write(path_, content).ok());
    const auto reader = FlightReader::open(path_);
    return reader.ok() ? std::optional<ErrorCode>() : std::optional(reader.error().code);
  };
  EXPECT_EQ(code_of(""), ErrorCode::corrupt);
  EXPECT_EQ(code_of("something else"), ErrorCode::corrupt);
  EXPECT_EQ(code_of(whole.substr(0, whole.size() / 2)), ErrorCode::corrupt);
  EXPECT_EQ(code_of(whole + "x"), ErrorCode::corrupt);
  EXPECT_EQ(code_of("X" + whole.substr(1)), ErrorCode::corrupt);
  EXPECT_EQ(code_of(std::string(whole.size(), '\xff')), ErrorCode::corrupt);
  EXPECT_EQ(code_of(whole), std::nullopt);
}

}  // namespace
}  // namespace celere::wire

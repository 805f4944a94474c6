// Clock, log and progress, with a clock that is moved by hand.
#include <gtest/gtest.h>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/log.hpp"
#include "base/progress.hpp"

namespace celere {
namespace {

// 2024-07-22 is day 19,926 since 1970: 1,721,606,400 s. At 08:15:30.25 it is 1,721,636,130.25.
constexpr Instant morning{1'721'636'130'250'000'000};

TEST(Clock, writes_utc) {
  EXPECT_EQ(written_utc(morning), "2024-07-22T08:15:30.250Z");
  EXPECT_EQ(written_utc({}), "1970-01-01T00:00:00.000Z");
}

TEST(Clock, moves_by_hand) {
  ManualClock clock(morning);
  clock.sleep(1.5_s);
  EXPECT_EQ(clock.now().nanoseconds, 1'500'000'000);
  EXPECT_EQ(written_utc(clock.wall()), "2024-07-22T08:15:31.750Z");
}

TEST(Clock, the_real_one_goes_on) {
  SystemClock clock;
  const Instant before = clock.now();
  clock.sleep(0.002_s);
  EXPECT_GE(clock.now() - before, 0.002_s);
  EXPECT_GT(clock.wall().nanoseconds, morning.nanoseconds);
}

TEST(Log, is_one_line_an_event_whatever_is_in_it) {
  const ManualClock clock(morning);
  std::string text;
  Log log = Log::to_text(clock, text, LogLevel::info);
  log.event(LogLevel::debug, "not said");
  log.event(LogLevel::warn, "rank lost", {{"rank", "17"}, {"node", "gpu \"42\"\nb"}, {"x", ""}});
  EXPECT_EQ(
      text,
      "2024-07-22T08:15:30.250Z warn  rank lost rank=17 node=\"gpu \\\"42\\\"\\nb\" x=\"\"\n");
  log.event(LogLevel::error, "\x1b[31mred");
  EXPECT_EQ(text.substr(text.find('\n') + 1), "2024-07-22T08:15:30.250Z error \\x1b[31mred\n");
}

TEST(Log, of_nobody_is_quiet_and_a_wrong_path_is_an_error) {
  Log quiet;
  quiet.event(LogLevel::error, "nobody hears");
  const ManualClock clock;
  EXPECT_FALSE(Log::to_file(clock, "/dev/null/log", LogLevel::info).ok());
}

TEST(Log, appends_to_a_file) {
  const std::string path = testing::TempDir() + "/celere-log-test.log";
  static_cast<void>(local_files()->remove(path));
  const ManualClock clock(morning);
  for (int i = 0; i < 2; ++i) {
    Log log = *Log::to_file(clock, path, LogLevel::info);
    log.event(LogLevel::info, "begun");
    log.flush();
  }
  const std::string line = "2024-07-22T08:15:30.250Z info  begun\n";
  EXPECT_EQ(*local_files()->read(path), line + line);
}

struct Screen {
  std::string text;
  Terminal terminal(int width) {
    return {.width = width, .write = [this](std::string_view t) { text += t; }};
  }
};

// After 3 s a quarter is done: 5 of 20 marks, and 9 s are left. Within 0.1 s nothing is drawn
// again; the end wipes.
TEST(Progress, draws_over_itself_and_wipes_at_the_end) {
  ManualClock clock;
  Screen screen;
  Progress progress(clock, screen.terminal(80), "searching");
  progress.update(0.01);
  EXPECT_EQ(screen.text, "");
  clock.advance(3_s);
  progress.update(0.25);
  const std::string drawn = "\r\x1b[2Ksearching  [#####...............]  25 %  3.00 s, 9.00 s left";
  EXPECT_EQ(screen.text, drawn);
  clock.advance(0.05_s);
  progress.update(0.3);
  EXPECT_EQ(screen.text, drawn);
  progress.finish();
  EXPECT_EQ(screen.text, drawn + "\r\x1b[2K");
  clock.advance(1_s);
  progress.update(0.9);
  EXPECT_EQ(screen.text, drawn + "\r\x1b[2K");
}

// Of 14 columns 13 are used; the two bytes of ö are one of them.
TEST(Progress, is_cut_to_the_width_of_the_terminal) {
  ManualClock clock;
  Screen screen;
  Progress progress(clock, screen.terminal(14), "Köln");
  clock.advance(1_s);
  progress.update(0.5);
  EXPECT_EQ(screen.text, "\r\x1b[2KKöln  [######");
}

TEST(Progress, is_silent_where_there_is_no_terminal) {
  ManualClock clock;
  Progress progress(clock, {}, "searching");
  clock.advance(1_s);
  progress.update(0.5);
  progress.finish();
}

}  // namespace
}  // namespace celere

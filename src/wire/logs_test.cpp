#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "wire/events.hpp"
#include "wire/json_text.hpp"
#include "wire/metrics.hpp"

namespace celere::wire {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Logs : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  const std::string folder_ = testing::TempDir() + "celere-logs-" + std::to_string(::getpid());
  std::unique_ptr<Files> files_ = local_files();
};

TEST(StepMetricsText, has_stable_keys_and_leaves_out_what_was_not_measured) {
  StepMetrics metrics;
  metrics.step = 12;
  metrics.loss = 2.5;
  metrics.tokens = 6144;
  metrics.tokens_per_s = 51200;
  metrics.gradient_norm = std::numeric_limits<double>::infinity();
  const std::string line = written_json(metrics);
  EXPECT_EQ(line,
            R"({"step":12,"tokens":6144,"loss":2.5,"gradient_norm":"inf","tokens_per_s":51200.0})");
  EXPECT_EQ(*parse_metrics(line), metrics);
  metrics.loss = std::nan("");
  EXPECT_TRUE(std::isnan(*parse_metrics(written_json(metrics))->loss));
}

// A double is written with as many digits as bring it back: 0.1 + 0.2 is 0.30000000000000004.
TEST(StepMetricsText, keeps_every_bit_of_a_number) {
  StepMetrics metrics;
  metrics.step = 1;
  metrics.loss = 0.1 + 0.2;
  EXPECT_THAT(written_json(metrics), HasSubstr("\"loss\":0.30000000000000004"));
  EXPECT_EQ(*parse_metrics(written_json(metrics)), metrics);
}

TEST(StepMetricsText, refuses_what_is_wrong_and_passes_over_what_is_new) {
  EXPECT_EQ(parse_metrics(R"({"step":3,"new_key":[1]})")->step, 3);
  EXPECT_EQ(parse_metrics(R"({"loss":3})").error().message,
            "metrics: step: is missing or no whole number");
  EXPECT_EQ(parse_metrics(R"({"step":3,"loss":"high"})").error().message,
            "metrics: loss: is no such number");
  EXPECT_EQ(parse_metrics(R"({"step":1,"step":2})").error().message,
            "metrics: the name \"step\" stands twice in one object");
  EXPECT_EQ(parse_metrics(R"({"step":18446744073709551615})").error().code, ErrorCode::corrupt);
  EXPECT_EQ(parse_metrics(std::string(40, '[')).error().message,
            "metrics: is nested more than 32 deep");
}

TEST_F(Logs, of_metrics_survive_a_cut_line_and_a_step_back) {
  const std::string path = folder_ + "/metrics.jsonl";
  StepMetrics metrics;
  {
    auto log = MetricsLog::open(path);
    ASSERT_TRUE(log.ok());
    for (int step = 1; step <= 3; ++step) {
      metrics.step = step;
      metrics.loss = step;
      ASSERT_TRUE(log->append(metrics).ok());
    }
  }
  ASSERT_TRUE(files_->append(path, "{\"step\":4,\"lo").ok());  // a kill in the middle of a write
  EXPECT_EQ(read_metrics(*files_, path)->size(), 3u);
  {
    auto log = MetricsLog::open(path);
    metrics.step = 2;
    metrics.loss = 20;
    ASSERT_TRUE(log->append(metrics).ok());
  }
  const auto steps = read_metrics(*files_, path);
  ASSERT_TRUE(steps.ok()) << steps.error().text();
  ASSERT_EQ(steps->size(), 3u);
  EXPECT_EQ((*steps)[1].loss, 20.0);
  EXPECT_EQ((*steps)[2].loss, 3.0);
  ASSERT_TRUE(files_->append(path, "{}\n").ok());
  EXPECT_THAT(read_metrics(*files_, path).error().message,
              HasSubstr("metrics.jsonl:5: metrics: step: is missing"));
}

// A part of a line longer than the 4096 bytes that are looked at together.
TEST_F(Logs, cut_a_long_part_of_a_line) {
  const std::string path = folder_ + "/lines";
  ASSERT_TRUE(files_->write(path, "whole\n" + std::string(10'000, 'x')).ok());
  ASSERT_TRUE(AppendFile::lines(path).ok());
  EXPECT_EQ(*files_->read(path), "whole\n");
  ASSERT_TRUE(files_->write(path, std::string(10'000, 'x')).ok());
  ASSERT_TRUE(AppendFile::lines(path).ok());
  EXPECT_EQ(*files_->read(path), "");
}

// 1721636130.25 s after 1970 is 2024-07-22 08:15:30.25 UTC.
TEST_F(Logs, of_events_have_the_time_first) {
  const ManualClock clock(Instant{1'721'636'130'250'000'000});
  const std::string path = folder_ + "/events.jsonl";
  auto log = EventLog::open(clock, path);
  ASSERT_TRUE(log.ok());
  ASSERT_TRUE(log->append("started", {{"ranks", std::int64_t{1}}, {"resumed", false}}).ok());
  ASSERT_TRUE(log->append("failed", {{"error", "a \"quote\"\nand \xff"}, {"time_s", 0.5}}).ok());
  ASSERT_TRUE(log->sync().ok());
  EXPECT_EQ(*files_->read(path),
            "{\"time\":\"2024-07-22T08:15:30.250Z\",\"event\":\"started\",\"ranks\":1,\"resumed\":"
            "false}\n"
            "{\"time\":\"2024-07-22T08:15:30.250Z\",\"event\":\"failed\",\"error\":\"a "
            "\\\"quote\\\"\\nand \xef\xbf\xbd\",\"time_s\":0.5}\n");
  const auto events = read_events(*files_, path);
  ASSERT_TRUE(events.ok()) << events.error().text();
  ASSERT_EQ(events->size(), 2u);
  EXPECT_EQ((*events)[0], (Event{"2024-07-22T08:15:30.250Z",
                                 "started",
                                 {{"ranks", std::int64_t{1}}, {"resumed", false}}}));
  EXPECT_THAT(parse_event(R"({"time":"x"})").error().message, HasSubstr("event: is missing"));
}

TEST(EventFields, of_a_list_are_read_up_to_what_is_no_number) {
  const Event event{
      "t",
      "decision",
      {{"on_nodes", "3,1,4"}, {"none", ""}, {"cut", "7,x,9"}, {"count", std::int64_t{5}}}};
  EXPECT_THAT(numbers_of(event, "on_nodes"), ElementsAre(3, 1, 4));
  EXPECT_THAT(numbers_of(event, "none"), ElementsAre());
  EXPECT_THAT(numbers_of(event, "cut"), ElementsAre(7));
  EXPECT_THAT(numbers_of(event, "count"), ElementsAre());  // no text
  EXPECT_THAT(numbers_of(event, "given"), ElementsAre());  // not there
}

TEST(Utf8, is_told_from_what_is_none) {
  for (const char* good : {"", "plain", "é", "日本", "\xf0\x9f\x8e\xbb", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(is_utf8(good)) << good;
  }
  // A lone continuation, an overlong slash (in two and three bytes), a surrogate half, one past the
  // last code point, a letter cut short, bytes that never occur.
  for (const char* bad : {"\x80", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                          "\xe6\x97", "\xff", "\xc3("}) {
    EXPECT_FALSE(is_utf8(bad));
  }
}

}  // namespace
}  // namespace celere::wire

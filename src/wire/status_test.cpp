#include "wire/status.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace celere::wire {
namespace {

RunStatus example() {
  RunStatus s;
  s.written_unix_s = 1721636130.25;
  s.process = 4711;
  s.epoch = 2;
  s.phase = "training";
  s.generation = 3;
  s.layout = "tp=1,dp=2";
  s.step = 120;
  s.total_steps = 400;
  s.committed_step = 100;
  s.committed_age_s = 4.5;
  s.loss = 3.25;
  s.restarts = 2;
  s.lost_steps = 37;
  s.node_count = 2;
  s.rank_count = 2;
  s.nodes = {{.node = 0, .host = "a", .state = "training", .failures = 1, .heartbeat_age_s = 0.2},
             {.node = 1, .host = "b", .state = "gone", .failures = 0, .heartbeat_age_s = {}}};
  RankStatus rank{.rank = 1, .node = 0, .process = 99, .step = 120, .phase = "computing"};
  rank.collective = InCollective{"dp", "all_reduce", 7, 4096, 0.25};
  rank.compute_time_s = 0.5;
  s.ranks = {rank};
  s.last_events = {{"2024-07-22T08:15:30.250Z", "hang", {{"step", std::int64_t{3}}, {"a", 0.5}}}};
  return s;
}

TEST(RunStatus, is_read_as_it_was_written) {
  const RunStatus status = example();
  const auto read = parse_status(written_json(status));
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(*read, status);
}

TEST(RunStatus, writes_stable_keys_that_end_in_their_unit) {
  RunStatus status;
  status.phase = "waiting";
  status.loss = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(written_json(status),
            R"({"written_unix_s":0.0,"process":0,"epoch":0,"phase":"waiting","generation":0,)"
            R"("layout":"","step":0,"total_steps":0,"committed_step":null,"committed_age_s":null,)"
            R"("loss":"nan","tokens_per_s":null,"time_left_s":null,"restarts":0,"lost_steps":0,)"
            R"("node_count":0,"rank_count":0,"nodes":[],"ranks":[],"last_events":[]})");
  EXPECT_TRUE(std::isnan(*parse_status(written_json(status))->loss));
}

std::string error_after(const std::string& from, const std::string& to) {
  std::string text = written_json(example());
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  text.replace(at, from.size(), to);
  const auto read = parse_status(text);
  return read.ok() ? "" : read.error().message;
}

TEST(RunStatus, refuses_what_is_not_its_own) {
  EXPECT_EQ(error_after("\"epoch\":2", "\"epoch\":\"2\""),
            "status: epoch: is no whole number from 0");
  EXPECT_EQ(error_after("\"epoch\":2,", ""), "status: epoch: is missing");
  EXPECT_EQ(error_after("\"epoch\":2", "\"epoch\":2,\"more\":1"),
            "status: has 21 keys, and there are 20");
  EXPECT_EQ(error_after("\"gone\"", "\"lost\""),
            "status: nodes: state \"lost\" is none of training, spare, gone, drained");
  EXPECT_EQ(error_after("\"host\":\"b\"", "\"host\":7"), "status: nodes[1].host: is no text");
  EXPECT_EQ(error_after("\"op\":\"all_reduce\",", ""),
            "status: ranks[0].collective.op: is missing");
  EXPECT_EQ(error_after("\"event\":\"hang\",", ""),
            "status: last_events[0]: event: event: is missing or no text");
  EXPECT_EQ(error_after("1721636130.25", "-1"), "status: written_unix_s: is no time");
  EXPECT_EQ(parse_status("[]").error().message, "status: is no object");
}

}  // namespace
}  // namespace celere::wire

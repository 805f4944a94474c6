// What a training is doing now: status.json in its run directory, which the supervisor writes anew
// once a second, whole or not at all. One JSON object with stable keys that end in their unit; what
// is not known is null. A key that is unknown or missing is refused.
//
// Ages and times are as of written_unix_s, so that a reader needs no other clock to show them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.hpp"
#include "base/result.hpp"
#include "wire/agent_message.hpp"
#include "wire/events.hpp"

namespace celere::wire {

struct NodeStatus {
  std::int64_t node = 0;
  std::string host;
  std::string state;  // "training", "spare", "gone", "drained"
  std::int64_t failures = 0;
  std::optional<double> heartbeat_age_s{};  // nothing: its agent was never there
  friend bool operator==(const NodeStatus&, const NodeStatus&) = default;
};

struct RankStatus {
  std::int64_t rank = 0, node = 0, process = 0;
  std::int64_t step = 0;  // done
  std::string phase;
  double phase_time_s = 0;
  std::optional<InCollective> collective{};
  std::optional<double> compute_time_s{};  // of its last step
  std::optional<double> slow_factor{};     // its own compute time over the median
  friend bool operator==(const RankStatus&, const RankStatus&) = default;
};

struct RunStatus {
  double written_unix_s = 0;
  std::int64_t process = 0, epoch = 0;  // of the supervisor
  std::string phase;                    // of the recovery: "training", "waiting", ...
  std::int64_t generation = 0;
  std::string layout;
  std::int64_t step = 0, total_steps = 0;
  std::optional<std::int64_t> committed_step;
  std::optional<double> committed_age_s;
  std::optional<double> loss, tokens_per_s, time_left_s;
  std::int64_t restarts = 0;
  std::int64_t lost_steps = 0;  // done twice
  // How many there are; the lists may hold fewer, of a large training those that stand out.
  std::int64_t node_count = 0, rank_count = 0;
  std::vector<NodeStatus> nodes;
  std::vector<RankStatus> ranks;
  std::vector<Event> last_events;  // in the order of their times
  friend bool operator==(const RunStatus&, const RunStatus&) = default;
};

// One line, without its end. Numbers that are none (a loss that is no number) stand as texts, as in
// metrics.jsonl.
std::string written_json(const RunStatus& status);
// Errors: corrupt, with the key.
Result<RunStatus> parse_status(std::string_view text);

// Errors: not_found, io; corrupt with the path.
Result<RunStatus> read_run_status(const Files& files, const std::string& path);

}  // namespace celere::wire

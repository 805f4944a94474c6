// RUN/status.json: what celere status shows.
#include <unistd.h>

#include <algorithm>
#include <numeric>

#include "launch/standing_out.hpp"
#include "launch/supervisor.hpp"
#include "wire/status.hpp"

namespace celere::launch {
namespace {

constexpr std::size_t shown_max = 64;  // nodes and ranks, of a large training
constexpr std::size_t events_max = 8;
const Seconds unheard_min = Seconds::of(2);  // of a node that is worth a look

std::string name_of(policy::Phase phase) {
  switch (phase) {
    case policy::Phase::idle:
      return "beginning";
    case policy::Phase::training:
      return "training";
    case policy::Phase::regrouping:
      return "regrouping";
    case policy::Phase::stopping:
      return "stopping";
    case policy::Phase::waiting:
      return "waiting";
    case policy::Phase::planning:
      return "planning";
    case policy::Phase::over:
      return "over";
  }
  CHECK(false);
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + std::ssize(values) / 2;
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

wire::RankStatus status_of(std::int64_t rank, const RankKnown& known) {
  wire::RankStatus out{
      .rank = rank, .node = known.node, .process = 0, .step = 0, .phase = {}, .phase_time_s = 0};
  if (!known.beat) {
    out.phase = known.alive ? "starting" : "ended";
    return out;
  }
  const wire::RankBeat& beat = *known.beat;
  out.process = beat.process;
  out.step = beat.step;
  out.phase = known.alive ? beat.phase : "ended";
  out.phase_time_s = beat.phase_time_s;
  out.collective = beat.collective;
  out.compute_time_s = known.compute_time_s;
  return out;
}

}  // namespace

std::vector<wire::NodeStatus> Supervisor::status_of_nodes(Instant now) const {
  std::vector<wire::NodeStatus> out;
  const auto is_well = [&](int node) {
    const NodeKnown& known = nodes_[static_cast<std::size_t>(node)];
    return known.joined && !policy_.is_drained(node) && now - known.heard < unheard_min;
  };
  // Of very many those that are not well, then the first.
  std::vector<int> shown(nodes_.size());
  std::iota(shown.begin(), shown.end(), 0);
  std::stable_partition(shown.begin(), shown.end(), [&](int node) { return !is_well(node); });
  shown.resize(std::min(shown.size(), shown_max));
  std::sort(shown.begin(), shown.end());
  for (const int node : shown) {
    const NodeKnown& known = nodes_[static_cast<std::size_t>(node)];
    wire::NodeStatus one{.node = node,
                         .host = known.hello ? known.hello->host : "",
                         .state = {},
                         .failures = policy_.failures_of(node)};
    const bool works = !roster_.ranks_of(node).empty();
    one.state = !known.joined              ? "gone"
                : policy_.is_drained(node) ? "drained"
                : works                    ? "training"
                                           : "spare";
    if (known.hello) one.heartbeat_age_s = (now - known.heard).in_base();
    out.push_back(std::move(one));
  }
  return out;
}

std::vector<wire::RankStatus> Supervisor::status_of_ranks() const {
  std::vector<wire::RankStatus> out;
  std::vector<double> times;
  for (const RankKnown& rank : roster_.ranks()) {
    if (rank.compute_time_s) times.push_back(*rank.compute_time_s);
  }
  const double middle = median(times);
  for (const std::int64_t rank : standing_out(roster_.ranks(), shown_max)) {
    out.push_back(status_of(rank, roster_.ranks()[static_cast<std::size_t>(rank)]));
    if (out.back().compute_time_s && middle > 0) {
      out.back().slow_factor = *out.back().compute_time_s / middle;
    }
  }
  return out;
}

void Supervisor::write_status() {
  const Instant now = world_.clock.now();
  status_at_ = now;
  wire::RunStatus status;
  status.written_unix_s = static_cast<double>(world_.clock.wall().nanoseconds) * 1e-9;
  status.process = ::getpid();
  status.epoch = epoch_;
  status.phase = name_of(policy_.phase());
  status.generation = roster_.generation();
  status.layout = said_layout_.empty() ? layout::written(roster_.layout()) : said_layout_;
  status.step = last_metrics_.step;
  status.total_steps = total_steps_;
  status.committed_step = policy_.committed();
  if (committed_at_) status.committed_age_s = (now - *committed_at_).in_base();
  status.loss = last_metrics_.loss;
  status.tokens_per_s = last_metrics_.tokens_per_s;
  status.time_left_s = last_metrics_.time_left_s;
  status.restarts = restarts_;
  status.lost_steps = lost_steps_;
  status.node_count = job_.nodes;
  status.rank_count = std::ssize(roster_.ranks());
  status.nodes = status_of_nodes(now);
  status.ranks = status_of_ranks();
  status.last_events = journal_.last();
  if (status.last_events.size() > events_max) {
    status.last_events.erase(status.last_events.begin(),
                             status.last_events.end() - std::ptrdiff_t{events_max});
  }
  // Who looks may have to look again: a disk that takes no more does not stop a training.
  (void)world_.files.write(job_.directory.status(), written_json(status) + "\n");
}

}  // namespace celere::launch

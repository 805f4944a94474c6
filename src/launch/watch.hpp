// What numbers say of a generation that trains: whether a step is overdue, who is slow, whether the
// loss leaps. The judgements are policy/'s (deadline, straggler, spike); here they get their
// numbers.
//
// A step's deadline counts from the last sign that the training moves: a step done, or a rank that
// has gone on to another phase (loading, saving, validating take their own time).
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "layout/layout.hpp"
#include "policy/deadline.hpp"
#include "policy/spike.hpp"
#include "policy/straggler.hpp"
#include "wire/agent_message.hpp"
#include "wire/metrics.hpp"

namespace celere::launch {

struct WatchOptions {
  Seconds silent_max = Seconds::of(5);   // without a beat of a connected agent
  Seconds away_max = Seconds::of(5);     // without a connection of a node that had one
  std::optional<Seconds> step_deadline;  // empty: from the steps before
  double straggler_factor = 1.1;
};

class Watch {
 public:
  explicit Watch(const WatchOptions& options) : options_(options) {}

  void begin(const layout::Layout& layout, Instant now);
  void stepped(const wire::StepMetrics& step, Instant now);
  void beat(const wire::AgentBeat& beat, Instant now);

  bool overdue(Instant now) const;
  Seconds waited(Instant now) const { return now - moved_; }  // since the last sign
  void rest(Instant now) { moved_ = now; }                    // what was overdue has been said

  struct Straggler {
    std::int64_t rank = 0, step = 0;
    double factor = 1;
  };
  std::vector<Straggler> take_stragglers();  // each once a generation
  std::optional<std::int64_t> take_spike();

 private:
  void judge(std::int64_t step, const std::vector<Seconds>& times);

  WatchOptions options_;
  Instant moved_{}, stepped_at_{};
  policy::Deadline deadline_;
  policy::SpikeDetector spikes_;
  std::optional<std::int64_t> spike_;
  std::optional<policy::StragglerDetector> detector_;
  std::vector<std::string> phases_;  // of each rank, as last heard
  // Of each step that not all ranks have told yet: their times, and how many have.
  struct Told {
    std::vector<Seconds> times;
    std::size_t count = 0;
  };
  std::map<std::int64_t, Told> told_;
  std::vector<Straggler> stragglers_;
  std::set<std::int64_t> named_;
  bool stepped_ = false;
};

}  // namespace celere::launch

// Who works on what: the present generation of workers, by node and rank, as far as its agents have
// said. Plain bookkeeping: nothing is sent and nothing decided here.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "base/clock.hpp"
#include "launch/layouts.hpp"
#include "layout/layout.hpp"
#include "policy/events.hpp"
#include "wire/agent_message.hpp"

namespace celere::launch {

struct RankKnown {
  policy::Node node = 0;
  bool alive = true;  // its agent has not said that it ended
  std::optional<wire::RankBeat> beat;
  Instant beat_at{};
  std::optional<double> compute_time_s;  // of its last step
};

class Roster {
 public:
  explicit Roster(Slots slots) : slots_(slots) {}

  // A new generation: of each slot its node.
  void start(int generation, const layout::Layout& layout, const std::vector<policy::Node>& nodes);
  // One that goes on from the present one. Of each rank that lives on, where it was.
  struct Moved {
    policy::Node node = 0;
    wire::Ranks from, to;
  };
  std::vector<Moved> regroup(int generation, const layout::Layout& layout,
                             const std::vector<policy::Node>& nodes);

  int generation() const { return generation_; }
  const layout::Layout& layout() const { return layout_; }
  const Slots& slots() const { return slots_; }
  const std::vector<policy::Node>& nodes() const { return nodes_; }  // of each slot
  wire::Ranks ranks_of(policy::Node node) const;                     // empty: none are there
  const std::vector<RankKnown>& ranks() const { return ranks_; }     // by rank
  std::optional<policy::Node> node_of(std::int64_t rank) const;      // nothing: no such rank

  void beat(const wire::AgentBeat& beat, Instant now);
  // False where it had ended before.
  bool ended(std::int64_t rank);
  // All workers of the node are gone.
  void cleared(policy::Node node);
  // Once after the last worker of the generation has gone.
  bool take_all_gone();
  // Where workers may live yet.
  const std::set<policy::Node>& occupied() const { return occupied_; }

 private:
  Slots slots_;
  int generation_ = 0;
  layout::Layout layout_;
  std::vector<policy::Node> nodes_;
  std::map<policy::Node, int> slot_of_node_;
  std::vector<RankKnown> ranks_;
  std::set<policy::Node> occupied_;
  bool gone_told_ = true;
};

}  // namespace celere::launch

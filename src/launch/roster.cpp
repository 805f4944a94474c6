#include "launch/roster.hpp"

#include <algorithm>
#include <utility>

namespace celere::launch {

void Roster::start(int generation, const layout::Layout& layout,
                   const std::vector<policy::Node>& nodes) {
  generation_ = generation;
  layout_ = layout;
  nodes_ = nodes;
  slot_of_node_.clear();
  for (std::size_t slot = 0; slot < nodes.size(); ++slot) {
    slot_of_node_[nodes[slot]] = static_cast<int>(slot);
  }
  ranks_.assign(static_cast<std::size_t>(layout.ranks()), {});
  for (std::size_t rank = 0; rank < ranks_.size(); ++rank) {
    const int slot = slots_.slot_of(static_cast<std::int64_t>(rank));
    ranks_[rank].node = nodes[static_cast<std::size_t>(slot)];
  }
  occupied_ = {nodes.begin(), nodes.end()};
  gone_told_ = false;
}

std::vector<Roster::Moved> Roster::regroup(int generation, const layout::Layout& layout,
                                           const std::vector<policy::Node>& nodes) {
  std::vector<Moved> moved;
  for (std::size_t slot = 0; slot < nodes.size(); ++slot) {
    const wire::Ranks before = ranks_of(nodes[slot]);
    if (before.empty()) continue;
    moved.push_back({nodes[slot], before, slots_.ranks_of(layout, static_cast<int>(slot))});
  }
  // What lived elsewhere may live yet, until its agent says otherwise.
  std::set<policy::Node> left = std::exchange(occupied_, {});
  start(generation, layout, nodes);
  occupied_.merge(left);
  return moved;
}

wire::Ranks Roster::ranks_of(policy::Node node) const {
  const auto slot = slot_of_node_.find(node);
  return slot == slot_of_node_.end() ? wire::Ranks{} : slots_.ranks_of(layout_, slot->second);
}

std::optional<policy::Node> Roster::node_of(std::int64_t rank) const {
  if (rank < 0 || rank >= std::ssize(ranks_)) return std::nullopt;
  return ranks_[static_cast<std::size_t>(rank)].node;
}

void Roster::beat(const wire::AgentBeat& beat, Instant now) {
  if (beat.generation != generation_) return;
  for (const wire::RankBeat& one : beat.ranks) {
    if (one.rank < 0 || one.rank >= std::ssize(ranks_)) continue;
    RankKnown& rank = ranks_[static_cast<std::size_t>(one.rank)];
    rank.beat = one;
    rank.beat_at = now;
    if (!one.steps.empty()) rank.compute_time_s = one.steps.back().compute_time_s;
  }
}

bool Roster::ended(std::int64_t rank) {
  if (rank < 0 || rank >= std::ssize(ranks_)) return false;
  return std::exchange(ranks_[static_cast<std::size_t>(rank)].alive, false);
}

void Roster::cleared(policy::Node node) {
  for (const std::int64_t rank : ranks_of(node)) {
    ranks_[static_cast<std::size_t>(rank)].alive = false;
  }
  occupied_.erase(node);
}

bool Roster::take_all_gone() { return occupied_.empty() && !std::exchange(gone_told_, true); }

}  // namespace celere::launch

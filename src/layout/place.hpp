// Where one rank stands: its coordinate on every axis, and with whom it shares each group.
//
// Ranks count as groups.hpp says: tp fastest, then cp, then dp and pp in the layout's order. The
// experts of a stage fold over the same ranks: with s = tp + |tp| (cp + |cp| dp), etp fastest, then
// ep; what is left counts the replicas of an expert.
#pragma once

#include <cstdint>
#include <vector>

#include "layout/layout.hpp"

namespace celere::layout {

struct Place {
  int tp = 0, cp = 0, dp = 0, pp = 0;
  int etp = 0, ep = 0, expert_replica = 0;
  int shard = 0;          // among the ranks over which ZeRO shards
  int shard_replica = 0;  // which of the groups that hold all shards

  // Of cp and dp together: over these the dense gradients are summed.
  int replica(const Layout& layout) const { return cp + layout.cp * dp; }
  friend bool operator==(const Place&, const Place&) = default;
};

// REQUIRES: a legal layout; rank in [0, layout.ranks()).
Place place_of(const Layout& layout, std::int64_t rank);

// The sets of ranks that talk to each other. Each is cut by the coordinates that its members share.
enum class Axis : std::uint8_t {
  tp,
  cp,
  sequence,        // tp x cp: the parts of one sequence
  replicas,        // cp x dp
  shards,          // of replicas, those that hold a shard each
  shard_replicas,  // of replicas, those that hold the same shard
  kv_replicas,     // of tp, those that hold the same key-value heads
  etp,
  ep,
  expert_replicas,
  pp,
  ends,  // the first and the last stage of one pipeline: tied embeddings
  world,
};
inline constexpr int axis_count = 13;
const char* name_of(Axis axis);

// Those with whom `rank` shares the axis, itself among them, in ascending order of the axis'
// coordinate. `kv_heads` counts for kv_replicas alone. A rank of a middle stage has no partner in
// `ends`: it is alone.
std::vector<int> members(const Layout& layout, Axis axis, std::int64_t rank, int kv_heads = 1);

}  // namespace celere::layout

// The process groups of a layout: how many ranks each has and how far apart they are.
//
// Ranks count with tp fastest, then cp; then either dp before pp or pp before dp (RankOrder). The
// experts of a stage are laid over its tp * cp * dp ranks in that order, etp fastest, then ep; what
// is left are the replicas of an expert.
#pragma once

#include "layout/group.hpp"
#include "layout/layout.hpp"

namespace celere::layout {

struct Groups {
  GroupShape tp;
  GroupShape cp;
  GroupShape replicas;        // dp x cp: over these the dense gradients are summed
  GroupShape shards;          // of those, the ranks over which ZeRO shards
  GroupShape shard_replicas;  // and the ranks that hold the same shard (HSDP); size 1 without
  GroupShape etp;
  GroupShape ep;
  GroupShape expert_replicas;
};

// Ranks between two neighbouring stages.
std::int64_t next_stage(const Layout& layout);

// REQUIRES: a legal layout.
Groups groups_of(const Layout& layout);

}  // namespace celere::layout

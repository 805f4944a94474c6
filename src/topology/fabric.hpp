// The fabric of a cluster as numbers: levels of domains, inside out, and where a group of ranks
// lies on them.
//
// Of a process group (layout/group.hpp) so many members share a domain: members_within(group, gpus
// of the domain). All groups of a layout work at once and share a domain's ports equally, so what a
// group can send out of its domain of level i - 1 is members_within(level i - 1) x bandwidth(level
// i): one member with its own port, or eight with eight.
//
// Leaves out: contention between traffic of different kinds, adaptive routing's losses beyond the
// tier's achieved share, and groups that straddle two domains because their size does not divide
// the domain's: a group counts as if it began with a domain.
#pragma once

#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"
#include "layout/group.hpp"
#include "spec/chip.hpp"
#include "spec/cluster.hpp"

namespace celere::topology {

// One hop between two GPUs of an NVLink domain, software included: what an all-gather of 1 KiB
// takes longer for each GPU more, 0.9 us on H100 and A100, 1.2 us on B200, 1.4 us on B300
// [nccl-tests, github.com/ai-dynamo/aiconfigurator@095f58a].
inline constexpr Seconds nvlink_latency = 1_us;

struct Level {
  int gpus = 0;              // of one domain
  BytesPerSecond bandwidth;  // achieved, per GPU and direction, between domains of the level below
  Seconds latency;           // one way
};

struct Fabric {
  std::vector<Level> levels;  // [0] is the NVLink domain; the last holds every GPU

  // The lowest level of which one domain holds a block of so many neighbouring ranks that begins
  // with the domain; the last level where none does.
  int level_spanning(std::int64_t ranks) const;
};

using layout::GroupShape;
using layout::members_within;

// Bandwidth of a ring over the group per direction, as NCCL's "bus bandwidth": the least over the
// levels that it crosses of members_within(level below) x bandwidth(level); inside the NVLink
// domain that domain's bandwidth.
BytesPerSecond ring_bandwidth(const Fabric& fabric, GroupShape group);

// One member of the group in each domain of `gpus` GPUs: what talks between the domains when each
// member sends its own part through its own port.
GroupShape one_in_each_domain(GroupShape group, std::int64_t gpus);

// The NVLink domain and the tiers beyond it; a tier that the domain spans is left out.
// Errors: unknown_value where a bandwidth, share or latency is unknown, naming the entry.
Result<Fabric> fabric_of(const spec::Cluster& cluster, const spec::Chip& chip);

}  // namespace celere::topology

// The fabric of a cluster as numbers: levels of domains, inside out, and where a group of ranks
// lies on them.
//
// Of a process group (layout/group.hpp) so many members share a domain: members_within(group, gpus
// of the domain). All groups of a layout work at once and share a domain's ports equally, so what a
// group can send out of its domain of level i - 1 is members_within(level i - 1) x bandwidth(level
// i): one member with its own port, or eight with eight.
//
// Leaves out: contention between traffic of different kinds (fabric/ will have it) and adaptive
// routing's losses beyond the tier's achieved share.
#pragma once

#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"
#include "layout/group.hpp"
#include "spec/chip.hpp"
#include "spec/cluster.hpp"

namespace celere::topology {

// One way between two GPUs of an NVLink domain, NCCL's software included: half of what a small
// all-gather of two takes more than nothing on H100 [nccl-tests,
// github.com/ai-dynamo/aiconfigurator@095f58a].
inline constexpr Seconds nvlink_latency = 3_us;

struct Level {
  int gpus = 0;              // of one domain
  BytesPerSecond bandwidth;  // achieved, per GPU and direction, between domains of the level below
  Seconds latency;           // one way
};

struct Fabric {
  std::vector<Level> levels;  // [0] is the NVLink domain; the last holds every GPU

  // The level at which two ranks that are `distance` apart meet, for the first rank of an aligned
  // block.
  int level_spanning(std::int64_t ranks) const;
};

using layout::GroupShape;
using layout::members_within;

// Bandwidth of a ring over the group per direction, as NCCL's "bus bandwidth": the least over the
// levels that it crosses of members_within(level below) x bandwidth(level); inside the NVLink
// domain that domain's bandwidth.
BytesPerSecond ring_bandwidth(const Fabric& fabric, GroupShape group);

// Errors: unknown_value where a tier's bandwidth, share or latency is unknown, naming the entry.
Result<Fabric> fabric_of(const spec::Cluster& cluster, const spec::Chip& chip);

}  // namespace celere::topology

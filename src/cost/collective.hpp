// The time of a collective among a group of ranks, in closed form.
//
// Inside the NVLink domain the chip's measured curve decides (NVLS included where it was on).
// Beyond it, with n ranks on m nodes, k = n / m of them in each, B the full buffer, b the ring
// bandwidth of the group (topology/fabric.hpp), l and l0 the latencies of the highest level crossed
// and of the node:
//
//   ring all-gather, reduce-scatter    (m - 1) l + (n - m) l0 + B (n - 1) / (n b)        [Thakur et
//   al. 2005] ring all-reduce                    twice that [Patarasuk and Yuan 2009] tree
//   all-reduce                    2 log2(m) l + 2 log2(k) l0 + 2 B / b              [NCCL 2.4
//   double binary tree] recursive (PAT) all-gather         log2(m) l + log2(k) l0 + B (n - 1) / (n
//   b)        [NCCL 2.23 PAT, Bruck et al. 1997] hierarchical                       inside the node
//   on NVLink, then between nodes on each GPU's own port pairwise all-to-all                per
//   level the bytes that must cross it over the ports, plus log2 or n - 1 latencies
//
// The fastest of those that exist for the operation is what a tuned library picks, so that is the
// answer. Leaves out: contention with other traffic, and switch-side reduction between nodes
// (SHARP).
#pragma once

#include "base/units.hpp"
#include "spec/chip.hpp"
#include "topology/fabric.hpp"

namespace celere::cost {

enum class CollectiveAlgorithm {
  none,
  measured_curve,
  ring,
  tree,
  recursive,
  hierarchical,
  pairwise
};

struct CollectiveTime {
  Seconds time;
  CollectiveAlgorithm algorithm = CollectiveAlgorithm::none;
};

// What a collective runs on. Built once for a cluster; the curves are kept as logarithms.
class Collectives {
 public:
  Collectives(const spec::Chip& chip, const topology::Fabric& fabric);

  // `bytes` is the full buffer: the sum over ranks for all-gather and reduce-scatter, what one rank
  // holds for all-reduce and all-to-all. 0 s for a group of one. REQUIRES: group.size >= 1.
  CollectiveTime time(spec::Collective op, Bytes bytes, topology::GroupShape group) const;

  // A message between two ranks that are `distance` ranks apart: latency + bytes / one port of the
  // level they meet at.
  Seconds point_to_point(Bytes bytes, std::int64_t distance) const;

  const topology::Fabric& fabric() const { return fabric_; }

 private:
  Seconds measured(spec::Collective op, Bytes bytes, int ranks) const;
  CollectiveTime across(spec::Collective op, Bytes bytes, topology::GroupShape group,
                        int inside) const;
  Seconds all_to_all(Bytes bytes, topology::GroupShape group) const;
  const topology::Level& crossing(topology::GroupShape group) const;

  struct LogCurve {
    int gpus;
    std::vector<double> log_bytes;
    std::vector<double> log_seconds;
  };
  topology::Fabric fabric_;
  std::vector<LogCurve> curves_[spec::collective_count];
  BytesPerSecond link_;
};

}  // namespace celere::cost

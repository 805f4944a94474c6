// The time of a collective among a group of ranks, in closed form.
//
// Inside the NVLink domain the chip's measured curve decides, linear in logarithms between its
// points and at its last bandwidth beyond them; a group size that was not measured takes the
// nearest one's curve at the size that puts the same bytes on a link: the factor of nccl-tests,
// (n - 1) / n. So GB200 and GB300, measured on up to 4 GPUs, reach 72.
//
// Beyond the domain: n ranks on m domains, k in each; B the full buffer; b the ring bandwidth of
// the group (topology/fabric.hpp), p that of one rank's port between domains; l and l0 the
// latencies of the highest level crossed and of the NVLink domain; X(B) the time of X inside the
// domain:
//
//   all-gather and reduce-scatter
//     ring          (m - 1) l + (n - m) l0 + B (n - 1) / (n b)          [Thakur et al. 2005]
//     recursive     log2(m) l + B (n - 1) / (n b 0.75), where k = 1     [PAT, NCCL 2.23]
//     hierarchical  (m - 1) l + B (m - 1) / (m k p) + X(B)
//   all-reduce
//     ring          twice that of an all-gather                         [Patarasuk and Yuan 2009]
//     tree          2 log2(m) l + max(all-reduce(B), 2 B (m - 1) / (m k p 0.92))
//                                                       [double binary tree: Sanders et al. 2009]
//     hierarchical  2 ((m - 1) l + B (m - 1) / (m k p)) + reduce-scatter(B) + all-gather(B)
//   all-to-all
//     pairwise      l + l0 + the slowest level's bytes / (share of its port)
//
// A tree works on small chunks, so that the domain and the ports work at once; 0.92 and 0.75 are
// what the tuner of NCCL takes for trees and PAT against rings (src/graph/tuning.cc). The
// fastest is what a tuned library picks, so that is the answer.
//
// Leaves out: contention with other traffic, switch-side reduction between nodes (SHARP), and what
// more GPUs than were measured add to the latency inside a domain.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <vector>

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
  // `all_to_all_of_ring`: what all-to-all reaches between domains, of what rings reach.
  // `like`: of a chip with the same curves.
  Collectives(const spec::Chip& chip, const topology::Fabric& fabric, double all_to_all_of_ring,
              const Collectives* like = nullptr);

  // `bytes` is the full buffer: the sum over ranks for all-gather and reduce-scatter, what one rank
  // holds for all-reduce and all-to-all. 0 s for a group of one. REQUIRES: group.size >= 1.
  CollectiveTime time(spec::Collective op, Bytes bytes, topology::GroupShape group) const;

  // All-to-all of tokens that each go to the ranks of `copies` experts, drawn evenly, where a token
  // travels once to a rank or a domain however many of its experts are there (DeepEP, HybridEP):
  // of d domains a token reaches d (1 - (1 - 1/d)^copies) on average, and at most `domains_most`
  // beyond the innermost. `bytes` are those of all copies.
  Seconds once_each(Bytes bytes, topology::GroupShape group, int copies, int domains_most) const;

  // A message between two ranks that are `distance` ranks apart: latency + bytes / one port of the
  // level they meet at.
  Seconds point_to_point(Bytes bytes, std::int64_t distance) const;

  const topology::Fabric& fabric() const { return fabric_; }

 private:
  Seconds measured(spec::Collective op, Bytes bytes, int ranks) const;
  struct Parts;
  Parts parts(Bytes bytes, topology::GroupShape group, int inside) const;
  CollectiveTime gather(spec::Collective op, Bytes bytes, topology::GroupShape group,
                        int inside) const;
  CollectiveTime all_reduce(Bytes bytes, topology::GroupShape group, int inside) const;
  // `share_of`: what is left of the bytes between so many domains.
  Seconds all_to_all(Bytes bytes, topology::GroupShape group,
                     const std::function<double(double domains)>& share_of) const;
  const topology::Level& crossing(topology::GroupShape group) const;

  struct LogCurve {
    int gpus;
    std::vector<double> log_bytes;
    std::vector<double> log_seconds;
  };
  topology::Fabric fabric_;
  double all_to_all_of_ring_;
  using Curves = std::array<std::vector<LogCurve>, spec::collective_count>;
  static Curves curves_of(const spec::Chip& chip);
  std::shared_ptr<const Curves> curves_;
  BytesPerSecond link_;
};

}  // namespace celere::cost

#include "topology/fabric.hpp"

#include <algorithm>

namespace celere::topology {

int Fabric::level_spanning(std::int64_t ranks) const {
  int level = 0;
  while (level + 1 < static_cast<int>(levels.size()) &&
         levels[static_cast<std::size_t>(level)].gpus < ranks)
    ++level;
  return level;
}

BytesPerSecond ring_bandwidth(const Fabric& fabric, GroupShape group) {
  const Level& inner = fabric.levels.front();
  int inside = members_within(group, inner.gpus);
  BytesPerSecond least = inner.bandwidth;
  bool limited = inside > 1;
  for (std::size_t i = 1; i < fabric.levels.size() && inside < group.size; ++i) {
    const Level& level = fabric.levels[i];
    const int reached = members_within(group, level.gpus);
    if (reached > inside) {
      const BytesPerSecond ports = static_cast<double>(inside) * level.bandwidth;
      least = limited ? min(least, ports) : ports;
      limited = true;
    }
    inside = reached;
  }
  return least;
}

GroupShape one_in_each_domain(GroupShape group, std::int64_t gpus) {
  const int inside = members_within(group, gpus);
  if (inside >= group.inner) {  // a domain holds whole blocks
    const int blocks = inside / group.inner;
    return GroupShape::line((group.size + inside - 1) / inside, group.jump * blocks);
  }
  const int of_a_block = (group.inner + inside - 1) / inside;
  return {.size = of_a_block * (group.size / group.inner),
          .stride = group.stride * inside,
          .inner = of_a_block,
          .jump = group.jump};
}

Result<Fabric> fabric_of(const spec::Cluster& cluster, const spec::Chip& chip) {
  Fabric fabric;
  ASSIGN_OR_RETURN(const BytesPerSecond nvlink,
                   chip.nvlink_bandwidth.needed_for("traffic inside a node"));
  ASSIGN_OR_RETURN(const double share, chip.nvlink_share.needed_for("traffic inside a node"));
  fabric.levels.push_back(
      {.gpus = chip.nvlink_domain, .bandwidth = nvlink * share, .latency = nvlink_latency});
  for (const spec::Tier& tier : cluster.tiers) {
    if (tier.gpus <= fabric.levels.back().gpus) continue;
    const std::string what = "traffic in the tier \"" + tier.name + "\"";
    ASSIGN_OR_RETURN(const BytesPerSecond bandwidth, tier.bandwidth.needed_for(what));
    ASSIGN_OR_RETURN(const double achieved, tier.share.needed_for(what));
    ASSIGN_OR_RETURN(const Seconds latency, tier.latency.needed_for(what));
    fabric.levels.push_back(
        {.gpus = tier.gpus, .bandwidth = bandwidth * achieved, .latency = latency});
  }
  return fabric;
}

}  // namespace celere::topology

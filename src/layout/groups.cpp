#include "layout/groups.hpp"

#include <algorithm>

namespace celere::layout {
namespace {

// The ranks of one pipeline stage, counted 0, 1, ...: blocks of `block` neighbours, `jump` apart.
struct StageRanks {
  std::int64_t block;
  std::int64_t jump;

  // The group of `size` stage ranks that are `stride` apart in that count.
  GroupShape line(int size, std::int64_t stride) const {
    if (stride >= block) return GroupShape::line(size, stride / block * jump);
    const std::int64_t inside = std::min<std::int64_t>(size, block / stride);
    if (inside == size) return GroupShape::line(size, stride);
    return {.size = size, .stride = stride, .inner = static_cast<int>(inside), .jump = jump};
  }
};

}  // namespace

std::int64_t next_stage(const Layout& layout) {
  const std::int64_t block = std::int64_t{layout.tp} * layout.cp;
  return layout.order == RankOrder::tp_cp_dp_pp ? block * layout.dp : block;
}

Groups groups_of(const Layout& l) {
  const std::int64_t block = std::int64_t{l.tp} * l.cp;
  const bool dp_first = l.order == RankOrder::tp_cp_dp_pp;
  const StageRanks stage =
      dp_first ? StageRanks{block * l.dp, block * l.dp * l.pp} : StageRanks{block, block * l.pp};
  const int replicas = l.cp * l.dp;
  const int shards = l.zero_stage > 0 ? l.shard_ranks() : replicas;
  Groups groups;
  groups.tp = GroupShape::line(l.tp, 1);
  groups.cp = GroupShape::line(l.cp, l.tp);
  groups.replicas = stage.line(replicas, l.tp);
  groups.shards = stage.line(shards, l.tp);
  groups.shard_replicas = stage.line(replicas / shards, std::int64_t{l.tp} * shards);
  groups.etp = stage.line(l.etp, 1);
  groups.ep = stage.line(l.ep, l.etp);
  groups.expert_replicas = stage.line(l.expert_dp(), std::int64_t{l.etp} * l.ep);
  return groups;
}

}  // namespace celere::layout

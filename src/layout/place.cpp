#include "layout/place.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace celere::layout {
namespace {

// What tells members of an axis from others (`shared`: equal for all members) and from one another
// (`order`).
struct Key {
  std::vector<int> shared;
  int order = 0;
};

Key expert_key(Axis axis, const Place& p) {
  if (axis == Axis::etp) return {{p.pp, p.ep, p.expert_replica}, p.etp};
  if (axis == Axis::ep) return {{p.pp, p.etp, p.expert_replica}, p.ep};
  return {{p.pp, p.etp, p.ep}, p.expert_replica};
}

Key key_of(const Layout& l, Axis axis, const Place& p, int kv_heads) {
  const int replica = p.replica(l);
  const int held_by = std::max(1, l.tp / kv_heads);  // ranks of tp that hold the same heads
  const bool at_end = p.pp == 0 || p.pp == l.pp - 1;
  switch (axis) {
    case Axis::tp:
      return {{p.cp, p.dp, p.pp}, p.tp};
    case Axis::cp:
      return {{p.tp, p.dp, p.pp}, p.cp};
    case Axis::sequence:
      return {{p.dp, p.pp}, p.tp + l.tp * p.cp};
    case Axis::replicas:
      return {{p.tp, p.pp}, replica};
    case Axis::shards:
      return {{p.tp, p.pp, p.shard_replica}, p.shard};
    case Axis::shard_replicas:
      return {{p.tp, p.pp, p.shard}, p.shard_replica};
    case Axis::kv_replicas:
      return {{p.cp, p.dp, p.pp, p.tp / held_by}, p.tp};
    case Axis::etp:
    case Axis::ep:
    case Axis::expert_replicas:
      return expert_key(axis, p);
    case Axis::pp:
      return {{p.tp, p.cp, p.dp}, p.pp};
    case Axis::ends:
      return {{p.tp, p.cp, p.dp, at_end ? -1 : p.pp}, p.pp};
    case Axis::world:
      return {{}, 0};
  }
  CHECK(false);
}

}  // namespace

Place place_of(const Layout& l, std::int64_t rank) {
  CHECK(rank >= 0 && rank < l.ranks());
  const auto take = [&rank](int size) {
    const auto coordinate = static_cast<int>(rank % size);
    rank /= size;
    return coordinate;
  };
  Place p;
  p.tp = take(l.tp);
  p.cp = take(l.cp);
  if (l.order == RankOrder::tp_cp_dp_pp) {
    p.dp = take(l.dp);
    p.pp = take(l.pp);
  } else {
    p.pp = take(l.pp);
    p.dp = take(l.dp);
  }
  const int in_stage = p.tp + l.tp * p.replica(l);
  p.etp = in_stage % l.etp;
  p.ep = in_stage / l.etp % l.ep;
  p.expert_replica = in_stage / (l.etp * l.ep);
  const int shards = l.zero_stage > 0 ? l.shard_ranks() : l.dp * l.cp;
  p.shard = p.replica(l) % shards;
  p.shard_replica = p.replica(l) / shards;
  return p;
}

const char* name_of(Axis axis) {
  switch (axis) {
    case Axis::tp:
      return "tp";
    case Axis::cp:
      return "cp";
    case Axis::sequence:
      return "sequence";
    case Axis::replicas:
      return "replicas";
    case Axis::shards:
      return "shards";
    case Axis::shard_replicas:
      return "shard replicas";
    case Axis::kv_replicas:
      return "key-value replicas";
    case Axis::etp:
      return "etp";
    case Axis::ep:
      return "ep";
    case Axis::expert_replicas:
      return "expert replicas";
    case Axis::pp:
      return "pp";
    case Axis::ends:
      return "ends";
    case Axis::world:
      return "world";
  }
  CHECK(false);
}

std::vector<int> members(const Layout& layout, Axis axis, std::int64_t rank, int kv_heads) {
  const Key mine = key_of(layout, axis, place_of(layout, rank), kv_heads);
  std::vector<std::pair<int, int>> found;
  for (int other = 0; other < layout.ranks(); ++other) {
    const Key key = key_of(layout, axis, place_of(layout, other), kv_heads);
    if (key.shared == mine.shared) found.emplace_back(key.order, other);
  }
  std::sort(found.begin(), found.end());
  std::vector<int> ranks;
  for (const auto& [order, other] : found) ranks.push_back(other);
  return ranks;
}

}  // namespace celere::layout

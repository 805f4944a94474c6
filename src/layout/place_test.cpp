#include "layout/place.hpp"

#include <gtest/gtest.h>

#include "layout/groups.hpp"

namespace celere::layout {
namespace {

// tp 2, cp 2, dp 2, pp 2, stages far apart: rank 13 = 1 + 2 (0 + 2 (1 + 2 * 1)).
TEST(Place, counts_tp_first) {
  const Layout layout{.tp = 2, .cp = 2, .pp = 2, .dp = 2};
  const Place place = place_of(layout, 13);
  EXPECT_EQ(place.tp, 1);
  EXPECT_EQ(place.cp, 0);
  EXPECT_EQ(place.dp, 1);
  EXPECT_EQ(place.pp, 1);
}

// 4 ranks of tp and 2 heads: ranks 0 and 1 hold the first, 2 and 3 the second.
TEST(Place, key_value_heads_are_held_by_neighbours) {
  const Layout layout{.tp = 4};
  EXPECT_EQ(members(layout, Axis::kv_replicas, 2, 2), (std::vector<int>{2, 3}));
  EXPECT_EQ(members(layout, Axis::kv_replicas, 2, 4), (std::vector<int>{2}));
  EXPECT_EQ(members(layout, Axis::kv_replicas, 2, 8), (std::vector<int>{2}));
}

TEST(Place, ends_are_the_first_and_the_last_stage) {
  const Layout layout{.pp = 3};
  EXPECT_EQ(members(layout, Axis::ends, 0), (std::vector<int>{0, 2}));
  EXPECT_EQ(members(layout, Axis::ends, 1), (std::vector<int>{1}));
  EXPECT_EQ(members(layout, Axis::ends, 2), (std::vector<int>{0, 2}));
}

// The ranks of a group that begins at the lowest of them, as groups.hpp describes its shape.
std::vector<int> described(const GroupShape& shape, int base) {
  std::vector<int> ranks;
  for (int i = 0; i < shape.size; ++i) {
    ranks.push_back(
        static_cast<int>(base + i / shape.inner * shape.jump + i % shape.inner * shape.stride));
  }
  return ranks;
}

// The planner's shapes and the trainer's members are one thing said twice (where axes
// divide one another: other groups are no progression of blocks, and their shape is the nearest).
TEST(Place, members_are_those_that_groups_describes) {
  int seen = 0;
  for (const RankOrder order : {RankOrder::tp_cp_dp_pp, RankOrder::tp_cp_pp_dp}) {
    for (const int shard : {0, 2, 6}) {
      for (const int etp : {1, 2}) {
        const Layout l{.tp = 2,
                       .cp = 2,
                       .pp = 2,
                       .dp = 6,
                       .ep = 2,
                       .etp = etp,
                       .zero_stage = shard > 0 ? 1 : 0,
                       .shard = shard,
                       .order = order};
        const Groups groups = groups_of(l);
        for (int rank = 0; rank < l.ranks(); ++rank) {
          for (const auto& [axis, shape] :
               {std::pair(Axis::tp, groups.tp), std::pair(Axis::cp, groups.cp),
                std::pair(Axis::replicas, groups.replicas), std::pair(Axis::shards, groups.shards),
                std::pair(Axis::shard_replicas, groups.shard_replicas),
                std::pair(Axis::etp, groups.etp), std::pair(Axis::ep, groups.ep),
                std::pair(Axis::expert_replicas, groups.expert_replicas)}) {
            const std::vector<int> own = members(l, axis, rank);
            EXPECT_EQ(own, described(shape, own.front())) << name_of(axis) << " of rank " << rank;
            ++seen;
          }
        }
      }
    }
  }
  EXPECT_EQ(seen, 2 * 3 * 2 * 48 * 8);
}

}  // namespace
}  // namespace celere::layout

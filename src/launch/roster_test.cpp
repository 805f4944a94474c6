#include "launch/roster.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/prng.hpp"
#include "layout/place.hpp"

namespace celere::launch {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

layout::Layout of(int tp, int pp, int dp,
                  layout::RankOrder order = layout::RankOrder::tp_cp_dp_pp) {
  layout::Layout out;
  out.tp = tp;
  out.pp = pp;
  out.dp = dp;
  out.order = order;
  return out;
}

TEST(Roster, a_generation_by_rank_and_node) {
  Roster roster({2});
  roster.start(3, of(2, 1, 3), {7, 4, 9});
  EXPECT_EQ(roster.generation(), 3);
  EXPECT_THAT(roster.ranks_of(7), ElementsAre(0, 1));
  EXPECT_THAT(roster.ranks_of(9), ElementsAre(4, 5));
  EXPECT_THAT(roster.ranks_of(5), IsEmpty());
  EXPECT_EQ(roster.ranks()[3].node, 4);
  EXPECT_EQ(roster.node_of(5), 9);
  EXPECT_EQ(roster.node_of(6), std::nullopt);
  EXPECT_EQ(roster.node_of(-1), std::nullopt);
  EXPECT_THAT(roster.occupied(), ElementsAre(4, 7, 9));
}

// A worker ends once; the generation is gone when all nodes are cleared, and that is said once.
TEST(Roster, the_end_of_a_generation_is_told_once) {
  Roster roster({1});
  EXPECT_FALSE(roster.take_all_gone());  // there was none
  roster.start(1, of(1, 1, 2), {0, 1});
  EXPECT_TRUE(roster.ended(1));
  EXPECT_FALSE(roster.ended(1));
  EXPECT_FALSE(roster.ended(2));
  EXPECT_FALSE(roster.ended(-1));
  roster.cleared(1);
  EXPECT_FALSE(roster.take_all_gone());
  EXPECT_TRUE(roster.ranks()[0].alive);
  roster.cleared(0);
  EXPECT_FALSE(roster.ranks()[0].alive);
  EXPECT_TRUE(roster.take_all_gone());
  EXPECT_FALSE(roster.take_all_gone());
  roster.start(2, of(1, 1, 2), {0, 1});
  roster.cleared(0);
  roster.cleared(1);
  EXPECT_TRUE(roster.take_all_gone());
}

TEST(Roster, keeps_the_last_beat_of_a_rank_of_this_generation) {
  Roster roster({1});
  roster.start(2, of(1, 1, 2), {0, 1});
  wire::RankBeat rank;
  rank.rank = 1;
  rank.step = 5;
  rank.steps = {{4, 0.5, 0.6}, {5, 0.7, 0.8}};
  roster.beat({.generation = 2, .ranks = {rank}}, {10});
  rank.step = 6;
  rank.steps.clear();
  roster.beat({.generation = 2, .ranks = {rank}}, {20});
  rank.step = 99;
  roster.beat({.generation = 1, .ranks = {rank}}, {30});
  rank.rank = 2;
  roster.beat({.generation = 2, .ranks = {rank}}, {40});
  const RankKnown& known = roster.ranks()[1];
  ASSERT_TRUE(known.beat);
  EXPECT_EQ(known.beat->step, 6);
  EXPECT_EQ(known.beat_at.nanoseconds, 20);
  EXPECT_EQ(known.compute_time_s, 0.7);
  EXPECT_FALSE(roster.ranks()[0].beat);
}

// Replica 1 of three is lost, by hand: two stages, a rank a node, ranks dp + 3 pp. Nodes 11 and 14
// go; 12 was rank 2 (replica 2, stage 0) and is rank 1 of dp + 2 pp, 15 was 5 and is 3.
TEST(Roster, replicas_behind_the_lost_one_move_up) {
  Roster roster({1});
  roster.start(1, of(1, 2, 3), {10, 11, 12, 13, 14, 15});
  const auto moved = roster.regroup(2, of(1, 2, 2), {10, 12, 13, 15});
  std::vector<std::array<std::int64_t, 3>> found;
  for (const auto& one : moved) found.push_back({one.node, one.from.at(0), one.to.at(0)});
  using Row = std::array<std::int64_t, 3>;
  EXPECT_THAT(found, ElementsAre(Row{10, 0, 0}, Row{12, 2, 1}, Row{13, 3, 2}, Row{15, 5, 3}));
  // What was left out may live until its agent says otherwise.
  EXPECT_THAT(roster.occupied(), ElementsAre(10, 11, 12, 13, 14, 15));
  EXPECT_THAT(roster.ranks_of(11), IsEmpty());
  roster.cleared(11);
  roster.cleared(14);
  EXPECT_FALSE(roster.take_all_gone());
}

// Whatever the layout and the replica that is lost: who lives on keeps its stage and its part of
// each layer, so holds the weights that it held; replicas keep their order.
TEST(Roster, who_lives_on_keeps_its_shard) {
  Prng prng(5, 0);
  int tried = 0;
  for (int i = 0; i < 500; ++i) {
    const auto order =
        prng.bits() % 2 == 0 ? layout::RankOrder::tp_cp_dp_pp : layout::RankOrder::tp_cp_pp_dp;
    const layout::Layout before = of(1 << prng.bits() % 4, 1 + static_cast<int>(prng.bits() % 3),
                                     2 + static_cast<int>(prng.bits() % 4), order);
    const Slots slots{1 << prng.bits() % 4};
    const policy::Shape shape = shape_of(before, slots);
    const int lost = static_cast<int>(prng.bits() % static_cast<std::uint64_t>(before.dp));
    std::vector<policy::Node> nodes, left;
    bool whole = true;  // a replica is of whole nodes
    for (int slot = 0; slot < shape.slots; ++slot) {
      const int replica = shape.replica_of_slot[static_cast<std::size_t>(slot)];
      whole = whole && replica >= 0;
      nodes.push_back(100 + slot);
      if (replica != lost) left.push_back(100 + slot);
    }
    if (!whole) continue;
    ++tried;
    Roster roster(slots);
    roster.start(1, before, nodes);
    const layout::Layout after = with_replicas(before, before.dp - 1);
    std::set<std::int64_t> taken;
    for (const auto& one : roster.regroup(2, after, left)) {
      ASSERT_EQ(one.from.size(), one.to.size());
      for (std::size_t k = 0; k < one.to.size(); ++k) {
        const layout::Place was = layout::place_of(before, one.from[k]);
        const layout::Place is = layout::place_of(after, one.to[k]);
        ASSERT_EQ(is.tp, was.tp) << layout::written(before) << " without " << lost;
        ASSERT_EQ(is.pp, was.pp) << layout::written(before) << " without " << lost;
        ASSERT_EQ(is.dp, was.dp > lost ? was.dp - 1 : was.dp);
        taken.insert(one.to[k]);
      }
    }
    ASSERT_EQ(std::ssize(taken), after.ranks());
    // And a replica that joins: recovery names its nodes last.
    policy::Shape joined = shape_of(after, slots);
    std::vector<policy::Node> with = left;
    for (std::size_t k = left.size(); k < nodes.size(); ++k) {
      with.push_back(200 + static_cast<int>(k));
    }
    joined.replica_of_slot.add(after.dp, static_cast<int>(nodes.size() - left.size()));
    for (const auto& one : roster.regroup(3, before, placed(joined, with, before, slots))) {
      for (std::size_t k = 0; k < one.to.size(); ++k) {
        const layout::Place was = layout::place_of(after, one.from[k]);
        const layout::Place is = layout::place_of(before, one.to[k]);
        ASSERT_EQ(is.tp, was.tp) << layout::written(before) << " again";
        ASSERT_EQ(is.pp, was.pp) << layout::written(before) << " again";
        ASSERT_EQ(is.dp, was.dp);
      }
    }
  }
  EXPECT_GT(tried, 100);
}

}  // namespace
}  // namespace celere::launch

#include "layout/replicas.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "layout/place.hpp"

namespace celere::layout {
namespace {

// Every small layout with tp, cp, pp, dp of 1 to 3, in both orders.
template <typename Visit>
void each_small(Visit&& visit) {
  for (const RankOrder order : {RankOrder::tp_cp_dp_pp, RankOrder::tp_cp_pp_dp}) {
    for (int i = 0; i < 81; ++i) {
      visit(Layout{.tp = 1 + i % 3,
                   .cp = 1 + i / 3 % 3,
                   .pp = 1 + i / 9 % 3,
                   .dp = 1 + i / 27,
                   .order = order});
    }
  }
}

// Rank by rank (place.hpp): row i is of replica i mod dp, and a replica has as many rows as make up
// its ranks.
TEST(Replicas, stand_in_rows) {
  int seen = 0;
  each_small([&](const Layout& layout) {
    const std::int64_t row = ranks_in_a_row(layout);
    ASSERT_EQ(layout.ranks() / layout.dp % row, 0) << written(layout);
    for (std::int64_t rank = 0; rank < layout.ranks(); ++rank) {
      ASSERT_EQ(place_of(layout, rank).dp, rank / row % layout.dp)
          << written(layout) << " rank " << rank;
      ++seen;
    }
  });
  EXPECT_EQ(seen, 2 * 6 * 6 * 6 * 6);
}

// tp = 4, pp = 2, dp = 2, stages far apart: ranks 0 to 3 are of replica 0, 4 to 7 of replica 1, so
// a node of 8 is of both. With stages close together a node is one replica.
TEST(Replicas, stages_far_apart_part_a_replica) {
  Layout layout{.tp = 4, .pp = 2, .dp = 2};
  EXPECT_EQ(ranks_in_a_row(layout), 4);
  layout.order = RankOrder::tp_cp_pp_dp;
  EXPECT_EQ(ranks_in_a_row(layout), 8);
}

// Of nodes of 8: stages far apart cut a node in two, ZeRO needs the others' shards, and one replica
// has nobody who goes on.
TEST(Replicas, are_lost_alone_where_whole_nodes_are_theirs) {
  Layout layout{.tp = 4, .pp = 2, .dp = 2, .order = RankOrder::tp_cp_pp_dp};
  EXPECT_TRUE(replicas_lost_alone(layout, 8));
  EXPECT_FALSE(replicas_lost_alone(layout, 16));
  layout.zero_stage = 1;
  EXPECT_FALSE(replicas_lost_alone(layout, 8));
  EXPECT_FALSE(replicas_lost_alone({.tp = 8}, 8));
  EXPECT_FALSE(replicas_lost_alone({.tp = 4, .pp = 2, .dp = 2}, 8));
}

// By place.hpp: no group over which ZeRO or the experts shard has ranks of two replicas. That is
// asked where experts fold at all, and where there are two replicas.
TEST(Replicas, are_whole_where_no_group_that_shards_spans_two) {
  int whole = 0, spanned = 0;
  const auto spans = [](const Layout& layout, Axis axis) {
    for (std::int64_t rank = 0; rank < layout.ranks(); ++rank) {
      const int own = place_of(layout, rank).dp;
      const std::vector<int> group = members(layout, axis, rank);
      if (std::ranges::any_of(group, [&](int r) { return place_of(layout, r).dp != own; })) {
        return true;
      }
    }
    return false;
  };
  each_small([&](Layout layout) {
    if (layout.dp == 1) return;
    for (const int zero : {0, 1}) {
      for (const int folded : {1, 2, 3, 4, 6}) {
        if (layout.tp * layout.cp * layout.dp % folded != 0) continue;
        layout.zero_stage = zero;
        layout.etp = folded == 6 ? 2 : 1;
        layout.ep = folded / layout.etp;
        const bool apart = (zero > 0 && spans(layout, Axis::shards)) || spans(layout, Axis::ep) ||
                           spans(layout, Axis::etp);
        ASSERT_EQ(replicas_whole(layout), !apart) << written(layout);
        ++(apart ? spanned : whole);
      }
    }
  });
  EXPECT_GT(whole, 100);
  EXPECT_GT(spanned, 100);
}

// Fewer replicas keep every rank's part of the model: with stages close together, the ranks of the
// replicas that are left stand where they did.
TEST(Replicas, fewer_of_them_hold_what_they_held) {
  each_small([&](const Layout& layout) {
    if (layout.order != RankOrder::tp_cp_pp_dp) return;
    for (int replicas = 1; replicas <= layout.dp; ++replicas) {
      const Layout fewer = with_replicas(layout, replicas);
      ASSERT_EQ(fewer.ranks(), layout.ranks() / layout.dp * replicas);
      for (std::int64_t rank = 0; rank < fewer.ranks(); ++rank) {
        const Place now = place_of(fewer, rank), before = place_of(layout, rank);
        ASSERT_EQ(now.tp, before.tp) << written(layout);
        ASSERT_EQ(now.cp, before.cp);
        ASSERT_EQ(now.pp, before.pp);
        ASSERT_EQ(now.dp, before.dp);
      }
    }
  });
}

// 4 ranks a shard of 8 replicas: with 4 replicas that is all of them, with one there is no ZeRO,
// and no order in which replicas come.
TEST(Replicas, what_asks_for_several_goes_with_them) {
  const Layout full{.pp = 2, .dp = 8, .zero_stage = 1, .shard = 4, .order = RankOrder::tp_cp_pp_dp};
  Layout expected = full;
  EXPECT_EQ(with_replicas(full, 8), full);
  expected.dp = 4;
  expected.shard = 0;
  EXPECT_EQ(with_replicas(full, 4), expected);
  EXPECT_EQ(with_replicas(full, 1), (Layout{.pp = 2}));
}

}  // namespace
}  // namespace celere::layout

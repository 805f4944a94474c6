#include "launch/layouts.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spec/layout_wish.hpp"

namespace celere::launch {
namespace {

using testing::ElementsAre;

layout::Layout of(int tp, int pp, int dp,
                  layout::RankOrder order = layout::RankOrder::tp_cp_dp_pp) {
  layout::Layout out;
  out.tp = tp;
  out.pp = pp;
  out.dp = dp;
  out.order = order;
  return out;
}

// Ranks count tp first: with 2 on a node each slot is a tensor-parallel pair. Behind tp comes dp
// (slots are replicas 0, 1 of stage 0, then of stage 1), or pp (stages 0, 1 of replica 0, then of
// 1). With 4 on a node the first order puts both replicas of a stage on each.
TEST(ShapeOf, the_replica_of_each_slot) {
  EXPECT_THAT(shape_of(of(2, 2, 2), {2}).replica_of_slot.list(), ElementsAre(0, 1, 0, 1));
  const layout::Layout far = of(2, 2, 2, layout::RankOrder::tp_cp_pp_dp);
  EXPECT_THAT(shape_of(far, {2}).replica_of_slot.list(), ElementsAre(0, 0, 1, 1));
  EXPECT_THAT(shape_of(of(2, 2, 2), {4}).replica_of_slot.list(), ElementsAre(-1, -1));
  EXPECT_THAT(shape_of(far, {4}).replica_of_slot.list(), ElementsAre(0, 1));
  EXPECT_EQ(shape_of(far, {4}).replicas, 2);
}

// 8 ranks, 3 on a node: 3, 3 and 2.
TEST(ShapeOf, a_last_slot_may_be_smaller) {
  EXPECT_EQ(shape_of(of(8, 1, 1), {3}).slots, 3);
  EXPECT_THAT(Slots{3}.ranks_of(of(8, 1, 1), 2), ElementsAre(6, 7));
  EXPECT_EQ(Slots{3}.slot_of(5), 1);
}

// Weights or their state that are sharded over replicas are lost with one of them: by ZeRO, and
// where an expert's ranks are more than one replica has (4 over tp = 2).
TEST(ShapeOf, replicas_are_whole_without_zero_and_with_experts_inside_one) {
  layout::Layout layout = of(2, 1, 4);
  EXPECT_TRUE(shape_of(layout, {2}).replicas_whole);
  layout.ep = 2;
  EXPECT_TRUE(shape_of(layout, {2}).replicas_whole);
  layout.ep = 4;
  EXPECT_FALSE(shape_of(layout, {2}).replicas_whole);
  layout.ep = 1;
  layout.zero_stage = 1;
  EXPECT_FALSE(shape_of(layout, {2}).replicas_whole);
}

layout::Shape counts_of(std::int64_t global_batch) {
  return {.layers = 4,
          .heads = 4,
          .kv_heads = 4,
          .ffn = 16,
          .experts = 0,
          .expert_ffn = 0,
          .sequence = 8,
          .global_batch = global_batch,
          .gpus = 8};
}

// Four replicas of two ranks, a node each. Three nodes take three replicas where the batch can be
// split by 3 (12 can, 8 cannot and goes by 2); no node takes none.
TEST(Fitting, the_most_replicas_that_divide_the_batch) {
  const auto fits = [](std::int64_t batch, int nodes) {
    const auto layout = fitting(of(2, 1, 4), counts_of(batch), {2}, nodes);
    return layout ? layout->dp : 0;
  };
  EXPECT_EQ(fits(12, 4), 4);
  EXPECT_EQ(fits(12, 3), 3);
  EXPECT_EQ(fits(8, 3), 2);
  EXPECT_EQ(fits(8, 1), 1);
  EXPECT_EQ(fits(8, 0), 0);
  EXPECT_EQ(fits(8, 100), 4);  // never more than the full layout
}

// A replica of two stages over two nodes: one node is none.
TEST(Fitting, a_replica_keeps_its_stages) {
  EXPECT_EQ(fitting(of(2, 2, 2), counts_of(8), {2}, 3)->dp, 1);
  EXPECT_EQ(fitting(of(2, 2, 2), counts_of(8), {2}, 1), std::nullopt);
}

// ZeRO over one replica, and an order of what is one, are not legal.
TEST(Fitting, what_needs_replicas_goes_with_them) {
  layout::Layout full = of(2, 2, 2, layout::RankOrder::tp_cp_pp_dp);
  full.zero_stage = 2;
  const auto one = fitting(full, counts_of(8), {2}, 2);
  ASSERT_TRUE(one);
  EXPECT_EQ(one->dp, 1);
  EXPECT_EQ(one->zero_stage, 0);
  EXPECT_EQ(one->order, layout::RankOrder::tp_cp_dp_pp);
  full.dp = 4;
  full.shard = 2;
  EXPECT_EQ(with_replicas(full, 4).shard, 2);
  EXPECT_EQ(with_replicas(full, 2).shard, 0);  // all of them
  EXPECT_EQ(with_replicas(full, 2).zero_stage, 2);
}

// What a worker is told by --layout is what was meant.
TEST(LayoutText, is_read_back) {
  std::vector<layout::Layout> layouts = {of(1, 1, 1), of(2, 2, 2),
                                         of(2, 4, 2, layout::RankOrder::tp_cp_pp_dp)};
  layouts[1].micro_batch = 4;
  layouts[1].sequence_parallel = true;
  layouts[1].zero_stage = 1;
  layouts[2].vpp = 2;
  layouts[2].schedule = layout::Schedule::interleaved;
  layouts[2].recompute = layout::Recompute::full_for_some;
  layouts[2].recompute_layers = 1;
  layouts[2].cp = 2;
  layouts[2].cp_method = layout::CpMethod::all_gather;
  for (layout::Layout layout : layouts) {
    const auto with = spec::parse_layout_text(layout_text(layout, true));
    ASSERT_TRUE(with.ok()) << with.error().text();
    EXPECT_EQ(spec::layout_of(*with), layout) << layout_text(layout, true);
    const auto without = spec::parse_layout_text(layout_text(layout, false));
    ASSERT_TRUE(without.ok()) << layout_text(layout, false);
    EXPECT_FALSE(without->micro_batch);
    layout.micro_batch = 1;
    EXPECT_EQ(spec::layout_of(*without), layout) << layout_text(layout, false);
  }
}

// A line of recovery.json, and back: whether workers choose the micro-batch is part of it.
TEST(Family, goes_through_text) {
  layout::Layout layout;
  layout.dp = 4;
  layout.tp = 2;
  layout.zero_stage = 1;
  layout.micro_batch = 2;
  const Family said{layout, true};
  const auto again = parse_family(written(said));
  ASSERT_TRUE(again.ok()) << again.error().text();
  EXPECT_EQ(*again, said);
  layout.micro_batch = 1;
  const Family chosen{layout, false};
  EXPECT_EQ(*parse_family(written(chosen)), chosen);
  EXPECT_FALSE(parse_family("tp=two").ok());
}

}  // namespace
}  // namespace celere::launch

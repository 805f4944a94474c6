#include "layout/pipeline.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "layout/groups.hpp"

namespace celere::layout {
namespace {

Layout stages(int pp, int vpp, Partition partition) {
  Layout layout;
  layout.pp = pp;
  layout.vpp = vpp;
  layout.partition = partition;
  if (vpp > 1) layout.schedule = Schedule::interleaved;
  return layout;
}

// Llama 3 405B: 126 layers on 16 stages are 128 slots, 8 each; the embedding takes one of the first
// stage, the head one of the last (Llama 3, section 3.3.2: "one layer less from the first and the
// last").
TEST(Pipeline, a_balanced_partition_gives_the_ends_a_layer_less) {
  const Layout layout = stages(16, 1, Partition::balanced);
  EXPECT_EQ(chunk_layers(layout, 126, 0).count, 7);
  EXPECT_EQ(chunk_layers(layout, 126, 1).first, 7);
  EXPECT_EQ(chunk_layers(layout, 126, 1).count, 8);
  EXPECT_EQ(chunk_layers(layout, 126, 15).count, 7);
}

// Slow twin: the chunks of every partition hold each layer once, in order, and the longest is the
// longest.
TEST(Pipeline, chunks_cover_the_layers_and_the_longest_is_known) {
  for (int layers = 1; layers <= 40; ++layers) {
    for (int chunks = 1; chunks <= layers + 2; ++chunks) {
      for (const Partition partition : {Partition::even, Partition::balanced}) {
        if (partition == Partition::even && layers % chunks != 0) continue;
        const Layout layout = stages(chunks, 1, partition);
        int next = 0, longest = 0, shortest = layers;
        for (int chunk = 0; chunk < chunks; ++chunk) {
          const ChunkLayers of = chunk_layers(layout, layers, chunk);
          ASSERT_EQ(of.first, next) << layers << " layers, " << chunks << " chunks";
          next += of.count;
          longest = std::max(longest, of.count);
          shortest = std::min(shortest, of.count);
        }
        ASSERT_EQ(next, layers);
        ASSERT_EQ(longest_chunk(layout, layers), longest) << layers << " layers, " << chunks;
        ASSERT_LE(longest - shortest, 2);
      }
    }
  }
}

// Narayanan et al. 2021, figure 4: of four stages the first keeps four micro-batches, the last one.
TEST(Pipeline, one_f_one_b_keeps_a_micro_batch_a_stage_to_come) {
  const Layout layout = stages(4, 1, Partition::even);
  EXPECT_EQ(chunks_in_flight(layout, 0, 8), 4);
  EXPECT_EQ(chunks_in_flight(layout, 3, 8), 1);
  EXPECT_EQ(chunks_in_flight(layout, 0, 2), 2);  // there are no more
}

// Megatron-LM: the first of 4 ranks with 2 chunks warms up with 2 (4 - 1) + (2 - 1) 4 = 10 chunks,
// and has one more in work.
TEST(Pipeline, interleaving_keeps_more) {
  const Layout layout = stages(4, 2, Partition::even);
  EXPECT_EQ(chunks_in_flight(layout, 0, 8), 11);
  EXPECT_EQ(chunks_in_flight(layout, 3, 8), 5);
}

// DeepSeek-V3, table 2: pp + 1 micro-batches on every rank.
TEST(Pipeline, dual_pipe_keeps_one_more_than_the_stages) {
  Layout layout = stages(8, 1, Partition::even);
  layout.schedule = Schedule::dual_pipe;
  EXPECT_EQ(chunks_in_flight(layout, 0, 20), 9);
  EXPECT_EQ(chunks_in_flight(layout, 7, 20), 9);
}

// Slow twin: the ranks of a group, by their coordinates, counted in every aligned domain that holds
// the first of them.
int counted_within(const Layout& l, bool with_cp, std::int64_t domain) {
  const bool dp_first = l.order == RankOrder::tp_cp_dp_pp;
  const std::int64_t dp_stride = std::int64_t{l.tp} * l.cp * (dp_first ? 1 : l.pp);
  int count = 0;
  for (int dp = 0; dp < l.dp; ++dp) {
    for (int cp = 0; cp < (with_cp ? l.cp : 1); ++cp) {
      if (dp * dp_stride + std::int64_t{cp} * l.tp < domain) ++count;
    }
  }
  return count;
}

TEST(Groups, replicas_lie_where_their_coordinates_say) {
  for (const RankOrder order : {RankOrder::tp_cp_dp_pp, RankOrder::tp_cp_pp_dp}) {
    Layout l;
    l.tp = 2;
    l.cp = 4;
    l.pp = 2;
    l.dp = 8;
    l.order = order;
    const Groups groups = groups_of(l);
    EXPECT_EQ(groups.replicas.size, 32);
    for (const std::int64_t domain : {1, 2, 8, 16, 32, 64, 128}) {
      EXPECT_EQ(members_within(groups.replicas, domain), counted_within(l, true, domain))
          << name_of(order) << ", domain of " << domain;
    }
    EXPECT_EQ(next_stage(l), order == RankOrder::tp_cp_dp_pp ? 64 : 8);
  }
}

// Experts over 4 ranks of 2 each, in a stage of 2 x 8 neighbouring ranks: ep strides over etp,
// replicas over both.
TEST(Groups, experts_fold_into_the_stage) {
  Layout l;
  l.tp = 2;
  l.dp = 8;
  l.ep = 4;
  l.etp = 2;
  const Groups groups = groups_of(l);
  EXPECT_EQ(groups.etp.stride, 1);
  EXPECT_EQ(groups.ep.stride, 2);
  EXPECT_EQ(groups.expert_replicas.size, 2);
  EXPECT_EQ(groups.expert_replicas.stride, 8);
}

}  // namespace
}  // namespace celere::layout

// Each rule of layout/legal.hpp broken once by a layout that is legal but for it, beside one that
// keeps it.
#include "layout/legal.hpp"

#include <gtest/gtest.h>

namespace celere::layout {
namespace {

// 8 layers, 8 heads, 4 key-value heads, 64 experts' columns: every degree up to 4 divides
// something.
const Shape dense{.layers = 8,
                  .heads = 8,
                  .kv_heads = 4,
                  .ffn = 96,
                  .experts = 0,
                  .expert_ffn = 0,
                  .sequence = 64,
                  .global_batch = 48,
                  .gpus = 64};

Shape with_experts() {
  Shape shape = dense;
  shape.experts = 4;
  shape.expert_ffn = 32;
  return shape;
}

Layout with(auto change) {
  Layout layout;
  change(layout);
  return layout;
}

void expect_broken(Illegal rule, const Layout& layout, const Shape& shape) {
  const std::optional<Illegal> broken = illegal(layout, shape);
  ASSERT_TRUE(broken.has_value()) << written(layout) << " is legal";
  EXPECT_EQ(*broken, rule) << explain(*broken, layout, shape);
}

void expect_legal(const Layout& layout, const Shape& shape) {
  const std::optional<Illegal> broken = illegal(layout, shape);
  EXPECT_FALSE(broken.has_value()) << explain(*broken, layout, shape);
}

TEST(Legal, one_gpu_is_legal) { expect_legal(Layout{}, dense); }

TEST(Legal, degrees_are_at_least_one) {
  expect_broken(Illegal::degree_below_one, with([](Layout& l) { l.dp = 0; }), dense);
  expect_broken(Illegal::degree_below_one, with([](Layout& l) { l.zero_stage = 4; }), dense);
}

TEST(Legal, tp_divides_the_heads) {
  expect_broken(Illegal::tp_heads, with([](Layout& l) { l.tp = 3; }), dense);
  expect_legal(with([](Layout& l) { l.tp = 8; }), dense);
}

// 6 of 12 heads, 4 key-value heads: 4 does not divide 6 nor 6 four.
TEST(Legal, tp_and_kv_heads_divide_one_another) {
  Shape shape = dense;
  shape.heads = 12;
  expect_broken(Illegal::tp_kv_heads, with([](Layout& l) { l.tp = 6; }), shape);
}

TEST(Legal, tp_divides_the_mlp) {
  Shape shape = dense;
  shape.ffn = 100;
  expect_broken(Illegal::tp_ffn, with([](Layout& l) { l.tp = 8; }), shape);
}

TEST(Legal, sequence_parallelism_needs_tp) {
  expect_broken(Illegal::sp_without_tp, with([](Layout& l) { l.sequence_parallel = true; }), dense);
}

// A sequence of 12 positions over cp 2: 6 rows a rank, of which 4 ranks of tp cannot have as many.
TEST(Legal, sequence_parallelism_divides_the_rows) {
  Shape shape = dense;
  shape.sequence = 12;
  const auto layout = [](int micro_batch) {
    return with([&](Layout& l) {
      l.tp = 4;
      l.cp = 2;
      l.micro_batch = micro_batch;
      l.sequence_parallel = true;
    });
  };
  expect_broken(Illegal::sp_rows, layout(1), shape);
  expect_legal(layout(2), shape);
}

// What halves a backward pass, or puts things on the host, is planned and not trained.
TEST(Untrained, zero_bubble_dual_pipe_and_offloading) {
  EXPECT_FALSE(untrained(with([](Layout& l) {
    l.pp = 2;
    l.vpp = 2;
    l.schedule = Schedule::interleaved;
  })));
  EXPECT_TRUE(untrained(with([](Layout& l) { l.schedule = Schedule::zero_bubble; })));
  EXPECT_TRUE(untrained(with([](Layout& l) { l.schedule = Schedule::dual_pipe; })));
  EXPECT_TRUE(untrained(with([](Layout& l) { l.offload_optimizer = true; })));
  EXPECT_TRUE(untrained(with([](Layout& l) { l.offload_activations = true; })));
}

TEST(Legal, experts_with_tp_need_sequence_parallelism) {
  expect_broken(Illegal::experts_tp_without_sp, with([](Layout& l) { l.tp = 2; }), with_experts());
}

TEST(Legal, a_dense_model_has_no_expert_axes) {
  expect_broken(Illegal::expert_axes_dense, with([](Layout& l) { l.ep = 2; }), dense);
}

TEST(Legal, etp_divides_an_expert) {
  expect_broken(Illegal::etp_ffn, with([](Layout& l) { l.etp = 3; }), with_experts());
}

TEST(Legal, ep_divides_the_experts) {
  expect_broken(Illegal::ep_experts, with([](Layout& l) { l.ep = 3; }), with_experts());
}

// Four experts' ranks do not fold into a stage of 2 x 3 ranks.
TEST(Legal, experts_fold_into_the_ranks_of_a_stage) {
  expect_broken(Illegal::expert_fold, with([](Layout& l) {
                  l.ep = 4;
                  l.dp = 6;
                }),
                with_experts());
  expect_legal(with([](Layout& l) {
                 l.ep = 2;
                 l.etp = 2;
                 l.dp = 4;
               }),
               with_experts());
}

TEST(Legal, a_sequence_is_cut_into_twice_cp_pieces) {
  expect_broken(Illegal::cp_sequence, with([](Layout& l) { l.cp = 64; }), dense);
  expect_legal(with([](Layout& l) { l.cp = 32; }), dense);
}

TEST(Legal, cp_one_has_no_method) {
  expect_broken(Illegal::cp_method_unused,
                with([](Layout& l) { l.cp_method = CpMethod::all_gather; }), dense);
}

TEST(Legal, all_to_all_needs_heads) {
  expect_broken(Illegal::cp_heads, with([](Layout& l) {
                  l.tp = 4;
                  l.cp = 4;
                  l.cp_method = CpMethod::all_to_all;
                }),
                dense);
}

TEST(Legal, chunks_are_at_most_layers) {
  expect_broken(Illegal::pp_layers, with([](Layout& l) {
                  l.pp = 16;
                  l.partition = Partition::balanced;
                }),
                dense);
}

// Eight layers, the embedding and the head: ten stages.
TEST(Legal, a_balanced_partition_has_slots_for_the_ends) {
  expect_legal(with([](Layout& l) {
                 l.pp = 10;
                 l.partition = Partition::balanced;
               }),
               dense);
}

TEST(Legal, an_even_partition_has_no_remainder) {
  expect_broken(Illegal::partition_layers, with([](Layout& l) { l.pp = 3; }), dense);
  expect_legal(with([](Layout& l) {
                 l.pp = 3;
                 l.partition = Partition::balanced;
               }),
               dense);
}

TEST(Legal, one_stage_has_no_schedule) {
  expect_broken(Illegal::schedule_without_pp,
                with([](Layout& l) { l.schedule = Schedule::zero_bubble; }), dense);
}

TEST(Legal, virtual_stages_are_interleaved) {
  expect_broken(Illegal::vpp_schedule, with([](Layout& l) {
                  l.pp = 2;
                  l.vpp = 2;
                }),
                dense);
}

TEST(Legal, replicas_share_the_batch_evenly) {
  expect_broken(Illegal::global_batch, with([](Layout& l) { l.dp = 5; }), dense);
}

// 48 sequences over 16 replicas are 3 micro-batches, not a multiple of 2 stages.
TEST(Legal, interleaving_needs_multiples_of_pp) {
  expect_broken(Illegal::interleaved_batches, with([](Layout& l) {
                  l.pp = 2;
                  l.vpp = 2;
                  l.dp = 16;
                  l.schedule = Schedule::interleaved;
                }),
                dense);
}

TEST(Legal, dual_pipe_needs_even_stages_and_enough_micro_batches) {
  const auto dual = [](int pp, int dp) {
    return with([&](Layout& l) {
      l.pp = pp;
      l.dp = dp;
      l.schedule = Schedule::dual_pipe;
      l.partition = Partition::balanced;
    });
  };
  expect_broken(Illegal::dual_pipe_stages, dual(3, 1), dense);
  expect_broken(Illegal::dual_pipe_batches, dual(4, 8), dense);  // 6 micro-batches of at least 8
  expect_legal(dual(4, 6), dense);                               // 8
}

TEST(Legal, zero_needs_replicas) {
  expect_broken(Illegal::zero_without_replicas, with([](Layout& l) { l.zero_stage = 1; }), dense);
}

TEST(Legal, shards_are_a_proper_part_of_the_replicas) {
  const auto sharded = [](int zero, int shard) {
    return with([&](Layout& l) {
      l.dp = 4;
      l.zero_stage = zero;
      l.shard = shard;
    });
  };
  expect_broken(Illegal::shard_without_zero, sharded(0, 2), dense);
  expect_broken(Illegal::shard_ranks, sharded(1, 3), dense);
  expect_broken(Illegal::shard_ranks, sharded(1, 4), dense);
  expect_legal(sharded(1, 2), dense);
}

// Two stages of four layers each: some are one to three.
TEST(Legal, some_layers_are_recomputed) {
  const auto some = [](int layers) {
    return with([&](Layout& l) {
      l.pp = 2;
      l.recompute = Recompute::full_for_some;
      l.recompute_layers = layers;
    });
  };
  expect_broken(Illegal::recompute_layers, some(0), dense);
  expect_broken(Illegal::recompute_layers, some(4), dense);
  expect_legal(some(3), dense);
}

TEST(Legal, orders_differ_only_with_both_axes) {
  expect_broken(Illegal::order_same, with([](Layout& l) {
                  l.pp = 2;
                  l.order = RankOrder::tp_cp_pp_dp;
                }),
                dense);
}

TEST(Legal, ranks_are_at_most_the_gpus) {
  expect_broken(Illegal::ranks, with([](Layout& l) {
                  l.pp = 8;
                  l.dp = 12;
                }),
                dense);
}

TEST(Legal, messages_hold_the_amounts) {
  const Layout layout = with([](Layout& l) { l.tp = 3; });
  EXPECT_EQ(explain(Illegal::tp_heads, layout, dense),
            "tp = 3 does not divide the 8 attention heads");
}

}  // namespace
}  // namespace celere::layout

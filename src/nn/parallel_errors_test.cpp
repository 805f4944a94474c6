// The errors that other trainers shipped in silence, each by name; and that leaving any sum out is
// seen by the comparison on which the tests of parallel_test.cpp stand.
#include <gtest/gtest.h>

#include "nn/experts.hpp"
#include "nn/parallel_test.hpp"

namespace celere::nn {
namespace {

using layout::Axis;
using layout::Layout;

Difference against_one_rank(const spec::Model& model, const Layout& layout, TrainPlan plan = {}) {
  return difference_of(train_over_ranks(model, layout, plan), train_alone(model, plan));
}

void expect_equal(const spec::Model& model, const Layout& layout, double tolerance = 1e-10,
                  const TrainPlan& plan = {}) {
  const Difference d = against_one_rank(model, layout, plan);
  EXPECT_LE(d.worst, tolerance) << d.where << " with " << layout::written(layout);
}

// Norms of the rows, and of each head's queries and keys, are whole on each rank of tp, but see
// only some of the rows or heads: their gradients are parts of a sum.
TEST(SilentErrors, norm_weights_stay_the_same_over_tp) {
  for (const bool sequence_parallel : {false, true}) {
    const Layout layout{.tp = 2, .sequence_parallel = sequence_parallel};
    EXPECT_TRUE(train_over_ranks(small_dense(), layout, {}).apart.empty());
    expect_equal(small_dense(), layout);
  }
}

// Heads of keys that several ranks of tp hold alike.
TEST(SilentErrors, shared_key_heads_stay_the_same_over_tp) {
  const Layout layout{.tp = 4};
  EXPECT_TRUE(train_over_ranks(small_dense(), layout, {}).apart.empty());
  expect_equal(small_dense(), layout);
}

// Two experts whose logits are 256 and 256.5: equal in bfloat16, whose steps are 2 there.
TEST(SilentErrors, the_router_computes_in_the_master_type) {
  spec::Model model = small_mixture();
  model.experts->top_k = 1;
  model.experts->biases = false;
  const Types types{at::kFloat, at::kBFloat16};
  Parameters parameters(model, types, at::kCPU);
  const Parameter& weight = parameters["layers.1.router"];
  {
    const at::NoGradGuard quiet;
    weight.value.zero_();
    weight.value.select(0, 3).select(0, 0).fill_(256);
    weight.value.select(0, 5).select(0, 0).fill_(256.5);
  }
  const at::Tensor x = at::zeros({2, model.hidden}, at::kBFloat16);
  x.select(1, 0).fill_(1);
  RouterWords words{.weight = &weight, .bias = nullptr, .experts = &*model.experts};
  const Routing routing = route(x, words, Ops(types, nullptr));
  EXPECT_EQ(routing.chosen[0][0].item<std::int64_t>(), 5);
  EXPECT_EQ(routing.weights.scalar_type(), at::kFloat);
}

// Over replicas, shards of them, and parts of a sequence, each counted once.
TEST(SilentErrors, gradients_are_scaled_once) {
  expect_equal(small_dense(), {.cp = 2, .dp = 4, .zero_stage = 3, .shard = 2});
  expect_equal(small_dense(), {.cp = 2, .dp = 2});
}

// The first stage looks tokens up, the last one compares with them: both copies get both gradients.
TEST(SilentErrors, tied_embeddings_are_summed_on_both_ends) {
  const Layout layout{.pp = 2, .dp = 2, .zero_stage = 1};
  EXPECT_TRUE(train_over_ranks(small_dense(), layout, {}).apart.empty());
  expect_equal(small_dense(), layout);
}

// Of four replicas of the rows, an expert has two.
TEST(SilentErrors, experts_are_summed_over_their_own_replicas) {
  expect_equal(small_mixture(), {.dp = 4, .ep = 2});
  expect_equal(small_mixture(), {.dp = 4, .ep = 2, .etp = 2, .zero_stage = 2});
}

// What a capacity drops depends on which tokens a rank has. With whole micro-batches on each rank
// they are the micro-batches of one rank too; where a sequence is cut over tp or cp, they are parts
// of them, and other choices are dropped.
TEST(LayoutDependent, a_capacity_is_of_the_tokens_of_a_rank) {
  spec::Model model = small_mixture();
  model.experts->capacity = 1.0;
  expect_equal(model, {.dp = 4, .ep = 4, .zero_stage = 1});
  expect_equal(model, {.pp = 2, .dp = 2, .ep = 2});
  const Difference cut = against_one_rank(model, {.cp = 2});
  EXPECT_GT(cut.worst, 1e-6);
}

// A sum that is not made is seen: by how much is the tensor's own business, but far above rounding.
TEST(SilentErrors, a_sum_left_out_is_seen) {
  struct LeftOut {
    const char* what;
    spec::Model model;
    Layout layout;
    Axis axis;
  };
  const LeftOut all[] = {
      {"over replicas", small_dense(), {.dp = 2}, Axis::replicas},
      {"over parts of a sequence", small_dense(), {.cp = 2}, Axis::replicas},
      {"over shared heads of keys", small_dense(), {.tp = 4}, Axis::kv_replicas},
      {"over both ends", small_dense(), {.pp = 2}, Axis::ends},
      {"over replicas of experts", small_mixture(), {.dp = 4, .ep = 2}, Axis::expert_replicas},
      {"over replicas of shards",
       small_dense(),
       {.dp = 4, .zero_stage = 2, .shard = 2},
       Axis::shard_replicas},
      {"of the balance loss",
       small_mixture(),
       {.tp = 2, .sequence_parallel = true},
       Axis::sequence},
  };
  for (const LeftOut& one : all) {
    TrainPlan plan;
    plan.left_out = one.axis;
    plan.steps = 1;
    EXPECT_GT(against_one_rank(one.model, one.layout, plan).worst, 1e-6) << one.what;
  }
}

TrainPlan in_float() {
  TrainPlan plan;
  plan.type = at::kFloat;
  plan.fast = true;
  return plan;
}

const Layout mixed{.tp = 2,
                   .cp = 2,
                   .pp = 1,
                   .dp = 2,
                   .ep = 2,
                   .etp = 2,
                   .zero_stage = 2,
                   .sequence_parallel = true};

// Bit for bit, with the fused operators: nothing depends on who comes first.
TEST(ParallelInFloat, the_same_layout_twice_is_the_same) {
  for (const spec::Model& model : {small_mixture(), small_dense()}) {
    Layout layout = mixed;
    if (!model.experts) layout.ep = layout.etp = 1;
    const Trained once = train_over_ranks(model, layout, in_float());
    const Trained again = train_over_ranks(model, layout, in_float());
    EXPECT_EQ(once.losses, again.losses);
    for (const auto& [name, weight] : once.weights) {
      EXPECT_TRUE(at::equal(weight, again.weights.at(name))) << name;
    }
  }
}

// The fused operators over ranks, within float's rounding of those on one.
TEST(ParallelInFloat, fused_operators_compute_what_they_do_on_one_rank) {
  spec::Model mixture = small_mixture();  // without biases, as the fused experts need it
  mixture.experts->biases = false;
  expect_equal(mixture, mixed, 3e-4, in_float());
  expect_equal(small_latent(),
               {.tp = 2, .dp = 2, .ep = 4, .zero_stage = 3, .sequence_parallel = true}, 3e-4,
               in_float());
  expect_equal(small_dense(),
               {.tp = 4,
                .cp = 2,
                .cp_method = layout::CpMethod::all_to_all,
                .recompute = layout::Recompute::selective},
               3e-4, in_float());
  expect_equal(small_dense(),
               {.tp = 2,
                .pp = 2,
                .vpp = 2,
                .schedule = layout::Schedule::interleaved,
                .recompute = layout::Recompute::full},
               3e-4, in_float());
}

}  // namespace
}  // namespace celere::nn

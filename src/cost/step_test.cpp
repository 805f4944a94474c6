// The cost of a step on a machine whose numbers are round: 100 TFLOP/s for every product, 1 TB/s of
// memory, 100 GB/s of NVLink among 8 GPUs, 10 GB/s a GPU beyond, no latency but where a test needs
// it, and software that hides nothing.
#include "cost/step.hpp"

#include <gtest/gtest.h>

namespace celere::cost {
namespace {

template <typename T>
spec::Fact<T> known(T value) {
  spec::Fact<T> fact;
  fact.value = fact.low = fact.high = value;
  return fact;
}

spec::Chip chip() {
  spec::Chip c;
  c.name = "round";
  for (auto& peak : c.peak) peak = known(FlopsPerSecond::of(200e12));
  for (auto& rate : c.sustained) rate = known(FlopsPerSecond::of(100e12));
  c.memory = known(80_GiB);
  c.memory_reserved = known(Bytes{});
  c.memory_bandwidth = known(BytesPerSecond::of(1e12));
  c.memory_bandwidth_share = known(1.0);
  c.nvlink_bandwidth = known(100_GBps);
  c.nvlink_share = known(1.0);
  c.nvlink_domain = 8;
  c.host_bandwidth = known(10_GBps);
  c.host_speed = known(1.0);
  // Every shape runs at the best rate, which is the sustained one.
  c.gemm = {.m = {1}, .n = {1}, .k = {1}, .tflops = {100}, .best_tflops = 100, .error = {}};
  c.attention.sequence = c.attention.head_dim = c.attention.heads = {1};
  c.attention.tflops = {100};
  c.grouped_gemm = {.tokens_per_expert = {1}, .expert_ffn = {1}, .tflops = {100}, .error = {}};
  return c;
}

spec::Stack stack() {
  spec::Stack s;
  for (auto* one :
       {&s.memory_factor, &s.attention_factor, &s.gemm_factor, &s.grouped_gemm_factor, &s.ep_factor,
        &s.fsdp_bandwidth_share, &s.fsdp_exposed_share, &s.bubble_factor, &s.activation_factor,
        &s.all_to_all_of_ring, &s.narrow_expert_ffn, &s.unfused_share, &s.unfused_misaligned}) {
    *one = known(1.0);
  }
  for (auto* none : {&s.tp_overlap, &s.dp_overlap, &s.jitter_per_doubling, &s.fp8_cast_bytes,
                     &s.mxfp8_cast_bytes, &s.nvfp4_cast_bytes, &s.logit_bytes,
                     &s.fragmentation_share, &s.shape_share, &s.unfused_exponent}) {
    *none = known(0.0);
  }
  s.memory_backward = known(1.6);
  s.attention_backward = known(2.9);
  s.host_time_dense = s.host_time_experts = s.step_overhead = known(Seconds{});
  s.schedules = {layout::Schedule::one_f_one_b, layout::Schedule::interleaved,
                 layout::Schedule::zero_bubble};
  return s;
}

// Four layers of width 1,024 with 8 heads of 128, an ungated MLP of 4,096, a vocabulary of 8,192,
// tied.
spec::Model small_model() {
  spec::Model m;
  m.name = "small";
  m.layers = 4;
  m.hidden = 1024;
  m.ffn = 4096;
  m.vocab = 8192;
  m.attention.heads = m.attention.kv_heads = 8;
  m.attention.head_dim = m.attention.value_dim = 128;
  m.activation = spec::Activation::gelu;
  m.tied_embeddings = true;
  return m;
}

Setting setting() {
  Setting s;
  s.model = small_model();
  s.chip = chip();
  s.stack = stack();
  s.cluster.gpus_per_node = 8;
  spec::Tier tier;
  tier.name = "all";
  tier.gpus = 64;
  tier.bandwidth = known(10_GBps);
  tier.share = known(1.0);
  tier.latency = known(Seconds{});
  s.cluster.tiers = {tier};
  s.sequence = 1024;
  s.gpus = 64;
  return s;
}

std::unique_ptr<StepModel> model_of(const Setting& s) { return *StepModel::of(s); }

// A layer for 1,024 tokens, forward: q, k, v, o 4 * 2 * 1024^3 = 8.590 GFLOP, MLP 2 * 2 * 1024 *
// 4096 * 1024 = 17.180, causal attention 2 * 8 heads * 1024^2 / 2 * 256 = 2.147: 27.917 GFLOP.
// Head: 2 * 1024 * 8192 * 1024 = 17.180. Useful: 3 (4 * 27.917 + 17.180) = 386.5 GFLOP.
TEST(Step, useful_work_is_counted_by_hand) {
  EXPECT_NEAR(model_of(setting())->useful_per_sequence().in_base() / 1e9, 386.547, 1e-3);
}

// Products at 100 TFLOP/s: 3 (25.770 * 4 + 17.180) GFLOP = 3.6077 ms; attention 2.147 GFLOP (1
// + 2.9) * 4 = 0.3350 ms. Memory-bound, forward, bytes a token: norms 2 * 8 * 1024, rope 4 * 24 *
// 128, MLP 2 * 2 * 4096 (45,056) of each layer; the head's norm 8 * 1024, the embedding 4 * 1024
// (12,288): 192,512 * 2.6 * 1024 tokens / 1 TB/s = 0.5125 ms.
TEST(Step, one_gpu_takes_the_time_of_its_operators) {
  const StepCost cost = model_of(setting())->cost(layout::Layout{}, 1);
  EXPECT_NEAR(cost[StepPart::compute] / 1_ms, 3.6077 + 0.3350 + 0.5125, 2e-3);
  EXPECT_EQ(cost[StepPart::bubble], Seconds{});
  EXPECT_EQ(cost[StepPart::dp], Seconds{});
}

// 58.7 M parameters: 4 layers of 4 * 1024^2 + 2 * 1024 * 4096 + 2 norms, the embedding once
// although the head uses it, a norm.
TEST(Memory, one_gpu_holds_the_parameters_once) {
  const double parameters = 4 * (12 * 1024.0 * 1024 + 2048) + 8192 * 1024.0 + 1024;
  const StepCost cost = model_of(setting())->cost(layout::Layout{}, 1);
  EXPECT_DOUBLE_EQ(cost.memory[Bucket::parameters].in_base(), 2 * parameters);
  EXPECT_DOUBLE_EQ(cost.memory[Bucket::gradients].in_base(), 4 * parameters);
  EXPECT_DOUBLE_EQ(cost.memory[Bucket::master].in_base(), 4 * parameters);
  EXPECT_DOUBLE_EQ(cost.memory[Bucket::optimizer].in_base(), 8 * parameters);
}

// What a save writes is copied first: the weights in fp32 and AdamW's two moments, 12 bytes.
TEST(Memory, the_copy_of_a_checkpoint_is_weights_and_optimizer) {
  const double parameters = 4 * (12 * 1024.0 * 1024 + 2048) + 8192 * 1024.0 + 1024;
  Setting with = setting();
  EXPECT_EQ(model_of(with)->cost({}, 1).memory[Bucket::checkpoint], Bytes{});
  with.stack.checkpoint_copy = true;
  EXPECT_DOUBLE_EQ(model_of(with)->cost({}, 1).memory[Bucket::checkpoint].in_base(),
                   12 * parameters);
  with.precision = spec::Precision::fp32;
  EXPECT_DOUBLE_EQ(model_of(with)->cost({}, 1).memory[Bucket::checkpoint].in_base(),
                   12 * parameters);
}

// Muon steps the 4 layers' matrices, 12 x 1,024^2 each, with one moment; the embedding, 2 norms a
// layer and the last one are AdamW's, with two. A copy of a checkpoint has 4 bytes more of each. Of
// the job a save writes the parameters in bf16 and in fp32, and that state.
TEST(Memory, muon_has_one_moment_of_matrices_and_two_of_the_rest) {
  const double matrices = 4 * 12 * 1024.0 * 1024, others = 4 * 2048 + 8192 * 1024.0 + 1024;
  const double state = 4 * matrices + 8 * others, parameters = matrices + others;
  Setting with = setting();
  with.optimizer = spec::Optimizer::muon;
  EXPECT_DOUBLE_EQ(model_of(with)->cost({}, 1).memory[Bucket::optimizer].in_base(), state);
  EXPECT_DOUBLE_EQ(model_of(with)->checkpoint_bytes().in_base(), 6 * parameters + state);
  layout::Layout l;
  l.dp = 4;
  l.zero_stage = 1;
  with.stack.checkpoint_copy = true;
  const auto copying = model_of(with);
  EXPECT_DOUBLE_EQ(copying->cost(l, 4).memory[Bucket::optimizer].in_base(), state / 4);
  EXPECT_DOUBLE_EQ(copying->cost(l, 4).memory[Bucket::checkpoint].in_base(),
                   (4 * parameters + state) / 4);
  EXPECT_DOUBLE_EQ(copying->checkpoint_bytes().in_base(), 4 * parameters + state);
  const StageCosts stages = copying->stage_costs(copying->layer_costs(LayerSplit::of(l)), l);
  EXPECT_DOUBLE_EQ(copying->checkpoint_share(stages, l).in_base(), (4 * parameters + state) / 4);
}

// 8 experts of 3 x 1,024 x 512 in each of four layers are matrices, cut by ep = 2; their biases,
// 8 (512 + 512 + 1,024), the router's 8 x 1,024 and its 8 biases are not.
TEST(Memory, muon_has_two_moments_of_routers_and_of_the_biases_of_experts) {
  Setting with = setting();
  with.model.activation = spec::Activation::silu_gated;
  with.model.ffn = 0;
  with.model.experts = spec::Experts{.count = 8, .top_k = 2, .ffn = 512};
  with.model.experts->biases = true;
  with.optimizer = spec::Optimizer::muon;
  layout::Layout l;
  l.dp = l.ep = 2;
  const double matrices = 4 * (4 * 1024.0 * 1024 + 8 * 3 * 1024.0 * 512 / 2);
  const double others = 4 * (8 * 2048.0 / 2 + 8 * 1024 + 8 + 2048) + 8192 * 1024.0 + 1024;
  EXPECT_DOUBLE_EQ(model_of(with)->cost(l, 2).memory[Bucket::optimizer].in_base(),
                   4 * matrices + 8 * others);
}

// 22 bytes of traffic for each of the matrices and 30 for each of the rest at 1 TB/s; five
// iterations of 6 x 1,024 FLOP for the matrices alone at 100 TFLOP/s.
TEST(Step, muon_iterates_on_the_matrices_alone) {
  const double matrices = 4 * 12 * 1024.0 * 1024, others = 4 * 2048 + 8192 * 1024.0 + 1024;
  Setting with = setting();
  with.optimizer = spec::Optimizer::muon;
  EXPECT_NEAR(model_of(with)->cost({}, 1)[StepPart::optimizer] / 1_ms,
              (22 * matrices + 30 * others) / 1e9 + 5 * 6 * 1024 * matrices / 100e9, 1e-6);
}

// Value embeddings of 8,192 words x 8 heads x 128 in the first and the last of four layers, and 500
// rows of pairs: 2 x 8,388,608 + 512,000 parameters more, and no FLOP. Two layers without and two
// with; a token reads 2 bytes of the row and moves 4 of what it is added to: 6 x 1,024 in each of
// the two layers and at the embedding, 18,432 bytes x 2.6 x 1,024 tokens at 1 TB/s are 49 us.
TEST(Step, embeddings_of_values_and_pairs_cost_memory_and_no_work) {
  Setting with = setting();
  with.model.value_embeddings = {0, 3};
  with.model.bigram_embeddings = 500;
  const auto plain = model_of(setting()), embedded = model_of(with);
  EXPECT_EQ(embedded->useful_per_sequence(), plain->useful_per_sequence());
  const double more = 2 * 8192.0 * 1024 + 500 * 1024.0;
  const StepCost before = plain->cost(layout::Layout{}, 1), after = embedded->cost({}, 1);
  const auto added = [&](Bucket of) { return (after.memory[of] - before.memory[of]).in_base(); };
  EXPECT_DOUBLE_EQ(added(Bucket::parameters), 2 * more);
  EXPECT_DOUBLE_EQ(added(Bucket::optimizer), 8 * more);
  EXPECT_NEAR((after[StepPart::compute] - before[StepPart::compute]) / 1_us,
              18432 * 2.6 * 1024 * 1e-6, 0.01);
}

// Both on one rank; with tp = 4 each of four ranks has a quarter of the width.
TEST(Memory, tp_cuts_the_value_embeddings_by_heads) {
  Setting with = setting();
  with.model.value_embeddings = {0, 1};
  const auto plain = model_of(setting()), embedded = model_of(with);
  const auto added = [&](const layout::Layout& l) {
    return (embedded->cost(l, 8).memory[Bucket::parameters] -
            plain->cost(l, 8).memory[Bucket::parameters])
        .in_base();
  };
  const double each = 2 * 8192.0 * 1024;
  layout::Layout l;
  EXPECT_DOUBLE_EQ(added(l), 2 * each);
  l.tp = 4;
  EXPECT_DOUBLE_EQ(added(l), 2 * each / 4);
}

// ZeRO over 4 replicas: 1 divides master and optimizer, 2 the gradients but for a layer's, 3 the
// parameters but for two.
TEST(Memory, zero_divides_what_its_stage_says) {
  const double layer = 12 * 1024.0 * 1024 + 2048;
  const double parameters = 4 * layer + 8192 * 1024.0 + 1024;
  const auto model = model_of(setting());
  const auto memory = [&](int stage) {
    layout::Layout l;
    l.dp = 4;
    l.zero_stage = stage;
    return model->cost(l, 4).memory;
  };
  EXPECT_DOUBLE_EQ(memory(1)[Bucket::optimizer].in_base(), 2 * parameters);
  EXPECT_DOUBLE_EQ(memory(1)[Bucket::gradients].in_base(), 4 * parameters);
  EXPECT_DOUBLE_EQ(memory(2)[Bucket::gradients].in_base(), 4 * (parameters / 4 + layer));
  EXPECT_DOUBLE_EQ(memory(3)[Bucket::parameters].in_base(), 2 * (parameters / 4 + 2 * layer));
}

// A layer keeps a token's two norm inputs (4 h bytes), the inputs of the products (2 h each), q, k,
// v and the output (8 h), and the MLP's two (2 * 4 h each): 4 + 2 + 8 + 2 + 16 = 32 h bytes. Of
// four layers; the head keeps its norm's input, 2 h.
TEST(Memory, activations_are_counted_by_hand) {
  const StepCost cost = model_of(setting())->cost(layout::Layout{}, 1);
  EXPECT_DOUBLE_EQ(cost.memory[Bucket::activations].in_base(), (4 * 32 + 2) * 1024.0 * 1024);
}

// In fp32 each of those elements has 4 bytes for 2; and what two ranks of a pipeline exchange, h a
// token, of which four messages lie on a rank.
TEST(Memory, activations_of_fp32_take_twice_the_bytes) {
  Setting with = setting();
  with.precision = spec::Precision::fp32;
  layout::Layout l;
  const auto model = model_of(with);
  EXPECT_DOUBLE_EQ(model->cost(l, 1).memory[Bucket::activations].in_base(),
                   2 * (4 * 32 + 2) * 1024.0 * 1024);
  l.pp = 4;
  EXPECT_DOUBLE_EQ(model->cost(l, 4).memory[Bucket::buffers].in_base(), 4 * 4 * 1024.0 * 1024);
}

// A norm on queries and keys keeps what it had of both: 2 (h + h) bytes a token and layer more.
TEST(Memory, norms_of_queries_and_keys_keep_their_inputs) {
  Setting with = setting();
  with.model.attention.query_key_norm = true;
  EXPECT_DOUBLE_EQ(model_of(with)->cost({}, 1).memory[Bucket::activations].in_base(),
                   (4 * 36 + 2) * 1024.0 * 1024);
}

// 2^20 logits are 128 rows of 8,192, in bf16: 2 MiB, beside which an MLP of 256 works with less.
TEST(Memory, a_fused_loss_holds_the_logits_of_a_piece) {
  Setting with = setting();
  with.model.ffn = 256;
  with.stack.fused_loss = true;
  EXPECT_DOUBLE_EQ(model_of(with)->cost({}, 1).memory[Bucket::working].in_base(), 2 * 128 * 8192.0);
}

// Four stages of a layer, 8 micro-batches. The last has the head and is the slowest; the others'
// time is idle once, so with zero bubble less twice their weight gradients, with nothing hidden.
TEST(Step, the_bubble_is_the_time_of_the_other_stages) {
  const auto model = model_of(setting());
  layout::Layout l;
  l.pp = 4;
  const StepCost plain = model->cost(l, 8);
  l.schedule = layout::Schedule::zero_bubble;
  const StepCost zero = model->cost(l, 8);
  const StageCosts stages = model->stage_costs(model->layer_costs(LayerSplit::of(l)), l);
  ASSERT_EQ(stages.profiles.size(), 3u);  // first, middle, last
  const Seconds first = stages.profiles[0].times.total(), middle = stages.profiles[1].times.total();
  EXPECT_DOUBLE_EQ(plain[StepPart::bubble] / (first + 2 * middle), 1);
  const Seconds weights =
      stages.profiles[0].times.compute.weight + 2 * stages.profiles[1].times.compute.weight;
  EXPECT_NEAR(zero[StepPart::bubble] / (first + 2 * middle - 2 * weights), 1, 1e-12);
  EXPECT_NEAR(plain[StepPart::compute] / (8 * stages.profiles[2].times.total()), 1, 1e-12);
}

// The first of four stages keeps four micro-batches of its one layer; the last keeps one, and the
// head's.
TEST(Memory, the_first_stage_keeps_the_most_micro_batches) {
  layout::Layout l;
  l.pp = 4;
  const std::vector<Memory> stages = model_of(setting())->memory_by_stage(l, 8);
  const double layer = 32 * 1024.0 * 1024;
  EXPECT_DOUBLE_EQ(stages[0][Bucket::activations].in_base(), 4 * layer);
  EXPECT_DOUBLE_EQ(stages[3][Bucket::activations].in_base(), layer + 2 * 1024.0 * 1024);
}

// The stage that puts most on its host need not be the one that is heaviest on its GPU: with its
// activations away the first has four micro-batches of 32 h s bytes there, while the last keeps the
// head's logits, 6 bytes of each of 8,192 for 1,024 tokens. So the host must hold 4 * 32 MiB.
TEST(Memory, the_host_holds_the_stage_that_puts_most_there) {
  layout::Layout l;
  l.pp = 4;
  l.offload_activations = true;
  const StepCost cost = model_of(setting())->cost(l, 8);
  EXPECT_EQ(cost.heaviest_stage, 3);
  EXPECT_LT(cost.memory.host, cost.host_max);
  EXPECT_DOUBLE_EQ(cost.host_max.in_base(), 4 * 32 * 1024.0 * 1024);
}

// Full recomputation keeps a layer's input, 2 h bytes a token, and runs the forward pass again: a
// quarter more products than three thirds, 4/3 in all.
TEST(Step, recomputation_trades_memory_for_a_forward_pass) {
  const auto model = model_of(setting());
  layout::Layout l;
  const StepCost plain = model->cost(l, 1);
  l.recompute = layout::Recompute::full;
  const StepCost again = model->cost(l, 1);
  EXPECT_DOUBLE_EQ(again.memory[Bucket::activations].in_base(), (4 * 2 + 2) * 1024.0 * 1024);
  EXPECT_NEAR(again[StepPart::recompute] / 1_ms,
              4 * (25.770 + 2.147) / 100 + 4 * 45056 * 1024 / 1e9, 1e-3);
  EXPECT_EQ(again[StepPart::compute], plain[StepPart::compute]);
}

// Eight replicas on NVLink: reduce-scatter of 4 bytes and all-gather of 2 a parameter, 7/8 of them
// over 100 GB/s; 1 us of latency a ring step is below what is compared here.
TEST(Step, replicas_exchange_their_gradients) {
  const double parameters = 4 * (12 * 1024.0 * 1024 + 2048) + 8192 * 1024.0 + 1024;
  layout::Layout l;
  l.dp = 8;
  l.zero_stage = 1;
  const StepCost cost = model_of(setting())->cost(l, 8);
  EXPECT_NEAR(cost[StepPart::dp] / 1_ms, 6 * parameters * 7 / 8 / 100e9 * 1e3, 0.02);
}

// Every part is in the sum.
TEST(Step, the_parts_add_up) {
  layout::Layout l;
  l.tp = 2;
  l.pp = 2;
  l.dp = 4;
  l.zero_stage = 1;
  l.sequence_parallel = true;
  const StepCost cost = model_of(setting())->cost(l, 16);
  Seconds sum;
  for (const Seconds part : cost.parts) sum += part;
  EXPECT_NEAR(sum / cost.time, 1, 1e-12);
}

TEST(Step, an_unknown_number_is_named) {
  Setting s = setting();
  s.stack.tp_overlap.value.reset();
  s.stack.tp_overlap.where = "stacks/x.toml: tp_overlap";
  s.stack.tp_overlap.source = "nobody";
  const auto model = StepModel::of(s);
  ASSERT_FALSE(model.ok());
  EXPECT_EQ(model.error().message,
            "stacks/x.toml: tp_overlap is unknown, and tensor parallel traffic needs it (source: "
            "nobody)");
}

TEST(Step, a_model_that_waits_cannot_be_planned) {
  Setting s = setting();
  s.model.unknown = {"vocab"};
  EXPECT_EQ(StepModel::of(s).error().message,
            "models/small.toml: its source does not give vocab, so it cannot be planned yet");
}

}  // namespace
}  // namespace celere::cost

// The rules that turn a row into a model, a place, a stack and a layout.
#include <gmock/gmock.h>

#include "base/files.hpp"
#include "spec/catalog.hpp"
#include "study/row_layout.hpp"
#include "study/row_model.hpp"
#include "study/row_place.hpp"
#include "study/row_software.hpp"

namespace celere::study {
namespace {

using testing::HasSubstr;

const std::vector<spec::Model>& known_models() {
  static const std::vector<spec::Model> models = [] {
    const std::unique_ptr<Files> files = memory_files();
    const spec::Catalog catalog(*files, {});
    std::vector<spec::Model> out;
    for (const std::string& name : catalog.names(spec::Kind::model)) {
      spec::Model model = *catalog.model(name);
      if (model.unknown.empty()) out.push_back(std::move(model));
    }
    return out;
  }();
  return models;
}

RunInputs dense() {
  RunInputs row;
  row.gpu = "A100-80GB";
  row.year = 2021;
  row.framework = "Megatron-LM";
  row.layers = 96;
  row.hidden = 12288;
  row.heads = 96;
  row.sequence = 2048;
  row.gated = 0;
  row.gpus = 64;
  row.tp = 8;
  row.pp = 4;
  row.global_batch = 96;
  row.recompute = "full";
  return row;
}

RunInputs deepseek_v3() {
  RunInputs row;
  row.framework = "Megatron-Bridge";
  row.model_name = "DeepSeekV3 (w/o MTP)";
  row.layers = 61;
  row.hidden = 7168;
  row.ffn = 18432;
  row.heads = 128;
  row.vocab = 129280;
  row.sequence = 4096;
  row.gated = 1;
  row.experts = 256;
  row.top_k = 8;
  row.expert_ffn = 2048;
  row.shared_experts = 1;
  row.flags = {"mla", "first_dense=3"};
  row.tp = 1;
  row.pp = 4;
  row.vpp = 4;
  row.ep = 64;
  row.gpus = 256;
  row.micro_batch = 1;
  row.global_batch = 2048;
  return row;
}

Result<RowModel> model(const RunInputs& row) { return model_of(row, known_models()); }

layout::Layout layout(const RunInputs& row) {
  const auto shape = model(row);
  const auto plan = layout_of(row, shape->model);
  EXPECT_TRUE(plan.ok()) << (plan.ok() ? "" : plan.error().message);
  return plan->layout;
}

// 12 l h^2 + 13 l h + V h = 174,587,191,296 for 96 layers of 12,288 and 51,200 tokens [Narayanan et
// al. 2021, eq. 2, without the positions]; what is empty is GPT's.
TEST(RowModel, a_bare_gpt_is_filled_to_its_published_size) {
  const auto shape = model(dense());
  ASSERT_TRUE(shape.ok());
  const double expected = 12.0 * 96 * 12288 * 12288 + 13.0 * 96 * 12288 + 51200.0 * 12288;
  EXPECT_NEAR(static_cast<double>(spec::count_parameters(shape->model).total), expected,
              1e-3 * expected);
  EXPECT_EQ(shape->model.ffn, 4 * 12288);
  EXPECT_EQ(shape->model.attention.head_dim, 128);
  EXPECT_THAT(shape->filled, testing::Contains("vocab"));
}

// 671 B and 37 B active [DeepSeek-V3 2024, abstract]: the row says nothing of latent attention but
// a flag, the catalogue's model of the same width and experts does.
TEST(RowModel, a_row_takes_latent_attention_from_its_relative) {
  const auto shape = model(deepseek_v3());
  ASSERT_TRUE(shape.ok()) << shape.error().text();
  EXPECT_EQ(shape->model.attention.kind, spec::AttentionKind::latent);
  const spec::ParameterCount count = spec::count_parameters(shape->model);
  EXPECT_NEAR(static_cast<double>(count.total), 671e9, 1e9);
  EXPECT_EQ(shape->model.mtp_layers, 0);
}

// Four layers of DeepSeek-V3, of which the flag says that one is dense.
TEST(RowModel, a_flag_wins_over_the_relative) {
  RunInputs row = deepseek_v3();
  row.layers = 4;
  row.flags = {"first_dense=1"};
  row.model_name = "deepseekv3 (4 layers)";
  const auto shape = model(row);
  ASSERT_TRUE(shape.ok());
  EXPECT_EQ(shape->model.experts->first_dense, 1);
  EXPECT_EQ(shape->model.expert_layers(), 3);
  EXPECT_EQ(shape->model.mtp_layers, 1);  // the name does not say "w/o MTP"
}

// Kimi K2: 1.04 T parameters, 32 B active [Moonshot AI 2025, arXiv 2507.20534, table 2]: no
// relative, but the flag.
TEST(RowModel, the_flag_mla_is_the_attention_of_deepseek_v3) {
  RunInputs row = deepseek_v3();
  row.model_name = "Kimi_K2";
  row.heads = 64;
  row.experts = 384;
  row.vocab = 163840;
  row.flags = {"mla", "first_dense=1"};
  const auto shape = model(row);
  ASSERT_TRUE(shape.ok());
  EXPECT_NEAR(static_cast<double>(spec::count_parameters(shape->model).total), 1.04e12, 0.02e12);
}

TEST(RowModel, what_is_no_transformer_and_what_lacks_its_shape_is_refused) {
  RunInputs hybrid = dense();
  hybrid.model_name = "Nemotron-H 56B (Mamba hybrid)";
  EXPECT_THAT(model(hybrid).error().message, HasSubstr("Mamba"));
  RunInputs shapeless = dense();
  shapeless.hidden.reset();
  EXPECT_EQ(model(shapeless).error().message, "hidden is empty");
}

// DeepSeek-V3 routes a token to at most four groups, whatever software sends it there.
TEST(RowModel, takes_node_limited_routing_from_its_relative) {
  EXPECT_EQ(model(deepseek_v3())->model.experts->group_limit, 4);
}

TEST(RowSoftware, the_stack_follows_from_framework_release_and_year) {
  struct Case {
    const char *framework, *release;
    int year;
    const char *zero, *stack;
  };
  for (const Case& c : {
           Case{"Megatron-LM", "", 2021, "none (DDP)", "megatron-2021"},
           Case{"Megatron-LM PTD-P", "", 2021, "none (DDP)", "megatron-2021"},
           Case{"Megatron-LM", "", 2022, "", "megatron-2022-sp"},
           Case{"Megatron-DeepSpeed", "", 2022, "ZeRO-1", "megatron-deepspeed-2022"},
           Case{"Megatron-DeepSpeed", "", 2024, "", "megatron-2021"},
           Case{"DeepSpeed ZeRO-3", "", 2021, "ZeRO-3 (DeepSpeed)", "deepspeed-zero3-2021"},
           Case{"DeepSpeed 0.19.2 + HF", "", 2026, "ZeRO-2", "unknown"},
           Case{"NeMo 24.07", "24.07", 2024, "", "megatron-core-2024"},
           Case{"NeMo 25.02", "25.02", 2025, "", "megatron-core-2025"},
           Case{"NeMo", "25.02", 2025, "", "megatron-core-2024"},
           Case{"NeMo", "25.04.02", 2025, "", "megatron-core-2025"},
           Case{"NeMo/Megatron-Core (MLPerf)", "MLPerf v4.1", 2024, "", "megatron-core-2024"},
           Case{"NeMo/Megatron-Core (MLPerf)", "MLPerf v5.0", 2025, "", "megatron-core-2025"},
           Case{"NeMo/Megatron-Core (MLPerf)", "MLPerf v5.1", 2025, "", "mlperf-5.1"},
           Case{"Megatron-Bridge", "25.11", 2025, "", "megatron-bridge-25"},
           Case{"Megatron-Bridge", "26.04.01", 2026, "", "megatron-bridge-26a"},
           Case{"Megatron-Bridge", "26.06", 2026, "", "megatron-bridge-26b"},
           Case{"MaxText (JAX)", "24.11", 2024, "", "jax-fsdp"},
           Case{"Composer/llm-foundry (PyTorch FSDP)", "", 2023, "", "llm-foundry-fsdp"},
           Case{"nobody's own", "", 2025, "", "unknown"},
       }) {
    RunInputs row;
    row.framework = c.framework;
    row.release = c.release;
    row.year = c.year;
    row.zero = c.zero;
    EXPECT_EQ(stack_name_of(row), c.stack) << c.framework << " " << c.release;
  }
}

TEST(RowSoftware, flags_change_the_numbers_that_they_are_about) {
  const std::unique_ptr<Files> files = memory_files();
  spec::Stack plain = *spec::Catalog(*files, {}).stack("megatron-core-2025");
  plain.graph_host_time.value = 0.5;
  plain.overlapped_all_to_all.value = 0.75;
  plain.vboost_gemm_time.value = 0.9;
  RunInputs row;
  row.flags = {"no_comm_overlap", "cuda_graphs", "a2a_overlap", "vboost"};
  spec::Stack changed = plain;
  apply_switches(row, changed);
  EXPECT_EQ(*changed.tp_overlap.value, 0);
  EXPECT_EQ(*changed.dp_overlap.value, 0);
  EXPECT_EQ(*changed.host_time_dense.value, 0.5 * *plain.host_time_dense.value);
  EXPECT_EQ(*changed.ep_factor.value, 0.75 * *plain.ep_factor.value);
  EXPECT_EQ(*changed.gemm_factor.value, 0.9 * *plain.gemm_factor.value);
  EXPECT_FALSE(changed.dispatch_once);
  row.flags = {"deepep"};
  apply_switches(row, changed);
  EXPECT_TRUE(changed.dispatch_once);
  spec::Stack same = plain;
  apply_switches(RunInputs{}, same);
  EXPECT_EQ(*same.tp_overlap.value, *plain.tp_overlap.value);
}

TEST(RowPlace, a_named_system_wins_over_the_reference_design) {
  RunInputs row = dense();
  EXPECT_EQ(place_of(row)->cluster, "selene");
  row.interconnect = "Jean Zay: 8x A100 NVLink, 4x OmniPath 100Gb/s per node";
  EXPECT_EQ(place_of(row)->cluster, "jean-zay-a100");
  row.gpu = "GB200";
  row.interconnect = "system DGX-GB200 (network not stated)";
  EXPECT_EQ(place_of(row)->cluster, "gb200-nvl72");
  row.gpu = "TPU";
  EXPECT_THAT(place_of(row).error().message, HasSubstr("no chip for the gpu \"TPU\""));
}

TEST(RowPlace, a_cluster_grows_with_the_run_and_never_shrinks) {
  spec::Cluster cluster;
  cluster.gpus = 1024;
  cluster.tiers.resize(2);
  cluster.tiers[0].gpus = 256;
  cluster.tiers[1].gpus = 1024;
  make_room(cluster, 8);
  EXPECT_EQ(cluster.tiers[1].gpus, 1024);
  make_room(cluster, 2048);
  EXPECT_EQ(cluster.tiers[1].gpus, 2048);
  EXPECT_EQ(cluster.gpus, 2048);
  EXPECT_EQ(cluster.tiers[0].gpus, 256);
}

// 64 GPUs / (8 x 4) = 2 replicas; 96 layers in 4 stages divide; nothing shards in 2021.
TEST(RowLayout, degrees_follow_from_the_gpus) {
  const layout::Layout l = layout(dense());
  EXPECT_EQ(l.dp, 2);
  EXPECT_EQ(l.partition, layout::Partition::even);
  EXPECT_EQ(l.schedule, layout::Schedule::one_f_one_b);
  EXPECT_EQ(l.zero_stage, 0);
  EXPECT_EQ(l.recompute, layout::Recompute::full);
  EXPECT_FALSE(l.sequence_parallel);
}

TEST(RowLayout, later_software_shards_its_optimizer_and_cuts_the_sequence) {
  RunInputs row = dense();
  row.year = 2024;
  row.framework = "NeMo 24.07";
  const layout::Layout l = layout(row);
  EXPECT_EQ(l.zero_stage, 1);
  EXPECT_TRUE(l.sequence_parallel);
}

TEST(RowLayout, the_words_of_the_sharding_say_its_stage_and_group) {
  struct Case {
    const char* text;
    int stage, shard;
  };
  for (const Case& c : {Case{"none (DDP)", 0, 0}, Case{"ZeRO-0", 0, 0}, Case{"ZeRO-1", 1, 0},
                        Case{"distributed optimizer (ZeRO-1)", 1, 0},
                        Case{"FSDP SHARD_GRAD_OP", 2, 0}, Case{"ZeRO-2", 2, 0},
                        Case{"FSDP FULL_SHARD", 3, 0}, Case{"ZeRO-3 + CPU optimizer offload", 3, 0},
                        Case{"FSDP (8-way) + DP", 3, 8}, Case{"Megatron-FSDP (group 8)", 3, 8}}) {
    RunInputs row = dense();
    row.tp = row.pp = 1;
    row.zero = c.text;
    const layout::Layout l = layout(row);
    EXPECT_EQ(l.zero_stage, c.stage) << c.text;
    EXPECT_EQ(l.shard, c.shard) << c.text;
  }
}

// 61 layers are no multiple of 16 chunks; 4 x 4 chunks are interleaved. Experts: 64 ranks of ep lie
// over the 64 replicas.
TEST(RowLayout, uneven_layers_are_balanced_and_chunks_interleaved) {
  const layout::Layout l = layout(deepseek_v3());
  EXPECT_EQ(l.dp, 64);
  EXPECT_EQ(l.ep, 64);
  EXPECT_EQ(l.etp, 1);
  EXPECT_EQ(l.partition, layout::Partition::balanced);
  EXPECT_EQ(l.schedule, layout::Schedule::interleaved);
}

TEST(RowLayout, experts_follow_tensor_parallelism_unless_they_are_folded) {
  RunInputs row = deepseek_v3();
  row.tp = 2;
  row.ep = 8;
  EXPECT_EQ(layout(row).etp, 1);
  row.framework = "NeMo";
  EXPECT_EQ(layout(row).etp, 2);
  row.framework = "Megatron-Core (MCore)";
  EXPECT_EQ(layout(row).etp, 2);
  row.framework = "Megatron-Core (MCore+Folding)";
  EXPECT_EQ(layout(row).etp, 1);
}

TEST(RowLayout, the_words_of_the_recomputation_say_what_is_done_again) {
  struct Case {
    const char* text;
    layout::Recompute recompute;
    int layers;
  };
  using layout::Recompute;
  for (const Case& c : {Case{"none", Recompute::none, 0}, Case{"full", Recompute::full, 0},
                        Case{"selective", Recompute::selective, 0},
                        Case{"selective (core_attn)", Recompute::selective, 0},
                        Case{"selective (layernorm+moe_act)", Recompute::none, 0},
                        Case{"selective (moe+layernorm+core_attn+moe_act)", Recompute::full, 0},
                        Case{"full (block, 5 layers)", Recompute::full_for_some, 5}}) {
    RunInputs row = dense();
    row.recompute = c.text;
    EXPECT_EQ(layout(row).recompute, c.recompute) << c.text;
    EXPECT_EQ(layout(row).recompute_layers, c.layers) << c.text;
  }
}

// Two replicas of micro-batches of 4 take 8 sequences at a time: 97 become 104.
TEST(RowLayout, a_last_micro_batch_that_is_short_takes_as_long_as_a_full_one) {
  RunInputs row = dense();
  row.micro_batch = 4;
  row.global_batch = 97;
  EXPECT_EQ(layout_of(row, model(row)->model)->global_batch, 104);
}

TEST(RowLayout, degrees_that_contradict_the_gpus_are_refused) {
  RunInputs row = dense();
  row.gpus = 72;
  EXPECT_THAT(layout_of(row, model(row)->model).error().message,
              HasSubstr("tp * pp * cp = 32 does not divide the 72 GPUs"));
  row = dense();
  row.dp = 3;
  EXPECT_THAT(layout_of(row, model(row)->model).error().message,
              HasSubstr("dp = 3 is not 64 GPUs"));
}

}  // namespace
}  // namespace celere::study

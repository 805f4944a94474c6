#include "study/end_to_end_shape.hpp"

#include <gmock/gmock.h>

#include <cmath>

#include "base/files.hpp"
#include "spec/catalog.hpp"

namespace celere::study {
namespace {

using testing::Contains;
using testing::HasSubstr;

std::vector<spec::Model> known_models() {
  const std::unique_ptr<Files> files = local_files();
  const spec::Catalog catalog(*files, {});
  std::vector<spec::Model> models;
  for (const std::string& name : catalog.names(spec::Kind::model)) {
    const auto model = catalog.model(name);
    if (model.ok() && model->unknown.empty()) models.push_back(*model);
  }
  return models;
}

WholeInputs training(const std::string& model, double parameters, double active, double tokens) {
  WholeInputs inputs;
  inputs.model = model;
  inputs.gpu = "H100-80GB SXM";
  inputs.parameters = parameters;
  inputs.active = active;
  inputs.tokens = Tokens::of(tokens);
  inputs.gpus = 512;
  return inputs;
}

WholeShape shape_of(const WholeInputs& inputs) {
  const auto shape = shape_of_whole(inputs, known_models());
  EXPECT_TRUE(shape.ok()) << shape.error().text();
  return *shape;
}

double parameters_of(const spec::Model& model) {
  return static_cast<double>(spec::count_parameters(model).total);
}

TEST(WholeShape, knows_models_by_a_word_of_their_name_and_their_size) {
  EXPECT_EQ(shape_of(training("Llama 3.1 8B", 8.03e9, 8.03e9, 1e12)).model.name, "llama-3-8b");
  EXPECT_EQ(shape_of(training("Llama 2 70B", 69e9, 69e9, 1e12)).model.name, "llama-2-70b");
  EXPECT_EQ(shape_of(training("Llama 3 70B", 70.6e9, 70.6e9, 1e12)).model.name, "llama-3-70b");
  EXPECT_EQ(shape_of(training("DeepSeek-V3 (all)", 671e9, 37e9, 1e12)).model.name, "deepseek-v3");
  EXPECT_EQ(shape_of(training("nanoGPT GPT-2 124M", 124e6, 124e6, 1e11)).model.name, "gpt2-124m");
  // No such size of that name; no such name.
  EXPECT_FALSE(shape_of(training("Llama 2 34B", 34e9, 34e9, 1e12)).known_model);
  EXPECT_FALSE(shape_of(training("OPT-175B", 175e9, 175e9, 3e11)).known_model);
}

// GPT-3's 175 G parameters: depth = width / 128 and 12 width^2 a layer give 96 layers of 12,288, as
// it has. At any size the parameters come out within 3 %.
TEST(WholeShape, draws_a_dense_shape_from_the_parameters) {
  const WholeShape gpt = shape_of(training("Nobody's", 175e9, 175e9, 3e11));
  EXPECT_EQ(gpt.model.layers, 96);
  EXPECT_EQ(gpt.model.hidden, 12'288);
  EXPECT_EQ(gpt.model.attention.head_dim, 128);
  EXPECT_THAT(gpt.assumed, Contains(HasSubstr("96 layers of 12288")));
  for (const double size : {3e8, 1e9, 3e9, 7e9, 13e9, 34e9, 70e9, 200e9, 530e9, 1e12}) {
    const WholeShape shape = shape_of(training("Nobody's", size, size, 1e12));
    EXPECT_NEAR(parameters_of(shape.model) / size, 1, 0.03) << size;
    EXPECT_FALSE(shape.model.experts);
  }
}

// 60.8 G of which 6.6 G are active: below 10 times, so 2 experts of a token, as Phi-3.5 MoE has (16
// experts in 32 layers of 4,096). 142 of 14 G: above, so 8.
TEST(WholeShape, draws_experts_from_total_and_active_parameters) {
  const WholeShape phi = shape_of(training("Nobody's", 60.8e9, 6.6e9, 4.9e12));
  ASSERT_TRUE(phi.model.experts);
  EXPECT_EQ(phi.model.experts->top_k, 2);
  EXPECT_EQ(phi.model.hidden, 4096);
  const WholeShape dots = shape_of(training("Nobody's", 142e9, 14e9, 1e13));
  ASSERT_TRUE(dots.model.experts);
  EXPECT_EQ(dots.model.experts->top_k, 8);
  for (const auto& [shape, total, active] :
       {std::tuple(phi, 60.8e9, 6.6e9), std::tuple(dots, 142e9, 14e9)}) {
    const spec::ParameterCount count = spec::count_parameters(shape.model);
    EXPECT_NEAR(static_cast<double>(count.total) / total, 1, 0.1);
    EXPECT_NEAR(static_cast<double>(count.active) / active, 1, 0.1);
  }
}

TEST(WholeShape, finds_the_chip_in_the_text) {
  EXPECT_EQ(gpu_named_in("NVIDIA H100-SXM5-80GB"), "H100-SXM");
  EXPECT_EQ(gpu_named_in("NVIDIA Blackwell GPU (GB200)"), "GB200");
  EXPECT_EQ(gpu_named_in("NVIDIA Blackwell GPU (B200-SXM-180GB)"), "B200");
  EXPECT_EQ(gpu_named_in("A100-40GB SXM"), "A100-40GB");
  EXPECT_EQ(gpu_named_in("A100 40/80GB"), "A100-80GB");
  EXPECT_EQ(gpu_named_in("H800 (assumed by Epoch)"), "H800");
  EXPECT_EQ(gpu_named_in("TPU-v5p"), "");
}

// 6 * 8.03e9 * 15e12 FLOP at 0.4 * 989 TFLOP/s take 1.827e9 GPU seconds, 705 GPUs for 30 days:
// nearest power of two 512 (log2 705 = 9.46).
TEST(WholeShape, assumes_a_count_that_ends_in_a_month) {
  WholeInputs inputs = training("Llama 3.1 8B", 8.03e9, 8.03e9, 15e12);
  inputs.gpus = std::nullopt;
  const WholeShape shape = shape_of(inputs);
  EXPECT_EQ(shape.run.gpus, 512);
  EXPECT_THAT(shape.assumed, testing::Contains("512 GPUs"));
}

// 300 G tokens: 22.91 * 512 * (3e5)^0.47 = 4.40e6, half of it 2.20e6 tokens, 537 sequences of
// 4,096: 512. With 16,384 GPUs at least 1,024 tokens each: 16.8e6, 4,096 sequences.
TEST(WholeShape, assumes_half_the_critical_batch) {
  WholeInputs inputs = training("OPT-175B", 175e9, 175e9, 3e11);
  EXPECT_EQ(shape_of(inputs).run.global_batch, 512);
  inputs.gpus = 16'384;
  EXPECT_EQ(shape_of(inputs).run.global_batch, 4096);
}

TEST(WholeShape, takes_mlperfs_rules_from_the_benchmark_and_the_round) {
  WholeInputs inputs = training("Llama 3.1 8B", 8.03e9, 8.03e9, 1.4e9);
  inputs.round = "v5.1";
  inputs.benchmark = "llama31_8b";
  inputs.system = "NVIDIA/eos_n8";
  const WholeShape hopper = shape_of(inputs);
  EXPECT_EQ(hopper.run.sequence, 8192);
  EXPECT_EQ(hopper.run.global_batch, 32);
  EXPECT_EQ(hopper.run.precision, "fp8");  // an H100 has no fp4
  EXPECT_EQ(hopper.run.release, "MLPerf v5.1");
  EXPECT_EQ(hopper.run.interconnect, "Eos");
  inputs.gpu = "GB200";
  EXPECT_EQ(shape_of(inputs).run.precision, "nvfp4");
  inputs.precision = "fp8";
  EXPECT_EQ(shape_of(inputs).run.precision, "fp8");
  inputs.global_batch = 16;
  EXPECT_EQ(shape_of(inputs).run.global_batch, 16);
  // 1,024 of 12,288 sequences.
  EXPECT_NEAR(evaluations_of(inputs).sequences / evaluations_of(inputs).every, 1.0 / 12, 1e-9);
}

TEST(WholeShape, says_what_it_cannot_do_without) {
  const std::vector<spec::Model> none;
  WholeInputs inputs = training("A", 1e9, 1e9, 1e12);
  inputs.gpu = "TPU-v5p";
  EXPECT_THAT(shape_of_whole(inputs, none).error().message, HasSubstr("no chip that \"TPU-v5p\""));
  inputs.gpu = "H100";
  inputs.tokens = std::nullopt;
  EXPECT_EQ(shape_of_whole(inputs, none).error().message, "tokens is empty");
  inputs.tokens = Tokens::of(1e12);
  inputs.parameters = std::nullopt;
  EXPECT_EQ(shape_of_whole(inputs, none).error().message, "params_total is empty");
}

}  // namespace
}  // namespace celere::study

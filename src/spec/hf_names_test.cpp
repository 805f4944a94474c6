#include "spec/hf_names.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <numeric>

#include "spec/catalog.hpp"

namespace celere::spec {
namespace {

using testing::ElementsAre;

Model of_catalog(std::string_view name) {
  const auto files = memory_files();
  auto model = Catalog(*files, {}).model(name);
  EXPECT_TRUE(model.ok()) << model.error().text();
  return *std::move(model);
}

std::vector<HfPlace> places(const Model& model, std::string_view name) {
  for (const Tensor& tensor : tensors(model)) {
    if (tensor.name == name) return hf_places(model, tensor);
  }
  ADD_FAILURE() << model.name << " has no " << name;
  return {};
}

HfPlace place(const Model& model, std::string_view name) {
  const auto all = places(model, name);
  EXPECT_EQ(all.size(), 1u) << name;
  return all.empty() ? HfPlace{} : all[0];
}

// Names and shapes of theirs, without those of multi-token prediction, which transformers drops.
std::map<std::string, std::vector<std::int64_t>> inventory(const Model& model) {
  std::map<std::string, std::vector<std::int64_t>> all;
  for (const Tensor& tensor : tensors(model)) {
    if (tensor.layer >= model.layers) continue;
    const auto of_tensor = hf_places(model, tensor);
    EXPECT_FALSE(of_tensor.empty()) << model.name << ": " << tensor.name;
    for (const HfPlace& p : of_tensor) {
      const auto [entry, is_new] = all.emplace(p.name, p.shape);
      EXPECT_EQ(entry->second, p.shape) << p.name;
    }
  }
  return all;
}

std::uint64_t fnv_1a(std::string_view text, std::uint64_t hash) {
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

struct Published {
  const char* model;
  std::size_t tensors;
  std::uint64_t digest;
};

// What transformers 4.56.2 makes of each published configuration, on the meta device: the number of
// entries of the state dict (without a tied lm_head), and the 64-bit FNV-1a hash of the lines "NAME
// EXTENT EXTENT...\n" in the order of the names.
constexpr Published of_transformers[] = {
    {"deepseek-v2", 29102, 0x2620df2927cb9d07},     {"deepseek-v3", 45395, 0x616d119471c8ec56},
    {"gpt-oss-120b", 615, 0x8aee1e4ccb5562af},      {"gpt-oss-20b", 411, 0x97c50f29720f7485},
    {"gpt2-1.5b", 580, 0xe38fedf55ded8bb0},         {"gpt2-124m", 148, 0x8ad08de6d9f717a4},
    {"gpt2-350m", 292, 0x8bf3cd848a800c8c},         {"gpt2-774m", 436, 0xd1f59ff5b16c045c},
    {"llama-2-13b", 363, 0xad6612ea96949755},       {"llama-2-70b", 723, 0xe8f508630408202b},
    {"llama-2-7b", 291, 0x68059eecf001f96c},        {"llama-3-70b", 723, 0x3960b5837b5688fb},
    {"llama-3-8b", 291, 0x0bd592dab09944c0},        {"llama-3.1-405b", 1137, 0xb24a124782ac61ba},
    {"llama-4-maverick", 507, 0x7ffaf9998df6e69b},  {"llama-4-scout", 579, 0xb3974a478e5d170f},
    {"mixtral-8x22b", 1739, 0x886552af2cc06bb6},    {"mixtral-8x7b", 995, 0x15408f714baf8bde},
    {"nemotron-4-15b", 324, 0x57c33c02684e7171},    {"nemotron-4-340b", 964, 0xe0146edee5daade1},
    {"qwen3-235b-a22b", 36945, 0x5bee98c527d56ab9}, {"qwen3-30b-a3b", 18867, 0x03c0243704e0e8b1},
};

TEST(HfNames, and_shapes_are_those_of_transformers) {
  for (const Published& published : of_transformers) {
    const auto all = inventory(of_catalog(published.model));
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const auto& [name, shape] : all) {
      hash = fnv_1a(name, hash);
      for (const std::int64_t extent : shape) hash = fnv_1a(fmt::format(" {}", extent), hash);
      hash = fnv_1a("\n", hash);
    }
    EXPECT_EQ(all.size(), published.tensors) << published.model;
    EXPECT_EQ(hash, published.digest) << published.model;
  }
}

std::int64_t product(const std::vector<std::int64_t>& shape) {
  return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

// Two tensors of ours never share an element of theirs, and together they fill it: at each name the
// outputs first + step * r are each taken once. The hash above knows nothing of first and step.
TEST(HfNames, each_output_of_theirs_is_one_of_ours) {
  for (const char* name : {"gpt2-124m", "llama-3-8b", "mixtral-8x7b", "gpt-oss-20b",
                           "llama-4-scout", "nemotron-4-15b", "grok-2", "deepseek-v2"}) {
    const Model model = of_catalog(name);
    std::map<std::string, std::vector<int>> taken;
    for (const Tensor& tensor : tensors(model)) {
      if (tensor.layer > 1) continue;
      for (const HfPlace& p : hf_places(model, tensor)) {
        const bool vector = tensor.type == TensorType::bias || p.shape.size() == 1;
        const std::size_t from_end = vector || p.transposed ? 1 : 2;
        auto& outputs = taken[p.name];
        outputs.resize(static_cast<std::size_t>(p.shape[p.shape.size() - from_end]));
        const std::size_t own_from_end = vector ? 1 : 2;
        const std::int64_t own = tensor.shape[tensor.shape.size() - own_from_end];
        for (std::int64_t r = 0; r < own; ++r) {
          ++outputs.at(static_cast<std::size_t>(p.first + p.step * r));
        }
      }
    }
    for (const auto& [theirs, outputs] : taken) {
      EXPECT_THAT(outputs, testing::Each(1)) << name << ": " << theirs;
    }
  }
}

// Conv1D of GPT-2 stores [in, out], with 768 queries, then keys, then values along the outputs.
TEST(HfNames, of_gpt_2_are_transposed_and_fused) {
  const Model model = of_catalog("gpt2-124m");
  const HfPlace wv = place(model, "layers.3.attention.wv");
  EXPECT_EQ(wv.name, "transformer.h.3.attn.c_attn.weight");
  EXPECT_THAT(wv.shape, ElementsAre(768, 2304));
  EXPECT_TRUE(wv.transposed);
  EXPECT_EQ(wv.first, 1536);
  EXPECT_EQ(wv.step, 1);
  const HfPlace bias = place(model, "layers.3.attention.wk_bias");
  EXPECT_EQ(bias.name, "transformer.h.3.attn.c_attn.bias");
  EXPECT_EQ(bias.first, 768);
  EXPECT_FALSE(place(model, "embedding.tokens").transposed);
}

// transformers' GptOssExperts: gate = gate_up[..., ::2], up = gate_up[..., 1::2].
TEST(HfNames, of_gpt_oss_take_turns_between_gate_and_up) {
  const Model model = of_catalog("gpt-oss-120b");
  const HfPlace w1 = place(model, "layers.0.experts.w1"), w3 = place(model, "layers.0.experts.w3");
  EXPECT_EQ(w1.name, "model.layers.0.mlp.experts.gate_up_proj");
  EXPECT_EQ(w3.name, w1.name);
  EXPECT_THAT(w1.shape, ElementsAre(128, 2880, 5760));
  EXPECT_EQ(w1.first, 0);
  EXPECT_EQ(w3.first, 1);
  EXPECT_EQ(w3.step, 2);
}

// transformers' Llama4TextExperts: gate, up = gate_up.chunk(2, dim=-1), each 8192 wide.
TEST(HfNames, of_llama_4_have_the_gate_before_the_rest) {
  const Model model = of_catalog("llama-4-maverick");
  const HfPlace w3 = place(model, "layers.1.experts.w3");
  EXPECT_EQ(w3.name, "language_model.model.layers.1.feed_forward.experts.gate_up_proj");
  EXPECT_THAT(w3.shape, ElementsAre(128, 5120, 16384));
  EXPECT_EQ(w3.first, 8192);
  EXPECT_EQ(w3.step, 1);
}

TEST(HfNames, of_experts_are_one_each_elsewhere) {
  const auto all = places(of_catalog("qwen3-30b-a3b"), "layers.5.experts.w2");
  ASSERT_EQ(all.size(), 128u);
  EXPECT_EQ(all[7].name, "model.layers.5.mlp.experts.7.down_proj.weight");
  EXPECT_EQ(all[7].expert, 7);
  EXPECT_THAT(all[7].shape, ElementsAre(2048, 768));
}

// README_WEIGHTS.md of DeepSeek-V3: module 0 is layer 61, with enorm, hnorm, eh_proj, a layer, and
// the norm of shared_head.
TEST(HfNames, of_the_prediction_module_follow_the_last_layer) {
  const Model model = of_catalog("deepseek-v3");
  EXPECT_EQ(place(model, "layers.61.mtp_embedding_norm").name, "model.layers.61.enorm.weight");
  EXPECT_EQ(place(model, "layers.61.mtp_hidden_norm").name, "model.layers.61.hnorm.weight");
  EXPECT_EQ(place(model, "layers.61.mtp_projection").name, "model.layers.61.eh_proj.weight");
  EXPECT_EQ(place(model, "layers.61.mtp_head_norm").name,
            "model.layers.61.shared_head.norm.weight");
  EXPECT_EQ(place(model, "layers.61.attention.wkv_a").name,
            "model.layers.61.self_attn.kv_a_proj_with_mqa.weight");
  for (const Tensor& tensor : tensors(model)) {
    EXPECT_FALSE(hf_places(model, tensor).empty()) << tensor.name;
  }
}

// sglang loads Grok-2 by these names. Every tensor has one, with as many elements.
TEST(HfNames, of_grok_2_are_those_that_sglang_loads) {
  const Model model = of_catalog("grok-2");
  EXPECT_EQ(place(model, "layers.9.attention_post_norm").name,
            "model.layers.9.post_attn_norm.weight");
  EXPECT_EQ(place(model, "layers.9.mlp_norm").name, "model.layers.9.pre_moe_norm.weight");
  EXPECT_EQ(place(model, "layers.9.dense.w3").name, "model.layers.9.mlp.up_proj.weight");
  EXPECT_EQ(places(model, "layers.9.experts.w3")[1].name,
            "model.layers.9.block_sparse_moe.experts.1.w3.weight");
  std::int64_t sum = 0;
  for (const auto& [name, shape] : inventory(model)) sum += product(shape);
  EXPECT_EQ(sum, count_parameters(model).total);
}

TEST(HfNames, of_models_without_a_checkpoint_there_are_none) {
  const Model model = of_catalog("grok-1");
  for (const Tensor& tensor : tensors(model)) EXPECT_TRUE(hf_places(model, tensor).empty());
}

}  // namespace
}  // namespace celere::spec

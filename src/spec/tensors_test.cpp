#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <set>

#include "spec/model.hpp"

namespace celere::spec {
namespace {

using testing::ElementsAre;

// 2 layers of width 8 with 4 heads of 2, of which 2 have keys and values; 32 words.
Model dense() {
  Model m;
  m.layers = 2;
  m.hidden = 8;
  m.ffn = 16;
  m.vocab = 32;
  m.attention = {.heads = 4, .kv_heads = 2, .head_dim = 2, .value_dim = 2};
  return m;
}

// The same with 4 experts of width 6 in every layer, of which a token passes 2.
Model sparse() {
  Model m = dense();
  m.ffn = 0;
  m.experts = Experts{.count = 4, .top_k = 2, .ffn = 6};
  return m;
}

// "layers.0.attention.wq [8, 8] tp0": what cuts it, and along which dimension.
std::string line_of(const Tensor& tensor) {
  std::string line = fmt::format("{} {}", tensor.name, tensor.shape);
  if (tensor.shard.tp >= 0) line += fmt::format(" tp{}", tensor.shard.tp);
  if (tensor.shard.ep >= 0) line += fmt::format(" ep{}", tensor.shard.ep);
  if (tensor.shard.etp >= 0) line += fmt::format(" etp{}", tensor.shard.etp);
  return line;
}

std::vector<std::string> lines(const Model& model, int layer) {
  std::vector<std::string> all;
  for (const Tensor& tensor : tensors(model)) {
    if (tensor.layer == layer) all.push_back(line_of(tensor));
  }
  return all;
}

std::int64_t count_of_layer(const Model& model, int layer) {
  std::int64_t sum = 0;
  for (const Tensor& tensor : tensors(model)) sum += tensor.layer == layer ? tensor.count() : 0;
  return sum;
}

// By hand from the shape. Megatron-LM cuts what widens the stream by outputs, what narrows it by
// inputs.
TEST(Tensors, of_a_dense_layer_with_grouped_queries) {
  EXPECT_THAT(lines(dense(), 1),
              ElementsAre("layers.1.attention_norm [8]", "layers.1.attention.wq [8, 8] tp0",
                          "layers.1.attention.wk [4, 8] tp0", "layers.1.attention.wv [4, 8] tp0",
                          "layers.1.attention.wo [8, 8] tp1", "layers.1.mlp_norm [8]",
                          "layers.1.mlp.w1 [16, 8] tp0", "layers.1.mlp.w3 [16, 8] tp0",
                          "layers.1.mlp.w2 [8, 16] tp1"));
  EXPECT_THAT(lines(dense(), -1),
              ElementsAre("embedding.tokens [32, 8] tp0", "final_norm [8]", "head [32, 8] tp0"));
}

// Embedding and head 2 x 256, final norm 8, a layer 8 + 64 + 32 + 32 + 64 + 8 + 3 x 128 = 592.
TEST(Tensors, of_a_dense_model_count_as_by_hand) {
  const ParameterCount count = count_parameters(dense());
  EXPECT_EQ(count.total, 2 * 256 + 8 + 2 * 592);
  EXPECT_EQ(count.active, count.total);
  EXPECT_EQ(count.embedding, 256);
  EXPECT_EQ(count.mtp, 0);
}

TEST(Tensors, come_in_the_order_of_the_forward_pass) {
  std::vector<int> layers;
  for (const Tensor& tensor : tensors(dense())) {
    if (layers.empty() || layers.back() != tensor.layer) layers.push_back(tensor.layer);
  }
  EXPECT_THAT(layers, ElementsAre(-1, 0, 1, -1));
}

// GPT-2's layer: every product with a bias, cut as the outputs are; behind a cut by inputs each
// rank holds the whole sum and so the whole bias. Two matrices in the MLP, as GELU is not gated.
TEST(Tensors, of_a_layer_of_gpt_2) {
  Model m = dense();
  m.attention.kv_heads = 4;
  m.attention.biases = m.attention.output_bias = m.mlp_biases = m.norm_biases = true;
  m.activation = Activation::gelu;
  m.norm = Norm::layer;
  m.position = Position::learned;
  m.context = 10;
  m.tied_embeddings = true;
  EXPECT_THAT(lines(m, 0),
              ElementsAre("layers.0.attention_norm [8]", "layers.0.attention_norm_bias [8]",
                          "layers.0.attention.wq [8, 8] tp0", "layers.0.attention.wq_bias [8] tp0",
                          "layers.0.attention.wk [8, 8] tp0", "layers.0.attention.wk_bias [8] tp0",
                          "layers.0.attention.wv [8, 8] tp0", "layers.0.attention.wv_bias [8] tp0",
                          "layers.0.attention.wo [8, 8] tp1", "layers.0.attention.wo_bias [8]",
                          "layers.0.mlp_norm [8]", "layers.0.mlp_norm_bias [8]",
                          "layers.0.mlp.w1 [16, 8] tp0", "layers.0.mlp.w1_bias [16] tp0",
                          "layers.0.mlp.w2 [8, 16] tp1", "layers.0.mlp.w2_bias [8]"));
  EXPECT_THAT(lines(m, -1),
              ElementsAre("embedding.tokens [32, 8] tp0", "embedding.positions [10, 8]",
                          "final_norm [8]", "final_norm_bias [8]"));
}

// Queries of 4 + 2 (rotary) through rank 3, keys of 4 + 2 and values of 5 through rank 7, 2 heads:
// 8 -> 3 -> 2 x 6; 8 -> 7 + 2; 7 -> 2 x (4 + 5); 2 x 5 -> 8. What is compressed is whole.
TEST(Tensors, of_latent_attention) {
  Model m = dense();
  m.attention = {.kind = AttentionKind::latent,
                 .heads = 2,
                 .kv_heads = 2,
                 .head_dim = 6,
                 .value_dim = 5,
                 .query_rank = 3,
                 .kv_rank = 7,
                 .rope_dim = 2};
  std::vector<std::string> all = lines(m, 0);
  all.resize(8);
  EXPECT_THAT(
      all,
      ElementsAre("layers.0.attention_norm [8]", "layers.0.attention.wq_a [3, 8]",
                  "layers.0.attention.q_norm [3]", "layers.0.attention.wq_b [12, 3] tp0",
                  "layers.0.attention.wkv_a [9, 8]", "layers.0.attention.kv_norm [7]",
                  "layers.0.attention.wkv_b [18, 7] tp0", "layers.0.attention.wo [8, 10] tp1"));
  // Without compression of queries one product of 12 x 8 stands for 24 + 3 + 36.
  const std::int64_t compressed = count_of_layer(m, 0);
  m.attention.query_rank = 0;
  EXPECT_EQ(lines(m, 0)[1], "layers.0.attention.wq [12, 8] tp0");
  EXPECT_EQ(count_of_layer(m, 0), compressed - 63 + 96);
}

// Router 4 x 8, its bias 4, experts 4 x 3 x 48 = 576 of which 288 are active, shared 3 x 80.
TEST(Tensors, of_a_mixture_with_shared_experts) {
  Model m = sparse();
  m.experts->shared_ffn = 10;
  m.experts->router_bias = true;
  std::vector<std::string> all = lines(m, 0);
  all.erase(all.begin(), all.begin() + 6);
  EXPECT_THAT(
      all, ElementsAre("layers.0.router [4, 8]", "layers.0.router_bias [4]",
                       "layers.0.experts.w1 [4, 6, 8] ep0 etp1",
                       "layers.0.experts.w3 [4, 6, 8] ep0 etp1",
                       "layers.0.experts.w2 [4, 8, 6] ep0 etp2", "layers.0.shared.w1 [10, 8] tp0",
                       "layers.0.shared.w3 [10, 8] tp0", "layers.0.shared.w2 [8, 10] tp1"));
  const ParameterCount count = count_parameters(m);
  const std::int64_t attention = 8 + 64 + 32 + 32 + 64 + 8;
  EXPECT_EQ(count.total, 2 * 256 + 8 + 2 * (attention + 32 + 4 + 576 + 240));
  EXPECT_EQ(count.active, count.total - 2 * 288);
}

// Grok-2: an MLP of width 16 beside the experts, 3 x 128 in every layer, always active; and four
// norms.
TEST(Tensors, of_a_mixture_with_a_dense_branch) {
  const ParameterCount without = count_parameters(sparse());
  Model m = sparse();
  m.experts->dense_branch_ffn = 16;
  m.norms_per_layer = 4;
  const ParameterCount with = count_parameters(m);
  EXPECT_EQ(with.total, without.total + 2 * (384 + 16));
  EXPECT_EQ(with.active, without.active + 2 * (384 + 16));
  EXPECT_EQ(lines(m, 0)[11], "layers.0.dense.w1 [16, 8] tp0");
}

// Layers 1 and 3 of 4 have experts; with the first 2 dense only layer 3.
TEST(Tensors, of_a_mixture_in_every_second_layer) {
  Model m = sparse();
  m.layers = 4;
  m.ffn = 16;
  m.experts->every = 2;
  EXPECT_EQ(m.expert_layers(), 2);
  EXPECT_FALSE(m.has_experts(0));
  EXPECT_TRUE(m.has_experts(1));
  // A dense MLP has 3 x 128, a mixture 32 + 576.
  EXPECT_EQ(count_of_layer(m, 1) - count_of_layer(m, 2), 608 - 384);
  m.experts->first_dense = 2;
  EXPECT_EQ(m.expert_layers(), 1);
  EXPECT_TRUE(m.has_experts(3));
}

// gpt-oss: a bias an expert and output: 4 x 6 for w1 and w3, 4 x 8 for w2; a bias an expert of the
// router; a sink a head. A bias behind a cut by inputs is whole inside its expert.
TEST(Tensors, of_experts_with_biases_and_of_sinks) {
  Model m = sparse();
  m.attention.sinks = true;
  m.experts->biases = true;
  EXPECT_EQ(count_of_layer(m, 0) - count_of_layer(sparse(), 0), 4 + 4 + 24 + 24 + 32);
  EXPECT_THAT(lines(m, 0), testing::IsSupersetOf(std::vector<std::string>{
                               "layers.0.attention.sinks [4] tp0", "layers.0.router_bias [4]",
                               "layers.0.experts.w3_bias [4, 6] ep0 etp1",
                               "layers.0.experts.w2_bias [4, 8] ep0"}));
}

// Qwen3: a norm over the 2 entries of a head, for queries and for keys, whole on each rank.
TEST(Tensors, of_norms_on_queries_and_keys) {
  Model m = dense();
  m.attention.query_key_norm = true;
  EXPECT_EQ(count_of_layer(m, 0) - count_of_layer(dense(), 0), 4);
  EXPECT_EQ(lines(m, 0)[4], "layers.0.attention.q_norm [2]");
}

// A module has two norms, the projection from 16 to 8, a layer like the model's last one, and the
// norm before the shared head: 3 x 8 + 128 + that layer. It is outside total and active.
TEST(Tensors, of_a_multi_token_prediction_module) {
  Model m = sparse();
  m.ffn = 16;
  m.experts->first_dense = 1;
  const ParameterCount without = count_parameters(m);
  m.mtp_layers = 1;
  const ParameterCount with = count_parameters(m);
  EXPECT_EQ(with.mtp, 24 + 128 + count_of_layer(m, 1));
  EXPECT_EQ(with.total, without.total);
  EXPECT_EQ(with.active, without.active);
  const std::vector<std::string> module = lines(m, 2);
  EXPECT_EQ(module[2], "layers.2.mtp_projection [8, 16] tp0");
  EXPECT_EQ(module.back(), "layers.2.mtp_head_norm [8]");
}

// 32 words and a value of 2 for each of 2 heads: 32 x 4, in the layers named. 50 rows of pairs of
// width 8. Both are looked up, as the embedding of 256 is, and are outside any module's block.
TEST(Tensors, of_embeddings_of_values_and_pairs) {
  Model m = dense();
  m.value_embeddings = {1};
  m.bigram_embeddings = 50;
  m.mtp_layers = 1;
  EXPECT_EQ(count_of_layer(m, 0), count_of_layer(dense(), 0));
  EXPECT_EQ(count_of_layer(m, 1), count_of_layer(dense(), 1) + 32 * 4);
  EXPECT_EQ(lines(m, 1)[4], "layers.1.attention.value_embedding [32, 4] tp1");
  EXPECT_EQ(lines(m, -1)[1], "embedding.bigrams [50, 8]");
  const ParameterCount count = count_parameters(m);
  EXPECT_EQ(count.embedding, 256 + 128 + 400);
  EXPECT_EQ(count.total, count_parameters(dense()).total + 128 + 400);
  EXPECT_EQ(count.active, count.total);
  EXPECT_EQ(count.mtp, 24 + 128 + count_of_layer(dense(), 1));
  for (const Tensor& tensor : tensors(m)) {
    const bool looked_up =
        tensor.name.find("embedding.") == 0 || tensor.name.ends_with("value_embedding");
    EXPECT_EQ(tensor.type == TensorType::embedding, looked_up || tensor.name == "head");
  }
}

// Latent attention has a value of 5 for each of 2 heads.
TEST(Tensors, of_embeddings_of_latent_values) {
  Model m = dense();
  m.attention = {.kind = AttentionKind::latent,
                 .heads = 2,
                 .kv_heads = 2,
                 .head_dim = 6,
                 .value_dim = 5,
                 .kv_rank = 7,
                 .rope_dim = 2};
  m.value_embeddings = {0};
  EXPECT_THAT(lines(m, 0), testing::Contains("layers.0.attention.value_embedding [32, 10] tp1"));
}

// Each name once, each cut along a dimension that there is, and never by tp and ep at once.
TEST(Tensors, have_names_of_their_own_and_cuts_that_exist) {
  Model m = sparse();
  m.mtp_layers = 2;
  m.experts->shared_ffn = 10;
  m.experts->biases = true;
  m.norm_biases = true;
  std::set<std::string> names;
  for (const Tensor& tensor : tensors(m)) {
    EXPECT_TRUE(names.insert(tensor.name).second) << tensor.name;
    const int dims = static_cast<int>(tensor.shape.size());
    EXPECT_LT(tensor.shard.tp, dims) << tensor.name;
    EXPECT_LT(tensor.shard.ep, dims) << tensor.name;
    EXPECT_LT(tensor.shard.etp, dims) << tensor.name;
    EXPECT_FALSE(tensor.shard.tp >= 0 && tensor.shard.ep >= 0) << tensor.name;
    EXPECT_TRUE(tensor.shard.etp < 0 || tensor.shard.ep >= 0) << tensor.name;
  }
}

}  // namespace
}  // namespace celere::spec

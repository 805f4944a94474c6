// The inventory, in the order of the forward pass.
//
// Shard rules are Megatron-LM's [Shoeybi et al. 2019]: the products that widen the stream (queries,
// keys, values, w1, w3) are cut by outputs, those that bring it back (wo, w2) by inputs; embedding
// and head by vocabulary entries, embeddings of values by heads; norms, router and the compressions
// of latent attention are whole on each rank. Experts lie along dimension 0 of one tensor, for
// expert parallelism, and are cut inside as an MLP is, by the experts' own tensor parallelism.
#include <fmt/format.h>

#include "base/check.hpp"
#include "spec/model.hpp"

namespace celere::spec {
namespace {

constexpr ShardRule whole{};
constexpr ShardRule columns{.tp = 0};   // of [out, in]: each rank has some outputs
constexpr ShardRule rows{.tp = 1};      // each rank has some inputs
constexpr ShardRule by_width{.tp = 1};  // of an embedding: each rank has a part of every row
constexpr ShardRule by_expert{.ep = 0};
constexpr ShardRule expert_columns{.ep = 0, .etp = 1};  // of [experts, out, in]
constexpr ShardRule expert_rows{.ep = 0, .etp = 2};

class Inventory {
 public:
  explicit Inventory(const Model& model) : model_(model) {}

  std::vector<Tensor> all() && {
    const std::int64_t h = model_.hidden;
    add("embedding.tokens", {model_.vocab, h}, TensorType::embedding, columns);
    if (model_.position == Position::learned) {
      add("embedding.positions", {model_.context, h}, TensorType::embedding, whole);
    }
    if (model_.bigram_embeddings > 0) {
      add("embedding.bigrams", {model_.bigram_embeddings, h}, TensorType::embedding, whole);
    }
    for (layer_ = 0; layer_ < model_.layers; ++layer_) block(model_.has_experts(layer_));
    layer_ = -1;
    norm("final_norm");
    if (!model_.tied_embeddings) add("head", {model_.vocab, h}, TensorType::embedding, columns);
    for (int module = 0; module < model_.mtp_layers; ++module) {
      layer_ = model_.layers + module;
      // The module joins the normed embedding of the next token and the normed stream [DeepSeek-V3
      // 2024, eq. 21]; the embedding is the first half of the projection's inputs, as in the
      // published weights. Embedding and head are the model's own.
      norm("mtp_embedding_norm");
      norm("mtp_hidden_norm");
      add("mtp_projection", {h, 2 * h}, TensorType::weight, columns);
      block(model_.has_experts(model_.layers - 1));
      norm("mtp_head_norm");
    }
    return std::move(tensors_);
  }

 private:
  void add(std::string_view name, std::vector<std::int64_t> shape, TensorType type,
           ShardRule shard) {
    std::string full = layer_ < 0 ? std::string(name) : fmt::format("layers.{}.{}", layer_, name);
    tensors_.push_back({std::move(full), std::move(shape), type, shard, layer_});
  }

  void norm(const std::string& name) {
    add(name, {model_.hidden}, TensorType::norm, whole);
    if (model_.norm_biases) add(name + "_bias", {model_.hidden}, TensorType::bias, whole);
  }

  // A linear layer with the bias of its outputs; a bias behind row parallel products is whole on
  // each rank.
  void linear(const std::string& name, std::int64_t out, std::int64_t in, ShardRule shard,
              bool bias) {
    add(name, {out, in}, TensorType::weight, shard);
    if (bias) add(name + "_bias", {out}, TensorType::bias, shard.tp == 0 ? columns : whole);
  }

  void block(bool experts) {
    norm("attention_norm");
    attention();
    if (model_.norms_per_layer == 4) norm("attention_post_norm");
    norm("mlp_norm");
    if (experts) {
      mixture(*model_.experts);
    } else {
      mlp("mlp", model_.ffn);
    }
    if (model_.norms_per_layer == 4) norm("mlp_post_norm");
  }

  void attention() {
    const Attention& a = model_.attention;
    const std::int64_t h = model_.hidden, heads = a.heads, dim = a.head_dim;
    if (a.kind == AttentionKind::latent) {
      if (a.query_rank > 0) {
        linear("attention.wq_a", a.query_rank, h, whole, false);
        add("attention.q_norm", {a.query_rank}, TensorType::norm, whole);
        linear("attention.wq_b", heads * dim, a.query_rank, columns, false);
      } else {
        linear("attention.wq", heads * dim, h, columns, false);
      }
      linear("attention.wkv_a", a.kv_rank + a.rope_dim, h, whole, false);
      add("attention.kv_norm", {a.kv_rank}, TensorType::norm, whole);
      linear("attention.wkv_b", heads * (dim - a.rope_dim + a.value_dim), a.kv_rank, columns,
             false);
    } else {
      linear("attention.wq", heads * dim, h, columns, a.biases);
      linear("attention.wk", a.kv_heads * dim, h, columns, a.biases);
      linear("attention.wv", a.kv_heads * dim, h, columns, a.biases);
      if (a.query_key_norm) {
        add("attention.q_norm", {dim}, TensorType::norm, whole);
        add("attention.k_norm", {dim}, TensorType::norm, whole);
      }
      if (a.sinks) add("attention.sinks", {heads}, TensorType::bias, columns);
    }
    if (model_.has_value_embedding(layer_)) {
      // Added to the values of each head, and so cut as they are.
      add("attention.value_embedding", {model_.vocab, std::int64_t{a.kv_heads} * a.value_dim},
          TensorType::embedding, by_width);
    }
    linear("attention.wo", h, heads * a.value_dim, rows, a.output_bias);
  }

  void mlp(const std::string& name, std::int64_t ffn) {
    const std::int64_t h = model_.hidden;
    linear(name + ".w1", ffn, h, columns, model_.mlp_biases);
    if (model_.gated()) linear(name + ".w3", ffn, h, columns, model_.mlp_biases);
    linear(name + ".w2", h, ffn, rows, model_.mlp_biases);
  }

  void mixture(const Experts& e) {
    const std::int64_t h = model_.hidden, count = e.count, ffn = e.ffn;
    add("router", {count, h}, TensorType::router, whole);
    if (e.router_bias || e.biases) add("router_bias", {count}, TensorType::bias, whole);
    const auto expert = [&](const char* name, std::int64_t out, std::int64_t in, ShardRule shard) {
      add(name, {count, out, in}, TensorType::expert, shard);
      if (!e.biases) return;
      add(std::string(name) + "_bias", {count, out}, TensorType::bias,
          shard.etp == 1 ? expert_columns : by_expert);
    };
    expert("experts.w1", ffn, h, expert_columns);
    if (model_.gated()) expert("experts.w3", ffn, h, expert_columns);
    expert("experts.w2", h, ffn, expert_rows);
    if (e.shared_ffn > 0) mlp("shared", e.shared_ffn);
    if (e.dense_branch_ffn > 0) mlp("dense", e.dense_branch_ffn);
  }

  const Model& model_;
  std::vector<Tensor> tensors_;
  int layer_ = -1;
};

}  // namespace

std::int64_t Tensor::count() const {
  std::int64_t product = 1;
  for (const std::int64_t extent : shape) product *= extent;
  return product;
}

std::vector<Tensor> tensors(const Model& model) {
  CHECK(model.unknown.empty());
  return Inventory(model).all();
}

ParameterCount count_parameters(const Model& model) {
  ParameterCount sum;
  for (const Tensor& tensor : tensors(model)) {
    const std::int64_t count = tensor.count();
    if (tensor.layer >= model.layers) {
      sum.mtp += count;
      continue;
    }
    sum.total += count;
    const bool of_experts = tensor.shard.ep >= 0;
    sum.active += of_experts ? count / model.experts->count * model.experts->top_k : count;
    if (tensor.type == TensorType::embedding && tensor.name != "head") sum.embedding += count;
  }
  return sum;
}

}  // namespace celere::spec

#include "nn/decoder.hpp"

#include <fmt/format.h>

#include "base/check.hpp"

namespace celere::nn {
namespace {

NormWords norm_words(const spec::Model& model, const Parameters& parameters,
                     const std::string& name) {
  return {parameters.find(name), parameters.find(name + "_bias"), model.norm == spec::Norm::layer,
          model.norm_epsilon};
}

Angles angles_of(const spec::Model& model, std::int64_t length_max) {
  Angles angles;
  if (model.position != spec::Position::rope) return angles;
  const spec::Attention& a = model.attention;
  const std::int64_t rotated = a.kind == spec::AttentionKind::latent
                                   ? a.rope_dim
                                   : std::lround(a.rope_share * a.head_dim) / 2 * 2;
  rotary_tables(length_max, rotated, a.rope_theta, angles.cosine, angles.sine);
  return angles;
}

}  // namespace

Decoder::Decoder(const spec::Model& model, const Parameters& parameters, Ops ops,
                 std::int64_t length_max)
    : model_(model), ops_(ops), angles_(angles_of(model, length_max)) {
  tokens_ = &parameters["embedding.tokens"];
  positions_ = parameters.find("embedding.positions");
  bigrams_ = parameters.find("embedding.bigrams");
  const at::Device device = tokens_->value.device();
  if (angles_.cosine.defined()) {
    angles_ = {angles_.cosine.to(device), angles_.sine.to(device)};
  }
  layers_.reserve(static_cast<std::size_t>(model.layers));
  for (int i = 0; i < model.layers; ++i) {
    const std::string prefix = fmt::format("layers.{}", i);
    const auto norm = [&](const char* name) {
      return norm_words(model, parameters, prefix + "." + name);
    };
    layers_.push_back({norm("attention_norm"), norm("attention_post_norm"), norm("mlp_norm"),
                       norm("mlp_post_norm"),
                       AttentionBlock(model, parameters, prefix + ".attention", angles_),
                       MlpBlock(model, parameters, i)});
  }
  final_norm_ = norm_words(model, parameters, "final_norm");
  head_ = {model.tied_embeddings ? tokens_ : &parameters["head"], model.logit_scale,
           model.logit_soft_cap};
}

at::Tensor Decoder::embedded(const Batch& batch) const {
  at::Tensor x = ops_.embed(*tokens_, batch.tokens, model_.embedding_scale);
  if (positions_ != nullptr) {
    x = ops_.add_embedding(x, *positions_, batch.position.to(at::kLong));
  }
  if (bigrams_ != nullptr) x = ops_.add_embedding(x, *bigrams_, batch.pairs);
  return x;
}

at::Tensor Decoder::attended(const Layer& layer, const at::Tensor& x, const Batch& batch,
                             Cache* cache, std::size_t index) const {
  if (cache == nullptr) return layer.attention.forward(ops_, x, batch);
  return layer.attention.forward_cached(ops_, x, batch, cache->layers[index], cache->length);
}

at::Tensor Decoder::hidden(const Batch& batch, at::Tensor* balance, Cache* cache,
                           const Watch* watch) const {
  at::Tensor x = embedded(batch), branch, normed;
  if (watch != nullptr && !(*watch)(-1, x)) return x;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    std::tie(x, normed) = ops_.add_norm(x, branch, layer.attention_norm);
    branch = attended(layer, normed, batch, cache, i);
    if (layer.attention_post_norm.weight != nullptr) {
      branch = ops_.norm(branch, layer.attention_post_norm);
    }
    std::tie(x, normed) = ops_.add_norm(x, branch, layer.mlp_norm);
    branch = layer.mlp.forward(ops_, normed, balance);
    if (layer.mlp_post_norm.weight != nullptr) branch = ops_.norm(branch, layer.mlp_post_norm);
    if (watch != nullptr && !(*watch)(static_cast<int>(i), x + branch)) return x;
  }
  return ops_.add_norm(x, branch, final_norm_).second;
}

Losses Decoder::loss(const Batch& batch, LossScale scale) const {
  at::Tensor balance;
  const at::Tensor x = hidden(batch, &balance, nullptr, nullptr);
  Losses losses;
  losses.head = ops_.head_loss(x, head_, batch.targets, batch.counted, scale.head);
  if (balance.defined()) losses.balance = balance * scale.balance;
  return losses;
}

at::Tensor Decoder::logits(const Batch& batch) const {
  return ops_.logits(hidden(batch, nullptr, nullptr, nullptr), head_);
}

Cache Decoder::make_cache(std::int64_t capacity) const {
  const spec::Attention& a = model_.attention;
  const bool latent = a.kind == spec::AttentionKind::latent;
  const std::int64_t heads = latent ? a.heads : a.kv_heads;
  Cache cache;
  cache.capacity = capacity;
  const at::TensorOptions options =
      tokens_->value.options().dtype(ops_.types().compute).requires_grad(false);
  for (int i = 0; i < model_.layers; ++i) {
    cache.layers.push_back({at::zeros({capacity, heads * a.head_dim}, options),
                            at::zeros({capacity, heads * a.value_dim}, options)});
  }
  return cache;
}

at::Tensor Decoder::next_logits(const at::Tensor& tokens, std::int64_t before, Cache& cache) const {
  const std::int64_t rows = tokens.numel();
  CHECK_LE(cache.length + rows, cache.capacity);
  Batch batch;
  batch.sequences = 1;
  batch.length = rows;
  batch.tokens = tokens;
  batch.position = at::arange(cache.length, cache.length + rows, tokens.options().dtype(at::kInt));
  if (bigrams_ != nullptr) {
    batch.pairs = at::empty_like(tokens);
    for (std::int64_t i = 0; i < rows; ++i) {
      const std::int64_t last = i == 0 ? before : tokens[i - 1].item<std::int64_t>();
      batch.pairs[i] = pair_row(last, tokens[i].item<std::int64_t>(), bigrams_->value.size(0));
    }
  }
  const at::Tensor x = hidden(batch, nullptr, &cache, nullptr);
  cache.length += rows;
  return ops_.logits(x.narrow(0, rows - 1, 1), head_).squeeze(0);
}

std::optional<int> Decoder::first_not_finite(const Batch& batch) const {
  const at::NoGradGuard quiet;
  std::optional<int> found;
  const Watch watch = [&](int layer, const at::Tensor& stream) {
    if (stream.isfinite().all().item<bool>()) return true;
    found = layer;
    return false;
  };
  const at::Tensor x = hidden(batch, nullptr, nullptr, &watch);
  if (!found && !ops_.logits(x, head_).isfinite().all().item<bool>()) found = model_.layers;
  return found;
}

}  // namespace celere::nn

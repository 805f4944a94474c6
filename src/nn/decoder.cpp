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
    : Decoder(model, parameters, ops, length_max,
              {.first = 0, .count = model.layers, .embedding = true, .head = true}, nullptr) {}

Decoder::Decoder(const spec::Model& model, const Parameters& parameters, Ops ops,
                 std::int64_t length_max, const DecoderPart& part, const Around* around)
    : model_(model),
      ops_(ops),
      angles_(angles_of(model, length_max)),
      part_(part),
      around_(around) {
  if (part.embedding) {
    tokens_ = &parameters["embedding.tokens"];
    positions_ = parameters.find("embedding.positions");
    bigrams_ = parameters.find("embedding.bigrams");
  }
  const at::Device device = parameters.all().front().value.device();
  if (angles_.cosine.defined()) {
    angles_ = {angles_.cosine.to(device), angles_.sine.to(device)};
  }
  layers_.reserve(static_cast<std::size_t>(part.count));
  for (int i = part.first; i < part.first + part.count; ++i) {
    const std::string prefix = fmt::format("layers.{}", i);
    const auto norm = [&](const char* name) {
      return norm_words(model, parameters, prefix + "." + name);
    };
    layers_.push_back({norm("attention_norm"), norm("attention_post_norm"), norm("mlp_norm"),
                       norm("mlp_post_norm"),
                       AttentionBlock(model, parameters, prefix + ".attention", angles_),
                       MlpBlock(model, parameters, i)});
  }
  if (!part.head) return;
  final_norm_ = norm_words(model, parameters, "final_norm");
  head_ = {&parameters[model.tied_embeddings ? "embedding.tokens" : "head"], model.logit_scale,
           model.logit_soft_cap};
}

Tensors Decoder::around(int unit, const Tensors& in, const Piece& forward) const {
  return around_ == nullptr ? forward(in) : around_->unit(unit, in, forward);
}

at::Tensor Decoder::embedded(const Batch& batch) const {
  at::Tensor x = ops_.embed(*tokens_, batch.tokens, model_.embedding_scale);
  if (positions_ != nullptr) {
    x = ops_.add_embedding(x, *positions_, batch.position.to(at::kLong));
  }
  if (bigrams_ != nullptr) x = ops_.add_embedding(x, *bigrams_, batch.pairs);
  return x;
}

at::Tensor Decoder::hidden(const Batch& batch, Cache* cache, const Watch* watch) const {
  at::Tensor x = embedded(batch), branch, normed;
  if (watch != nullptr && !(*watch)(-1, x)) return x;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    if (cache == nullptr) {
      const Tensors out = through(layer, branch.defined() ? Tensors{x, branch} : Tensors{x}, batch);
      std::tie(x, branch) = std::pair(out[0], out[1]);
    } else {
      std::tie(x, normed) = ops_.add_norm(x, branch, layer.attention_norm);
      branch = layer.attention.forward_cached(ops_, normed, batch, cache->layers[i], cache->length);
      std::tie(x, branch) = behind_attention(layer, x, branch, nullptr);
    }
    if (watch != nullptr && !(*watch)(static_cast<int>(i), x + branch)) return x;
  }
  return ops_.add_norm(x, branch, final_norm_).second;
}

std::pair<at::Tensor, at::Tensor> Decoder::behind_attention(const Layer& layer, at::Tensor x,
                                                            at::Tensor branch,
                                                            at::Tensor* balance) const {
  at::Tensor normed;
  if (layer.attention_post_norm.weight != nullptr) {
    branch = ops_.norm(branch, layer.attention_post_norm);
  }
  std::tie(x, normed) = ops_.add_norm(x, branch, layer.mlp_norm);
  branch = layer.mlp.forward(ops_, normed, balance);
  if (layer.mlp_post_norm.weight != nullptr) branch = ops_.norm(branch, layer.mlp_post_norm);
  return {x, branch};
}

Tensors Decoder::through(const Layer& layer, const Tensors& in, const Batch& batch) const {
  at::Tensor balance;
  const auto [sum, normed] =
      ops_.add_norm(in[0], in.size() > 1 ? in[1] : at::Tensor(), layer.attention_norm);
  const at::Tensor attended = layer.attention.forward(ops_, normed, batch);
  const auto [x, branch] = behind_attention(layer, sum, attended, &balance);
  return balance.defined() ? Tensors{x, branch, balance} : Tensors{x, branch};
}

PartResult Decoder::run(const Batch& batch, const at::Tensor& stream, LossScale scale) const {
  PartResult out;
  Tensors state{stream};
  if (part_.embedding) {
    state = around(-1, {}, [this, batch](const Tensors&) { return Tensors{embedded(batch)}; });
  }
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const int index = part_.first + static_cast<int>(i);
    state = around(index, state,
                   [this, i, batch](const Tensors& in) { return through(layers_[i], in, batch); });
    if (state.size() < 3) continue;
    at::Tensor& sum = out.losses.balance;
    const at::Tensor balance = state[2] * scale.balance;
    sum = sum.defined() ? sum + balance : balance;
    state.pop_back();
  }
  if (!part_.head) {
    out.stream = state.size() > 1 ? state[0] + state[1].to(state[0].scalar_type()) : state[0];
    return out;
  }
  const Tensors loss = around(model_.layers, state, [&](const Tensors& in) {
    const at::Tensor normed =
        ops_.add_norm(in[0], in.size() > 1 ? in[1] : at::Tensor(), final_norm_).second;
    return Tensors{ops_.head_loss(normed, head_, batch.targets, batch.counted, scale.head)};
  });
  out.losses.head = loss[0];
  return out;
}

Losses Decoder::loss(const Batch& batch, LossScale scale) const {
  return run(batch, at::Tensor(), scale).losses;
}

at::Tensor Decoder::logits(const Batch& batch) const {
  return ops_.logits(hidden(batch, nullptr, nullptr), head_);
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
  const at::Tensor x = hidden(batch, &cache, nullptr);
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
  const at::Tensor x = hidden(batch, nullptr, &watch);
  if (!found && !ops_.logits(x, head_).isfinite().all().item<bool>()) found = model_.layers;
  return found;
}

}  // namespace celere::nn

#include "nn/attention.hpp"

#include <cmath>

namespace celere::nn {

AttentionBlock::AttentionBlock(const spec::Model& model, const Parameters& parameters,
                               const std::string& prefix, const Angles& angles)
    : shape_(model.attention) {
  const auto get = [&](const char* name) { return parameters.find(prefix + "." + name); };
  const spec::Attention& a = shape_;
  const bool latent = a.kind == spec::AttentionKind::latent;
  // As many as this rank's weights have.
  heads_ = parameters[prefix + ".wo"].shape()[1] / a.value_dim;
  kv_heads_ = latent ? heads_ : parameters[prefix + ".wk"].shape()[0] / a.head_dim;
  words_ = {heads_,
            kv_heads_,
            a.head_dim,
            a.value_dim,
            a.scale > 0 ? a.scale : 1 / std::sqrt(static_cast<double>(a.head_dim)),
            a.soft_cap,
            get("sinks")};
  wq_ = get("wq");
  wk_ = get("wk");
  wv_ = get("wv");
  wo_ = get("wo");
  wq_bias_ = get("wq_bias");
  wk_bias_ = get("wk_bias");
  wv_bias_ = get("wv_bias");
  wo_bias_ = get("wo_bias");
  wq_a_ = get("wq_a");
  wq_b_ = get("wq_b");
  wkv_a_ = get("wkv_a");
  wkv_b_ = get("wkv_b");
  value_embedding_ = get("value_embedding");
  const Parameter* q_norm = get("q_norm");
  const Parameter* k_norm = get("k_norm");
  const bool turns = model.position == spec::Position::rope;
  if (latent) {
    q_rank_norm_ = {q_norm, nullptr, false, model.norm_epsilon};
    kv_rank_norm_ = {get("kv_norm"), nullptr, false, model.norm_epsilon};
    q_rotary_ = {nullptr,       0,          heads_, a.rope_dim, turns ? a.rope_dim : 0,
                 angles.cosine, angles.sine};
    k_rotary_ = q_rotary_;
    k_rotary_.heads = 1;
    return;
  }
  const auto rotated = turns ? std::lround(a.rope_share * a.head_dim) / 2 * 2 : 0;
  q_rotary_ = {q_norm, model.norm_epsilon, heads_, a.head_dim, rotated, angles.cosine, angles.sine};
  k_rotary_ = q_rotary_;
  k_rotary_.norm = k_norm;
  k_rotary_.heads = kv_heads_;
}

AttentionBlock::Projected AttentionBlock::project(const Ops& ops, const at::Tensor& x,
                                                  const Batch& batch) const {
  if (shape_.kind == spec::AttentionKind::latent) return project_latent(ops, x, batch);
  const std::vector<at::Tensor> all =
      ops.linears(x, {{wq_, wq_bias_}, {wk_, wk_bias_}, {wv_, wv_bias_}});
  at::Tensor v = all[2];
  if (value_embedding_ != nullptr) v = ops.add_embedding(v, *value_embedding_, batch.tokens);
  return {ops.rotary(all[0], q_rotary_, batch.position),
          ops.rotary(all[1], k_rotary_, batch.position), v};
}

// Queries and keys of a head are a part without position and one that turns; the turning part of
// the keys is one for all heads [DeepSeek-V2 2024, eq. 9 to 19].
AttentionBlock::Projected AttentionBlock::project_latent(const Ops& ops, const at::Tensor& x,
                                                         const Batch& batch) const {
  const std::int64_t heads = heads_, still = shape_.head_dim - shape_.rope_dim;
  const at::Tensor q_flat =
      wq_a_ != nullptr
          ? ops.linear(ops.norm(ops.linear(x, *wq_a_, nullptr), q_rank_norm_), *wq_b_, nullptr)
          : ops.linear(x, *wq_, nullptr);
  const std::int64_t rows = q_flat.size(0);
  const at::Tensor q_heads = q_flat.view({rows, heads, shape_.head_dim});
  const at::Tensor q_turning =
      ops.rotary(q_heads.narrow(2, still, shape_.rope_dim).reshape({rows, heads * shape_.rope_dim}),
                 q_rotary_, batch.position);
  const at::Tensor q =
      at::cat({q_heads.narrow(2, 0, still), q_turning.view({rows, heads, shape_.rope_dim})}, 2);

  const at::Tensor compressed = ops.linear(x, *wkv_a_, nullptr);
  const at::Tensor latent =
      ops.norm(compressed.narrow(1, 0, shape_.kv_rank).contiguous(), kv_rank_norm_);
  const at::Tensor k_turning = ops.for_all_heads(
      ops.rotary(compressed.narrow(1, shape_.kv_rank, shape_.rope_dim).contiguous(), k_rotary_,
                 batch.position));
  const at::Tensor kv =
      ops.linear(latent, *wkv_b_, nullptr).view({rows, heads, still + shape_.value_dim});
  const at::Tensor k = at::cat(
      {kv.narrow(2, 0, still), k_turning.unsqueeze(1).expand({rows, heads, shape_.rope_dim})}, 2);
  return {q.reshape({rows, heads * shape_.head_dim}), k.reshape({rows, heads * shape_.head_dim}),
          kv.narrow(2, still, shape_.value_dim).reshape({rows, heads * shape_.value_dim})};
}

at::Tensor AttentionBlock::forward(const Ops& ops, const at::Tensor& x, const Batch& batch) const {
  const Projected p = project(ops, x, batch);
  const at::Tensor out = ops.attend(p.q, p.k, p.v, batch.start, batch.length, words_);
  return ops.linear(out, *wo_, wo_bias_);
}

at::Tensor AttentionBlock::forward_cached(const Ops& ops, const at::Tensor& x, const Batch& batch,
                                          LayerCache& cache, std::int64_t length) const {
  const Projected p = project(ops, x, batch);
  const std::int64_t rows = x.size(0);
  cache.keys.narrow(0, length, rows).copy_(p.k);
  cache.values.narrow(0, length, rows).copy_(p.v);
  const at::Tensor out = ops.attend_cached(p.q, cache.keys.narrow(0, 0, length + rows),
                                           cache.values.narrow(0, 0, length + rows), words_);
  return ops.linear(out, *wo_, wo_bias_);
}

}  // namespace celere::nn

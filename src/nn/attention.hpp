// The attention of one layer: MHA, GQA, MQA, and the latent attention of DeepSeek-V2.
#pragma once

#include <string>

#include "nn/batch.hpp"
#include "nn/ops.hpp"
#include "spec/model.hpp"

namespace celere::nn {

// Keys and values of the positions so far, of one layer and one sequence.
struct LayerCache {
  at::Tensor keys, values;  // [capacity, kv_heads * dim] of the compute type
};

// Rotary angles, which all layers share.
struct Angles {
  at::Tensor cosine, sine;
};

class AttentionBlock {
 public:
  // `prefix`: "layers.3.attention". REQUIRES: the parameters outlive it.
  AttentionBlock(const spec::Model& model, const Parameters& parameters, const std::string& prefix,
                 const Angles& angles);

  // x [rows, hidden], normed, of the compute type.
  at::Tensor forward(const Ops& ops, const at::Tensor& x, const Batch& batch) const;
  // The same for the rows of one sequence that come behind the `length` positions in the cache,
  // which takes their keys and values.
  at::Tensor forward_cached(const Ops& ops, const at::Tensor& x, const Batch& batch,
                            LayerCache& cache, std::int64_t length) const;

 private:
  struct Projected {
    at::Tensor q, k, v;
  };
  Projected project(const Ops& ops, const at::Tensor& x, const Batch& batch) const;
  Projected project_latent(const Ops& ops, const at::Tensor& x, const Batch& batch) const;

  spec::Attention shape_;
  std::int64_t heads_ = 0, kv_heads_ = 0;
  AttentionWords words_;
  const Parameter *wq_ = nullptr, *wk_ = nullptr, *wv_ = nullptr, *wo_ = nullptr;
  const Parameter *wq_bias_ = nullptr, *wk_bias_ = nullptr, *wv_bias_ = nullptr,
                  *wo_bias_ = nullptr;
  const Parameter *wq_a_ = nullptr, *wq_b_ = nullptr, *wkv_a_ = nullptr, *wkv_b_ = nullptr;
  const Parameter* value_embedding_ = nullptr;
  NormWords q_rank_norm_, kv_rank_norm_;
  RotaryWords q_rotary_, k_rotary_;
};

}  // namespace celere::nn

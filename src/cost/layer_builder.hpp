// Adds up the operators of one layer into a LayerCost. The equations stand in cost/layer.hpp.
#pragma once

#include "cost/layer.hpp"

namespace celere::cost {

// A row of an embedding in bf16 read, and what it is added to read and written.
inline constexpr double added_embedding_bytes = 6;

class LayerBuilder {
 public:
  LayerBuilder(const Setting& setting, const Numbers& numbers, const Efficiency& efficiency,
               const Collectives& collectives, const LayerSplit& split);

  // A linear layer [T, k] -> [T, n] of this rank, in the run's precision or in bf16; T tokens
  // unless given.
  void linear(double n, double k);
  void linear_bf16(double tokens, double n, double k);
  // A memory-bound operator: bytes forward a token of T; backward 1.6 times as many.
  void memory_bound(double bytes_a_token);
  void attention();
  void value_embedding();  // one of the token, added to its values
  void attention_projections();
  void mlp(double ffn);  // divided by tp
  void experts(const spec::Experts& experts);
  // `pairs` times what one tensor parallel block sends each way: an all-gather and a
  // reduce-scatter, or an all-reduce.
  void tensor_traffic(double pairs);
  void context_traffic();
  void norms(int count);
  void keep(double bytes) { kept_ += bytes; }           // forward to backward
  void work_space(double bytes) { working_ += bytes; }  // only while the layer runs

  // `host`: CPU time to launch the layer forward and backward.
  LayerCost finish(Seconds host);

  double tokens() const { return tokens_; }

 private:
  void fused_attention();
  void unfused_attention();
  double heads() const;  // of this rank
  double kv_heads() const;
  double value_dim() const;
  // Of a kept input of a product.
  double input_bytes() const { return low_precision_ ? 1 : element_bytes_; }
  double split_norm() const { return split_.sequence_parallel ? split_.tp : 1; }

  const Setting& setting_;
  const Numbers& numbers_;
  const Efficiency& efficiency_;
  const Collectives& collectives_;
  const LayerSplit& split_;
  double tokens_;
  bool low_precision_;
  double element_bytes_;  // of an activation
  Seconds forward_, backward_, weight_;
  Seconds attention_forward_, attention_backward_;
  Seconds tp_forward_, tp_backward_, cp_forward_, cp_backward_;
  Flops flops_, attention_flops_;  // forward
  double kept_ = 0;
  double kept_scores_ = 0;  // what Keep::without_attention drops
  double kept_experts_ = 0;
  double working_ = 0;
  Bytes expert_transfer_;
};

}  // namespace celere::cost

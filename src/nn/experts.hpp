// A mixture of experts: which experts a token goes to, and their MLPs.
//
//   p = softmax(W x) or sigmoid(W x)     choices = top k of p (+ bias)
//   out = sum over choices of scale p / (sum of p over the choices) expert(x)
//
// The router computes in float. Without a capacity no token is dropped; with one, an expert takes
// its first capacity * tokens * k / experts choices, in the order of the tokens; the tokens are
// those of one rank, so what is dropped depends on the layout.
//
// Experts on other ranks: rows travel to where their expert is, over ep; there the ranks of etp
// have a part of each expert and all of them need all rows; and what comes out travels back.
#pragma once

#include <vector>

#include "nn/ops.hpp"
#include "spec/model.hpp"

namespace celere::nn {

// Where the choices of each token go. A slot is one row of one expert; slots lie expert by expert.
struct Routing {
  at::Tensor weights;                // [tokens, k] of the router's type
  at::Tensor chosen;                 // [tokens, k] int64: the expert
  at::Tensor place;                  // [tokens, k] int64: the slot, -1 where the choice was dropped
  at::Tensor token;                  // [slots] int64: whose slot it is
  std::vector<std::int64_t> counts;  // slots of each expert
  at::Tensor balance_loss;           // scalar, unscaled; undefined where the model has none
};

struct RouterWords {
  const Parameter* weight = nullptr;
  const Parameter* bias = nullptr;
  bool bias_chooses_only = false;  // DeepSeek-V3's; else it is part of the logits
  const spec::Experts* experts = nullptr;
};

// x [tokens, hidden] of the compute type. The balance loss is that of the whole micro-batch, of
// which each rank tells its part.
Routing route(const at::Tensor& x, const RouterWords& words, const Ops& ops);

struct ExpertWords {
  const Parameter* w1 = nullptr;  // [experts, ffn, hidden]
  const Parameter* w3 = nullptr;  // nothing: not gated
  const Parameter* w2 = nullptr;  // [experts, hidden, ffn]
  const Parameter *w1_bias = nullptr, *w3_bias = nullptr, *w2_bias = nullptr;
  kernels::Gate gate = kernels::Gate::silu;
};

// The weighted sum of the experts' outputs, in the compute type. `words` must outlive the graph.
at::Tensor mix_experts(const Ops& ops, const at::Tensor& x, const Routing& routing,
                       const ExpertWords& words);

}  // namespace celere::nn

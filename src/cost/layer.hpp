// The cost of one layer for one micro-batch on one rank: time by pass, traffic, and what it keeps
// in memory.
//
// With T = micro_batch * sequence / cp tokens, h the width, g = 2 for gated MLPs and 1 otherwise:
//
//   linear layers   Efficiency::gemm of (T, n, k) forward, (T, k, n) for the input gradient, (n, k,
//   T) for the
//                   weight gradient, each divided as Megatron does (column, then row parallel)
//   attention       causal FLOP 2 b (heads / tp) (s^2 / 2 / cp) (d_qk + d_v) forward over the
//   chip's table, 2.9 times that
//                   backward [fitted on FlashAttention-2 and -3 runs]; before FlashAttention: full
//                   s^2 batched products plus 13 B a score forward and 15 B backward [Megatron-LM
//                   2021 kernels]
//   memory-bound    forward (8 norms h / (tp with sp) + 2 (g + 1) f / tp + 4 (heads + 2 kv) d / tp)
//   bytes a token; backward 1.6 x experts         grouped products at m = (T / tp) etp ep K / E
//   tokens an expert, slowed for narrow experts by
//                   factor^(1 / (1 + (f_e / 4096)^2)); each slot is permuted and unpermuted (8 h
//                   bytes)
//   casts           the stack's cast bytes for each element that enters a product in 8 or 4 bits
//   tp              with sp two all-gathers and two reduce-scatters each way and one more
//   all-gather backward (half of the
//                   two that the weight gradients repeat is hidden); without sp two all-reduces
//                   each way; 1 - stack.tp_overlap of it is exposed          [Korthikanti et al.
//                   2022]
//   cp              ring: keys and values travel behind attention, what is longer is exposed [Liu
//   et al. 2023]; all-gather:
//                   keys and values first [Llama 3 2024]; all-to-all: q, k, v and the output
//                   [Jacobs et al. 2023]
//   launch          t = (t_gpu^4 + t_host^4)^(1/4): the host must launch the layer's kernels
//
// Fitted constants were fitted on published runs of MLPerf Training, NeMo, Megatron-LM and others
// (see catalog/stacks). Leaves out: expert all-to-all, whose group depends on the pipeline
// (cost/stage.hpp), and dropout.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "base/units.hpp"
#include "cost/collective.hpp"
#include "cost/efficiency.hpp"
#include "cost/setting.hpp"
#include "layout/layout.hpp"

namespace celere::cost {

// The part of a layout that a layer sees.
struct LayerSplit {
  int tp = 1;
  int cp = 1;
  int ep = 1;
  int etp = 1;
  int micro_batch = 1;
  bool sequence_parallel = false;
  layout::CpMethod cp_method = layout::CpMethod::ring;

  static LayerSplit of(const layout::Layout& layout);
  friend auto operator<=>(const LayerSplit&, const LayerSplit&) = default;
};

// What a layer does about its activations: the three that a layer can be in (full_for_some mixes
// them).
enum class Keep : std::uint8_t { all, without_attention, input_only };
inline constexpr int keep_count = 3;

// Kinds of layers: with experts or without, with a value embedding or without.
inline constexpr int layer_kinds_max = 4;

struct PassTimes {
  Seconds forward;
  Seconds backward;   // the input gradient
  Seconds weight;     // the weight gradient
  Seconds recompute;  // what is done again, before the backward pass
  Seconds total() const { return forward + backward + weight + recompute; }
};

// Of one layer (or of the embedding, the head), for one micro-batch on one rank.
struct LayerCost {
  std::array<PassTimes, keep_count> times;    // launch floor included
  std::array<Bytes, keep_count> activations;  // kept from forward to backward
  Bytes working;                    // the most that lives only while the layer runs backward
  Seconds tp_forward, tp_backward;  // exposed
  Seconds cp_forward, cp_backward;  // exposed
  Bytes expert_transfer;            // of one rank, in one all-to-all; 0 B without experts
  Bytes
      expert_activations;  // the part of activations[all] that grows with the imbalance of experts
  Flops useful;            // forward and backward, of one rank, nothing counted twice
  Flops repeated;          // with Keep::input_only
  Flops repeated_attention;  // with Keep::without_attention
};

// Parameters of one rank. Matrices are those that spec::Tensor::is_layer_matrix() names.
struct ParameterShare {
  double dense_matrices = 0;  // replicated over dp x cp, as the next
  double dense_others = 0;
  double expert_matrices = 0;  // replicated over the expert replicas, as the next
  double expert_others = 0;    // biases
  double dense() const { return dense_matrices + dense_others; }
  double experts() const { return expert_matrices + expert_others; }
  double matrices() const { return dense_matrices + expert_matrices; }
  double others() const { return dense_others + expert_others; }
  double all() const { return dense() + experts(); }
  // What is left for a rank where each part is divided among so many.
  ParameterShare divided(double dense_ranks, double expert_ranks) const;
  void add(const ParameterShare& more, double times = 1);
  // Each part no more than in both.
  static ParameterShare least(const ParameterShare& a, const ParameterShare& b);
  friend auto operator<=>(const ParameterShare&, const ParameterShare&) = default;
};

struct LayerCosts {
  std::vector<LayerCost> kinds;            // by kind of layer
  std::vector<ParameterShare> parameters;  // the same
  LayerCost embedding, head, mtp;          // mtp: all modules together
  ParameterShare embedding_parameters, head_parameters, mtp_parameters;
  double tied_parameters = 0;  // of the head, those that the embedding has already
  Bytes stage_message;  // what travels between two stages for a micro-batch, one rank to one rank
};

class LayerModel {
 public:
  // The parts must outlive it. `like`: of the same spec::Model.
  LayerModel(const Setting& setting, const Numbers& numbers, const Efficiency& efficiency,
             const Collectives& collectives, const LayerModel* like = nullptr);

  LayerCosts costs(const LayerSplit& split) const;

  // By experts and value embedding, with or without; counted in the order of their first layers.
  int kind_of(int layer) const;
  ParameterShare parameters() const;  // of all ranks, mtp included

 private:
  struct ModelCounts;
  LayerCost layer(const LayerSplit& split, int like) const;
  LayerCost embedding(const LayerSplit& split) const;
  LayerCost head(const LayerSplit& split) const;
  LayerCost mtp(const LayerSplit& split) const;

  const Setting& setting_;
  const Numbers& numbers_;
  const Efficiency& efficiency_;
  const Collectives& collectives_;
  std::shared_ptr<const ModelCounts> counts_;
};

}  // namespace celere::cost

// A decoder, as the catalogue describes it: embeddings, layers of attention and MLP with norms
// before (and behind, where a layer has four), the head.
//
//   x = embedding        x += attention(norm(x))        x += mlp(norm(x))        logits = W norm(x)
//
// Written in nn/ops alone, so that the same file serves every type, device and layout; it knows
// nothing of parallelism. A decoder may be a part of a model (some layers, with or without the
// embedding and the head), and others may stand around its units. Multi-token prediction modules
// hold their weights and take no part in the step yet.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "nn/attention.hpp"
#include "nn/batch.hpp"
#include "nn/mlp.hpp"
#include "nn/rerun.hpp"

namespace celere::nn {

// Of one sequence.
struct Cache {
  std::vector<LayerCache> layers;
  std::int64_t length = 0, capacity = 0;
};

// How a loss counts in the step: the head's sum over its rows, and the balance loss of the experts.
struct LossScale {
  double head = 1;     // 1 / (rows that count in the global batch)
  double balance = 1;  // 1 / (micro-batches of the global batch)
};

struct Losses {
  at::Tensor head;     // scaled; what a person calls the loss
  at::Tensor balance;  // scaled; undefined where the model has none
  at::Tensor total() const { return balance.defined() ? head + balance : head; }
};

// Which part of its model a decoder is.
struct DecoderPart {
  int first = 0;
  int count = 0;  // layers
  bool embedding = true, head = true;
};

// Who stands around the units of a model: the embedding (-1), each layer, the head (model.layers).
class Around {
 public:
  virtual ~Around() = default;
  // What forward(in) gives, which must be called.
  virtual Tensors unit(int index, const Tensors& in, const Piece& forward) const = 0;
};

// What a part makes of a micro-batch.
struct PartResult {
  at::Tensor
      stream;     // [rows, hidden] of the master type, for the part behind; undefined with a head
  Losses losses;  // head: undefined without one. balance: of the part's layers
};

class Decoder {
 public:
  // Sequences of up to `length_max` positions. REQUIRES: the parameters are the model's and outlive
  // it.
  Decoder(const spec::Model& model, const Parameters& parameters, Ops ops, std::int64_t length_max);
  // `around` may be nothing, and must outlive it.
  Decoder(const spec::Model& model, const Parameters& parameters, Ops ops, std::int64_t length_max,
          const DecoderPart& part, const Around* around);

  // `stream`: what the part before gave; undefined where this one has the embedding.
  PartResult run(const Batch& batch, const at::Tensor& stream, LossScale scale) const;

  Losses loss(const Batch& batch, LossScale scale) const;
  at::Tensor logits(const Batch& batch) const;  // [rows, vocab] of the master type

  Cache make_cache(std::int64_t capacity) const;
  // Logits [vocab] behind the last of `tokens` (int64), which come behind what is in the cache.
  // REQUIRES: they fit; no gradient is asked for.
  at::Tensor next_logits(const at::Tensor& tokens, std::int64_t before, Cache& cache) const;

  // The first layer whose output is not finite (-1: the embedding; layers: the head's input), with
  // the weights as they are; nothing where all are.
  std::optional<int> first_not_finite(const Batch& batch) const;

  const spec::Model& model() const { return model_; }

 private:
  struct Layer {
    NormWords attention_norm, attention_post_norm, mlp_norm, mlp_post_norm;
    AttentionBlock attention;
    MlpBlock mlp;
  };
  // Called with the stream after the embedding (-1) and each layer; false stops.
  using Watch = std::function<bool(int layer, const at::Tensor& stream)>;

  Tensors around(int unit, const Tensors& in, const Piece& forward) const;
  at::Tensor embedded(const Batch& batch) const;
  // {x, branch}, whose sum is the stream (the branch may lack), to the same behind the layer, and
  // its balance loss where it has one.
  Tensors through(const Layer& layer, const Tensors& in, const Batch& batch) const;
  // (x, branch) behind a layer, from its stream and what attention adds to it.
  std::pair<at::Tensor, at::Tensor> behind_attention(const Layer& layer, at::Tensor x,
                                                     at::Tensor branch, at::Tensor* balance) const;
  // The normed stream behind the last layer. REQUIRES: this is the whole model.
  at::Tensor hidden(const Batch& batch, Cache* cache, const Watch* watch) const;

  spec::Model model_;
  Ops ops_;
  Angles angles_;
  const Parameter *tokens_ = nullptr, *positions_ = nullptr, *bigrams_ = nullptr;
  DecoderPart part_;
  const Around* around_ = nullptr;
  std::vector<Layer> layers_;  // of the part
  NormWords final_norm_;
  HeadWords head_;
};

}  // namespace celere::nn

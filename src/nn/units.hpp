// What a layout puts around the units of a model: weights that are there only while they are needed
// (ZeRO 3), gradients that go to their shards as soon as a unit is through (ZeRO 2 and 3) or in the
// last backward pass of a step, and layers that are computed again instead of being kept.
#pragma once

#include "nn/decoder.hpp"
#include "nn/parameters.hpp"

namespace celere::nn {

class Units : public Around {
 public:
  // Of one part of a model. The parameters must outlive it.
  Units(Parameters& parameters, const DecoderPart& part, const spec::Model& model);

  Tensors unit(int index, const Tensors& in, const Piece& forward) const override;

  // The backward passes that follow are the last ones of their step.
  void set_last(bool last) { last_ = last; }
  // Behind the whole backward pass of a micro-batch: the embedding's gradients are there.
  void backward_done() const;

 private:
  bool reruns(int index) const;
  // The buckets that a unit reads: its own, and of tied embeddings on one stage the head those of
  // the embedding too.
  template <typename F>
  void over_read(int index, const F& function) const;
  void prefetch(int index) const;
  void before_backward(int index) const;
  void after_backward(int index) const;

  Parameters* parameters_;
  DecoderPart part_;
  int layers_;
  bool head_reads_embedding_;
  bool last_ = false;
};

}  // namespace celere::nn

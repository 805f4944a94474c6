// What a layout puts around the units of a model: weights that are there only while they are needed
// (ZeRO 3), gradients that go to their shards as soon as a unit is through (ZeRO 2 and 3) or in the
// last backward pass of a step, and layers that are computed again instead of being kept.
#pragma once

#include "nn/decoder.hpp"
#include "nn/parameters.hpp"

namespace celere::nn {

class Units : public Around {
 public:
  // The layers of one part of a model. The parameters must outlive it.
  Units(Parameters& parameters, const DecoderPart& part, int layers);

  Tensors unit(int index, const Tensors& in, const Piece& forward) const override;

  // The backward passes that follow are the last ones of their step.
  void set_last(bool last) { last_ = last; }
  // Behind the whole backward pass of a micro-batch: the embedding's gradients are there.
  void backward_done() const;

 private:
  bool reruns(int index) const;
  void prefetch(int index) const;
  void before_backward(int index) const;
  void after_backward(int index) const;

  Parameters* parameters_;
  DecoderPart part_;
  int layers_;
  bool last_ = false;
};

}  // namespace celere::nn

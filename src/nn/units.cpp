#include "nn/units.hpp"

namespace celere::nn {

Units::Units(Parameters& parameters, const DecoderPart& part, int layers)
    : parameters_(&parameters), part_(part), layers_(layers) {}

bool Units::reruns(int index) const {
  const layout::Layout& layout = parameters_->mesh().layout();
  if (index < 0 || index == layers_) return false;
  if (layout.recompute == layout::Recompute::full) return true;
  return layout.recompute == layout::Recompute::full_for_some &&
         index - part_.first < layout.recompute_layers;
}

void Units::prefetch(int index) const {
  const bool mine = index >= part_.first && index < part_.first + part_.count;
  if (!mine) return;
  for (Bucket* bucket : parameters_->buckets_of(index)) bucket->begin_gather();
}

// The head of tied embeddings reads the embedding's bucket too.
Tensors Units::unit(int index, const Tensors& in, const Piece& forward) const {
  const bool is_head = index == layers_;
  const bool records = c10::GradMode::is_enabled();
  for (Bucket* bucket : parameters_->buckets_of(index)) bucket->need_values();
  if (is_head && part_.embedding) {
    for (Bucket* bucket : parameters_->buckets_of(-1)) bucket->need_values();
  }
  prefetch(index + 1);
  if (is_head && records) before_backward(index);  // its gradients come in the forward pass
  const Tensors from = in.empty() ? in : noticed(in, [this, index] { after_backward(index); });
  Tensors out = reruns(index) ? rerun(from, forward) : forward(from);
  out = noticed(out, [this, index] { before_backward(index); });
  const bool keeps = is_head && records;
  if (!keeps) {
    for (Bucket* bucket : parameters_->buckets_of(index)) bucket->release_values();
    if (is_head && part_.embedding) {
      for (Bucket* bucket : parameters_->buckets_of(-1)) bucket->release_values();
    }
  }
  return out;
}

void Units::before_backward(int index) const {
  const auto need = [&](int unit) {
    for (Bucket* bucket : parameters_->buckets_of(unit)) {
      bucket->need_values();
      bucket->need_gradients();
    }
  };
  need(index);
  if (index == layers_ && part_.embedding) need(-1);
  prefetch(index - 1);
}

void Units::after_backward(int index) const {
  for (Bucket* bucket : parameters_->buckets_of(index)) {
    bucket->gradients_ready(last_);
    bucket->release_values();
  }
  // Of tied embeddings on one stage the lookup's part is still to come.
}

void Units::backward_done() const {
  if (part_.embedding) after_backward(-1);
}

}  // namespace celere::nn

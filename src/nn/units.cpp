#include "nn/units.hpp"

namespace celere::nn {

Units::Units(Parameters& parameters, const DecoderPart& part, const spec::Model& model)
    : parameters_(&parameters),
      part_(part),
      layers_(model.layers),
      head_reads_embedding_(model.tied_embeddings && part.embedding) {}

template <typename F>
void Units::over_read(int index, const F& function) const {
  for (Bucket* bucket : parameters_->buckets_of(index)) function(*bucket);
  if (index != layers_ || !head_reads_embedding_) return;
  for (Bucket* bucket : parameters_->buckets_of(-1)) function(*bucket);
}

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

Tensors Units::unit(int index, const Tensors& in, const Piece& forward) const {
  const bool head_records = index == layers_ && c10::GradMode::is_enabled();
  over_read(index, [](Bucket& bucket) { bucket.need_values(); });
  prefetch(index + 1);
  if (head_records) before_backward(index);  // its gradients come in the forward pass
  const Tensors from = in.empty() ? in : noticed(in, [this, index] { after_backward(index); });
  Tensors out = reruns(index) ? rerun(from, forward) : forward(from);
  out = noticed(out, [this, index] { before_backward(index); });
  if (!head_records) over_read(index, [](Bucket& bucket) { bucket.release_values(); });
  return out;
}

void Units::before_backward(int index) const {
  over_read(index, [](Bucket& bucket) {
    bucket.need_values();
    bucket.need_gradients();
  });
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

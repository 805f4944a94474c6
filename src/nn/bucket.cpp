#include "nn/bucket.hpp"

#include "nn/collectives.hpp"

namespace celere::nn {
namespace {

constexpr std::int64_t alignment = 64;  // elements: whole cache lines in every type

const ProcessGroup alone;

// The memory of a tensor goes and comes; the tensor and its views stay.
void release(const at::Tensor& tensor) {
  c10::StorageImpl* storage = tensor.storage().unsafeGetStorageImpl();
  storage->set_data_ptr_noswap(storage->allocator()->allocate(0));
}
// The same memory, whose changes autograd does not count: what a graph saved of it is valid again
// as soon as the same values are back.
at::Tensor uncounted(const at::Tensor& tensor) { return tensor.variable_data(); }
bool is_released(const at::Tensor& tensor) { return tensor.storage().data() == nullptr; }
void restore(const at::Tensor& tensor) {
  c10::StorageImpl* storage = tensor.storage().unsafeGetStorageImpl();
  storage->set_data_ptr_noswap(storage->allocator()->allocate(storage->nbytes()));
}

}  // namespace

Bucket::Bucket(BucketKind kind, std::int64_t count, const BucketTypes& types, const Mesh& mesh)
    : kind_(kind), zero_(mesh.layout().zero_stage) {
  using layout::Axis;
  const bool experts = kind.sharing == Sharing::expert || kind.sharing == Sharing::expert_parts;
  replicas_ = &mesh[experts ? Axis::expert_replicas : Axis::replicas];
  shards_ = zero_ == 0 ? &alone : experts ? replicas_ : &mesh[Axis::shards];
  shard_replicas_ = zero_ == 0 ? replicas_ : experts ? &alone : &mesh[Axis::shard_replicas];
  const ProcessGroup* same = &alone;  // ranks of tp that hold the same
  switch (kind.sharing) {
    case Sharing::kv:
      same = parts_ = &mesh[Axis::kv_replicas];
      break;
    case Sharing::parts:
      same = parts_ = &mesh[Axis::tp];
      break;
    case Sharing::alike:
      same = &mesh[Axis::tp];
      break;
    case Sharing::expert_parts:
      same = parts_ = &mesh[Axis::etp];
      break;
    case Sharing::split:
    case Sharing::expert:
      break;
  }
  if (kind.at_both_ends) ends_ = &mesh[Axis::ends];
  counts_here_ = same->rank() == 0 && shard_replicas_->rank() == 0 &&
                 (!kind.at_both_ends || mesh.is_first_stage());
  const std::int64_t unit = alignment * shards_->size();
  size_ = (count + unit - 1) / unit * unit;
  shard_size_ = size_ / shards_->size();

  const at::TensorOptions options = at::TensorOptions().dtype(types.master).device(types.device);
  values_ = at::zeros({size_}, options);
  gradients_ = at::zeros({size_}, options);
  if (types.compute != types.master) copies_ = at::zeros({size_}, options.dtype(types.compute));
  const auto own = [&](const at::Tensor& whole) {
    return whole.narrow(0, shard_begin(), shard_size_);
  };
  value_shard_ = zero_ == 3 ? at::zeros({shard_size_}, options) : own(values_);
  gradient_shard_ = zero_ == 0 ? own(gradients_) : at::zeros({shard_size_}, options);
  if (zero_ >= 2) release(gradients_);
}

void Bucket::zero_gradients() {
  if (zero_ < 2) gradients_.zero_();
  if (zero_ >= 1) gradient_shard_.zero_();
}

void Bucket::begin_gather() {
  if (zero_ < 3 || gather_ || !is_released(values_)) return;
  restore(values_);
  gather_ = shards_->all_gather(uncounted(values_), value_shard_);
}

void Bucket::need_values() {
  if (zero_ < 3) return;
  begin_gather();
  if (!gather_) return;
  finish(*std::exchange(gather_, std::nullopt));
  if (copies_.defined()) restore(copies_);
  refresh_copies();
}

void Bucket::release_values() {
  if (zero_ < 3) return;
  if (gather_) finish(*std::exchange(gather_, std::nullopt));
  if (is_released(values_)) return;
  release(values_);
  if (copies_.defined()) release(copies_);
}

void Bucket::need_gradients() {
  if (zero_ < 2) return;
  finish_scatter();
  if (!is_released(gradients_)) return;
  restore(gradients_);
  gradients_.zero_();
}

void Bucket::gradients_ready(bool last) {
  if (witness_) {
    if (zero_ >= 2 || last) witness_(gradients_);
    if (zero_ >= 2) release(gradients_);
    return;
  }
  if (zero_ >= 2) {
    finish_scatter();
    scattered_ = at::empty_like(gradient_shard_);
    reduction_ = shards_->reduce_scatter_sum(scattered_, gradients_);
  } else if (last && zero_ == 1) {
    reduction_ = shards_->reduce_scatter_sum(gradient_shard_, gradients_);
  } else if (last) {
    reduction_ = replicas_->all_reduce_sum(gradients_);
  }
}

void Bucket::finish_scatter() {
  if (!reduction_) return;
  finish(*std::exchange(reduction_, std::nullopt));
  if (!scattered_.defined()) return;
  gradient_shard_.add_(scattered_);
  scattered_ = at::Tensor();
  release(gradients_);
}

void Bucket::finish_gradients() {
  finish_scatter();
  if (zero_ > 0) finish(shard_replicas_->all_reduce_sum(gradient_shard_));
  if (parts_ != nullptr) finish(parts_->all_reduce_sum(gradient_shard_));
  if (ends_ != nullptr) finish(ends_->all_reduce_sum(gradient_shard_));
}

void Bucket::begin_publish() {
  if (zero_ == 1 || zero_ == 2) {
    // The shard is a part of the whole, which a collective may not read and write at once.
    published_ = value_shard_.clone();
    publication_ = shards_->all_gather(values_, published_);
  }
}

void Bucket::finish_publish() {
  if (publication_) finish(*std::exchange(publication_, std::nullopt));
  published_ = at::Tensor();
  if (zero_ < 3) refresh_copies();
}

void Bucket::adopt_values() {
  if (zero_ == 3) value_shard_.copy_(values_.narrow(0, shard_begin(), shard_size_));
  adopt_shard();
}

void Bucket::adopt_shard() {
  if (zero_ == 3) {
    release_values();
  } else {
    refresh_copies();
  }
}

void Bucket::refresh_copies() {
  if (copies_.defined()) uncounted(copies_).copy_(values_);
}

}  // namespace celere::nn

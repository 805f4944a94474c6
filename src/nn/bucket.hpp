// Weights that are reduced, sharded and gathered together: those of one unit (the embedding, a
// layer, the head) that are held by the same ranks in the same way, one behind the other in flat
// memory.
//
//   ZeRO   values       gradients                  optimizer      [Rajbhandari et al. 2020]
//   0      whole        whole, summed once         whole
//   1      whole        whole, scattered once      a shard
//   2      whole        scattered every backward   a shard
//   3      gathered     scattered every backward   a shard
//
// "Once": behind the last micro-batch of a step. What is not whole is allocated while a pass needs
// it. A sum begins when the gradients are there and is awaited when the step ends, or when the
// bucket's gradients are needed anew; what is computed in between hides it.
#pragma once

#include <functional>
#include <optional>

#include "nn/held.hpp"
#include "nn/mesh.hpp"
#include "nn/torch.hpp"

namespace celere::nn {

// What the members of a bucket have in common.
struct BucketKind {
  int unit = 0;  // -1: embedding; layer; model.layers: final norm and head
  Sharing sharing = Sharing::alike;
  bool at_both_ends = false;  // tied embeddings of a pipeline: the first stage has them too
  friend auto operator<=>(const BucketKind&, const BucketKind&) = default;
};

struct BucketTypes {
  at::ScalarType master, compute;
  at::Device device;
};

class Bucket {
 public:
  // `count` elements; memory is allocated, and zero. The mesh must outlive it.
  Bucket(BucketKind kind, std::int64_t count, const BucketTypes& types, const Mesh& mesh);

  const BucketKind& kind() const { return kind_; }
  // Padded with zeros to equal shards.
  std::int64_t size() const { return size_; }

  // Flat, of size(); views of them stay valid while their memory comes and goes.
  const at::Tensor& values() const { return values_; }
  const at::Tensor& gradients() const { return gradients_; }
  const at::Tensor& copies() const { return copies_; }  // undefined where types agree

  // The part that this rank updates: [shard_begin(), + shard_size()) of the whole.
  std::int64_t shard_begin() const { return shard_size_ * shards_->rank(); }
  std::int64_t shard_size() const { return shard_size_; }
  const at::Tensor& value_shard() const { return value_shard_; }
  const at::Tensor& gradient_shard() const { return gradient_shard_; }
  const ProcessGroup& shards() const { return *shards_; }
  // Those that hold the same shard.
  const ProcessGroup& shard_replicas() const { return *shard_replicas_; }
  // Of all ranks that hold this shard, the one that counts it in a sum, and stores it.
  bool counts_here() const { return counts_here_; }

  void zero_gradients();

  // Around a pass. begin_gather() may come earlier, to hide it.
  void begin_gather();
  void need_values();
  void release_values();
  void need_gradients();
  // Behind a backward pass; `last`: of the step.
  void gradients_ready(bool last);
  // Until gradient_shard() is the sum over all ranks.
  void finish_gradients();
  // From now on this rank's own gradients go there as soon as they would be summed, and no sum is
  // made; nothing: as usual.
  using Witness = std::function<void(const at::Tensor&)>;
  void divert_gradients(Witness witness) { witness_ = std::move(witness); }

  // After value_shard() changed: the whole values on all ranks, and their copies.
  void begin_publish();
  void finish_publish();
  // After values() changed, on all ranks alike.
  void adopt_values();
  // After value_shard() and, where they are kept, values() were filled.
  void adopt_shard();
  // Values are gathered for each pass, and kept by nobody.
  bool is_gathered() const { return zero_ == 3; }

 private:
  void finish_scatter();
  void refresh_copies();

  BucketKind kind_;
  int zero_ = 0;
  std::int64_t size_ = 0, shard_size_ = 0;
  bool counts_here_ = true;
  const ProcessGroup* shards_;           // one rank where nothing is sharded
  const ProcessGroup* replicas_;         // all ranks that hold the whole
  const ProcessGroup* shard_replicas_;   // of those, that hold this shard
  const ProcessGroup* parts_ = nullptr;  // over which gradients are parts of a sum
  const ProcessGroup* ends_ = nullptr;
  at::Tensor values_, gradients_, copies_, value_shard_, gradient_shard_;
  at::Tensor scattered_;  // where a sum arrives that is added to gradient_shard_
  at::Tensor published_;
  std::optional<Pending> gather_, reduction_, publication_;
  Witness witness_;
};

}  // namespace celere::nn

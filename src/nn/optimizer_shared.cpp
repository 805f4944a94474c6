// Muon where a rank has parts of matrices: over tp or etp some rows or columns, under ZeRO a shard.
//
//   momentum of the shard  -> gathered over the shards -> put together over tp, etp
//   -> the polar factor of matrix i by shard i mod (shards), alike on all ranks of tp or etp
//   -> their own parts summed over the shards (others bring zeros) -> the shard of the update
#include "nn/collectives.hpp"
#include "nn/muon.hpp"
#include "nn/optimizer.hpp"

namespace celere::nn {
namespace {

bool is_cut(const Parameter& p) {
  const std::size_t d = p.what.shape.size();
  return p.shape()[d - 1] != p.what.shape[d - 1] || p.shape()[d - 2] != p.what.shape[d - 2];
}

// Where a part lies in the matrices that its rank's experts (or the one matrix) are.
struct Placed {
  at::Tensor whole;  // [matrices, rows, columns]
  at::Tensor part;   // the view of this rank's part
};
Placed placed(const Parameter& p, const at::TensorOptions& options) {
  const std::size_t d = p.what.shape.size();
  const std::int64_t matrices = d == 3 ? p.shape()[0] : 1;
  const auto& [offset, extent] = p.held.slice;
  Placed out;
  out.whole = at::zeros({matrices, p.what.shape[d - 2], p.what.shape[d - 1]}, options);
  out.part =
      out.whole.narrow(1, offset[d - 2], extent[d - 2]).narrow(2, offset[d - 1], extent[d - 1]);
  return out;
}

// The ranks among which a matrix of the bucket is cut. Of neighbours that hold the same part, the
// first brings it.
struct Cut {
  const ProcessGroup* among;
  bool brings;
};
Cut cut_of(const Bucket& bucket, const Mesh& mesh) {
  using layout::Axis;
  if (bucket.kind().sharing == Sharing::expert) return {&mesh[Axis::etp], true};
  const bool first = bucket.kind().sharing != Sharing::kv || mesh[Axis::kv_replicas].rank() == 0;
  return {&mesh[Axis::tp], first};
}

}  // namespace

void Optimizer::step_shared_matrices(const Bucket& bucket, double rate_factor,
                                     double gradient_scale) {
  const spec::Muon& muon = schedule_.muon;
  const at::Tensor& gradients = bucket.gradient_shard();
  at::Tensor ahead = at::zeros_like(gradients);
  for (const Piece& piece : muon_) {
    if (piece.bucket != &bucket) continue;
    const at::Tensor momentum = momentum_.narrow(0, piece.state, piece.count);
    const at::Tensor gradient = gradients.narrow(0, piece.in_shard, piece.count);
    const double share = (1 - muon.momentum) * gradient_scale;
    momentum.mul_(muon.momentum).add_(gradient, share);
    ahead.narrow(0, piece.in_shard, piece.count)
        .copy_(at::add(momentum * muon.momentum, gradient, share));
  }
  at::Tensor all = at::empty({bucket.size()}, ahead.options());
  finish(bucket.shards().all_gather(all, ahead));
  at::Tensor updates = at::zeros_like(all);
  std::int64_t index = 0;
  for (const Parameter& p : parameters_.all()) {
    if (parameters_.buckets()[p.bucket].get() != &bucket || !p.what.is_layer_matrix()) continue;
    const at::Tensor own = all.narrow(0, p.offset, p.count());
    const Placed matrices = placed(p, all.options());
    const Cut cut = cut_of(bucket, parameters_.mesh());
    if (cut.brings || !is_cut(p)) matrices.part.copy_(own.view(matrices.part.sizes()));
    if (is_cut(p)) finish(cut.among->all_reduce_sum(matrices.whole));
    const double stretch = muon_stretch(matrices.whole.size(1), matrices.whole.size(2));
    for (std::int64_t i = 0; i < matrices.whole.size(0); ++i, ++index) {
      if (index % bucket.shards().size() != bucket.shards().rank()) continue;
      const at::Tensor matrix = matrices.whole.select(0, i);
      matrix.copy_(polar_factor(matrix, muon.iterations, parameters_.types().compute));
      const at::Tensor to = updates.narrow(0, p.offset, p.count()).view(matrices.part.sizes());
      to.select(0, i).copy_(matrices.part.select(0, i) * stretch);
    }
  }
  at::Tensor update = at::empty_like(ahead);
  finish(bucket.shards().reduce_scatter_sum(update, updates));
  const double rate = muon.learning_rate * rate_factor;
  for (const Piece& piece : muon_) {
    if (piece.bucket != &bucket) continue;
    bucket.value_shard()
        .narrow(0, piece.in_shard, piece.count)
        .mul_(1 - rate * muon.weight_decay)
        .sub_(update.narrow(0, piece.in_shard, piece.count), rate);
  }
}

}  // namespace celere::nn

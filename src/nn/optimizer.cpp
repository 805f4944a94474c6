#include "nn/optimizer.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <set>

#include "nn/collectives.hpp"
#include "nn/function.hpp"
#include "nn/muon.hpp"

namespace celere::nn {
namespace {

constexpr std::int64_t block_elements = 1 << 15;  // that one thread takes at a time

bool is_matrix(const Parameter& p) { return p.what.shape.size() >= 2; }

bool is_whole(const Parameter& p) {
  const std::size_t d = p.what.shape.size();
  return p.shape()[d - 1] == p.what.shape[d - 1] && p.shape()[d - 2] == p.what.shape[d - 2];
}

at::Tensor of_piece(const at::Tensor& shard, const Optimizer::Piece& piece) {
  return shard.narrow(0, piece.in_shard, piece.count);
}

// Pieces of a fixed size, added in order: the same for any number of threads.
double sum_of_squares(const at::Tensor& flat, const kernels::Table* table) {
  if (table == nullptr || flat.scalar_type() != at::kFloat) {
    return flat.square().sum().to(at::kDouble).item<double>();
  }
  const std::int64_t count = (flat.numel() + block_elements - 1) / block_elements;
  std::vector<double> sums(static_cast<std::size_t>(count));
  at::parallel_for(0, count, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      sums[static_cast<std::size_t>(i)] = table->sum_of_squares(
          read<float>(flat),
          {i * block_elements, std::min(flat.numel(), (i + 1) * block_elements)});
    }
  });
  double total = 0;
  for (const double sum : sums) total += sum;
  return total;
}

}  // namespace

Optimizer::Piece piece_of(const Parameter& p, const Bucket& bucket) {
  const std::int64_t shard_end = bucket.shard_begin() + bucket.shard_size();
  const std::int64_t begin = std::max(p.offset, bucket.shard_begin());
  const std::int64_t end = std::min(p.offset + p.count(), shard_end);
  if (end <= begin) return {.parameter = &p, .bucket = &bucket};
  return {.parameter = &p,
          .bucket = &bucket,
          .begin = begin - p.offset,
          .count = end - begin,
          .in_shard = begin - bucket.shard_begin(),
          .state = 0};
}

Optimizer::Optimizer(spec::Optimizer kind, const spec::Schedule& schedule, Parameters& parameters,
                     const kernels::Table* table)
    : kind_(kind), schedule_(schedule), parameters_(parameters), table_(table) {
  std::int64_t adamw = 0, muon = 0;
  if (kind == spec::Optimizer::sgd) return;
  // Over tp and ep all ranks must come to the same answer: a bucket is shared as one.
  std::set<const Bucket*> shared;
  for (const Parameter& p : parameters.all()) {
    const Bucket& bucket = *parameters.buckets()[p.bucket];
    const bool to_muon = kind == spec::Optimizer::muon && p.what.is_layer_matrix();
    if (to_muon && (bucket.shards().size() > 1 || !is_whole(p))) shared.insert(&bucket);
  }
  for (const auto& bucket : parameters.buckets()) {
    if (shared.contains(bucket.get())) shared_.push_back(bucket.get());
  }
  for (const Parameter& p : parameters.all()) {
    const bool to_muon = kind == spec::Optimizer::muon && p.what.is_layer_matrix();
    Piece piece = piece_of(p, *parameters.buckets()[p.bucket]);
    if (piece.count == 0) continue;
    std::int64_t& offset = to_muon ? muon : adamw;
    piece.state = offset;
    (to_muon ? muon_ : adamw_).push_back(piece);
    offset += piece.count;
  }
  const at::TensorOptions options = parameters.buckets().front()->values().options();
  mean_ = at::zeros({adamw}, options);
  square_ = at::zeros({adamw}, options);
  momentum_ = at::zeros({muon}, options);
  for (const Piece& piece : muon_) {
    if (!shared.contains(piece.bucket)) add_matrices(piece);
  }
  // The large ones first, so that the threads end together.
  const auto cost = [](const Matrix& m) {
    return static_cast<double>(m.value.numel()) *
           static_cast<double>(std::min(m.value.size(0), m.value.size(1)));
  };
  std::stable_sort(matrices_.begin(), matrices_.end(),
                   [&](const Matrix& a, const Matrix& b) { return cost(a) > cost(b); });
}

void Optimizer::add_matrices(const Piece& piece) {
  const Parameter& p = *piece.parameter;
  const std::int64_t rows = p.what.shape[p.what.shape.size() - 2];
  const auto shaped = [&](const at::Tensor& x) { return x.view({-1, rows, p.what.shape.back()}); };
  const at::Tensor momentum = shaped(momentum_.narrow(0, piece.state, piece.count));
  const at::Tensor gradient = shaped(p.value.grad());
  const at::Tensor value = shaped(p.value.detach());
  for (std::int64_t i = 0; i < value.size(0); ++i) {
    matrices_.push_back({momentum.select(0, i), gradient.select(0, i), value.select(0, i)});
  }
}

std::vector<Optimizer::State> Optimizer::state() const {
  std::vector<State> out;
  for (const Piece& piece : adamw_) {
    out.push_back({"mean", piece, mean_.narrow(0, piece.state, piece.count)});
    out.push_back({"square", piece, square_.narrow(0, piece.state, piece.count)});
  }
  for (const Piece& piece : muon_) {
    out.push_back({"momentum", piece, momentum_.narrow(0, piece.state, piece.count)});
  }
  return out;
}

void Optimizer::step(double rate_factor, double gradient_scale) {
  const at::NoGradGuard quiet;
  ++steps_;
  if (kind_ == spec::Optimizer::sgd) {
    const double rate = schedule_.learning_rate * rate_factor * gradient_scale;
    for (const auto& bucket : parameters_.buckets()) {
      bucket->value_shard().sub_(bucket->gradient_shard(), rate);
    }
  }
  if (!adamw_.empty()) step_adamw(rate_factor, gradient_scale);
  if (!matrices_.empty()) step_whole_matrices(rate_factor, gradient_scale);
  for (const Bucket* bucket : shared_) step_shared_matrices(*bucket, rate_factor, gradient_scale);
  for (const auto& bucket : parameters_.buckets()) bucket->begin_publish();
  for (const auto& bucket : parameters_.buckets()) bucket->finish_publish();
}

kernels::AdamW Optimizer::adamw_of(const Piece& piece, double rate_factor,
                                   double gradient_scale) const {
  const Parameter& p = *piece.parameter;
  const bool embedding = p.what.type == spec::TensorType::embedding;
  const double rate = embedding ? schedule_.embedding_learning_rate : schedule_.learning_rate;
  const auto steps = static_cast<double>(steps_);
  kernels::AdamW f;
  f.gradient_scale = static_cast<float>(gradient_scale);
  f.learning_rate = static_cast<float>(rate * rate_factor);
  f.beta1 = static_cast<float>(schedule_.beta1);
  f.beta2 = static_cast<float>(schedule_.beta2);
  f.epsilon = static_cast<float>(schedule_.epsilon);
  f.weight_decay = is_matrix(p) ? static_cast<float>(schedule_.weight_decay) : 0;
  f.correction1 = static_cast<float>(1 - std::pow(schedule_.beta1, steps));
  f.correction2 = static_cast<float>(1 - std::pow(schedule_.beta2, steps));
  return f;
}

void Optimizer::step_adamw(double rate_factor, double gradient_scale) {
  if (table_ == nullptr || parameters_.types().master != at::kFloat) {
    for (const Piece& piece : adamw_) adamw_plain(piece, rate_factor, gradient_scale);
    return;
  }
  // All tensors as one list of blocks, shared out. Compute copies follow when values are published.
  struct Block {
    kernels::AdamW what;
    kernels::Rows rows;
  };
  std::vector<Block> blocks;
  for (const Piece& piece : adamw_) {
    kernels::AdamW f = adamw_of(piece, rate_factor, gradient_scale);
    f.weight = write<float>(piece.bucket->value_shard()) + piece.in_shard;
    f.gradient = read<float>(piece.bucket->gradient_shard()) + piece.in_shard;
    f.mean = write<float>(mean_) + piece.state;
    f.square = write<float>(square_) + piece.state;
    f.copy = nullptr;
    for (std::int64_t begin = 0; begin < piece.count; begin += block_elements) {
      blocks.push_back({f, {begin, std::min(piece.count, begin + block_elements)}});
    }
  }
  at::parallel_for(0, static_cast<std::int64_t>(blocks.size()), 1,
                   [&](std::int64_t begin, std::int64_t end) {
                     for (std::int64_t i = begin; i < end; ++i) {
                       const Block& block = blocks[static_cast<std::size_t>(i)];
                       table_->adamw(block.what, block.rows);
                     }
                   });
}

void Optimizer::adamw_plain(const Piece& piece, double rate_factor, double gradient_scale) {
  const Parameter& p = *piece.parameter;
  const bool embedding = p.what.type == spec::TensorType::embedding;
  const double rate =
      rate_factor * (embedding ? schedule_.embedding_learning_rate : schedule_.learning_rate);
  const auto steps = static_cast<double>(steps_);
  const double correction1 = 1 - std::pow(schedule_.beta1, steps);
  const double correction2 = 1 - std::pow(schedule_.beta2, steps);
  const at::Tensor gradient = of_piece(piece.bucket->gradient_shard(), piece) * gradient_scale;
  const at::Tensor mean = mean_.narrow(0, piece.state, piece.count);
  const at::Tensor square = square_.narrow(0, piece.state, piece.count);
  mean.mul_(schedule_.beta1).add_(gradient, 1 - schedule_.beta1);
  square.mul_(schedule_.beta2).addcmul_(gradient, gradient, 1 - schedule_.beta2);
  const at::Tensor value = of_piece(piece.bucket->value_shard(), piece);
  if (is_matrix(p)) value.mul_(1 - rate * schedule_.weight_decay);
  value.sub_(mean / correction1 / ((square / correction2).sqrt() + schedule_.epsilon), rate);
}

// Whole matrices are shared out among the threads: inside, each product is one thread's, which for
// the widths of a layer beats a product shared by all, and no result depends on their number.
void Optimizer::step_whole_matrices(double rate_factor, double gradient_scale) {
  const spec::Muon& muon = schedule_.muon;
  const double rate = muon.learning_rate * rate_factor;
  std::atomic<std::size_t> next{0};
  at::parallel_for(0, at::get_num_threads(), 1, [&](std::int64_t, std::int64_t) {
    const at::NoGradGuard quiet;  // of this thread
    for (std::size_t i = next++; i < matrices_.size(); i = next++) {
      const Matrix& m = matrices_[i];
      m.momentum.mul_(muon.momentum).add_(m.gradient, (1 - muon.momentum) * gradient_scale);
      const at::Tensor ahead =
          at::add(m.momentum * muon.momentum, m.gradient, (1 - muon.momentum) * gradient_scale);
      const at::Tensor update = polar_factor(ahead, muon.iterations, parameters_.types().compute);
      const double stretch = muon_stretch(m.value.size(0), m.value.size(1));
      m.value.mul_(1 - rate * muon.weight_decay).sub_(update, rate * stretch);
    }
  });
}

double gradient_norm(const Parameters& parameters, const kernels::Table* table) {
  double total = 0;
  for (const auto& bucket : parameters.buckets()) {
    if (bucket->counts_here()) total += sum_of_squares(bucket->gradient_shard(), table);
  }
  const ProcessGroup& world = parameters.mesh()[layout::Axis::world];
  if (world.size() == 1) return std::sqrt(total);
  const at::Tensor sum = at::full({1}, total, at::TensorOptions().dtype(at::kDouble));
  finish(world.all_reduce_sum(sum));
  return std::sqrt(sum.item<double>());
}

}  // namespace celere::nn

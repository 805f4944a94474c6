#include "nn/optimizer.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "nn/function.hpp"
#include "nn/muon.hpp"

namespace celere::nn {
namespace {

constexpr std::int64_t piece = 1 << 15;  // elements that one thread takes at a time

bool is_matrix(const Parameter& p) { return p.what.shape.size() >= 2; }

}  // namespace

Optimizer::Optimizer(spec::Optimizer kind, const spec::Schedule& schedule, Parameters& parameters,
                     const kernels::Table* table)
    : kind_(kind), schedule_(schedule), parameters_(parameters), table_(table) {
  std::int64_t adamw = 0, muon = 0;
  if (kind != spec::Optimizer::sgd) {
    for (const Parameter& p : parameters.all()) {
      const bool to_muon = kind == spec::Optimizer::muon && p.what.is_layer_matrix();
      std::int64_t& offset = to_muon ? muon : adamw;
      (to_muon ? muon_ : adamw_).push_back({&p, offset});
      offset += p.what.count();
    }
  }
  const at::TensorOptions options = parameters.flat_values().options();
  mean_ = at::zeros({adamw}, options);
  square_ = at::zeros({adamw}, options);
  momentum_ = at::zeros({muon}, options);
  for (const Entry& entry : muon_) add_matrices(entry);
  // The large ones first, so that the threads end together.
  const auto cost = [](const Matrix& m) {
    return static_cast<double>(m.value.numel()) *
           static_cast<double>(std::min(m.value.size(0), m.value.size(1)));
  };
  std::stable_sort(matrices_.begin(), matrices_.end(),
                   [&](const Matrix& a, const Matrix& b) { return cost(a) > cost(b); });
}

void Optimizer::add_matrices(const Entry& entry) {
  const Parameter& p = *entry.parameter;
  const std::int64_t rows = p.what.shape[p.what.shape.size() - 2];
  const auto shaped = [&](const at::Tensor& x) { return x.view({-1, rows, p.what.shape.back()}); };
  const at::Tensor momentum = shaped(momentum_.narrow(0, entry.offset, p.what.count()));
  const at::Tensor gradient = shaped(p.value.grad());
  const at::Tensor value = shaped(p.value.detach());
  const bool copies = !p.compute.is_same(p.value);
  const at::Tensor compute = copies ? shaped(p.compute.detach()) : at::Tensor();
  for (std::int64_t i = 0; i < value.size(0); ++i) {
    matrices_.push_back({momentum.select(0, i), gradient.select(0, i), value.select(0, i),
                         copies ? compute.select(0, i) : at::Tensor()});
  }
}

std::vector<std::pair<std::string, at::Tensor>> Optimizer::state() const {
  std::vector<std::pair<std::string, at::Tensor>> out;
  const auto add = [&](const char* kind, const at::Tensor& flat, const Entry& entry) {
    const spec::Tensor& what = entry.parameter->what;
    out.emplace_back(std::string(kind) + what.name,
                     flat.narrow(0, entry.offset, what.count()).view(what.shape));
  };
  for (const Entry& entry : adamw_) {
    add("mean.", mean_, entry);
    add("square.", square_, entry);
  }
  for (const Entry& entry : muon_) add("momentum.", momentum_, entry);
  return out;
}

void Optimizer::step(double rate_factor, double gradient_scale) {
  const at::NoGradGuard quiet;
  ++steps_;
  if (kind_ == spec::Optimizer::sgd) step_sgd(rate_factor, gradient_scale);
  if (!adamw_.empty()) step_adamw(rate_factor, gradient_scale);
  if (!muon_.empty()) step_muon(rate_factor, gradient_scale);
}

kernels::AdamW Optimizer::adamw_of(const Entry& entry, double rate_factor,
                                   double gradient_scale) const {
  const Parameter& p = *entry.parameter;
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
    for (const Entry& entry : adamw_) adamw_plain(entry, rate_factor, gradient_scale);
    parameters_.refresh();
    return;
  }
  // All tensors as one list of pieces, shared out.
  struct Piece {
    kernels::AdamW what;
    kernels::Rows rows;
  };
  std::vector<Piece> pieces;
  for (const Entry& entry : adamw_) {
    const Parameter& p = *entry.parameter;
    kernels::AdamW f = adamw_of(entry, rate_factor, gradient_scale);
    f.weight = write<float>(p.value);
    f.gradient = read<float>(p.value.grad());
    f.mean = write<float>(mean_) + entry.offset;
    f.square = write<float>(square_) + entry.offset;
    f.copy =
        parameters_.types().compute == at::kBFloat16 ? write<c10::BFloat16>(p.compute) : nullptr;
    for (std::int64_t begin = 0; begin < p.what.count(); begin += piece) {
      pieces.push_back({f, {begin, std::min(p.what.count(), begin + piece)}});
    }
  }
  at::parallel_for(0, static_cast<std::int64_t>(pieces.size()), 1,
                   [&](std::int64_t begin, std::int64_t end) {
                     for (std::int64_t i = begin; i < end; ++i) {
                       const Piece& part = pieces[static_cast<std::size_t>(i)];
                       table_->adamw(part.what, part.rows);
                     }
                   });
}

void Optimizer::adamw_plain(const Entry& entry, double rate_factor, double gradient_scale) {
  const Parameter& p = *entry.parameter;
  const bool embedding = p.what.type == spec::TensorType::embedding;
  const double rate =
      rate_factor * (embedding ? schedule_.embedding_learning_rate : schedule_.learning_rate);
  const auto steps = static_cast<double>(steps_);
  const double correction1 = 1 - std::pow(schedule_.beta1, steps);
  const double correction2 = 1 - std::pow(schedule_.beta2, steps);
  const at::Tensor gradient = p.value.grad().flatten() * gradient_scale;
  const at::Tensor mean = mean_.narrow(0, entry.offset, p.what.count());
  const at::Tensor square = square_.narrow(0, entry.offset, p.what.count());
  mean.mul_(schedule_.beta1).add_(gradient, 1 - schedule_.beta1);
  square.mul_(schedule_.beta2).addcmul_(gradient, gradient, 1 - schedule_.beta2);
  const at::Tensor value = p.value.detach().view({-1});
  if (is_matrix(p)) value.mul_(1 - rate * schedule_.weight_decay);
  value.sub_(mean / correction1 / ((square / correction2).sqrt() + schedule_.epsilon), rate);
}

// Whole matrices are shared out among the threads: inside, each product is one thread's, which for
// the widths of a layer beats a product shared by all, and no result depends on their number.
void Optimizer::step_muon(double rate_factor, double gradient_scale) {
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
      const double stretch = std::sqrt(std::max(
          1.0, static_cast<double>(m.value.size(0)) / static_cast<double>(m.value.size(1))));
      m.value.mul_(1 - rate * muon.weight_decay).sub_(update, rate * stretch);
      if (m.compute.defined()) m.compute.copy_(m.value);
    }
  });
}

void Optimizer::step_sgd(double rate_factor, double gradient_scale) {
  const double rate = schedule_.learning_rate * rate_factor * gradient_scale;
  parameters_.flat_values().sub_(parameters_.flat_gradients(), rate);
  parameters_.refresh();
}

double gradient_norm(const Parameters& parameters, const kernels::Table* table) {
  const at::Tensor& flat = parameters.flat_gradients();
  if (table == nullptr || flat.scalar_type() != at::kFloat) {
    return std::sqrt(flat.square().sum().to(at::kDouble).item<double>());
  }
  // Pieces of a fixed size, added in order: the same for any number of threads.
  const std::int64_t count = (flat.numel() + piece - 1) / piece;
  std::vector<double> sums(static_cast<std::size_t>(count));
  at::parallel_for(0, count, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      sums[static_cast<std::size_t>(i)] = table->sum_of_squares(
          read<float>(flat), {i * piece, std::min(flat.numel(), (i + 1) * piece)});
    }
  });
  double total = 0;
  for (const double sum : sums) total += sum;
  return std::sqrt(total);
}

}  // namespace celere::nn

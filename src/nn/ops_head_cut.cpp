// The head where each rank of tp has a range of the vocabulary: the cross-entropy needs three
// numbers of a row from all of them, never the row [Megatron-LM's vocabulary parallel
// cross-entropy].
//
//   m = max over ranks of max logit     z = sum over ranks of sum exp(logit - m)
//   loss = log z + m - (target's logit, from the rank that has it)
//   d loss / d logit = exp(logit - m) / z - (1 at the target)
//
// As in ops_head.cpp a chunk of rows at a time, and its gradient at once.
#include "nn/collectives.hpp"
#include "nn/function.hpp"

namespace celere::nn {
namespace {

constexpr std::int64_t chunk_rows = 512;

struct Chunk {
  at::Tensor loss;      // [rows]
  at::Tensor gradient;  // [rows, vocabulary here], of the raw product
};

// raw [rows, vocabulary here] of the master type.
Chunk cross_entropy(const at::Tensor& raw, const HeadWords& words, const at::Tensor& targets,
                    const at::Tensor& weights, const ProcessGroup& tp) {
  const std::int64_t first = words.weight->held.slice.offset[0];
  at::Tensor logits = raw * words.logit_scale;
  at::Tensor slope;  // of the soft cap
  if (words.soft_cap > 0) {
    const at::Tensor squashed = (logits / words.soft_cap).tanh();
    slope = 1 - squashed.square();
    logits = squashed * words.soft_cap;
  }
  at::Tensor greatest = std::get<0>(logits.max(1, true));
  finish(tp.all_reduce_max(greatest));
  const at::Tensor here = targets.ge(first).bitwise_and(targets.lt(first + logits.size(1)));
  const at::Tensor place = (targets - first).clamp(0, logits.size(1) - 1).unsqueeze(1);
  const at::Tensor is_here = here.to(logits.scalar_type()).unsqueeze(1);
  at::Tensor chances = (logits - greatest).exp();
  // Two sums in one message.
  at::Tensor sums = at::cat({chances.sum(1, true), logits.gather(1, place) * is_here}, 1);
  finish(tp.all_reduce_sum(sums));
  const at::Tensor z = sums.narrow(1, 0, 1);
  const at::Tensor loss = (z.log() + greatest - sums.narrow(1, 1, 1)).squeeze(1) * weights;
  at::Tensor gradient = chances / z;
  gradient.scatter_add_(1, place, -is_here);
  gradient.mul_(weights.unsqueeze(1) * words.logit_scale);
  if (slope.defined()) gradient.mul_(slope);
  return {loss, gradient};
}

struct CutHeadLoss : Function<CutHeadLoss> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x,
                            const at::Tensor& /*weight*/, const HeadWords& words,
                            const at::Tensor& targets, const at::Tensor& counted, double scale,
                            bool with_gradient, Types types, const ProcessGroup* tp) {
    const at::Tensor weight = words.weight->compute.detach();
    const at::Tensor& gradient = gradient_of(*words.weight);
    at::Tensor loss = at::zeros({}, x.options().dtype(types.master));
    at::Tensor dx = with_gradient ? at::empty_like(x) : at::Tensor();
    for (std::int64_t begin = 0; begin < x.size(0); begin += chunk_rows) {
      const std::int64_t count = std::min(chunk_rows, x.size(0) - begin);
      const at::Tensor part = x.narrow(0, begin, count);
      const Chunk chunk = cross_entropy(
          at::mm(part, weight.t()).to(types.master), words, targets.narrow(0, begin, count),
          counted.narrow(0, begin, count).to(types.master) * scale, *tp);
      loss.add_(chunk.loss.sum());
      if (!with_gradient) continue;
      const at::Tensor narrow = chunk.gradient.to(x.scalar_type());
      dx.narrow(0, begin, count).copy_(at::mm(narrow, weight));
      gradient.add_(at::mm(narrow.t(), part));
    }
    if (with_gradient) context->save_for_backward({dx});
    return loss;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    CHECK_EQ(gradients[0].item<double>(), 1.0);
    return {context->get_saved_variables()[0], {}, {}, {}, {}, {}, {}, {}, {}};
  }
};

}  // namespace

at::Tensor Ops::head_loss_cut(const at::Tensor& x, const HeadWords& words,
                              const at::Tensor& targets, const at::Tensor& counted,
                              double scale) const {
  const at::Tensor rows = enter(x).to(types_.compute).contiguous();
  return CutHeadLoss::apply(rows, words.weight->value, words, targets, counted, scale,
                            c10::GradMode::is_enabled(), types_, &(*mesh_)[layout::Axis::tp]);
}

}  // namespace celere::nn

// The head: logits, and their cross-entropy without ever holding them all.
//
// In the forward pass, rows in chunks: logits, loss, the gradient in their place, and from it at
// once the gradients of the rows and of the weight. So logits of one chunk exist at a time, and the
// backward pass has nothing left to compute [the order of Liger-Kernel's fused linear
// cross-entropy, 2024]. Rows that do not count are left out before: of questions and answers, that
// is about half. Some stay, to make the rest a multiple of `rows_multiple`: oneDNN builds and keeps
// a kernel for every shape that it meets.
#include "nn/function.hpp"
#include "nn/products.hpp"
#include "spec/stack.hpp"

namespace celere::nn {
namespace {

constexpr std::int64_t rows_multiple = 64;

// Which rows the head computes: all that count and as few others as make a multiple, or undefined
// for all rows.
at::Tensor rows_of_head(const at::Tensor& counted) {
  const at::Tensor first = counted.argsort(/*stable=*/true, 0, /*descending=*/true);
  const std::int64_t count = counted.count_nonzero().item<std::int64_t>();
  const std::int64_t some = (count + rows_multiple - 1) / rows_multiple * rows_multiple;
  return some < counted.size(0) ? first.narrow(0, 0, some) : at::Tensor();
}

struct HeadLoss : Function<HeadLoss> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& all, const HeadWords& words,
                            const at::Tensor& all_targets, const at::Tensor& all_counted,
                            double scale, bool with_gradient, const kernels::Table* table) {
    const at::Tensor which = rows_of_head(all_counted);
    const auto picked = [&](const at::Tensor& rows) {
      return which.defined() ? rows.index_select(0, which) : rows;
    };
    const at::Tensor x = picked(all), targets = picked(all_targets), counted = picked(all_counted);
    const std::int64_t rows = x.size(0), vocab = words.weight->value.size(0);
    const std::int64_t chunk = spec::fused_loss_rows(vocab);
    const at::Tensor weight = words.weight->compute.detach();
    const at::Tensor weight_t = ready_for_product(weight.t(), rows);
    const at::Tensor gradient = gradient_of(*words.weight);
    at::Tensor losses = at::empty({rows}, x.options().dtype(at::kFloat));
    at::Tensor dx = with_gradient ? at::empty_like(x) : at::Tensor();
    at::Tensor buffer = at::empty({std::min(chunk, rows), vocab}, x.options());
    for (std::int64_t begin = 0; begin < rows; begin += chunk) {
      const std::int64_t count = std::min(chunk, rows - begin);
      const at::Tensor part = x.narrow(0, begin, count);
      at::Tensor logits = buffer.narrow(0, 0, count);
      product_into(logits, part, weight_t);
      with_type(x.scalar_type(), [&]<typename T>(T) {
        kernels::CrossEntropy<T> f;
        f.logits = write<T>(logits);
        f.target = read<std::int64_t>(targets) + begin;
        f.counted = read<std::uint8_t>(counted) + begin;
        f.loss = write<float>(losses) + begin;
        f.vocab = vocab;
        f.logit_scale = static_cast<float>(words.logit_scale);
        f.soft_cap = static_cast<float>(words.soft_cap);
        f.scale = static_cast<float>(scale);
        f.with_gradient = with_gradient;
        share_out(count, 8, [&](kernels::Rows r) { table->of<T>().cross_entropy(f, r); });
      });
      if (!with_gradient) continue;
      at::Tensor dx_part = dx.narrow(0, begin, count);
      product_into(dx_part, logits, weight);
      add_product(*table, gradient, logits.t(), part);
    }
    if (with_gradient && which.defined()) dx = at::zeros_like(all).index_copy_(0, which, dx);
    if (with_gradient) context->save_for_backward({dx});
    return losses.sum() * scale;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    CHECK_EQ(gradients[0].item<float>(), 1.0F);
    return {context->get_saved_variables()[0], {}, {}, {}, {}, {}, {}};
  }
};

}  // namespace

at::Tensor Ops::head_loss(const at::Tensor& x, const HeadWords& words, const at::Tensor& targets,
                          const at::Tensor& counted, double scale) const {
  if (ranks(layout::Axis::tp) > 1) return head_loss_cut(x, words, targets, counted, scale);
  if (fast()) {
    const bool with_gradient = c10::GradMode::is_enabled();
    return HeadLoss::apply(x.contiguous(), words, targets, counted, scale, with_gradient, table_);
  }
  const at::Tensor log_chances = at::log_softmax(logits(x, words), -1);
  const at::Tensor each = log_chances.gather(1, targets.unsqueeze(1)).squeeze(1);
  return (each * counted.to(each.scalar_type())).sum() * -scale;
}

at::Tensor Ops::logits(const at::Tensor& x, const HeadWords& words) const {
  const auto type = types_.compute;
  const at::Tensor weight = fast() ? words.weight->compute.detach() : words.weight->value.to(type);
  at::Tensor out = at::matmul(x.to(type), weight.t()).to(types_.master);
  if (words.logit_scale != 1) out = out * words.logit_scale;
  if (words.soft_cap > 0) out = words.soft_cap * (out / words.soft_cap).tanh();
  return out;
}

}  // namespace celere::nn

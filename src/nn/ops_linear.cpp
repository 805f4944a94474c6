// Linear layers and embeddings.
//
//   y = x W' + b      dx = dy W      dW += dy' x      db += sum of dy
#include "nn/collectives.hpp"
#include "nn/function.hpp"
#include "nn/products.hpp"

namespace celere::nn {
namespace {

struct Linear : Function<Linear> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const Parameter* weight,
                            const Parameter* bias, const kernels::Table* table) {
    context->save_for_backward({x});
    remember(context, "weight", weight);
    remember(context, "bias", bias);
    remember(context, "table", table);
    const at::Tensor w = weight->compute.detach().t();
    if (bias != nullptr && x.scalar_type() != at::kFloat) {
      return at::addmm(bias->compute.detach(), x, w);
    }
    at::Tensor y = product(x, w);
    if (bias != nullptr) y.add_(bias->compute.detach());
    return y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const at::Tensor x = context->get_saved_variables()[0];
    const auto* weight = remembered<Parameter>(context, "weight");
    const auto* bias = remembered<Parameter>(context, "bias");
    const at::Tensor& dy = gradients[0];
    add_product(*remembered<kernels::Table>(context, "table"), gradient_of(*weight), dy.t(), x);
    if (bias != nullptr) gradient_of(*bias).add_(dy.sum(0, false, at::kFloat));
    at::Tensor dx;
    if (context->needs_input_grad(0)) dx = product(dy, weight->compute.detach());
    return {dx, {}, {}, {}};
  }
};

// Adds rows of `gradient` to rows of `to`; each thread has some columns, so no two write the same
// and the order of the sum is that of the rows.
template <typename T>
void scatter_add(const at::Tensor& to, const at::Tensor& index, const at::Tensor& gradient,
                 float scale) {
  const std::int64_t width = to.size(1), rows = index.numel();
  const std::int64_t* place = index.const_data_ptr<std::int64_t>();
  const T* from = gradient.const_data_ptr<T>();
  float* out = to.mutable_data_ptr<float>();
  at::parallel_for(0, width, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = 0; r < rows; ++r) {
      float* line = out + place[r] * width;
      const T* line_from = from + r * width;
      for (std::int64_t i = begin; i < end; ++i) {
        line[i] += scale * static_cast<float>(line_from[i]);
      }
    }
  });
}

// x + scale rows of the table; x undefined: the rows alone.
struct Embed : Function<Embed> {
  static at::Tensor forward(AutogradContext* context, const std::optional<at::Tensor>& x,
                            [[maybe_unused]] const at::Tensor& leaf, const Parameter* table,
                            const at::Tensor& index, double scale) {
    context->save_for_backward({index});
    remember(context, "table", table);
    context->saved_data["scale"] = scale;
    at::Tensor rows = at::index_select(table->value.detach(), 0, index);
    if (scale != 1) rows.mul_(scale);
    context->saved_data["onto"] = x.has_value();
    return x ? (*x + rows).to(x->scalar_type()) : rows;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const at::Tensor index = context->get_saved_variables()[0];
    const auto* table = remembered<Parameter>(context, "table");
    const auto scale = static_cast<float>(context->saved_data["scale"].toDouble());
    const at::Tensor dy = gradients[0].contiguous();
    with_type(dy.scalar_type(),
              [&]<typename T>(T) { scatter_add<T>(gradient_of(*table), index, dy, scale); });
    return {context->saved_data["onto"].toBool() ? dy : at::Tensor(), {}, {}, {}, {}};
  }
};

}  // namespace

at::Tensor Ops::enter(const at::Tensor& x) const {
  if (ranks(layout::Axis::tp) == 1) return x;
  const ProcessGroup& tp = (*mesh_)[layout::Axis::tp];
  return mesh_->layout().sequence_parallel ? gather_rows(x, tp) : sum_gradient(x, tp);
}

at::Tensor Ops::leave(const at::Tensor& x) const {
  if (ranks(layout::Axis::tp) == 1) return x;
  const ProcessGroup& tp = (*mesh_)[layout::Axis::tp];
  return mesh_->layout().sequence_parallel ? scatter_rows(x, tp) : sum(x, tp);
}

at::Tensor Ops::own_rows(const at::Tensor& index, std::int64_t rows) const {
  if (index.size(0) == rows) return index;
  const ProcessGroup& tp = (*mesh_)[layout::Axis::tp];
  CHECK_EQ(index.size(0), rows * tp.size());
  return index.narrow(0, rows * tp.rank(), rows);
}

at::Tensor Ops::looked_up(const Parameter& table, const at::Tensor& index, double scale) const {
  if (fast()) return Embed::apply(std::optional<at::Tensor>(), table.value, &table, index, scale);
  const at::Tensor rows = rows_of(table.value, index);
  return scale == 1 ? rows : rows * scale;
}

at::Tensor Ops::embed(const Parameter& table, const at::Tensor& index, double scale) const {
  if (ranks(layout::Axis::tp) == 1) return looked_up(table, index, scale);
  // Tokens of other ranks' ranges bring zeros to the sum.
  const std::int64_t first = table.held.slice.offset[0], count = table.shape()[0];
  const at::Tensor here = index.ge(first).bitwise_and(index.lt(first + count));
  const at::Tensor rows = looked_up(table, (index - first).clamp(0, count - 1), scale);
  return leave(rows * here.to(rows.scalar_type()).unsqueeze(1));
}

at::Tensor Ops::add_embedding(const at::Tensor& x, const Parameter& table,
                              const at::Tensor& index) const {
  const at::Tensor own = own_rows(index, x.size(0)).contiguous();
  if (fast()) return Embed::apply(std::optional(x), table.value, &table, own, 1.0);
  return (x + rows_of(table.value, own)).to(x.scalar_type());
}

at::Tensor Ops::local_linear(const at::Tensor& x, const LinearWords& words) const {
  if (fast()) return Linear::apply(x, words.weight, words.bias, table_);
  const auto type = types_.compute;
  return at::linear(
      x.to(type), words.weight->value.to(type),
      words.bias != nullptr ? std::optional(words.bias->value.to(type)) : std::nullopt);
}

at::Tensor Ops::linear(const at::Tensor& x, const Parameter& weight, const Parameter* bias) const {
  return linears(x, {{&weight, bias}}).front();
}

std::vector<at::Tensor> Ops::linears(const at::Tensor& x,
                                     const std::vector<LinearWords>& words) const {
  std::vector<at::Tensor> out;
  at::Tensor entered;
  for (const LinearWords& one : words) {
    const int cut = ranks(layout::Axis::tp) == 1 ? -1 : one.weight->what.shard.tp;
    if (cut == 0) {
      if (!entered.defined()) entered = enter(x);
      out.push_back(local_linear(entered, one));
    } else if (cut == 1) {
      // The bias is whole on each rank, and added once.
      const at::Tensor y = leave(local_linear(x, {one.weight, nullptr}));
      out.push_back(one.bias == nullptr ? y : y + one.bias->value.to(types_.compute));
    } else {
      out.push_back(local_linear(x, one));
    }
  }
  return out;
}

at::Tensor Ops::for_all_heads(const at::Tensor& x) const { return enter(x); }

}  // namespace celere::nn

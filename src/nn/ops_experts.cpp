// The experts' MLPs: rows are sorted by expert, so each expert's part is a dense product.
#include "nn/experts.hpp"
#include "nn/function.hpp"
#include "nn/products.hpp"

namespace celere::nn {
namespace {

// Calls function(expert, first slot, slots) for each expert that has any.
template <typename F>
void over_experts(const std::vector<std::int64_t>& counts, const F& function) {
  std::int64_t first = 0;
  for (std::size_t e = 0; e < counts.size(); ++e) {
    if (counts[e] > 0) function(static_cast<std::int64_t>(e), first, counts[e]);
    first += counts[e];
  }
}

at::Tensor of_expert(const Parameter& weight, std::int64_t expert) {
  return weight.compute.detach().select(0, expert);
}

// out[slots of e] = x[slots of e] weight[e]', for all e.
at::Tensor grouped(const at::Tensor& x, const Parameter& weight,
                   const std::vector<std::int64_t>& counts) {
  at::Tensor out = at::empty({x.size(0), weight.value.size(1)}, x.options());
  over_experts(counts, [&](std::int64_t e, std::int64_t first, std::int64_t count) {
    at::Tensor part = out.narrow(0, first, count);
    product_into(part, x.narrow(0, first, count), of_expert(weight, e).t());
  });
  return out;
}

// The gradient of x of grouped(), added to `dx` unless it is the first; and that of the weight.
void grouped_backward(const kernels::Table& table, const at::Tensor& dy, const at::Tensor& x,
                      const Parameter& weight, const std::vector<std::int64_t>& counts,
                      at::Tensor& dx, bool first_term) {
  over_experts(counts, [&](std::int64_t e, std::int64_t first, std::int64_t count) {
    const at::Tensor dy_e = dy.narrow(0, first, count);
    at::Tensor dx_e = dx.narrow(0, first, count);
    if (first_term) {
      product_into(dx_e, dy_e, of_expert(weight, e));
    } else {
      at::addmm_out(dx_e, dx_e, dy_e, of_expert(weight, e));
    }
    add_product(table, gradient_of(weight).select(0, e), dy_e.t(), x.narrow(0, first, count));
  });
}

template <typename T>
void activate(const kernels::Table& table, const kernels::Activate<T>& f, std::int64_t count,
              bool backward) {
  const auto kernel = backward ? table.of<T>().activate_backward : table.of<T>().activate_forward;
  share_out(count, 8192, [&](kernels::Rows r) { kernel(f, r); });
}

struct Experts : Function<Experts> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x,
                            const at::Tensor& weights, const at::Tensor& place,
                            const at::Tensor& token, const std::vector<std::int64_t>& counts,
                            const ExpertWords* words, const kernels::Table* table) {
    const at::Tensor rows = at::index_select(x, 0, token);
    const at::Tensor a = grouped(rows, *words->w1, counts);
    const at::Tensor b = words->w3 != nullptr ? grouped(rows, *words->w3, counts) : at::Tensor();
    at::Tensor inner = at::empty_like(a);
    at::Tensor out = at::empty_like(x), y;
    with_type(x.scalar_type(), [&]<typename T>(T) {
      kernels::Activate<T> f;
      f.a = read<T>(a);
      f.b = read<T>(b);
      f.out = write<T>(inner);
      f.gate = words->gate;
      activate(*table, f, a.numel(), false);
      y = grouped(inner, *words->w2, counts);
      kernels::Slots<T> s;
      s.place = read<std::int64_t>(place);
      s.weights = read<float>(weights);
      s.slot_rows = read<T>(y);
      s.token_rows = write<T>(out);
      s.choices = place.size(1);
      s.width = x.size(1);
      share_out(x.size(0), 64, [&](kernels::Rows r) { table->of<T>().combine(s, r); });
    });
    context->save_for_backward({rows, a, b, inner, y, weights, place});
    context->saved_data["counts"] = counts;
    remember(context, "words", words);
    remember(context, "table", table);
    return out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &rows = saved[0], &a = saved[1], &b = saved[2], &inner = saved[3];
    const at::Tensor &y = saved[4], &weights = saved[5], &place = saved[6];
    const std::vector<std::int64_t> counts = context->saved_data["counts"].toIntVector();
    const auto* words = remembered<ExpertWords>(context, "words");
    const auto* table = remembered<kernels::Table>(context, "table");
    const at::Tensor dout = gradients[0].contiguous();
    at::Tensor dx = at::empty_like(dout), dweights = at::empty_like(weights);
    with_type(dout.scalar_type(), [&]<typename T>(T) {
      at::Tensor dy = at::empty_like(y), dinner = at::empty_like(inner), da = at::empty_like(a);
      at::Tensor db = b.defined() ? at::empty_like(b) : at::Tensor();
      at::Tensor drows = at::empty_like(rows);
      kernels::Slots<T> s;
      s.place = read<std::int64_t>(place);
      s.weights = read<float>(weights);
      s.slot_rows = read<T>(y);
      s.token_rows_in = read<T>(dout);
      s.slot_rows_out = write<T>(dy);
      s.gradient_weights = write<float>(dweights);
      s.choices = place.size(1);
      s.width = dout.size(1);
      share_out(dout.size(0), 64, [&](kernels::Rows r) { table->of<T>().spread(s, r); });
      grouped_backward(*table, dy, inner, *words->w2, counts, dinner, true);
      kernels::Activate<T> f;
      f.a = read<T>(a);
      f.b = read<T>(b);
      f.gradient = read<T>(dinner);
      f.gradient_a = write<T>(da);
      f.gradient_b = write<T>(db);
      f.gate = words->gate;
      activate(*table, f, a.numel(), true);
      grouped_backward(*table, da, rows, *words->w1, counts, drows, true);
      if (b.defined()) grouped_backward(*table, db, rows, *words->w3, counts, drows, false);
      kernels::Slots<T> back;
      back.place = s.place;
      back.slot_rows = read<T>(drows);
      back.token_rows = write<T>(dx);
      back.choices = s.choices;
      back.width = s.width;
      share_out(dout.size(0), 64, [&](kernels::Rows r) { table->of<T>().combine(back, r); });
    });
    return {dx, dweights, {}, {}, {}, {}, {}};
  }
};

// One expert after the other, under autograd.
at::Tensor plain_experts(const Ops& ops, const at::Tensor& x, const Routing& routing,
                         const ExpertWords& words) {
  const auto type = ops.types().compute;
  const auto product = [&](const at::Tensor& rows, const Parameter& weight, const Parameter* bias,
                           std::int64_t e) {
    const at::Tensor out = at::mm(rows, weight.value.select(0, e).to(type).t());
    return bias == nullptr ? out : out + bias->value.select(0, e).to(type);
  };
  const Ops plain(ops.types(), nullptr);
  std::vector<at::Tensor> parts;
  over_experts(routing.counts, [&](std::int64_t e, std::int64_t first, std::int64_t count) {
    const at::Tensor rows = at::index_select(x, 0, routing.token.narrow(0, first, count));
    const at::Tensor a = product(rows, *words.w1, words.w1_bias, e);
    const at::Tensor b =
        words.w3 != nullptr ? product(rows, *words.w3, words.w3_bias, e) : at::Tensor();
    parts.push_back(product(plain.activate(a, b, words.gate), *words.w2, words.w2_bias, e));
  });
  const at::Tensor slots = at::cat(parts);
  // A dropped choice reads slot 0 with weight zero.
  const at::Tensor kept = routing.place.ge(0);
  const at::Tensor weights = (routing.weights * kept.to(routing.weights.scalar_type())).to(type);
  const at::Tensor gathered = at::index_select(slots, 0, routing.place.clamp_min(0).flatten())
                                  .view({x.size(0), routing.place.size(1), x.size(1)});
  return (gathered * weights.unsqueeze(-1)).sum(1);
}

// Shapes alone: every token through the first expert.
at::Tensor meta_experts(const Ops& ops, const at::Tensor& x, const ExpertWords& words) {
  const Ops plain(ops.types(), nullptr);
  const auto product = [&](const at::Tensor& rows, const Parameter& weight) {
    return at::mm(rows, weight.value.select(0, 0).to(ops.types().compute).t());
  };
  const at::Tensor a = product(x, *words.w1);
  const at::Tensor b = words.w3 != nullptr ? product(x, *words.w3) : at::Tensor();
  return product(plain.activate(a, b, words.gate), *words.w2);
}

}  // namespace

at::Tensor mix_experts(const Ops& ops, const at::Tensor& x, const Routing& routing,
                       const ExpertWords& words) {
  if (x.is_meta()) return meta_experts(ops, x, words);
  const bool biased = words.w1_bias != nullptr || words.w2_bias != nullptr;
  if (ops.fast() && !biased) {
    return Experts::apply(x.contiguous(), routing.weights.contiguous(), routing.place,
                          routing.token, routing.counts, &words, ops.table());
  }
  return plain_experts(ops, x, routing, words);
}

}  // namespace celere::nn

// The experts' MLPs: rows are sorted by expert, so each expert's part is a dense product.
#include "nn/collectives.hpp"
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

// For each token the weighted sum of its slots. A dropped choice reads slot 0 with weight zero.
at::Tensor combined(const at::Tensor& slots, const Routing& routing, at::ScalarType type) {
  const at::Tensor kept = routing.place.ge(0);
  const at::Tensor weights = (routing.weights * kept.to(routing.weights.scalar_type())).to(type);
  const at::Tensor gathered =
      at::index_select(slots, 0, routing.place.clamp_min(0).flatten())
          .view({routing.place.size(0), routing.place.size(1), slots.size(1)});
  return (gathered * weights.unsqueeze(-1)).sum(1);
}

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
  return combined(at::cat(parts), routing, type);
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

at::Tensor mix_local(const Ops& ops, const at::Tensor& x, const Routing& routing,
                     const ExpertWords& words) {
  if (x.is_meta()) return meta_experts(ops, x, words);
  if (routing.token.numel() == 0) return x;  // no rows, but a part of the graph: others wait for it
  const bool biased = words.w1_bias != nullptr || words.w2_bias != nullptr;
  if (ops.fast() && !biased) {
    return Experts::apply(x.contiguous(), routing.weights.contiguous(), routing.place,
                          routing.token, routing.counts, &words, ops.table());
  }
  return plain_experts(ops, x, routing, words);
}

// counts [ranks, experts here] of rows that came from each rank, each rank's sorted by expert: each
// row once, to its expert, with weight one.
Routing sorted_by_expert(const std::vector<std::int64_t>& counts, std::int64_t ranks,
                         const at::TensorOptions& weights) {
  const auto here = static_cast<std::size_t>(counts.size()) / static_cast<std::size_t>(ranks);
  Routing out;
  out.counts.assign(here, 0);
  for (std::size_t i = 0; i < counts.size(); ++i) out.counts[i % here] += counts[i];
  std::vector<std::int64_t> next(here, 0);
  for (std::size_t e = 1; e < here; ++e) next[e] = next[e - 1] + out.counts[e - 1];
  const std::int64_t rows = next.back() + out.counts.back();
  out.weights = at::ones({rows, 1}, weights);
  out.place = at::empty({rows, 1}, at::kLong);
  out.token = at::empty({rows}, at::kLong);
  std::int64_t* place = out.place.mutable_data_ptr<std::int64_t>();
  std::int64_t* token = out.token.mutable_data_ptr<std::int64_t>();
  std::int64_t row = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    for (std::int64_t n = 0; n < counts[i]; ++n, ++row) {
      place[row] = next[i % here]++;
      token[place[row]] = row;
    }
  }
  out.place = out.place.to(weights.device());
  out.token = out.token.to(weights.device());
  return out;
}

std::vector<std::int64_t> all_counts(const std::vector<std::int64_t>& own,
                                     const ProcessGroup& group, bool to_each_its_part,
                                     at::Device device) {
  const at::Tensor mine = at::tensor(own, at::kLong).to(device);
  const std::int64_t ranks = group.size();
  at::Tensor out =
      at::empty({to_each_its_part ? mine.numel() : mine.numel() * ranks}, mine.options());
  finish(to_each_its_part ? group.all_to_all(out, mine) : group.all_gather(out, mine));
  out = out.cpu();
  const std::int64_t* data = out.const_data_ptr<std::int64_t>();
  return {data, data + out.numel()};
}

// Sums of equal parts.
std::vector<std::int64_t> sums_of_parts(const std::vector<std::int64_t>& counts, int parts) {
  std::vector<std::int64_t> sums(static_cast<std::size_t>(parts), 0);
  const std::size_t each = counts.size() / sums.size();
  for (std::size_t i = 0; i < counts.size(); ++i) sums[i / each] += counts[i];
  return sums;
}

// Rows that are at home with all ranks of etp: each gets those of all, computes its part of the
// experts, and the parts' sum goes back to whose rows they were.
at::Tensor over_tensor_ranks(const Ops& ops, const at::Tensor& rows,
                             const std::vector<std::int64_t>& counts, int sources,
                             const ExpertWords& words, const ExpertWords& words_without_bias) {
  const ProcessGroup& etp = (*ops.mesh())[layout::Axis::etp];
  const at::TensorOptions weights = rows.options().dtype(ops.types().master).requires_grad(false);
  if (etp.size() == 1) {
    return mix_local(ops, rows, sorted_by_expert(counts, sources, weights), words);
  }
  const std::vector<std::int64_t> all = all_counts(counts, etp, false, rows.device());
  const std::vector<std::int64_t> of_rank = sums_of_parts(all, etp.size());
  const Rows own(static_cast<std::size_t>(etp.size()), rows.size(0));
  const at::Tensor gathered = exchange(rows.repeat({etp.size(), 1}), of_rank, own, etp);
  // A bias behind the sum is added once.
  const at::Tensor parts =
      mix_local(ops, gathered, sorted_by_expert(all, std::int64_t{sources} * etp.size(), weights),
                etp.rank() == 0 || words.w2_bias == nullptr ? words : words_without_bias);
  return exchange(parts, own, of_rank, etp).view({etp.size(), rows.size(0), rows.size(1)}).sum(0);
}

at::Tensor mix_over_ranks(const Ops& ops, const at::Tensor& x, const Routing& routing,
                          const ExpertWords& words, const ExpertWords& words_without_bias) {
  const ProcessGroup& ep = (*ops.mesh())[layout::Axis::ep];
  const at::Tensor slots = at::index_select(x, 0, routing.token);
  const std::vector<std::int64_t> arriving =
      all_counts(routing.counts, ep, true, x.device());  // [ranks, experts here]
  const Rows sent = sums_of_parts(routing.counts, ep.size());
  const Rows received = sums_of_parts(arriving, ep.size());
  const at::Tensor rows = exchange(slots, received, sent, ep);
  const at::Tensor out =
      over_tensor_ranks(ops, rows, arriving, ep.size(), words, words_without_bias);
  const at::Tensor back = exchange(out, sent, received, ep);
  return combined(back, routing, ops.types().compute);
}

}  // namespace

at::Tensor mix_experts(const Ops& ops, const at::Tensor& x, const Routing& routing,
                       const ExpertWords& words) {
  if (ops.mesh() != nullptr &&
      ((*ops.mesh())[layout::Axis::ep].size() > 1 || (*ops.mesh())[layout::Axis::etp].size() > 1)) {
    ExpertWords without_bias = words;
    without_bias.w2_bias = nullptr;
    return mix_over_ranks(ops, x, routing, words, without_bias);
  }
  return mix_local(ops, x, routing, words);
}

}  // namespace celere::nn

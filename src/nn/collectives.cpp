#include "nn/collectives.hpp"

#include <numeric>

#include "nn/function.hpp"

namespace celere::nn {
namespace {

std::vector<std::int64_t> with_rows(const at::Tensor& x, std::int64_t rows) {
  std::vector<std::int64_t> shape = x.sizes().vec();
  shape[0] = rows;
  return shape;
}

at::Tensor gathered(const at::Tensor& x, const ProcessGroup& group) {
  at::Tensor whole = at::empty(with_rows(x, x.size(0) * group.size()), x.options());
  finish(group.all_gather(whole, x.contiguous()));
  return whole;
}

at::Tensor scattered(const at::Tensor& x, const ProcessGroup& group) {
  CHECK_EQ(x.size(0) % group.size(), 0);
  at::Tensor part = at::empty(with_rows(x, x.size(0) / group.size()), x.options());
  finish(group.reduce_scatter_sum(part, x.contiguous()));
  return part;
}

at::Tensor summed(const at::Tensor& x, const ProcessGroup& group) {
  at::Tensor out = x.clone(at::MemoryFormat::Contiguous);
  finish(group.all_reduce_sum(out));
  return out;
}

at::Tensor exchanged(const at::Tensor& x, const Rows& to_rows, const Rows& from_rows,
                     const ProcessGroup& group) {
  const std::int64_t rows = std::accumulate(to_rows.begin(), to_rows.end(), std::int64_t{0});
  at::Tensor out = at::empty(with_rows(x, rows), x.options());
  finish(group.all_to_all(out, to_rows, x.contiguous(), from_rows));
  return out;
}

using Move = at::Tensor (*)(const at::Tensor&, const ProcessGroup&);
at::Tensor unmoved(const at::Tensor& x, const ProcessGroup& /*group*/) { return x.view_as(x); }

template <Move forward_move, Move backward_move>
struct Moved : Function<Moved<forward_move, backward_move>> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x,
                            const ProcessGroup* group) {
    remember(context, "group", group);
    return forward_move(x, *group);
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    return {backward_move(gradients[0], *remembered<ProcessGroup>(context, "group")), {}};
  }
};

struct Exchange : Function<Exchange> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const Rows& to_rows,
                            const Rows& from_rows, const ProcessGroup* group) {
    remember(context, "group", group);
    context->saved_data["to"] = to_rows;
    context->saved_data["from"] = from_rows;
    return exchanged(x, to_rows, from_rows, *group);
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const Rows to = context->saved_data["to"].toIntVector();
    const Rows from = context->saved_data["from"].toIntVector();
    return {
        exchanged(gradients[0], from, to, *remembered<ProcessGroup>(context, "group")), {}, {}, {}};
  }
};

}  // namespace

void finish(Pending pending) {
  Status status = pending.wait();
  if (!status.ok()) throw GroupBroken(std::move(status).error());
}

Status guarded(const std::function<void()>& function) {
  try {
    function();
  } catch (const GroupBroken& broken) {
    return broken.error;
  }
  return Done{};
}

Status sum_over(const ProcessGroup& group, std::span<double> numbers) {
  if (group.size() == 1) return Done{};
  const at::Tensor sums =
      at::from_blob(numbers.data(), {static_cast<std::int64_t>(numbers.size())}, at::kDouble);
  return group.all_reduce_sum(sums).wait();
}

at::Tensor gather_rows(const at::Tensor& x, const ProcessGroup& group) {
  return group.size() == 1 ? x : Moved<gathered, scattered>::apply(x, &group);
}

at::Tensor scatter_rows(const at::Tensor& x, const ProcessGroup& group) {
  return group.size() == 1 ? x : Moved<scattered, gathered>::apply(x, &group);
}

at::Tensor sum(const at::Tensor& x, const ProcessGroup& group) {
  return group.size() == 1 ? x : Moved<summed, unmoved>::apply(x, &group);
}

at::Tensor sum_gradient(const at::Tensor& x, const ProcessGroup& group) {
  return group.size() == 1 ? x : Moved<unmoved, summed>::apply(x, &group);
}

at::Tensor exchange(const at::Tensor& x, const Rows& to_rows, const Rows& from_rows,
                    const ProcessGroup& group) {
  return group.size() == 1 ? x : Exchange::apply(x, to_rows, from_rows, &group);
}

at::Tensor exchange_evenly(const at::Tensor& x, const ProcessGroup& group) {
  const Rows even(static_cast<std::size_t>(group.size()), x.size(0) / group.size());
  return exchange(x, even, even, group);
}

}  // namespace celere::nn

// Attention and activations.
#include <cmath>

#include "nn/function.hpp"
#include "nn/ops_attend.hpp"
#include "nn/rerun.hpp"

namespace celere::nn {
namespace {

// Beyond it a block's scores leave the cache.
constexpr std::int64_t fast_length_max = 2048;

struct Attend : Function<Attend> {
  template <typename T>
  static kernels::Attend<T> filled(const AttentionWords& words, std::int64_t length,
                                   const variable_list& t) {
    kernels::Attend<T> f;
    f.q = read<T>(t[0]);
    f.k = read<T>(t[1]);
    f.v = read<T>(t[2]);
    f.out = write<T>(t[3]);
    f.log_sum = write<float>(t[4]);
    f.start = read<std::int32_t>(t[5]);
    f.length = length;
    f.heads = words.heads;
    f.kv_heads = words.kv_heads;
    f.dim = words.dim;
    f.value_dim = words.value_dim;
    f.scale = static_cast<float>(words.scale);
    return f;
  }

  template <typename T, typename Kernel>
  static void run(const kernels::Attend<T>& f, std::int64_t pairs, Kernel kernel) {
    const std::int64_t scratch = kernels::attend_scratch(f.length, f.dim, f.value_dim);
    at::parallel_for(0, pairs, 1, [&](std::int64_t begin, std::int64_t end) {
      const at::Tensor own = at::empty({scratch}, at::kFloat);
      kernels::Attend<T> mine = f;
      mine.scratch = own.mutable_data_ptr<float>();
      kernel(mine, kernels::Rows{begin, end});
    });
  }

  static at::Tensor forward(AutogradContext* context, const at::Tensor& q, const at::Tensor& k,
                            const at::Tensor& v, const at::Tensor& start, std::int64_t length,
                            const AttentionWords& words, const kernels::Table* table) {
    at::Tensor out = at::empty({q.size(0), words.heads * words.value_dim}, q.options());
    at::Tensor log_sum = at::empty({q.size(0), words.heads}, q.options().dtype(at::kFloat));
    const variable_list all{q, k, v, out, log_sum, start};
    with_type(q.scalar_type(), [&]<typename T>(T) {
      run(filled<T>(words, length, all), q.size(0) / length * words.kv_heads,
          table->of<T>().attend_forward);
    });
    context->save_for_backward(all);
    context->saved_data["length"] = length;
    context->saved_data["scale"] = words.scale;
    context->saved_data["shape"] =
        std::vector<std::int64_t>{words.heads, words.kv_heads, words.dim, words.value_dim};
    remember(context, "table", table);
    return out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list all = context->get_saved_variables();
    const std::vector<std::int64_t> shape = context->saved_data["shape"].toIntVector();
    AttentionWords words{shape[0], shape[1], shape[2], shape[3]};
    words.scale = context->saved_data["scale"].toDouble();
    const auto* table = remembered<kernels::Table>(context, "table");
    const std::int64_t length = context->saved_data["length"].toInt();
    const at::Tensor dy = gradients[0].contiguous();
    at::Tensor dq = at::empty_like(all[0]), dk = at::empty_like(all[1]);
    at::Tensor dv = at::empty_like(all[2]);
    with_type(dy.scalar_type(), [&]<typename T>(T) {
      kernels::Attend<T> f = filled<T>(words, length, all);
      f.gradient = read<T>(dy);
      f.gradient_q = write<T>(dq);
      f.gradient_k = write<T>(dk);
      f.gradient_v = write<T>(dv);
      run(f, dy.size(0) / length * words.kv_heads, table->of<T>().attend_backward);
    });
    return {dq, dk, dv, {}, {}, {}, {}};
  }
};

// softmax(scores) v; scores [..., heads, queries, keys], `hidden` is true where a key is not seen.
at::Tensor weighed(at::Tensor scores, const at::Tensor& hidden, const at::Tensor& v,
                   const AttentionWords& words) {
  scores = scores * words.scale;
  if (words.soft_cap > 0) scores = words.soft_cap * (scores / words.soft_cap).tanh();
  scores = scores.masked_fill(hidden, -std::numeric_limits<double>::infinity());
  if (words.sinks == nullptr) return at::matmul(at::softmax(scores, -1).to(v.scalar_type()), v);
  // One more logit that takes probability and gives no value [gpt-oss].
  std::vector<std::int64_t> shape = scores.sizes().vec();
  const std::int64_t keys = shape.back();
  shape.back() = 1;
  const at::Tensor sink = words.sinks->value.to(scores.scalar_type())
                              .narrow(0, words.sinks_first, words.heads)
                              .view({words.heads, 1, 1})
                              .expand(shape);
  const at::Tensor weights = at::softmax(at::cat({scores, sink}, -1), -1).narrow(-1, 0, keys);
  return at::matmul(weights.to(v.scalar_type()), v);
}

struct Activation : Function<Activation> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& a,
                            const std::optional<at::Tensor>& with, kernels::Gate gate,
                            const kernels::Table* table) {
    const at::Tensor b = with.value_or(at::Tensor());
    at::Tensor out = at::empty_like(a);
    with_type(a.scalar_type(), [&]<typename T>(T) {
      kernels::Activate<T> f;
      f.a = read<T>(a);
      f.b = read<T>(b);
      f.out = write<T>(out);
      f.gate = gate;
      share_out(a.numel(), 8192, [&](kernels::Rows r) { table->of<T>().activate_forward(f, r); });
    });
    context->save_for_backward({a, b});
    context->saved_data["gate"] = static_cast<std::int64_t>(gate);
    remember(context, "table", table);
    return out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const auto* table = remembered<kernels::Table>(context, "table");
    const at::Tensor dy = gradients[0].contiguous();
    at::Tensor da = at::empty_like(dy);
    at::Tensor db = saved[1].defined() ? at::empty_like(dy) : at::Tensor();
    with_type(dy.scalar_type(), [&]<typename T>(T) {
      kernels::Activate<T> f;
      f.a = read<T>(saved[0]);
      f.b = read<T>(saved[1]);
      f.gradient = read<T>(dy);
      f.gradient_a = write<T>(da);
      f.gradient_b = write<T>(db);
      f.gate = static_cast<kernels::Gate>(context->saved_data["gate"].toInt());
      share_out(dy.numel(), 8192, [&](kernels::Rows r) { table->of<T>().activate_backward(f, r); });
    });
    return {da, db, {}, {}};
  }
};

at::Tensor plain_gate(const at::Tensor& a, kernels::Gate gate) {
  switch (gate) {
    case kernels::Gate::gelu:
      return at::gelu(a, "tanh");
    case kernels::Gate::relu_squared:
      return a.clamp_min(0).square();
    case kernels::Gate::silu:
      return at::silu(a);
  }
  CHECK(false);
}

}  // namespace

at::Tensor heads_first(const at::Tensor& x, std::int64_t length, std::int64_t heads,
                       const AttentionWords& words) {
  const at::Tensor out = x.view({x.size(0) / length, length, heads, -1}).transpose(1, 2);
  return heads == words.heads ? out : out.repeat_interleave(words.heads / words.kv_heads, 1);
}

at::Tensor attention_of(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                        std::int64_t length, const at::Tensor& hidden,
                        const AttentionWords& words) {
  const std::int64_t keys = k.size(0) / (q.size(0) / length);
  const at::Tensor scores =
      at::matmul(heads_first(q, length, words.heads, words),
                 heads_first(k, keys, words.kv_heads, words).transpose(-1, -2));
  return weighed(scores, hidden, heads_first(v, keys, words.kv_heads, words), words)
      .transpose(1, 2)
      .reshape({q.size(0), words.heads * words.value_dim});
}

at::Tensor Ops::attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                       const at::Tensor& start, std::int64_t length,
                       const AttentionWords& words) const {
  const auto attend_now = [this, start, length, &words](const Tensors& in) {
    return Tensors{ranks(layout::Axis::cp) > 1
                       ? attend_context(in[0], in[1], in[2], start, length, words)
                       : attend_here(in[0], in[1], in[2], start, length, words)};
  };
  const bool again = mesh_ != nullptr && mesh_->layout().recompute == layout::Recompute::selective;
  return again ? rerun({q, k, v}, attend_now)[0] : attend_now({q, k, v})[0];
}

at::Tensor Ops::attend_here(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const at::Tensor& start, std::int64_t length,
                            const AttentionWords& words) const {
  const bool simple = words.soft_cap == 0 && words.sinks == nullptr;
  if (fast() && simple && length <= fast_length_max) {
    return Attend::apply(q.contiguous(), k.contiguous(), v.contiguous(), start, length, words,
                         table_);
  }
  const at::Tensor key = at::arange(length, start.options());
  const at::Tensor first = start.view({-1, 1, length, 1});
  const at::Tensor hidden = (key < first).bitwise_or(key > key.unsqueeze(1));
  return attention_of(q, k, v, length, hidden, words);
}

at::Tensor Ops::attend_cached(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                              const AttentionWords& words) const {
  const std::int64_t rows = q.size(0), positions = k.size(0);
  const at::Tensor key = at::arange(positions, q.options().dtype(at::kInt));
  const at::Tensor query = key.narrow(0, positions - rows, rows).unsqueeze(1);
  return attention_of(q, k, v, rows, key > query, words);
}

at::Tensor Ops::activate(const at::Tensor& a, const at::Tensor& b, kernels::Gate gate) const {
  if (fast()) return Activation::apply(a, if_defined(b), gate, table_);
  const at::Tensor out = plain_gate(a, gate);
  return b.defined() ? out * b : out;
}

}  // namespace celere::nn

// Attention where each rank of cp has a part of every sequence (nn/context_rows.hpp).
//
//   all-gather   keys and values of all, then one's own queries           [Llama 3]
//   all-to-all   all positions of a share of the heads, and back          [Jacobs et al. 2023]
//   ring         keys and values go round; what each block gives is merged by its log-sum
//                [Liu et al. 2023]:   o = sum of o_b exp(l_b - l),  l = log sum exp l_b
//
// The ring's backward pass goes round once more, and the gradients of a block travel with it.
#include "nn/ops_attend.hpp"

#include "nn/collectives.hpp"
#include "nn/context_rows.hpp"
#include "nn/function.hpp"

namespace celere::nn {
namespace {

// The positions of all ranks, one behind the other, and where in that order each position is.
struct Order {
  at::Tensor positions, place;
};
Order order_of(std::int64_t length, int ranks, at::Device device) {
  std::vector<at::Tensor> parts;
  for (int r = 0; r < ranks; ++r) parts.push_back(context_positions(length, ranks, r));
  const at::Tensor positions = at::cat(parts).to(device);
  return {positions, positions.argsort()};
}

// What the ranks have, [ranks, sequences, length here, ...], as sequences in their order.
at::Tensor in_order(const at::Tensor& parts, const Order& order) {
  const std::int64_t sequences = parts.size(1), width = parts.size(3);
  return parts.transpose(0, 1)
      .reshape({sequences, order.place.numel(), width})
      .index_select(1, order.place);
}

// x [sequences x length here, width] of all ranks: [sequences x length, width].
at::Tensor gather_positions(const at::Tensor& x, std::int64_t length_here, const Order& order,
                            const ProcessGroup& cp) {
  const at::Tensor all = gather_rows(x, cp).view({cp.size(), -1, length_here, x.size(1)});
  return in_order(all, order).reshape({-1, x.size(1)});
}

at::Tensor gather_start(const at::Tensor& start, std::int64_t length_here, const Order& order,
                        const ProcessGroup& cp) {
  const at::NoGradGuard quiet;
  return gather_positions(start.unsqueeze(1), length_here, order, cp).squeeze(1).contiguous();
}

// What a key at `keys` is to a query at `queries` of a document that begins at `start`.
at::Tensor hidden_of(const at::Tensor& queries, const at::Tensor& keys, const at::Tensor& start,
                     std::int64_t length_here) {
  const at::Tensor first = start.view({-1, 1, length_here, 1});
  return (keys < first).bitwise_or(keys > queries.unsqueeze(1));
}

class Ring {
 public:
  Ring(const AttentionWords& words, std::int64_t length_here, const at::Tensor& start,
       const ProcessGroup& cp)
      : words_(words), length_(length_here), start_(start), cp_(cp) {}

  // The block that is here at turn i.
  int owner(int turn) const { return (cp_.rank() - turn + cp_.size()) % cp_.size(); }

  at::Tensor heads(const at::Tensor& x, std::int64_t count) const {
    return heads_first(x, length_, count, words_);
  }
  // Scores after the cap, -infinity where hidden: [sequences, heads, queries, keys].
  at::Tensor scores(const at::Tensor& q, const at::Tensor& k, int turn) const {
    at::Tensor s = at::matmul(q, k.transpose(-1, -2)) * words_.scale;
    if (words_.soft_cap > 0) s = words_.soft_cap * (s / words_.soft_cap).tanh();
    const std::int64_t whole = length_ * cp_.size();
    const auto at = [&](int rank) {
      return context_positions(whole, cp_.size(), rank).to(q.device());
    };
    return s.masked_fill(hidden_of(at(cp_.rank()), at(owner(turn)), start_, length_),
                         -std::numeric_limits<double>::infinity());
  }
  // To the next rank; from the one before, into the result. An exchange among all, in which only
  // neighbours have something to say, needs no order of sends and receives.
  Pending pass_on(const at::Tensor& to, const at::Tensor& from) const {
    Rows sent(static_cast<std::size_t>(cp_.size()), 0), received = sent;
    sent[static_cast<std::size_t>((cp_.rank() + 1) % cp_.size())] = from.size(0);
    received[static_cast<std::size_t>(owner(1))] = to.size(0);
    return cp_.all_to_all(to, received, from, sent);
  }
  int turns() const { return cp_.size(); }
  const AttentionWords& words() const { return words_; }

 private:
  const AttentionWords& words_;
  std::int64_t length_;
  at::Tensor start_;
  const ProcessGroup& cp_;
};

// [sequences, heads, length, dim] of repeated heads, summed over the repeats, as rows.
at::Tensor to_rows(const at::Tensor& x, std::int64_t heads) {
  const std::int64_t repeats = x.size(1) / heads;
  const at::Tensor sum =
      repeats == 1 ? x : x.view({x.size(0), heads, repeats, x.size(2), x.size(3)}).sum(2);
  return sum.transpose(1, 2).reshape({x.size(0) * x.size(2), heads * x.size(3)});
}

at::ScalarType wide(at::ScalarType type) { return type == at::kDouble ? type : at::kFloat; }

struct RingAttend : Function<RingAttend> {
  static variable_list forward(AutogradContext* context, const at::Tensor& q, const at::Tensor& k,
                               const at::Tensor& v, const at::Tensor& start, std::int64_t length,
                               const AttentionWords* words, const ProcessGroup* cp) {
    const Ring ring(*words, length, start, *cp);
    const auto type = wide(q.scalar_type());
    const at::Tensor queries = ring.heads(q, words->heads).to(type);
    at::Tensor block = at::cat({k, v}, 1).contiguous();
    at::Tensor greatest, total, out;
    for (int turn = 0; turn < ring.turns(); ++turn) {
      at::Tensor next = at::empty_like(block);
      std::optional<Pending> passing;
      if (turn + 1 < ring.turns()) passing = ring.pass_on(next, block);
      const at::Tensor keys = ring.heads(block.narrow(1, 0, k.size(1)), words->kv_heads).to(type);
      const at::Tensor values =
          ring.heads(block.narrow(1, k.size(1), v.size(1)), words->kv_heads).to(type);
      const at::Tensor scores = ring.scores(queries, keys, turn);
      const at::Tensor top = std::get<0>(scores.max(-1, true));
      // The first block is one's own, in which each row sees itself: what follows is finite.
      const at::Tensor above = turn == 0 ? top : at::maximum(greatest, top);
      const at::Tensor weights = (scores - above).exp();
      const at::Tensor part = at::matmul(weights, values), sum = weights.sum(-1, true);
      if (turn == 0) {
        out = part;
        total = sum;
      } else {
        const at::Tensor shrink = (greatest - above).exp();
        out = out * shrink + part;
        total = total * shrink + sum;
      }
      greatest = above;
      if (passing) finish(*std::move(passing));
      block = next;
    }
    out = out / total;
    const at::Tensor log_sum = total.log() + greatest;
    context->save_for_backward({q, k, v, start, out, log_sum});
    context->saved_data["length"] = length;
    remember(context, "words", words);
    remember(context, "cp", cp);
    return {to_rows(out, words->heads).to(q.scalar_type()), log_sum};
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &q = saved[0], &k = saved[1], &v = saved[2], &out = saved[4];
    const at::Tensor& log_sum = saved[5];
    const auto* words = remembered<AttentionWords>(context, "words");
    const Ring ring(*words, context->saved_data["length"].toInt(), saved[3],
                    *remembered<ProcessGroup>(context, "cp"));
    const auto type = wide(q.scalar_type());
    const at::Tensor queries = ring.heads(q, words->heads).to(type);
    const at::Tensor dout = ring.heads(gradients[0], words->heads).to(type);
    at::Tensor delta = (dout * out).sum(-1, true);
    if (gradients[1].defined()) delta = delta - gradients[1];
    at::Tensor dqueries = at::zeros_like(queries);
    at::Tensor block = at::cat({k, v}, 1).contiguous();
    at::Tensor dblock = at::zeros(block.sizes(), block.options().dtype(type));
    for (int turn = 0; turn < ring.turns(); ++turn) {
      at::Tensor next = at::empty_like(block);
      std::optional<Pending> passing;
      if (turn + 1 < ring.turns()) passing = ring.pass_on(next, block);
      const at::Tensor keys = ring.heads(block.narrow(1, 0, k.size(1)), words->kv_heads).to(type);
      const at::Tensor values =
          ring.heads(block.narrow(1, k.size(1), v.size(1)), words->kv_heads).to(type);
      const at::Tensor scores = ring.scores(queries, keys, turn);
      const at::Tensor chances = (scores - log_sum).exp();
      at::Tensor dscores = chances * (at::matmul(dout, values.transpose(-1, -2)) - delta);
      if (words->soft_cap > 0) {
        // Of hidden scores nothing comes back, and their square is not finite.
        const at::Tensor finite = scores.masked_fill(scores.isinf(), 0);
        dscores = dscores * (1 - (finite / words->soft_cap).square());
      }
      dscores = dscores * words->scale;
      dqueries.add_(at::matmul(dscores, keys));
      dblock.narrow(1, 0, k.size(1))
          .add_(to_rows(at::matmul(dscores.transpose(-1, -2), queries), words->kv_heads));
      dblock.narrow(1, k.size(1), v.size(1))
          .add_(to_rows(at::matmul(chances.transpose(-1, -2), dout), words->kv_heads));
      if (passing) finish(*std::move(passing));
      block = next;
      at::Tensor arriving = at::empty_like(dblock);
      finish(ring.pass_on(arriving, dblock));
      dblock = arriving;
    }
    return {to_rows(dqueries, words->heads).to(q.scalar_type()),
            dblock.narrow(1, 0, k.size(1)).to(k.scalar_type()),
            dblock.narrow(1, k.size(1), v.size(1)).to(v.scalar_type()),
            {},
            {},
            {},
            {}};
  }
};

// One more logit that takes probability and gives no value: chances shrink by 1 / (1 + exp(sink -
// log-sum)).
at::Tensor with_sinks(const at::Tensor& out, const at::Tensor& log_sum, std::int64_t length,
                      const AttentionWords& words) {
  const at::Tensor sink = words.sinks->value.to(log_sum.scalar_type()).view({words.heads, 1, 1});
  const at::Tensor shrink = (log_sum - sink).sigmoid().transpose(1, 2);  // [s, length, heads, 1]
  const at::Tensor shaped = out.view({-1, length, words.heads, words.value_dim});
  return (shaped * shrink.to(out.scalar_type())).reshape(out.sizes());
}

// [sequences x length here, all heads] -> [sequences x length, a share of the heads].
at::Tensor heads_for_positions(const at::Tensor& x, std::int64_t length_here, const Order& order,
                               const ProcessGroup& cp) {
  const std::int64_t width = x.size(1) / cp.size();
  const at::Tensor parts = x.view({-1, length_here, cp.size(), width}).permute({2, 0, 1, 3});
  return in_order(exchange_evenly(parts.contiguous(), cp), order).reshape({-1, width});
}

at::Tensor positions_for_heads(const at::Tensor& x, std::int64_t length_here, const Order& order,
                               const ProcessGroup& cp) {
  const std::int64_t width = x.size(1);
  const at::Tensor parts = x.view({-1, length_here * cp.size(), width})
                               .index_select(1, order.positions)
                               .view({-1, cp.size(), length_here, width})
                               .transpose(0, 1);
  return exchange_evenly(parts.contiguous(), cp)
      .permute({1, 2, 0, 3})
      .reshape({-1, width * cp.size()});
}

// Heads that are fewer than the ranks go to several of them.
at::Tensor repeated_heads(const at::Tensor& x, std::int64_t heads, std::int64_t times) {
  if (times == 1) return x;
  return x.view({x.size(0), heads, -1}).repeat_interleave(times, 1).view({x.size(0), -1});
}

}  // namespace

at::Tensor Ops::attend_context(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                               const at::Tensor& start, std::int64_t length,
                               const AttentionWords& words) const {
  const ProcessGroup& cp = (*mesh_)[layout::Axis::cp];
  if (mesh_->layout().cp_method == layout::CpMethod::ring) {
    const variable_list out = RingAttend::apply(q, k, v, start, length, &words, &cp);
    return words.sinks == nullptr ? out[0] : with_sinks(out[0], out[1], length, words);
  }
  const Order order = order_of(length * cp.size(), cp.size(), q.device());
  if (mesh_->layout().cp_method == layout::CpMethod::all_gather) {
    const at::Tensor keys = gather_positions(k, length, order, cp);
    const at::Tensor values = gather_positions(v, length, order, cp);
    const at::Tensor own = order.positions.narrow(0, length * cp.rank(), length);
    const at::Tensor all = at::arange(length * cp.size(), own.options());
    return attention_of(q, keys, values, length, hidden_of(own, all, start, length), words);
  }
  AttentionWords share = words;
  const std::int64_t repeats = std::max<std::int64_t>(1, cp.size() / words.kv_heads);
  share.heads = words.heads / cp.size();
  share.kv_heads = words.kv_heads * repeats / cp.size();
  share.sinks_first = words.sinks_first + share.heads * cp.rank();
  const auto moved = [&](const at::Tensor& x) {
    return heads_for_positions(x.contiguous(), length, order, cp);
  };
  const at::Tensor out =
      attend_here(moved(q), moved(repeated_heads(k, words.kv_heads, repeats)),
                  moved(repeated_heads(v, words.kv_heads, repeats)),
                  gather_start(start, length, order, cp), length * cp.size(), share);
  return positions_for_heads(out, length, order, cp);
}

}  // namespace celere::nn

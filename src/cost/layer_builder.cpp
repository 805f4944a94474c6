#include "cost/layer_builder.hpp"

#include <algorithm>
#include <cmath>

namespace celere::cost {
namespace {

// Before FlashAttention, by count: bytes a score through memory. Forward the product writes 2, the
// fused scale, mask and softmax reads and writes 2, dropout reads 2 and writes 3 with its mask, the
// next product reads 2; backward the same passes with what they kept. And what stays in memory.
constexpr double score_bytes_forward = 13;
constexpr double score_bytes_backward = 15;
constexpr double score_bytes_kept = 5;    // [Korthikanti et al. 2022, eq. 2]
constexpr double slot_bytes_a_width = 8;  // permute and unpermute: two reads and two writes of bf16

bool in_low_precision(spec::Precision precision) {
  const spec::Arithmetic arithmetic = spec::arithmetic_of(precision);
  return arithmetic == spec::Arithmetic::fp8 || arithmetic == spec::Arithmetic::fp4;
}

}  // namespace

LayerBuilder::LayerBuilder(const Setting& setting, const Numbers& numbers,
                           const Efficiency& efficiency, const Collectives& collectives,
                           const LayerSplit& split)
    : setting_(setting),
      numbers_(numbers),
      efficiency_(efficiency),
      collectives_(collectives),
      split_(split),
      tokens_(static_cast<double>(split.micro_batch) * static_cast<double>(setting.sequence) /
              split.cp),
      low_precision_(in_low_precision(setting.precision)),
      element_bytes_(element_bytes(setting.precision)) {}

double LayerBuilder::heads() const {
  return static_cast<double>(setting_.model.attention.heads) / split_.tp;
}

double LayerBuilder::kv_heads() const {
  const spec::Attention& attention = setting_.model.attention;
  if (attention.kind == spec::AttentionKind::latent) return heads();
  return std::max(1.0, static_cast<double>(attention.kv_heads) / split_.tp);
}

double LayerBuilder::value_dim() const { return setting_.model.attention.value_dim; }

void LayerBuilder::linear(double n, double k) {
  forward_ += numbers_.gemm_factor * efficiency_.gemm(tokens_, n, k);
  backward_ += numbers_.gemm_factor * efficiency_.gemm(tokens_, k, n);
  weight_ += numbers_.gemm_factor * efficiency_.gemm(n, k, tokens_);
  flops_ += Flops::of(2 * tokens_ * n * k);
  if (!low_precision_) return;
  const double bytes = numbers_.cast_bytes;
  forward_ += efficiency_.memory(Bytes::of(bytes * tokens_ * k));
  backward_ += efficiency_.memory(Bytes::of(bytes * tokens_ * n));
}

void LayerBuilder::linear_bf16(double tokens, double n, double k) {
  forward_ += numbers_.gemm_factor * efficiency_.gemm_bf16(tokens, n, k);
  backward_ += numbers_.gemm_factor * efficiency_.gemm_bf16(tokens, k, n);
  weight_ += numbers_.gemm_factor * efficiency_.gemm_bf16(n, k, tokens);
  flops_ += Flops::of(2 * tokens * n * k);
}

void LayerBuilder::memory_bound(double bytes_a_token) {
  const Seconds time =
      numbers_.memory_factor * efficiency_.memory(Bytes::of(bytes_a_token * tokens_));
  forward_ += time;
  backward_ += numbers_.memory_backward * time;
}

void LayerBuilder::norms(int count) {
  const double hidden = setting_.model.hidden;
  memory_bound(count * 8 * hidden / split_norm());
  keep(count * element_bytes_ * hidden * tokens_ / split_norm());
}

void LayerBuilder::attention_projections() {
  const spec::Attention& attention = setting_.model.attention;
  const double hidden = setting_.model.hidden;
  const double query = heads() * attention.head_dim;
  const double key_value = kv_heads() * (attention.head_dim + value_dim());
  if (attention.kind == spec::AttentionKind::latent) {
    const double compressed = attention.kv_rank + attention.rope_dim;
    linear(compressed, hidden);
    linear(heads() * (attention.head_dim - attention.rope_dim + value_dim()), attention.kv_rank);
    if (attention.query_rank > 0) {
      linear(attention.query_rank, hidden);
      linear(query, attention.query_rank);
    } else {
      linear(query, hidden);
    }
    // The compressed vectors, before and behind their norms.
    keep(2 * element_bytes_ * tokens_ * (compressed + attention.query_rank));
  } else {
    linear(query + key_value, hidden);
  }
  linear(hidden, heads() * value_dim());
  memory_bound(4 * (heads() + 2 * kv_heads()) * attention.head_dim);
  keep(input_bytes() * tokens_ * hidden / split_norm());
  keep(element_bytes_ * tokens_ * (query + key_value + heads() * value_dim()));
  if (attention.query_key_norm) {
    keep(element_bytes_ * tokens_ * (heads() + kv_heads()) * attention.head_dim);
  }
}

void LayerBuilder::attention() {
  attention_projections();
  if (setting_.stack.fused_attention) {
    fused_attention();
  } else {
    unfused_attention();
  }
  forward_ += attention_forward_;
  backward_ += attention_backward_;
  flops_ += attention_flops_;
  context_traffic();
}

void LayerBuilder::value_embedding() {
  memory_bound(added_embedding_bytes * kv_heads() * value_dim());
}

// Causal: half of the scores, spread evenly over the ranks of cp (zig-zag).
void LayerBuilder::fused_attention() {
  const spec::Attention& attention = setting_.model.attention;
  const double sequence = static_cast<double>(setting_.sequence);
  attention_flops_ =
      Flops::of(2.0 * split_.micro_batch * heads() * (sequence * sequence / 2 / split_.cp) *
                (attention.head_dim + value_dim()));
  const bool blocks = split_.cp_method == layout::CpMethod::ring;
  const bool by_heads = split_.cp_method == layout::CpMethod::all_to_all;
  attention_forward_ =
      numbers_.attention_factor *
      efficiency_.attention_forward(
          attention_flops_, blocks ? sequence / split_.cp : sequence, attention.head_dim,
          (by_heads ? heads() / split_.cp : heads()) * split_.micro_batch);
  attention_backward_ = numbers_.attention_backward * attention_forward_;
}

void LayerBuilder::unfused_attention() {
  const spec::Attention& attention = setting_.model.attention;
  const double sequence = static_cast<double>(setting_.sequence);
  const double scores = split_.micro_batch * heads() * sequence * sequence / split_.cp;
  const Flops products = Flops::of(2 * scores * (attention.head_dim + value_dim()));
  attention_flops_ = products * 0.5;  // the useful, causal half
  const Seconds time = products / efficiency_.unfused_attention_rate(attention.head_dim);
  attention_forward_ = time + numbers_.attention_factor *
                                  efficiency_.memory(Bytes::of(score_bytes_forward * scores));
  attention_backward_ = 2 * time + numbers_.attention_factor *
                                       efficiency_.memory(Bytes::of(score_bytes_backward * scores));
  kept_scores_ = score_bytes_kept * scores;
}

void LayerBuilder::mlp(double ffn) {
  const double hidden = setting_.model.hidden;
  const double width = ffn / split_.tp;
  const double in = setting_.model.gated() ? 2 : 1;
  linear(in * width, hidden);
  linear(hidden, width);
  memory_bound(2 * (in + 1) * width);
  keep(input_bytes() * tokens_ * hidden / split_norm());
  keep(tokens_ * width * (element_bytes_ * in + input_bytes()));
  work_space(element_bytes_ * tokens_ * width * in);
}

void LayerBuilder::experts(const spec::Experts& experts) {
  const double hidden = setting_.model.hidden;
  const double in = setting_.model.gated() ? 2 : 1;
  const double own_tokens = tokens_ / split_.tp;  // each rank of tp routes its own part
  const double slots = own_tokens * experts.top_k;
  linear_bf16(own_tokens, experts.count, hidden);  // the router

  // Every rank of ep * etp sends in its slots, and holds count / ep experts of which it computes 1
  // / etp.
  const double per_expert = slots * split_.etp * split_.ep / experts.count;
  const double width = static_cast<double>(experts.ffn) / split_.etp;
  const Flops work = Flops::of(slots * split_.etp * 2 * (in + 1) * hidden * width);
  const double narrow = experts.ffn / numbers_.narrow_expert_ffn;
  const double penalty = std::pow(numbers_.grouped_gemm_factor, 1 / (1 + narrow * narrow));
  const Seconds time =
      setting_.expert_imbalance * penalty * efficiency_.grouped(work, per_expert, width);
  forward_ += time;
  backward_ += time;
  weight_ += time;
  flops_ += work;
  const double received = slots * split_.etp;
  const double moved = received * (slot_bytes_a_width * hidden + 2 * (in + 1) * width) / tokens_;
  memory_bound(setting_.expert_imbalance * moved);
  if (low_precision_) {
    forward_ += efficiency_.memory(Bytes::of(numbers_.cast_bytes * received * (hidden + width)));
    backward_ +=
        efficiency_.memory(Bytes::of(numbers_.cast_bytes * received * (hidden + in * width)));
  }
  kept_experts_ =
      received * (input_bytes() * hidden + element_bytes_ * in * width + input_bytes() * width);
  keep(kept_experts_);
  work_space(element_bytes_ * received * (in * width + hidden));
  expert_transfer_ = Bytes::of(setting_.expert_imbalance * slots * hidden * element_bytes_);

  // The ranks of etp exchange what they were sent: an all-gather in, a reduce-scatter out, each
  // way.
  if (split_.etp > 1) {
    const layout::GroupShape group = layout::GroupShape::line(split_.etp, 1);
    const Bytes bytes = Bytes::of(received * hidden * element_bytes_);
    const Seconds each = collectives_.time(spec::Collective::all_gather, bytes, group).time +
                         collectives_.time(spec::Collective::reduce_scatter, bytes, group).time;
    tp_forward_ += each * (1 - numbers_.tp_overlap);
    tp_backward_ += each * (1 - numbers_.tp_overlap);
  }
}

void LayerBuilder::tensor_traffic(double pairs) {
  if (split_.tp == 1) return;
  const layout::GroupShape group = layout::GroupShape::line(split_.tp, 1);
  const Bytes bytes = Bytes::of(tokens_ * setting_.model.hidden * element_bytes_);
  const double exposed = pairs * (1 - numbers_.tp_overlap);
  if (!split_.sequence_parallel) {
    const Seconds each = collectives_.time(spec::Collective::all_reduce, bytes, group).time;
    tp_forward_ += exposed * each;
    tp_backward_ += exposed * each;
    return;
  }
  const Seconds gather = collectives_.time(spec::Collective::all_gather, bytes, group).time;
  const Seconds scatter = collectives_.time(spec::Collective::reduce_scatter, bytes, group).time;
  tp_forward_ += exposed * (gather + scatter);
  tp_backward_ += exposed * (gather + scatter + 0.5 * gather);
  work_space(bytes.in_base());  // the gathered input
}

void LayerBuilder::context_traffic() {
  if (split_.cp == 1) return;
  const spec::Attention& attention = setting_.model.attention;
  const layout::GroupShape group = layout::GroupShape::line(split_.cp, split_.tp);
  const double key_value =
      tokens_ * kv_heads() * (attention.head_dim + value_dim()) * element_bytes_;
  if (split_.cp_method == layout::CpMethod::all_to_all) {
    const double query = tokens_ * heads() * attention.head_dim * element_bytes_;
    const double output = tokens_ * heads() * value_dim() * element_bytes_;
    const Seconds each =
        collectives_.time(spec::Collective::all_to_all, Bytes::of(query + key_value), group).time +
        collectives_.time(spec::Collective::all_to_all, Bytes::of(output), group).time;
    cp_forward_ += each;
    cp_backward_ += each;
    return;
  }
  const Bytes bytes = Bytes::of(key_value * split_.cp);
  const Seconds gather = collectives_.time(spec::Collective::all_gather, bytes, group).time;
  if (split_.cp_method == layout::CpMethod::ring) {
    cp_forward_ += max(Seconds{}, gather - attention_forward_);
    cp_backward_ +=
        max(Seconds{}, 2 * gather - attention_backward_);  // keys and values, and their gradients
    return;
  }
  const Seconds scatter = collectives_.time(spec::Collective::reduce_scatter, bytes, group).time;
  cp_forward_ += gather;
  cp_backward_ += gather + scatter;
  work_space(bytes.in_base());
}

LayerCost LayerBuilder::finish(Seconds host) {
  LayerCost cost;
  const double input = element_bytes_ * tokens_ * setting_.model.hidden / split_norm();
  const double factor = numbers_.activation_factor;
  for (int i = 0; i < keep_count; ++i) {
    const Keep keep = static_cast<Keep>(i);
    PassTimes times{.forward = forward_, .backward = backward_, .weight = weight_, .recompute = {}};
    Seconds launches = host;
    double bytes = kept_ + kept_scores_;
    if (keep == Keep::without_attention) {
      times.recompute = attention_forward_;
      bytes = kept_;
    } else if (keep == Keep::input_only) {
      times.recompute = forward_;
      launches =
          host * (4.0 / 3.0);  // forward, forward again, and a backward of twice as many kernels
      bytes = std::min(input, bytes);
    }
    const double gpu = times.total().in_base();
    const double ratio = gpu > 0 ? launches.in_base() / gpu : 0;
    const double stretch = std::sqrt(std::sqrt(1 + ratio * ratio * ratio * ratio));
    times.forward *= stretch;
    times.backward *= stretch;
    times.weight *= stretch;
    times.recompute *= stretch;
    cost.times[static_cast<std::size_t>(i)] = times;
    cost.activations[static_cast<std::size_t>(i)] = Bytes::of(factor * bytes);
  }
  cost.working = Bytes::of(factor * working_);
  cost.tp_forward = tp_forward_;
  cost.tp_backward = tp_backward_;
  cost.cp_forward = cp_forward_;
  cost.cp_backward = cp_backward_;
  cost.expert_transfer = expert_transfer_;
  cost.expert_activations = Bytes::of(factor * kept_experts_);
  cost.useful = 3 * flops_;
  cost.repeated = flops_;
  cost.repeated_attention = attention_flops_;
  return cost;
}

}  // namespace celere::cost

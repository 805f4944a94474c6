#include "layout/legal.hpp"

#include <fmt/format.h>

#include "base/check.hpp"
#include "layout/pipeline.hpp"

namespace celere::layout {
namespace {

using Broken = std::optional<Illegal>;

bool divides(std::int64_t divisor, std::int64_t number) { return number % divisor == 0; }

Broken broken_degrees(const Layout& l) {
  const bool positive = l.tp >= 1 && l.cp >= 1 && l.pp >= 1 && l.vpp >= 1 && l.dp >= 1 &&
                        l.ep >= 1 && l.etp >= 1 && l.micro_batch >= 1;
  const bool in_range =
      l.zero_stage >= 0 && l.zero_stage <= 3 && l.shard >= 0 && l.recompute_layers >= 0;
  if (!positive || !in_range) return Illegal::degree_below_one;
  return std::nullopt;
}

Broken broken_tensor(const Layout& l, const Shape& s) {
  if (!divides(l.tp, s.heads)) return Illegal::tp_heads;
  if (!divides(l.tp, s.kv_heads) && !divides(s.kv_heads, l.tp)) return Illegal::tp_kv_heads;
  if (!divides(l.tp, s.ffn)) return Illegal::tp_ffn;
  if (l.sequence_parallel && l.tp == 1) return Illegal::sp_without_tp;
  return std::nullopt;
}

Broken broken_experts(const Layout& l, const Shape& s) {
  if (s.experts == 0) {
    if (l.ep > 1 || l.etp > 1) return Illegal::expert_axes_dense;
    return std::nullopt;
  }
  if (l.tp > 1 && !l.sequence_parallel) return Illegal::experts_tp_without_sp;
  if (!divides(l.etp, s.expert_ffn)) return Illegal::etp_ffn;
  if (!divides(l.ep, s.experts)) return Illegal::ep_experts;
  if (!divides(std::int64_t{l.ep} * l.etp, std::int64_t{l.tp} * l.cp * l.dp))
    return Illegal::expert_fold;
  return std::nullopt;
}

Broken broken_context(const Layout& l, const Shape& s) {
  if (l.cp == 1) {
    if (l.cp_method != CpMethod::ring) return Illegal::cp_method_unused;
    return std::nullopt;
  }
  if (!divides(2 * std::int64_t{l.cp}, s.sequence)) return Illegal::cp_sequence;
  if (l.cp_method == CpMethod::all_to_all) {
    const int heads = s.heads / l.tp;
    const int kv_heads = s.kv_heads > l.tp ? s.kv_heads / l.tp : 1;
    if (!divides(l.cp, heads) || (!divides(l.cp, kv_heads) && !divides(kv_heads, l.cp))) {
      return Illegal::cp_heads;
    }
  }
  return std::nullopt;
}

Broken broken_pipeline(const Layout& l, const Shape& s) {
  const std::int64_t chunks = std::int64_t{l.pp} * l.vpp;
  // A balanced partition has slots for the embedding and the head too (Llama 3 405B: 16 x 8 chunks
  // for 126 layers).
  const int slots = l.partition == Partition::balanced ? s.layers + 2 : s.layers;
  if (chunks > slots) return Illegal::pp_layers;
  if (l.partition == Partition::even && !divides(chunks, s.layers))
    return Illegal::partition_layers;
  if (l.pp == 1) {
    if (l.schedule != Schedule::one_f_one_b) return Illegal::schedule_without_pp;
  }
  if ((l.vpp > 1) != (l.schedule == Schedule::interleaved)) return Illegal::vpp_schedule;
  if (!divides(std::int64_t{l.dp} * l.micro_batch, s.global_batch)) return Illegal::global_batch;
  const std::int64_t batches = micro_batches(l, s.global_batch);
  if (l.schedule == Schedule::interleaved && !divides(l.pp, batches))
    return Illegal::interleaved_batches;
  if (l.schedule == Schedule::dual_pipe) {
    if (l.pp % 2 != 0) return Illegal::dual_pipe_stages;
    if (batches < 2 * std::int64_t{l.pp} || batches % 2 != 0) return Illegal::dual_pipe_batches;
  }
  return std::nullopt;
}

Broken broken_replicas(const Layout& l, const Shape& s) {
  const std::int64_t replicas = std::int64_t{l.dp} * l.cp;
  if (l.zero_stage > 0 && replicas == 1) return Illegal::zero_without_replicas;
  if (l.shard > 0) {
    if (l.zero_stage == 0) return Illegal::shard_without_zero;
    if (l.shard == 1 || l.shard >= replicas || !divides(l.shard, replicas))
      return Illegal::shard_ranks;
  }
  if (l.recompute == Recompute::full_for_some) {
    if (l.recompute_layers < 1 || l.recompute_layers >= longest_chunk(l, s.layers)) {
      return Illegal::recompute_layers;
    }
  } else if (l.recompute_layers != 0) {
    return Illegal::recompute_layers;
  }
  if (l.order != RankOrder::tp_cp_dp_pp && (l.pp == 1 || l.dp == 1)) return Illegal::order_same;
  if (l.ranks() > s.gpus) return Illegal::ranks;
  if (l.sequence_parallel && !divides(l.tp, l.micro_batch * s.sequence / l.cp)) {
    return Illegal::sp_rows;
  }
  return std::nullopt;
}

}  // namespace

std::int64_t micro_batches(const Layout& layout, std::int64_t global_batch) {
  return global_batch / (std::int64_t{layout.dp} * layout.micro_batch);
}

std::optional<Illegal> illegal(const Layout& layout, const Shape& shape) {
  if (auto broken = broken_degrees(layout)) return broken;
  if (auto broken = broken_tensor(layout, shape)) return broken;
  if (auto broken = broken_experts(layout, shape)) return broken;
  if (auto broken = broken_context(layout, shape)) return broken;
  if (auto broken = broken_pipeline(layout, shape)) return broken;
  return broken_replicas(layout, shape);
}

std::optional<std::string> untrained(const Layout& l) {
  if (l.schedule == Schedule::zero_bubble || l.schedule == Schedule::dual_pipe) {
    return fmt::format(
        "schedule {} splits the backward pass of a layer in two, which the trainer does not: "
        "1f1b and interleaved are trained",
        name_of(l.schedule));
  }
  if (l.offload_optimizer || l.offload_activations) {
    return "offloading to the host's memory is planned, and not trained";
  }
  return std::nullopt;
}

const char* reason(Illegal rule) {
  switch (rule) {
    case Illegal::degree_below_one:
      return "a degree is below its least value";
    case Illegal::tp_heads:
      return "tp does not divide the attention heads";
    case Illegal::tp_kv_heads:
      return "tp and the key-value heads do not divide one another";
    case Illegal::tp_ffn:
      return "tp does not divide the width of the MLP";
    case Illegal::sp_without_tp:
      return "sequence parallelism needs tp above 1";
    case Illegal::sp_rows:
      return "tp does not divide the tokens of a micro-batch";
    case Illegal::experts_tp_without_sp:
      return "experts with tp above 1 need sequence parallelism";
    case Illegal::expert_axes_dense:
      return "ep and etp need a model with experts";
    case Illegal::etp_ffn:
      return "etp does not divide the width of an expert";
    case Illegal::ep_experts:
      return "ep does not divide the experts";
    case Illegal::expert_fold:
      return "ep * etp does not divide tp * cp * dp";
    case Illegal::cp_sequence:
      return "the sequence is not a multiple of 2 * cp";
    case Illegal::cp_method_unused:
      return "with cp = 1 there is no method to choose";
    case Illegal::cp_heads:
      return "cp by all-to-all does not divide the heads of a rank";
    case Illegal::pp_layers:
      return "pp * vpp is more than the layers";
    case Illegal::partition_layers:
      return "pp * vpp does not divide the layers evenly";
    case Illegal::vpp_schedule:
      return "vpp above 1 and the interleaved schedule need one another";
    case Illegal::interleaved_batches:
      return "interleaving needs micro-batches in multiples of pp";
    case Illegal::dual_pipe_stages:
      return "DualPipe needs an even pp";
    case Illegal::dual_pipe_batches:
      return "DualPipe needs an even count of at least 2 pp micro-batches";
    case Illegal::schedule_without_pp:
      return "with pp = 1 there is no schedule to choose";
    case Illegal::global_batch:
      return "dp * micro-batch does not divide the global batch";
    case Illegal::zero_without_replicas:
      return "ZeRO needs dp * cp above 1";
    case Illegal::shard_without_zero:
      return "shard needs a ZeRO stage above 0";
    case Illegal::shard_ranks:
      return "shard is not a proper divisor of dp * cp";
    case Illegal::recompute_layers:
      return "recompute_layers does not suit the recomputation";
    case Illegal::order_same:
      return "with pp = 1 or dp = 1 both rank orders are one";
    case Illegal::ranks:
      return "more ranks than GPUs";
  }
  CHECK(false);
}

std::string explain(Illegal rule, const Layout& l, const Shape& s) {
  const auto not_divided = [](const char* axis, std::int64_t by, std::int64_t count,
                              const char* what) {
    return fmt::format("{} = {} does not divide the {} {}", axis, by, count, what);
  };
  switch (rule) {
    case Illegal::tp_heads:
      return not_divided("tp", l.tp, s.heads, "attention heads");
    case Illegal::tp_ffn:
      return not_divided("tp", l.tp, s.ffn, "columns of the MLP");
    case Illegal::sp_rows:
      return not_divided("tp", l.tp, l.micro_batch * s.sequence / l.cp, "tokens of a micro-batch");
    case Illegal::etp_ffn:
      return not_divided("etp", l.etp, s.expert_ffn, "columns of an expert");
    case Illegal::ep_experts:
      return not_divided("ep", l.ep, s.experts, "experts");
    case Illegal::tp_kv_heads:
      return fmt::format("tp = {} and the {} key-value heads do not divide one another", l.tp,
                         s.kv_heads);
    case Illegal::expert_fold:
      return fmt::format("ep * etp = {} does not divide tp * cp * dp = {}", l.ep * l.etp,
                         l.tp * l.cp * l.dp);
    case Illegal::cp_sequence:
      return fmt::format("the sequence of {} tokens is not a multiple of 2 * cp = {}", s.sequence,
                         2 * l.cp);
    case Illegal::pp_layers:
      return fmt::format("pp * vpp = {} is more than the {} layers", l.pp * l.vpp, s.layers);
    case Illegal::partition_layers:
      return fmt::format(
          "pp * vpp = {} does not divide the {} layers evenly (partition \"balanced\" would do)",
          l.pp * l.vpp, s.layers);
    case Illegal::global_batch:
      return fmt::format(
          "dp * micro_batch = {} * {} does not divide the global batch of {} sequences", l.dp,
          l.micro_batch, s.global_batch);
    case Illegal::interleaved_batches:
      return fmt::format(
          "interleaving needs micro-batches in multiples of pp = {}, and there are {}", l.pp,
          micro_batches(l, s.global_batch));
    case Illegal::shard_ranks:
      return fmt::format("shard = {} is not a proper divisor of dp * cp = {}", l.shard,
                         l.dp * l.cp);
    case Illegal::ranks:
      return fmt::format("{} ranks are more than the {} GPUs", l.ranks(), s.gpus);
    default:
      return reason(rule);
  }
}

}  // namespace celere::layout

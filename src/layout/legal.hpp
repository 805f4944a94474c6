// Which layouts are legal, and why another is not: the one place that says so.
//
// A rule is about integers only: what divides what. Whether a layout fits into memory or is any
// good is for cost/. Sources: Megatron-LM's argument checks (degrees, interleaving, parallel
// folding), Rajbhandari et al. 2020 (ZeRO), Liu et al. 2023 and Megatron's zig-zag split (2 cp
// pieces of a sequence), Jacobs et al. 2023 (heads for sequence), DeepSeek-V3 2024 (DualPipe: even
// stages, at least two micro-batches for each).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "layout/layout.hpp"

namespace celere::layout {

// What a layout must suit: the counts of the model and the run.
struct Shape {
  int layers = 1;
  int heads = 1;
  int kv_heads = 1;
  int ffn = 1;      // of layers without experts; 0: there are none
  int experts = 0;  // 0: a dense model
  int expert_ffn = 0;
  std::int64_t sequence = 1;
  std::int64_t global_batch = 1;  // sequences
  std::int64_t gpus = 1;          // at most so many ranks
};

enum class Illegal : std::uint8_t {
  degree_below_one,
  tp_heads,     // tp does not divide the heads
  tp_kv_heads,  // neither of tp and the kv heads divides the other
  tp_ffn,
  sp_without_tp,
  experts_tp_without_sp,  // with experts and tp > 1 each rank must route its own part of the
                          // sequence
  expert_axes_dense,      // ep or etp above 1 without experts
  etp_ffn,
  ep_experts,
  expert_fold,          // ep * etp does not divide tp * cp * dp
  cp_sequence,          // the sequence is not a multiple of 2 cp
  cp_method_unused,     // a method other than the default with cp = 1: the same layout twice
  cp_heads,             // heads for sequence: cp does not divide the heads of a rank
  pp_layers,            // more chunks than layers (balanced: than layers, embedding and head)
  partition_layers,     // an even partition with a remainder
  vpp_schedule,         // vpp above 1 exactly with the interleaved schedule
  interleaved_batches,  // the micro-batches are not a multiple of pp
  dual_pipe_stages,     // pp is odd
  dual_pipe_batches,    // fewer micro-batches than 2 pp, or an odd number
  schedule_without_pp,  // a schedule other than 1F1B with pp = 1
  global_batch,         // dp * micro_batch does not divide the global batch
  zero_without_replicas,
  shard_without_zero,
  shard_ranks,       // shard does not divide dp * cp, or is all of it (write 0)
  recompute_layers,  // some: between 1 and the layers of a chunk less one; otherwise 0
  order_same,        // both orders are one where pp or dp is 1
  ranks,             // more ranks than GPUs
  sp_rows,           // tp does not divide the tokens of a micro-batch that a rank of cp has
};
inline constexpr int illegal_count = static_cast<int>(Illegal::sp_rows) + 1;

// The first rule that the layout breaks, in the order of the enumeration; nothing where it is
// legal.
std::optional<Illegal> illegal(const Layout& layout, const Shape& shape);

// What the planner and the simulator know and the trainer does not do, in words; nothing where it
// trains the layout.
std::optional<std::string> untrained(const Layout& layout);

// The rule in words, without amounts ("tp does not divide the attention heads").
const char* reason(Illegal rule);

// The rule with the amounts of this layout ("tp = 5 does not divide the 96 attention heads").
std::string explain(Illegal rule, const Layout& layout, const Shape& shape);

// Micro-batches of one step. REQUIRES: dp * micro_batch divides the global batch.
std::int64_t micro_batches(const Layout& layout, std::int64_t global_batch);

}  // namespace celere::layout

// A parallel layout: how one training step is spread over ranks. Integers and choices only.
//
// The world is pp x dp x cp x tp ranks. The dense part of a layer is split by tp (tensor), cp
// (sequence) and repeated dp times; the experts of a mixture are split by ep (experts) and etp
// (inside an expert) over the same ranks of one pipeline stage ("parallel folding"): dp * cp * tp =
// edp * ep * etp, where edp replicas of each expert remain. A micro-batch is counted in sequences
// for one data-parallel replica.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace celere::layout {

enum class Schedule : std::uint8_t {
  one_f_one_b,  // Narayanan et al. 2019; with pp = 1 plain gradient accumulation
  interleaved,  // Narayanan et al. 2021: vpp chunks of layers a rank
  zero_bubble,  // Qi et al. 2023, ZB-H1: the weight gradient fills the bubble
  dual_pipe,    // DeepSeek-V3 2024: two directions at once, two copies of the parameters
};
inline constexpr int schedule_count = 4;

enum class Partition : std::uint8_t {
  even,      // layers / (pp * vpp) each; embedding and head come on top of the first and the last
  balanced,  // embedding and head count as one layer each: the chunks differ by at most one
};

enum class CpMethod : std::uint8_t {
  ring,        // keys and values travel round a ring, hidden behind attention
  all_gather,  // keys and values are gathered first (Llama 3)
  all_to_all,  // heads for sequence (DeepSpeed Ulysses)
};

enum class Recompute : std::uint8_t {
  none,
  selective,      // the attention core again (Korthikanti et al. 2022)
  full,           // every layer again from its input
  full_for_some,  // full, for the first `recompute_layers` layers of each chunk
};

// Which axis changes fastest between neighbouring ranks. tp is always innermost, then cp.
enum class RankOrder : std::uint8_t {
  tp_cp_dp_pp,  // replicas close together, stages far apart (Megatron's default)
  tp_cp_pp_dp,  // stages close together, replicas far apart (Llama 3)
};

struct Layout {
  int tp = 1;           // tensor parallel
  int cp = 1;           // context parallel
  int pp = 1;           // pipeline parallel
  int vpp = 1;          // virtual stages (chunks of layers) a rank
  int dp = 1;           // data parallel replicas
  int ep = 1;           // expert parallel
  int etp = 1;          // tensor parallel inside an expert
  int micro_batch = 1;  // sequences
  int zero_stage = 0;   // 0 none, 1 optimizer, 2 + gradients, 3 + parameters (FSDP)
  int shard = 0;        // ranks over which ZeRO shards; 0: all dp * cp of them, else HSDP groups
  int recompute_layers = 0;  // with full_for_some: layers of a chunk
  Schedule schedule = Schedule::one_f_one_b;
  Partition partition = Partition::even;
  CpMethod cp_method = CpMethod::ring;
  Recompute recompute = Recompute::none;
  RankOrder order = RankOrder::tp_cp_dp_pp;
  bool sequence_parallel = false;
  bool offload_optimizer = false;
  bool offload_activations = false;

  friend auto operator<=>(const Layout&, const Layout&) = default;

  std::int64_t ranks() const { return std::int64_t{1} * tp * cp * pp * dp; }
  // Replicas of one expert's shard. REQUIRES: legal (layout/legal.hpp).
  int expert_dp() const { return tp * cp * dp / (ep * etp); }
  // Ranks over which ZeRO shards the dense parameters.
  int shard_ranks() const { return shard > 0 ? shard : dp * cp; }
};

const char* name_of(Schedule schedule);
const char* name_of(Partition partition);
const char* name_of(CpMethod method);
const char* name_of(Recompute recompute);
const char* name_of(RankOrder order);

// "tp=8,pp=16,vpp=6,dp=96,..." with what differs from the default; parse() reads it back
// (layout/written.cpp).
std::string written(const Layout& layout);

}  // namespace celere::layout

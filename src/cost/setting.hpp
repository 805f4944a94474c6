// What a prediction stands on: the entries of the catalogue that a run names, with every number
// that the equations need taken out of its fact once, so that an unknown one is reported by name
// before anything is computed.
#pragma once

#include "base/result.hpp"
#include "base/units.hpp"
#include "layout/legal.hpp"
#include "spec/chip.hpp"
#include "spec/cluster.hpp"
#include "spec/model.hpp"
#include "spec/precision.hpp"
#include "spec/run.hpp"
#include "spec/stack.hpp"

namespace celere::cost {

// What is trained, on what. The entries are kept for reports; the equations read Numbers.
struct Setting {
  spec::Model model;
  spec::Chip chip;
  spec::Cluster cluster;
  spec::Stack stack;
  spec::Precision precision = spec::Precision::bf16;
  spec::Optimizer optimizer = spec::Optimizer::adamw;
  std::int64_t sequence = 0;
  std::int64_t gpus = 0;        // at most so many ranks
  double expert_imbalance = 1;  // tokens of the busiest rank's experts over the mean
};

// The stack's and the chip's numbers, bare of their provenance. Meanings: spec/stack.hpp,
// spec/chip.hpp.
struct Numbers {
  double memory_factor, memory_backward, attention_factor, attention_backward;
  double unfused_share, unfused_exponent, unfused_misaligned;
  double gemm_factor, shape_share, grouped_gemm_factor, narrow_expert_ffn;
  double tp_overlap, dp_overlap, ep_factor, all_to_all_of_ring;
  double fsdp_bandwidth_share, fsdp_exposed_share;
  double jitter_per_doubling, bubble_factor;
  double cast_bytes, logit_bytes, activation_factor, fragmentation_share;
  Seconds host_time_dense, host_time_experts, step_overhead;
  Bytes memory, memory_reserved;
  BytesPerSecond host_bandwidth;
};

// Errors: unknown_value, naming the entry and key.
Result<Numbers> numbers_of(const Setting& setting);

// Bytes of an element of what travels between operators and ranks: activations stay in 16 bits
// where products read 8 or 4.
double element_bytes(spec::Precision precision);

// The counts that layout/legal.hpp asks about.
layout::Shape shape_of(const Setting& setting, std::int64_t global_batch);

}  // namespace celere::cost

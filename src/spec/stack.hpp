// A software stack: what one generation of training software overlaps and fuses, so that a
// prediction says what software it assumes. Every factor stands against the equations of cost/; 1
// or 0 is "as the hardware allows".
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"
#include "layout/layout.hpp"
#include "spec/fact.hpp"

namespace celere::spec {

// The 80 % interval of measured / predicted step time.
struct StackSpread {
  Fact<double> dense_low, dense_high;
  Fact<double> experts_low, experts_high;
  Fact<double> incomplete;  // times as wide, as logarithms, where a run does not say everything

  const Fact<double>& low(bool experts) const { return experts ? experts_low : dense_low; }
  const Fact<double>& high(bool experts) const { return experts ? experts_high : dense_high; }
};

struct Stack {
  std::string name;  // "megatron-core-2025"
  std::string title;
  Fact<double> memory_factor;  // time of memory-bound operators against bytes / achieved bandwidth
  Fact<double> memory_backward;     // their bytes backward, against forward
  Fact<double> attention_factor;    // time of attention against the chip's table
  Fact<double> attention_backward;  // its time backward, against forward
  bool fused_attention = true;      // false: scores go through memory (before FlashAttention)
  bool flash_attention_2 = false;   // kernels of 2023, on whatever chip
  // Before FlashAttention: batched products reach this share of what large products sustain, times
  // (head size / 128)^exponent below 128, times `misaligned` where 8 does not divide the head size.
  Fact<double> unfused_share, unfused_exponent, unfused_misaligned;
  Fact<double> gemm_factor;          // time of linear layers
  Fact<double> shape_share;          // of what a short benchmark loses on a small shape
  Fact<double> grouped_gemm_factor;  // for narrow experts (see cost/layer.hpp)
  Fact<double> narrow_expert_ffn;    // the width at which half of that applies
  Fact<double> tp_overlap;  // share of tensor and sequence parallel traffic hidden behind compute
  Fact<double> dp_overlap;  // share of gradient and parameter traffic that may hide behind compute
  Fact<double> ep_factor;   // exposed share of expert all-to-all
  Fact<double> all_to_all_of_ring;    // of the bandwidth that rings reach between domains
  Fact<double> fsdp_bandwidth_share;  // of the bus bandwidth, with ZeRO 3
  Fact<double> fsdp_exposed_share;    // of the shorter of compute and traffic that does not overlap
  Fact<Seconds>
      host_time_dense;  // CPU time to launch one dense layer, forward and backward, on an x86 host
  Fact<Seconds> host_time_experts;   // the same for a layer with experts
  Fact<Seconds> step_overhead;       // fixed, once a step
  Fact<double> jitter_per_doubling;  // relative growth of the step for each doubling of the nodes
  Fact<double> bubble_factor;        // against the schedule's formula
  // What casting an element of an input moves: one scale a tensor, a scale for 32 values in 8 bits,
  // for 16 in 4 bits.
  Fact<double> fp8_cast_bytes, mxfp8_cast_bytes, nvfp4_cast_bytes;
  Fact<double>
      logit_bytes;  // an element of the logits, forward and backward, kept and moved by the loss
  Fact<double>
      activation_factor;  // of activation memory against the formula (fragmentation is apart)
  Fact<double> fragmentation_share;  // of the chip's memory that no tensor can use
  // What switches of a run change: the time to launch a layer with CUDA graphs, the exposed
  // all-to-all with its overlap, the time of linear layers with the power shifted to them.
  Fact<double> graph_host_time, overlapped_all_to_all, vboost_gemm_time;
  bool fp32_gradients = true;               // main gradients accumulate in fp32
  bool fp8_parameters = false;              // those of products in 8 bits have no copy in bf16
  bool fused_loss = false;                  // head and loss in pieces: the logits are never whole
  bool checkpoint_copy = false;             // of what a save writes, in the memory that trains
  bool dispatch_once = false;               // a token goes once to each domain of its experts
  bool zero1_all_reduce = false;            // ZeRO 1 reduces with an all-reduce (DeepSpeed)
  std::vector<layout::Schedule> schedules;  // what it can run
  StackSpread spread;                       // what it is to be used with
  StackSpread known_spread;                 // of the common entry: for software that is known
  bool known = true;                        // false: the entry for software that nobody measured
};

// Rows whose logits a fused loss holds at a time, so that a piece's logits and their gradient stay
// in the cache that all cores share.
std::int64_t fused_loss_rows(std::int64_t vocab);

// A number of a stack by its key: exactly one of the two members is set.
struct StackNumber {
  const char* key;
  Fact<double> Stack::* number = nullptr;
  Fact<Seconds> Stack::* time = nullptr;
  double low = 0, high = 0;  // what it may be
};
std::span<const StackNumber> stack_numbers();

// The entry that others take from.
inline constexpr const char* common_stack = "unknown";

// `common`: what it does not name is taken from there; without it every number is required.
// Errors: bad_input with file, line and key.
Result<Stack> parse_stack(std::string_view toml, std::string name, const Stack* common = nullptr);

}  // namespace celere::spec

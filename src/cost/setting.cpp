#include "cost/setting.hpp"

#include "spec/layout_shape.hpp"

namespace celere::cost {
namespace {

// Takes values out of facts and keeps the first error.
class Taker {
 public:
  template <typename T>
  void take(T& out, const spec::Fact<T>& fact, const char* what) {
    if (error_) return;
    auto value = fact.needed_for(what);
    if (value.ok()) {
      out = *value;
    } else {
      error_ = std::move(value).error();
    }
  }
  std::optional<Error> error() && { return std::move(error_); }

 private:
  std::optional<Error> error_;
};

const spec::Fact<double>& cast_bytes(const spec::Stack& stack, spec::Precision precision) {
  switch (precision) {
    case spec::Precision::mxfp8:
      return stack.mxfp8_cast_bytes;
    case spec::Precision::nvfp4:
      return stack.nvfp4_cast_bytes;
    default:
      return stack.fp8_cast_bytes;
  }
}

}  // namespace

Result<Numbers> numbers_of(const Setting& setting) {
  const spec::Stack& stack = setting.stack;
  const spec::Chip& chip = setting.chip;
  Numbers n{};
  Taker taker;
  taker.take(n.memory_factor, stack.memory_factor, "the time of memory-bound operators");
  taker.take(n.memory_backward, stack.memory_backward, "the time of memory-bound operators");
  taker.take(n.attention_factor, stack.attention_factor, "the time of attention");
  taker.take(n.attention_backward, stack.attention_backward, "the time of attention");
  taker.take(n.unfused_share, stack.unfused_share, "the time of unfused attention");
  taker.take(n.unfused_exponent, stack.unfused_exponent, "the time of unfused attention");
  taker.take(n.unfused_misaligned, stack.unfused_misaligned, "the time of unfused attention");
  if (stack.flash_attention_2) {
    double share = 1;
    taker.take(share, chip.flash_attention_2_share, "the time of attention by FlashAttention-2");
    n.attention_factor /= share;
  }
  taker.take(n.gemm_factor, stack.gemm_factor, "the time of linear layers");
  taker.take(n.shape_share, stack.shape_share, "the time of linear layers");
  taker.take(n.grouped_gemm_factor, stack.grouped_gemm_factor, "the time of experts");
  taker.take(n.narrow_expert_ffn, stack.narrow_expert_ffn, "the time of experts");
  taker.take(n.tp_overlap, stack.tp_overlap, "tensor parallel traffic");
  taker.take(n.dp_overlap, stack.dp_overlap, "data parallel traffic");
  taker.take(n.ep_factor, stack.ep_factor, "expert parallel traffic");
  taker.take(n.all_to_all_of_ring, stack.all_to_all_of_ring, "expert parallel traffic");
  taker.take(n.fsdp_bandwidth_share, stack.fsdp_bandwidth_share, "ZeRO 3 traffic");
  taker.take(n.fsdp_exposed_share, stack.fsdp_exposed_share, "ZeRO 3 traffic");
  taker.take(n.host_time_dense, stack.host_time_dense, "the launch of a layer");
  taker.take(n.host_time_experts, stack.host_time_experts, "the launch of a layer with experts");
  taker.take(n.step_overhead, stack.step_overhead, "the fixed part of a step");
  taker.take(n.jitter_per_doubling, stack.jitter_per_doubling, "the growth with the nodes");
  taker.take(n.bubble_factor, stack.bubble_factor, "the pipeline bubble");
  taker.take(n.cast_bytes, cast_bytes(stack, setting.precision), "casts");
  taker.take(n.logit_bytes, stack.logit_bytes, "the loss");
  taker.take(n.activation_factor, stack.activation_factor, "activation memory");
  taker.take(n.fragmentation_share, stack.fragmentation_share, "fragmentation");
  taker.take(n.memory, chip.memory, "the memory limit");
  taker.take(n.memory_reserved, chip.memory_reserved, "the memory limit");
  taker.take(n.host_bandwidth, chip.host_bandwidth, "checkpoints and offloading");
  double host_speed = 1;
  taker.take(host_speed, chip.host_speed, "the launch of kernels");
  n.host_time_dense *= host_speed;
  n.host_time_experts *= host_speed;
  if (auto error = std::move(taker).error()) return *std::move(error);
  return n;
}

double element_bytes(spec::Precision precision) {
  return precision == spec::Precision::fp32 ? 4 : 2;
}

layout::Shape shape_of(const Setting& setting, std::int64_t global_batch) {
  layout::Shape shape = spec::layout_shape(setting.model);
  shape.sequence = setting.sequence;
  shape.global_batch = global_batch;
  shape.gpus = setting.gpus;
  return shape;
}

}  // namespace celere::cost

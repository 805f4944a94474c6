#include "cost/memory.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "layout/pipeline.hpp"

namespace celere::cost {

const char* name_of(Bucket bucket) {
  switch (bucket) {
    case Bucket::parameters:
      return "parameters";
    case Bucket::low_precision:
      return "fp8 weights";
    case Bucket::gradients:
      return "gradients";
    case Bucket::master:
      return "master weights";
    case Bucket::optimizer:
      return "optimizer state";
    case Bucket::activations:
      return "activations";
    case Bucket::imbalance:
      return "expert imbalance";
    case Bucket::working:
      return "working space";
    case Bucket::buffers:
      return "communication";
    case Bucket::checkpoint:
      return "checkpoint copy";
    case Bucket::fragmentation:
      return "fragmentation";
    case Bucket::reserved:
      return "reserved";
  }
  CHECK(false);
}

Bytes Memory::total() const {
  Bytes sum;
  for (const Bytes bytes : gpu) sum += bytes;
  return sum;
}

ParameterBytes ParameterBytes::of(const Setting& setting) {
  const bool adamw = setting.optimizer == spec::Optimizer::adamw;
  ParameterBytes bytes{.parameter = 2,
                       .low_precision = 0,
                       .gradient = setting.stack.fp32_gradients ? 4.0 : 2.0,
                       .master = 4,
                       .optimizer_of_matrix = adamw ? 8.0 : 4.0,
                       .optimizer_of_other = setting.optimizer == spec::Optimizer::sgd ? 4.0 : 8.0,
                       .stored_value = 0,
                       .parameter_beside_low = 2,
                       .gathered_low = 2};
  switch (setting.precision) {
    case spec::Precision::fp32:
      bytes.parameter = bytes.parameter_beside_low = bytes.gathered_low = bytes.gradient = 4;
      bytes.master = 0;
      break;
    case spec::Precision::fp16:
    case spec::Precision::bf16:
      break;
    // One copy for the forward and a transposed one for the backward pass, a byte each. Blocks keep
    // their bf16 copy in Megatron-Core (fp8_param_gather of its recipes).
    case spec::Precision::fp8_delayed:
    case spec::Precision::fp8:
      bytes.low_precision = 2;
      if (setting.stack.fp8_parameters) {
        bytes.parameter_beside_low = 0;
        bytes.gathered_low = 1;
      }
      break;
    case spec::Precision::fp8_block:
      bytes.low_precision = 2;
      break;
    // The same with a byte of scale for 32 values, or for 16 of half a byte. The first is gathered
    // in bf16, through the buffer of the gradients, and cast on arrival.
    case spec::Precision::mxfp8:
      bytes.low_precision = 2 * (1 + 1.0 / 32);
      if (setting.stack.fp8_parameters) bytes.parameter_beside_low = 0;
      break;
    case spec::Precision::nvfp4:
      bytes.low_precision = 2 * (0.5 + 1.0 / 16);
      break;
  }
  // A save with a copy writes the fp32 weights alone; others keep the parameters beside them.
  bytes.stored_value = setting.stack.checkpoint_copy ? 4 : bytes.parameter + bytes.master;
  return bytes;
}

Memory memory_of(const MemoryQuestion& q, const StageProfile& profile, int stage) {
  const layout::Layout& l = q.layout;
  const double all = profile.parameters.all();
  const ParameterShare divided = profile.parameters.divided(l.shard_ranks(), l.expert_dp());
  const double shared = divided.all();
  Memory memory;
  if (l.zero_stage == 3) {
    memory[Bucket::parameters] =
        Bytes::of(q.bytes.parameter * (shared + 2 * profile.layer_parameters));
  } else {
    const double low = profile.parameters.matrices();
    memory[Bucket::parameters] =
        Bytes::of(q.bytes.parameter * (all - low) + q.bytes.parameter_beside_low * low);
    memory[Bucket::low_precision] = Bytes::of(q.bytes.low_precision * low);
  }
  memory[Bucket::gradients] =
      Bytes::of(q.bytes.gradient * (l.zero_stage >= 2 ? shared + profile.layer_parameters : all));
  const ParameterShare& states = l.zero_stage >= 1 ? divided : profile.parameters;
  const Bytes master = Bytes::of(q.bytes.master * states.all());
  const Bytes optimizer = q.bytes.optimizer(states);
  const double in_flight =
      static_cast<double>(layout::chunks_in_flight(l, stage, q.micro_batches)) / l.vpp;
  Bytes activations = in_flight * profile.activations;
  Bytes imbalance = (q.setting.expert_imbalance - 1) * in_flight * profile.expert_activations;
  if (l.offload_optimizer) {
    memory.host += master + optimizer;
  } else {
    memory[Bucket::master] = master;
    memory[Bucket::optimizer] = optimizer;
  }
  if (l.offload_activations) {
    memory.host += activations;
    const double kept = std::min(1.0, 2.0 / std::max(1, profile.layers) / in_flight);
    memory.host += imbalance;
    activations *= kept;
    imbalance *= kept;
  }
  memory[Bucket::activations] = activations;
  memory[Bucket::imbalance] = imbalance;
  memory[Bucket::working] = profile.working;
  if (l.pp > 1) memory[Bucket::buffers] += 4 * q.costs.message * (l.sequence_parallel ? 1 : l.tp);
  if (l.ep > 1) memory[Bucket::buffers] += 2 * q.costs.expert_transfer;
  if (q.setting.stack.checkpoint_copy) memory[Bucket::checkpoint] = q.bytes.checkpoint(states);
  memory[Bucket::fragmentation] = q.numbers.fragmentation_share * q.numbers.memory;
  memory[Bucket::reserved] = q.numbers.memory_reserved;
  return memory;
}

}  // namespace celere::cost

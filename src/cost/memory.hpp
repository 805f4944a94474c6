// The memory of one rank, bucket by bucket, each with its own divisor.
//
// P parameters of the dense part on this rank, E of experts; D = ranks that share the dense shards,
// X = expert replicas:
//
//   parameters     2 (P + E), with ZeRO 3  2 (P / D + E / X) and two gathered layers; fp32 runs: 4;
//                  with stack.fp8_parameters none of those that are kept in 8 bits
//   low_precision  copies in 8 or 4 bits for both passes, unless ZeRO 3 casts as it gathers
//                  [Transformer Engine]
//   gradients      4 (fp32) or 2 a parameter; from ZeRO 2 on divided, and one layer's undivided
//   master         4 a parameter, from ZeRO 1 on divided (fp32 runs: 0)
//   optimizer      8 a parameter (AdamW) or 4 (SGD); Muon: 4 in a layer's matrices, 8 elsewhere;
//                  the same divisor; with offload neither it nor the master lies on the GPU
//   activations    of a micro-batch x chunks in flight / vpp; offloaded: two layers' worth
//   imbalance      what experts that get more than their mean keep on top
//   working        the most that one backward pass needs beside, logits included
//   buffers        messages between stages (two each way), all-to-all (in and out)
//   checkpoint     where stack.checkpoint_copy: what a save writes, the weights in fp32 and the
//                  optimizer's state, once more
//   fragmentation  stack.fragmentation_share of the memory; reserved: chip.memory_reserved
//
// Sources: Rajbhandari et al. 2020 (ZeRO), Korthikanti et al. 2022 (activations),
// layout/pipeline.hpp (in flight).
#pragma once

#include <array>

#include "base/units.hpp"
#include "cost/stage.hpp"

namespace celere::cost {

enum class Bucket : std::uint8_t {
  parameters,
  low_precision,
  gradients,
  master,
  optimizer,
  activations,
  imbalance,
  working,
  buffers,
  checkpoint,
  fragmentation,
  reserved,
};
inline constexpr int bucket_count = 12;
const char* name_of(Bucket bucket);

struct Memory {
  std::array<Bytes, bucket_count> gpu;
  Bytes host;  // what offloading puts there, of one rank
  Bytes total() const;
  Bytes& operator[](Bucket bucket) { return gpu[static_cast<std::size_t>(bucket)]; }
  Bytes operator[](Bucket bucket) const { return gpu[static_cast<std::size_t>(bucket)]; }
};

// Bytes that one parameter takes in each form, for a setting.
struct ParameterBytes {
  double parameter, low_precision, gradient, master;
  // State beside the master copy, of a matrix inside a layer and of what is none: AdamW keeps two
  // fp32 moments, SGD and Muon one, but Muon steps the matrices alone and leaves AdamW the rest.
  double optimizer_of_matrix, optimizer_of_other;
  double stored_value;  // what a checkpoint has of a parameter beside that state
  // What is left of `parameter` for those that a product in 8 or 4 bits reads: nothing where they
  // are kept in 8 bits alone. And what an all-gather of such a parameter moves.
  double parameter_beside_low, gathered_low;
  static ParameterBytes of(const Setting& setting);

  Bytes optimizer(const ParameterShare& share) const {
    return Bytes::of(optimizer_of_matrix * share.matrices() + optimizer_of_other * share.others());
  }
  Bytes checkpoint(const ParameterShare& share) const {
    return Bytes::of(stored_value * share.all()) + optimizer(share);
  }
};

// What the memory of a stage depends on beside its profile.
struct MemoryQuestion {
  const Setting& setting;
  const Numbers& numbers;
  const ParameterBytes& bytes;
  const StageCosts& costs;
  const layout::Layout& layout;
  std::int64_t micro_batches;
};

// The memory of the ranks of stage `stage`, which is of this profile.
Memory memory_of(const MemoryQuestion& question, const StageProfile& profile, int stage);

}  // namespace celere::cost

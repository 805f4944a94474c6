// The parallel layout that a row describes.
//
// What is empty is filled by these rules, the same for every row:
//
// - tp, pp, cp, ep, vpp and micro_batch: 1;
// - dp: GPUs / (tp pp cp), and GPUs, where only they are empty, from the degrees;
// - etp: tp where experts are not folded apart from tensor parallelism, in NeMo and in
// Megatron-Core
//   unless its text says "Folding" or "FSDP"; else 1;
// - sequence_parallel: with tp > 1 from 2023 on (Korthikanti et al. 2022), and always with experts,
//   which need it;
// - ZeRO stage: by the words of the cell; empty: 0 before 2023 and for Megatron-DeepSpeed, else 1,
//   as Megatron-Core's distributed optimizer; 0 without replicas;
// - recompute: the least that fits (none, the attention core, so many layers of each chunk,
//   everything): whoever ran it had no reason for more;
// - schedule: interleaved with vpp > 1, DualPipe by its flag, else 1F1B;
// - partition: even where the chunks divide the layers and the row does not say that embedding and
//   head count; else balanced.
//
// Partial recomputation of what is cheap ("layernorm", "moe_act", "mla_up_proj") is taken for none,
// and of whole expert layers ("moe") for full. A global batch that is no multiple of the replicas'
// micro-batches is rounded up: the last micro-batch takes as long as a full one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "layout/layout.hpp"
#include "spec/model.hpp"
#include "study/published_run.hpp"

namespace celere::study {

struct RowLayout {
  layout::Layout layout;
  std::int64_t global_batch = 0;
  bool recompute_is_open = false;   // the row does not say: the least that fits
  std::vector<std::string> filled;  // columns that the row leaves empty
};

// Errors: unsupported, in words that say what the row lacks or what does not divide.
Result<RowLayout> layout_of(const RunInputs& row, const spec::Model& model);

}  // namespace celere::study

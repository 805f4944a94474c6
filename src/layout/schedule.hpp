// What one pipeline stage does, in order: forward and backward passes of chunks of micro-batches.
//
// 1F1B: pp - s - 1 forward passes to warm up, then one forward and one backward pass in turn, then
// what is left of the backward ones [Narayanan et al. 2019]. Interleaved: micro-batches go through
// the chunks of a rank in groups of pp, forward in the order of the chunks, backward in the
// reverse; 2 (pp - s - 1) + (vpp - 1) pp passes to warm up [Narayanan et al. 2021, Megatron-LM].
//
// Zero-bubble schedules split a backward pass in two and are left to those who can: trained() of
// legal.hpp says so.
#pragma once

#include <cstdint>
#include <vector>

#include "layout/layout.hpp"

namespace celere::layout {

struct Pass {
  bool forward = true;
  int chunk = 0;  // of this rank, in [0, vpp): chunk * pp + stage of the model
  std::int64_t micro_batch = 0;
  friend bool operator==(const Pass&, const Pass&) = default;
};

// REQUIRES: 1F1B or interleaved, legal for so many micro-batches.
std::vector<Pass> passes(const Layout& layout, int stage, std::int64_t micro_batches);

}  // namespace celere::layout

// Which positions of a sequence a rank of context parallelism has: of 2 cp equal pieces the r-th
// and the r-th from the end, so that all ranks have as many keys to look at under a causal mask
// [Megatron-LM's and Llama 3's balanced split].
#pragma once

#include "nn/batch.hpp"

namespace celere::nn {

// Positions in the sequence of a rank's `length / ranks` rows, int64. REQUIRES: 2 ranks divide the
// length.
at::Tensor context_positions(std::int64_t length, int ranks, int rank);

// The rows of a micro-batch that a rank has: `length` becomes what it has of each sequence; start
// and position stay those of the whole.
Batch context_rows(const Batch& batch, int ranks, int rank);

}  // namespace celere::nn

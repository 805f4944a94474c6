// Pipeline schedules as integers: which layers a chunk holds, and how many chunks of activations a
// rank keeps.
//
// With C = pp * vpp chunks, chunk c lies on rank c mod pp. Partition even: layers / C each.
// Partition balanced: embedding and head count as a layer each, so chunk c gets slots floor(c (L +
// 2) / C) to floor((c + 1) (L + 2) / C) of the L + 2, of which the first is the embedding and the
// last the head.
//
// Activations that stage s keeps at most, with m micro-batches:
//   1F1B, ZB-H1    min(m, pp - s) micro-batches                               [Narayanan et al.
//   2019; Qi et al. 2023] interleaved    pp (vpp - 1) + 2 (pp - s - 1) + 1 chunks, at most m vpp
//   [Narayanan et al. 2021, Megatron-LM's warm-up] DualPipe       pp + 1 micro-batches, min(m, .)
//   [DeepSeek-V3 2024, table 2]
#pragma once

#include <cstdint>

#include "layout/layout.hpp"

namespace celere::layout {

struct ChunkLayers {
  int first = 0;
  int count = 0;  // transformer layers, without embedding and head
};

// The layers of chunk `chunk` in [0, pp * vpp). REQUIRES: even: pp * vpp divides the layers;
// balanced: it is at most layers + 2.
ChunkLayers chunk_layers(const Layout& layout, int layers, int chunk);

// The most layers of a chunk.
int longest_chunk(const Layout& layout, int layers);

// Chunks (of vpp a micro-batch) of activations that stage `stage` keeps at the worst moment.
std::int64_t chunks_in_flight(const Layout& layout, int stage, std::int64_t micro_batches);

}  // namespace celere::layout

#include "layout/pipeline.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace celere::layout {

ChunkLayers chunk_layers(const Layout& layout, int layers, int chunk) {
  const int chunks = layout.pp * layout.vpp;
  if (layout.partition == Partition::even) {
    return {.first = chunk * (layers / chunks), .count = layers / chunks};
  }
  const auto slot = [&](int c) {
    return static_cast<int>(std::int64_t{c} * (layers + 2) / chunks);
  };
  const int from = std::max(slot(chunk), 1);
  const int to = std::min(slot(chunk + 1), layers + 1);
  return {.first = from - 1, .count = std::max(0, to - from)};
}

int longest_chunk(const Layout& layout, int layers) {
  const int chunks = layout.pp * layout.vpp;
  if (layout.partition == Partition::even || chunks == 1) return layers / chunks;
  // Of the layers + 2 slots the last `left` chunks by turns get one more; the first chunk gives a
  // slot to the embedding, the last one (which always has one more, if any has) to the head.
  const int slots = (layers + 2) / chunks;
  const int left = (layers + 2) % chunks;
  if (chunks == 2) return slots - 1 + left;
  return slots + (left >= 2 ? 1 : 0);
}

std::int64_t chunks_in_flight(const Layout& layout, int stage, std::int64_t micro_batches) {
  const std::int64_t pp = layout.pp;
  switch (layout.schedule) {
    case Schedule::one_f_one_b:
    case Schedule::zero_bubble:
      return std::min(micro_batches, pp - stage);
    case Schedule::interleaved:
      return std::min(micro_batches * layout.vpp, pp * (layout.vpp - 1) + 2 * (pp - stage - 1) + 1);
    case Schedule::dual_pipe:
      return std::min(micro_batches, pp + 1);
  }
  CHECK(false);
}

}  // namespace celere::layout

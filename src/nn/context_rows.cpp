#include "nn/context_rows.hpp"

#include "base/check.hpp"

namespace celere::nn {

at::Tensor context_positions(std::int64_t length, int ranks, int rank) {
  CHECK_EQ(length % (2 * ranks), 0);
  const std::int64_t piece = length / (2 * ranks);
  const std::int64_t second = 2 * ranks - 1 - rank;
  return at::cat({at::arange(rank * piece, (rank + 1) * piece, at::kLong),
                  at::arange(second * piece, (second + 1) * piece, at::kLong)});
}

Batch context_rows(const Batch& batch, int ranks, int rank) {
  if (ranks == 1) return batch;
  const at::Tensor own = context_positions(batch.length, ranks, rank).to(batch.tokens.device());
  const auto cut = [&](const at::Tensor& rows) {
    if (!rows.defined()) return rows;
    return rows.view({batch.sequences, batch.length}).index_select(1, own).flatten();
  };
  return {.tokens = cut(batch.tokens),
          .targets = cut(batch.targets),
          .counted = cut(batch.counted),
          .start = cut(batch.start),
          .position = cut(batch.position),
          .pairs = cut(batch.pairs),
          .sequences = batch.sequences,
          .length = batch.length / ranks};
}

}  // namespace celere::nn

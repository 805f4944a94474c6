#include "nn/batch.hpp"

#include "base/check.hpp"

namespace celere::nn {

std::int64_t pair_row(std::int64_t before, std::int64_t token, std::int64_t count) {
  if (before < 0) return 0;
  // Two odd multipliers spread the pair over 64 bits; row 0 is kept for the first token.
  const std::uint64_t mixed = static_cast<std::uint64_t>(before + 1) * 0x9E3779B97F4A7C15u ^
                              static_cast<std::uint64_t>(token + 1) * 0xC2B2AE3D27D4EB4Fu;
  return 1 + static_cast<std::int64_t>((mixed >> 20) % static_cast<std::uint64_t>(count - 1));
}

Batch plain_batch(const at::Tensor& tokens, std::int64_t bigrams) {
  CHECK_EQ(tokens.dim(), 2);
  Batch batch;
  batch.sequences = tokens.size(0);
  batch.length = tokens.size(1) - 1;
  const std::int64_t rows = batch.rows();
  const at::Tensor wide = tokens.to(at::kLong);
  batch.tokens = wide.narrow(1, 0, batch.length).contiguous().view({rows});
  batch.targets = wide.narrow(1, 1, batch.length).contiguous().view({rows});
  batch.counted = at::ones({rows}, at::TensorOptions().dtype(at::kByte).device(tokens.device()));
  batch.start = at::zeros({rows}, at::TensorOptions().dtype(at::kInt).device(tokens.device()));
  batch.position = at::arange(batch.length, at::TensorOptions().dtype(at::kInt))
                       .repeat({batch.sequences})
                       .to(tokens.device());
  if (bigrams > 0 && !tokens.is_meta()) {
    batch.pairs = at::empty({rows}, at::kLong);
    const std::int64_t* token = batch.tokens.const_data_ptr<std::int64_t>();
    std::int64_t* pair = batch.pairs.mutable_data_ptr<std::int64_t>();
    for (std::int64_t i = 0; i < rows; ++i) {
      pair[i] = pair_row(i % batch.length == 0 ? -1 : token[i - 1], token[i], bigrams);
    }
  }
  return batch;
}

}  // namespace celere::nn

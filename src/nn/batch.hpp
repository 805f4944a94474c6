// What one micro-batch brings to the model: `sequences` x `length` positions, one row each.
#pragma once

#include "nn/torch.hpp"

namespace celere::nn {

struct Batch {
  at::Tensor tokens;    // [rows] int64
  at::Tensor targets;   // [rows] int64: the token after each
  at::Tensor counted;   // [rows] uint8: 1 where the prediction counts in the loss
  at::Tensor start;     // [rows] int32: where in its sequence the row's document begins
  at::Tensor position;  // [rows] int32: within its document
  at::Tensor pairs;     // [rows] int64: row of the bigram embedding; undefined without one
  std::int64_t sequences = 0, length = 0;

  std::int64_t rows() const { return sequences * length; }
};

// The row of a bigram embedding of `count` rows for a token and the one before it in its document
// (-1: none).
std::int64_t pair_row(std::int64_t before, std::int64_t token, std::int64_t count);

// Sequences of whole documents, every prediction counted: tokens of [sequences, length + 1].
// `bigrams`: rows of the bigram embedding, 0 without.
Batch plain_batch(const at::Tensor& tokens, std::int64_t bigrams);

}  // namespace celere::nn

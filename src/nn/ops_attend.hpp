// What the forms of attention share (nn/ops_attend.cpp, nn/ops_context.cpp): the plain one.
#pragma once

#include "nn/ops.hpp"

namespace celere::nn {

// [sequences x length, heads dim] with the heads before the positions, keys repeated for the
// queries that share them: [sequences, words.heads, length, dim].
at::Tensor heads_first(const at::Tensor& x, std::int64_t length, std::int64_t heads,
                       const AttentionWords& words);

// q of `length` positions a sequence over all the keys that k has of it; `hidden` [sequences or 1,
// 1, queries, keys] is true where a key is not seen. Under autograd.
at::Tensor attention_of(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                        std::int64_t length, const at::Tensor& hidden, const AttentionWords& words);

}  // namespace celere::nn

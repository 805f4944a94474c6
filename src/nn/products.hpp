// Matrix products of the fast operators.
//
// ATen gives float products to MKL, which on AMD's processors takes its AVX2 path. oneDNN's
// kernels, which ATen carries for its own attention, use AVX-512 there and are a tenth to a fifth
// faster where the right factor lies row by row; so on those processors they are used for large
// products of that form, in tiles of a fixed size, and no result depends on the number of threads.
// Elsewhere, in other types and for the rest this is at::mm.
#pragma once

#include "nn/torch.hpp"

namespace celere::nn {

// out = a b; a [rows, inner], b [inner, columns] or a transposed view, which is copied once where
// that pays.
void product_into(at::Tensor& out, const at::Tensor& a, const at::Tensor& b);
at::Tensor product(const at::Tensor& a, const at::Tensor& b);

// b as product_into() likes it best, for use with many products of so many rows in all.
at::Tensor ready_for_product(const at::Tensor& b, std::int64_t rows);

}  // namespace celere::nn

// Muon [Jordan et al. 2024]: the update of a matrix is its momentum with all singular values
// brought to one.
//
//   M = mu M + (1 - mu) G       U = polar((1 - mu) G + mu M)
//   W = (1 - rate decay) W - rate sqrt(max(1, rows / columns)) U
//
// The polar factor by the odd polynomials of the Polar Express [Amsel et al. 2025], which converge
// for singular values between 0.001 and 1 in five products; what comes out is within some per cent
// of one, which is enough.
#pragma once

#include "nn/torch.hpp"

namespace celere::nn {

// The polar factor of a matrix [rows, columns], computed in `compute`. REQUIRES: iterations in [1,
// 20].
at::Tensor polar_factor(const at::Tensor& matrix, int iterations, at::ScalarType compute);

// sqrt(max(1, rows / columns)): what the update of a tall matrix is taken times.
double muon_stretch(std::int64_t rows, std::int64_t columns);

}  // namespace celere::nn

// A product of small matrices that lie in the cache, for the attention kernel.
//
//   C[m][n] (+)= sum_k A[m][k] B[k][n]
//
// B and C are rows of whole pairs of vectors; A is read element by element with any two strides, so
// it may be a transpose. Included by the kernels alone.
#pragma once

#include "nn/kernels/vector.hpp"

namespace celere::nn::kernels::CELERE_CAPABILITY {

struct LeftSide {
  const float* at;
  std::int64_t row, column;  // strides
};

struct Extents {
  std::int64_t rows, inner, columns;  // columns: a multiple of `two`
};

template <int rows, bool add>
inline void product_block(LeftSide a, const float* b, std::int64_t b_row, float* c,
                          std::int64_t c_row, std::int64_t inner) {
  Vec sum[rows][2];
  for (int r = 0; r < rows; ++r) {
    sum[r][0] = add ? Vec::loadu(c + r * c_row) : Vec(0.f);
    sum[r][1] = add ? Vec::loadu(c + r * c_row + lanes) : Vec(0.f);
  }
  for (std::int64_t k = 0; k < inner; ++k) {
    const Vec b0 = Vec::loadu(b + k * b_row), b1 = Vec::loadu(b + k * b_row + lanes);
    const float* left = a.at + k * a.column;
    for (int r = 0; r < rows; ++r) {
      const Vec value(left[r * a.row]);
      sum[r][0] = at::vec::fmadd(value, b0, sum[r][0]);
      sum[r][1] = at::vec::fmadd(value, b1, sum[r][1]);
    }
  }
  for (int r = 0; r < rows; ++r) {
    sum[r][0].store(c + r * c_row);
    sum[r][1].store(c + r * c_row + lanes);
  }
}

template <bool add>
void product(LeftSide a, const float* b, std::int64_t b_row, float* c, std::int64_t c_row,
             Extents size) {
  constexpr int block = lanes == 16 ? 8 : 4;
  for (std::int64_t n = 0; n < size.columns; n += two) {
    std::int64_t m = 0;
    for (; m + block <= size.rows; m += block) {
      product_block<block, add>({a.at + m * a.row, a.row, a.column}, b + n, b_row,
                                c + m * c_row + n, c_row, size.inner);
    }
    for (; m < size.rows; ++m) {
      product_block<1, add>({a.at + m * a.row, a.row, a.column}, b + n, b_row, c + m * c_row + n,
                            c_row, size.inner);
    }
  }
}

}  // namespace celere::nn::kernels::CELERE_CAPABILITY

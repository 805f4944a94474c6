#include "nn/products.hpp"

#include <ATen/native/CPUBlas.h>

#include <algorithm>

#include "nn/kernels/kernels.hpp"

namespace celere::nn {
namespace {

constexpr std::int64_t tile_rows = 64, tile_columns = 256, tile_inner = 1024;
// A copy of the right factor costs two passes over it; below so many rows it does not pay.
constexpr std::int64_t rows_least = 256;

bool tiles_are_faster() {
  __builtin_cpu_init();
  return __builtin_cpu_is("amd") && kernels::capability_here() == kernels::Capability::avx512;
}

bool suits(const at::Tensor& a, const at::Tensor& b) {
  return a.scalar_type() == at::kFloat && a.device().is_cpu() && tiles_are_faster() &&
         a.size(0) >= tile_rows && a.size(1) >= 16 && b.size(1) >= 16 && a.stride(1) == 1;
}

// Whole tiles of rows; REQUIRES: suits(a, b), b and out row by row.
void multiply_tiles(const at::Tensor& out, const at::Tensor& a, const at::Tensor& b) {
  const std::int64_t rows = a.size(0) / tile_rows, columns = b.size(1), inner = a.size(1);
  const std::int64_t across = (columns + tile_columns - 1) / tile_columns;
  const float* left = a.const_data_ptr<float>();
  const float* right = b.const_data_ptr<float>();
  float* to = out.mutable_data_ptr<float>();
  at::parallel_for(0, rows * across, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t tile = begin; tile < end; ++tile) {
      // Neighbours share the columns of b, which stay in the cache.
      const std::int64_t row = tile % rows * tile_rows, column = tile / rows * tile_columns;
      const std::int64_t width = std::min(tile_columns, columns - column);
      for (std::int64_t k = 0; k < inner; k += tile_inner) {
        at::native::cpublas::brgemm(tile_rows, width, std::min(tile_inner, inner - k), a.stride(0),
                                    b.stride(0), out.stride(0), k > 0, left + row * a.stride(0) + k,
                                    right + k * b.stride(0) + column,
                                    to + row * out.stride(0) + column, false);
      }
    }
  });
}

}  // namespace

at::Tensor ready_for_product(const at::Tensor& b, std::int64_t rows) {
  const bool pays = b.scalar_type() == at::kFloat && rows >= rows_least && b.stride(1) != 1 &&
                    b.device().is_cpu() && tiles_are_faster();
  return pays ? b.contiguous() : b;
}

void product_into(at::Tensor& out, const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor right = ready_for_product(b, a.size(0));
  if (!suits(a, right) || right.stride(1) != 1 || out.stride(1) != 1) {
    at::mm_out(out, a, right);
    return;
  }
  multiply_tiles(out, a, right);
  const std::int64_t done = a.size(0) / tile_rows * tile_rows, left = a.size(0) - done;
  if (left == 0) return;
  at::Tensor rest = out.narrow(0, done, left);
  at::mm_out(rest, a.narrow(0, done, left), right);
}

at::Tensor product(const at::Tensor& a, const at::Tensor& b) {
  at::Tensor out = at::empty({a.size(0), b.size(1)}, a.options());
  product_into(out, a, b);
  return out;
}

}  // namespace celere::nn

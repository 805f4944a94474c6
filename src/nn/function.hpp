// What the fused forms of nn/ops share: autograd functions that remember our own words, and rows
// shared out over the threads.
#pragma once

#include <algorithm>
#include <functional>
#include <optional>

#include "base/check.hpp"
#include "nn/ops.hpp"

namespace celere::nn {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::Variable;
using torch::autograd::variable_list;

// A pointer to something that outlives the graph: a parameter, or the table of kernels.
template <typename T>
void remember(AutogradContext* context, const char* key, const T* what) {
  context->saved_data[key] = static_cast<std::int64_t>(reinterpret_cast<std::intptr_t>(what));
}
template <typename T>
const T* remembered(AutogradContext* context, const char* key) {
  return reinterpret_cast<const T*>(static_cast<std::intptr_t>(context->saved_data[key].toInt()));
}

// An argument of a Function may not be an undefined tensor.
inline std::optional<at::Tensor> if_defined(const at::Tensor& tensor) {
  return tensor.defined() ? std::optional(tensor) : std::nullopt;
}

template <typename T>
const T* read(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.const_data_ptr<T>() : nullptr;
}
template <typename T>
T* write(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.mutable_data_ptr<T>() : nullptr;
}

// Calls function(T{}) with the C++ type of the tensor's elements.
template <typename F>
void with_type(at::ScalarType type, const F& function) {
  if (type == at::kFloat) {
    function(float{});
  } else {
    CHECK(type == at::kBFloat16);
    function(c10::BFloat16{});
  }
}

inline void share_out(std::int64_t rows, std::int64_t grain,
                      const std::function<void(kernels::Rows)>& function) {
  at::parallel_for(0, rows, grain,
                   [&](std::int64_t begin, std::int64_t end) { function({begin, end}); });
}

// Sums over rows, such as the gradient of a norm's weight: each block of rows adds to a line of its
// own, and the lines are added in order, so that the result depends on no number of threads.
class BlockSums {
 public:
  BlockSums(std::int64_t rows, std::int64_t width)
      : rows_(rows), sums_(at::zeros({(rows + block - 1) / block, width}, at::kFloat)) {}

  // function(rows of a block, its line).
  void over_blocks(const std::function<void(kernels::Rows, std::int64_t)>& function) const {
    at::parallel_for(0, sums_.size(0), 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        function({i * block, std::min(rows_, (i + 1) * block)}, i);
      }
    });
  }
  float* line(std::int64_t i) const { return write<float>(sums_) + i * sums_.size(1); }
  void add_to(const at::Tensor& gradient) const { gradient.add_(sums_.sum(0)); }

 private:
  static constexpr std::int64_t block = 64;
  std::int64_t rows_;
  at::Tensor sums_;
};

// gradient (float) += left right, whose type may be narrower.
inline void add_product(const kernels::Table& table, const at::Tensor& gradient,
                        const at::Tensor& left, const at::Tensor& right) {
  at::Tensor out = gradient;
  if (gradient.scalar_type() == left.scalar_type()) {
    at::addmm_out(out, gradient, left, right);
    return;
  }
  const at::Tensor product = at::mm(left, right);
  share_out(product.numel(), 1 << 15, [&](kernels::Rows r) {
    table.add_bf16(write<float>(out), read<c10::BFloat16>(product), r);
  });
}

// Rows of a table, under autograd. libtorch alone, without Python, selects nothing on the meta
// device.
inline at::Tensor rows_of(const at::Tensor& table, const at::Tensor& index) {
  if (table.is_meta()) return at::empty({index.numel(), table.size(1)}, table.options());
  return at::index_select(table, 0, index);
}

inline const at::Tensor& gradient_of(const Parameter& parameter) { return parameter.value.grad(); }

}  // namespace celere::nn

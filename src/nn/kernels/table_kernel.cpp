#include "nn/kernels/vector.hpp"
#include "nn/kernels/widths.hpp"

namespace celere::nn::kernels::CELERE_CAPABILITY {
namespace {

template <typename T>
TypedTable<T> typed() {
  TypedTable<T> table{};
  add_norm(table);
  add_rotary(table);
  add_activation(table);
  add_cross_entropy(table);
  add_attention(table);
  add_experts(table);
  return table;
}

}  // namespace

const Table& table();
const Table& table() {
  static const Table all = [] {
    Table out{.f32 = typed<float>(),
              .bf16 = typed<BFloat16>(),
              .adamw = {},
              .add_bf16 = {},
              .sum_of_squares = {}};
    add_flat(out);
    return out;
  }();
  return all;
}

}  // namespace celere::nn::kernels::CELERE_CAPABILITY

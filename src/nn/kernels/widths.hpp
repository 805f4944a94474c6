// What the kernels of one capability register in its table. Included by the kernels alone.
#pragma once

#include "nn/kernels/kernels.hpp"

namespace celere::nn::kernels::CELERE_CAPABILITY {

template <typename T>
void add_norm(TypedTable<T>& table);
template <typename T>
void add_rotary(TypedTable<T>& table);
template <typename T>
void add_activation(TypedTable<T>& table);
template <typename T>
void add_cross_entropy(TypedTable<T>& table);
template <typename T>
void add_attention(TypedTable<T>& table);
template <typename T>
void add_experts(TypedTable<T>& table);
void add_flat(Table& table);

}  // namespace celere::nn::kernels::CELERE_CAPABILITY

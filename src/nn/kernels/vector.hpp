// Two vectors of float at a time, loaded from and stored as float or bfloat16. Included by the
// kernels alone, which are compiled once for each capability (cmake/torch.cmake).
#pragma once

#include <ATen/cpu/vec/vec.h>

#include <cmath>

#include "nn/kernels/kernels.hpp"

namespace celere::nn::kernels::CELERE_CAPABILITY {

using at::vec::Vectorized;
using Vec = Vectorized<float>;
using c10::BFloat16;
inline constexpr std::int64_t lanes = Vec::size();
inline constexpr std::int64_t two = 2 * lanes;

struct Two {
  Vec a, b;
};

inline Two load2(const float* p) { return {Vec::loadu(p), Vec::loadu(p + lanes)}; }
inline Two load2(const BFloat16* p) {
  const auto [a, b] = at::vec::convert_bfloat16_float(Vectorized<BFloat16>::loadu(p));
  return {a, b};
}
inline void store2(float* p, Two v) {
  v.a.store(p);
  v.b.store(p + lanes);
}
inline void store2(BFloat16* p, Two v) { at::vec::convert_float_bfloat16(v.a, v.b).store(p); }

inline float sum_of(Vec v) {
  alignas(64) float part[lanes];
  v.store(part);
  float sum = 0;
  for (std::int64_t i = 0; i < lanes; ++i) sum += part[i];
  return sum;
}
inline float max_of(Vec v) {
  alignas(64) float part[lanes];
  v.store(part);
  float most = part[0];
  for (std::int64_t i = 1; i < lanes; ++i) most = part[i] > most ? part[i] : most;
  return most;
}

}  // namespace celere::nn::kernels::CELERE_CAPABILITY

// Rows of tokens to rows of expert slots and back.
//
//   combine   out_t = sum_j w_tj y_p(t,j)
//   spread    y_p(t,j) = w_tj g_t      dw_tj = g_t . z_p(t,j)
//
// p(t, j) is where the j-th choice of token t lies among the slots, -1 where it was dropped.
#include "nn/kernels/vector.hpp"
#include "nn/kernels/widths.hpp"

namespace celere::nn::kernels::CELERE_CAPABILITY {
namespace {

template <typename T>
void combine(const Slots<T>& f, Rows rows) {
  const std::int64_t width = f.width;
  for (std::int64_t t = rows.begin; t < rows.end; ++t) {
    T* out = f.token_rows + t * width;
    std::int64_t i = 0;
    for (; i + two <= width; i += two) {
      Two sum{Vec(0.f), Vec(0.f)};
      for (std::int64_t j = 0; j < f.choices; ++j) {
        const std::int64_t slot = f.place[t * f.choices + j];
        if (slot < 0) continue;
        const Vec w(f.weights != nullptr ? f.weights[t * f.choices + j] : 1.f);
        const Two y = load2(f.slot_rows + slot * width + i);
        sum = {at::vec::fmadd(w, y.a, sum.a), at::vec::fmadd(w, y.b, sum.b)};
      }
      store2(out + i, sum);
    }
    for (; i < width; ++i) {
      float sum = 0;
      for (std::int64_t j = 0; j < f.choices; ++j) {
        const std::int64_t slot = f.place[t * f.choices + j];
        if (slot < 0) continue;
        const float w = f.weights != nullptr ? f.weights[t * f.choices + j] : 1;
        sum += w * static_cast<float>(f.slot_rows[slot * width + i]);
      }
      out[i] = static_cast<T>(sum);
    }
  }
}

template <typename T>
void spread(const Slots<T>& f, Rows rows) {
  const std::int64_t width = f.width;
  for (std::int64_t t = rows.begin; t < rows.end; ++t) {
    const T* from = f.token_rows_in + t * width;
    for (std::int64_t j = 0; j < f.choices; ++j) {
      const std::int64_t slot = f.place[t * f.choices + j];
      if (f.gradient_weights != nullptr) f.gradient_weights[t * f.choices + j] = 0;
      if (slot < 0) continue;
      const float w = f.weights != nullptr ? f.weights[t * f.choices + j] : 1;
      const Vec factor(w);
      T* to = f.slot_rows_out + slot * width;
      const T* with = f.slot_rows != nullptr ? f.slot_rows + slot * width : nullptr;
      Vec product(0.f);
      std::int64_t i = 0;
      for (; i + two <= width; i += two) {
        const Two g = load2(from + i);
        store2(to + i, Two{factor * g.a, factor * g.b});
        if (with == nullptr) continue;
        const Two z = load2(with + i);
        product = at::vec::fmadd(g.a, z.a, at::vec::fmadd(g.b, z.b, product));
      }
      float sum = sum_of(product);
      for (; i < width; ++i) {
        const float g = static_cast<float>(from[i]);
        to[i] = static_cast<T>(w * g);
        if (with != nullptr) sum += g * static_cast<float>(with[i]);
      }
      if (f.gradient_weights != nullptr) f.gradient_weights[t * f.choices + j] = sum;
    }
  }
}

}  // namespace

template <typename T>
void add_experts(TypedTable<T>& table) {
  table.combine = combine<T>;
  table.spread = spread<T>;
}
template void add_experts(TypedTable<float>&);
template void add_experts(TypedTable<BFloat16>&);

}  // namespace celere::nn::kernels::CELERE_CAPABILITY

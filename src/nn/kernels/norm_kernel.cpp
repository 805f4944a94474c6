// RMS norm and layer norm, with the addition to the residual stream before them.
//
//   out = w (x - m) r + b        r = 1 / sqrt(mean((x - m)^2) + epsilon)      [Ba et al. 2016]
//   dx  = r (g - mean(g) - n mean(g n))      g = w dout, n = (x - m) r
//
// An RMS norm [Zhang and Sennrich 2019] has m = 0 and no mean(g).
#include "nn/kernels/vector.hpp"
#include "nn/kernels/widths.hpp"

namespace celere::nn::kernels::CELERE_CAPABILITY {
namespace {

struct Moments {
  float mean = 0, inverse = 0;
};

// The stream of one row, and what its norm needs.
template <typename T>
Moments add_branch(const NormForward<T>& f, std::int64_t row) {
  const std::int64_t width = f.width;
  const float* x = f.x + row * width;
  float* sum = f.branch != nullptr ? f.sum + row * width : nullptr;
  Vec total0(0.f), total1(0.f), square0(0.f), square1(0.f);
  std::int64_t i = 0;
  for (; i + two <= width; i += two) {
    Two v = load2(x + i);
    if (sum != nullptr) {
      const Two y = load2(f.branch + row * width + i);
      v = {v.a + y.a, v.b + y.b};
      store2(sum + i, v);
    }
    total0 = total0 + v.a;
    total1 = total1 + v.b;
    square0 = at::vec::fmadd(v.a, v.a, square0);
    square1 = at::vec::fmadd(v.b, v.b, square1);
  }
  float total = sum_of(total0 + total1), square = sum_of(square0 + square1);
  for (; i < width; ++i) {
    float v = x[i];
    if (sum != nullptr) sum[i] = v = v + static_cast<float>(f.branch[row * width + i]);
    total += v;
    square += v * v;
  }
  const float count = static_cast<float>(width);
  if (f.mean == nullptr) return {0, 1 / std::sqrt(square / count + f.epsilon)};
  // Around the mean in a second pass: the difference of two large sums would lose digits.
  const float mean = total / count;
  const float* stream = sum != nullptr ? sum : x;
  Vec variance(0.f);
  const Vec centre(mean);
  for (i = 0; i + lanes <= width; i += lanes) {
    const Vec d = Vec::loadu(stream + i) - centre;
    variance = at::vec::fmadd(d, d, variance);
  }
  float rest = sum_of(variance);
  for (; i < width; ++i) rest += (stream[i] - mean) * (stream[i] - mean);
  return {mean, 1 / std::sqrt(rest / count + f.epsilon)};
}

template <typename T>
void norm_forward(const NormForward<T>& f, Rows rows) {
  const std::int64_t width = f.width;
  for (std::int64_t row = rows.begin; row < rows.end; ++row) {
    const Moments m = add_branch(f, row);
    f.inverse[row] = m.inverse;
    if (f.mean != nullptr) f.mean[row] = m.mean;
    const float* stream = (f.branch != nullptr ? f.sum : f.x) + row * width;
    T* out = f.out + row * width;
    const Vec mean(m.mean), inverse(m.inverse);
    std::int64_t i = 0;
    for (; i + two <= width; i += two) {
      Two v = load2(stream + i);
      const Two w = load2(f.weight + i);
      v = {(v.a - mean) * inverse * w.a, (v.b - mean) * inverse * w.b};
      if (f.bias != nullptr) {
        const Two b = load2(f.bias + i);
        v = {v.a + b.a, v.b + b.b};
      }
      store2(out + i, v);
    }
    for (; i < width; ++i) {
      const float bias = f.bias != nullptr ? f.bias[i] : 0;
      out[i] = static_cast<T>((stream[i] - m.mean) * m.inverse * f.weight[i] + bias);
    }
  }
}

// Of one row: mean(g) and mean(g n), and what the weights get.
template <typename T>
void reduce_row(const NormBackward<T>& f, std::int64_t row, float& mean_g, float& mean_gn) {
  const std::int64_t width = f.width;
  const float* x = f.sum + row * width;
  const T* gradient = f.gradient + row * width;
  const float m = f.mean != nullptr ? f.mean[row] : 0, r = f.inverse[row];
  const Vec mean(m), inverse(r);
  Vec sum_g(0.f), sum_gn(0.f);
  std::int64_t i = 0;
  for (; i + two <= width; i += two) {
    const Two v = load2(x + i), d = load2(gradient + i), w = load2(f.weight + i);
    const Vec na = (v.a - mean) * inverse, nb = (v.b - mean) * inverse;
    const Two old = load2(f.gradient_weight + i);
    store2(f.gradient_weight + i,
           Two{at::vec::fmadd(d.a, na, old.a), at::vec::fmadd(d.b, nb, old.b)});
    if (f.gradient_bias != nullptr) {
      const Two b = load2(f.gradient_bias + i);
      store2(f.gradient_bias + i, Two{b.a + d.a, b.b + d.b});
    }
    const Vec ga = d.a * w.a, gb = d.b * w.b;
    sum_g = sum_g + ga + gb;
    sum_gn = at::vec::fmadd(ga, na, at::vec::fmadd(gb, nb, sum_gn));
  }
  float total_g = sum_of(sum_g), total_gn = sum_of(sum_gn);
  for (; i < width; ++i) {
    const float n = (x[i] - m) * r, d = static_cast<float>(gradient[i]), g = d * f.weight[i];
    f.gradient_weight[i] += d * n;
    if (f.gradient_bias != nullptr) f.gradient_bias[i] += d;
    total_g += g;
    total_gn += g * n;
  }
  mean_g = f.mean != nullptr ? total_g / static_cast<float>(width) : 0;
  mean_gn = total_gn / static_cast<float>(width);
}

template <typename T>
void norm_backward(const NormBackward<T>& f, Rows rows) {
  const std::int64_t width = f.width;
  for (std::int64_t row = rows.begin; row < rows.end; ++row) {
    float mean_g = 0, mean_gn = 0;
    reduce_row(f, row, mean_g, mean_gn);
    const float m = f.mean != nullptr ? f.mean[row] : 0, r = f.inverse[row];
    const std::int64_t at = row * width;
    const Vec mean(m), inverse(r), vg(mean_g), vgn(mean_gn);
    std::int64_t i = 0;
    for (; i + two <= width; i += two) {
      const Two v = load2(f.sum + at + i), d = load2(f.gradient + at + i), w = load2(f.weight + i);
      const Vec na = (v.a - mean) * inverse, nb = (v.b - mean) * inverse;
      Two dx{inverse * (d.a * w.a - vg - na * vgn), inverse * (d.b * w.b - vg - nb * vgn)};
      if (f.from_above != nullptr) {
        const Two above = load2(f.from_above + at + i);
        dx = {dx.a + above.a, dx.b + above.b};
      }
      store2(f.gradient_sum + at + i, dx);
      if (f.gradient_branch != nullptr) store2(f.gradient_branch + at + i, dx);
    }
    for (; i < width; ++i) {
      const float n = (f.sum[at + i] - m) * r;
      const float g = static_cast<float>(f.gradient[at + i]) * f.weight[i];
      float dx = r * (g - mean_g - n * mean_gn);
      if (f.from_above != nullptr) dx += f.from_above[at + i];
      f.gradient_sum[at + i] = dx;
      if (f.gradient_branch != nullptr) f.gradient_branch[at + i] = static_cast<T>(dx);
    }
  }
}

}  // namespace

template <typename T>
void add_norm(TypedTable<T>& table) {
  table.norm_forward = norm_forward<T>;
  table.norm_backward = norm_backward<T>;
}
template void add_norm(TypedTable<float>&);
template void add_norm(TypedTable<BFloat16>&);

}  // namespace celere::nn::kernels::CELERE_CAPABILITY

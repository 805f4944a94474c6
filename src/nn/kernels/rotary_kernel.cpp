// Rotary positions, behind an RMS norm of each head where the model has one.
#include "nn/kernels/vector.hpp"
#include "nn/kernels/widths.hpp"

namespace celere::nn::kernels::CELERE_CAPABILITY {
namespace {

inline constexpr std::int64_t dim_max = 1024;

template <typename T>
void widen(const T* from, float* to, std::int64_t count) {
  std::int64_t i = 0;
  for (; i + two <= count; i += two) store2(to + i, load2(from + i));
  for (; i < count; ++i) to[i] = static_cast<float>(from[i]);
}

template <typename T>
void narrow(const float* from, T* to, std::int64_t count) {
  std::int64_t i = 0;
  for (; i + two <= count; i += two) store2(to + i, load2(from + i));
  for (; i < count; ++i) to[i] = static_cast<T>(from[i]);
}

// (x1, x2) -> (x1 c - x2 s, x2 c + x1 s), in place; `turn` is -1 for the way back.
void rotate(float* x, const float* cosine, const float* sine, std::int64_t half, float turn) {
  std::int64_t i = 0;
  const Vec sign(turn);
  for (; i + lanes <= half; i += lanes) {
    const Vec a = Vec::loadu(x + i), b = Vec::loadu(x + half + i);
    const Vec c = Vec::loadu(cosine + i), s = Vec::loadu(sine + i) * sign;
    (a * c - b * s).store(x + i);
    (b * c + a * s).store(x + half + i);
  }
  for (; i < half; ++i) {
    const float a = x[i], b = x[half + i], c = cosine[i], s = sine[i] * turn;
    x[i] = a * c - b * s;
    x[half + i] = b * c + a * s;
  }
}

float inverse_of(const float* x, std::int64_t dim, float epsilon) {
  Vec square(0.f);
  std::int64_t i = 0;
  for (; i + lanes <= dim; i += lanes) {
    const Vec v = Vec::loadu(x + i);
    square = at::vec::fmadd(v, v, square);
  }
  float sum = sum_of(square);
  for (; i < dim; ++i) sum += x[i] * x[i];
  return 1 / std::sqrt(sum / static_cast<float>(dim) + epsilon);
}

template <typename T>
void rotary_forward(const Rotary<T>& f, Rows rows) {
  alignas(64) float head[dim_max];
  const std::int64_t half = f.rotated / 2;
  for (std::int64_t row = rows.begin; row < rows.end; ++row) {
    const std::int64_t at = half > 0 ? f.position[row] * half : 0;
    for (std::int64_t h = 0; h < f.heads; ++h) {
      const std::int64_t place = (row * f.heads + h) * f.dim;
      widen(f.x + place, head, f.dim);
      if (f.weight != nullptr) {
        const float inverse = inverse_of(head, f.dim, f.epsilon);
        f.inverse[row * f.heads + h] = inverse;
        for (std::int64_t i = 0; i < f.dim; ++i) head[i] *= inverse * f.weight[i];
      }
      if (half > 0) rotate(head, f.cosine + at, f.sine + at, half, 1);
      narrow(head, f.out + place, f.dim);
    }
  }
}

template <typename T>
void rotary_backward(const Rotary<T>& f, Rows rows) {
  alignas(64) float gradient[dim_max], head[dim_max];
  const std::int64_t half = f.rotated / 2;
  for (std::int64_t row = rows.begin; row < rows.end; ++row) {
    const std::int64_t at = half > 0 ? f.position[row] * half : 0;
    for (std::int64_t h = 0; h < f.heads; ++h) {
      const std::int64_t place = (row * f.heads + h) * f.dim;
      widen(f.gradient + place, gradient, f.dim);
      if (half > 0) rotate(gradient, f.cosine + at, f.sine + at, half, -1);
      if (f.weight != nullptr) {
        widen(f.x + place, head, f.dim);
        const float inverse = f.inverse[row * f.heads + h];
        float product = 0;
        for (std::int64_t i = 0; i < f.dim; ++i) {
          head[i] *= inverse;
          f.gradient_weight[i] += gradient[i] * head[i];
          gradient[i] *= f.weight[i];
          product += gradient[i] * head[i];
        }
        product /= static_cast<float>(f.dim);
        for (std::int64_t i = 0; i < f.dim; ++i) {
          gradient[i] = inverse * (gradient[i] - head[i] * product);
        }
      }
      narrow(gradient, f.gradient_x + place, f.dim);
    }
  }
}

}  // namespace

template <typename T>
void add_rotary(TypedTable<T>& table) {
  table.rotary_forward = rotary_forward<T>;
  table.rotary_backward = rotary_backward<T>;
}
template void add_rotary(TypedTable<float>&);
template void add_rotary(TypedTable<BFloat16>&);

}  // namespace celere::nn::kernels::CELERE_CAPABILITY

// Cross-entropy with its gradient, on logits that lie in the cache.
//
//   loss = log(sum exp(z_j)) - z_t      dloss/dz_j = exp(z_j - log sum) - [j = t]
//
// with z = cap tanh(scaled logit / cap) where there is a cap, whose slope is 1 - (z / cap)^2.
#include "nn/kernels/vector.hpp"
#include "nn/kernels/widths.hpp"

namespace celere::nn::kernels::CELERE_CAPABILITY {
namespace {

struct Shape {
  float logit_scale, soft_cap;
};

inline Vec capped(Vec x, const Shape& shape) {
  x = x * Vec(shape.logit_scale);
  if (shape.soft_cap == 0) return x;
  // cap tanh(x / cap) = cap - 2 cap / (exp(2 x / cap) + 1)
  const Vec e = (x * Vec(2 / shape.soft_cap)).exp_u20();
  return Vec(shape.soft_cap) - Vec(2 * shape.soft_cap) / (e + Vec(1.f));
}

inline float capped(float x, const Shape& shape) {
  x *= shape.logit_scale;
  return shape.soft_cap == 0 ? x : shape.soft_cap * std::tanh(x / shape.soft_cap);
}

// The largest logit and the sum of exp(logit - largest), in one pass over the row: what was summed
// is scaled anew when a larger one comes.
template <typename T>
void row_sums(const T* row, std::int64_t vocab, const Shape& shape, float& most, float& sum) {
  Vec m0(-INFINITY), m1(-INFINITY);
  std::int64_t i = 0;
  for (; i + two <= vocab; i += two) {
    const Two v = load2(row + i);
    m0 = at::vec::maximum(m0, capped(v.a, shape));
    m1 = at::vec::maximum(m1, capped(v.b, shape));
  }
  most = max_of(at::vec::maximum(m0, m1));
  for (; i < vocab; ++i) {
    const float z = capped(static_cast<float>(row[i]), shape);
    most = z > most ? z : most;
  }
  const Vec top(most);
  Vec s0(0.f), s1(0.f);
  for (i = 0; i + two <= vocab; i += two) {
    const Two v = load2(row + i);
    s0 = s0 + (capped(v.a, shape) - top).exp_u20();
    s1 = s1 + (capped(v.b, shape) - top).exp_u20();
  }
  sum = sum_of(s0 + s1);
  for (; i < vocab; ++i) sum += std::exp(capped(static_cast<float>(row[i]), shape) - most);
}

template <typename T>
void to_gradient(T* row, std::int64_t vocab, const Shape& shape, float log_sum, float scale) {
  const float slope = scale * shape.logit_scale;
  const float cap_inverse = shape.soft_cap == 0 ? 0 : 1 / shape.soft_cap;
  const auto gradient = [&](Vec x) {
    const Vec z = capped(x, shape);
    const Vec relative = z * Vec(cap_inverse);
    return (z - Vec(log_sum)).exp_u20() * Vec(slope) * (Vec(1.f) - relative * relative);
  };
  std::int64_t i = 0;
  for (; i + two <= vocab; i += two) {
    const Two v = load2(row + i);
    store2(row + i, Two{gradient(v.a), gradient(v.b)});
  }
  for (; i < vocab; ++i) {
    const float z = capped(static_cast<float>(row[i]), shape), relative = z * cap_inverse;
    row[i] = static_cast<T>(std::exp(z - log_sum) * slope * (1 - relative * relative));
  }
}

template <typename T>
void cross_entropy(const CrossEntropy<T>& f, Rows rows) {
  const Shape shape{f.logit_scale, f.soft_cap};
  for (std::int64_t r = rows.begin; r < rows.end; ++r) {
    T* row = f.logits + r * f.vocab;
    if (f.counted[r] == 0) {
      f.loss[r] = 0;
      if (f.with_gradient) {
        for (std::int64_t i = 0; i < f.vocab; ++i) row[i] = static_cast<T>(0.f);
      }
      continue;
    }
    float most = 0, sum = 0;
    row_sums(row, f.vocab, shape, most, sum);
    const float log_sum = most + std::log(sum);
    const float target = capped(static_cast<float>(row[f.target[r]]), shape);
    f.loss[r] = log_sum - target;
    if (!f.with_gradient) continue;
    to_gradient(row, f.vocab, shape, log_sum, f.scale);
    const float relative = f.soft_cap == 0 ? 0 : target / f.soft_cap;
    const float probability = std::exp(target - log_sum);
    row[f.target[r]] =
        static_cast<T>((probability - 1) * f.scale * f.logit_scale * (1 - relative * relative));
  }
}

}  // namespace

template <typename T>
void add_cross_entropy(TypedTable<T>& table) {
  table.cross_entropy = cross_entropy<T>;
}
template void add_cross_entropy(TypedTable<float>&);
template void add_cross_entropy(TypedTable<BFloat16>&);

}  // namespace celere::nn::kernels::CELERE_CAPABILITY

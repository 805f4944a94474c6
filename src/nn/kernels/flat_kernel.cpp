// Passes over flat pieces of memory: the AdamW update, and a sum of squares.
#include "nn/kernels/vector.hpp"
#include "nn/kernels/widths.hpp"

namespace celere::nn::kernels::CELERE_CAPABILITY {
namespace {

void adamw(const AdamW& f, Rows rows) {
  const float step = f.learning_rate / f.correction1;
  const float keep = 1 - f.learning_rate * f.weight_decay;
  const float root = 1 / std::sqrt(f.correction2);
  const Vec scale(f.gradient_scale), b1(f.beta1), b2(f.beta2), c1(1 - f.beta1), c2(1 - f.beta2);
  const Vec vroot(root), vstep(step), vkeep(keep), vepsilon(f.epsilon);
  const auto updated = [&](std::int64_t i) {
    const Vec g = Vec::loadu(f.gradient + i) * scale;
    const Vec m = at::vec::fmadd(b1, Vec::loadu(f.mean + i), c1 * g);
    const Vec v = at::vec::fmadd(b2, Vec::loadu(f.square + i), c2 * g * g);
    m.store(f.mean + i);
    v.store(f.square + i);
    const Vec w = vkeep * Vec::loadu(f.weight + i) - vstep * m / (v.sqrt() * vroot + vepsilon);
    w.store(f.weight + i);
    return w;
  };
  std::int64_t i = rows.begin;
  for (; i + two <= rows.end; i += two) {
    const Vec a = updated(i), b = updated(i + lanes);
    if (f.copy != nullptr) store2(f.copy + i, Two{a, b});
  }
  for (; i < rows.end; ++i) {
    const float g = f.gradient[i] * f.gradient_scale;
    const float m = f.mean[i] = f.beta1 * f.mean[i] + (1 - f.beta1) * g;
    const float v = f.square[i] = f.beta2 * f.square[i] + (1 - f.beta2) * g * g;
    f.weight[i] = keep * f.weight[i] - step * m / (std::sqrt(v) * root + f.epsilon);
    if (f.copy != nullptr) f.copy[i] = static_cast<BFloat16>(f.weight[i]);
  }
}

void add_bf16(float* to, const BFloat16* from, Rows rows) {
  std::int64_t i = rows.begin;
  for (; i + two <= rows.end; i += two) {
    const Two sum = load2(to + i), more = load2(from + i);
    store2(to + i, Two{sum.a + more.a, sum.b + more.b});
  }
  for (; i < rows.end; ++i) to[i] += static_cast<float>(from[i]);
}

double sum_of_squares(const float* values, Rows rows) {
  // In pieces, so that the rounding of a long sum stays small.
  constexpr std::int64_t piece = 4096;
  double total = 0;
  for (std::int64_t begin = rows.begin; begin < rows.end; begin += piece) {
    const std::int64_t end = begin + piece < rows.end ? begin + piece : rows.end;
    Vec s0(0.f), s1(0.f);
    std::int64_t i = begin;
    for (; i + two <= end; i += two) {
      const Two v = load2(values + i);
      s0 = at::vec::fmadd(v.a, v.a, s0);
      s1 = at::vec::fmadd(v.b, v.b, s1);
    }
    double sum = static_cast<double>(sum_of(s0 + s1));
    for (; i < end; ++i) sum += static_cast<double>(values[i]) * static_cast<double>(values[i]);
    total += sum;
  }
  return total;
}

}  // namespace

void add_flat(Table& table) {
  table.adamw = adamw;
  table.add_bf16 = add_bf16;
  table.sum_of_squares = sum_of_squares;
}

}  // namespace celere::nn::kernels::CELERE_CAPABILITY

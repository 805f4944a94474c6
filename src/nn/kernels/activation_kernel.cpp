// Activations of an MLP, and the product of a gated one, in one pass.
//
//   gelu          x (1 + tanh(u)) / 2 = x s(2u),  u = sqrt(2/pi) (x + 0.044715 x^3)   [Hendrycks
//   2016] relu-squared  max(x, 0)^2                                                   [So et al.
//   2021] silu          x s(x),   s(x) = 1 / (1 + exp(-x))
//
// A gated MLP multiplies by its second branch [Shazeer 2020].
#include "nn/kernels/vector.hpp"
#include "nn/kernels/widths.hpp"

namespace celere::nn::kernels::CELERE_CAPABILITY {
namespace {

struct Value {
  Vec value, slope;
};

inline Vec sigmoid(Vec x) { return Vec(1.f) / (Vec(1.f) + x.neg().exp_u20()); }

template <Gate gate>
inline Value activated(Vec x) {
  if constexpr (gate == Gate::relu_squared) {
    const Vec positive = at::vec::maximum(x, Vec(0.f));
    return {positive * positive, positive + positive};
  } else if constexpr (gate == Gate::silu) {
    const Vec s = sigmoid(x);
    return {x * s, s * (Vec(1.f) + x * (Vec(1.f) - s))};
  } else {
    const Vec two_root(1.5957691216057308f), cubic(0.044715f);  // 2 sqrt(2 / pi)
    const Vec square = x * x;
    const Vec s = sigmoid(two_root * x * (Vec(1.f) + cubic * square));
    const Vec inner = two_root * (Vec(1.f) + Vec(3 * 0.044715f) * square);
    return {x * s, s + x * s * (Vec(1.f) - s) * inner};
  }
}

// Calls body(begin, pointers...) for whole pairs of vectors, and once for what is left, moved
// through padded buffers.
template <typename T>
struct Piece {
  const T* a;
  const T* b;
  const T* gradient;
  T* out;
  T* gradient_a;
  T* gradient_b;
};

template <Gate gate, typename T>
inline void forward_piece(const Piece<T>& p) {
  const Two a = load2(p.a);
  Two out{activated<gate>(a.a).value, activated<gate>(a.b).value};
  if (p.b != nullptr) {
    const Two b = load2(p.b);
    out = {out.a * b.a, out.b * b.b};
  }
  store2(p.out, out);
}

template <Gate gate, typename T>
inline void backward_piece(const Piece<T>& p) {
  const Two a = load2(p.a), d = load2(p.gradient);
  const Value first = activated<gate>(a.a), second = activated<gate>(a.b);
  Two da{d.a * first.slope, d.b * second.slope};
  if (p.b != nullptr) {
    const Two b = load2(p.b);
    store2(p.gradient_b, Two{d.a * first.value, d.b * second.value});
    da = {da.a * b.a, da.b * b.b};
  }
  store2(p.gradient_a, da);
}

template <bool backward, Gate gate, typename T>
void run(const Activate<T>& f, Rows rows) {
  const auto piece_at = [&](std::int64_t i) {
    return Piece<T>{f.a + i,
                    f.b != nullptr ? f.b + i : nullptr,
                    backward ? f.gradient + i : nullptr,
                    backward ? nullptr : f.out + i,
                    backward ? f.gradient_a + i : nullptr,
                    backward && f.b != nullptr ? f.gradient_b + i : nullptr};
  };
  const auto apply = [](const Piece<T>& piece) {
    if constexpr (backward) {
      backward_piece<gate>(piece);
    } else {
      forward_piece<gate>(piece);
    }
  };
  std::int64_t i = rows.begin;
  for (; i + two <= rows.end; i += two) apply(piece_at(i));
  const std::int64_t left = rows.end - i;
  if (left == 0) return;
  alignas(64) T a[two] = {}, b[two] = {}, gradient[two] = {}, out[two], da[two], db[two];
  const Piece<T> real = piece_at(i);
  for (std::int64_t j = 0; j < left; ++j) {
    a[j] = real.a[j];
    if (real.b != nullptr) b[j] = real.b[j];
    if (backward) gradient[j] = real.gradient[j];
  }
  apply(Piece<T>{a, real.b != nullptr ? b : nullptr, gradient, out, da, db});
  for (std::int64_t j = 0; j < left; ++j) {
    if (!backward) real.out[j] = out[j];
    if (backward) real.gradient_a[j] = da[j];
    if (backward && real.b != nullptr) real.gradient_b[j] = db[j];
  }
}

template <bool backward, typename T>
void activate(const Activate<T>& f, Rows rows) {
  switch (f.gate) {
    case Gate::gelu:
      return run<backward, Gate::gelu>(f, rows);
    case Gate::relu_squared:
      return run<backward, Gate::relu_squared>(f, rows);
    case Gate::silu:
      return run<backward, Gate::silu>(f, rows);
  }
}

}  // namespace

template <typename T>
void add_activation(TypedTable<T>& table) {
  table.activate_forward = activate<false, T>;
  table.activate_backward = activate<true, T>;
}
template void add_activation(TypedTable<float>&);
template void add_activation(TypedTable<BFloat16>&);

}  // namespace celere::nn::kernels::CELERE_CAPABILITY

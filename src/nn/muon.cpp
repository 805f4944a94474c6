#include "nn/muon.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace celere::nn {
namespace {

// x (a + b x^2 + c x^4), one after the other; the last is repeated. From Amsel et al. 2025,
// algorithm 1, for the range [0.001, 1] with their safety margin of 2 %.
struct Polynomial {
  double a, b, c;
};
constexpr std::array<Polynomial, 5> polynomials{{
    {8.156554524902461, -22.48329292557795, 15.878769915207462},
    {4.042929935166739, -2.808917465908714, 0.5000178451051316},
    {3.8916678022926607, -2.772484153217685, 0.5060648178503393},
    {3.285753657755655, -2.3681294933425376, 0.46449024233003106},
    {2.3465413258596377, -1.7097828382687081, 0.42323551169305323},
}};
constexpr double margin = 1.02;

}  // namespace

at::Tensor polar_factor(const at::Tensor& matrix, int iterations, at::ScalarType compute) {
  CHECK_GE(iterations, 1);
  CHECK_LE(iterations, 20);
  const bool tall = matrix.size(0) > matrix.size(1);
  // The Frobenius norm bounds the largest singular value.
  const at::Tensor scaled = matrix / (matrix.norm() * margin + 1e-7);
  at::Tensor x = (tall ? scaled.t() : scaled).to(compute).contiguous();
  for (int i = 0; i < iterations; ++i) {
    const Polynomial& p = polynomials[std::min<std::size_t>(static_cast<std::size_t>(i), 4)];
    const at::Tensor square = at::mm(x, x.t());
    const at::Tensor inner = at::addmm(square, square, square, p.b, p.c);
    x = at::addmm(x, inner, x, p.a, 1);
  }
  return tall ? x.t() : x;
}

double muon_stretch(std::int64_t rows, std::int64_t columns) {
  return std::sqrt(std::max(1.0, static_cast<double>(rows) / static_cast<double>(columns)));
}

}  // namespace celere::nn

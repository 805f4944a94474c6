// A layer of 8 experts, of which a token takes 2, beside a dense layer of equal active FLOPs:
// forward and backward on 2,048 tokens, in turns. What the mixture costs more is the router, and
// rows that are gathered and put back.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "nn/mlp.hpp"

namespace celere::nn {
namespace {

constexpr std::int64_t tokens = 2048;

struct Layer {
  spec::Model model;
  Parameters parameters;
  Ops ops;
  MlpBlock block;

  Layer(const spec::Model& m, Types types, const kernels::Table* table)
      : model(m), parameters(m, types, at::kCPU), ops(types, table), block(m, parameters, 0) {
    parameters.initialise(m, 1);
  }

  double seconds(const at::Tensor& x, const at::Tensor& gradient) {
    const auto begin = std::chrono::steady_clock::now();
    block.forward(ops, x, nullptr).backward(gradient);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }
};

spec::Model wide(int hidden, int ffn) {
  spec::Model m;
  m.layers = 1;
  m.hidden = hidden;
  m.ffn = ffn;
  m.vocab = 64;
  m.attention.heads = m.attention.kv_heads = 1;
  m.attention.head_dim = m.attention.value_dim = 32;
  return m;
}

void mixture_beside_dense(benchmark::State& state, at::ScalarType compute) {
  const auto hidden = static_cast<int>(state.range(0));
  const Types types{at::kFloat, compute};
  const kernels::Table* table = &kernels::table_of(kernels::capability_here());
  spec::Model dense = wide(hidden, 4 * hidden), mixture = dense;
  mixture.experts = spec::Experts{};
  mixture.experts->count = 8;
  mixture.experts->top_k = 2;
  mixture.experts->ffn = 2 * hidden;
  Layer one(dense, types, table), other(mixture, types, table);
  at::manual_seed(1);
  const at::Tensor x = at::randn({tokens, hidden}).to(compute).requires_grad_(true);
  const at::Tensor gradient = at::randn({tokens, hidden}).to(compute);
  std::vector<double> ratios;
  double of_dense = 0, of_mixture = 0;
  for (auto _ : state) {
    const double a = one.seconds(x, gradient), b = other.seconds(x, gradient);
    of_dense += a;
    of_mixture += b;
    ratios.push_back(b / a);
  }
  std::nth_element(ratios.begin(), ratios.begin() + static_cast<std::ptrdiff_t>(ratios.size() / 2),
                   ratios.end());
  state.counters["ratio"] = ratios[ratios.size() / 2];
  state.counters["dense_ms"] = of_dense * 1e3 / static_cast<double>(ratios.size());
  state.counters["mixture_ms"] = of_mixture * 1e3 / static_cast<double>(ratios.size());
}
BENCHMARK_CAPTURE(mixture_beside_dense, fp32, at::kFloat)
    ->Arg(128)
    ->Arg(256)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(mixture_beside_dense, bf16, at::kBFloat16)
    ->Arg(128)
    ->Arg(256)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace celere::nn

BENCHMARK_MAIN();

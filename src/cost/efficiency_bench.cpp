// A look-up costs three logarithms and one exponential, about 50 ns; a layer asks for about twenty.
// The hash of all answers is printed, so that no speed-up changes their meaning.
#include "cost/efficiency.hpp"

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "base/files.hpp"

namespace celere::cost {
namespace {

Efficiency h100() {
  const auto files = local_files();
  const auto curves = [&](std::string_view of) -> Result<spec::Curves> {
    ASSIGN_OR_RETURN(const std::string text,
                     files->read(fmt::format("catalog/curves/{}.toml", of)));
    return spec::parse_curves(text, std::string(of));
  };
  const auto text = files->read("catalog/chips/h100-sxm.toml");
  CHECK(text.ok());
  const auto chip = spec::parse_chip(*text, "h100-sxm", curves);
  CHECK(chip.ok());
  auto efficiency = Efficiency::of(*chip, spec::Precision::bf16, {.shape_share = 0.5});
  CHECK(efficiency.ok());
  return *std::move(efficiency);
}

// Shapes on and between grid points, in and out of the table.
template <typename LookUp>
void look_up(benchmark::State& state, const LookUp& one) {
  const Efficiency efficiency = h100();
  constexpr int shapes = 1000;
  double sum = 0;
  for (auto _ : state) {
    sum = 0;
    for (int i = 0; i < shapes; ++i) sum += one(efficiency, 100 + 37 * i).in_base();
    benchmark::DoNotOptimize(sum);
  }
  state.SetItemsProcessed(state.iterations() * shapes);
  state.SetLabel(fmt::format("sum {:.17g}", sum));
}

void gemm(benchmark::State& state) {
  look_up(state, [](const Efficiency& e, int i) { return e.gemm(i, 37000 - i, 4000 + 0.5 * i); });
}
void attention(benchmark::State& state) {
  look_up(state, [](const Efficiency& e, int i) {
    return e.attention_forward(Flops::of(1e12), i, 64 + i % 200, 1 + i % 100);
  });
}
void grouped(benchmark::State& state) {
  look_up(state,
          [](const Efficiency& e, int i) { return e.grouped(Flops::of(1e12), i, 37500 - i); });
}

BENCHMARK(gemm);
BENCHMARK(attention);
BENCHMARK(grouped);

}  // namespace
}  // namespace celere::cost

BENCHMARK_MAIN();

// One whole training step (forward, backward, clipping, AdamW) of a decoder of 4 layers, 256 wide,
// and of GPT-2 124M, with its share of the machine's best matrix product, measured in this run.
//
// bench/peers/ runs the same models in PyTorch. The hash is of the loss after the first steps,
// which no speed-up may change.
#include <benchmark/benchmark.h>

#include <chrono>
#include <cstring>

#include "base/files.hpp"
#include "nn/decoder.hpp"
#include "nn/optimizer.hpp"
#include "spec/catalog.hpp"

namespace celere::nn {
namespace {

struct Setting {
  const char* name;
  std::int64_t sequences, length;
};

spec::Model model_of(const std::string& name) {
  if (name != "d256") {
    const auto files = local_files();
    spec::Model model = *spec::Catalog(*files, {}).model("gpt2-124m");
    model.vocab = 50304;  // padded, as its trainers do
    return model;
  }
  spec::Model m;
  m.layers = 4;
  m.hidden = 256;
  m.ffn = 768;
  m.vocab = 4096;
  m.tied_embeddings = true;
  m.attention.heads = 4;
  m.attention.kv_heads = 2;
  m.attention.head_dim = m.attention.value_dim = 64;
  return m;
}

// FLOP/s of the best of ten products of 2048 x 2048 x 2048 in `type`.
double product_peak(at::ScalarType type) {
  const at::Tensor a = at::randn({2048, 2048}).to(type), b = at::randn({2048, 2048}).to(type);
  at::Tensor out = at::empty({2048, 2048}, a.options());
  double best = 1e9;
  for (int i = 0; i < 10; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    at::mm_out(out, a, b);
    best = std::min(
        best, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  return 2.0 * 2048 * 2048 * 2048 / best;
}

// Products of one step: 6 FLOP a weight and token, and the attention's.
double step_flops(const spec::Model& model, std::int64_t sequences, std::int64_t length) {
  const spec::ParameterCount count = spec::count_parameters(model);
  const double head = static_cast<double>(model.vocab) * model.hidden;
  const double weights =
      static_cast<double>(count.active - count.embedding) + (model.tied_embeddings ? head : 0);
  const double tokens = static_cast<double>(sequences * length);
  const double attention = 6.0 * static_cast<double>(length) * model.attention.heads *
                           model.attention.head_dim * model.layers;
  return tokens * (6 * weights + attention);
}

void step(benchmark::State& state, const Setting& setting, const char* precision) {
  const at::ScalarType compute = std::strcmp(precision, "bf16") == 0 ? at::kBFloat16 : at::kFloat;
  const Types types{at::kFloat, compute};
  const spec::Model model = model_of(setting.name);
  const kernels::Table& table = kernels::table_of(kernels::capability_here());
  Parameters parameters(model, types, at::kCPU);
  parameters.initialise(model, 1);
  const Decoder decoder(model, parameters, Ops(types, &table), setting.length);
  Optimizer optimizer(spec::Optimizer::adamw, {}, parameters, &table);
  at::manual_seed(1);
  const Batch batch = plain_batch(
      at::randint(0, model.vocab, {setting.sequences, setting.length + 1}, at::kLong), 0);
  const LossScale scale{.head = 1.0 / static_cast<double>(batch.rows()), .balance = 1};
  double loss = 0;
  const auto one = [&] {
    parameters.zero_gradients();
    const Losses losses = decoder.loss(batch, scale);
    losses.total().backward();
    loss = losses.head.item<double>();
    optimizer.step(1, std::min(1.0, 1 / gradient_norm(parameters, &table)));
  };
  one();
  one();
  state.counters["loss_e6"] = std::round(loss * 1e6);
  const double peak = product_peak(compute);
  const auto begin = std::chrono::steady_clock::now();
  for (auto _ : state) one();
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() /
      static_cast<double>(state.iterations());
  state.counters["tokens_per_s"] = static_cast<double>(batch.rows()) / seconds;
  state.counters["gemm_share"] =
      step_flops(model, setting.sequences, setting.length) / seconds / peak;
  state.counters["gemm_gflops"] = peak * 1e-9;
  state.counters["threads"] = at::get_num_threads();
}

const Setting d256{"d256", 16, 128};
const Setting gpt2_64{"gpt2-4x64", 4, 64};
const Setting gpt2_256{"gpt2-4x256", 4, 256};
BENCHMARK_CAPTURE(step, d256_fp32, d256, "fp32")->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(step, d256_bf16, d256, "bf16")->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(step, gpt2_4x64_fp32, gpt2_64, "fp32")
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(step, gpt2_4x64_bf16, gpt2_64, "bf16")
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(step, gpt2_4x256_fp32, gpt2_256, "fp32")
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(step, gpt2_4x256_bf16, gpt2_256, "bf16")
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace celere::nn

BENCHMARK_MAIN();

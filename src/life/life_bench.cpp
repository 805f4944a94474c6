// How long a life takes. The label is a hash over the answers: a change that was only meant to be
// faster leaves it as it is.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "life/monte_carlo.hpp"

namespace celere::life {
namespace {

// `nodes` train for `days` when nothing fails, and `failures` strike them in that time: half end a
// worker, the others take a node away, one in ten of these with a rack of four.
Scene scene_of(int nodes, double days, double failures) {
  Scene scene;
  scene.steps = static_cast<Step>(days * 86400 / 10);
  scene.layouts = {{.nodes = nodes, .replicas = nodes / 16, .step = 10_s}};
  scene.tranches = {{.at = 0_s, .nodes = nodes + nodes / 50}};
  const PerSecond rate = PerSecond::of(failures / (days * 86400 * nodes));
  const auto cause = [&](const char* name, Effect effect, double share) {
    Cause out{.name = name, .effect = effect, .rate = rate * share};
    out.detect = 30_s;
    out.localise = 180_s;
    out.repair = 1_days;
    return out;
  };
  scene.causes = {cause("software", Effect::crash, 0.5), cause("GPU", Effect::lost, 0.45),
                  cause("rack", Effect::lost, 0.05)};
  scene.causes[2].group = 4;
  scene.times = {.first = 600_s, .stop = 5_s, .replace = 60_s, .restart = 30_s, .load = 120_s};
  scene.checkpoints = {.every = 30, .blocking = 0.5_s, .background = 60_s};
  scene.recovery.restarts = scene.recovery.retries = 1'000'000'000;
  return scene;
}

void lives(benchmark::State& state, int nodes, double days, double failures) {
  const Scene scene = scene_of(nodes, days, failures);
  std::uint64_t index = 0, hash = 0;
  std::int64_t struck = 0;
  const Beginning beginning(scene);
  for (auto _ : state) {
    const Life life = Replica(scene, beginning, 1, index++ % 4, {}).live();
    if (index <= 1) hash = static_cast<std::uint64_t>(life.time);
    struck += life.failures;
  }
  state.counters["failures"] =
      static_cast<double>(struck) / static_cast<double>(state.iterations());
  state.SetLabel(fmt::format("{:016x}", hash));
}

// A hundred lives on two cores, as a forecast has them (a thousand take ten times as long); what
// all of them took, hashed.
void hundred_lives(benchmark::State& state) {
  const Scene scene = scene_of(12512, 100, 4754);
  ThreadPool threads(2);
  std::uint64_t hash = 0;
  for (auto _ : state) {
    hash = 0;
    for (const Life& life : live_many(scene, {.seed = 1, .replicas = 100}, threads)) {
      hash = hash * 31 + static_cast<std::uint64_t>(life.time);
    }
  }
  state.SetLabel(fmt::format("{:016x}", hash));
}
BENCHMARK(hundred_lives)->Unit(benchmark::kMillisecond)->UseRealTime()->Iterations(1);

// Llama 3's: 54 days on 2,048 nodes, 419 interruptions.
BENCHMARK_CAPTURE(lives, llama3_2048_nodes_54_days, 2048, 54, 419)->Unit(benchmark::kMillisecond);
// AIReSim's: 4,096 servers, 256 days, about 11,000 failures.
BENCHMARK_CAPTURE(lives, airesim_4096_nodes_256_days, 4096, 256, 11000)
    ->Unit(benchmark::kMillisecond);
// 100,000 and 300,000 GPUs for 100 days at 3.8e-3 a node-day.
BENCHMARK_CAPTURE(lives, gpus_100000_100_days, 12512, 100, 4754)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(lives, gpus_300000_100_days, 37520, 100, 14258)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace celere::life

BENCHMARK_MAIN();

// How fast layouts are evaluated, and how long the examples take. The label is a hash over all
// answers: a change that was only meant to be faster leaves it as it is.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include <cstdlib>

#include "base/check.hpp"
#include "plan/planner.hpp"

namespace celere::plan {
namespace {

std::unique_ptr<Plan> planned(const char* file, const PlanOptions& options, int threads) {
  const auto files = local_files();
  const spec::Catalog catalog(*files, {});
  const Result<std::string> content = files->read(file);
  CHECK(content.ok());
  ThreadPool pool(threads);
  return *make_plan(*spec::parse_run(*content, file), catalog, options, pool);
}

std::unique_ptr<Plan> measure(benchmark::State& state, const char* file, const PlanOptions& options,
                              int threads) {
  std::int64_t evaluated = 0;
  std::unique_ptr<Plan> plan;
  for (auto _ : state) {
    plan = planned(file, options, threads);
    evaluated += plan->answer.searched;
  }
  state.SetItemsProcessed(evaluated);
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  // The most that this process has held so far, so the largest of what ran before too.
  state.counters["peak_MB"] = static_cast<double>(usage.ru_maxrss) * 1024 / 1e6;
  state.SetLabel(
      fmt::format("{} evaluated, hash {:016x}", plan->answer.searched, plan->answer.hash));
  return plan;
}

// Full evaluations, memory and time, on one core: GPT-3 175B on 4,096 A100s with tp = 8, nothing
// skipped.
void evaluations_on_one_core(benchmark::State& state) {
  PlanOptions options;
  options.search.exhaustive = true;
  options.layout = *spec::parse_layout_text("tp=8,pp=16,micro_batch=1");
  measure(state, "examples/gpt3-175b-on-4096-a100.toml", options, 1);
}
BENCHMARK(evaluations_on_one_core)->Unit(benchmark::kMillisecond);

// The whole layout space of GPT-3 175B on 4,096 A100s, nothing skipped, on all cores.
void whole_space(benchmark::State& state) {
  PlanOptions options;
  options.search.exhaustive = true;
  options.search.count_distinct = true;
  const auto plan = measure(state, "examples/gpt3-175b-on-4096-a100.toml", options, 0);
  state.counters["distinct"] = static_cast<double>(plan->answer.distinct);
}

void example(benchmark::State& state, const char* file) { measure(state, file, {}, 0); }
BENCHMARK_CAPTURE(example, grok_1_on_1024_h100, "examples/grok-1-on-1024-h100.toml")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(example, gpt3_175b_on_4096_a100, "examples/gpt3-175b-on-4096-a100.toml")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(example, one_node, "examples/8-gpu-node.toml")->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace celere::plan

// The long ones run when CELERE_BENCH_LONG is set: a bench runs tiny as a test.
int main(int argc, char** argv) {
  using namespace celere::plan;
  if (std::getenv("CELERE_BENCH_LONG") != nullptr) {
    for (const char* name : {"oracle-24k", "xai-100k", "meta-350k", "xai-300k-b200"}) {
      const std::string file = fmt::format("examples/next-grok-on-{}.toml", name);
      benchmark::RegisterBenchmark(file.c_str(), [file](benchmark::State& state) {
        example(state, file.c_str());
      })->Unit(benchmark::kMillisecond);
    }
    benchmark::RegisterBenchmark("whole_space", whole_space)->Unit(benchmark::kMillisecond);
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

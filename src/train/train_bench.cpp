// A training around its steps: how long until the first is done, what saves block, and its memory
// beside what cost/ says of it. The examples are trained as they stand, in single precision.
//
// Sketch: a save blocks for one copy of what it writes, 12 bytes a parameter with AdamW and 8 in
// the matrices of Muon, at half of the memory's copy bandwidth: 50 MB in some 5 ms. Memory: the sum
// of cost/memory.hpp but for what is reserved, beside what no file backs, beyond the same of a
// process that has computed once.
//
// Three steps of examples/quickstart.toml as a test; 60, and examples/small-moe.toml too, where
// CELERE_BENCH_LONG is set. The loss after the first three is what no speed-up may change.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "base/check.hpp"
#include "base/own_memory.hpp"
#include "cost/step.hpp"
#include "tokens/build.hpp"
#include "train/measure.hpp"
#include "train/trainer.hpp"

namespace celere::train {
namespace {

bool is_long() { return std::getenv("CELERE_BENCH_LONG") != nullptr; }

// Of a machine that the catalogue knows: what is compared here depends on none.
spec::Run example(Files& files, const std::string& name) {
  const std::string path = fmt::format("examples/{}.toml", name);
  std::string text = *files.read(path);
  for (const auto& [from, to] :
       {std::pair<std::string, std::string>{"\"this-machine\"", "\"eos-h100\""},
        {"precision = \"auto\"", "precision = \"fp32\""}}) {
    const std::size_t at = text.find(from);
    CHECK(at != std::string::npos);
    text.replace(at, from.size(), to);
  }
  return *spec::parse_run(text, path);
}

// Of the one rank that trains, all buckets but the reserved one.
Bytes predicted_memory(const Setup& setup, const spec::Catalog& catalog) {
  cost::Setting setting;
  setting.model = setup.model;
  setting.cluster = *catalog.cluster(setup.run.cluster_name);
  setting.chip = *catalog.chip(setting.cluster.chip);
  setting.stack = *catalog.stack("celere");
  setting.precision = setup.precision;
  setting.optimizer = setup.run.optimizer;
  setting.sequence = setup.run.sequence;
  setting.gpus = 1;
  layout::Layout layout;
  layout.micro_batch = static_cast<int>(setup.micro_batch);
  const auto model = *cost::StepModel::of(std::move(setting));
  const cost::Memory memory = model->cost(layout, setup.run.batch.phases.back().sequences).memory;
  return memory.total() - memory[cost::Bucket::reserved];
}

double mean(const std::vector<double>& all) {
  double sum = 0;
  for (const double one : all) sum += one;
  return sum / static_cast<double>(all.size());
}

struct Measured {
  Seconds first_step;
  std::vector<wire::StepMetrics> steps;
};

Measured train(Files& files, Setup setup, const wire::RunDirectory& directory,
               const std::string& corpus, std::int64_t steps) {
  const SystemClock clock;
  const auto storage = checkpoint::local_storage();
  Recorder recorder = *Recorder::open(files, clock, directory, [](const std::string&) {});
  const Instant begin = clock.now();
  const nn::Mesh mesh;
  checkpoint::NoPeers alone;
  auto trainer = *Trainer::make(std::move(setup),
                                {.directory = directory, .corpus = corpus, .stop_after = steps},
                                {mesh, alone, files, *storage, clock, recorder});
  const Seconds made = clock.now() - begin;
  const std::atomic<bool> stop = false;
  CHECK(trainer->run(stop).ok());
  Measured out{.first_step = made, .steps = *wire::read_metrics(files, directory.metrics())};
  out.first_step += Seconds::of(*out.steps.front().time_s);
  return out;
}

void training(benchmark::State& state, const std::string& name) {
  const auto files = local_files();
  const SystemClock clock;
  const spec::Catalog catalog(*files, {});
  char pattern[] = "/tmp/celere-train-bench-XXXXXX";
  const std::string folder = mkdtemp(pattern);
  const wire::RunDirectory directory{folder + "/run"};
  CHECK(files->make_folder(directory.folder).ok());
  tokens::BuildOptions corpus;
  corpus.folder = folder + "/corpus";
  spec::Run run = example(*files, name);
  CHECK(tokens::build_corpus(*files, clock, *run.data, corpus).ok());
  const std::int64_t steps = is_long() ? 60 : 3;
  run.checkpoint.every_steps = steps / 3;
  const Setup setup = *make_setup(std::move(run), catalog);
  Measured measured;
  Bytes before;
  for (auto _ : state) {
    malloc_trim(0);  // what the corpus, or another training, took
    compute_once();
    before = *own_memory(*files, "RssAnon");
    measured = train(*files, setup, directory, corpus.folder, steps);
  }
  std::vector<double> saves, each;
  for (const wire::StepMetrics& m : measured.steps) {
    if (m.checkpoint_time_s) saves.push_back(*m.checkpoint_time_s);
    each.push_back(*m.step_time_s);
  }
  std::nth_element(each.begin(), each.begin() + steps / 2, each.end());
  const double step = each[static_cast<std::size_t>(steps / 2)], save = mean(saves);
  const Bytes memory =
      Bytes::of(static_cast<double>(*measured.steps.back().memory_max_bytes)) - before;
  const Bytes predicted = predicted_memory(setup, catalog);
  state.counters["first_step_s"] = measured.first_step.in_base();
  state.counters["step_ms"] = step * 1e3;
  state.counters["save_blocks_ms"] = save * 1e3;
  state.counters["blocked_a_save_a_minute"] = save / 60;
  state.counters["blocked_a_save_in_20_steps"] = save / (20 * step + save);
  state.counters["memory_mb"] = memory / 1_MB;
  state.counters["predicted_mb"] = predicted / 1_MB;
  state.counters["memory_of_predicted"] = memory / predicted;
  state.counters["loss_e6"] = std::round(*measured.steps[2].loss * 1e6);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace celere::train

int main(int argc, char** argv) {
  // As the worker is started (launch/worker_process.cpp): what is freed stays with the process, and
  // MKL keeps nothing beside.
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
  setenv("MKL_DISABLE_FAST_MM", "1", 1);
  for (const char* name : {"quickstart", "small-moe"}) {
    if (std::string(name) != "quickstart" && !celere::train::is_long()) continue;
    benchmark::RegisterBenchmark(name, celere::train::training, std::string(name))
        ->Iterations(1)
        ->UseRealTime()
        ->Unit(benchmark::kSecond);
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}

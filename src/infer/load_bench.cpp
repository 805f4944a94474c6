// How long it takes until a trained model can be asked: run file, tokenizer, weights verified.
//
// Sketch: the weights are read once for their checksums (some 10 GB/s a core) and once into their
// place, out of the page cache; 18 MB as a test in some 10 ms. GPT-2's 124 M parameters where
// CELERE_BENCH_LONG is set. The sum of the weights is what no speed-up may change.
#include <benchmark/benchmark.h>

#include <cstdlib>

#include "base/check.hpp"
#include "checkpoint/writer.hpp"
#include "infer/loaded_model.hpp"
#include "infer/test_support.hpp"
#include "nn/stored.hpp"
#include "spec/scaled_model.hpp"

namespace celere::infer {
namespace {

std::string run_file() {
  const bool is_long = std::getenv("CELERE_BENCH_LONG") != nullptr;
  return std::string("[run]\nname = \"bench\"\n[model]\n") +
         (is_long ? "use = \"gpt2-124m\"\n"
                  : "layers = 4\nhidden = 256\nffn = 1024\nvocab = 4096\ntied_embeddings = true\n"
                    "attention = { heads = 4, kv_heads = 4, head_dim = 64 }\n") +
         "[train]\ntokens = \"1 M tokens\"\nsequence = 64\nbatch = \"8 sequences\"\n"
         "precision = \"fp32\"\n[cluster]\nuse = \"this-machine\"\n";
}

void load(benchmark::State& state) {
  const TemporaryFolder folder("load-bench");
  const wire::RunDirectory directory{folder.path()};
  const auto files = local_files();
  const auto storage = checkpoint::local_storage();
  const spec::Catalog catalog(*files, {});
  const SystemClock clock;
  CHECK(files->write(directory.run_file(), run_file()).ok());
  (void)test_tokenizer(*files, directory.tokenizer());
  {
    const spec::Run run = *spec::parse_run(run_file(), "run.toml");
    const spec::Model model = *spec::model_of(run, catalog);
    nn::Parameters parameters(model, {at::kFloat, at::kFloat}, at::kCPU);
    parameters.initialise(model, 1);
    checkpoint::WriterOptions options;
    options.folder = directory.checkpoints();
    const auto writer = *checkpoint::CheckpointWriter::open(options, clock, *storage);
    CHECK(writer->save(1, nn::stored_views(parameters, nullptr), {}).ok());
    CHECK(!writer->wait()->failed);
  }
  double sum = 0, bytes = 0;
  for (auto _ : state) {
    const LoadedModel loaded =
        *load_model(*storage, catalog, {.directory = directory, .checkpoint = ""});
    state.PauseTiming();
    const at::Tensor weights = loaded.parameters->copied_values();
    sum = weights.sum(at::kDouble).item<double>();
    bytes = static_cast<double>(weights.nbytes());
    state.ResumeTiming();
  }
  state.counters["sum_e3"] = std::round(sum * 1e3);
  state.counters["mb"] = bytes * 1e-6;
  state.counters["bytes_per_s"] =
      benchmark::Counter(bytes, benchmark::Counter::kIsIterationInvariantRate);
}

BENCHMARK(load)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace celere::infer

BENCHMARK_MAIN();

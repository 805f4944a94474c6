// Text to tokens: MB/s, and the memory of a build as the corpus grows.
//
// Sketch: sentencepiece's BPE makes 2-5 MB/s a core, as it goes through a heap for every pair of
// symbols. Text repeats its words, so a table of words (one hash and one copy of a few tokens each,
// about 60 ns for 6 bytes) could give 100 MB/s.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/prng.hpp"
#include "base/thread_pool.hpp"
#include "tokens/build.hpp"
#include "tokens/hash.hpp"
#include "tokens/tokenizer.hpp"

namespace {

using namespace celere;
using namespace celere::tokens;

// Words of a vocabulary of 50,000 by Zipf's law (word r with a chance of about 1/r).
class Writer {
 public:
  explicit Writer(std::uint64_t seed) : random_(seed, 0) {
    Prng letters(1, 1);
    for (int i = 0; i < 50'000; ++i) {
      std::string word;
      const std::uint64_t size = 2 + letters.below(3) + letters.below(6);
      for (std::uint64_t j = 0; j < size; ++j) {
        word += "etaoinshrdlucmfwypvbgkjqxz"[letters.below(letters.below(26) + 1)];
      }
      words_.push_back(word);
    }
  }
  std::string document(std::size_t bytes) {
    std::string text;
    while (text.size() < bytes) {
      const double rank = std::pow(50'000.0, random_.uniform());
      text += words_[static_cast<std::size_t>(rank) - 1];
      text += random_.below(12) == 0 ? ".\n" : " ";
    }
    return text;
  }

 private:
  Prng random_;
  std::vector<std::string> words_;
};

std::string temporary_folder() {
  return std::filesystem::temp_directory_path().string() + "/celere-tokens-bench-" +
         std::to_string(::getpid());
}

Tokenizer tokenizer_of(const std::string& text) {
  const auto files = local_files();
  const std::string folder = temporary_folder() + "-tokenizer";
  const auto model = train_model({text.substr(0, 1'000'000)}, {.vocabulary = 4096});
  CHECK(model.ok());
  CHECK(Tokenizer::save(*files, folder, *model, true).ok());
  auto tokenizer = Tokenizer::load(*files, folder);
  CHECK(tokenizer.ok());
  std::filesystem::remove_all(folder);
  return std::move(tokenizer).value();
}

void encode(benchmark::State& state, bool with_memory) {
  const bool tiny = std::getenv("CELERE_BENCH_LONG") == nullptr;
  std::vector<std::string> texts;
  Writer writer(3);
  for (int i = 0; i < (tiny ? 4 : 16); ++i) texts.push_back(writer.document(500'000));
  const Tokenizer tokenizer = tokenizer_of(texts[0] + texts[1]);
  ThreadPool pool(2);
  std::vector<std::vector<std::int32_t>> ids(texts.size());
  std::vector<Encoder> encoders;
  for (std::size_t i = 0; i < texts.size(); ++i) encoders.emplace_back(tokenizer);
  for (auto _ : state) {
    pool.for_each_index(texts.size(), [&](std::size_t i) {
      ids[i].clear();
      if (with_memory) {
        encoders[i].encode(texts[i], ids[i]);
      } else {
        ids[i] = tokenizer.encode(texts[i]);
      }
    });
  }
  std::int64_t bytes = 0, tokens = 0;
  std::uint64_t hash = 0;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    bytes += static_cast<std::int64_t>(texts[i].size());
    tokens += static_cast<std::int64_t>(ids[i].size());
    hash =
        hash64({hash, hash64({reinterpret_cast<const char*>(ids[i].data()), ids[i].size() * 4})});
  }
  state.SetBytesProcessed(bytes * state.iterations());
  state.SetItemsProcessed(tokens * state.iterations());
  state.SetLabel("result " + std::to_string(hash % 1'000'000));
}

void whole_texts(benchmark::State& state) { encode(state, false); }
void with_memory_of_words(benchmark::State& state) { encode(state, true); }
BENCHMARK(whole_texts)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(with_memory_of_words)->UseRealTime()->Unit(benchmark::kMillisecond);

// Each size in a process of its own, as the peak of one does not fall.
void build(benchmark::State& state) {
  const auto megabytes = static_cast<std::size_t>(state.range(0));
  const std::string folder = temporary_folder();
  const auto files = local_files();
  std::filesystem::create_directories(folder + "/in");
  Writer writer(7);
  for (std::size_t i = 0; i < (megabytes + 9) / 10; ++i) {
    std::ofstream file(folder + "/in/" + std::to_string(i));
    for (std::size_t j = 0; j < std::min<std::size_t>(10, megabytes) * 500; ++j) {
      file << writer.document(2000) << "\n\n";
    }
  }
  spec::DataSpec data;
  spec::DataSource source;
  source.name = "texts";
  source.files = {folder + "/in"};
  source.unit = spec::TextUnit::paragraph;
  data.sources = {source};
  data.tokenizer.sample = Bytes::of(1e6);
  const SystemClock clock;
  for (auto _ : state) {
    std::filesystem::remove_all(folder + "/out");
    const auto report = build_corpus(*files, clock, data,
                                     {.folder = folder + "/out", .threads = 2, .progress = {}});
    CHECK(report.ok());
    state.counters["peak_MB"] = report->memory_peak.value_or(Bytes{}).in_base() * 1e-6;
    state.counters["reading_s"] = report->reading.in_base();
    state.counters["tokenising_s"] = report->tokenising.in_base();
    state.counters["writing_s"] = report->writing.in_base();
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(megabytes * 1'000'000) * state.iterations());
  std::filesystem::remove_all(folder);
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  auto* one = benchmark::RegisterBenchmark("build_megabytes", build);
  one->UseRealTime()->Unit(benchmark::kMillisecond)->Iterations(1)->Arg(1);
  if (std::getenv("CELERE_BENCH_LONG") != nullptr) one->Arg(10)->Arg(100)->Arg(1000);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

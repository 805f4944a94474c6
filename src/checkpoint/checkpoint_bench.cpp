// How long a save blocks the training, and how fast checkpoints are written, verified and read.
//
// Sketch: a snapshot reads and writes each byte once, so half of the memory's copy bandwidth; a
// write with its sync goes at the speed of the disk, a checksum at some 10 GB/s a core; reading
// what lies in the page cache is a copy out of a mapping.
//
// 1 MB as a test; 500 MB where CELERE_BENCH_LONG is set. The label is a hash of what was read back.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/check.hpp"
#include "base/prng.hpp"
#include "checkpoint/checksum.hpp"
#include "checkpoint/reader.hpp"
#include "checkpoint/writer.hpp"

namespace celere::checkpoint {
namespace {

bool is_long() { return std::getenv("CELERE_BENCH_LONG") != nullptr; }

// Sixteen tensors of known bytes.
class Model {
 public:
  Model() {
    const std::int64_t rows = is_long() ? 7680 : 16;
    Prng prng(1, 0);
    for (int i = 0; i < 16; ++i) {
      std::vector<std::uint64_t> data(static_cast<std::size_t>(rows) * 512);
      for (std::uint64_t& word : data) word = prng.bits();
      data_.push_back(std::move(data));
      names_.push_back(fmt::format("layers.{}.w", i));
      shape_ = {rows, 1024};
    }
  }
  std::vector<TensorView> views() const {
    std::vector<TensorView> out;
    for (std::size_t i = 0; i < data_.size(); ++i) {
      out.push_back(
          {names_[i], DataType::f32, shape_, whole(shape_), std::as_bytes(std::span(data_[i]))});
    }
    return out;
  }
  std::int64_t bytes() const { return 16 * shape_[0] * shape_[1] * 4; }

 private:
  std::vector<std::string> names_;
  std::vector<std::vector<std::uint64_t>> data_;
  Shape shape_;
};

const Model& model() {
  static const Model model;
  return model;
}

// A run's folder of checkpoints that is gone at the end.
class Place {
 public:
  Place() { std::filesystem::remove_all(folder); }
  ~Place() { std::filesystem::remove_all(folder); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  std::unique_ptr<CheckpointWriter> open() {
    auto writer =
        CheckpointWriter::open({.folder = folder, .about = {}, .keep = 1}, clock, *storage);
    CHECK(writer.ok());
    return std::move(writer).value();
  }

  const std::string folder = (std::filesystem::temp_directory_path() /
                              fmt::format("celere-checkpoint-bench-{}", ::getpid()))
                                 .string();
  SystemClock clock;
  std::unique_ptr<Storage> storage = local_storage();
};

void save_one(CheckpointWriter& writer, std::int64_t step) {
  CHECK(writer.save(step, model().views(), {}).ok());
}

void plain_copy(benchmark::State& state) {
  const auto views = model().views();
  std::vector<std::byte> into(static_cast<std::size_t>(model().bytes()));
  for (auto _ : state) {
    std::byte* at = into.data();
    for (const TensorView& view : views) {
      std::memcpy(at, view.bytes.data(), view.bytes.size());
      at += view.bytes.size();
    }
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * model().bytes());
}
BENCHMARK(plain_copy)->UseRealTime()->Unit(benchmark::kMillisecond);

void first_snapshot(benchmark::State& state) {
  const auto views = model().views();
  for (auto _ : state) {
    Snapshot snapshot;
    CHECK(snapshot.take(views));
  }
  state.SetBytesProcessed(state.iterations() * model().bytes());
}
BENCHMARK(first_snapshot)->UseRealTime()->Unit(benchmark::kMillisecond);

// What the training waits for at each save.
void blocking(benchmark::State& state) {
  Place place;
  const auto writer = place.open();
  writer->reserve(model().bytes());
  std::int64_t step = 0;
  for (auto _ : state) {
    save_one(*writer, ++step);
    const auto report = writer->wait();
    CHECK(!report->failed);
    state.SetIterationTime(report->blocking.in_base());
  }
  state.SetBytesProcessed(state.iterations() * model().bytes());
}
BENCHMARK(blocking)->UseManualTime()->Unit(benchmark::kMillisecond)->Iterations(3);

// In the background: checksum, file, sync, rename, and the removal of the one before.
void writing(benchmark::State& state) {
  Place place;
  const auto writer = place.open();
  std::int64_t step = 0;
  for (auto _ : state) {
    save_one(*writer, ++step);
    const auto report = writer->wait();
    CHECK(!report->failed);
    state.SetIterationTime(report->writing.in_base());
  }
  state.SetBytesProcessed(state.iterations() * model().bytes());
}
BENCHMARK(writing)->UseManualTime()->Unit(benchmark::kMillisecond)->Iterations(3);

// The same bytes by plain writes and one sync: what the disk gives.
void plain_write(benchmark::State& state) {
  Place place;
  std::filesystem::create_directories(place.folder);
  const auto views = model().views();
  for (auto _ : state) {
    const std::string path = place.folder + "/plain";
    CHECK(place.storage->files().remove(path).ok());
    auto sink = place.storage->create(path);
    CHECK(sink.ok());
    for (const TensorView& view : views) CHECK((*sink)->write(view.bytes).ok());
    CHECK((*sink)->finish().ok());
  }
  state.SetBytesProcessed(state.iterations() * model().bytes());
}
BENCHMARK(plain_write)->UseRealTime()->Unit(benchmark::kMillisecond)->Iterations(3);

void opening(benchmark::State& state, Verify verify) {
  Place place;
  const auto writer = place.open();
  save_one(*writer, 1);
  CHECK(!writer->wait()->failed);
  for (auto _ : state) {
    CHECK(newest_good(*place.storage, place.folder, verify).checkpoint.has_value());
  }
  state.SetBytesProcessed(state.iterations() * model().bytes());
}
BENCHMARK_CAPTURE(opening, quick, Verify::quick)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(opening, deep, Verify::deep)->UseRealTime()->Unit(benchmark::kMillisecond);

// All tensors into memory that is there already: whole, and the half of the columns that a rank of
// another layout would want.
void reading(benchmark::State& state, std::int64_t columns) {
  Place place;
  const auto writer = place.open();
  save_one(*writer, 1);
  CHECK(!writer->wait()->failed);
  std::vector<std::byte> into(static_cast<std::size_t>(model().bytes() / 1024 * columns));
  for (auto _ : state) {
    const Newest newest = newest_good(*place.storage, place.folder, Verify::quick);
    std::span<std::byte> rest = into;
    for (const TensorView& view : model().views()) {
      const Slice slice{{0, 0}, {view.shape[0], columns}};
      const auto bytes = static_cast<std::size_t>(count(slice.extent)) * 4;
      CHECK(newest.checkpoint->read(view.name, slice, rest.first(bytes)).ok());
      rest = rest.subspan(bytes);
    }
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(into.size()));
  state.SetLabel("hash " + checksum_of(into));
}
BENCHMARK_CAPTURE(reading, whole, 1024)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(reading, half_of_the_columns, 512)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace celere::checkpoint

BENCHMARK_MAIN();

// Ranks on nodes for tests: threads, a shared disk, and a folder for the memory of each node, each
// of which can be filled up, made unreadable or lost.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>

#include "base/clock.hpp"
#include "checkpoint/reader.hpp"
#include "checkpoint/test_peers.hpp"
#include "checkpoint/test_storage.hpp"
#include "checkpoint/writer.hpp"

namespace celere::checkpoint {

// The real disk, in which paths that hold `full` take no byte, and files whose paths hold
// `unreadable` cannot be mapped. Empty: none.
class FaultyStorage final : public StorageBefore {
 public:
  FaultyStorage() : StorageBefore(local_storage()) {}

  std::string full, unreadable;
  mutable std::atomic<int> maps_of_disk = 0;

  Result<std::unique_ptr<Sink>> create(const std::string& path) override {
    ASSIGN_OR_RETURN(std::unique_ptr<Sink> sink, StorageBefore::create(path));
    if (!is_in(path, full)) return sink;
    return std::unique_ptr<Sink>(std::make_unique<FullSink>(std::move(sink)));
  }
  Result<MappedFile> map(const std::string& path) const override {
    if (is_in(path, "/disk/")) ++maps_of_disk;
    if (is_in(path, unreadable)) return Error{ErrorCode::io, "cannot read " + path, {}};
    return StorageBefore::map(path);
  }

 private:
  static bool is_in(const std::string& path, const std::string& part) {
    return !part.empty() && path.find(part) != std::string::npos;
  }
  // Takes the first part of a file, as a disk that fills up meanwhile.
  class FullSink final : public Sink {
   public:
    explicit FullSink(std::unique_ptr<Sink> real) : real_(std::move(real)) {}
    Status write(std::span<const std::byte> bytes) override {
      if (std::exchange(begun_, true)) {
        return Error{ErrorCode::io, "cannot write: No space left", {}};
      }
      return real_->write(bytes);
    }
    Status finish() override { return real_->finish(); }

   private:
    std::unique_ptr<Sink> real_;
    bool begun_ = false;
  };
};

// `ranks` ranks, two on a node, that hold a tensor each of their own and a row each of a common
// one.
class NodesTest : public FolderTest {
 protected:
  static constexpr int per_node = 2;

  std::string disk() const { return folder_ + "/disk"; }
  std::string memory(int node) const { return folder_ + "/memory-" + std::to_string(node); }
  static std::string file_of(int rank) {
    return "rank-0000" + std::to_string(rank) + ".safetensors";
  }
  static std::string own_name(int rank) { return "own-" + std::to_string(rank); }

  static OwnedTensor own_tensor(int rank, std::int64_t step) {
    return random_tensor(own_name(rank), DataType::f32, {50, 3},
                         static_cast<std::uint64_t>(step * 100 + rank));
  }
  static OwnedTensor common_tensor(int ranks, std::int64_t step) {
    return random_tensor("common", DataType::f32, {ranks, 5},
                         static_cast<std::uint64_t>(step * 100 + 99));
  }

  // Saves the steps one after the other; the reports of the last, by rank.
  std::vector<SaveReport> save(int ranks, const std::vector<std::int64_t>& steps,
                               ThreadRanks& all) {
    std::vector<SaveReport> reports(static_cast<std::size_t>(ranks));
    all.run([&](Peers& peers) {
      const int rank = peers.rank();
      auto writer = CheckpointWriter::open(
          {.folder = disk(),
           .about = {},
           .memory = {.folder = memory(rank / per_node), .ranks_per_node = per_node}},
          clock_, faulty_, peers);
      ASSERT_TRUE(writer.ok()) << writer.error().text();
      for (const std::int64_t step : steps) {
        if (before_save) before_save(step);
        const OwnedTensor own = own_tensor(rank, step);
        const OwnedTensor common = common_tensor(ranks, step);
        const auto row = common.bytes.size() / static_cast<std::size_t>(ranks);
        const std::vector<TensorView> views{
            own.view(),
            {common.name,
             common.dtype,
             common.shape,
             {{rank, 0}, {1, 5}},
             std::span(common.bytes).subspan(row * static_cast<std::size_t>(rank), row)}};
        const Status status = (*writer)->save(step, views, {{"cursor", step}});
        ASSERT_TRUE(status.ok()) << status.error().text();
        reports[static_cast<std::size_t>(rank)] = *(*writer)->wait();
      }
    });
    return reports;
  }
  std::vector<SaveReport> save(int ranks, const std::vector<std::int64_t>& steps) {
    ThreadRanks all(ranks);
    return save(ranks, steps, all);
  }

  void flip_byte(const std::string& path, std::size_t at) {
    std::string content = *storage_->files().read(path);
    content.at(at) = static_cast<char>(content.at(at) ^ 4);
    ASSERT_TRUE(storage_->files().write(path, content).ok());
  }

  std::vector<std::string> held(int node, std::int64_t step) const {
    return storage_->files().list(memory(node) + "/" + folder_name_of_step(step));
  }

  std::function<void(std::int64_t step)> before_save;  // by each rank
  ManualClock clock_;
  FaultyStorage faulty_;
};

}  // namespace celere::checkpoint

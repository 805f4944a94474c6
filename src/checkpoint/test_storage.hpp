// What the tests of this folder share: a folder of their own, tensors of known bytes, and a disk
// that fills up.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "base/prng.hpp"
#include "checkpoint/shard.hpp"
#include "checkpoint/storage_before.hpp"

namespace celere::checkpoint {

class FolderTest : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  const std::string folder_ =
      testing::TempDir() + "celere-checkpoint-" + std::to_string(::getpid());
  std::unique_ptr<Storage> storage_ = local_storage();
};

// A tensor and the bytes that a seed gives it.
struct OwnedTensor {
  std::string name;
  DataType dtype = DataType::f32;
  Shape shape;
  std::vector<std::byte> bytes;

  TensorView view() const { return {name, dtype, shape, whole(shape), bytes}; }
};

inline OwnedTensor random_tensor(std::string name, DataType dtype, Shape shape,
                                 std::uint64_t seed) {
  OwnedTensor out{std::move(name), dtype, std::move(shape), {}};
  out.bytes.resize(static_cast<std::size_t>(count(out.shape)) * item_size(dtype));
  Prng prng(seed, out.bytes.size());
  for (std::byte& byte : out.bytes) byte = static_cast<std::byte>(prng.bits());
  return out;
}

// A model of three tensors; each seed gives other bytes.
inline std::vector<OwnedTensor> small_model(std::uint64_t seed) {
  return {random_tensor("embedding", DataType::f32, {10, 6}, seed),
          random_tensor("norm", DataType::bf16, {7}, seed + 1),
          random_tensor("step", DataType::i64, {}, seed + 2)};
}

inline std::vector<TensorView> views_of(const std::vector<OwnedTensor>& tensors) {
  std::vector<TensorView> views;
  for (const OwnedTensor& tensor : tensors) views.push_back(tensor.view());
  return views;
}

// The real disk, with room for so many more bytes of streams.
class SmallDisk final : public StorageBefore {
 public:
  SmallDisk() : StorageBefore(local_storage()) {}

  std::int64_t room = std::numeric_limits<std::int64_t>::max();

  Result<std::unique_ptr<Sink>> create(const std::string& path) override {
    ASSIGN_OR_RETURN(std::unique_ptr<Sink> sink, StorageBefore::create(path));
    return std::unique_ptr<Sink>(std::make_unique<SmallSink>(std::move(sink), *this));
  }

 private:
  class SmallSink final : public Sink {
   public:
    SmallSink(std::unique_ptr<Sink> real, SmallDisk& disk) : real_(std::move(real)), disk_(&disk) {}
    Status write(std::span<const std::byte> bytes) override {
      disk_->room -= static_cast<std::int64_t>(bytes.size());
      if (disk_->room < 0) return Error{ErrorCode::io, "cannot write: No space left", {}};
      return real_->write(bytes);
    }
    Status finish() override { return real_->finish(); }

   private:
    std::unique_ptr<Sink> real_;
    SmallDisk* disk_;
  };
};

}  // namespace celere::checkpoint

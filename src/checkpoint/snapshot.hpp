// A copy of tensors in memory that is kept from save to save: page faults are paid once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "checkpoint/manifest.hpp"
#include "checkpoint/shard.hpp"

namespace celere::checkpoint {

class Snapshot {
 public:
  Snapshot() = default;
  ~Snapshot();
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

  // Holds at least so many bytes from now on, every page of them touched; what was held is lost.
  // False where there is not so much memory.
  bool reserve(std::size_t bytes);
  // Copies the views; those of views() then show the copy. False where there is not enough memory.
  bool take(std::span<const TensorView> tensors);
  std::span<const TensorView> views() const { return views_; }

 private:
  void give_back();
  std::byte* memory_ = nullptr;
  std::size_t size_ = 0;
  std::vector<TensorView> views_;
};

}  // namespace celere::checkpoint

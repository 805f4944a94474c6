#include "checkpoint/snapshot.hpp"

#include <sys/mman.h>

#include <cstring>

namespace celere::checkpoint {
namespace {

constexpr std::size_t alignment = 64;
constexpr std::size_t page = 4096;
constexpr std::size_t huge_page = std::size_t{2} << 20;

std::size_t aligned(std::size_t bytes, std::size_t to) { return (bytes + to - 1) / to * to; }

}  // namespace

Snapshot::~Snapshot() { give_back(); }

void Snapshot::give_back() {
  if (memory_ != nullptr) ::munmap(memory_, size_);
  memory_ = nullptr;
  size_ = 0;
}

bool Snapshot::reserve(std::size_t bytes) {
  if (bytes <= size_) return true;
  views_.clear();
  give_back();
  const std::size_t size = aligned(bytes, huge_page);
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return false;
  memory_ = static_cast<std::byte*>(memory);
  size_ = size;
  ::madvise(memory, size, MADV_HUGEPAGE);  // advice: it may be refused
  for (std::size_t at = 0; at < size; at += page) memory_[at] = std::byte{0};
  return true;
}

bool Snapshot::take(std::span<const TensorView> tensors) {
  std::size_t total = 0;
  for (const TensorView& tensor : tensors) total += aligned(tensor.bytes.size(), alignment);
  if (!reserve(total)) return false;
  views_.assign(tensors.begin(), tensors.end());
  std::size_t at = 0;
  for (TensorView& view : views_) {
    if (!view.bytes.empty()) std::memcpy(memory_ + at, view.bytes.data(), view.bytes.size());
    view.bytes = {memory_ + at, view.bytes.size()};
    at += aligned(view.bytes.size(), alignment);
  }
  return true;
}

}  // namespace celere::checkpoint

// Sums and gathers among ranks of one machine through memory that all of them map. Gloo's messages
// go through the kernel's sockets, which on two cores took three times as long.
//
//   for each piece that a slot holds:
//     own values into one's slot   | all are there |   each sums its share over all slots
//     | all sums are there |       the whole back
//
// Sums are added in the order of ranks, so they are the same each time. The memory has no name: it
// goes with its last process. A rank that waits looks now and then whether the others are alive,
// and whether it is to give up.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"
#include "nn/torch.hpp"
#include "nn/watch.hpp"

namespace celere::nn {

class SharedMemory {
 public:
  // How the ranks tell each other where it is: told by rank 0, heard by the others.
  struct Exchange {
    std::function<void(const std::string&)> tell;
    std::function<std::string()> hear;
  };
  struct Member {
    int rank = 0, size = 1;
    Seconds patience;
    const Watch* watch = nullptr;  // by whose word a wait is given up
  };
  // Waits for all ranks. Nothing where this machine gives no such memory, alike on all ranks.
  // Errors: io, where a rank does not come.
  static Result<std::unique_ptr<SharedMemory>> join(const Member& member, const Exchange& exchange);
  ~SharedMemory();
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  // As in nn/process_group.hpp, done when they return. Tensors are contiguous, on the CPU. Errors:
  // io, where a rank is gone or too late.
  Status all_reduce_sum(const at::Tensor& tensor);
  Status all_gather(const at::Tensor& whole, const at::Tensor& part);
  Status reduce_scatter_sum(const at::Tensor& part, const at::Tensor& whole);
  // to_rows[r] rows come from rank r, from_rows[r] go to it; a row has the bytes of one of either.
  Status all_to_all(const at::Tensor& to, const std::vector<std::int64_t>& to_rows,
                    const at::Tensor& from, const std::vector<std::int64_t>& from_rows);

 private:
  struct Head;
  SharedMemory(const Member& member, void* memory, std::size_t bytes);
  std::byte* slot(int rank) const;  // `size_` stands for the one of the sums
  Status meet();
  Status missing() const;
  struct Message {
    std::byte* to;
    const std::byte* from;
    std::size_t bytes;  // of `from`
  };
  // One message to the rank `distance` ahead, one from the rank as far behind.
  Status shift(int distance, const Message& message);

  int rank_, size_;
  Seconds patience_;
  const Watch* watch_;
  Head* head_;
  std::size_t bytes_;
};

}  // namespace celere::nn

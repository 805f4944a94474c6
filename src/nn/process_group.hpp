// Ranks that compute together: collectives among processes, on CPUs by Gloo and on GPUs by NCCL,
// both through c10d and behind the same words.
//
// Processes find each other at a Meeting (a file that all of them see, or a port), and make any
// number of groups there; every rank of a group names it alike. All ranks call the same collectives
// in the same order. A collective begins when it is called, and its tensors are neither read nor
// written by others until wait(): what is computed in between hides it. For tensors on a GPU,
// wait() makes the current stream wait, not the caller.
//
// A group of one does nothing, needs no Meeting and costs nothing: code that is written for many
// ranks runs on one.
//
// Sizes are those of layout/: `whole` is what all ranks have together, each of equal parts.
#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"
#include "base/units.hpp"
#include "nn/shared_memory.hpp"
#include "nn/torch.hpp"
#include "nn/watch.hpp"

namespace celere::nn {

enum class Device { cpu, cuda };

class Meeting {
 public:
  // A path that all processes see and where nothing lies yet; the last of them removes the file.
  // Errors: io.
  static Result<Meeting> at_file(const std::string& path, int processes);
  // Of ranks that are threads of one process: hand all of them copies.
  static Meeting in_process();
  // `serves`: one of the processes, on `host`. Errors: io, where nobody answers in time, or the
  // watch was told to give up.
  struct Port {
    std::string host;
    int port = 0;
    bool serves = false;
    int processes = 1;
    Seconds patience = Seconds::of(300);
    const Watch* watch = nullptr;
  };
  static Result<Meeting> at_port(const Port& port);

 private:
  friend class ProcessGroup;
  struct Store;
  explicit Meeting(std::shared_ptr<Store> store) : store_(std::move(store)) {}
  std::shared_ptr<Store> store_;
};

// A collective that has begun. It may be dropped: it goes on.
class [[nodiscard]] Pending {
 public:
  // Until the outputs hold the result. Errors: io, where a rank is gone or too late; the group is
  // then of no more use.
  Status wait();

 private:
  friend class ProcessGroup;
  struct Work;
  explicit Pending(std::shared_ptr<Work> work) : work_(std::move(work)) {}
  std::shared_ptr<Work> work_;  // nothing: a group of one
};

struct Membership {
  std::string name;  // of the group, once at a meeting: "data 0", "tensor 3"
  int rank = 0;      // in it
  int size = 1;
  Device device = Device::cpu;
  // Of this machine, that Gloo listens on; empty: that of the machine's own name. "lo": all ranks
  // are on one machine.
  std::string interface;
  Seconds patience = Seconds::of(1800);  // with a rank that is late
  // Sums and gathers of ranks on one machine ("lo") go through memory that they share; they are
  // then done when they return.
  bool shared_memory = true;
  // Is told of each collective, and may give one up; it must outlive the group. Nothing: costs
  // nothing.
  Watch* watch = nullptr;
  std::string label = {};  // in the flight record; empty: the name
};

class ProcessGroup {
 public:
  // One rank.
  ProcessGroup() = default;
  // Waits for all ranks, or until the watch is told to give up. Errors: io; bad_input for an
  // interface that does not exist; unsupported, for CUDA in a build without it.
  static Result<ProcessGroup> make(const Meeting& meeting, const Membership& member);

  int rank() const { return rank_; }
  int size() const { return size_; }

  // Tensors are contiguous, of one shape and type on all ranks.

  // In place: the sum over ranks.
  Pending all_reduce_sum(const at::Tensor& tensor) const;
  // In place: the greatest over ranks, element by element.
  Pending all_reduce_max(const at::Tensor& tensor) const;
  // In place: what `root` has.
  Pending broadcast(const at::Tensor& tensor, int root) const;
  // whole[rank] = part of each rank. whole: [size, ...] of the shape of part.
  Pending all_gather(const at::Tensor& whole, const at::Tensor& part) const;
  // part = the sum over ranks of whole[this rank].
  Pending reduce_scatter_sum(const at::Tensor& part, const at::Tensor& whole) const;
  // to[rank] = from[this rank] of each rank. Both [size, ...].
  Pending all_to_all(const at::Tensor& to, const at::Tensor& from) const;
  // The same with parts of unequal size along dimension 0: `from` holds from_rows[r] rows for rank
  // r, one part behind the other; `to` gets to_rows[r] rows of it.
  using Rows = std::vector<std::int64_t>;
  Pending all_to_all(const at::Tensor& to, const Rows& to_rows, const at::Tensor& from,
                     const Rows& from_rows) const;
  // From one rank to another. Between two ranks messages of one tag arrive in order.
  Pending send(const at::Tensor& tensor, int to, int tag) const;
  Pending receive(const at::Tensor& tensor, int from, int tag) const;
  // Until all ranks are here. Errors: io.
  Status barrier() const;

 private:
  struct Backend;
  struct Journal;  // of the collectives of this group, for its Watch
  struct What;
  template <typename Do>
  Pending shared(const What& what, const Do& collective) const;
  template <typename Begin>
  Pending begin(const What& what, const Begin& begin) const;
  std::shared_ptr<Backend> backend_;      // nothing: one rank
  std::shared_ptr<SharedMemory> shared_;  // nothing: all through the backend
  std::shared_ptr<Journal> journal_;      // nothing: nobody watches
  int rank_ = 0;
  int size_ = 1;
};

}  // namespace celere::nn

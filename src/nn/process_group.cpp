#include "nn/process_group.hpp"

#include <fmt/format.h>

#include "wire/channel.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <thread>

// Its header asks for Gloo's, which the torch wheel lacks; Debian's are older than the Gloo inside
// libtorch. So no Gloo class is derived from or constructed here, and only c10d's own functions,
// which live in libtorch, touch one.
#define USE_C10D_GLOO
#pragma push_macro("CHECK")
#pragma push_macro("CHECK_EQ")
#pragma push_macro("CHECK_LE")
#pragma push_macro("CHECK_LT")
#pragma push_macro("CHECK_GE")
#pragma push_macro("CHECK_GT")
#undef CHECK
#undef CHECK_EQ
#undef CHECK_LE
#undef CHECK_LT
#undef CHECK_GE
#undef CHECK_GT
#include <torch/csrc/distributed/c10d/FileStore.hpp>
#include <torch/csrc/distributed/c10d/HashStore.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#ifdef CELERE_CUDA
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif
#undef CHECK
#undef CHECK_EQ
#undef CHECK_LE
#undef CHECK_LT
#undef CHECK_GE
#undef CHECK_GT
#pragma pop_macro("CHECK")
#pragma pop_macro("CHECK_EQ")
#pragma pop_macro("CHECK_LE")
#pragma pop_macro("CHECK_LT")
#pragma pop_macro("CHECK_GE")
#pragma pop_macro("CHECK_GT")

namespace celere::nn {
namespace {

std::chrono::milliseconds milliseconds_of(Seconds time) {
  return std::chrono::milliseconds(static_cast<std::int64_t>(time.in_base() * 1e3));
}

// The first line: what follows is where in libtorch it was thrown.
std::string_view first_line(const std::exception& thrown) {
  const std::string_view what = thrown.what();
  return what.substr(0, what.find('\n'));
}

Error io_error(const std::string& doing, const std::exception& thrown) {
  return {ErrorCode::io, fmt::format("{}: {}", doing, first_line(thrown)), {}};
}

c10::intrusive_ptr<c10d::Backend> gloo_backend(const c10::intrusive_ptr<c10d::Store>& store,
                                               const Membership& member) {
  auto options = c10d::ProcessGroupGloo::Options::create(milliseconds_of(member.patience));
  options->devices.push_back(
      member.interface.empty()
          ? c10d::ProcessGroupGloo::createDefaultDevice()
          : c10d::ProcessGroupGloo::createDeviceForInterface(member.interface));
  options->group_name = member.name;
  return c10::make_intrusive<c10d::ProcessGroupGloo>(store, member.rank, member.size,
                                                     std::move(options));
}

#ifdef CELERE_CUDA
c10::intrusive_ptr<c10d::Backend> nccl_backend(const c10::intrusive_ptr<c10d::Store>& store,
                                               const Membership& member) {
  auto options = c10d::ProcessGroupNCCL::Options::create();
  options->timeout = milliseconds_of(member.patience);
  options->group_name = member.name;
  return c10::make_intrusive<c10d::ProcessGroupNCCL>(store, member.rank, member.size,
                                                     std::move(options));
}
#endif

}  // namespace

struct Meeting::Store {
  c10::intrusive_ptr<c10d::Store> store;
};

namespace {

constexpr std::chrono::milliseconds look_at_store{5};

// Each waits here for what the others say, and here alone can it be made to give up: Gloo itself is
// not to be interrupted while it makes a group.
class WatchedStore : public c10d::PrefixStore {
 public:
  WatchedStore(std::string prefix, c10::intrusive_ptr<c10d::Store> store, const Watch& watch)
      : PrefixStore(std::move(prefix), std::move(store)), watch_(&watch) {}

  std::vector<std::uint8_t> get(const std::string& key) override {
    wait({key});
    return PrefixStore::get(key);
  }
  std::vector<std::vector<std::uint8_t>> multiGet(const std::vector<std::string>& keys) override {
    wait(keys);
    return PrefixStore::multiGet(keys);
  }
  void wait(const std::vector<std::string>& keys) override { wait(keys, getTimeout()); }
  void wait(const std::vector<std::string>& keys,
            const std::chrono::milliseconds& timeout) override {
    for (auto waited = std::chrono::milliseconds(0); !check(keys); waited += look_at_store) {
      if (watch_->abandoned()) throw std::runtime_error("it was given up");
      if (waited > timeout) throw std::runtime_error("a rank did not come");
      std::this_thread::sleep_for(look_at_store);
    }
  }

 private:
  const Watch* watch_;
};

}  // namespace

// One that nobody waits for is left when it is dropped.
struct Pending::Work {
  Work() = default;
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;
  ~Work() { leave(); }
  void leave() {
    if (watch != nullptr && !error && sequence != 0) watch->leave(std::exchange(sequence, 0));
  }

  c10::intrusive_ptr<c10d::Work> work;  // nothing: it could not begin
  std::optional<Error> error;
  Watch* watch = nullptr;
  std::uint64_t sequence = 0;
  std::shared_ptr<std::atomic<bool>> stuck;  // of its group
  // How it is waited for where it may be given up: in slices, or (from one rank to another) until
  // it is aborted. On a GPU nobody waits here at all.
  enum class Waits { plainly, in_slices, abortably } waits = Waits::plainly;
};

struct ProcessGroup::What {
  wire::CollectiveKind kind;
  std::size_t bytes;
};

struct ProcessGroup::Journal {
  Watch* watch;
  std::string label;
  bool on_gpu = false;
  std::uint64_t count = 0;

  std::uint64_t enter(const What& what) {
    return watch->enter({.group = label,
                         .kind = what.kind,
                         .bytes = static_cast<std::int64_t>(what.bytes),
                         .in_group = ++count});
  }
};

// One in which a collective was given up is never destroyed: Gloo would wait until that ends, which
// with a rank that hangs, or whose node is gone without a word, is as long as its patience.
struct ProcessGroup::Backend {
  explicit Backend(c10::intrusive_ptr<c10d::Backend> made) : backend(std::move(made)) {}
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;
  ~Backend() {
    if (*stuck) (void)backend.release();
  }
  c10::intrusive_ptr<c10d::Backend> backend;
  std::shared_ptr<std::atomic<bool>> stuck = std::make_shared<std::atomic<bool>>(false);
};

namespace {

// At a port where nobody serves yet; then one looks whether to give up.
constexpr std::chrono::milliseconds knock_for{1000};

}  // namespace

Result<Meeting> Meeting::at_file(const std::string& path, int processes) {
  try {
    return Meeting(
        std::make_shared<Store>(Store{c10::make_intrusive<c10d::FileStore>(path, processes)}));
  } catch (const std::exception& thrown) {
    return io_error("meeting at " + path, thrown);
  }
}

Meeting Meeting::in_process() {
  return Meeting(std::make_shared<Store>(Store{c10::make_intrusive<c10d::HashStore>()}));
}

Result<Meeting> Meeting::at_port(const Port& port) {
  c10d::TCPStoreOptions options;
  options.port = static_cast<std::uint16_t>(port.port);
  options.isServer = port.serves;
  options.numWorkers = static_cast<std::size_t>(port.processes);
  options.waitWorkers = false;  // who makes a group waits for the others, and can give up
  options.timeout = milliseconds_of(port.patience);
  if (port.serves) {  // left to itself the store would listen at all addresses of the machine
    ASSIGN_OR_RETURN(options.masterListenFd, wire::listening_socket({port.host, port.port}));
  } else if (port.watch != nullptr) {
    options.timeout = std::min(options.timeout, knock_for);
  }
  for (auto left = milliseconds_of(port.patience);; left -= options.timeout) {
    try {
      auto store = c10::make_intrusive<c10d::TCPStore>(port.host, options);
      store->setTimeout(milliseconds_of(port.patience));
      return Meeting(std::make_shared<Store>(Store{std::move(store)}));
    } catch (const std::exception& thrown) {
      const bool again = !port.serves && port.watch != nullptr && !port.watch->abandoned() &&
                         left > options.timeout;
      if (!again) return io_error(fmt::format("meeting at {}:{}", port.host, port.port), thrown);
    }
  }
}

namespace {

// How often one that waits looks whether it is to give up.
constexpr std::chrono::milliseconds look_every{100};

// Whether it came to its end. Throws what the collective threw.
bool wait_watched(c10d::Work& work, const Watch& watch) {
  while (true) {
    try {
      return work.wait(look_every);
    } catch (const std::exception&) {
      if (work.isCompleted()) throw;
      if (watch.abandoned()) return false;
    }
  }
}

// A message cannot be waited for in pieces: Gloo takes a wait that ends too early for a broken
// connection.
bool wait_for_message(c10d::Work& work, Watch& watch) {
  bool arrived = false;
  return watch.wait_abortably([&] { std::invoke(&c10d::Work::abort, work); },
                              [&] { arrived = work.wait(); }) &&
         arrived;
}

}  // namespace

Status Pending::wait() {
  if (work_ == nullptr) return Done{};
  if (work_->error) return *work_->error;
  Watch* const watch = work_->watch;
  const Watch::Within within(watch);
  c10d::Work& work = *work_->work;
  try {
    const bool arrived = work_->waits == Work::Waits::in_slices   ? wait_watched(work, *watch)
                         : work_->waits == Work::Waits::abortably ? wait_for_message(work, *watch)
                                                                  : work.wait();
    if (arrived) {
      work_->leave();
      return Done{};
    }
    if (work_->stuck != nullptr) *work_->stuck = true;
    work_->error = broken_collective("it was given up");
  } catch (const std::exception& thrown) {
    work_->error = broken_collective(first_line(thrown));
  }
  return *work_->error;
}

Result<ProcessGroup> ProcessGroup::make(const Meeting& meeting, const Membership& member) {
  CHECK_GE(member.rank, 0);
  CHECK_LT(member.rank, member.size);
  ProcessGroup group;
  group.rank_ = member.rank;
  group.size_ = member.size;
  if (member.size == 1) return group;
  if (member.watch != nullptr) {
    group.journal_ = std::make_shared<Journal>(
        Journal{member.watch, member.label.empty() ? member.name : member.label,
                member.device == Device::cuda});
  }
  const std::string doing =
      fmt::format("making the group \"{}\", rank {} of {}", member.name, member.rank, member.size);
  try {
    c10::intrusive_ptr<c10d::Store> store;
    if (member.watch != nullptr) {
      store = c10::make_intrusive<WatchedStore>(member.name, meeting.store_->store, *member.watch);
    } else {
      store = c10::make_intrusive<c10d::PrefixStore>(member.name, meeting.store_->store);
    }
    store->setTimeout(milliseconds_of(member.patience));
    if (member.device == Device::cpu) {
      group.backend_ = std::make_shared<Backend>(gloo_backend(store, member));
      if (member.shared_memory && member.interface == "lo") {
        const SharedMemory::Exchange by_store{
            .tell =
                [&](const std::string& text) {
                  store->set("memory", std::vector<std::uint8_t>(text.begin(), text.end()));
                },
            .hear =
                [&] {
                  const std::vector<std::uint8_t> text = store->get("memory");
                  return std::string(text.begin(), text.end());
                }};
        ASSIGN_OR_RETURN(group.shared_, SharedMemory::join({.rank = member.rank,
                                                            .size = member.size,
                                                            .patience = member.patience,
                                                            .watch = member.watch},
                                                           by_store));
      }
      return group;
    }
#ifdef CELERE_CUDA
    group.backend_ = std::make_shared<Backend>(nccl_backend(store, member));
    return group;
#else
    return Error{ErrorCode::unsupported, doing + ": this build has no CUDA", {}};
#endif
  } catch (const std::exception& thrown) {
    return io_error(doing, thrown);
  }
}

template <typename Begin>
Pending ProcessGroup::begin(const What& what, const Begin& begin) const {
  auto work = std::make_shared<Pending::Work>();
  if (journal_ != nullptr) {
    work->watch = journal_->watch;
    work->sequence = journal_->enter(what);
    work->stuck = backend_->stuck;
    using Waits = Pending::Work::Waits;
    const bool message =
        what.kind == wire::CollectiveKind::send || what.kind == wire::CollectiveKind::receive;
    work->waits = journal_->on_gpu ? Waits::plainly : message ? Waits::abortably : Waits::in_slices;
  }
  const Watch::Within within(work->watch);
  try {
    if (work->watch != nullptr && work->watch->abandoned()) {
      work->error = broken_collective("it was given up");
    } else {
      work->work = begin(*backend_->backend);
    }
  } catch (const std::exception& thrown) {
    work->error = broken_collective(first_line(thrown));
  }
  return Pending(std::move(work));
}

// Through shared memory: it is done when it returns.
template <typename Do>
Pending ProcessGroup::shared(const What& what, const Do& collective) const {
  Watch* const watch = journal_ != nullptr ? journal_->watch : nullptr;
  const std::uint64_t sequence = journal_ != nullptr ? journal_->enter(what) : 0;
  const Watch::Within within(watch);
  Status status = collective(*shared_);
  if (status.ok()) {
    if (watch != nullptr) watch->leave(sequence);
    return Pending(nullptr);
  }
  auto work = std::make_shared<Pending::Work>();
  work->error = std::move(status).error();
  return Pending(std::move(work));
}

Pending ProcessGroup::all_reduce_sum(const at::Tensor& tensor) const {
  if (size_ == 1) return Pending(nullptr);
  if (shared_ != nullptr) {
    return shared({wire::CollectiveKind::all_reduce, tensor.nbytes()},
                  [&](SharedMemory& memory) { return memory.all_reduce_sum(tensor); });
  }
  return begin({wire::CollectiveKind::all_reduce, tensor.nbytes()}, [&](c10d::Backend& backend) {
    std::vector<at::Tensor> tensors{tensor};
    return backend.allreduce(tensors);
  });
}

Pending ProcessGroup::all_reduce_max(const at::Tensor& tensor) const {
  if (size_ == 1) return Pending(nullptr);
  return begin({wire::CollectiveKind::all_reduce, tensor.nbytes()}, [&](c10d::Backend& backend) {
    std::vector<at::Tensor> tensors{tensor};
    c10d::AllreduceOptions options;
    options.reduceOp = c10d::ReduceOp::MAX;
    return backend.allreduce(tensors, options);
  });
}

Pending ProcessGroup::broadcast(const at::Tensor& tensor, int root) const {
  CHECK(root >= 0 && root < size_);
  if (size_ == 1) return Pending(nullptr);
  return begin({wire::CollectiveKind::broadcast, tensor.nbytes()}, [&](c10d::Backend& backend) {
    std::vector<at::Tensor> tensors{tensor};
    c10d::BroadcastOptions options;
    options.rootRank = root;
    return backend.broadcast(tensors, options);
  });
}

Pending ProcessGroup::all_gather(const at::Tensor& whole, const at::Tensor& part) const {
  CHECK_EQ(whole.numel(), part.numel() * size_);
  if (size_ == 1) {
    whole.copy_(part.view(whole.sizes()));
    return Pending(nullptr);
  }
  if (shared_ != nullptr) {
    return shared({wire::CollectiveKind::all_gather, whole.nbytes()},
                  [&](SharedMemory& memory) { return memory.all_gather(whole, part); });
  }
  return begin({wire::CollectiveKind::all_gather, whole.nbytes()}, [&](c10d::Backend& backend) {
    at::Tensor out = whole.view({-1}), in = part.view({-1});
    return backend.all_gather_single(out, in);
  });
}

Pending ProcessGroup::reduce_scatter_sum(const at::Tensor& part, const at::Tensor& whole) const {
  CHECK_EQ(whole.numel(), part.numel() * size_);
  if (size_ == 1) {
    part.copy_(whole.view(part.sizes()));
    return Pending(nullptr);
  }
  if (shared_ != nullptr) {
    return shared({wire::CollectiveKind::reduce_scatter, whole.nbytes()},
                  [&](SharedMemory& memory) { return memory.reduce_scatter_sum(part, whole); });
  }
  return begin({wire::CollectiveKind::reduce_scatter, whole.nbytes()}, [&](c10d::Backend& backend) {
    at::Tensor out = part.view({-1}), in = whole.view({-1});
    return backend.reduce_scatter_single(out, in);
  });
}

Pending ProcessGroup::all_to_all(const at::Tensor& to, const at::Tensor& from) const {
  CHECK_EQ(to.numel(), from.numel());
  if (size_ == 1) {
    to.copy_(from.view(to.sizes()));
    return Pending(nullptr);
  }
  if (shared_ != nullptr) {
    const Rows one(static_cast<std::size_t>(size_), 1);
    return shared({wire::CollectiveKind::all_to_all, from.nbytes()}, [&](SharedMemory& memory) {
      return memory.all_to_all(to.view({size_, -1}), one, from.view({size_, -1}), one);
    });
  }
  return begin({wire::CollectiveKind::all_to_all, from.nbytes()}, [&](c10d::Backend& backend) {
    at::Tensor out = to.view({size_, -1}), in = from.view({size_, -1});
    std::vector<std::int64_t> even;
    return backend.all_to_all_single(out, in, even, even);
  });
}

Pending ProcessGroup::all_to_all(const at::Tensor& to, const Rows& to_rows, const at::Tensor& from,
                                 const Rows& from_rows) const {
  if (size_ == 1) {
    to.copy_(from);
    return Pending(nullptr);
  }
  if (shared_ != nullptr) {
    return shared({wire::CollectiveKind::all_to_all, from.nbytes()}, [&](SharedMemory& memory) {
      return memory.all_to_all(to, to_rows, from, from_rows);
    });
  }
  return begin({wire::CollectiveKind::all_to_all, from.nbytes()}, [&](c10d::Backend& backend) {
    at::Tensor out = to, in = from;
    std::vector<std::int64_t> out_rows = to_rows, in_rows = from_rows;
    return backend.all_to_all_single(out, in, out_rows, in_rows);
  });
}

Pending ProcessGroup::send(const at::Tensor& tensor, int to, int tag) const {
  CHECK(to >= 0 && to < size_ && to != rank_);
  return begin({wire::CollectiveKind::send, tensor.nbytes()}, [&](c10d::Backend& backend) {
    std::vector<at::Tensor> tensors{tensor};
    return backend.send(tensors, to, tag);
  });
}

Pending ProcessGroup::receive(const at::Tensor& tensor, int from, int tag) const {
  CHECK(from >= 0 && from < size_ && from != rank_);
  return begin({wire::CollectiveKind::receive, tensor.nbytes()}, [&](c10d::Backend& backend) {
    std::vector<at::Tensor> tensors{tensor};
    return backend.recv(tensors, from, tag);
  });
}

Status ProcessGroup::barrier() const {
  if (size_ == 1) return Done{};
  return begin({wire::CollectiveKind::barrier, 0},
               [](c10d::Backend& backend) { return backend.barrier(); })
      .wait();
}

}  // namespace celere::nn

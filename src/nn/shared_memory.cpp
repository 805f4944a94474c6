#include "nn/shared_memory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstring>

namespace celere::nn {
namespace {

constexpr std::size_t head_bytes = 4096;
constexpr std::size_t slots_bytes = std::size_t{2} << 20;  // of all together
constexpr std::size_t slot_alignment = 4096;
constexpr int ranks_max = 512;
constexpr std::int32_t gone = -1;  // in the place of a rank's process
constexpr int spins = 4000;  // some microseconds, which the others need where each has its core
const Seconds look_every = Seconds::of(0.1);

std::size_t slot_bytes(int size) {
  const std::size_t each = slots_bytes / static_cast<std::size_t>(size + 1);
  return std::max(slot_alignment, each / slot_alignment * slot_alignment);
}

void pause_briefly() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// out = a + b, which may be out: by one thread, for the pieces are small and others' threads wait.
template <typename T>
void add(std::byte* out, const std::byte* a, const std::byte* b, std::int64_t count) {
  auto* to = reinterpret_cast<T*>(out);
  const auto* left = reinterpret_cast<const T*>(a);
  const auto* right = reinterpret_cast<const T*>(b);
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) to[i] = left[i] + right[i];
}

using Add = void (*)(std::byte*, const std::byte*, const std::byte*, std::int64_t);
Add adder_of(at::ScalarType type) {
  switch (type) {
    case at::kFloat:
      return add<float>;
    case at::kDouble:
      return add<double>;
    case at::kBFloat16:
      return add<c10::BFloat16>;
    case at::kLong:
      return add<std::int64_t>;
    default:
      CHECK(false);
  }
}

}  // namespace

struct SharedMemory::Head {
  std::atomic<std::uint32_t> arrived;
  std::atomic<std::uint32_t> turn;  // how often all have met: a futex
  std::atomic<std::int32_t> process[ranks_max];
};
static_assert(std::atomic<std::uint32_t>::is_always_lock_free);

SharedMemory::SharedMemory(const Member& member, void* memory, std::size_t bytes)
    : rank_(member.rank),
      size_(member.size),
      patience_(member.patience),
      watch_(member.watch),
      head_(static_cast<Head*>(memory)),
      bytes_(bytes) {
  static_assert(sizeof(Head) <= head_bytes);
  head_->process[rank_] = getpid();
}

SharedMemory::~SharedMemory() {
  head_->process[rank_] = gone;  // not by its process: that may live on, or lie unburied
  munmap(head_, bytes_);
}

// Rank 0 makes the memory and says under which of its descriptors it lies; it keeps that open until
// the others have it.
Result<std::unique_ptr<SharedMemory>> SharedMemory::join(const Member& member,
                                                         const Exchange& exchange) {
  const int size = member.size;
  if (size > ranks_max) return std::unique_ptr<SharedMemory>();
  const std::size_t bytes = head_bytes + slot_bytes(size) * static_cast<std::size_t>(size + 1);
  int descriptor = -1;
  if (member.rank == 0) {
    descriptor = memfd_create("celere", MFD_CLOEXEC);
    const bool made = descriptor >= 0 && ftruncate(descriptor, static_cast<off_t>(bytes)) == 0;
    exchange.tell(made ? fmt::format("/proc/{}/fd/{}", getpid(), descriptor) : "none");
    if (!made) return std::unique_ptr<SharedMemory>();
  } else {
    const std::string path = exchange.hear();
    if (path == "none") return std::unique_ptr<SharedMemory>();
    descriptor = open(path.c_str(), O_RDWR | O_CLOEXEC);
  }
  void* memory = descriptor < 0
                     ? MAP_FAILED
                     : mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (memory == MAP_FAILED) {
    return Error{
        ErrorCode::io, fmt::format("memory shared by the ranks: {}", std::strerror(errno)), {}};
  }
  std::unique_ptr<SharedMemory> out(new SharedMemory(member, memory, bytes));
  const Status all = out->meet();
  close(descriptor);
  if (!all.ok()) return all.error();
  return out;
}

std::byte* SharedMemory::slot(int rank) const {
  return reinterpret_cast<std::byte*>(head_) + head_bytes +
         slot_bytes(size_) * static_cast<std::size_t>(rank);
}

// The first that is gone. A rank that has not come yet has no process to look for.
Status SharedMemory::missing() const {
  for (int rank = 0; rank < size_; ++rank) {
    const std::int32_t process = head_->process[rank];
    const bool lives = process != gone && (process == 0 || kill(process, 0) == 0 || errno != ESRCH);
    if (!lives) {
      return broken_collective(fmt::format("rank {} of the group is gone", rank));
    }
  }
  return Done{};
}

Status SharedMemory::meet() {
  const auto still_wanted = [this]() -> Status {
    if (watch_ == nullptr || !watch_->abandoned()) return Done{};
    return broken_collective("it was given up");
  };
  RETURN_IF_ERROR(still_wanted());
  const std::uint32_t turn = head_->turn.load();
  if (head_->arrived.fetch_add(1) + 1 == static_cast<std::uint32_t>(size_)) {
    head_->arrived = 0;
    head_->turn.store(turn + 1);
    syscall(SYS_futex, &head_->turn, FUTEX_WAKE, ranks_max, nullptr, nullptr, 0);
    return Done{};
  }
  for (int i = 0; i < spins; ++i) {
    if (head_->turn.load(std::memory_order_acquire) != turn) return Done{};
    pause_briefly();
  }
  const Clock::time_point begin = Clock::now();
  while (head_->turn.load() == turn) {
    timespec wait{.tv_sec = 0, .tv_nsec = static_cast<long>(look_every.in_base() * 1e9)};
    syscall(SYS_futex, &head_->turn, FUTEX_WAIT, turn, &wait, nullptr, 0);
    if (head_->turn.load() != turn) break;
    Status gone = still_wanted();
    if (gone.ok()) gone = missing();
    if (head_->turn.load() != turn) break;  // all were there in time: it is done for all
    RETURN_IF_ERROR(gone);
    if (seconds_since(begin) > patience_.in_base()) {
      return broken_collective("a rank is too late");
    }
  }
  return Done{};
}

Status SharedMemory::all_reduce_sum(const at::Tensor& tensor) {
  const at::NoGradGuard quiet;
  const at::Tensor flat = tensor.detach().view({-1});
  const Add sum = adder_of(flat.scalar_type());
  const auto item = static_cast<std::int64_t>(flat.element_size());
  const std::int64_t most = static_cast<std::int64_t>(slot_bytes(size_)) / item;
  for (std::int64_t begin = 0; begin < flat.numel(); begin += most) {
    const std::int64_t count = std::min(most, flat.numel() - begin);
    const at::Tensor piece = flat.narrow(0, begin, count);
    std::memcpy(slot(rank_), piece.const_data_ptr(), piece.nbytes());
    RETURN_IF_ERROR(meet());
    const std::int64_t first = count * rank_ / size_, last = count * (rank_ + 1) / size_;
    const auto share = [&](int rank) { return slot(rank) + first * item; };
    sum(share(size_), share(0), share(1), last - first);
    for (int rank = 2; rank < size_; ++rank) {
      sum(share(size_), share(size_), share(rank), last - first);
    }
    RETURN_IF_ERROR(meet());
    std::memcpy(piece.mutable_data_ptr(), slot(size_), piece.nbytes());
  }
  return Done{};
}

Status SharedMemory::all_gather(const at::Tensor& whole, const at::Tensor& part) {
  const at::NoGradGuard quiet;
  const std::size_t all = part.nbytes();
  auto* to = static_cast<std::byte*>(whole.mutable_data_ptr());
  const auto* from = static_cast<const std::byte*>(part.const_data_ptr());
  for (std::size_t begin = 0; begin < all; begin += slot_bytes(size_)) {
    const std::size_t count = std::min(slot_bytes(size_), all - begin);
    std::memcpy(slot(rank_), from + begin, count);
    RETURN_IF_ERROR(meet());
    for (int rank = 0; rank < size_; ++rank) {
      std::memcpy(to + all * static_cast<std::size_t>(rank) + begin, slot(rank), count);
    }
    RETURN_IF_ERROR(meet());
  }
  return Done{};
}

// A slot has a piece for each rank.
Status SharedMemory::reduce_scatter_sum(const at::Tensor& part, const at::Tensor& whole) {
  const at::NoGradGuard quiet;
  const Add sum = adder_of(part.scalar_type());
  const auto item = static_cast<std::int64_t>(part.element_size());
  const auto* in = static_cast<const std::byte*>(whole.const_data_ptr());
  auto* out = static_cast<std::byte*>(part.mutable_data_ptr());
  const std::int64_t most = static_cast<std::int64_t>(slot_bytes(size_)) / item / size_;
  for (std::int64_t begin = 0; begin < part.numel(); begin += most) {
    const std::int64_t count = std::min(most, part.numel() - begin);
    const auto piece = [&](int of, int to) { return slot(of) + to * count * item; };
    for (int to = 0; to < size_; ++to) {
      std::memcpy(piece(rank_, to), in + (to * part.numel() + begin) * item,
                  static_cast<std::size_t>(count * item));
    }
    RETURN_IF_ERROR(meet());
    std::byte* mine = out + begin * item;
    sum(mine, piece(0, rank_), piece(1, rank_), count);
    for (int rank = 2; rank < size_; ++rank) sum(mine, mine, piece(rank, rank_), count);
    RETURN_IF_ERROR(meet());
  }
  return Done{};
}

namespace {

// Before the bytes in a slot.
struct Parcel {
  std::size_t bytes;
  bool more;  // to come in another turn
};
constexpr std::size_t parcel_head = 64;

}  // namespace

// How much others send nobody knows beforehand: turns go on until no rank has more.
Status SharedMemory::shift(int distance, const Message& message) {
  const std::size_t room = slot_bytes(size_) - parcel_head;
  const int source = (rank_ - distance + size_) % size_;
  std::size_t sent = 0, received = 0;
  for (bool more = true; more;) {
    const Parcel parcel{.bytes = std::min(room, message.bytes - sent),
                        .more = message.bytes - sent > room};
    std::memcpy(slot(rank_), &parcel, sizeof parcel);
    std::memcpy(slot(rank_) + parcel_head, message.from + sent, parcel.bytes);
    sent += parcel.bytes;
    RETURN_IF_ERROR(meet());
    more = false;
    Parcel arrived{};
    for (int rank = 0; rank < size_; ++rank) {
      Parcel of_rank;
      std::memcpy(&of_rank, slot(rank), sizeof of_rank);
      more |= of_rank.more;
      if (rank == source) arrived = of_rank;
    }
    std::memcpy(message.to + received, slot(source) + parcel_head, arrived.bytes);
    received += arrived.bytes;
    RETURN_IF_ERROR(meet());
  }
  return Done{};
}

Status SharedMemory::all_to_all(const at::Tensor& to, const std::vector<std::int64_t>& to_rows,
                                const at::Tensor& from,
                                const std::vector<std::int64_t>& from_rows) {
  const auto row_bytes = [](const at::Tensor& x) {
    return x.size(0) == 0 ? 0 : x.nbytes() / static_cast<std::size_t>(x.size(0));
  };
  // Where each rank's rows begin.
  const auto offsets = [&](const std::vector<std::int64_t>& rows, std::size_t bytes) {
    std::vector<std::size_t> out{0};
    for (const std::int64_t count : rows) {
      out.push_back(out.back() + static_cast<std::size_t>(count) * bytes);
    }
    return out;
  };
  const std::vector<std::size_t> to_at = offsets(to_rows, row_bytes(to));
  const std::vector<std::size_t> from_at = offsets(from_rows, row_bytes(from));
  auto* into = static_cast<std::byte*>(to.mutable_data_ptr());
  const auto* out_of = static_cast<const std::byte*>(from.const_data_ptr());
  const auto own = static_cast<std::size_t>(rank_);
  if (from_at[own + 1] > from_at[own]) {
    std::memcpy(into + to_at[own], out_of + from_at[own], from_at[own + 1] - from_at[own]);
  }
  for (int distance = 1; distance < size_; ++distance) {
    const auto target = static_cast<std::size_t>((rank_ + distance) % size_);
    const auto source = static_cast<std::size_t>((rank_ - distance + size_) % size_);
    RETURN_IF_ERROR(shift(distance, {.to = into + to_at[source],
                                     .from = out_of + from_at[target],
                                     .bytes = from_at[target + 1] - from_at[target]}));
  }
  return Done{};
}

}  // namespace celere::nn

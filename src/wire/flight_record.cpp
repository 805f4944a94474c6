#include "wire/flight_record.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace celere::wire {
namespace {

using Word = std::atomic<std::uint64_t>;
static_assert(Word::is_always_lock_free, "processes share them");

constexpr std::uint64_t magic = 0x314754464c455243;  // "CRELFTG1" as bytes
constexpr std::uint64_t version = 1;
constexpr std::size_t kept = 64;  // steps, and collectives
constexpr std::size_t group_words = 3;
constexpr int tries = 16;  // to read what is just being written

// So many words that are read together or not at all: odd while they are written.
template <std::size_t count>
struct Guarded {
  using Values = std::array<std::uint64_t, count>;
  Word guard;
  std::array<Word, count> words;

  void write(const Values& values) {
    const std::uint64_t before = guard.load(std::memory_order_relaxed);
    guard.store(before + 1, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);
    for (std::size_t i = 0; i < count; ++i) {
      words[i].store(values[i], std::memory_order_relaxed);
    }
    guard.store(before + 2, std::memory_order_release);
  }
  // Nothing where it was never written, is being written, or its writer died in the middle.
  std::optional<Values> read() const {
    for (int i = 0; i < tries; ++i) {
      const std::uint64_t before = guard.load(std::memory_order_acquire);
      if (before == 0) return std::nullopt;
      if (before % 2 != 0) continue;
      Values out;
      for (std::size_t k = 0; k < count; ++k) out[k] = words[k].load(std::memory_order_relaxed);
      std::atomic_thread_fence(std::memory_order_acquire);
      if (guard.load(std::memory_order_relaxed) == before) return out;
    }
    return std::nullopt;
  }
};

// The words of an entry. `left` is written alone, so that a rank that dies while it leaves does not
// take along what it was in.
enum EntryWord : std::size_t { sequence, kind, bytes, in_group, entered, left, group };
constexpr std::size_t entry_words = group + group_words;
enum StepWord : std::size_t { step_number, step_compute, step_whole, step_words };
enum PulseWord : std::size_t { pulse_step, pulse_phase, pulse_since, pulse_beats, pulse_words };

std::uint64_t word_of(std::int64_t value) { return static_cast<std::uint64_t>(value); }
std::int64_t number_of(std::uint64_t word) { return static_cast<std::int64_t>(word); }
std::uint64_t nanoseconds_of(Seconds time) {
  return word_of(static_cast<std::int64_t>(time.in_base() * 1e9));
}
Seconds seconds_of(std::uint64_t word) {
  return Seconds::of(static_cast<double>(number_of(word)) * 1e-9);
}

constexpr std::array kind_names{"all_reduce", "all_gather", "reduce_scatter", "all_to_all",
                                "broadcast",  "send",       "receive",        "barrier"};
constexpr std::array phase_names{"starting", "loading",    "computing", "updating",
                                 "saving",   "validating", "ended"};

Error failed(const std::string& path, const char* doing) {
  return {ErrorCode::io, fmt::format("{}: {}: {}", path, doing, std::strerror(errno)), {}};
}

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  int number() const { return number_; }

 private:
  int number_;
};

}  // namespace

const char* name_of(CollectiveKind kind) { return kind_names[static_cast<std::size_t>(kind)]; }
const char* name_of(RankPhase phase) { return phase_names[static_cast<std::size_t>(phase)]; }

namespace {

struct Words {
  Word magic, version, rank, process, steps_kept, entries_kept;
  Word order;
  Word step_count, entry_count;                // ever written; of the writer alone
  std::array<Guarded<pulse_words>, 2> pulses;  // in turn: one is whole whenever the rank dies
  std::array<Guarded<step_words>, kept> steps;
  std::array<Guarded<entry_words>, kept> entries;
};

FlightEntry entry_of(const std::array<std::uint64_t, entry_words>& words) {
  FlightEntry out;
  out.sequence = words[sequence];
  std::array<char, 8 * group_words> name{};
  std::memcpy(name.data(), &words[group], name.size());
  out.group.assign(name.begin(), std::find(name.begin(), name.end(), '\0'));
  out.kind = static_cast<CollectiveKind>(words[kind]);
  out.bytes = number_of(words[bytes]);
  out.in_group = words[in_group];
  out.entered = {number_of(words[entered])};
  if (words[left] != 0) out.left = Instant{number_of(words[left])};
  return out;
}

Pulse pulse_of(const Words& all) {
  Pulse newest;
  for (const auto& one : all.pulses) {
    const auto words = one.read();
    if (!words || (*words)[pulse_beats] <= newest.beats) continue;
    if ((*words)[pulse_phase] >= phase_names.size()) continue;
    newest = {.step = number_of((*words)[pulse_step]),
              .phase = static_cast<RankPhase>((*words)[pulse_phase]),
              .since = {number_of((*words)[pulse_since])},
              .beats = (*words)[pulse_beats]};
  }
  return newest;
}

}  // namespace

struct FlightRecord::Memory : Words {};
struct FlightReader::Memory : Words {};

FlightRecord::FlightRecord(Memory* memory, const Clock& clock) : memory_(memory), clock_(&clock) {}
FlightRecord::FlightRecord(FlightRecord&& other) noexcept
    : memory_(std::exchange(other.memory_, nullptr)), clock_(other.clock_) {}
FlightRecord& FlightRecord::operator=(FlightRecord&& other) noexcept {
  std::swap(memory_, other.memory_);
  std::swap(clock_, other.clock_);
  return *this;
}
FlightRecord::~FlightRecord() {
  if (memory_ != nullptr) munmap(memory_, sizeof(Memory));
}

// Under another name first: who opens the file finds it whole.
Result<FlightRecord> FlightRecord::create(const std::string& path, int rank, const Clock& clock) {
  const std::string draft = path + ".new";
  (void)unlink(draft.c_str());
  const Descriptor file(open(draft.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (file.number() < 0) return failed(draft, "cannot be made");
  // Room beforehand: a full disk is an error here, not a signal in the middle of a step.
  if (const int refused = posix_fallocate(file.number(), 0, sizeof(Memory)); refused != 0) {
    errno = refused;
    return failed(draft, "has no room");
  }
  void* at = mmap(nullptr, sizeof(Memory), PROT_READ | PROT_WRITE, MAP_SHARED, file.number(), 0);
  if (at == MAP_FAILED) return failed(draft, "cannot be mapped");
  FlightRecord record(static_cast<Memory*>(at), clock);
  Memory& memory = *record.memory_;
  memory.version = version;
  memory.rank = word_of(rank);
  memory.process = word_of(getpid());
  memory.steps_kept = memory.entries_kept = kept;
  memory.magic = magic;
  record.pulse(0, RankPhase::starting);
  if (rename(draft.c_str(), path.c_str()) != 0) return failed(path, "cannot be named");
  return record;
}

std::uint64_t FlightRecord::enter(const Collective& collective) {
  const std::uint64_t number = memory_->entry_count.load(std::memory_order_relaxed) + 1;
  std::array<std::uint64_t, entry_words> words{};
  words[sequence] = number;
  words[kind] = static_cast<std::uint64_t>(collective.kind);
  words[bytes] = word_of(collective.bytes);
  words[in_group] = collective.in_group;
  words[entered] = word_of(clock_->now().nanoseconds);
  std::memcpy(&words[group], collective.group.data(),
              std::min(collective.group.size(), 8 * group_words - 1));
  memory_->entries[number % kept].write(words);
  memory_->entry_count.store(number, std::memory_order_relaxed);
  return number;
}

void FlightRecord::leave(std::uint64_t number) {
  auto& entry = memory_->entries[number % kept];
  if (entry.words[sequence].load(std::memory_order_relaxed) != number) return;  // long gone
  const std::int64_t now = std::max<std::int64_t>(1, clock_->now().nanoseconds);
  entry.words[left].store(word_of(now), std::memory_order_release);
}

void FlightRecord::pulse(std::int64_t step, RankPhase phase) {
  Pulse last = pulse_of(*memory_);
  if (last.beats == 0 || last.step != step || last.phase != phase) last.since = clock_->now();
  last.step = step;
  last.phase = phase;
  ++last.beats;
  std::array<std::uint64_t, pulse_words> words{};
  words[pulse_step] = word_of(step);
  words[pulse_phase] = static_cast<std::uint64_t>(phase);
  words[pulse_since] = word_of(last.since.nanoseconds);
  words[pulse_beats] = last.beats;
  memory_->pulses[last.beats % 2].write(words);
}

void FlightRecord::step_done(const FlightStep& step) {
  const std::uint64_t number = memory_->step_count.load(std::memory_order_relaxed) + 1;
  std::array<std::uint64_t, step_words> words{};
  words[step_number] = word_of(step.step);
  words[step_compute] = nanoseconds_of(step.compute);
  words[step_whole] = nanoseconds_of(step.whole);
  memory_->steps[number % kept].write(words);
  memory_->step_count.store(number, std::memory_order_relaxed);
}

std::uint64_t FlightRecord::order() const { return memory_->order.load(std::memory_order_acquire); }

FlightReader::FlightReader(Memory* memory) : memory_(memory) {}
FlightReader::FlightReader(FlightReader&& other) noexcept
    : memory_(std::exchange(other.memory_, nullptr)) {}
FlightReader& FlightReader::operator=(FlightReader&& other) noexcept {
  std::swap(memory_, other.memory_);
  return *this;
}
FlightReader::~FlightReader() {
  if (memory_ != nullptr) munmap(memory_, sizeof(Memory));
}

Result<FlightReader> FlightReader::open(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (file.number() < 0) {
    Error error = failed(path, "cannot be opened");
    if (errno == ENOENT) error.code = ErrorCode::not_found;
    return error;
  }
  struct stat about{};
  if (fstat(file.number(), &about) != 0) return failed(path, "cannot be looked at");
  const auto foreign = [&](const char* why) {
    return Error{ErrorCode::corrupt, fmt::format("{}: is no flight record: {}", path, why), {}};
  };
  if (!S_ISREG(about.st_mode)) return foreign("it is no file");
  if (about.st_size != static_cast<off_t>(sizeof(Memory))) {
    return foreign("its size is another");
  }
  void* at = mmap(nullptr, sizeof(Memory), PROT_READ | PROT_WRITE, MAP_SHARED, file.number(), 0);
  if (at == MAP_FAILED) return failed(path, "cannot be mapped");
  FlightReader reader(static_cast<Memory*>(at));
  const Memory& memory = *reader.memory_;
  if (memory.magic != magic) return foreign("its first bytes are others");
  if (memory.version != version) return foreign("its version is another");
  if (memory.steps_kept != kept || memory.entries_kept != kept) {
    return foreign("it keeps another number of steps or collectives");
  }
  return reader;
}

Flight FlightReader::read() const {
  Flight out;
  out.rank = static_cast<int>(memory_->rank.load());
  out.process = static_cast<int>(memory_->process.load());
  out.pulse = pulse_of(*memory_);
  for (const auto& one : memory_->steps) {
    const auto words = one.read();
    if (!words) continue;
    out.steps.push_back({.step = number_of((*words)[step_number]),
                         .compute = seconds_of((*words)[step_compute]),
                         .whole = seconds_of((*words)[step_whole])});
  }
  for (const auto& one : memory_->entries) {
    const auto words = one.read();
    if (!words || (*words)[sequence] == 0 || (*words)[kind] >= kind_names.size()) continue;
    out.entries.push_back(entry_of(*words));
  }
  std::sort(out.steps.begin(), out.steps.end(),
            [](const auto& a, const auto& b) { return a.step < b.step; });
  std::sort(out.entries.begin(), out.entries.end(),
            [](const auto& a, const auto& b) { return a.sequence < b.sequence; });
  return out;
}

void FlightReader::order(std::uint64_t number) {
  std::uint64_t last = memory_->order.load(std::memory_order_relaxed);
  while (last < number && !memory_->order.compare_exchange_weak(last, number)) {
  }
}

}  // namespace celere::wire

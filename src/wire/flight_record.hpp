// What a rank did last, where others can read it when the rank is stuck, stopped or dead: a small
// file that the rank maps and writes as it goes, and its agent maps and reads.
//
//   head      magic, version, rank, process, how many entries
//   pulse     step, what it is in (phase), when that began; how often it was written
//   control   what the agent asks of the rank: one number that only grows (an order), read by it
//   steps     a ring of the last steps: number, compute time, whole time
//   entries   a ring of the last collectives: sequence number, group, operation, bytes, entered,
//   left
//
// Each entry is guarded by a counter that is odd while it is written (a sequence lock), so that a
// reader sees a whole entry or passes it over. Times are of the machine's monotonic clock, which
// all its processes share. Compute time is what the rank's process worked (CPU time on a CPU)
// between collectives: a rank that waits for a slow one does not look slow itself.
//
// Leaves out: more than the last 64 collectives and steps.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace celere::wire {

enum class CollectiveKind : std::uint8_t {
  all_reduce,
  all_gather,
  reduce_scatter,
  all_to_all,
  broadcast,
  send,
  receive,
  barrier
};
const char* name_of(CollectiveKind kind);

enum class RankPhase : std::uint8_t {
  starting,
  loading,
  computing,
  updating,
  saving,
  validating,
  ended
};
const char* name_of(RankPhase phase);

struct FlightEntry {
  std::uint64_t sequence = 0;  // of this rank, from 1
  std::string group;           // at most 23 bytes of its name
  CollectiveKind kind = CollectiveKind::all_reduce;
  std::int64_t bytes = 0;
  std::uint64_t in_group = 0;  // the how-manieth of this group, from 1: alike on all its ranks
  Instant entered;
  std::optional<Instant> left;
};

struct FlightStep {
  std::int64_t step = 0;
  Seconds compute, whole;
};

struct Pulse {
  std::int64_t step = 0;  // done
  RankPhase phase = RankPhase::starting;
  Instant since;  // the phase began
  std::uint64_t beats = 0;
};

// The writing side; one thread of the rank at a time enters and leaves collectives.
class FlightRecord {
 public:
  // Makes the file anew. Errors: io.
  static Result<FlightRecord> create(const std::string& path, int rank, const Clock& clock);
  FlightRecord(FlightRecord&&) noexcept;
  FlightRecord& operator=(FlightRecord&&) noexcept;
  ~FlightRecord();

  struct Collective {
    std::string_view group;
    CollectiveKind kind;
    std::int64_t bytes;
    std::uint64_t in_group;
  };
  std::uint64_t enter(const Collective& collective);  // gives its sequence number
  void leave(std::uint64_t sequence);
  void pulse(std::int64_t step, RankPhase phase);
  void step_done(const FlightStep& step);
  std::uint64_t order() const;  // the last that was asked for; 0: none

 private:
  struct Memory;
  FlightRecord(Memory* memory, const Clock& clock);
  Memory* memory_ = nullptr;
  const Clock* clock_ = nullptr;
};

struct Flight {
  int rank = 0;
  int process = 0;
  Pulse pulse;
  std::vector<FlightStep> steps;     // ascending
  std::vector<FlightEntry> entries;  // ascending by sequence
};

// The reading side; it may open a file whose writer is dead.
class FlightReader {
 public:
  // Errors: not_found, io; corrupt for what is no flight record.
  static Result<FlightReader> open(const std::string& path);
  FlightReader(FlightReader&&) noexcept;
  FlightReader& operator=(FlightReader&&) noexcept;
  ~FlightReader();

  Flight read() const;
  void order(std::uint64_t number);

 private:
  struct Memory;
  explicit FlightReader(Memory* memory);
  Memory* memory_ = nullptr;
};

}  // namespace celere::wire

// A scenario: faults that are done on purpose to a training on real machines (`celere train
// --faults`) or to a simulated one (`celere simulate --scenario`). One file says which, when and to
// whom; docs/scenario.md documents every key. When each happens is drawn by
// spec/fault_schedule.hpp.
//
// Leaves out: how a fault is done, which is for those who train, and what follows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"

namespace celere::spec {

enum class FaultKind : std::uint8_t {
  kill_worker,      // SIGKILL to a rank
  kill_agent,       // to the agent of a node
  kill_supervisor,  // to the one that decides
  hang,             // a rank stands still: SIGSTOP
  slow,             // a rank computes slower by a factor
  flip_bit,         // of a gradient of a rank, once
  nan,              // a gradient of a rank becomes no number, once
  spike,            // a gradient of a rank grows by a factor, once: of simulations
  disk_full,        // what a node writes fails as on a full disk
  corrupt_shard,    // a byte of a rank's shard of the newest checkpoint is changed
  truncate_shard,   // that shard loses its end
  lose_node,        // its agent and workers are killed at once, its local disk is emptied
  preempt,          // a node is told that it will be gone, and then it is
};
inline constexpr int fault_kind_count = 13;
const char* name_of(FaultKind kind);

enum class FaultTarget : std::uint8_t { none, rank, node };
FaultTarget target_of(FaultKind kind);

// One [[fault]]. Exactly one of at, at_step, every, every_steps, rate_per_node and rate_per_rank is
// given. Times count from the first start of the training, steps are done steps.
struct Fault {
  FaultKind kind = FaultKind::kill_worker;
  std::string place;  // "x.toml:4: fault", for messages

  std::optional<Seconds> at;
  std::optional<std::int64_t> at_step;
  // Again and again, with exponential intervals of this mean: of the whole training, or from a
  // rate of each of its nodes or ranks.
  std::optional<Seconds> every;
  std::optional<std::int64_t> every_steps;
  std::optional<PerSecond> rate_per_node, rate_per_rank;
  // Where it comes again: not before and not behind these.
  Seconds from{};
  std::optional<Seconds> until;
  std::int64_t from_step = 0;
  std::optional<std::int64_t> until_step;
  // At most so many; with at and at_step so many at once, each of another target. Empty: no limit.
  std::optional<std::int64_t> count;

  std::optional<int> rank, node;  // empty: drawn each time
  int nodes = 1;                  // so many neighbours fall together, from the one hit upwards

  double factor = 1;                        // slow, spike
  std::optional<Seconds> lasts;             // `for`; empty, with for_steps: for good
  std::optional<std::int64_t> lasts_steps;  // `for_steps`
  Seconds notice{};                         // preempt
  std::string cause;  // what broke, for the account of a simulation: "gpu", "power", ...; or empty
};

struct Scenario {
  std::string name;
  std::optional<std::uint64_t> seed;  // empty: who runs it draws one, and says it
  double switch_off = 0;              // share of the kinds that are left out, drawn from the seed
  std::vector<Fault> faults;          // at least one
};

// `file` is what messages call it. Errors: bad_input with file, line and key, all mistakes at once.
Result<Scenario> parse_scenario(std::string_view toml, std::string file);

// The keys that parse_scenario asks for, dotted: a test holds docs/scenario.md against them.
std::vector<std::string> scenario_keys_asked_of(std::string_view toml);

}  // namespace celere::spec

// What a training does about failures, and how long it tries: the [recovery] table of a run file.
// What the planner reads as well (spares, on_lost_replica) stands in Run itself, as does
// check_every, which its workers read.
#pragma once

#include <cstdint>
#include <optional>

#include "base/units.hpp"

namespace celere::spec {

class TomlTable;

// A spare computes already or holds the weights; runs, and waits; or must be fetched and started.
enum class SpareKind : std::uint8_t { hot, warm, cold };

struct RecoveryPlan {
  // Starts in a row of which none got further; then it gives up. Of each 2,048 nodes: n nodes have
  // (1 + n / 2048) times as many, rounded down, as starts on many nodes fail by chance.
  int retries = 8;
  // Before the second of these, then twice each time; on n nodes each 1 + n / 2048 times.
  Seconds back_off = Seconds::of(1);
  Seconds back_off_max = Seconds::of(300);  // at most so long
  int node_failures = 3;  // so many of a node within node_window, and it gets no more work
  Seconds node_window = Seconds::of(24 * 3600);
  Seconds node_patience = Seconds::of(30);  // waited for nodes before the layout shrinks
  bool resize = true;                       // to other layouts, where nodes are too few or more
  double straggler_factor = 1.1;            // slower than the median by this is a straggler
  int skips = 3;                            // batches that may be passed over in all
  std::optional<Seconds> step_deadline;     // empty: from the steps before
  std::optional<SpareKind> spares_are;      // of simulations; empty: as the cluster has them
  std::optional<int> ranks_per_node;        // of a training on one machine; empty: all
};

// Mistakes are noted in the table's document.
RecoveryPlan read_recovery_plan(const TomlTable& table);

// "never" (0) or "50 steps".
std::int64_t read_check_every(const TomlTable& table);

}  // namespace celere::spec

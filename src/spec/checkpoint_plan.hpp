// How often a training saves and what it keeps: the [checkpoint] table of a run file.
#pragma once

#include <cstdint>
#include <optional>

#include "base/units.hpp"

namespace celere::spec {

class TomlTable;

struct CheckpointPlan {
  // At most one of the two; neither: where the useful share of the training is largest.
  std::optional<Seconds> every;
  std::optional<std::int64_t> every_steps;
  bool memory_copy = false;     // in the memory of a neighbour, from which restarts read
  int keep = 3;                 // the last so many, at least 1
  std::int64_t keep_every = 0;  // and each whose step this divides; 0: none beside the last
};

// Mistakes are noted in the table's document.
CheckpointPlan read_checkpoint_plan(const TomlTable& table);

}  // namespace celere::spec

// What a training is slowed down by for a time, known beforehand: power that is curtailed, heat.
// The [[slowdown]] tables of a run file, and how much later than announced a cluster may be
// delivered. Simulations read both; a training on real machines meets them as they come.
#pragma once

#include <string>
#include <vector>

#include "base/units.hpp"

namespace celere::spec {

class TomlTable;

struct SlowdownPlan {
  std::string name;
  Seconds from{}, lasts{};  // since the start of the training
  Seconds every{};          // and again; 0: once
  double factor = 1;        // steps take so many times as long
  bool stops = false;       // instead: all stand
};

// Mistakes are noted in the table's document.
SlowdownPlan read_slowdown_plan(const TomlTable& table);

// A time that is between two, anywhere evenly.
struct TimeRange {
  Seconds low{}, high{};
};

// ["0 days", "60 days"]. REQUIRES: the key is there.
TimeRange read_time_range(const TomlTable& table, const char* key);

}  // namespace celere::spec

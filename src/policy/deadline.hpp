// When a step (or a collective) is overdue: by how long those before it took.
//
//   allowed = max(floor, 4 median, 2 longest)   of the last 256 steps,
//
// and a long allowance until three are done: loading, the first steps' kernels and memory. The
// longest counts because what comes every hundredth step (validation, a save that blocks) is no
// hang, and to kill a training that lives costs more than to notice a dead one late; a step that
// hung is never in the list. Leaves out: whose fault it is (the flight records say who is absent).
#pragma once

#include <vector>

#include "base/units.hpp"

namespace celere::policy {

struct DeadlineSettings {
  Seconds floor = Seconds::of(10);
  Seconds first = Seconds::of(600);
};

class Deadline {
 public:
  explicit Deadline(DeadlineSettings settings = {}) : settings_(settings) {}

  void done(Seconds took);
  Seconds allowed() const { return allowed_.in_base() > 0 ? allowed_ : settings_.first; }

 private:
  DeadlineSettings settings_;
  std::vector<double> took_;  // a ring
  std::size_t count_ = 0;
  Seconds allowed_;  // 0: too few are done
};

}  // namespace celere::policy

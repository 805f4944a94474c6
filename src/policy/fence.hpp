// Fences off a supervisor that was replaced and does not know it: each supervisor of a run takes
// the next epoch number (a durable file, or Slurm's restart count, gives it), every order carries
// it, and an agent admits the orders of the highest epoch it has seen, only. A supervisor that
// was away (stopped, swapped out, cut off) and comes back is refused by all who have heard of the
// new one; an agent that has not obeys the old one until it does, and then stands by what it has.
//
// Leaves out: who may be a supervisor at all (the run's secret is for that).
#pragma once

#include <cstdint>

namespace celere::policy {

class Fence {
 public:
  // `seen`: where an agent begins anew on a node that remembers.
  explicit Fence(std::uint64_t seen = 0) : highest_(seen) {}

  // Whether an order of this epoch is to be carried out.
  bool admits(std::uint64_t epoch) {
    if (epoch < highest_) return false;
    highest_ = epoch;
    return true;
  }
  std::uint64_t highest() const { return highest_; }

 private:
  std::uint64_t highest_;
};

}  // namespace celere::policy

// When the faults of a scenario come, and whom they hit: drawn from a seed, the same however often
// one asks.
//
// Fault i of the file draws its times from stream (seed, i) and its targets from stream (seed,
// 2^32 + i), so that another line of the file, or a target that is named instead of drawn, moves
// nothing else. A fault that comes again does so after exponential intervals; of steps the sum of
// the intervals is rounded up. What is due is given once, also where a training goes back to an
// earlier step.
//
// Leaves out: whether the target is still there. Who does the fault passes over one that is not.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/prng.hpp"
#include "base/result.hpp"
#include "base/units.hpp"
#include "spec/scenario.hpp"

namespace celere::spec {

// What there is to hit, as the training begins.
struct FaultGround {
  int ranks = 1;
  int nodes = 1;
};

// Whether every target that is named, and as many as are asked for at once, are there. Errors:
// bad_input with all that are not.
Status fits(const Scenario& scenario, FaultGround ground);

struct DueFault {
  std::size_t fault = 0;    // its place in the scenario
  std::int64_t number = 1;  // the how-manieth of this fault, from 1
  FaultKind kind = FaultKind::kill_worker;
  std::optional<int> rank{}, node{};  // by target_of(kind)
  std::optional<Seconds> time{};      // it was due at; or:
  std::optional<std::int64_t> step{};
  std::uint64_t draw = 0;  // for what the kind leaves open, such as which bit

  friend bool operator==(const DueFault&, const DueFault&) = default;
};

class FaultSchedule {
 public:
  // REQUIRES: fits(scenario, ground).
  FaultSchedule(Scenario scenario, std::uint64_t seed, FaultGround ground);

  // What came due since the last call: those of time by their times, then those of steps by their
  // steps; `now` since the training first began, `step` done so far. At most due_max, and none
  // behind a kill_supervisor, of which the one dies who asks; the rest comes with the next call.
  std::vector<DueFault> due(Seconds now, std::int64_t step);
  static constexpr std::size_t due_max = 4096;

  // When the next comes; nothing: none does.
  std::optional<Seconds> next_time() const;
  std::optional<std::int64_t> next_step() const;

  // How many of each fault were given so far; and to go on behind these, as one that takes over
  // does. A list that is shorter than the scenario says nothing of the rest.
  std::vector<std::int64_t> given() const;
  void resume(const std::vector<std::int64_t>& given);

  // The kinds that are switched off, in the order of FaultKind.
  const std::vector<FaultKind>& left_out() const { return left_out_; }

  const Scenario& scenario() const { return scenario_; }
  const Fault& fault_of(const DueFault& due) const { return scenario_.faults[due.fault]; }

 private:
  struct Stream {
    Prng times, targets;
    std::int64_t given = 0;
    double at = 0;  // seconds or steps, of the next one
    bool over = false;
    std::vector<int> hit{};  // of those that come at once
  };
  bool counts_steps(std::size_t fault) const;
  void move_on(std::size_t fault);
  DueFault take(std::size_t fault);
  int drawn_target(Stream& stream, const Fault& fault, std::uint64_t targets) const;
  void switch_off(std::uint64_t seed);
  static bool is_full(const std::vector<DueFault>& out);
  std::optional<std::size_t> earliest(bool of_steps) const;

  Scenario scenario_;
  FaultGround ground_;
  std::vector<Stream> streams_;
  std::vector<FaultKind> left_out_;
};

// For people: "slow of rank 3: 1.5 times, for 20.0 s".
std::string told(const DueFault& due, const Fault& fault);

}  // namespace celere::spec

// From the cost of a step to the whole training: steps, days, dollars, energy, goodput; and the
// number that the search makes as small as it can.
//
//   wall  = steps(batch) * step time / goodput         (a ramp: the sum over its phases)
//
// steps(batch) grows with the batch (cost/batch.hpp), goodput falls with the ranks
// (cost/goodput.hpp). Money and energy are charged for ranks and spares. Counted from the day that
// all GPUs are there: deliveries are simulated elsewhere.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "cost/goodput.hpp"
#include "cost/money.hpp"
#include "cost/step.hpp"
#include "spec/run.hpp"

namespace celere::plan {

// One thing that is trained: a batch (or a ramp of them) and how many steps it takes.
struct Training {
  struct Phase {
    std::int64_t global_batch = 0;  // sequences
    double steps = 0;
  };
  std::vector<Phase> phases;  // one, unless the batch is ramped
  std::int64_t legal_batch =
      0;  // what dp * micro_batch must divide: the greatest common divisor of the phases
  Tokens tokens;

  std::int64_t largest_batch() const;
};

// Everything about one layout of one training.
struct Outcome {
  layout::Layout layout;
  std::int64_t global_batch = 0;  // the largest phase's
  cost::StepCost step;            // of that phase
  Tokens tokens;
  double steps = 0;
  Seconds working;  // steps * step time
  Seconds wall;
  double goodput = 1;
  Seconds checkpoint_every;
  std::int64_t spares = 0;         // GPUs held ready
  std::optional<Dollars> dollars;  // nothing where a price is unknown
  std::optional<Joules> energy;
  double objective = 0;  // smaller is better: seconds, dollars or joules
};

class Objective {
 public:
  // Errors: unknown_value where the goal needs a number that the catalogue does not have.
  static Result<Objective> of(const spec::Run& run, const cost::StepModel& model, Tokens tokens);

  // The trainings to search: one for each batch of a range.
  const std::vector<Training>& trainings() const { return trainings_; }

  // `costs` are those of the layout.
  Outcome outcome(const cost::StageCosts& costs, const layout::Layout& layout,
                  const Training& training) const;

  // No layout on so many nodes whose objective is within `limit` has a greater goodput.
  double goodput_max(std::int64_t nodes, double limit) const;

  // What no layout of so many ranks can be better than (plan/scene.hpp makes them).
  struct Ceiling {
    std::int64_t ranks = 0;
    double goodput = 1;
    double stretch = 1;  // of a step, by the slowest of so many nodes
  };
  // Least objective of a layout under this ceiling whose steps take at least `working` in all.
  double bound(Seconds working, const Ceiling& ceiling) const;
  // The same where `parts` are summed over the steps without their overhead.
  double bound_of_parts(Seconds parts, double steps, const Ceiling& ceiling) const {
    return bound((parts + steps * model_->numbers().step_overhead) * ceiling.stretch, ceiling);
  }
  // The same where only the product of ranks and time is bounded, with at most `ranks_max` ranks.
  double bound_of_work(double rank_seconds, std::int64_t ranks_max) const;

  // The ranks that gpus, spares and power allow.
  std::int64_t ranks_max() const { return ranks_max_; }
  bool by_time() const { return run_->goal == spec::Goal::time; }
  bool within_budget(const Outcome& outcome) const;
  const std::optional<std::string>& dollars_unknown() const { return dollars_unknown_; }

 private:
  Objective() = default;
  cost::FailureModel failures(std::int64_t ranks, Seconds working) const;
  Seconds checkpoint_interval(const cost::FailureModel& failures,
                              std::optional<Seconds> step) const;
  double without_replica(const cost::FailureModel& failures, Seconds every, int replicas) const;
  Seconds wall_within(double limit, std::int64_t ranks) const;
  std::int64_t spares_of(std::int64_t ranks) const;

  const spec::Run* run_ = nullptr;
  const cost::StepModel* model_ = nullptr;
  std::vector<Training> trainings_;
  std::int64_t gpus_ = 0;
  std::int64_t ranks_max_ = 0;
  std::optional<std::string> dollars_unknown_;
};

}  // namespace celere::plan

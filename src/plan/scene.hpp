// What all parts of a search read: the choices that depend on no cut of a layer, and tables of
// bounds that are made once.
//
// Two tables stand behind the bounds of plan/search.hpp:
//
//   goodput of so many nodes    no layout within the limit has a greater one (plan/objective.hpp)
//   least of a pipeline         for tp * cp, pp and micro-batch, over all trainings and all dp:
//   where
//                               one micro-batch takes C in all stages together, and at least t on
//                               the slowest, then
//                               objective >= even * C / pp + uneven * (t - C / pp) + beside
#pragma once

#include <vector>

#include "base/thread_pool.hpp"
#include "plan/found.hpp"
#include "plan/objective.hpp"
#include "plan/space.hpp"

namespace celere::plan {

// A training and a degree of data parallelism that it allows.
struct Replicas {
  int training = 0;
  int dp = 1;
  double sequences_each = 1;  // of one micro-batch of all replicas
  double batches = 0;         // micro-batches of a replica in all steps
  double steps = 0;
  Objective::Ceiling ceiling;
  double batches_of(std::int64_t global_batch) const {
    return static_cast<double>(global_batch) / sequences_each;
  }
};

// A pipeline that is legal with some dp and micro-batch, and what follows from it alone.
struct Pipeline {
  PipelineChoice choice;
  std::vector<cost::StageKind> kinds;  // nothing recomputed
  double layers_of_longest_stage = 0;  // a rank's; under DualPipe it has half of two stages
  double idle_share = 0;
};

// What a step waits for while the pipeline fills and drains is at least this share of the time that
// one micro-batch takes on all stages but the slowest. It is at most 1, so that a step takes no
// less where the slowest stage takes more: m t + share (C - t) grows with t.
double idle_share(const PipelineChoice& pipeline, double bubble_factor);

class Scene {
 public:
  struct Options {
    bool exhaustive = false;
    bool count_distinct = false;
    int best = 10;  // families
    double limit;   // nothing above it counts
  };
  // The parts must outlive it.
  Scene(const cost::StepModel& model, const Objective& objective, const Space& space,
        const Options& options, ThreadPool& threads);

  const cost::StepModel& model() const { return model_; }
  const Objective& objective() const { return objective_; }
  const Space& space() const { return space_; }
  const Options& options() const { return options_; }
  const Training& training(int place) const {
    return objective_.trainings()[static_cast<std::size_t>(place)];
  }

  // That divide the batch of some training.
  const std::vector<int>& micro_batches() const { return micro_batches_; }

  // Pipelines that no dp and no micro-batch makes legal, by rule.
  const BrokenRules& illegal() const { return illegal_; }

  // The degrees of data parallelism that a training allows with a micro-batch, ascending.
  const std::vector<int>& dp(int training, std::size_t micro_batch_place) const {
    return trainings_[static_cast<std::size_t>(training)].dp[micro_batch_place];
  }
  Replicas replicas(int training, int dp, int micro_batch, std::int64_t ranks_each) const;

  Objective::Ceiling ceiling(std::int64_t ranks) const;
  // The legal ones of so many stages. REQUIRES: pp is of the space.
  const std::vector<Pipeline>& pipelines(int pp) const;
  double layers_of_longest_stage(int pp) const;  // at least, of all of them

  struct Least {
    double even = 0;
    double uneven = 0;
    double beside = 0;
    double bound(Seconds all, Seconds slowest, int pp) const {
      const Seconds mean = all / pp;
      return even * mean.in_base() + uneven * (slowest - mean).in_base() + beside;
    }
  };
  // REQUIRES: the product and pp are of the space.
  const Least& least(std::int64_t tp_cp, int pp, std::size_t micro_batch_place) const;

 private:
  struct PerTraining {
    double sequences = 0;  // in all
    double steps = 0;
    std::vector<std::vector<int>> dp;  // by the place of the micro-batch
  };
  void add_trainings();
  void add_pipelines();
  void fill_goodput(ThreadPool& threads);
  std::size_t place_of(int pp) const;
  void fill_least(ThreadPool& threads);
  Least least_of(std::int64_t ranks_each, int pp, std::size_t micro_batch_place) const;

  const cost::StepModel& model_;
  const Objective& objective_;
  const Space& space_;
  Options options_;
  std::vector<int> micro_batches_;
  std::vector<PerTraining> trainings_;
  std::vector<double> goodput_max_;               // by nodes
  std::vector<std::int64_t> tp_cp_;               // ascending
  std::vector<int> pp_;                           // ascending
  std::vector<std::vector<Pipeline>> pipelines_;  // by pp_
  BrokenRules illegal_;
  std::vector<Least> least_;  // by tp_cp, pp, micro-batch
};

}  // namespace celere::plan

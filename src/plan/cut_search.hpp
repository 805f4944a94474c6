// The part of a search below one cut of a layer (tp, sp, cp and its method). See plan/search.hpp.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "plan/found.hpp"
#include "plan/objective.hpp"
#include "plan/space.hpp"

namespace celere::plan {

// What all cuts read.
struct Scene {
  const cost::StepModel& model;
  const Objective& objective;
  const Space& space;
  bool exhaustive = false;
  bool count_distinct = false;
  int best = 10;
  std::vector<int> micro_batches;  // that divide the batch of some training
  std::vector<double> sequences;   // of each training in all
  double sequences_min = 0;
};

class CutSearch {
 public:
  // Nothing above `limit` counts.
  CutSearch(const Scene& scene, double limit);

  Found search(const layout::Layout& cut);

 private:
  // A training and a degree of data parallelism that it allows.
  struct Replicas {
    int training;
    int dp;
  };

  double limit() const;
  // Whether a larger micro-batch may fit: the floor of the memory grows with it.
  bool search_micro_batch(layout::Layout layout, int micro_batch);
  void search_split(layout::Layout layout, const cost::LayerCosts& costs);
  void search_pipeline(layout::Layout layout, const cost::LayerCosts& costs,
                       const cost::StepModel::ComputeFloor& floor,
                       const std::vector<Replicas>& replicas);
  void evaluate_all(layout::Layout layout, const Replicas& one, const cost::StageCosts& stages);
  void evaluate(const layout::Layout& layout, int training, const cost::StageCosts& stages);

  std::vector<Replicas> replicas_of(const layout::Layout& layout) const;
  std::vector<Replicas> legal_ones(const std::vector<Replicas>& replicas, layout::Layout layout,
                                   layout::Shape shape);
  // Those whose objective may be within the limit if a micro-batch takes at least `each`, and a
  // step `once` more.
  std::vector<Replicas> promising(const std::vector<Replicas>& replicas, layout::Layout layout,
                                  Seconds each, Seconds once);
  bool promising(const layout::Layout& layout, Seconds working);
  const Training& training_of(int place) const;

  const Scene& scene_;
  double limit_;
  Found found_;
  std::string group_;
  std::map<std::int64_t, Objective::Ceiling> ceilings_;  // by ranks
  std::map<int, std::vector<ReplicaChoice>> choices_;    // by replicas
};

}  // namespace celere::plan

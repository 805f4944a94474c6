// The part of a search below one cut of a layer (tp, sp, cp and its method). See plan/search.hpp.
#pragma once

#include <array>
#include <map>
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
  double sequences_min = 0;        // of the trainings
  struct PerTraining {
    double sequences = 0;  // in all
    double steps = 0;
    // For each micro-batch the degrees of data parallelism that it allows, ascending.
    std::vector<std::vector<int>> dp;
  };
  std::vector<PerTraining> trainings;
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
    double sequences_each;  // of one micro-batch of all replicas
    double batches;         // micro-batches of a replica in all steps
    double steps;
    Objective::Ceiling ceiling;
    double batches_of(std::int64_t global_batch) const {
      return static_cast<double>(global_batch) / sequences_each;
    }
  };
  struct TrafficKey {
    int pp, dp, order;
    double dense, experts;
    friend auto operator<=>(const TrafficKey&, const TrafficKey&) = default;
  };

  double limit() const;
  // Whether a larger micro-batch may fit: the floor of the memory grows with it.
  bool search_micro_batch(layout::Layout layout, int micro_batch);
  void search_split(layout::Layout layout, const cost::LayerCosts& costs);
  void search_stages(layout::Layout layout, const cost::LayerCosts& costs,
                     const cost::StepModel::ComputeFloor& floor);
  double idle_share(const PipelineChoice& pipeline, int pp) const;
  void search_pipeline(layout::Layout layout, const cost::LayerCosts& costs,
                       const cost::StepModel::ComputeFloor& floor,
                       const std::vector<Replicas>& replicas);
  void evaluate_all(layout::Layout layout, const Replicas& one, const cost::StageCosts& stages);
  Seconds pipeline_time(const Replicas& one, const layout::Layout& layout,
                        const cost::StageCosts& stages) const;
  Seconds exposed(const Replicas& one, const cost::StageCosts& stages, int zero_stage,
                  const cost::ReplicaTraffic& traffic) const;
  const std::vector<ReplicaChoice>& choices_of(const layout::Layout& layout);
  const std::vector<cost::ReplicaTraffic>& traffic_of(layout::Layout layout,
                                                      const cost::StageCosts& stages);
  bool fits_with_offload(layout::Layout layout, int training, const cost::StageCosts& stages);
  void evaluate(const layout::Layout& layout, int training, const cost::StageCosts& stages);

  // Those whose objective may be within the limit if a micro-batch takes at least `each`, and a
  // step `once` more.
  std::vector<Replicas> replicas_of(const layout::Layout& layout, Seconds each, Seconds once);
  // Of those, the legal ones that are promising with these times.
  std::vector<Replicas> legal_ones(const std::vector<Replicas>& replicas, layout::Layout layout,
                                   Seconds each, Seconds once);
  bool promising(const Replicas& one, Seconds each, Seconds once, double now);
  bool promising(const Replicas& one, layout::Layout layout, const cost::StageCosts& stages);
  const Objective::Ceiling& ceiling_of(std::int64_t ranks);
  void count_illegal(layout::Illegal rule) { ++illegal_[static_cast<std::size_t>(rule)]; }
  void count_bound(double bound, std::int64_t count = 1);
  const Training& training_of(int place) const;
  const std::vector<cost::StageKind>& kinds_of(const layout::Layout& layout);

  const Scene& scene_;
  double limit_;
  Found found_;
  std::size_t micro_batch_place_ = 0;  // of scene_.micro_batches
  std::array<std::int64_t, layout::illegal_count> illegal_{};
  std::int64_t bound_count_ = 0;
  double bound_least_ = 0;
  std::int64_t memory_count_ = 0;
  std::map<std::array<int, 6>, std::vector<cost::StageKind>>
      kinds_;                                            // by pipeline and recomputation
  std::map<std::int64_t, Objective::Ceiling> ceilings_;  // by ranks
  std::map<TrafficKey, std::vector<cost::ReplicaTraffic>> traffic_;  // of the present split
  std::map<int, std::vector<PipelineChoice>> pipelines_;             // by pp
  std::map<int, std::vector<ReplicaChoice>> choices_;                // by replicas
};

}  // namespace celere::plan

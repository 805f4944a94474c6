// The part of a search below one cut of a layer (tp, sp, cp and its method). See plan/search.hpp.
#pragma once

#include <array>
#include <map>
#include <vector>

#include "plan/found.hpp"
#include "plan/traffic.hpp"

namespace celere::plan {

class CutSearch {
 public:
  // Nothing above `limit` counts.
  CutSearch(const Scene& scene, double limit);

  Found search(const layout::Layout& cut);

 private:
  // Of all layouts with this split and pp.
  struct Floor {
    cost::StepModel::ComputeFloor compute;
    Seconds slowest;                // one micro-batch on the slowest stage
    cost::ParameterShare heaviest;  // of the stage with most parameters, each part
  };
  double limit() const;
  // Whether a larger micro-batch may fit: the floor of the memory grows with it.
  bool search_micro_batch(layout::Layout layout, int micro_batch);
  void search_split(layout::Layout layout, const cost::LayerCosts& costs);
  void search_stages(layout::Layout layout, const cost::LayerCosts& costs, const Floor& floor);
  void search_pipeline(layout::Layout layout, const cost::LayerCosts& costs, Floor floor,
                       const Pipeline& pipeline, const std::vector<Replicas>& replicas);
  void evaluate_all(layout::Layout layout, const Replicas& one, const cost::StageCosts& stages);
  Seconds pipeline_time(const Replicas& one, const layout::Layout& layout,
                        const cost::StageCosts& stages) const;
  bool fits_with_offload(layout::Layout layout, int training, const cost::StageCosts& stages);
  void evaluate(const layout::Layout& layout, int training, const cost::StageCosts& stages);

  // Those whose objective may be within the limit if a micro-batch takes at least `each`, and a
  // step `once` more.
  std::vector<Replicas> replicas_of(const layout::Layout& layout, Seconds each, Seconds once);
  // Of those, the legal ones that are promising with these times.
  std::vector<Replicas> legal_ones(const std::vector<Replicas>& replicas, layout::Layout layout,
                                   Seconds each, Seconds once);
  bool promising(const Replicas& one, Seconds each, Seconds once, double now);
  bool promising(const Replicas& one, Seconds parts);
  bool promising(const Replicas& one, layout::Layout layout, const cost::StageCosts& stages);
  // Those that are promising with the traffic of this order, at least of the floor's parameters.
  std::vector<Replicas> with_traffic(const std::vector<Replicas>& replicas, layout::Layout layout,
                                     const Floor& floor, Seconds once);
  void count_illegal(layout::Illegal rule, const layout::Layout& layout,
                     const layout::Shape& shape);
  void count_bound(double bound, std::int64_t count = 1);
  const std::vector<cost::StageKind>& kinds_of(const layout::Layout& layout);

  const Scene& scene_;
  double limit_;
  Found found_;
  std::size_t micro_batch_place_ = 0;  // of scene_.micro_batches()
  std::array<Broken, layout::illegal_count> illegal_;
  std::int64_t bound_count_ = 0;
  double bound_least_ = 0;
  std::int64_t memory_count_ = 0;
  Memo<std::array<int, 6>, std::vector<cost::StageKind>> kinds_;  // by pipeline and recomputation
  Traffic traffic_;
};

}  // namespace celere::plan

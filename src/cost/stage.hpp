// The cost of the stages of a pipeline: which layers each holds, and what that takes for one
// micro-batch.
//
// Stages that hold the same are one *profile*; the earliest of them keeps the most activations
// (layout/pipeline.hpp), so the memory of the heaviest rank is the maximum over profiles. Expert
// all-to-all: four transfers a layer and micro-batch (dispatch and combine, forward and backward),
// two more where the layer is recomputed; of a transfer stack.ep_factor is exposed, and with
// stack.dispatch_once a token travels once to each domain that holds experts of it
// (cost/collective.hpp) [DeepSeek-V3 2024]. Under DualPipe a rank holds stage s and stage pp - 1 -
// s, and the other direction's compute hides the all-to-all.
#pragma once

#include <array>
#include <vector>

#include "cost/layer.hpp"

namespace celere::cost {

// What one micro-batch takes on one stage.
struct StageTimes {
  PassTimes compute;
  Seconds tp, cp, ep;  // exposed, forward and backward
  Seconds total() const { return compute.total() + tp + cp + ep; }
};

struct StageProfile {
  int first_stage = 0;  // the earliest stage like this
  int stages = 0;       // how many there are
  StageTimes times;
  ParameterShare parameters;
  Bytes activations;            // of one micro-batch, all its chunks
  Bytes expert_activations;     // of those, what grows with the imbalance of experts
  Bytes working;                // the most that lives only during a backward pass
  double layer_parameters = 0;  // of the largest layer: what ZeRO 3 gathers at a time
  int layers = 0;
  Flops useful, repeated;  // of one micro-batch
};

struct StageCosts {
  std::vector<StageProfile> profiles;
  int slowest = 0;          // of the profiles
  Seconds others;           // sum of times.total() over all stages but the slowest one
  Seconds others_backward;  // the same of the backward passes without the weight gradients
  Seconds others_weight;    // the same of the weight gradients
  Bytes message;            // between stages
  Bytes expert_transfer;    // what a rank sends in one all-to-all
  Flops useful;             // of one micro-batch, over all stages, one rank each
  Flops repeated;

  const StageProfile& slowest_profile() const {
    return profiles[static_cast<std::size_t>(slowest)];
  }
  // The stage with the most parameters.
  const StageProfile& heaviest_profile() const;
};

// What a stage holds: how many layers of each kind in each state, and what else.
struct Holding {
  std::array<std::array<int, keep_count>, layer_kinds_max> layers{};
  bool embedding = false;
  bool head = false;

  int layers_in_all() const {
    int sum = 0;
    for (const auto& kind : layers) {
      for (const int count : kind) sum += count;
    }
    return sum;
  }
  friend auto operator<=>(const Holding&, const Holding&) = default;
};

// Stages that hold the same.
struct StageKind {
  Holding holding;
  int first_stage = 0;  // the earliest
  int stages = 0;       // how many
};

class StageModel {
 public:
  StageModel(const Setting& setting, const Numbers& numbers, const LayerModel& layers,
             const Collectives& collectives);

  // Reads of the layout: pp, vpp, schedule, partition, recompute, recompute_layers, order, and the
  // split's axes. REQUIRES: costs are those of the layout's split.
  StageCosts costs(const LayerCosts& costs, const layout::Layout& layout) const;

  // The same in two parts, of which the first depends on pp, vpp, schedule, partition and
  // recomputation alone.
  std::vector<StageKind> kinds(const layout::Layout& layout) const;
  StageCosts costs(const LayerCosts& costs, const layout::Layout& layout,
                   const std::vector<StageKind>& kinds) const;

  // For each stage the place of its kind among those of kinds(), and so of its profile.
  std::vector<int> kind_by_stage(const layout::Layout& layout) const;

  // The parameters of the stage that has most.
  ParameterShare heaviest(const LayerCosts& costs, const std::vector<StageKind>& kinds) const;

  // What is exposed of one all-to-all between experts.
  Seconds expert_transfer(const LayerCosts& costs, layout::Layout layout) const;

 private:
  Holding holding_of(const layout::Layout& layout, int stage) const;
  ParameterShare parameters_of(const LayerCosts& costs, const Holding& holding) const;
  StageProfile profile_of(const LayerCosts& costs, const Holding& holding, Seconds transfer) const;

  const Setting& setting_;
  const Numbers& numbers_;
  const LayerModel& layers_;
  const Collectives& collectives_;
};

}  // namespace celere::cost

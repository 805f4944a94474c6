// The time of one training step and the memory of its heaviest rank.
//
//   step = (m t_slowest + bubble + messages + replicas + optimizer + offload + overhead) (1 +
//   jitter log2(nodes))
//
//   m          micro-batches a replica; t_slowest the slowest stage's time for one
//   bubble     with S = sum of the other stages' times, F, B (input gradient), W (weight gradient):
//              1F1B S; interleaved S / vpp [Narayanan et al. 2021]; ZB-H1 S - 2 W [Qi et al. 2023];
//              DualPipe (pp / 2 - 1) / (pp - 1) (S + B - 2 W) [DeepSeek-V3 2024]; times
//              stack.bubble_factor
//   messages   1F1B waits for each (2 a micro-batch and 2 a stage); the others only while the
//   pipeline fills and drains replicas   ZeRO 0 all-reduce of gradients; 1 reduce-scatter and
//   all-gather of parameters; 2 the reduce-scatter each
//              micro-batch; 3 two all-gathers and a reduce-scatter each micro-batch [Rajbhandari et
//              al. 2020]; HSDP: inside the shard group, and an all-reduce of the shards.
//              stack.dp_overlap of it may hide behind one micro-batch (ZeRO 2: behind all); with
//              ZeRO 3: max(compute, traffic) + stack.fsdp_exposed_share min(.)
//   optimizer  14 bytes a parameter of the rank's shard and its state twice: 30 with AdamW, 22 with
//              one moment [by count of reads and writes]; Muon adds five Newton-Schulz iterations
//              of 6 h FLOP for each parameter in a layer's matrices [Jordan et al. 2024]; on the
//              host: over its link
//   jitter     of the slowest of many nodes, stack.jitter_per_doubling [fitted]
//
// Leaves out: switch-side reduction, contention between kinds of traffic, input pipelines (they
// prefetch).
#pragma once

#include <memory>

#include "base/result.hpp"
#include "cost/memory.hpp"
#include "cost/stage.hpp"

namespace celere::cost {

enum class StepPart : std::uint8_t {
  compute,
  recompute,
  bubble,
  tp,
  pp,
  dp,
  ep,
  cp,
  optimizer,
  offload,
  overhead,
};
inline constexpr int step_part_count = 11;
const char* name_of(StepPart part);

struct StepCost {
  std::array<Seconds, step_part_count> parts;  // of the slowest stage; they add up to `time`
  Seconds time;
  Memory memory;  // of the heaviest rank
  Bytes memory_max;
  int heaviest_stage = 0;
  Bytes host_max;  // of the rank that puts most on its host
  std::int64_t micro_batches = 0;
  Seconds operator[](StepPart part) const { return parts[static_cast<std::size_t>(part)]; }
  Seconds sum() const;  // of the parts
};

// Collectives among replicas: each of a micro-batch or of a step, as the ZeRO stage has it.
struct ReplicaTraffic {
  Seconds gather;   // of parameters
  Seconds reduce;   // of gradients
  Seconds between;  // HSDP: of the shards, among the groups
};

class StepModel {
 public:
  // Errors: unknown_value, naming the entry and key, or what the model's source does not give.
  // `like`: of the same model, chip curves and precision, for many that differ in numbers alone.
  static Result<std::unique_ptr<StepModel>> of(Setting setting, const StepModel* like = nullptr);

  // All of it for one layout. REQUIRES: legal for shape(global_batch). Sequences.
  StepCost cost(const layout::Layout& layout, std::int64_t global_batch) const;

  // The same in three steps, of which a search shares the first two among many layouts.
  LayerCosts layer_costs(const LayerSplit& split) const { return layers_.costs(split); }
  StageCosts stage_costs(const LayerCosts& costs, const layout::Layout& layout) const {
    return stages_.costs(costs, layout);
  }
  StageCosts stage_costs(const LayerCosts& costs, const layout::Layout& layout,
                         const std::vector<StageKind>& kinds) const {
    return stages_.costs(costs, layout, kinds);
  }
  std::vector<StageKind> stage_kinds(const layout::Layout& layout) const {
    return stages_.kinds(layout);
  }
  ParameterShare heaviest(const LayerCosts& costs, const std::vector<StageKind>& kinds) const {
    return stages_.heaviest(costs, kinds);
  }
  StepCost cost(const StageCosts& costs, const layout::Layout& layout,
                std::int64_t global_batch) const;

  // Only its memory: memory, memory_max, heaviest_stage and host_max are set. Cheaper where most do
  // not fit.
  StepCost memory_only(const StageCosts& costs, const layout::Layout& layout,
                       std::int64_t global_batch) const;

  // Each stage in order: what the report shows of the winner.
  std::vector<Memory> memory_by_stage(const layout::Layout& layout,
                                      std::int64_t global_batch) const;

  bool fits(const StepCost& cost) const;
  layout::Shape shape(std::int64_t global_batch) const { return shape_of(setting_, global_batch); }

  // FLOP of a sequence forward and backward, each product once, attention its causal half.
  Flops useful_per_sequence() const { return useful_; }
  // Useful FLOP over the bf16 peak of the ranks (fp32 runs: the fp32 peak).
  double mfu(const layout::Layout& layout, std::int64_t global_batch, Seconds step) const;
  // The same with what is computed twice.
  double hfu(const layout::Layout& layout, std::int64_t global_batch, Seconds step) const;

  // What one rank copies to the host for a checkpoint: parameters, master weights and optimizer
  // state, divided among the replicas (each writes its share), on the stage that has most.
  Bytes checkpoint_share(const StageCosts& costs, const layout::Layout& layout) const;
  Bytes checkpoint_bytes() const;  // of the whole job

  // Bounds for a search, each no more than what cost() says of any layout that shares what is
  // given.
  struct ComputeFloor {
    Seconds all;  // of one micro-batch through all layers, embedding and head, tp and cp included
    Seconds input_only;  // the same with every layer run twice
    Seconds layer;       // one layer of the cheapest kind
    Seconds again;       // what running the cheapest kind of layer again adds
  };
  ComputeFloor compute_floor(const LayerCosts& costs, layout::Layout cut) const;
  // What the slowest of so many nodes makes of a step: 1 + jitter log2(nodes).
  double stretch(std::int64_t ranks) const;
  // The step without what replicas, optimizer, offloading and overhead add.
  Seconds pipeline_time(const StageCosts& costs, const layout::Layout& layout,
                        std::int64_t global_batch) const;
  // What replicas exchange in a step, where the stage with most parameters has these, and what of
  // it is exposed beside micro-batches that take `compute` each. Grows with both parts of the
  // share; what a micro-batch and its exposed part take together grows with `compute`.
  ReplicaTraffic replica_traffic(const ParameterShare& share, const layout::Layout& layout) const;
  // Whether both ZeRO stages exchange the same, in the same groups.
  bool same_traffic(int zero_stage, int other) const;
  Seconds exposed(const ReplicaTraffic& traffic, int zero_stage, double micro_batches,
                  Seconds compute) const;
  // Of any layout with this cut of a layer.
  Bytes memory_floor(const LayerCosts& costs) const;

  const Setting& setting() const { return setting_; }
  const Numbers& numbers() const { return numbers_; }

 private:
  StepModel(Setting setting, Numbers numbers, Efficiency efficiency, const topology::Fabric& fabric,
            const StepModel* like);
  // The parts that replicas and offloading do not change, without the overhead.
  StepCost pipeline_parts(const StageCosts& costs, const layout::Layout& layout,
                          std::int64_t global_batch) const;
  StepCost timed(const StageCosts& costs, const layout::Layout& layout,
                 std::int64_t global_batch) const;
  void set_memory(StepCost& out, const StageCosts& costs, const layout::Layout& layout) const;
  Seconds optimizer_time(const StageProfile& profile, const layout::Layout& layout) const;

  Setting setting_;
  Numbers numbers_;
  Efficiency efficiency_;
  Collectives collectives_;
  LayerModel layers_;
  StageModel stages_;
  ParameterBytes bytes_;
  Flops useful_;
  std::vector<int> layers_of_kind_;
};

}  // namespace celere::cost

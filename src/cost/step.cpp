#include "cost/step.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.hpp"
#include "layout/groups.hpp"
#include "topology/fabric.hpp"

namespace celere::cost {
namespace {

using layout::Layout;
using layout::Schedule;

// Bytes a parameter beside the optimizer's state, which is read and written too: gradient and
// master read, master and bf16 copy written.
constexpr double update_traffic = 14;
constexpr double muon_flop_a_width = 5 * 6;

Seconds bubble(const StageCosts& costs, const Layout& layout) {
  switch (layout.schedule) {
    case Schedule::one_f_one_b:
      return costs.others;
    case Schedule::interleaved:
      return costs.others / layout.vpp;
    case Schedule::zero_bubble:
      return max(Seconds{}, costs.others - 2 * costs.others_weight);
    case Schedule::dual_pipe: {
      const double share = (layout.pp / 2.0 - 1) / (layout.pp - 1);
      return share * max(Seconds{}, costs.others + costs.others_backward - 2 * costs.others_weight);
    }
  }
  CHECK(false);
}

double messages(const Layout& layout, std::int64_t micro_batches) {
  if (layout.pp == 1) return 0;
  if (layout.schedule == Schedule::one_f_one_b)
    return 2.0 * static_cast<double>(micro_batches + layout.pp - 1);
  return 2.0 * (layout.pp * layout.vpp - 1);
}

}  // namespace

const char* name_of(StepPart part) {
  switch (part) {
    case StepPart::compute:
      return "compute";
    case StepPart::recompute:
      return "recompute";
    case StepPart::bubble:
      return "bubble";
    case StepPart::tp:
      return "tp";
    case StepPart::pp:
      return "pp";
    case StepPart::dp:
      return "dp";
    case StepPart::ep:
      return "ep";
    case StepPart::cp:
      return "cp";
    case StepPart::optimizer:
      return "optimizer";
    case StepPart::offload:
      return "offload";
    case StepPart::overhead:
      return "overhead";
  }
  CHECK(false);
}

Seconds StepCost::sum() const {
  Seconds sum;
  for (const Seconds part : parts) sum += part;
  return sum;
}

StepModel::StepModel(Setting setting, Numbers numbers, Efficiency efficiency,
                     const topology::Fabric& fabric, const StepModel* like)
    : setting_(std::move(setting)),
      numbers_(numbers),
      efficiency_(std::move(efficiency)),
      collectives_(setting_.chip, fabric, numbers_.all_to_all_of_ring,
                   like != nullptr ? &like->collectives_ : nullptr),
      layers_(setting_, numbers_, efficiency_, collectives_,
              like != nullptr ? &like->layers_ : nullptr),
      stages_(setting_, numbers_, layers_, collectives_),
      bytes_(ParameterBytes::of(setting_)) {
  const LayerCosts whole = layers_.costs(LayerSplit{});
  layers_of_kind_.resize(whole.kinds.size());
  for (int layer = 0; layer < setting_.model.layers; ++layer) {
    const auto kind = static_cast<std::size_t>(layers_.kind_of(layer));
    useful_ += whole.kinds[kind].useful;
    ++layers_of_kind_[kind];
  }
  useful_ += whole.head.useful;
  if (setting_.model.mtp_layers > 0) useful_ += whole.mtp.useful;
}

Result<std::unique_ptr<StepModel>> StepModel::of(Setting setting, const StepModel* like) {
  if (!setting.model.unknown.empty()) {
    std::string names;
    for (const std::string& name : setting.model.unknown)
      names += (names.empty() ? "" : ", ") + name;
    return Error{ErrorCode::unknown_value,
                 "models/" + setting.model.name + ".toml: its source does not give " + names +
                     ", so it cannot be planned yet",
                 {}};
  }
  Result<Numbers> numbers = numbers_of(setting);
  if (!numbers.ok()) return std::move(numbers).error();
  Result<Efficiency> efficiency =
      Efficiency::of(setting.chip, setting.precision,
                     {.shape_share = numbers->shape_share,
                      .unfused_share = numbers->unfused_share,
                      .unfused_exponent = numbers->unfused_exponent,
                      .unfused_misaligned = numbers->unfused_misaligned},
                     like != nullptr ? &like->efficiency_ : nullptr);
  if (!efficiency.ok()) return std::move(efficiency).error();
  const Result<topology::Fabric> fabric = topology::fabric_of(setting.cluster, setting.chip);
  if (!fabric.ok()) return fabric.error();
  return std::unique_ptr<StepModel>(
      new StepModel(std::move(setting), *numbers, *std::move(efficiency), *fabric, like));
}

StepCost StepModel::cost(const Layout& layout, std::int64_t global_batch) const {
  return cost(stage_costs(layer_costs(LayerSplit::of(layout)), layout), layout, global_batch);
}

bool StepModel::same_traffic(int zero_stage, int other) const {
  const auto kind = [&](int stage) {
    return stage == 0 ? 0 : stage == 1 && setting_.stack.zero1_all_reduce ? 1 : 2;
  };
  return kind(zero_stage) == kind(other);
}

ReplicaTraffic StepModel::replica_traffic(const ParameterShare& share, const Layout& layout) const {
  using spec::Collective;
  const layout::Groups groups = layout::groups_of(layout);
  const auto time = [&](Collective op, double bytes, layout::GroupShape group) {
    return collectives_.time(op, Bytes::of(bytes), group).time;
  };
  const auto both = [&](Collective op, double bytes_each) {
    Seconds sum = time(op, bytes_each * share.dense(), groups.shards);
    if (share.experts() > 0) sum += time(op, bytes_each * share.experts(), groups.expert_replicas);
    return sum;
  };
  ReplicaTraffic traffic;
  if (layout.zero_stage == 0) {
    traffic.reduce = both(Collective::all_reduce, bytes_.gradient);
    return traffic;
  }
  // What a product in 8 bits reads may travel in 8 bits.
  const auto gathered = [&](double matrices, double others) {
    return bytes_.gathered_low * matrices + bytes_.parameter * others;
  };
  traffic.gather = time(Collective::all_gather, gathered(share.dense_matrices, share.dense_others),
                        groups.shards);
  if (share.experts() > 0) {
    traffic.gather +=
        time(Collective::all_gather, gathered(share.expert_matrices, share.expert_others),
             groups.expert_replicas);
  }
  const bool all_reduce = layout.zero_stage == 1 && setting_.stack.zero1_all_reduce;
  traffic.reduce =
      both(all_reduce ? Collective::all_reduce : Collective::reduce_scatter, bytes_.gradient);
  if (layout.shard > 0) {
    traffic.between = time(Collective::all_reduce, bytes_.gradient * share.dense() / layout.shard,
                           groups.shard_replicas);
  }
  return traffic;
}

Seconds StepModel::exposed(const ReplicaTraffic& traffic, int zero_stage, double micro_batches,
                           Seconds compute) const {
  if (zero_stage == 3) {
    const Seconds all =
        micro_batches * (2 * traffic.gather + traffic.reduce) / numbers_.fsdp_bandwidth_share +
        traffic.between;
    const Seconds work = micro_batches * compute;
    return max(work, all) + numbers_.fsdp_exposed_share * min(work, all) - work;
  }
  const double reduces = zero_stage == 2 ? micro_batches : 1;
  const Seconds all = traffic.gather + reduces * traffic.reduce + traffic.between;
  const double overlap = numbers_.dp_overlap;
  return (1 - overlap) * all + overlap * max(Seconds{}, all - reduces * compute);
}

Seconds StepModel::optimizer_time(const StageProfile& profile, const Layout& layout) const {
  const ParameterShare shard =
      layout.zero_stage > 0 ? profile.parameters.divided(layout.shard_ranks(), layout.expert_dp())
                            : profile.parameters;
  const Bytes traffic = Bytes::of(update_traffic * shard.all()) + 2 * bytes_.optimizer(shard);
  if (layout.offload_optimizer) {
    // Gradients down and parameters up; the host streams its state no faster than the link.
    const Bytes moved = Bytes::of((bytes_.gradient + bytes_.parameter) * shard.all());
    return (moved + traffic) / numbers_.host_bandwidth;
  }
  Seconds time = efficiency_.memory(traffic);
  if (setting_.optimizer == spec::Optimizer::muon) {
    time += Flops::of(muon_flop_a_width * setting_.model.hidden * shard.matrices()) /
            efficiency_.sustained_bf16();
  }
  return time;
}

StepCost StepModel::pipeline_parts(const StageCosts& costs, const Layout& layout,
                                   std::int64_t global_batch) const {
  StepCost out;
  out.micro_batches = layout::micro_batches(layout, global_batch);
  const double m = static_cast<double>(out.micro_batches);
  const StageTimes& times = costs.slowest_profile().times;
  const auto set = [&out](StepPart part, Seconds time) {
    out.parts[static_cast<std::size_t>(part)] = time;
  };
  set(StepPart::compute, m * (times.compute.total() - times.compute.recompute));
  set(StepPart::recompute, m * times.compute.recompute);
  set(StepPart::tp, m * times.tp);
  set(StepPart::cp, m * times.cp);
  set(StepPart::ep, m * times.ep);
  if (layout.pp == 1) return out;
  set(StepPart::bubble, numbers_.bubble_factor * bubble(costs, layout));
  set(StepPart::pp, messages(layout, out.micro_batches) *
                        collectives_.point_to_point(costs.message, layout::next_stage(layout)));
  return out;
}

double StepModel::stretch(std::int64_t ranks) const {
  const double nodes = static_cast<double>(ranks) / setting_.cluster.gpus_per_node;
  return 1 + numbers_.jitter_per_doubling * std::log2(std::max(1.0, nodes));
}

StepCost StepModel::cost(const StageCosts& costs, const Layout& layout,
                         std::int64_t global_batch) const {
  StepCost out = timed(costs, layout, global_batch);
  set_memory(out, costs, layout);
  return out;
}

StepCost StepModel::timed(const StageCosts& costs, const Layout& layout,
                          std::int64_t global_batch) const {
  StepCost out = pipeline_parts(costs, layout, global_batch);
  const StageProfile& slowest = costs.slowest_profile();
  const Seconds each = slowest.times.total();
  const auto set = [&out](StepPart part, Seconds time) {
    out.parts[static_cast<std::size_t>(part)] = time;
  };
  if (layout.dp * layout.cp > 1) {
    const double m = static_cast<double>(out.micro_batches);
    const ReplicaTraffic traffic = replica_traffic(costs.heaviest_profile().parameters, layout);
    set(StepPart::dp, exposed(traffic, layout.zero_stage, m, each));
  }
  set(StepPart::optimizer, optimizer_time(slowest, layout));
  if (layout.offload_activations) {
    const Seconds copies = 2 * slowest.activations / numbers_.host_bandwidth;
    set(StepPart::offload, static_cast<double>(out.micro_batches) * max(Seconds{}, copies - each));
  }
  const Seconds sum = out.sum();
  out.time = (sum + numbers_.step_overhead) * stretch(layout.ranks());
  set(StepPart::overhead, out.time - sum);
  return out;
}

void StepModel::set_memory(StepCost& out, const StageCosts& costs, const Layout& layout) const {
  const MemoryQuestion question{setting_, numbers_, bytes_, costs, layout, out.micro_batches};
  for (const StageProfile& profile : costs.profiles) {
    const Memory memory = memory_of(question, profile, profile.first_stage);
    const Bytes total = memory.total();
    out.host_max = max(out.host_max, memory.host);
    if (total > out.memory_max) {
      out.memory_max = total;
      out.memory = memory;
      out.heaviest_stage = profile.first_stage;
    }
  }
}

StepCost StepModel::memory_only(const StageCosts& costs, const Layout& layout,
                                std::int64_t global_batch) const {
  StepCost out;
  out.micro_batches = layout::micro_batches(layout, global_batch);
  set_memory(out, costs, layout);
  return out;
}

std::vector<Memory> StepModel::memory_by_stage(const Layout& layout,
                                               std::int64_t global_batch) const {
  const StageCosts costs = stage_costs(layer_costs(LayerSplit::of(layout)), layout);
  const std::int64_t micro_batches = layout::micro_batches(layout, global_batch);
  const MemoryQuestion question{setting_, numbers_, bytes_, costs, layout, micro_batches};
  std::vector<Memory> stages;
  for (const int profile : stages_.kind_by_stage(layout)) {
    const int stage = static_cast<int>(stages.size());
    stages.push_back(memory_of(question, costs.profiles[static_cast<std::size_t>(profile)], stage));
  }
  return stages;
}

bool StepModel::fits(const StepCost& cost) const {
  if (cost.memory_max > numbers_.memory) return false;
  if (cost.host_max == Bytes{}) return true;
  const spec::Fact<Bytes>& host = setting_.cluster.host_memory;
  return host.known() && cost.host_max * setting_.cluster.gpus_per_node <= *host.value;
}

double StepModel::mfu(const Layout& layout, std::int64_t global_batch, Seconds step) const {
  const FlopsPerSecond peak = efficiency_.peak_bf16() * static_cast<double>(layout.ranks());
  return static_cast<double>(global_batch) * useful_ / step / peak;
}

double StepModel::hfu(const Layout& layout, std::int64_t global_batch, Seconds step) const {
  const StageCosts costs = stage_costs(layer_costs(LayerSplit::of(layout)), layout);
  return mfu(layout, global_batch, step) * (1 + costs.repeated / costs.useful);
}

Bytes StepModel::checkpoint_share(const StageCosts& costs, const Layout& layout) const {
  Bytes most;
  for (const StageProfile& profile : costs.profiles) {
    most = max(most, bytes_.checkpoint(
                         profile.parameters.divided(layout.dp * layout.cp, layout.expert_dp())));
  }
  return most;
}

Bytes StepModel::checkpoint_bytes() const { return bytes_.checkpoint(layers_.parameters()); }

// All-to-all is fastest where the experts lie on neighbouring ranks, as they do when dp comes
// before pp; only DualPipe hides it behind the other direction's compute.
StepModel::ComputeFloor StepModel::compute_floor(const LayerCosts& costs, Layout cut) const {
  cut.order = layout::RankOrder::tp_cp_dp_pp;
  const auto& schedules = setting_.stack.schedules;
  const bool hides =
      std::find(schedules.begin(), schedules.end(), Schedule::dual_pipe) != schedules.end();
  const Seconds transfer = hides ? Seconds{} : stages_.expert_transfer(costs, cut);
  Seconds ends = costs.embedding.times[0].total() + costs.head.times[0].total();
  if (setting_.model.mtp_layers > 0) ends += costs.mtp.times[0].total();
  const Seconds infinite = Seconds::of(std::numeric_limits<double>::infinity());
  ComputeFloor floor{.all = ends, .input_only = ends, .layer = infinite, .again = infinite};
  for (std::size_t kind = 0; kind < costs.kinds.size(); ++kind) {
    const LayerCost& cost = costs.kinds[kind];
    const Seconds forward = cost.tp_forward + cost.cp_forward;
    const Seconds backward = cost.tp_backward + cost.cp_backward;
    const auto total = [&](Keep keep) {
      return cost.times[static_cast<std::size_t>(keep)].total();
    };
    const double count = layers_of_kind_[kind];
    const double transfers = cost.expert_transfer > Bytes{} ? 1 : 0;
    const Seconds once = total(Keep::all) + forward + backward + 4 * transfers * transfer;
    const Seconds twice =
        total(Keep::input_only) + 2 * forward + backward + 6 * transfers * transfer;
    floor.all += count * once;
    floor.input_only += count * twice;
    floor.layer = min(floor.layer, once);
    floor.again = min(floor.again, twice - once);
  }
  return floor;
}

Seconds StepModel::pipeline_time(const StageCosts& costs, const Layout& layout,
                                 std::int64_t global_batch) const {
  return pipeline_parts(costs, layout, global_batch).sum();
}

// Some stage has a layer: ZeRO 3 gathers two in turn and has the gradients of one, the other stages
// of ZeRO hold the parameters and all or one layer's gradients. Whatever is recomputed, a backward
// pass works on a whole layer; and the last stage works on the head.
Bytes StepModel::memory_floor(const LayerCosts& costs) const {
  Bytes least = Bytes::of(std::numeric_limits<double>::infinity());
  for (std::size_t kind = 0; kind < costs.kinds.size(); ++kind) {
    const double parameters = costs.parameters[kind].all();
    const Bytes held = Bytes::of((bytes_.parameter + bytes_.gradient) * parameters);
    least = min(least, held + costs.kinds[kind].working);
  }
  return max(least, costs.head.working) + numbers_.fragmentation_share * numbers_.memory +
         numbers_.memory_reserved;
}

}  // namespace celere::cost

#include "cost/stage.hpp"

#include <algorithm>

#include "layout/groups.hpp"
#include "layout/pipeline.hpp"

namespace celere::cost {
namespace {

using layout::Layout;
using layout::Recompute;

Keep keep_of(const Layout& layout, int place_in_chunk) {
  switch (layout.recompute) {
    case Recompute::none:
      return Keep::all;
    case Recompute::selective:
      return Keep::without_attention;
    case Recompute::full:
      return Keep::input_only;
    case Recompute::full_for_some:
      return place_in_chunk < layout.recompute_layers ? Keep::input_only : Keep::all;
  }
  return Keep::all;
}

void add(StageProfile& profile, const LayerCost& cost, const ParameterShare& parameters, Keep keep,
         int count) {
  const auto k = static_cast<std::size_t>(keep);
  const PassTimes& times = cost.times[k];
  profile.times.compute.forward += count * times.forward;
  profile.times.compute.backward += count * times.backward;
  profile.times.compute.weight += count * times.weight;
  profile.times.compute.recompute += count * times.recompute;
  const double forwards = keep == Keep::input_only ? 2 : 1;
  profile.times.tp += count * (forwards * cost.tp_forward + cost.tp_backward);
  profile.times.cp += count * (forwards * cost.cp_forward + cost.cp_backward);
  profile.activations += count * cost.activations[k];
  if (keep != Keep::input_only) profile.expert_activations += count * cost.expert_activations;
  // A layer that is run again holds all that it would have kept, while its backward pass runs.
  Bytes working = cost.working;
  if (keep == Keep::input_only) working += cost.activations[static_cast<std::size_t>(Keep::all)];
  if (keep == Keep::without_attention) {
    working += cost.activations[static_cast<std::size_t>(Keep::all)] - cost.activations[k];
  }
  profile.working = max(profile.working, working);
  profile.layer_parameters = std::max(profile.layer_parameters, parameters.all());
  profile.useful += count * cost.useful;
  if (keep == Keep::input_only) profile.repeated += count * cost.repeated;
  if (keep == Keep::without_attention) profile.repeated += count * cost.repeated_attention;
}

// Two stages share a rank under DualPipe, each serving half of the micro-batches; the compute of
// one direction hides the all-to-all of the other.
void halve(StageProfile& profile) {
  StageTimes& times = profile.times;
  for (Seconds* part : {&times.compute.forward, &times.compute.backward, &times.compute.weight,
                        &times.compute.recompute, &times.tp, &times.cp, &times.ep}) {
    *part *= 0.5;
  }
  times.ep = max(Seconds{}, times.ep - times.compute.total());
  profile.activations *= 0.5;
  profile.expert_activations *= 0.5;
  profile.useful *= 0.5;
  profile.repeated *= 0.5;
}

// The slowest stage, and the sums over the others.
void sum_up(StageCosts& out) {
  const auto total = [&](int i) { return out.profiles[static_cast<std::size_t>(i)].times.total(); };
  for (int i = 0; i < static_cast<int>(out.profiles.size()); ++i) {
    if (total(i) > total(out.slowest)) out.slowest = i;
  }
  for (int i = 0; i < static_cast<int>(out.profiles.size()); ++i) {
    const StageProfile& profile = out.profiles[static_cast<std::size_t>(i)];
    const int others = profile.stages - (i == out.slowest ? 1 : 0);
    const PassTimes& compute = profile.times.compute;
    out.others += others * profile.times.total();
    out.others_backward += others * (compute.backward + compute.recompute);
    out.others_weight += others * compute.weight;
    out.useful += profile.stages * profile.useful;
    out.repeated += profile.stages * profile.repeated;
  }
}

}  // namespace

const StageProfile& StageCosts::heaviest_profile() const {
  return *std::max_element(profiles.begin(), profiles.end(),
                           [](const StageProfile& a, const StageProfile& b) {
                             return a.parameters.all() < b.parameters.all();
                           });
}

StageModel::StageModel(const Setting& setting, const Numbers& numbers, const LayerModel& layers,
                       const Collectives& collectives)
    : setting_(setting), numbers_(numbers), layers_(layers), collectives_(collectives) {}

Holding StageModel::holding_of(const Layout& layout, int stage) const {
  const auto add_stage = [&](Holding& holding, int of) {
    for (int v = 0; v < layout.vpp; ++v) {
      const layout::ChunkLayers chunk =
          layout::chunk_layers(layout, setting_.model.layers, v * layout.pp + of);
      for (int i = 0; i < chunk.count; ++i) {
        const auto kind = static_cast<std::size_t>(layers_.kind_of(chunk.first + i));
        ++holding.layers[kind][static_cast<std::size_t>(keep_of(layout, i))];
      }
    }
    holding.embedding |= of == 0;
    holding.head |= of == layout.pp - 1;
  };
  Holding holding;
  add_stage(holding, stage);
  if (layout.schedule == layout::Schedule::dual_pipe) add_stage(holding, layout.pp - 1 - stage);
  return holding;
}

std::vector<StageKind> StageModel::kinds(const Layout& layout) const {
  std::vector<StageKind> kinds;
  for (int stage = 0; stage < layout.pp; ++stage) {
    const Holding holding = holding_of(layout, stage);
    const auto known = std::find_if(kinds.begin(), kinds.end(),
                                    [&](const StageKind& kind) { return kind.holding == holding; });
    if (known != kinds.end()) {
      ++known->stages;
    } else {
      kinds.push_back({.holding = holding, .first_stage = stage, .stages = 1});
    }
  }
  return kinds;
}

std::vector<int> StageModel::kind_by_stage(const Layout& layout) const {
  const std::vector<StageKind> all = kinds(layout);
  std::vector<int> places;
  for (int stage = 0; stage < layout.pp; ++stage) {
    const Holding holding = holding_of(layout, stage);
    const auto found = std::find_if(all.begin(), all.end(),
                                    [&](const StageKind& kind) { return kind.holding == holding; });
    places.push_back(static_cast<int>(found - all.begin()));
  }
  return places;
}

// One all-to-all, exposed. Where the experts lie depends on dp only in that they must fold into its
// ranks, so any dp that they fold into serves.
Seconds StageModel::expert_transfer(const LayerCosts& costs, Layout layout) const {
  layout.dp = layout.ep * layout.etp;
  Bytes bytes;
  for (const LayerCost& cost : costs.kinds) bytes = max(bytes, cost.expert_transfer);
  if (layout.ep == 1 || bytes == Bytes{}) return {};
  const spec::Experts& experts = *setting_.model.experts;
  const layout::GroupShape group = layout::groups_of(layout).ep;
  const Seconds time =
      setting_.stack.dispatch_once
          ? collectives_.once_each(bytes, group, experts.top_k, experts.group_limit)
          : collectives_.time(spec::Collective::all_to_all, bytes, group).time;
  return numbers_.ep_factor * time;
}

ParameterShare StageModel::parameters_of(const LayerCosts& costs, const Holding& holding) const {
  ParameterShare sum;
  for (std::size_t kind = 0; kind < costs.kinds.size(); ++kind) {
    int count = 0;
    for (const int layers : holding.layers[kind]) count += layers;
    sum.add(costs.parameters[kind], count);
  }
  if (holding.embedding) sum.add(costs.embedding_parameters);
  if (holding.head) {
    sum.add(costs.head_parameters);
    if (holding.embedding) sum.dense_others -= costs.tied_parameters;
    if (setting_.model.mtp_layers > 0) sum.add(costs.mtp_parameters);
  }
  return sum;
}

ParameterShare StageModel::heaviest(const LayerCosts& costs,
                                    const std::vector<StageKind>& kinds) const {
  ParameterShare heaviest;
  for (const StageKind& kind : kinds) {
    const ParameterShare share = parameters_of(costs, kind.holding);
    if (share.all() > heaviest.all()) heaviest = share;
  }
  return heaviest;
}

StageProfile StageModel::profile_of(const LayerCosts& costs, const Holding& holding,
                                    Seconds transfer) const {
  StageProfile profile;
  profile.parameters = parameters_of(costs, holding);
  double transfers = 0;
  for (std::size_t kind = 0; kind < costs.kinds.size(); ++kind) {
    for (std::size_t k = 0; k < keep_count; ++k) {
      const int count = holding.layers[kind][k];
      if (count == 0) continue;
      const Keep keep = static_cast<Keep>(k);
      profile.layers += count;
      add(profile, costs.kinds[kind], costs.parameters[kind], keep, count);
      const int each = keep == Keep::input_only ? 6 : 4;
      if (costs.kinds[kind].expert_transfer > Bytes{}) transfers += count * each;
    }
  }
  if (holding.embedding) add(profile, costs.embedding, costs.embedding_parameters, Keep::all, 1);
  if (holding.head) {
    add(profile, costs.head, costs.head_parameters, Keep::all, 1);
    if (setting_.model.mtp_layers > 0) {
      add(profile, costs.mtp, costs.mtp_parameters, Keep::all, 1);
      if (costs.mtp.expert_transfer > Bytes{}) transfers += 4 * setting_.model.mtp_layers;
    }
  }
  profile.times.ep = transfers * transfer;
  return profile;
}

StageCosts StageModel::costs(const LayerCosts& costs, const Layout& layout) const {
  return this->costs(costs, layout, kinds(layout));
}

StageCosts StageModel::costs(const LayerCosts& costs, const Layout& layout,
                             const std::vector<StageKind>& kinds) const {
  const Seconds transfer = expert_transfer(costs, layout);
  StageCosts out;
  out.profiles.reserve(kinds.size());
  for (const StageKind& kind : kinds) {
    StageProfile& profile = out.profiles.emplace_back(profile_of(costs, kind.holding, transfer));
    profile.first_stage = kind.first_stage;
    profile.stages = kind.stages;
    if (layout.schedule == layout::Schedule::dual_pipe) halve(profile);
  }
  sum_up(out);
  out.message = costs.stage_message;
  for (const LayerCost& cost : costs.kinds) {
    out.expert_transfer = max(out.expert_transfer, cost.expert_transfer);
  }
  return out;
}

}  // namespace celere::cost

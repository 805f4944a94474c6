#include "plan/cut_search.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <limits>

#include "layout/pipeline.hpp"

namespace celere::plan {
namespace {

using cost::LayerCosts;
using cost::LayerSplit;
using cost::StageCosts;
using layout::Illegal;
using layout::Layout;

constexpr double infinite = std::numeric_limits<double>::infinity();
constexpr double rounding = 1 - 1e-9;  // a bound is computed in another order than what it bounds

// The finalizer of SplitMix64 [Steele et al. 2014] over both.
std::uint64_t point_of(double time, double memory) {
  std::uint64_t x = std::bit_cast<std::uint64_t>(time) * 0x9e3779b97f4a7c15ull +
                    std::bit_cast<std::uint64_t>(memory);
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

// Of one micro-batch, where the longest stage has so many layers.
Seconds slowest_of(const cost::StepModel::ComputeFloor& compute, int pp, double layers) {
  return max(compute.all / pp, layers * compute.layer);
}

}  // namespace

CutSearch::CutSearch(const Scene& scene, double limit)
    : scene_(scene), limit_(limit), found_(scene.options().best), traffic_(scene) {}

double CutSearch::limit() const {
  return scene_.options().exhaustive ? infinite : std::min(limit_, found_.limit());
}

void CutSearch::count_bound(double bound, std::int64_t count) {
  bound_least_ = bound_count_ == 0 ? bound : std::min(bound_least_, bound);
  bound_count_ += count;
}

void CutSearch::count_illegal(Illegal rule, const Layout& layout, const layout::Shape& shape) {
  Broken& broken = illegal_[static_cast<std::size_t>(rule)];
  if (broken.count++ == 0) broken.example = layout::explain(rule, layout, shape);
}

Found CutSearch::search(const Layout& cut) {
  layout::Shape shape = scene_.model().shape(1);
  shape.gpus = scene_.objective().ranks_max();
  const auto rule = layout::illegal(cut, shape);
  if (rule && (*rule <= Illegal::cp_heads || *rule == Illegal::ranks)) {
    count_illegal(*rule, cut, shape);
  } else {
    for (const int micro_batch : scene_.micro_batches()) {
      if (!search_micro_batch(cut, micro_batch)) break;
      ++micro_batch_place_;
    }
  }
  for (std::size_t i = 0; i < illegal_.size(); ++i) {
    if (illegal_[i].count > 0) found_.add_illegal(static_cast<Illegal>(i), illegal_[i]);
  }
  const std::string group = fmt::format("tp = {}", cut.tp);
  if (bound_count_ > 0) found_.add_pruned(group, pruned_by_bound, bound_least_, bound_count_);
  if (memory_count_ > 0) found_.add_pruned(group, pruned_by_memory, 0, memory_count_);
  return std::move(found_);
}

bool CutSearch::search_micro_batch(Layout layout, int micro_batch) {
  layout.micro_batch = micro_batch;
  bool some_fit = scene_.options().exhaustive;
  for (const int ep : scene_.space().ep()) {
    for (const int etp : scene_.space().etp()) {
      layout.ep = ep;
      layout.etp = etp;
      layout.dp = ep * etp;  // so that the experts fold, whatever dp will be
      const layout::Shape shape = scene_.model().shape(std::int64_t{layout.dp} * micro_batch);
      const auto rule = layout::illegal(layout, shape);
      layout.dp = 1;
      if (rule && *rule < Illegal::expert_fold) {
        count_illegal(*rule, layout, shape);
        continue;
      }
      const LayerCosts costs = scene_.model().layer_costs(LayerSplit::of(layout));
      if (!scene_.options().exhaustive &&
          scene_.model().memory_floor(costs) > scene_.model().numbers().memory) {
        ++memory_count_;
        continue;
      }
      some_fit = true;
      search_split(layout, costs);
    }
  }
  return some_fit;
}

void CutSearch::search_split(Layout layout, const LayerCosts& costs) {
  Floor floor{
      .compute = scene_.model().compute_floor(costs, layout), .slowest = {}, .heaviest = {}};
  cost::StepModel::ComputeFloor& compute = floor.compute;
  for (Seconds* time : {&compute.all, &compute.input_only, &compute.layer, &compute.again}) {
    *time *= rounding;
  }
  const int tp_cp = layout.tp * layout.cp;
  layout::Shape shape = scene_.model().shape(1);
  shape.gpus = scene_.objective().ranks_max();
  for (const int pp : scene_.space().pp()) {
    layout.pp = pp;
    layout.dp = 1;
    if (layout.ranks() > scene_.objective().ranks_max()) {
      count_illegal(Illegal::ranks, layout, shape);
      continue;
    }
    floor.slowest = slowest_of(compute, pp, scene_.layers_of_longest_stage(pp));
    const Scene::Least& least = scene_.least(tp_cp, pp, micro_batch_place_);
    const double bound = rounding * least.bound(compute.all, floor.slowest, pp);
    if (bound > limit()) {
      count_bound(bound);
      continue;
    }
    search_stages(layout, costs, floor);
  }
}

void CutSearch::search_stages(Layout layout, const LayerCosts& costs, const Floor& of_split) {
  const std::vector<Pipeline>& pipelines = scene_.pipelines(layout.pp);
  if (pipelines.empty()) return;
  Floor floor = of_split;
  floor.heaviest = {infinite, infinite, infinite, infinite};
  double idle = 1;
  for (const Pipeline& pipeline : pipelines) {
    idle = std::min(idle, pipeline.idle_share);
    floor.heaviest =
        cost::ParameterShare::least(floor.heaviest, scene_.model().heaviest(costs, pipeline.kinds));
  }
  const Seconds once = idle * max(Seconds{}, floor.compute.all - floor.slowest);
  const std::vector<Replicas> replicas = replicas_of(layout, floor.slowest, once);
  if (replicas.empty()) return;
  for (const layout::RankOrder order : scene_.space().orders(layout.pp)) {
    layout.order = order;
    const std::vector<Replicas> left = with_traffic(replicas, layout, floor, once);
    if (left.empty()) continue;
    for (const Pipeline& pipeline : pipelines) {
      layout.vpp = pipeline.choice.vpp;
      layout.schedule = pipeline.choice.schedule;
      layout.partition = pipeline.choice.partition;
      search_pipeline(layout, costs, floor, pipeline, left);
    }
  }
}

std::vector<Replicas> CutSearch::with_traffic(const std::vector<Replicas>& replicas, Layout layout,
                                              const Floor& floor, Seconds once) {
  if (scene_.options().exhaustive) return replicas;
  std::vector<Replicas> left;
  for (const Replicas& one : replicas) {
    layout.dp = one.dp;
    const Seconds exposed = traffic_.exposed_min(one, layout, floor.heaviest, floor.slowest);
    if (promising(one, one.batches * floor.slowest + one.steps * once + exposed)) {
      left.push_back(one);
    }
  }
  return left;
}

void CutSearch::search_pipeline(Layout layout, const LayerCosts& costs, Floor floor,
                                const Pipeline& pipeline, const std::vector<Replicas>& replicas) {
  const double layers = pipeline.layers_of_longest_stage;
  floor.slowest = slowest_of(floor.compute, layout.pp, layers);
  const auto waits = [&](Seconds all, Seconds slowest) {
    return pipeline.idle_share * max(Seconds{}, all - slowest);
  };
  std::vector<Replicas> legal =
      legal_ones(replicas, layout, floor.slowest, waits(floor.compute.all, floor.slowest));
  if (legal.empty()) return;
  // Recomputation only adds time: what is too slow without it is too slow.
  const StageCosts plain = scene_.model().stage_costs(costs, layout, pipeline.kinds);
  std::erase_if(legal, [&](const Replicas& one) { return !promising(one, layout, plain); });
  if (legal.empty()) return;
  const int longest = layout::longest_chunk(layout, scene_.model().setting().model.layers);
  for (const RecomputeChoice& recompute : scene_.space().recomputes(longest)) {
    layout.recompute = recompute.recompute;
    layout.recompute_layers = recompute.layers;
    Seconds all = floor.compute.all;
    if (recompute.recompute == layout::Recompute::full) all = floor.compute.input_only;
    if (recompute.recompute == layout::Recompute::full_for_some) {
      // The shortest chunk has at most two layers less than the longest (layout/pipeline.hpp).
      const int each = std::min(recompute.layers, std::max(0, longest - 2));
      all += static_cast<double>(layout.pp) * layout.vpp * each * floor.compute.again;
    }
    const Seconds slowest = max(all / layout.pp, floor.slowest);
    const std::vector<Replicas> left = legal_ones(legal, layout, slowest, waits(all, slowest));
    if (left.empty()) continue;
    const StageCosts stages = scene_.model().stage_costs(costs, layout, kinds_of(layout));
    for (const Replicas& one : left) {
      if (promising(one, layout, stages)) evaluate_all(layout, one, stages);
    }
  }
}

const std::vector<cost::StageKind>& CutSearch::kinds_of(const Layout& layout) {
  const std::array<int, 6> key = {layout.pp,
                                  layout.vpp,
                                  static_cast<int>(layout.schedule),
                                  static_cast<int>(layout.partition),
                                  static_cast<int>(layout.recompute),
                                  layout.recompute_layers};
  return kinds_.get(key, [&] { return scene_.model().stage_kinds(layout); });
}

std::vector<Replicas> CutSearch::replicas_of(const Layout& layout, Seconds each, Seconds once) {
  std::vector<Replicas> all;
  const std::int64_t block = layout.ranks();
  const std::int64_t most = scene_.objective().ranks_max() / block;
  const double now = limit();
  for (int i = 0; i < static_cast<int>(scene_.objective().trainings().size()); ++i) {
    const std::vector<int>& degrees = scene_.dp(i, micro_batch_place_);
    // From the largest down: the time is at least so many micro-batches, whatever is lost to
    // failures, so below some degree all are too slow.
    auto dp = std::upper_bound(degrees.begin(), degrees.end(), most);
    while (dp != degrees.begin()) {
      --dp;
      const Replicas one = scene_.replicas(i, *dp, layout.micro_batch, block);
      const Seconds working = one.batches * each;
      if (scene_.objective().by_time() && working.in_base() > now) {
        count_bound(working.in_base(), dp - degrees.begin() + 1);
        break;
      }
      if (promising(one, each, once, now)) all.push_back(one);
    }
  }
  return all;
}

bool CutSearch::promising(const Replicas& one, Seconds each, Seconds once, double now) {
  const Seconds parts = one.batches * each + one.steps * once;
  const double bound = scene_.objective().bound_of_parts(parts, one.steps, one.ceiling);
  if (bound <= now) return true;
  count_bound(bound);
  return false;
}

bool CutSearch::promising(const Replicas& one, Seconds parts) {
  const double bound = scene_.objective().bound_of_parts(parts * rounding, one.steps, one.ceiling);
  if (bound <= limit()) return true;
  count_bound(bound);
  return false;
}

bool CutSearch::promising(const Replicas& one, Layout layout, const StageCosts& stages) {
  if (scene_.options().exhaustive) return true;
  layout.dp = one.dp;
  const Seconds pipeline = pipeline_time(one, layout, stages);
  if (!promising(one, pipeline)) return false;
  return promising(
      one, pipeline + traffic_.exposed_min(one, layout, stages.heaviest_profile().parameters,
                                           stages.slowest_profile().times.total()));
}

Seconds CutSearch::pipeline_time(const Replicas& one, const Layout& layout,
                                 const StageCosts& stages) const {
  Seconds sum;
  for (const Training::Phase& phase : scene_.training(one.training).phases) {
    sum += phase.steps * scene_.model().pipeline_time(stages, layout, phase.global_batch);
  }
  return sum;
}

std::vector<Replicas> CutSearch::legal_ones(const std::vector<Replicas>& replicas, Layout layout,
                                            Seconds each, Seconds once) {
  std::vector<Replicas> legal;
  layout::Shape shape = scene_.model().shape(1);
  shape.gpus = scene_.objective().ranks_max();
  const double now = limit();
  for (const Replicas& one : replicas) {
    if (!promising(one, each, once, now)) continue;
    layout.dp = one.dp;
    shape.global_batch = scene_.training(one.training).legal_batch;
    if (const auto rule = layout::illegal(layout, shape)) {
      count_illegal(*rule, layout, shape);
    } else {
      legal.push_back(one);
    }
  }
  return legal;
}

// Offloading frees memory and takes time. So what does not fit with both kinds of it does not fit
// at all, and what is too slow with neither is too slow with either.
void CutSearch::evaluate_all(Layout layout, const Replicas& one, const StageCosts& stages) {
  layout.dp = one.dp;
  const std::int64_t batch = scene_.training(one.training).largest_batch();
  const std::vector<ReplicaChoice>& choices = traffic_.choices(layout);
  const std::vector<cost::ReplicaTraffic>& traffic =
      traffic_.of(layout, stages.heaviest_profile().parameters);
  const Seconds each = stages.slowest_profile().times.total();
  const Seconds pipeline = pipeline_time(one, layout, stages);
  for (std::size_t i = 0; i < choices.size(); ++i) {
    layout.zero_stage = choices[i].zero_stage;
    layout.shard = choices[i].shard;
    double least = 0;
    if (!scene_.options().exhaustive) {
      const Seconds parts = pipeline + traffic_.exposed(one, layout.zero_stage, traffic[i], each);
      const double bound =
          scene_.objective().bound_of_parts(parts * rounding, one.steps, one.ceiling);
      if (bound > limit()) {
        count_bound(bound, static_cast<std::int64_t>(scene_.space().offloads().size()));
        continue;
      }
      if (!fits_with_offload(layout, one.training, stages)) continue;
      least = bound;
    }
    for (const OffloadChoice& offload : scene_.space().offloads()) {
      layout.offload_optimizer = offload.optimizer;
      layout.offload_activations = offload.activations;
      if (!scene_.options().exhaustive) {
        const cost::StepCost memory = scene_.model().memory_only(stages, layout, batch);
        if (!scene_.model().fits(memory)) {
          found_.add_too_big({infinite, memory.memory_max.in_base(), one.training, layout});
          continue;
        }
        if (found_.dominated({least, memory.memory_max.in_base(), one.training, layout})) {
          count_bound(least);
          continue;
        }
      }
      evaluate(layout, one.training, stages);
    }
  }
}

bool CutSearch::fits_with_offload(Layout layout, int training, const StageCosts& stages) {
  bool optimizer = false, activations = false;
  for (const OffloadChoice& offload : scene_.space().offloads()) {
    optimizer |= offload.optimizer;
    activations |= offload.activations;
  }
  layout.offload_optimizer = optimizer;
  layout.offload_activations = activations;
  const std::int64_t batch = scene_.training(training).largest_batch();
  const cost::StepCost least = scene_.model().memory_only(stages, layout, batch);
  if (least.memory_max <= scene_.model().numbers().memory) return true;
  found_.add_too_big({infinite, least.memory_max.in_base(), training, layout},
                     static_cast<std::int64_t>(scene_.space().offloads().size()));
  return false;
}

void CutSearch::evaluate(const Layout& layout, int training, const StageCosts& stages) {
  const Outcome outcome = scene_.objective().outcome(stages, layout, scene_.training(training));
  ++found_.searched;
  const double memory = outcome.step.memory_max.in_base();
  const std::uint64_t point = point_of(outcome.step.time.in_base(), memory);
  found_.hash += point;
  if (scene_.options().count_distinct) found_.points.push_back(point);
  const Candidate candidate{outcome.objective, memory, training, layout};
  if (!scene_.model().fits(outcome.step)) {
    found_.add_too_big({infinite, memory, training, layout});
  } else if (!scene_.objective().within_budget(outcome)) {
    found_.add_pruned("", pruned_by_budget, candidate.objective);
  } else {
    found_.add(candidate);
  }
}

}  // namespace celere::plan

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

// What `known` has under this key, made on the first call.
template <typename Map, typename Make>
const typename Map::mapped_type& remembered(Map& known, const typename Map::key_type& key,
                                            const Make& make) {
  const auto found = known.find(key);
  return found != known.end() ? found->second : known.emplace(key, make()).first->second;
}

}  // namespace

CutSearch::CutSearch(const Scene& scene, double limit)
    : scene_(scene), limit_(limit), found_(scene.best) {}

double CutSearch::limit() const {
  return scene_.exhaustive ? infinite : std::min(limit_, found_.limit());
}

const Training& CutSearch::training_of(int place) const {
  return scene_.objective.trainings()[static_cast<std::size_t>(place)];
}

void CutSearch::count_bound(double bound, std::int64_t count) {
  bound_least_ = bound_count_ == 0 ? bound : std::min(bound_least_, bound);
  bound_count_ += count;
}

Found CutSearch::search(const Layout& cut) {
  layout::Shape shape = scene_.model.shape(1);
  shape.gpus = scene_.objective.ranks_max();
  const auto rule = layout::illegal(cut, shape);
  if (rule && (*rule <= Illegal::cp_heads || *rule == Illegal::ranks)) {
    count_illegal(*rule);
  } else {
    for (const int micro_batch : scene_.micro_batches) {
      if (!search_micro_batch(cut, micro_batch)) break;
      ++micro_batch_place_;
    }
  }
  for (std::size_t i = 0; i < illegal_.size(); ++i) {
    if (illegal_[i] == 0) continue;
    found_.add_pruned("", layout::reason(static_cast<Illegal>(i)), 0, illegal_[i]);
  }
  const std::string group = fmt::format("tp = {}", cut.tp);
  if (bound_count_ > 0) found_.add_pruned(group, pruned_by_bound, bound_least_, bound_count_);
  if (memory_count_ > 0) found_.add_pruned(group, pruned_by_memory, 0, memory_count_);
  return std::move(found_);
}

bool CutSearch::search_micro_batch(Layout layout, int micro_batch) {
  layout.micro_batch = micro_batch;
  bool some_fit = scene_.exhaustive;
  for (const int ep : scene_.space.ep()) {
    for (const int etp : scene_.space.etp()) {
      layout.ep = ep;
      layout.etp = etp;
      layout.dp = ep * etp;  // so that the experts fold, whatever dp will be
      const auto rule =
          layout::illegal(layout, scene_.model.shape(std::int64_t{layout.dp} * micro_batch));
      layout.dp = 1;
      if (rule && *rule < Illegal::expert_fold) {
        count_illegal(*rule);
        continue;
      }
      const LayerCosts costs = scene_.model.layer_costs(LayerSplit::of(layout));
      if (!scene_.exhaustive && scene_.model.memory_floor(costs) > scene_.model.numbers().memory) {
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
  traffic_.clear();
  cost::StepModel::ComputeFloor floor = scene_.model.compute_floor(costs, layout);
  floor.all *= rounding;
  floor.input_only *= rounding;
  floor.again *= rounding;
  const double tp_cp = static_cast<double>(layout.tp) * layout.cp;
  const double rank_seconds =
      scene_.sequences_min / layout.micro_batch * floor.all.in_base() * tp_cp;
  const double bound = scene_.objective.bound_of_work(rank_seconds, scene_.objective.ranks_max());
  if (bound > limit()) {
    count_bound(bound);
    return;
  }
  for (const int pp : scene_.space.pp()) {
    layout.pp = pp;
    layout.dp = 1;
    if (layout.ranks() > scene_.objective.ranks_max()) {
      count_illegal(Illegal::ranks);
      continue;
    }
    const std::int64_t most = scene_.objective.ranks_max() / layout.ranks();
    const double working = rank_seconds / (tp_cp * pp * static_cast<double>(most));
    if (scene_.objective.by_time() && working > limit()) {
      count_bound(working);
      continue;
    }
    search_stages(layout, costs, floor);
  }
}

// The part of a micro-batch's time that a step waits for once, while the pipeline fills and drains:
// of these schedules the other stages' time, 1 / vpp of it. The least of m t + (C - t) / vpp is at
// t = C / pp.
double CutSearch::idle_share(const PipelineChoice& pipeline, int pp) const {
  const bool waits = pipeline.schedule == layout::Schedule::one_f_one_b ||
                     pipeline.schedule == layout::Schedule::interleaved;
  return waits ? scene_.model.numbers().bubble_factor * (1 - 1.0 / pp) / pipeline.vpp : 0;
}

void CutSearch::search_stages(Layout layout, const LayerCosts& costs,
                              const cost::StepModel::ComputeFloor& floor) {
  const std::vector<PipelineChoice>& pipelines =
      remembered(pipelines_, layout.pp, [&] { return scene_.space.pipelines(layout.pp); });
  double idle = infinite;
  for (const PipelineChoice& pipeline : pipelines) {
    idle = std::min(idle, idle_share(pipeline, layout.pp));
  }
  const std::vector<Replicas> replicas =
      replicas_of(layout, floor.all / layout.pp, idle * floor.all);
  if (replicas.empty()) return;
  for (const layout::RankOrder order : scene_.space.orders(layout.pp)) {
    layout.order = order;
    for (const PipelineChoice& pipeline : pipelines) {
      layout.vpp = pipeline.vpp;
      layout.schedule = pipeline.schedule;
      layout.partition = pipeline.partition;
      search_pipeline(layout, costs, floor, replicas);
    }
  }
}

void CutSearch::search_pipeline(Layout layout, const LayerCosts& costs,
                                const cost::StepModel::ComputeFloor& floor,
                                const std::vector<Replicas>& replicas) {
  const PipelineChoice pipeline{layout.vpp, layout.schedule, layout.partition};
  const Seconds idle = idle_share(pipeline, layout.pp) * floor.all;
  std::vector<Replicas> legal = legal_ones(replicas, layout, floor.all / layout.pp, idle);
  if (legal.empty()) return;
  // Recomputation only adds time: what is too slow without it is too slow.
  const StageCosts plain = scene_.model.stage_costs(costs, layout, kinds_of(layout));
  std::erase_if(legal, [&](const Replicas& one) { return !promising(one, layout, plain); });
  if (legal.empty()) return;
  const int longest = layout::longest_chunk(layout, scene_.model.setting().model.layers);
  for (const RecomputeChoice& recompute : scene_.space.recomputes(longest)) {
    layout.recompute = recompute.recompute;
    layout.recompute_layers = recompute.layers;
    Seconds all = floor.all;
    if (recompute.recompute == layout::Recompute::full) all = floor.input_only;
    if (recompute.recompute == layout::Recompute::full_for_some) {
      // The shortest chunk has at most two layers less than the longest (layout/pipeline.hpp).
      const int each = std::min(recompute.layers, std::max(0, longest - 2));
      all += static_cast<double>(layout.pp) * layout.vpp * each * floor.again;
    }
    const std::vector<Replicas> left = legal_ones(legal, layout, all / layout.pp, idle);
    if (left.empty()) continue;
    const StageCosts stages = scene_.model.stage_costs(costs, layout, kinds_of(layout));
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
  return remembered(kinds_, key, [&] { return scene_.model.stage_kinds(layout); });
}

const Objective::Ceiling& CutSearch::ceiling_of(std::int64_t ranks) {
  return remembered(ceilings_, ranks, [&] { return scene_.objective.ceiling(ranks); });
}

std::vector<CutSearch::Replicas> CutSearch::replicas_of(const Layout& layout, Seconds each,
                                                        Seconds once) {
  std::vector<Replicas> all;
  const std::int64_t block = layout.ranks();
  const std::int64_t most = scene_.objective.ranks_max() / block;
  const double now = limit();
  for (std::size_t i = 0; i < scene_.trainings.size(); ++i) {
    const Scene::PerTraining& training = scene_.trainings[i];
    const std::vector<int>& degrees = training.dp[micro_batch_place_];
    // From the largest down: the time is at least so many micro-batches, whatever is lost to
    // failures, so below some degree all are too slow.
    auto dp = std::upper_bound(degrees.begin(), degrees.end(), most);
    while (dp != degrees.begin()) {
      --dp;
      const double batches = training.sequences / (static_cast<double>(layout.micro_batch) * *dp);
      const Seconds working = batches * each;
      if (scene_.objective.by_time() && working.in_base() > now) {
        count_bound(working.in_base(), dp - degrees.begin() + 1);
        break;
      }
      const Replicas one{.training = static_cast<int>(i),
                         .dp = *dp,
                         .sequences_each = static_cast<double>(layout.micro_batch) * *dp,
                         .batches = batches,
                         .steps = training.steps,
                         .ceiling = ceiling_of(block * *dp)};
      if (promising(one, each, once, now)) all.push_back(one);
    }
  }
  return all;
}

bool CutSearch::promising(const Replicas& one, Seconds each, Seconds once, double now) {
  const Seconds parts = one.batches * each + one.steps * once;
  const double bound = scene_.objective.bound_of_parts(parts, one.steps, one.ceiling);
  if (bound <= now) return true;
  count_bound(bound);
  return false;
}

const std::vector<ReplicaChoice>& CutSearch::choices_of(const Layout& layout) {
  const int replicas = layout.dp * layout.cp;
  return remembered(choices_, replicas, [&] { return scene_.space.replicas(layout.tp, replicas); });
}

// The traffic of each of choices_of(layout). Within a split it depends on these keys alone.
const std::vector<cost::ReplicaTraffic>& CutSearch::traffic_of(Layout layout,
                                                               const StageCosts& stages) {
  const cost::ParameterShare& share = stages.heaviest_profile().parameters;
  const TrafficKey key{layout.pp, layout.dp, static_cast<int>(layout.order), share.dense,
                       share.experts};
  return remembered(traffic_, key, [&] {
    std::vector<cost::ReplicaTraffic> traffic;
    for (const ReplicaChoice& choice : choices_of(layout)) {
      layout.zero_stage = choice.zero_stage;
      layout.shard = choice.shard;
      traffic.push_back(layout.dp * layout.cp == 1 ? cost::ReplicaTraffic{}
                                                   : scene_.model.replica_traffic(stages, layout));
    }
    return traffic;
  });
}

Seconds CutSearch::exposed(const Replicas& one, const StageCosts& stages, int zero_stage,
                           const cost::ReplicaTraffic& traffic) const {
  const Seconds each = stages.slowest_profile().times.total();
  Seconds sum;
  for (const Training::Phase& phase : training_of(one.training).phases) {
    const double batches = one.batches_of(phase.global_batch);
    sum += phase.steps * scene_.model.exposed(traffic, zero_stage, batches, each);
  }
  return sum;
}

bool CutSearch::promising(const Replicas& one, Layout layout, const StageCosts& stages) {
  if (scene_.exhaustive) return true;
  layout.dp = one.dp;
  const std::vector<ReplicaChoice>& choices = choices_of(layout);
  const std::vector<cost::ReplicaTraffic>& traffic = traffic_of(layout, stages);
  Seconds least = Seconds::of(infinite);
  for (std::size_t i = 0; i < choices.size(); ++i) {
    least = min(least, exposed(one, stages, choices[i].zero_stage, traffic[i]));
  }
  const Seconds parts = pipeline_time(one, layout, stages) + least;
  const double bound = scene_.objective.bound_of_parts(parts * rounding, one.steps, one.ceiling);
  if (bound <= limit()) return true;
  count_bound(bound);
  return false;
}

Seconds CutSearch::pipeline_time(const Replicas& one, const Layout& layout,
                                 const StageCosts& stages) const {
  Seconds sum;
  for (const Training::Phase& phase : training_of(one.training).phases) {
    sum += phase.steps * scene_.model.pipeline_time(stages, layout, phase.global_batch);
  }
  return sum;
}

std::vector<CutSearch::Replicas> CutSearch::legal_ones(const std::vector<Replicas>& replicas,
                                                       Layout layout, Seconds each, Seconds once) {
  std::vector<Replicas> legal;
  layout::Shape shape = scene_.model.shape(1);
  shape.gpus = scene_.objective.ranks_max();
  const double now = limit();
  for (const Replicas& one : replicas) {
    if (!promising(one, each, once, now)) continue;
    layout.dp = one.dp;
    shape.global_batch = training_of(one.training).legal_batch;
    if (const auto rule = layout::illegal(layout, shape)) {
      count_illegal(*rule);
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
  const std::int64_t batch = training_of(one.training).largest_batch();
  const std::vector<ReplicaChoice>& choices = choices_of(layout);
  const std::vector<cost::ReplicaTraffic>& traffic = traffic_of(layout, stages);
  const Seconds pipeline = pipeline_time(one, layout, stages);
  for (std::size_t i = 0; i < choices.size(); ++i) {
    layout.zero_stage = choices[i].zero_stage;
    layout.shard = choices[i].shard;
    double least = 0;
    if (!scene_.exhaustive) {
      const Seconds parts = pipeline + exposed(one, stages, layout.zero_stage, traffic[i]);
      const double bound =
          scene_.objective.bound_of_parts(parts * rounding, one.steps, one.ceiling);
      if (bound > limit()) {
        count_bound(bound, static_cast<std::int64_t>(scene_.space.offloads().size()));
        continue;
      }
      if (!fits_with_offload(layout, one.training, stages)) continue;
      least = bound;
    }
    for (const OffloadChoice& offload : scene_.space.offloads()) {
      layout.offload_optimizer = offload.optimizer;
      layout.offload_activations = offload.activations;
      if (!scene_.exhaustive) {
        const cost::StepCost memory = scene_.model.memory_only(stages, layout, batch);
        if (!scene_.model.fits(memory)) {
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
  for (const OffloadChoice& offload : scene_.space.offloads()) {
    optimizer |= offload.optimizer;
    activations |= offload.activations;
  }
  layout.offload_optimizer = optimizer;
  layout.offload_activations = activations;
  const std::int64_t batch = training_of(training).largest_batch();
  const cost::StepCost least = scene_.model.memory_only(stages, layout, batch);
  if (least.memory_max <= scene_.model.numbers().memory) return true;
  found_.add_too_big({infinite, least.memory_max.in_base(), training, layout},
                     static_cast<std::int64_t>(scene_.space.offloads().size()));
  return false;
}

void CutSearch::evaluate(const Layout& layout, int training, const StageCosts& stages) {
  const Outcome outcome = scene_.objective.outcome(stages, layout, training_of(training));
  ++found_.searched;
  const double memory = outcome.step.memory_max.in_base();
  const std::uint64_t point = point_of(outcome.step.time.in_base(), memory);
  found_.hash += point;
  if (scene_.count_distinct) found_.points.push_back(point);
  const Candidate candidate{outcome.objective, memory, training, layout};
  if (!scene_.model.fits(outcome.step)) {
    found_.add_too_big({infinite, memory, training, layout});
  } else if (!scene_.objective.within_budget(outcome)) {
    found_.add_pruned("", pruned_by_budget, candidate.objective);
  } else {
    found_.add(candidate);
  }
}

}  // namespace celere::plan

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

}  // namespace

CutSearch::CutSearch(const Scene& scene, double limit)
    : scene_(scene), limit_(limit), found_(scene.best) {}

double CutSearch::limit() const {
  return scene_.exhaustive ? infinite : std::min(limit_, found_.limit());
}

const Training& CutSearch::training_of(int place) const {
  return scene_.objective.trainings()[static_cast<std::size_t>(place)];
}

Found CutSearch::search(const Layout& cut) {
  group_ = fmt::format("tp = {}", cut.tp);
  layout::Shape shape = scene_.model.shape(1);
  shape.gpus = scene_.objective.ranks_max();
  const auto rule = layout::illegal(cut, shape);
  if (rule && (*rule <= Illegal::cp_heads || *rule == Illegal::ranks)) {
    found_.add_pruned("", layout::reason(*rule), 0);
    return std::move(found_);
  }
  for (const int micro_batch : scene_.micro_batches) {
    if (!search_micro_batch(cut, micro_batch)) break;
  }
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
        found_.add_pruned("", layout::reason(*rule), 0);
        continue;
      }
      const LayerCosts costs = scene_.model.layer_costs(LayerSplit::of(layout));
      if (!scene_.exhaustive && scene_.model.memory_floor(costs) > scene_.model.numbers().memory) {
        found_.add_pruned(group_, pruned_by_memory, 0);
        continue;
      }
      some_fit = true;
      search_split(layout, costs);
    }
  }
  return some_fit;
}

void CutSearch::search_split(Layout layout, const LayerCosts& costs) {
  cost::StepModel::ComputeFloor floor = scene_.model.compute_floor(costs);
  floor.all *= rounding;
  floor.input_only *= rounding;
  const double tp_cp = static_cast<double>(layout.tp) * layout.cp;
  const double rank_seconds =
      scene_.sequences_min / layout.micro_batch * floor.all.in_base() * tp_cp;
  const double bound = scene_.objective.bound_of_work(rank_seconds, scene_.objective.ranks_max());
  if (bound > limit()) {
    found_.add_pruned(group_, pruned_by_bound, bound);
    return;
  }
  for (const int pp : scene_.space.pp()) {
    layout.pp = pp;
    layout.dp = 1;
    if (layout.ranks() > scene_.objective.ranks_max()) {
      found_.add_pruned("", layout::reason(Illegal::ranks), 0);
      continue;
    }
    const std::vector<Replicas> replicas =
        promising(replicas_of(layout), layout, floor.all / pp, Seconds{});
    if (replicas.empty()) continue;
    for (const layout::RankOrder order : scene_.space.orders(pp)) {
      layout.order = order;
      for (const PipelineChoice& pipeline : scene_.space.pipelines(pp)) {
        layout.vpp = pipeline.vpp;
        layout.schedule = pipeline.schedule;
        layout.partition = pipeline.partition;
        search_pipeline(layout, costs, floor, replicas);
      }
    }
  }
}

void CutSearch::search_pipeline(Layout layout, const LayerCosts& costs,
                                const cost::StepModel::ComputeFloor& floor,
                                const std::vector<Replicas>& replicas) {
  layout::Shape shape = scene_.model.shape(layout.micro_batch);
  shape.gpus = scene_.objective.ranks_max();
  const auto rule = layout::illegal(layout, shape);
  if (rule && *rule >= Illegal::pp_layers && *rule <= Illegal::vpp_schedule) {
    found_.add_pruned("", layout::reason(*rule), 0);
    return;
  }
  // Of these schedules the other stages' time is idle once a step, 1 / vpp of it; the least of
  // m t + (C - t) / vpp is at t = C / pp.
  const bool waits = layout.schedule == layout::Schedule::one_f_one_b ||
                     layout.schedule == layout::Schedule::interleaved;
  const double idle =
      waits ? scene_.model.numbers().bubble_factor * (1 - 1.0 / layout.pp) / layout.vpp : 0;
  const int longest = layout::longest_chunk(layout, shape.layers);
  for (const RecomputeChoice& recompute : scene_.space.recomputes(longest)) {
    layout.recompute = recompute.recompute;
    layout.recompute_layers = recompute.layers;
    const Seconds all =
        recompute.recompute == layout::Recompute::full ? floor.input_only : floor.all;
    std::vector<Replicas> left = promising(replicas, layout, all / layout.pp, idle * all);
    left = legal_ones(left, layout, shape);
    if (left.empty()) continue;
    const StageCosts stages = scene_.model.stage_costs(costs, layout);
    for (const Replicas& one : left) {
      layout.dp = one.dp;
      Seconds working;
      for (const Training::Phase& phase : training_of(one.training).phases) {
        working += phase.steps * scene_.model.step_floor(stages, layout, phase.global_batch);
      }
      if (promising(layout, working * rounding)) evaluate_all(layout, one, stages);
    }
  }
}

std::vector<CutSearch::Replicas> CutSearch::replicas_of(const Layout& layout) const {
  std::vector<Replicas> all;
  const std::int64_t most = scene_.objective.ranks_max() / layout.ranks();
  const auto& trainings = scene_.objective.trainings();
  for (std::size_t i = 0; i < trainings.size(); ++i) {
    if (trainings[i].legal_batch % layout.micro_batch != 0) continue;
    for (const int dp : scene_.space.dp(most, trainings[i].legal_batch / layout.micro_batch)) {
      all.push_back({static_cast<int>(i), dp});
    }
  }
  return all;
}

bool CutSearch::promising(const Layout& layout, Seconds working) {
  const double now = limit();
  if (now == infinite) return true;
  const std::int64_t ranks = layout.ranks();
  auto ceiling = ceilings_.find(ranks);
  if (ceiling == ceilings_.end()) {
    ceiling = ceilings_.emplace(ranks, scene_.objective.ceiling(ranks)).first;
  }
  const double bound = scene_.objective.bound(working, ceiling->second);
  if (bound <= now) return true;
  found_.add_pruned(group_, pruned_by_bound, bound);
  return false;
}

std::vector<CutSearch::Replicas> CutSearch::promising(const std::vector<Replicas>& replicas,
                                                      Layout layout, Seconds each, Seconds once) {
  std::vector<Replicas> left;
  for (const Replicas& one : replicas) {
    layout.dp = one.dp;
    const double batches = scene_.sequences[static_cast<std::size_t>(one.training)] /
                           (static_cast<double>(layout.micro_batch) * one.dp);
    double steps = 0;
    for (const Training::Phase& phase : training_of(one.training).phases) steps += phase.steps;
    if (promising(layout, batches * each + steps * once)) left.push_back(one);
  }
  return left;
}

std::vector<CutSearch::Replicas> CutSearch::legal_ones(const std::vector<Replicas>& replicas,
                                                       Layout layout, layout::Shape shape) {
  std::vector<Replicas> legal;
  for (const Replicas& one : replicas) {
    layout.dp = one.dp;
    shape.global_batch = training_of(one.training).legal_batch;
    if (const auto rule = layout::illegal(layout, shape)) {
      found_.add_pruned("", layout::reason(*rule), 0);
    } else {
      legal.push_back(one);
    }
  }
  return legal;
}

void CutSearch::evaluate_all(Layout layout, const Replicas& one, const StageCosts& stages) {
  const int replicas = layout.dp * layout.cp;
  auto choices = choices_.find(replicas);
  if (choices == choices_.end()) {
    choices = choices_.emplace(replicas, scene_.space.replicas(replicas)).first;
  }
  const std::int64_t batch = training_of(one.training).largest_batch();
  for (const ReplicaChoice& choice : choices->second) {
    layout.zero_stage = choice.zero_stage;
    layout.shard = choice.shard;
    layout.offload_optimizer = choice.offload_optimizer;
    layout.offload_activations = choice.offload_activations;
    if (!scene_.exhaustive) {
      const cost::StepCost memory = scene_.model.memory_only(stages, layout, batch);
      if (!scene_.model.fits(memory)) {
        found_.add_too_big({infinite, memory.memory_max.in_base(), one.training, layout});
        continue;
      }
    }
    evaluate(layout, one.training, stages);
  }
}

void CutSearch::evaluate(const Layout& layout, int training, const StageCosts& stages) {
  const Outcome outcome = scene_.objective.outcome(stages, layout, training_of(training));
  ++found_.searched;
  const double memory = outcome.step.memory_max.in_base();
  if (scene_.count_distinct) {
    found_.points.push_back(point_of(outcome.step.time.in_base(), memory));
  }
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

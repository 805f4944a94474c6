#include "plan/search.hpp"

#include <algorithm>
#include <bit>
#include <set>

#include <fmt/format.h>

#include "layout/pipeline.hpp"
#include "plan/found.hpp"

namespace celere::plan {
namespace {

using cost::LayerCosts;
using cost::LayerSplit;
using cost::StageCosts;
using layout::Illegal;
using layout::Layout;

constexpr int cuts_a_round = 8;
constexpr double rounding = 1 - 1e-9;  // a bound is computed in another order than what it bounds
const char* const slower = "cannot be better than what was found";
const char* const too_big_for_one = "a micro-batch does not fit";

// What all parts of a search read.
struct Scene {
  const cost::StepModel& model;
  const Objective& objective;
  const Space& space;
  const SearchOptions& options;
  std::vector<int> micro_batches;  // that divide the batch of a training
  std::vector<double> sequences;   // of each training in all
  double sequences_min = 0;
};

// A training and a degree of data parallelism that it allows.
struct Replicas {
  int training;
  int dp;
};

std::uint64_t point_of(double time, double memory) {
  // The finalizer of SplitMix64 over both; distinct points collide with a chance of 2^-64 each
  // pair.
  std::uint64_t x = std::bit_cast<std::uint64_t>(time) * 0x9e3779b97f4a7c15ull +
                    std::bit_cast<std::uint64_t>(memory);
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

// The subtree of one cut (tp, sp, cp, method).
class CutSearch {
 public:
  CutSearch(const Scene& scene, double limit)
      : scene_(scene), limit_(limit), found_(scene.options.best, scene.options.pareto_slack) {}

  Found search(const Layout& cut) {
    group_ = fmt::format("tp = {}", cut.tp);
    layout::Shape shape = scene_.model.shape(1);
    shape.gpus = scene_.objective.ranks_max();
    if (const auto rule = layout::illegal(cut, shape);
        rule && (*rule <= Illegal::cp_heads || *rule == Illegal::ranks)) {
      found_.add_pruned("", layout::reason(*rule), 0);
      return std::move(found_);
    }
    for (const int micro_batch : scene_.micro_batches) {
      if (!search_micro_batch(cut, micro_batch)) break;
    }
    return std::move(found_);
  }

 private:
  double limit() const {
    return scene_.options.exhaustive ? infinite : std::min(limit_, found_.limit());
  }

  bool search_micro_batch(Layout layout, int micro_batch) {
    layout.micro_batch = micro_batch;
    for (const int ep : scene_.space.ep()) {
      for (const int etp : scene_.space.etp()) {
        layout.ep = ep;
        layout.etp = etp;
        layout.dp = ep * etp;  // so that the experts fold, whatever dp will be
        const auto rule = layout::illegal(layout, scene_.model.shape(layout.dp * micro_batch));
        layout.dp = 1;
        if (rule && *rule < Illegal::expert_fold) {
          found_.add_pruned("", layout::reason(*rule), 0);
          continue;
        }
        const LayerCosts costs = scene_.model.layer_costs(LayerSplit::of(layout));
        if (!scene_.options.exhaustive && !fits_alone(costs)) {
          // Memory grows with the micro-batch; with ep = etp = 1 a larger one cannot fit either.
          found_.add_pruned(group_, too_big_for_one, 0);
          if (ep == scene_.space.ep().front() && etp == scene_.space.etp().front() &&
              scene_.space.ep().size() == 1) {
            return false;
          }
          continue;
        }
        search_split(layout, costs);
      }
    }
    return true;
  }

  // Whether one layer's working space and the input it keeps fit beside nothing else.
  bool fits_alone(const LayerCosts& costs) const {
    Bytes need = costs.head.working;
    for (const cost::LayerCost& kind : costs.kinds) {
      need = max(need,
                 kind.working + kind.activations[static_cast<std::size_t>(cost::Keep::input_only)]);
    }
    return need <= scene_.model.numbers().memory;
  }

  void search_split(Layout layout, const LayerCosts& costs) {
    const Seconds compute = scene_.model.compute_total(costs) * rounding;
    const double tp_cp = static_cast<double>(layout.tp) * layout.cp;
    const double rank_seconds =
        scene_.sequences_min / layout.micro_batch * compute.in_base() * tp_cp;
    const double bound = scene_.objective.bound_of_work(rank_seconds, scene_.objective.ranks_max());
    if (bound > limit()) {
      found_.add_pruned(group_, slower, bound);
      return;
    }
    for (const int pp : scene_.space.pp()) {
      layout.pp = pp;
      if (layout.ranks() > scene_.objective.ranks_max()) {
        found_.add_pruned("", layout::reason(Illegal::ranks), 0);
        continue;
      }
      std::vector<Replicas> replicas = replicas_of(layout);
      keep_promising(replicas, layout, compute / pp);
      if (replicas.empty()) continue;
      for (const layout::RankOrder order : scene_.space.orders(pp)) {
        layout.order = order;
        for (const PipelineChoice& pipeline : scene_.space.pipelines(pp)) {
          search_pipeline(layout, pipeline, costs, replicas);
        }
      }
    }
  }

  std::vector<Replicas> replicas_of(const Layout& layout) const {
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

  // Drops those whose time is above the limit even if every micro-batch takes no longer than
  // `least`.
  void keep_promising(std::vector<Replicas>& replicas, Layout layout, Seconds least) {
    const double now = limit();
    if (now == infinite) return;
    std::erase_if(replicas, [&](const Replicas& r) {
      layout.dp = r.dp;
      const double batches = scene_.sequences[static_cast<std::size_t>(r.training)] /
                             (static_cast<double>(layout.micro_batch) * r.dp);
      const double bound =
          scene_.objective.bound(batches * least * rounding, goodput(layout.ranks()));
      if (bound <= now) return false;
      found_.add_pruned(group_, slower, bound);
      return true;
    });
  }

  Objective::Ceiling goodput(std::int64_t ranks) {
    const auto known = ceilings_.find(ranks);
    if (known != ceilings_.end()) return known->second;
    return ceilings_.emplace(ranks, scene_.objective.ceiling(ranks)).first->second;
  }

  void search_pipeline(Layout layout, const PipelineChoice& pipeline, const LayerCosts& costs,
                       const std::vector<Replicas>& replicas) {
    layout.vpp = pipeline.vpp;
    layout.schedule = pipeline.schedule;
    layout.partition = pipeline.partition;
    layout::Shape shape = scene_.model.shape(layout.micro_batch);
    shape.gpus = scene_.objective.ranks_max();
    if (const auto rule = layout::illegal(layout, shape);
        rule && *rule >= Illegal::pp_layers && *rule <= Illegal::vpp_schedule) {
      found_.add_pruned("", layout::reason(*rule), 0);
      return;
    }
    const int longest = layout::longest_chunk(layout, shape.layers);
    for (const RecomputeChoice& recompute : scene_.space.recomputes(longest)) {
      layout.recompute = recompute.recompute;
      layout.recompute_layers = recompute.layers;
      std::vector<Replicas> legal = legal_ones(replicas, layout, shape);
      if (legal.empty()) continue;
      const StageCosts stages = scene_.model.stage_costs(costs, layout);
      keep_promising(legal, layout,
                     stages.profiles[static_cast<std::size_t>(stages.slowest)].times.total());
      for (const Replicas& one : legal) evaluate_all(layout, one, stages);
    }
  }

  std::vector<Replicas> legal_ones(const std::vector<Replicas>& replicas, Layout layout,
                                   layout::Shape shape) {
    std::vector<Replicas> legal;
    for (const Replicas& one : replicas) {
      layout.dp = one.dp;
      if (one.dp == 1 && layout.order != layout::RankOrder::tp_cp_dp_pp)
        continue;  // both orders are one
      shape.global_batch =
          scene_.objective.trainings()[static_cast<std::size_t>(one.training)].legal_batch;
      const auto rule = layout::illegal(layout, shape);
      if (!rule) {
        legal.push_back(one);
      } else {
        found_.add_pruned("", layout::reason(*rule), 0);
      }
    }
    return legal;
  }

  void evaluate_all(Layout layout, const Replicas& one, const StageCosts& stages) {
    layout.dp = one.dp;
    const Training& training = scene_.objective.trainings()[static_cast<std::size_t>(one.training)];
    for (const ReplicaChoice& choice : scene_.space.replicas(layout.dp * layout.cp)) {
      layout.zero_stage = choice.zero_stage;
      layout.shard = choice.shard;
      layout.offload_optimizer = choice.offload_optimizer;
      layout.offload_activations = choice.offload_activations;
      const Outcome outcome = scene_.objective.outcome(stages, layout, training);
      ++found_.searched;
      const double memory = outcome.step.memory_max.in_base();
      if (scene_.options.count_distinct) {
        found_.points.push_back(point_of(outcome.step.time.in_base(), memory));
      }
      const Candidate candidate{outcome.objective, memory, one.training, layout};
      if (!scene_.model.fits(outcome.step)) {
        found_.add_too_big(candidate);
      } else if (!scene_.objective.within_budget(outcome)) {
        found_.add_pruned("", "limits.budget", candidate.objective);
      } else {
        found_.add(candidate);
      }
    }
  }

  static constexpr double infinite = std::numeric_limits<double>::infinity();
  const Scene& scene_;
  double limit_;
  Found found_;
  std::string group_;
  std::map<std::int64_t, Objective::Ceiling> ceilings_;
};

Scene scene_of(const cost::StepModel& model, const Objective& objective, const Space& space,
               const SearchOptions& options) {
  Scene scene{model, objective, space, options, {}, {}, 0};
  std::set<int> micro_batches;
  for (const Training& training : objective.trainings()) {
    for (const int divisor : space.micro_batches(training.legal_batch))
      micro_batches.insert(divisor);
    double sequences = 0;
    for (const Training::Phase& phase : training.phases) {
      sequences += phase.steps * static_cast<double>(phase.global_batch);
    }
    scene.sequences.push_back(sequences);
  }
  scene.micro_batches.assign(micro_batches.begin(), micro_batches.end());
  scene.sequences_min = *std::min_element(scene.sequences.begin(), scene.sequences.end());
  return scene;
}

Outcome outcome_of(const Scene& scene, const Candidate& candidate) {
  const StageCosts stages = scene.model.stage_costs(
      scene.model.layer_costs(LayerSplit::of(candidate.layout)), candidate.layout);
  return scene.objective.outcome(
      stages, candidate.layout,
      scene.objective.trainings()[static_cast<std::size_t>(candidate.training)]);
}

Answer answer_of(const Scene& scene, const Found& found) {
  Answer answer;
  answer.searched = found.searched;
  for (const Candidate& candidate : found.best())
    answer.best.push_back(outcome_of(scene, candidate));
  if (!found.best().empty()) {
    for (const Candidate& candidate : found.pareto())
      answer.pareto.push_back(outcome_of(scene, candidate));
  }
  for (const auto& [tp, candidate] : found.best_by_tp()) {
    answer.best_by_tp.push_back(outcome_of(scene, candidate));
  }
  for (const auto& [key, reason] : found.pruned()) {
    Pruned pruned;
    pruned.group = key.first;
    pruned.reason = key.second;
    pruned.count = reason.count;
    pruned.unit = "groups";
    pruned.bound = key.second == slower ? reason.bound : 0;
    answer.pruned.push_back(pruned);
  }
  if (found.too_big() > 0) {
    Pruned pruned;
    pruned.reason = "does not fit into memory";
    pruned.count = found.too_big();
    pruned.unit = "layouts";
    pruned.need = Bytes::of(found.smallest().memory);
    answer.pruned.push_back(pruned);
    if (found.best().empty()) answer.nearest = outcome_of(scene, found.smallest());
  }
  return answer;
}

}  // namespace

Answer search(const cost::StepModel& model, const Objective& objective, const Space& space,
              const SearchOptions& options, ThreadPool& threads) {
  const Scene scene = scene_of(model, objective, space, options);
  const std::vector<Layout>& cuts = space.dense_splits();
  Found found(options.best, options.pareto_slack);
  std::vector<std::uint64_t> points;
  for (std::size_t from = 0; from < cuts.size(); from += cuts_a_round) {
    const std::size_t count = std::min<std::size_t>(cuts_a_round, cuts.size() - from);
    std::vector<Found> parts(count, Found(options.best, options.pareto_slack));
    threads.for_each_index(count, [&](std::size_t i) {
      parts[i] = CutSearch(scene, found.limit()).search(cuts[from + i]);
    });
    for (const Found& part : parts) {
      found.merge(part);
      points.insert(points.end(), part.points.begin(), part.points.end());
    }
    if (options.count_distinct) {
      std::sort(points.begin(), points.end());
      points.erase(std::unique(points.begin(), points.end()), points.end());
    }
  }
  Answer answer = answer_of(scene, found);
  answer.distinct = static_cast<std::int64_t>(points.size());
  return answer;
}

}  // namespace celere::plan

#include "plan/scene.hpp"

#include <algorithm>
#include <limits>
#include <set>

#include "base/check.hpp"

namespace celere::plan {
namespace {

constexpr double infinite = std::numeric_limits<double>::infinity();

template <typename T>
std::size_t place_in(const std::vector<T>& ascending, const T& value) {
  const auto found = std::lower_bound(ascending.begin(), ascending.end(), value);
  CHECK(found != ascending.end() && *found == value);
  return static_cast<std::size_t>(found - ascending.begin());
}

}  // namespace

double idle_share(const PipelineChoice& pipeline, double bubble_factor) {
  const bool waits = pipeline.schedule == layout::Schedule::one_f_one_b ||
                     pipeline.schedule == layout::Schedule::interleaved;
  return waits ? std::min(1.0, bubble_factor / pipeline.vpp) : 0;
}

Scene::Scene(const cost::StepModel& model, const Objective& objective, const Space& space,
             const Options& options, ThreadPool& threads)
    : model_(model), objective_(objective), space_(space), options_(options) {
  pp_ = space_.pp();
  std::sort(pp_.begin(), pp_.end());
  add_trainings();
  add_pipelines();
  fill_goodput(threads);
  fill_least(threads);
}

void Scene::add_trainings() {
  std::set<int> micro_batches;
  for (const Training& training : objective_.trainings()) {
    for (const int divisor : space_.micro_batches(training.legal_batch)) {
      micro_batches.insert(divisor);
    }
  }
  micro_batches_.assign(micro_batches.begin(), micro_batches.end());
  for (const Training& training : objective_.trainings()) {
    PerTraining& per = trainings_.emplace_back();
    for (const Training::Phase& phase : training.phases) {
      per.sequences += phase.steps * static_cast<double>(phase.global_batch);
      per.steps += phase.steps;
    }
    for (const int micro_batch : micro_batches_) {
      std::vector<int>& degrees = per.dp.emplace_back();
      if (training.legal_batch % micro_batch == 0) {
        degrees = space_.dp(training.legal_batch / micro_batch);
      }
    }
  }
}

// With one replica and 2 pp micro-batches only the rules about stages and chunks can be broken.
void Scene::add_pipelines() {
  const int layers = model_.setting().model.layers;
  for (const int pp : pp_) {
    std::vector<Pipeline>& of_pp = pipelines_.emplace_back();
    layout::Shape shape = model_.shape(2 * std::int64_t{pp});
    shape.gpus = pp;
    for (const PipelineChoice& choice : space_.pipelines(pp)) {
      layout::Layout layout;
      layout.pp = pp;
      layout.vpp = choice.vpp;
      layout.schedule = choice.schedule;
      layout.partition = choice.partition;
      if (const auto rule = layout::illegal(layout, shape)) {
        illegal_[*rule].add({.count = 1, .example = layout::explain(*rule, layout, shape)});
        continue;
      }
      Pipeline pipeline{.choice = choice,
                        .kinds = model_.stage_kinds(layout),
                        .layers_of_longest_stage = 0,
                        .idle_share = idle_share(choice, model_.numbers().bubble_factor)};
      const double share = choice.schedule == layout::Schedule::dual_pipe ? 0.5 : 1;
      for (const cost::StageKind& kind : pipeline.kinds) {
        pipeline.layers_of_longest_stage =
            std::max(pipeline.layers_of_longest_stage, share * kind.holding.layers_in_all());
      }
      CHECK(pp * pipeline.layers_of_longest_stage >= layers);
      of_pp.push_back(std::move(pipeline));
    }
  }
}

std::size_t Scene::place_of(int pp) const { return place_in(pp_, pp); }

const std::vector<Pipeline>& Scene::pipelines(int pp) const { return pipelines_[place_of(pp)]; }

double Scene::layers_of_longest_stage(int pp) const {
  double least = infinite;
  for (const Pipeline& pipeline : pipelines(pp)) {
    least = std::min(least, pipeline.layers_of_longest_stage);
  }
  return least;
}

void Scene::fill_goodput(ThreadPool& threads) {
  const int per_node = model_.setting().cluster.gpus_per_node;
  const std::int64_t nodes = (objective_.ranks_max() + per_node - 1) / per_node;
  goodput_max_.resize(static_cast<std::size_t>(nodes) + 1, 1);
  const std::size_t parts = 64;
  threads.for_each_index(parts, [&](std::size_t part) {
    for (std::size_t i = part; i < goodput_max_.size(); i += parts) {
      if (i == 0) continue;
      goodput_max_[i] = objective_.goodput_max(static_cast<std::int64_t>(i), options_.limit);
    }
  });
}

void Scene::fill_least(ThreadPool& threads) {
  std::set<std::int64_t> products;
  for (const layout::Layout& cut : space_.dense_splits()) {
    products.insert(std::int64_t{cut.tp} * cut.cp);
  }
  tp_cp_.assign(products.begin(), products.end());
  const std::size_t row = pp_.size() * micro_batches_.size();
  least_.resize(tp_cp_.size() * row);
  threads.for_each_index(tp_cp_.size() * pp_.size(), [&](std::size_t i) {
    const int pp = pp_[i % pp_.size()];
    for (std::size_t place = 0; place < micro_batches_.size(); ++place) {
      const std::int64_t ranks_each = tp_cp_[i / pp_.size()] * pp;
      least_[i * micro_batches_.size() + place] = least_of(ranks_each, pp, place);
    }
  });
}

Objective::Ceiling Scene::ceiling(std::int64_t ranks) const {
  const int per_node = model_.setting().cluster.gpus_per_node;
  const auto nodes = static_cast<std::size_t>((ranks + per_node - 1) / per_node);
  return {.ranks = ranks, .goodput = goodput_max_[nodes], .stretch = model_.stretch(ranks)};
}

Replicas Scene::replicas(int training, int dp, int micro_batch, std::int64_t ranks_each) const {
  const PerTraining& per = trainings_[static_cast<std::size_t>(training)];
  const double each = static_cast<double>(micro_batch) * dp;
  return {.training = training,
          .dp = dp,
          .sequences_each = each,
          .batches = per.sequences / each,
          .steps = per.steps,
          .ceiling = ceiling(ranks_each * dp)};
}

// Interleaving needs micro-batches in multiples of pp.
Scene::Least Scene::least_of(std::int64_t ranks_each, int pp, std::size_t micro_batch_place) const {
  const int micro_batch = micro_batches_[micro_batch_place];
  double idle = infinite, idle_plain = infinite;
  for (const PipelineChoice& pipeline : space_.pipelines(pp)) {
    const double share = idle_share(pipeline, model_.numbers().bubble_factor);
    idle = std::min(idle, share);
    if (pipeline.schedule != layout::Schedule::interleaved)
      idle_plain = std::min(idle_plain, share);
  }
  Least least{.even = infinite, .uneven = infinite, .beside = infinite};
  for (int i = 0; i < static_cast<int>(trainings_.size()); ++i) {
    for (const int dp : this->dp(i, micro_batch_place)) {
      if (ranks_each * dp > objective_.ranks_max()) break;
      const Replicas one = replicas(i, dp, micro_batch, ranks_each);
      const std::int64_t batches = training(i).legal_batch / (std::int64_t{dp} * micro_batch);
      const double share = batches % pp == 0 ? idle : idle_plain;
      if (share == infinite) continue;
      const auto bound_of = [&](double seconds) {
        return objective_.bound(Seconds::of(seconds) * one.ceiling.stretch, one.ceiling);
      };
      const Seconds overhead = one.steps * model_.numbers().step_overhead;
      least.even = std::min(least.even, bound_of(one.batches + one.steps * share * (pp - 1)));
      least.uneven = std::min(least.uneven, bound_of(one.batches - one.steps * share));
      least.beside = std::min(least.beside, bound_of(overhead.in_base()));
    }
  }
  return least;
}

const Scene::Least& Scene::least(std::int64_t tp_cp, int pp, std::size_t micro_batch_place) const {
  const std::size_t pipeline = place_in(tp_cp_, tp_cp) * pp_.size() + place_of(pp);
  return least_[pipeline * micro_batches_.size() + micro_batch_place];
}

}  // namespace celere::plan

#include "plan/objective.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "cost/batch.hpp"
#include "layout/replicas.hpp"

namespace celere::plan {
namespace {

constexpr double rounding = 1 - 1e-9;  // a bound is computed in another order than what it bounds
constexpr Seconds endless = Seconds::of(1e18);
constexpr double spare_share =
    0.01;  // of the ranks, where the run does not say: as far as GPUs are left over

std::vector<Training> trainings_of(const spec::Run& run, Tokens tokens) {
  std::optional<Tokens> critical;
  if (run.critical_batch && run.critical_batch->known()) critical = *run.critical_batch->value;
  std::vector<Training> trainings;
  const auto add = [&](const std::vector<spec::BatchPhase>& phases) {
    Training training;
    for (const cost::BatchSteps& steps : cost::ramp_steps(phases, run.sequence, tokens, critical)) {
      training.phases.push_back({.global_batch = steps.global_batch, .steps = steps.steps});
      training.legal_batch = std::gcd(training.legal_batch, steps.global_batch);
      training.tokens += steps.tokens;
    }
    trainings.push_back(std::move(training));
  };
  if (run.batch.kind == spec::BatchKind::range) {
    for (const std::int64_t batch : cost::searched_batches(run.batch.low, run.batch.high)) {
      add({{.from = Tokens{}, .sequences = batch}});
    }
  } else {
    add(run.batch.phases);
  }
  return trainings;
}

template <typename T>
std::optional<T> value_of(Result<T> result) {
  if (!result.ok()) return std::nullopt;
  return *std::move(result);
}

}  // namespace

std::int64_t Training::largest_batch() const {
  std::int64_t largest = 0;
  for (const Phase& phase : phases) largest = std::max(largest, phase.global_batch);
  return largest;
}

Result<Objective> Objective::of(const spec::Run& run, const cost::StepModel& model, Tokens tokens) {
  const spec::Cluster& cluster = model.setting().cluster;
  Objective objective;
  objective.run_ = &run;
  objective.model_ = &model;
  objective.trainings_ = trainings_of(run, tokens);
  objective.gpus_ = model.setting().gpus;
  objective.ranks_max_ = objective.gpus_ - run.spares.value_or(0);
  if (auto known = cost::failures_of(cluster, 1, Seconds{}, Bytes{}); !known.ok()) {
    return known.error();
  }

  const Result<Dollars> dollars = cost::dollars_of(cluster, 1, 1_s);
  if (!dollars.ok()) {
    if (run.goal == spec::Goal::cost || run.limits.budget) return dollars.error();
    objective.dollars_unknown_ = dollars.error().message;
  }
  const Result<Joules> energy = cost::energy_of(cluster, 1, 1_s);
  if (!energy.ok() && (run.goal == spec::Goal::energy || run.limits.power)) return energy.error();
  if (run.limits.power) {
    const auto powered =
        static_cast<std::int64_t>(*run.limits.power / *cluster.power_per_gpu.value);
    objective.ranks_max_ = std::min(objective.ranks_max_, powered);
  }
  return objective;
}

std::int64_t Objective::spares_of(std::int64_t ranks) const {
  if (run_->spares) return *run_->spares;
  const auto wanted =
      static_cast<std::int64_t>(std::ceil(spare_share * static_cast<double>(ranks)));
  std::int64_t available = gpus_ - ranks;
  if (run_->limits.power) available = std::min(available, ranks_max_ - ranks);
  return std::max<std::int64_t>(0, std::min(wanted, available));
}

// Objective::of saw that all of it is known.
cost::FailureModel Objective::failures(std::int64_t ranks, Seconds working) const {
  // A copy in a neighbour's memory need not wait until storage has taken the last one.
  const Bytes written = run_->checkpoint.memory_copy ? Bytes{} : model_->checkpoint_bytes();
  return *cost::failures_of(model_->setting().cluster, ranks, working, written);
}

double Objective::without_replica(const cost::FailureModel& failures, Seconds every,
                                  int replicas) const {
  const spec::FailureFacts& facts = model_->setting().cluster.failures;
  return cost::useful_share_without_replica(failures, every,
                                            {.pause = *facts.detect.value + *facts.restart.value,
                                             .replace = *facts.replace.value,
                                             .replicas = replicas});
}

// As the run file has it, a count of steps by the mean time of a step, but no faster than storage
// takes them; the best one where the step's time is not known: no count of steps has a greater
// share.
Seconds Objective::checkpoint_interval(const cost::FailureModel& failures,
                                       std::optional<Seconds> step) const {
  if (run_->checkpoint.every) return *run_->checkpoint.every;
  if (run_->checkpoint.every_steps && step) {
    return std::max(*step * static_cast<double>(*run_->checkpoint.every_steps),
                    failures.least_interval);
  }
  return cost::best_interval(failures);
}

Outcome Objective::outcome(const cost::StageCosts& costs, const layout::Layout& layout,
                           const Training& training) const {
  const cost::StepModel& model = *model_;
  Outcome out;
  out.layout = layout;
  out.global_batch = training.largest_batch();
  out.tokens = training.tokens;
  for (const Training::Phase& phase : training.phases) {
    const cost::StepCost step = model.cost(costs, layout, phase.global_batch);
    out.steps += phase.steps;
    out.working += phase.steps * step.time;
    if (phase.global_batch == out.global_batch) out.step = step;
  }
  const std::int64_t ranks = layout.ranks();
  cost::FailureModel model_of_failures = failures(ranks, out.working);
  model_of_failures.blocking +=
      model.checkpoint_share(costs, layout) / model.numbers().host_bandwidth;
  out.checkpoint_every = checkpoint_interval(model_of_failures, out.working / out.steps);
  const int per_node = model.setting().cluster.gpus_per_node;
  if (run_->on_lost_replica == spec::LostReplica::go_on &&
      layout::replicas_lost_alone(layout, per_node)) {
    out.goodput = without_replica(model_of_failures, out.checkpoint_every, layout.dp);
  } else {
    out.goodput = cost::useful_share(model_of_failures, out.checkpoint_every);
  }
  out.wall = out.working / out.goodput;
  out.spares = spares_of(ranks);
  out.dollars = value_of(cost::dollars_of(model.setting().cluster, ranks + out.spares, out.wall));
  out.energy = value_of(cost::energy_of(model.setting().cluster, ranks + out.spares, out.wall));
  switch (run_->goal) {
    case spec::Goal::time:
      out.objective = out.wall.in_base();
      break;
    case spec::Goal::cost:
      out.objective = out.dollars->in_base();
      break;
    case spec::Goal::energy:
      out.objective = out.energy->in_base();
      break;
  }
  return out;
}

// The longest that so many ranks may be busy within `limit`.
Seconds Objective::wall_within(double limit, std::int64_t ranks) const {
  const spec::Cluster& cluster = model_->setting().cluster;
  switch (run_->goal) {
    case spec::Goal::time:
      return Seconds::of(limit);
    case spec::Goal::cost:
      return Seconds::of(limit / cost::dollars_of(cluster, ranks, 1_s)->in_base());
    case spec::Goal::energy:
      return Seconds::of(limit / cost::energy_of(cluster, ranks, 1_s)->in_base());
  }
  return {};
}

// The state that a rank saves is at least the mean of all, and machines are young for at least the
// share of the training that they are within the limit: it works for at most goodput times that.
double Objective::goodput_max(std::int64_t nodes, double limit) const {
  const int per_node = model_->setting().cluster.gpus_per_node;
  const std::int64_t most = nodes * per_node;
  const Seconds wall = wall_within(limit, most - per_node + 1);
  double goodput = 1;
  for (int i = 0; i < 2; ++i) {
    cost::FailureModel least = failures(most, wall * goodput);
    least.blocking += model_->checkpoint_bytes() / static_cast<double>(most) /
                      model_->numbers().host_bandwidth * rounding;
    const Seconds every = checkpoint_interval(least, {});
    goodput = cost::useful_share(least, every);
    if (run_->on_lost_replica == spec::LostReplica::go_on) {
      // At most so many replicas as there are ranks. This share only grows with the interval: where
      // it is counted in steps, which are not known here, it is taken as endless.
      const Seconds longest = run_->checkpoint.every_steps ? endless : every;
      goodput = std::max(goodput, without_replica(least, longest, static_cast<int>(most)));
    }
    goodput = std::min(1.0, goodput / rounding);
  }
  return goodput;
}

double Objective::bound(Seconds working, const Ceiling& ceiling) const {
  const Seconds wall = working / ceiling.goodput;
  const std::int64_t ranks = ceiling.ranks;
  switch (run_->goal) {
    case spec::Goal::time:
      return wall.in_base();
    case spec::Goal::cost:
      return cost::dollars_of(model_->setting().cluster, ranks, wall)->in_base();
    case spec::Goal::energy:
      return cost::energy_of(model_->setting().cluster, ranks, wall)->in_base();
  }
  return 0;
}

// Money and energy grow with ranks x time alone; time is least with all ranks.
double Objective::bound_of_work(double rank_seconds, std::int64_t ranks_max) const {
  const spec::Cluster& cluster = model_->setting().cluster;
  switch (run_->goal) {
    case spec::Goal::time:
      return rank_seconds / static_cast<double>(ranks_max);
    case spec::Goal::cost:
      return cost::dollars_of(cluster, 1, Seconds::of(rank_seconds))->in_base();
    case spec::Goal::energy:
      return cost::energy_of(cluster, 1, Seconds::of(rank_seconds))->in_base();
  }
  return 0;
}

bool Objective::within_budget(const Outcome& outcome) const {
  return !run_->limits.budget || (outcome.dollars && *outcome.dollars <= *run_->limits.budget);
}

}  // namespace celere::plan

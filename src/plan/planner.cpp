#include "plan/planner.hpp"

#include <fmt/format.h>

#include <cmath>

#include "base/check.hpp"
#include "base/written_units.hpp"
#include "cost/batch.hpp"
#include "plan/found.hpp"
#include "spec/scaled_model.hpp"

namespace celere::plan {
namespace {

Result<cost::Setting> setting_of(const spec::Run& run, const spec::Catalog& catalog) {
  cost::Setting setting;
  ASSIGN_OR_RETURN(setting.model, spec::model_of(run, catalog));
  ASSIGN_OR_RETURN(setting.cluster,
                   catalog.cluster(run.cluster_name).during(run.place_of("cluster.use")));
  ASSIGN_OR_RETURN(setting.chip, catalog.chip(setting.cluster.chip));
  const std::string stack = run.stack_name.empty() ? setting.cluster.stack : run.stack_name;
  ASSIGN_OR_RETURN(setting.stack, catalog.stack(stack));
  setting.precision = run.precision;
  if (run.precision_auto) {
    ASSIGN_OR_RETURN(
        setting.precision,
        spec::measured_precision(setting.chip).during(run.place_of("train.precision")));
  }
  setting.optimizer = run.optimizer;
  setting.sequence = run.sequence;
  setting.gpus = run.gpus.value_or(setting.cluster.gpus);
  setting.expert_imbalance = run.expert_imbalance.value_or(1);
  if (setting.gpus > setting.cluster.tiers.back().gpus) {
    return bad_input(fmt::format("{} = {} is more than {} has ({})", run.place_of("cluster.gpus"),
                                 setting.gpus, run.cluster_name,
                                 setting.cluster.tiers.back().gpus));
  }
  if (setting.model.context > 0 && run.sequence > setting.model.context &&
      setting.model.position == spec::Position::learned) {
    return bad_input(fmt::format("{} = {} is longer than the {} learned positions of {}",
                                 run.place_of("train.sequence"), run.sequence,
                                 setting.model.context, setting.model.name));
  }
  return setting;
}

// The limits that no layout changes.
std::optional<Infeasible> beyond_limits(const spec::Run& run, const cost::Setting& setting) {
  const auto exceeds = [](const std::optional<Watts>& limit, const spec::Fact<Watts>& need,
                          double count) {
    return limit && need.known() && *need.value * count > *limit;
  };
  if (exceeds(run.limits.power_per_gpu, setting.chip.power, 1)) {
    return Infeasible{"limits.power_per_gpu",
                      written(*setting.chip.power.value) + " (" + setting.chip.title + ")",
                      written(*run.limits.power_per_gpu)};
  }
  if (exceeds(run.limits.power_per_rack, setting.cluster.power_per_gpu, run.gpus_per_rack)) {
    return Infeasible{"limits.power_per_rack",
                      fmt::format("{} for {} GPUs",
                                  written(*setting.cluster.power_per_gpu.value * run.gpus_per_rack),
                                  run.gpus_per_rack),
                      written(*run.limits.power_per_rack)};
  }
  return std::nullopt;
}

std::optional<Infeasible> why_nothing(const Plan& plan) {
  if (!plan.answer.best.empty()) return std::nullopt;
  if (plan.answer.nearest) {
    const Outcome& nearest = *plan.answer.nearest;
    if (nearest.step.memory_max > plan.model->numbers().memory) {
      return Infeasible{"memory of a GPU",
                        fmt::format("{}, with {}", written(nearest.step.memory_max),
                                    layout::written(nearest.layout)),
                        written(plan.model->numbers().memory)};
    }
    return Infeasible{"memory of a host",
                      fmt::format("{} a GPU, with {}", written(nearest.step.host_max),
                                  layout::written(nearest.layout)),
                      "see the cluster's host_memory"};
  }
  for (const Pruned& pruned : plan.answer.pruned) {
    if (pruned.reason == pruned_by_budget) {
      return Infeasible{"limits.budget", "every layout that fits costs more",
                        written(*plan.run.limits.budget)};
    }
  }
  return Infeasible{
      "what is legal",
      fmt::format("no layout with these degrees is: {}", fmt::join(plan.answer.blocking, "; ")),
      fmt::format("{} GPUs", plan.model->setting().gpus)};
}

// The step by the software's record; the tokens by the critical batch at the best batch; goodput by
// the failure rate.
void add_spreads(Plan& plan) {
  const cost::Setting& setting = plan.model->setting();
  const spec::StackSpread& spread = setting.stack.spread;
  const bool experts = setting.model.experts.has_value();
  const spec::Fact<double>& low = spread.low(experts);
  const spec::Fact<double>& high = spread.high(experts);
  CHECK(low.known() && high.known());  // make_plan asks for them
  plan.step_spread = {.low = *low.value, .high = *high.value};
  if (plan.answer.best.empty()) {
    plan.wall_spread = plan.step_spread;
    return;
  }
  const Outcome& best = plan.answer.best.front();
  if (plan.run.critical_batch && plan.run.critical_batch->known()) {
    const spec::Fact<Tokens>& critical = *plan.run.critical_batch;
    const Tokens batch =
        Tokens::of(static_cast<double>(best.global_batch) * static_cast<double>(plan.run.sequence));
    const auto tokens_at = [&](Tokens of) { return cost::tokens_at_batch(plan.tokens, batch, of); };
    plan.tokens_spread = {.low = tokens_at(critical.high) / tokens_at(*critical.value),
                          .high = tokens_at(critical.low) / tokens_at(*critical.value)};
  }
  // To first order the loss 1 - goodput grows with the square root of the rate (Young 1974).
  const spec::Fact<PerSecond>& rate = setting.cluster.failures.per_node;
  const double loss = 1 - best.goodput;
  const auto goodput_at = [&](double ratio) { return std::max(0.01, 1 - loss * std::sqrt(ratio)); };
  const Spread failures = {.low = best.goodput / goodput_at(rate.low / *rate.value),
                           .high = best.goodput / goodput_at(rate.high / *rate.value)};
  plan.wall_spread = combined(combined(plan.step_spread, plan.tokens_spread), failures);
}

void add_assumptions(Plan& plan) {
  const cost::Setting& setting = plan.model->setting();
  auto& list = plan.assumptions;
  list.push_back(fmt::format("software: {} ({})", setting.stack.title, setting.stack.name));
  if (setting.model.grade == spec::Grade::assumption) {
    list.push_back(fmt::format("model {}: {}", setting.model.name, setting.model.source));
  }
  if (plan.run.critical_batch) {
    list.push_back(fmt::format(
        "critical batch {} (grade {}): {}",
        plan.run.critical_batch->known() ? written(*plan.run.critical_batch->value) : "unknown",
        spec::name_of(plan.run.critical_batch->grade), plan.run.critical_batch->source));
  } else {
    list.push_back("critical batch unknown: the tokens do not depend on the batch");
  }
  if (setting.model.experts && !plan.run.expert_imbalance) {
    list.push_back("experts share the tokens evenly: train.expert_imbalance is not given");
  }
  const spec::Fact<PerSecond>& rate = setting.cluster.failures.per_node;
  if (rate.known()) {
    list.push_back(fmt::format("failures {} a node (grade {}): {}", written(*rate.value),
                               spec::name_of(rate.grade), rate.source));
  }
  const auto offloads = [](const Outcome& one) {
    return one.layout.offload_activations || one.layout.offload_optimizer;
  };
  if (!plan.answer.best.empty() && offloads(plan.answer.best.front())) {
    list.push_back(
        "offloading to the host hides behind compute as far as the link carries it; what software "
        "loses on the way is not published (offload_activations = false in [layout] forbids it)");
  }
  if (plan.objective->dollars_unknown()) list.push_back(*plan.objective->dollars_unknown());
  if (!setting.cluster.note.empty())
    list.push_back(fmt::format("{}: {}", setting.cluster.name, setting.cluster.note));
}

}  // namespace

Result<std::unique_ptr<Plan>> make_plan(spec::Run run, const spec::Catalog& catalog,
                                        const PlanOptions& options, ThreadPool& threads) {
  auto plan = std::make_unique<Plan>();
  plan->run = std::move(run);
  ASSIGN_OR_RETURN(cost::Setting setting, setting_of(plan->run, catalog));
  const std::optional<Infeasible> limit = beyond_limits(plan->run, setting);
  const spec::StackSpread& spread = setting.stack.spread;
  for (const auto* end :
       {&spread.dense_low, &spread.dense_high, &spread.experts_low, &spread.experts_high}) {
    if (auto known = end->needed_for("the interval of the step time"); !known.ok()) {
      return known.error();
    }
  }
  ASSIGN_OR_RETURN(plan->model, cost::StepModel::of(std::move(setting)));
  const cost::StepModel& model = *plan->model;
  if (plan->run.tokens) {
    plan->tokens = *plan->run.tokens;
  } else {
    const double active = static_cast<double>(spec::count_parameters(model.setting().model).active);
    plan->tokens = Tokens::of(plan->run.compute->in_base() / (6 * active));
  }
  ASSIGN_OR_RETURN(Objective objective, Objective::of(plan->run, model, plan->tokens));
  plan->objective = std::move(objective);
  if (limit) {
    plan->answer.infeasible = limit;
  } else {
    const spec::LayoutWish wish =
        options.layout ? spec::merged(plan->run.layout, *options.layout) : plan->run.layout;
    const cost::Setting& of = model.setting();
    std::vector<std::int64_t> domains = {of.chip.nvlink_domain};
    for (const spec::Tier& tier : of.cluster.tiers) domains.push_back(tier.gpus);
    const Space full(model.shape(1), wish, of.stack, domains);
    const Space coarse(model.shape(1), wish, of.stack, domains, true);
    plan->answer = search(model, *plan->objective, {full, coarse}, options.search, threads);
    plan->answer.infeasible = why_nothing(*plan);
  }
  if (!plan->answer.best.empty()) {
    const Outcome& best = plan->answer.best.front();
    const auto gpus = static_cast<int>(best.layout.ranks() + best.spares);
    plan->gpus_there = model.setting().cluster.complete_on(gpus);
    if (plan->run.start && (!plan->gpus_there || *plan->gpus_there < *plan->run.start)) {
      plan->gpus_there = plan->run.start;
    }
  }
  add_spreads(*plan);
  add_assumptions(*plan);
  return plan;
}

}  // namespace celere::plan

#include "life/builder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/written_units.hpp"
#include "cost/money.hpp"
#include "layout/replicas.hpp"
#include "life/builder_failures.hpp"
#include "policy/settings.hpp"

namespace celere::life {
namespace {

int nodes_of(std::int64_t gpus, int per_node) {
  return static_cast<int>((gpus + per_node - 1) / per_node);
}

Layout layout_of(const layout::Layout& layout, int per_node, Seconds step) {
  Layout out{.nodes = nodes_of(layout.ranks(), per_node), .replicas = layout.dp};
  out.replicas_whole = layout::replicas_lost_alone(layout, per_node);
  if (out.replicas_whole) out.row = static_cast<int>(layout::ranks_in_a_row(layout) / per_node);
  out.step = step;
  return out;
}

// The same with fewer replicas, at each eighth of them as far as the batch divides, by the
// planner's own step times.
void add_smaller(Scene& scene, const plan::Plan& plan, int per_node) {
  const plan::Outcome& best = plan.answer.best.front();
  const cost::StepModel& model = *plan.model;
  // A ramp's mean step is shorter than that of its largest batch, by the same factor everywhere.
  const double mean = best.working / best.steps / best.step.time;
  for (int eighths = 7; eighths >= 1; --eighths) {
    int replicas = best.layout.dp * eighths / 8;
    const auto legal = [&] {
      const layout::Layout tried = layout::with_replicas(best.layout, replicas);
      return !layout::illegal(tried, model.shape(best.global_batch));
    };
    while (replicas >= 1 && !legal()) --replicas;
    if (replicas < 1) continue;
    const layout::Layout smaller = layout::with_replicas(best.layout, replicas);
    const cost::StepCost cost = model.cost(smaller, best.global_batch);
    const Layout added = layout_of(smaller, per_node, cost.time * mean);
    if (!model.fits(cost) || added.nodes >= scene.layouts.back().nodes ||
        added.step < scene.layouts.front().step) {
      continue;
    }
    scene.layouts.push_back(added);
  }
}

std::vector<Tranche> tranches_of(const std::vector<spec::Tranche>& list, std::optional<Date> start,
                                 int per_node, int nodes) {
  std::vector<Tranche> out;
  for (const spec::Tranche& tranche : list) {
    const double days = start ? static_cast<double>((tranche.date.day - start->day).count()) : 0;
    const Seconds at = Seconds::of(std::max(0.0, days) * 86400);
    const int count = std::min(tranche.gpus / per_node, nodes);
    if (!out.empty() && out.back().at == at) out.pop_back();
    if (out.empty() || out.back().nodes < count) out.push_back({at, count});
  }
  return out;
}

Status add_deliveries(Built& built, const plan::Plan& plan, int nodes) {
  const spec::Cluster& cluster = plan.model->setting().cluster;
  Scene& scene = built.scene;
  built.start = plan.run.start;
  if (!built.start && !cluster.deliveries.empty()) built.start = cluster.deliveries.front().date;
  if (cluster.deliveries.empty()) {
    scene.tranches = {{.at = {}, .nodes = nodes}};
  } else {
    scene.tranches = tranches_of(cluster.deliveries, built.start, cluster.gpus_per_node, nodes);
    if (scene.nodes() < scene.layouts.front().nodes) {
      return bad_input(
          fmt::format("clusters/{}.toml: delivery: {} nodes are delivered in all, and "
                      "the layout has {}",
                      cluster.name, scene.nodes(), scene.layouts.front().nodes));
    }
  }
  scene.powered = tranches_of(cluster.powered, built.start, cluster.gpus_per_node, nodes);
  if (plan.run.late) {
    scene.late_min = plan.run.late->low;
    scene.late_max = plan.run.late->high;
  }
  return Done{};
}

Status add_failures(Built& built, const plan::Plan& plan) {
  const spec::Cluster& cluster = plan.model->setting().cluster;
  Scene& scene = built.scene;
  FailureInputs inputs{.facts = cluster.failures, .cluster = cluster.name};
  inputs.nodes = scene.layouts.front().nodes;
  inputs.spares_are = plan.run.recovery.spares_are;
  inputs.delivered = scene.tranches.back().at > Seconds{};
  inputs.late_known = plan.run.late.has_value();
  auto& list = built.assumptions;
  if (cluster.storage.read.known()) {
    inputs.load = plan.model->checkpoint_bytes() / *cluster.storage.read.value;
  } else {
    list.push_back("loading a checkpoint is within the restart: the storage's read is unknown");
  }
  RETURN_IF_ERROR(write_failures(scene, inputs));
  built.knobs = failure_knobs(inputs);
  const spec::Fact<PerSecond>& rate = cluster.failures.per_node;
  built.uncertain.failures = {.low = rate.low / *rate.value, .high = rate.high / *rate.value};
  scene.check_every = plan.run.check_every;
  for (std::string& line : failure_assumptions(inputs)) list.push_back(std::move(line));
  list.push_back(fmt::format(
      "detection includes to find whose it is; a restart includes loading ({} from the storage) "
      "and regrouping takes a whole one (assumptions)",
      written(inputs.load)));
  if (!cluster.failures.early_factor.known() || !cluster.failures.early_time.known()) {
    list.push_back("young nodes fail as old ones: the cluster's entry does not say");
  }
  if (scene.check_every == 0) {
    list.push_back("silent corruption is not looked for: it costs no time, and stays");
  }
  return Done{};
}

// A replica's GPUs hold one checkpoint together, and each gets its part through its own port.
Result<Seconds> load_from_memory(const plan::Plan& plan) {
  const layout::Layout& layout = plan.answer.best.front().layout;
  const spec::Tier& tier = plan.model->setting().cluster.tiers.back();
  ASSIGN_OR_RETURN(const BytesPerSecond port, tier.bandwidth.needed_for("copies in memory"));
  ASSIGN_OR_RETURN(const double share, tier.share.needed_for("copies in memory"));
  const auto gpus = static_cast<double>(layout.ranks() / layout.dp);
  return plan.model->checkpoint_bytes() / gpus / (share * port);
}

Status add_checkpoints(Scene& scene, const plan::Plan& plan) {
  const plan::Outcome& best = plan.answer.best.front();
  const cost::StepModel& model = *plan.model;
  const spec::StorageFacts& storage = model.setting().cluster.storage;
  ASSIGN_OR_RETURN(const Seconds blocking, storage.blocking.needed_for("checkpoints"));
  ASSIGN_OR_RETURN(const BytesPerSecond write, storage.write.needed_for("checkpoints"));
  const cost::StageCosts stages =
      model.stage_costs(model.layer_costs(cost::LayerSplit::of(best.layout)), best.layout);
  Checkpoints& out = scene.checkpoints;
  out.blocking =
      blocking + model.checkpoint_share(stages, best.layout) / model.numbers().host_bandwidth;
  out.background = model.checkpoint_bytes() / write;
  out.memory_copy = plan.run.checkpoint.memory_copy;
  if (out.memory_copy) {
    out.background = {};  // it is safe with the neighbour
    ASSIGN_OR_RETURN(const Seconds load, load_from_memory(plan));
    scene.times.load_memory = min(load, scene.times.load);
  }
  const double every = best.checkpoint_every / scene.layouts.front().step;
  out.every = every < 1e12 ? std::max<Step>(1, std::llround(every)) : 0;
  return Done{};
}

// All stand while the model is evaluated. Sequences are shared out over the replicas, and the
// pipeline fills and drains as it does in a step.
void add_evaluation(Scene& scene, const plan::Plan& plan) {
  const plan::Outcome& best = plan.answer.best.front();
  const auto replicas = std::int64_t{best.layout.dp} * best.layout.micro_batch;
  const auto micro_batches = (plan.run.validation + replicas - 1) / replicas;
  const int others = best.layout.pp - 1;
  const double share = static_cast<double>(micro_batches + others) /
                       static_cast<double>(best.step.micro_batches + others);
  scene.evaluation.every = std::max<Step>(1, plan.run.validate_every.of(scene.steps));
  scene.evaluation.takes = best.step.time * share / 3;
}

void add_slowdowns(Scene& scene, const spec::Run& run) {
  for (const spec::SlowdownPlan& of : run.slowdowns) {
    Slowdown slowdown{.name = of.name, .at = of.from, .lasts = of.lasts, .every = of.every};
    slowdown.factor = of.factor;
    slowdown.stops = of.stops;
    scene.slowdowns.push_back(slowdown);
  }
}

// Of one node, by cost/money.hpp; the energy of a machine that was bought is in its price.
void add_charges(Built& built, const spec::Cluster& cluster) {
  Charges& out = built.scene.charges;
  const Seconds second = Seconds::of(1);
  if (const auto energy = cost::energy_of(cluster, cluster.gpus_per_node, second); energy.ok()) {
    out.power = *energy / second;
  } else {
    built.assumptions.push_back("energy is not known: " + energy.error().message);
  }
  if (const auto dollars = cost::dollars_of(cluster, cluster.gpus_per_node, second); dollars.ok()) {
    out.price = *dollars / second;
  } else {
    built.assumptions.push_back("dollars are not known: " + dollars.error().message);
  }
}

Knob spread_knob(const char* name, Spread spread, const std::string& source) {
  return {.name = name,
          .low = fmt::format("x {:.3g}", spread.low),
          .is = "as predicted",
          .high = fmt::format("x {:.3g}", spread.high),
          .at_low = spread.low,
          .at_is = 1,
          .at_high = spread.high,
          .source = source};
}

// What the plan itself is not sure of.
void add_uncertain(Built& built, const plan::Plan& plan) {
  built.uncertain.step = plan.step_spread;
  built.uncertain.tokens = plan.tokens_spread;
  const cost::Setting& setting = plan.model->setting();
  Knob step = spread_knob("step time", plan.step_spread,
                          "measured over predicted step times with this software: " +
                              setting.stack.spread.low(setting.model.experts.has_value()).source);
  step.grade = spec::name_of(spec::Grade::fitted);
  step.put = [layouts = built.scene.layouts](Scene& scene, double factor) {
    for (std::size_t i = 0; i < layouts.size(); ++i) {
      scene.layouts[i].step = layouts[i].step * factor;
    }
  };
  if (step.at_low < step.at_high) built.knobs.push_back(std::move(step));
  if (!plan.run.critical_batch || !(plan.tokens_spread.low < plan.tokens_spread.high)) return;
  Knob tokens = spread_knob("tokens", plan.tokens_spread,
                            "the critical batch: " + plan.run.critical_batch->source);
  tokens.grade = spec::name_of(plan.run.critical_batch->grade);
  tokens.put = [steps = built.scene.steps](Scene& scene, double factor) {
    scene.steps = std::max<Step>(1, std::llround(static_cast<double>(steps) * factor));
  };
  built.knobs.push_back(std::move(tokens));
}

}  // namespace

Result<Built> scene_of(const plan::Plan& plan, const BuildOptions& options) {
  if (plan.answer.best.empty()) return bad_input("no layout fits, so there is no life to simulate");
  const plan::Outcome& best = plan.answer.best.front();
  const spec::Cluster& cluster = plan.model->setting().cluster;
  const int per_node = cluster.gpus_per_node;
  Built built;
  built.assumptions = plan.assumptions;
  built.gpus_per_node = per_node;
  Scene& scene = built.scene;
  scene.steps = static_cast<Step>(std::ceil(best.steps));
  scene.layouts = {layout_of(best.layout, per_node, best.working / best.steps)};
  scene.recovery = policy::settings_of(plan.run);
  scene.recovery.resizes = plan.run.recovery.resize && !options.waits_for_all;
  if (scene.recovery.resizes) add_smaller(scene, plan, per_node);
  const int nodes = scene.layouts.front().nodes + nodes_of(best.spares, per_node);
  if (plan.run.on_lost_replica == spec::LostReplica::go_on &&
      !scene.layouts.front().replicas_whole) {
    built.assumptions.push_back(
        "replicas of this layout cannot be lost alone (they share state or nodes): a failure rolls "
        "all of them back");
  }
  RETURN_IF_ERROR(add_deliveries(built, plan, nodes));
  RETURN_IF_ERROR(add_failures(built, plan));
  RETURN_IF_ERROR(add_checkpoints(scene, plan));
  add_evaluation(scene, plan);
  add_slowdowns(scene, plan.run);
  add_charges(built, cluster);
  add_uncertain(built, plan);
  RETURN_IF_ERROR(checked(scene));
  return built;
}

}  // namespace celere::life

#include "life/builder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/written_units.hpp"
#include "layout/replicas.hpp"
#include "life/causes.hpp"
#include "policy/settings.hpp"

namespace celere::life {
namespace {

// Nobody published these for a cluster: they stand in the list of assumptions.
constexpr Seconds repair_mean = 1_days;
constexpr Seconds dead_repair_mean = 3_days;
constexpr Seconds plan_time = 60_s;

int nodes_of(std::int64_t gpus, int per_node) {
  return static_cast<int>((gpus + per_node - 1) / per_node);
}

Layout layout_of(const layout::Layout& layout, int per_node, Seconds step) {
  Layout out{.nodes = nodes_of(layout.ranks(), per_node), .replicas = layout.dp, .step = step};
  const bool no_node_is_of_two = layout::ranks_in_a_row(layout) % per_node == 0;
  out.replicas_whole = layout::replicas_whole(layout) && no_node_is_of_two;
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
    ASSIGN_OR_RETURN(scene.dead_on_arrival,
                     cluster.failures.bad_at_delivery.needed_for("deliveries"));
    scene.dead_repair = dead_repair_mean;
    built.assumptions.push_back(
        fmt::format("a node that is bad at delivery is repaired in {} on "
                    "average (assumption)",
                    written(dead_repair_mean)));
  }
  scene.powered = tranches_of(cluster.powered, built.start, cluster.gpus_per_node, nodes);
  return Done{};
}

Status add_failures(Built& built, const plan::Plan& plan) {
  const spec::FailureFacts& facts = plan.model->setting().cluster.failures;
  Scene& scene = built.scene;
  ASSIGN_OR_RETURN(const PerSecond rate, facts.per_node.needed_for("failures"));
  ASSIGN_OR_RETURN(const Seconds detect, facts.detect.needed_for("recovery"));
  ASSIGN_OR_RETURN(scene.times.replace, facts.replace.needed_for("recovery"));
  ASSIGN_OR_RETURN(scene.times.restart, facts.restart.needed_for("recovery"));
  scene.times.first = scene.times.regroup = scene.times.restart;
  scene.times.plan = plan_time;
  scene.causes = llama3_causes(rate, {.detect = detect, .localise = {}, .repair = repair_mean});
  if (facts.early_factor.known() && facts.early_time.known()) {
    scene.early_factor = *facts.early_factor.value;
    scene.early_time = *facts.early_time.value;
  } else {
    built.assumptions.push_back("young nodes fail as old ones: the cluster's entry does not say");
  }
  scene.check_every = plan.run.check_every;
  auto& list = built.assumptions;
  list.push_back(
      "causes share the rate as in Llama 3 (arXiv 2407.21783, Table 5: counts), and a spare fails "
      "like any other node (assumption)");
  list.push_back(
      fmt::format("a node is repaired in {} on average, exponentially (assumption: "
                  "multiple hours to days, SemiAnalysis 2024-06-17)",
                  written(repair_mean)));
  list.push_back(fmt::format(
      "detection includes to find whose it is, a restart includes loading, regrouping takes a "
      "restart, another layout is found in {} (assumptions)",
      written(plan_time)));
  if (scene.check_every == 0) {
    list.push_back("silent corruption is not looked for: it costs no time, and stays");
  }
  return Done{};
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
    scene.times.load_memory = scene.times.load;
  }
  const double every = best.checkpoint_every / scene.layouts.front().step;
  out.every = every < 1e12 ? std::max<Step>(1, std::llround(every)) : 0;
  return Done{};
}

// As cost/money.hpp has it, of one node.
void add_charges(Built& built, const spec::Cluster& cluster) {
  Charges& out = built.scene.charges;
  const double gpus = cluster.gpus_per_node;
  if (cluster.power_per_gpu.known()) out.power = gpus * *cluster.power_per_gpu.value;
  if (cluster.rent && cluster.rent->per_gpu.known()) {
    out.price = gpus * *cluster.rent->per_gpu.value;
  } else if (!cluster.rent && cluster.build && cluster.build->capital_per_gpu.known() &&
             cluster.build->life.known() && cluster.build->energy.known()) {
    out.price = gpus * (*cluster.build->capital_per_gpu.value / *cluster.build->life.value);
    out.energy = *cluster.build->energy.value;
  } else {
    built.assumptions.push_back(
        fmt::format("dollars are not known: clusters/{}.toml does not say a price", cluster.name));
  }
}

}  // namespace

Result<Built> scene_of(const plan::Plan& plan, const BuildOptions& options) {
  if (plan.answer.best.empty()) return bad_input("no layout fits, so there is no life to simulate");
  const plan::Outcome& best = plan.answer.best.front();
  const spec::Cluster& cluster = plan.model->setting().cluster;
  const int per_node = cluster.gpus_per_node;
  Built built;
  built.assumptions = plan.assumptions;
  Scene& scene = built.scene;
  scene.steps = static_cast<Step>(std::ceil(best.steps));
  scene.layouts = {layout_of(best.layout, per_node, best.working / best.steps)};
  if (options.grows) add_smaller(scene, plan, per_node);
  const int nodes = scene.layouts.front().nodes + nodes_of(best.spares, per_node);
  scene.recovery = policy::settings_of(plan.run);
  scene.recovery.resizes = scene.recovery.resizes && options.grows;
  if (plan.run.on_lost_replica == spec::LostReplica::go_on &&
      !scene.layouts.front().replicas_whole) {
    built.assumptions.push_back(
        "replicas of this layout cannot be lost alone (they share state or nodes): a failure rolls "
        "all of them back");
  }
  RETURN_IF_ERROR(add_failures(built, plan));
  RETURN_IF_ERROR(add_deliveries(built, plan, nodes));
  RETURN_IF_ERROR(add_checkpoints(scene, plan));
  add_charges(built, cluster);
  RETURN_IF_ERROR(checked(scene));
  return built;
}

}  // namespace celere::life

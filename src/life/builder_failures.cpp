#include "life/builder_failures.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/check.hpp"
#include "base/written_units.hpp"
#include "life/causes.hpp"

namespace celere::life {
namespace {

template <typename T>
Status put(T& to, const spec::Fact<T>& fact, const char* what) {
  ASSIGN_OR_RETURN(to, fact.needed_for(what));
  return Done{};
}

// `Inputs`: const or not.
template <typename Inputs>
auto& replace_fact(Inputs& inputs) {
  auto& set = inputs.facts.set;
  if (!inputs.spares_are) return inputs.facts.replace;
  switch (*inputs.spares_are) {
    case spec::SpareKind::hot:
      return set.replace_hot;
    case spec::SpareKind::warm:
      return set.replace_warm;
    case spec::SpareKind::cold:
      return set.replace_cold;
  }
  CHECK(false);
}

Status write_times(Scene& scene, const FailureInputs& inputs) {
  const spec::FailureSet& set = inputs.facts.set;
  Times& times = scene.times;
  RETURN_IF_ERROR(put(times.replace, replace_fact(inputs), "recovery"));
  RETURN_IF_ERROR(put(times.restart, inputs.facts.restart, "recovery"));
  times.first = times.regroup = times.restart;
  times.load = inputs.load;
  times.restart = max(times.restart - times.load, Seconds{});
  RETURN_IF_ERROR(put(times.stop, set.stop, "recovery"));
  RETURN_IF_ERROR(put(times.warm_up, set.warm_up, "recovery"));
  RETURN_IF_ERROR(put(times.plan, set.plan, "recovery"));
  return put(times.change, set.change, "recovery");
}

// A cluster's rate was counted with its lemons in it, as far as they were there to fail. Of a node
// that breaks so often that repairs would take `away` times its working time, a share away / (1 +
// away) of all time is repair, in which it cannot: the rate is raised by what that hides.
double hidden_by_repairs(const Scene& scene, std::size_t causes) {
  double away = 0;  // of a node that is none
  for (std::size_t i = 0; i < causes; ++i) {
    const Cause& cause = scene.causes[i];
    if (cause.effect == Effect::lost && cause.of_parts) away += cause.rate * cause.repair;
  }
  if (!(scene.lemon_share > 0)) return 1;
  away *= scene.lemon_failures / scene.lemon_share;
  return 1 / (1 - scene.lemon_failures * away / (1 + away));
}

Status write_causes(Scene& scene, const FailureInputs& inputs) {
  const spec::FailureSet& set = inputs.facts.set;
  PerSecond rate;
  CauseTimes times{};
  RETURN_IF_ERROR(put(rate, inputs.facts.per_node, "failures"));
  RETURN_IF_ERROR(put(times.detect, inputs.facts.detect, "recovery"));
  RETURN_IF_ERROR(put(times.repair, set.repair, "repairs"));
  ASSIGN_OR_RETURN(const std::vector<Cause> causes, causes_of(set, rate, inputs.nodes, times));
  if (scene.causes.size() < causes.size()) scene.causes.resize(causes.size());
  std::ranges::copy(causes, scene.causes.begin());
  if (inputs.facts.early_factor.known() && inputs.facts.early_time.known()) {
    scene.early_factor = *inputs.facts.early_factor.value;
    scene.early_time = *inputs.facts.early_time.value;
  }
  RETURN_IF_ERROR(put(scene.idle_rate_share, set.idle_share, "failures of spares"));
  RETURN_IF_ERROR(put(scene.lemon_share, set.lemon_nodes, "lemons"));
  RETURN_IF_ERROR(put(scene.lemon_failures, set.lemon_failures, "lemons"));
  const double raised = hidden_by_repairs(scene, causes.size());
  for (std::size_t i = 0; i < causes.size(); ++i) {
    if (set.causes[i].weight) scene.causes[i].rate *= raised;
  }
  RETURN_IF_ERROR(put(scene.misdiagnosis.share, set.misdiagnosed, "diagnosis"));
  RETURN_IF_ERROR(put(scene.misdiagnosis.again, set.misdiagnosed_again, "diagnosis"));
  RETURN_IF_ERROR(put(scene.flaps.rate, set.flaps, "flaps"));
  return put(scene.flaps.stall, set.flap_stall, "flaps");
}

Status write_slowdowns(Scene& scene, const spec::FailureSet& set) {
  if (scene.slowdowns.size() < set.slowdowns.size()) scene.slowdowns.resize(set.slowdowns.size());
  for (std::size_t i = 0; i < set.slowdowns.size(); ++i) {
    const spec::FailureSlowdown& of = set.slowdowns[i];
    Slowdown& to = scene.slowdowns[i];
    to = {.name = of.name, .at = of.from, .lasts = of.lasts, .every = of.every};
    RETURN_IF_ERROR(put(to.factor, of.factor, "slowdowns"));
  }
  return Done{};
}

// ---- all facts that the scene has ----

// Each with what people call it, and where it stands in any inputs. A node's rate of failures is
// left out: the plan names it, and what it stands on, already.
template <typename Visit>
void for_each_fact(const FailureInputs& inputs, const Visit& visit) {
  using Facts = spec::FailureFacts;
  using Set = spec::FailureSet;
  using Cause = spec::FailureCause;
  const auto of_cluster = [&](std::string name, auto fact) {
    visit(std::move(name), [fact](auto& of) -> auto& { return of.facts.*fact; });
  };
  const auto of_set = [&](std::string name, auto fact) {
    visit(std::move(name), [fact](auto& of) -> auto& { return of.facts.set.*fact; });
  };
  const spec::FailureFacts& facts = inputs.facts;
  if (facts.early_factor.known() && facts.early_time.known()) {
    of_cluster("failures of young nodes, factor", &Facts::early_factor);
    of_cluster("failures of young nodes, for", &Facts::early_time);
  }
  of_cluster("detection", &Facts::detect);
  visit("replacing a node", [](auto& of) -> auto& { return replace_fact(of); });
  of_cluster("restart", &Facts::restart);
  of_set("repair of a node", &Set::repair);
  if (inputs.delivered) {
    of_cluster("nodes that come broken", &Facts::bad_at_delivery);
    of_set("repair of a node that came broken", &Set::repair_at_delivery);
    if (!inputs.late_known) of_set("deliveries are late by", &Set::late);
  }
  of_set("failures of spares, share", &Set::idle_share);
  of_set("nodes that are lemons", &Set::lemon_nodes);
  of_set("failures of lemons, share", &Set::lemon_failures);
  of_set("wrong diagnoses, share", &Set::misdiagnosed);
  of_set("after a wrong diagnosis, again in", &Set::misdiagnosed_again);
  of_set("flaps of a node's links", &Set::flaps);
  of_set("a flap stalls", &Set::flap_stall);
  of_set("stopping", &Set::stop);
  of_set("warming up", &Set::warm_up);
  of_set("finding another layout", &Set::plan);
  of_set("change to another layout", &Set::change);
  for (std::size_t i = 0; i < facts.set.causes.size(); ++i) {
    const std::string& name = facts.set.causes[i].name;
    const auto of_cause = [&](const char* what, auto fact) {
      if (!(facts.set.causes[i].*fact)) return;
      visit(name + what, [i, fact](auto& of) -> auto& { return *(of.facts.set.causes[i].*fact); });
    };
    of_cause(", share", &Cause::weight);
    for (const auto rate : {&Cause::per_node, &Cause::per_group, &Cause::per_training}) {
      of_cause(", rate", rate);
    }
    of_cause(", nodes that fall together", &Cause::group);
    of_cause(", shape of its hazard", &Cause::weibull);
    of_cause(", span of its hazard", &Cause::span);
    of_cause(", detection", &Cause::detect);
    of_cause(", repair", &Cause::repair);
    of_cause(", factor", &Cause::factor);
    of_cause(", lasts", &Cause::lasts);
    of_cause(", notice", &Cause::notice);
  }
  for (std::size_t i = 0; i < facts.set.slowdowns.size(); ++i) {
    visit(facts.set.slowdowns[i].name + ", factor",
          [i](auto& of) -> auto& { return of.facts.set.slowdowns[i].factor; });
  }
}

// ---- knobs ----

std::string written(double number) { return fmt::format("{:.4g}", number); }
template <int T, int D, int W, int K, int M, int E>
std::string written(Quantity<T, D, W, K, M, E> amount) {
  return celere::written(amount);
}
double base_of(double number) { return number; }
template <int T, int D, int W, int K, int M, int E>
double base_of(Quantity<T, D, W, K, M, E> amount) {
  return amount.in_base();
}
void set_base(double& to, double value) { to = value; }
template <int T, int D, int W, int K, int M, int E>
void set_base(Quantity<T, D, W, K, M, E>& to, double value) {
  to = Quantity<T, D, W, K, M, E>::of(value);
}

// The fact is found again in a copy of the inputs, in which another value is put.
class Knobs {
 public:
  explicit Knobs(const FailureInputs& inputs) : inputs_(inputs) {}

  template <typename Find>
  void add(std::string name, const Find& find) {
    FailureInputs inputs = inputs_;
    const auto& fact = find(inputs);
    if (!fact.known() || !(fact.low < fact.high)) return;
    Knob knob{.name = std::move(name),
              .low = written(fact.low),
              .is = written(*fact.value),
              .high = written(fact.high),
              .at_low = base_of(fact.low),
              .at_is = base_of(*fact.value),
              .at_high = base_of(fact.high),
              .source = fact.source,
              .grade = spec::name_of(fact.grade)};
    knob.put = [inputs, find](Scene& scene, double value) {
      FailureInputs other = inputs;
      set_base(*find(other).value, value);
      CHECK(write_failures(scene, other).ok());
    };
    knobs_.push_back(std::move(knob));
  }
  std::vector<Knob> take() { return std::move(knobs_); }

 private:
  const FailureInputs& inputs_;
  std::vector<Knob> knobs_;
};

}  // namespace

Status write_failures(Scene& scene, const FailureInputs& inputs) {
  RETURN_IF_ERROR(write_times(scene, inputs));
  RETURN_IF_ERROR(write_causes(scene, inputs));
  RETURN_IF_ERROR(write_slowdowns(scene, inputs.facts.set));
  if (!inputs.delivered) return Done{};
  RETURN_IF_ERROR(put(scene.dead_on_arrival, inputs.facts.bad_at_delivery, "deliveries"));
  RETURN_IF_ERROR(put(scene.dead_repair, inputs.facts.set.repair_at_delivery, "deliveries"));
  if (inputs.late_known) return Done{};
  RETURN_IF_ERROR(put(scene.late_min, inputs.facts.set.late, "deliveries"));
  scene.late_max = scene.late_min;
  return Done{};
}

std::vector<Knob> failure_knobs(const FailureInputs& inputs) {
  Knobs knobs(inputs);
  const auto add = [&](std::string name, const auto& find) { knobs.add(std::move(name), find); };
  add("failures of a node", [](auto& of) -> auto& { return of.facts.per_node; });
  for_each_fact(inputs, add);
  return knobs.take();
}

std::vector<std::string> failure_assumptions(const FailureInputs& inputs) {
  const spec::FailureSet& set = inputs.facts.set;
  std::set<std::string> sources;
  for_each_fact(inputs, [&](const std::string&, const auto& find) {
    const auto& fact = find(inputs);
    if (fact.known() && fact.grade == spec::Grade::assumption) sources.insert(fact.source);
  });
  std::vector<std::string> out = {
      fmt::format("causes share the rate of clusters/{}.toml as failures/{}.toml has it: {}",
                  inputs.cluster, set.name, set.title)};
  out.insert(out.end(), sources.begin(), sources.end());
  return out;
}

}  // namespace celere::life

#include "life/given.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "life/replica.hpp"
#include "spec/fault_schedule.hpp"

namespace celere::life {
namespace {

using spec::Fault;
using spec::FaultKind;

constexpr std::size_t given_max = 100'000;

std::optional<Effect> effect_of(FaultKind kind) {
  switch (kind) {
    case FaultKind::kill_worker:
    case FaultKind::kill_agent:
      return Effect::crash;
    case FaultKind::hang:
      return Effect::hang;
    case FaultKind::slow:
      return Effect::slow;
    case FaultKind::flip_bit:
      return Effect::silent;
    case FaultKind::nan:
      return Effect::nan;
    case FaultKind::spike:
      return Effect::spike;
    case FaultKind::lose_node:
      return Effect::lost;
    case FaultKind::preempt:
      return Effect::preempt;
    case FaultKind::kill_supervisor:
    case FaultKind::disk_full:
    case FaultKind::corrupt_shard:
    case FaultKind::truncate_shard:
      break;
  }
  return std::nullopt;
}

// When a training in which nothing fails would have done so many steps, from its first start.
Seconds undisturbed(const Scene& scene, Step steps) {
  const auto times = [&](Step every) {
    return every > 0 ? std::max<Step>(0, steps - 1) / every : 0;
  };
  return scene.times.first + static_cast<double>(steps) * scene.layouts.front().step +
         static_cast<double>(times(scene.checkpoints.every)) * scene.checkpoints.blocking +
         static_cast<double>(times(scene.evaluation.every)) * scene.evaluation.takes;
}

// The time at which enough nodes are there to begin.
Seconds first_start(const Scene& scene) {
  const int nodes =
      scene.recovery.resizes ? scene.layouts.back().nodes : scene.layouts.front().nodes;
  for (const Arrival& arrival : arrivals_of(scene)) {
    if (arrival.end >= nodes) return seconds(arrival.at);
  }
  return {};
}

// It takes detection and repair as what is like it in the cluster.
Cause cause_of(const Scene& scene, const Fault& fault, Effect effect) {
  const auto like = std::ranges::find(scene.causes, effect, &Cause::effect);
  Cause cause;
  if (like != scene.causes.end()) {
    cause = *like;
  } else if (!scene.causes.empty()) {
    cause = scene.causes.front();
  }
  cause.name = fmt::format("scenario: {}{}", spec::name_of(fault.kind),
                           fault.cause.empty() ? "" : " (" + fault.cause + ")");
  cause.effect = effect;
  cause.rate = {};
  cause.weibull = 1;
  cause.of_parts = false;
  cause.group = 1;
  cause.factor = fault.factor;
  cause.notice = fault.notice;
  const Seconds step = scene.layouts.front().step;
  Seconds lasts = fault.lasts.value_or(scene.horizon);
  if (fault.lasts_steps) lasts = static_cast<double>(*fault.lasts_steps) * step;
  cause.lasts = lasts;
  if (effect == Effect::lost || effect == Effect::preempt) {
    cause.repair = lasts;
    cause.repair_varies = false;
  }
  return cause;
}

class Adding {
 public:
  Adding(Built& built, const spec::Scenario& scenario) : built_(built), scenario_(scenario) {
    start_ = first_start(built.scene);
    ground_ = {.ranks = built.scene.layouts.front().nodes * built.gpus_per_node,
               .nodes = built.scene.nodes()};
  }

  Status run(std::uint64_t seed) {
    RETURN_IF_ERROR(spec::fits(scenario_, ground_));
    const auto left_out = spec::FaultSchedule(scenario_, seed, ground_).left_out();
    spec::Scenario at_times = scenario_;
    for (std::size_t i = 0; i < scenario_.faults.size(); ++i) {
      const Fault& fault = scenario_.faults[i];
      const std::optional<Effect> effect = effect_of(fault.kind);
      const bool off = std::ranges::find(left_out, fault.kind) != left_out.end();
      cause_.push_back(static_cast<int>(built_.scene.causes.size()));
      if (off) say(fault, "is switched off by the seed");
      if (!off && !effect) say(fault, "is not simulated");
      if (off || !effect) {
        at_times.faults[i].count = 0;
        continue;
      }
      built_.scene.causes.push_back(cause_of(built_.scene, fault, *effect));
      if (!is_even(fault)) continue;
      at_times.faults[i].count = 0;
      add_rate(fault);
    }
    return add_given(std::move(at_times), seed);
  }

 private:
  void say(const Fault& fault, const char* what) {
    built_.assumptions.push_back(
        fmt::format("{}: {} {}", fault.place, spec::name_of(fault.kind), what));
  }

  // Nobody sees a hang that is over before it is noticed.
  bool is_short(const Fault& fault) const {
    if (fault.kind != FaultKind::hang || !fault.lasts) return false;
    const Cause cause = cause_of(built_.scene, fault, Effect::hang);
    return *fault.lasts <= cause.detect + cause.localise;
  }

  bool is_even(const Fault& fault) const {
    const bool again = !fault.at && !fault.at_step;
    const bool limited = fault.from > Seconds{} || fault.until || fault.from_step > 0 ||
                         fault.until_step || fault.count || fault.rank || fault.node;
    return again && !limited && !is_short(fault);
  }

  void add_rate(const Fault& fault) {
    const Scene& scene = built_.scene;
    Cause& cause = built_.scene.causes.back();
    cause.group = fault.nodes;
    PerSecond all;
    if (fault.every) all = 1 / *fault.every;
    if (fault.every_steps) {
      all = 1 / (static_cast<double>(*fault.every_steps) * scene.layouts.front().step);
    }
    // A rank is never on a spare, which is struck as often and does not mind.
    const bool of_ranks = spec::target_of(fault.kind) == spec::FaultTarget::rank;
    cause.rate = all / (of_ranks ? scene.layouts.front().nodes : scene.nodes());
    if (fault.rate_per_node) cause.rate = *fault.rate_per_node;
    if (fault.rate_per_rank) cause.rate = *fault.rate_per_rank * built_.gpus_per_node;
  }

  Status add_given(spec::Scenario scenario, std::uint64_t seed) {
    Scene& scene = built_.scene;
    const Seconds most = 4 * undisturbed(scene, scene.steps);
    spec::FaultSchedule schedule(std::move(scenario), seed, ground_);
    for (std::size_t before = 0;;) {
      for (const spec::DueFault& due : schedule.due(most, 4 * scene.steps)) {
        give(schedule.fault_of(due), due);
        ++before;
      }
      if (before > given_max) {
        return bad_input(
            fmt::format("{}: more than {} faults at known times", scenario_.name, given_max));
      }
      const auto time = schedule.next_time();
      const auto step = schedule.next_step();
      if (!(time && *time <= most) && !(step && *step <= 4 * scene.steps)) return Done{};
    }
  }

  void give(const Fault& fault, const spec::DueFault& due) {
    Scene& scene = built_.scene;
    const Seconds at = start_ + (due.time ? *due.time : undisturbed(scene, *due.step));
    if (is_short(fault)) {
      scene.slowdowns.push_back({.name = scene.causes[cause(due)].name,
                                 .at = at,
                                 .lasts = *fault.lasts,
                                 .factor = 1,
                                 .stops = true});
      return;
    }
    const int first = due.node ? *due.node : due.rank.value_or(0) / built_.gpus_per_node;
    for (int node = first; node < std::min(first + fault.nodes, scene.nodes()); ++node) {
      scene.given.push_back({.at = at, .cause = static_cast<int>(cause(due)), .node = node});
    }
  }

  std::size_t cause(const spec::DueFault& due) const {
    return static_cast<std::size_t>(cause_[due.fault]);
  }

  Built& built_;
  const spec::Scenario& scenario_;
  Seconds start_;
  spec::FaultGround ground_;
  std::vector<int> cause_;  // of each fault
};

}  // namespace

Status add_scenario(Built& built, const spec::Scenario& scenario, std::uint64_t seed) {
  RETURN_IF_ERROR(Adding(built, scenario).run(scenario.seed.value_or(seed)));
  built.assumptions.push_back(fmt::format(
      "the faults of \"{}\" come beside what the cluster's entry has; a rank is the node that it "
      "stands on at the start, and a step is at its time without failures",
      scenario.name));
  return checked(built.scene);
}

}  // namespace celere::life

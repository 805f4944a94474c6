#include "life/replay_life.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "life/replica.hpp"

namespace celere::life {
namespace {

// The same but for the step: a save that is wished for comes some steps sooner or later.
bool same_order(const Deed& one, const Deed& other) {
  return one.action == other.action && one.how == other.how && one.nodes == other.nodes;
}

// ---- the scene ----

// Rows count where replicas can be lost alone.
Layout layout_of(const policy::Shape& shape, Seconds step) {
  Layout out{.nodes = shape.slots, .replicas = shape.replicas, .step = step};
  const std::vector<int> replicas = shape.replica_of_slot.list();
  out.replicas_whole = shape.replicas_whole && !replicas.empty() &&
                       shape.slots % shape.replicas == 0 &&
                       std::ranges::find(replicas, -1) == replicas.end();
  if (!out.replicas_whole) return out;
  const auto first_row =
      std::ranges::find_if(replicas, [&](int replica) { return replica != replicas.front(); });
  out.row = static_cast<int>(first_row - replicas.begin());
  return out;
}

Scene scene_of(const RunLog& log, const MachineTimes& times) {
  Scene scene;
  scene.steps = log.steps;
  scene.tranches = {{.nodes = log.nodes}};
  scene.recovery = log.settings;
  scene.check_every = times.check_every;
  scene.checkpoints = {.every = times.save_every, .background = times.commit};
  scene.times = {.first = times.first,
                 .stop = times.stop,
                 .replace = times.replace,
                 .restart = times.restart,
                 .change = times.change,
                 .regroup = times.regroup};
  // Of a number of replicas that never trained undisturbed: as long as work is more.
  const auto step_of = [&](int replicas) {
    const auto found = times.step.find(replicas);
    if (found != times.step.end()) return found->second;
    const auto& [most, step] = *times.step.rbegin();
    return step * (static_cast<double>(most) / replicas);
  };
  const Seconds full = step_of(log.shape.replicas);
  scene.layouts = {layout_of(log.shape, full)};
  std::set<int> sizes = {log.shape.slots};
  for (const LoggedEvent& one : log.told) {
    const auto* planned = std::get_if<policy::Planned>(&one.event);
    if (planned == nullptr || !planned->shape) continue;
    if (planned->shape->slots > log.shape.slots || !sizes.insert(planned->shape->slots).second) {
      continue;
    }
    scene.layouts.push_back(
        layout_of(*planned->shape, max(full, step_of(planned->shape->replicas))));
  }
  std::ranges::sort(scene.layouts, std::greater(), &Layout::nodes);
  return scene;
}

// A cause of its own for each fault; or why there is none.
struct Struck {
  std::optional<Cause> cause = {};
  std::optional<Seconds> stall = {};  // all stand for so long, and nobody is told
  std::string why_not = {};
  bool parts = false;  // what follows of it cannot be compared
};

Seconds value_of(const std::map<std::string, Seconds>& times, const std::string& kind) {
  const auto found = times.find(kind);
  return found == times.end() ? Seconds{} : found->second;
}

// Checks saw it, and not the numbers themselves.
bool is_mismatch(const RunLog& log, const LoggedFault& fault) {
  const auto at = told_of(log, fault);
  return std::ranges::any_of(log.told, [&](const LoggedEvent& one) {
    const auto* bad = std::get_if<policy::BadNumbers>(&one.event);
    return at && one.at == *at && bad != nullptr && bad->kind == policy::Sick::mismatch;
  });
}

// After the notice; a supervisor that is killed meanwhile forgets that it was to take it away.
bool was_gone(const RunLog& log, const LoggedFault& fault) {
  const Nanoseconds due = fault.at + nanoseconds(fault.notice);
  return std::ranges::any_of(log.told, [&](const LoggedEvent& one) {
    const auto* gone = std::get_if<policy::NodeGone>(&one.event);
    return gone != nullptr && gone->node == fault.node && one.at >= due &&
           one.at < due + nanoseconds(fault.lasts.value_or(Seconds{}));
  });
}

Struck struck_by(const LoggedFault& fault, const RunLog& log, const MachineTimes& times) {
  Cause cause{.name = fault.kind};
  cause.repair_varies = false;
  cause.detect = value_of(times.noticed, fault.kind);
  const Seconds away = fault.lasts.value_or(Seconds{}) + value_of(times.back, fault.kind);
  const bool told = told_of(log, fault).has_value();
  if (fault.kind == "kill_worker") {
    cause.effect = Effect::crash;
  } else if (fault.kind == "kill_agent" || fault.kind == "lose_node") {
    cause.effect = Effect::lost;
    cause.group = fault.nodes;
    cause.repair = max(Seconds{}, away - cause.detect);
  } else if ((fault.kind == "nan" || fault.kind == "flip_bit") && told &&
             !is_mismatch(log, fault)) {
    cause.effect = Effect::nan;
  } else if (fault.kind == "preempt" && !was_gone(log, fault)) {
    return {.why_not = "preempt: the node stayed, for who was to take it away died", .parts = true};
  } else if (fault.kind == "preempt") {
    cause.effect = Effect::preempt;
    cause.notice = fault.notice;
    cause.repair = away;
  } else if (fault.kind == "hang" && told) {
    cause.effect = Effect::hang;
  } else if (fault.kind == "hang" && fault.lasts) {
    return {.stall = fault.lasts};
  } else if (fault.kind == "hang") {
    return {.why_not = "hang: of who was stopped by another fault"};
  } else if (fault.kind == "slow") {
    cause.effect = Effect::slow;
    cause.factor = fault.factor;
    const Seconds step = times.step.rbegin()->second;
    cause.lasts = fault.lasts.value_or(
        step * (fault.factor * static_cast<double>(fault.lasts_steps.value_or(0))));
    if (!told) cause.detect = cause.lasts + seconds(1);
  } else if (fault.kind == "flip_bit") {
    return {.why_not = told ? "flip_bit: nobody is named here, and a life names the node"
                            : "flip_bit: no check saw it",
            .parts = told};
  } else if (fault.kind == "kill_supervisor") {
    return {.why_not = "kill_supervisor: a life has none, and workers do not notice"};
  } else {
    return {.why_not = fault.kind + ": a life has no files"};
  }
  return {.cause = cause};
}

// A shard that was damaged, and then missed: workers began before where recovery thought.
const LoggedFault* damage_that_told(const RunLog& log) {
  for (const Deed& deed : log.deeds) {
    if (deed.action != "start") continue;
    const auto resumed = std::ranges::find_if(
        log.resumed, [&](const RunLog::Resumed& one) { return one.at >= deed.at; });
    if (resumed == log.resumed.end() || resumed->step >= deed.from.value_or(0)) continue;
    for (auto fault = log.faults.rbegin(); fault != log.faults.rend(); ++fault) {
      const bool damages = fault->kind == "corrupt_shard" || fault->kind == "truncate_shard";
      if (damages && fault->at < deed.at) return &*fault;
    }
  }
  return nullptr;
}

// ---- the life ----

class Again {
 public:
  Again(const RunLog& log, const MachineTimes& times) : log_(log), scene_(scene_of(log, times)) {
    out_.times = times;
    out_.until = log.steps;
  }

  Result<LifeReplay> live() {
    RETURN_IF_ERROR(checked(scene_));
    const LoggedFault* damage = damage_that_told(log_);
    for (const LoggedFault& fault : log_.faults) {
      Struck struck = struck_by(fault, log_, out_.times);
      if (struck.parts || &fault == damage) {
        out_.not_simulated.push_back(
            damage == &fault ? fault.kind + ": what was loaded later is not what a life loads"
                             : struck.why_not);
        out_.until = fault.step;
        until_ = fault.at;
        break;
      }
      place(fault, std::move(struck));
    }
    RETURN_IF_ERROR(checked(scene_));
    compare_deeds();
    compare_times();
    return std::move(out_);
  }

 private:
  // A training of `milestones` times as many steps has these done at its first milestone.
  // (By what was placed so far.)
  Nanoseconds done_at(Step step) const {
    Scene scene = scene_;
    scene.steps = std::max<Step>(1, step) * milestones;
    const Life life = Replica(scene, 0, 0).live();
    return life.reached.empty() ? life.time : life.reached.front();
  }

  // Where it stopped the steps, behind the last that was done; else where it was given. What comes
  // before the training goes on from the one before comes as long behind that.
  void place(const LoggedFault& fault, Struck struck) {
    const std::optional<Stand> stand = stand_of(log_, fault);
    const Step step = stand ? stand->step : fault.step;
    const Nanoseconds real = stand ? stand->at : fault.at;
    const bool together = last_ && real < last_->goes_on;
    const Nanoseconds at =
        together ? last_->at + std::max<Nanoseconds>(0, real - last_->real) : done_at(step);
    if (stand && !together) {
      last_ = Placed{at, real, log_.done_at(step + 1).value_or(real)};
    }
    if (struck.stall) {
      ++out_.struck;
      scene_.slowdowns.push_back({.at = seconds(at), .lasts = *struck.stall, .stops = true});
      return;
    }
    if (!struck.cause) return out_.not_simulated.push_back(struck.why_not);
    if (!fault.node) {
      return out_.not_simulated.push_back(fault.kind + ": the log does not say of which node");
    }
    scene_.given.push_back(
        {.at = seconds(at), .cause = static_cast<int>(scene_.causes.size()), .node = *fault.node});
    scene_.causes.push_back(*std::move(struck.cause));
    ++out_.struck;
  }

  void compare_deeds() {
    const Life life = Replica(scene_, 0, 0, {.decisions = true}).live();
    Deeds deeds;
    for (const LoggedDecision& one : life.decisions) {
      if (auto deed = deeds.next(one.line, one.at)) out_.simulated.push_back(*std::move(deed));
    }
    for (const Deed& deed : log_.deeds) {
      if (!until_ || deed.at < *until_) out_.real.push_back(deed);
    }
    if (until_ && out_.simulated.size() > out_.real.size()) {
      out_.simulated.resize(out_.real.size());
    }
    const auto [real, simulated] = std::ranges::mismatch(out_.real, out_.simulated, same_order);
    if (real != out_.real.end() || simulated != out_.simulated.end()) {
      out_.parted = static_cast<std::size_t>(real - out_.real.begin());
    }
    for (std::size_t i = 0; i < out_.parted.value_or(out_.real.size()); ++i) {
      const auto &one = out_.real[i].from, &other = out_.simulated[i].from;
      if (!one || !other) continue;
      out_.from_apart_max = std::max(out_.from_apart_max, std::abs(*one - *other));
    }
  }

  // How many steps are done by then, in the simulated training.
  Step steps_by(Nanoseconds time) const {
    Step low = 0, high = out_.until;
    while (low < high) {
      const Step middle = (low + high + 1) / 2;
      if (done_at(middle) <= time) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return low;
  }

  void compare_times() {
    const std::size_t same = out_.parted.value_or(out_.real.size());
    Step before = 0;
    for (std::size_t i = 0; i < same; ++i) {
      const Deed& deed = out_.real[i];
      if (deed.action != "stop" && !deed.how.starts_with("lost")) continue;
      if (grows_behind(i)) continue;
      const Step step = furthest(log_, deed);
      const auto real = log_.done_at(step), real_next = log_.done_at(step + 1);
      if (step == before || step >= out_.until || !real || !real_next) continue;
      before = step;
      const Step simulated = steps_by(out_.simulated[i].at);
      out_.interruptions.push_back(
          {.why = written(deed) + cause_of(deed),
           .step = step,
           .real = seconds(*real_next - *real),
           .simulated = seconds(done_at(simulated + 1) - done_at(simulated))});
    }
    const Step last = std::max<Step>(1, out_.until);
    if (const auto real = log_.done_at(last)) {
      out_.real_time = seconds(*real);
      out_.simulated_time = seconds(done_at(last));
    }
  }

  // Whether the start behind that deed is in a larger layout.
  bool grows_behind(std::size_t i) const {
    int before = 0;
    for (std::size_t k = 0; k < out_.real.size(); ++k) {
      const Deed& deed = out_.real[k];
      if (k > i && deed.action == "start") {
        return deed.how == "resized" && deed.replicas >= before;
      }
      if (deed.replicas > 0) before = deed.replicas;
    }
    return false;
  }

  // The fault before it.
  std::string cause_of(const Deed& deed) const {
    std::string out;
    for (const LoggedFault& fault : log_.faults) {
      if (fault.at <= deed.at) out = " behind " + fault.kind;
    }
    return out;
  }

  const RunLog& log_;
  Scene scene_;
  std::optional<Nanoseconds> until_;  // of the log
  struct Placed {
    Nanoseconds at = 0;  // in the life
    Nanoseconds real = 0,
                goes_on = 0;  // in the log: when steps stopped, and when a new one was done
  };
  std::optional<Placed> last_;
  LifeReplay out_;
};

}  // namespace

Result<LifeReplay> replay_life(const RunLog& log, const MachineTimes& times) {
  return Again(log, times).live();
}

}  // namespace celere::life

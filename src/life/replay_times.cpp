#include "life/replay_times.hpp"

#include <algorithm>

namespace celere::life {
namespace {

constexpr Step steps_measured = 10;  // at once: a supervisor looks each 20 ms

using Samples = std::vector<Nanoseconds>;

Seconds median(Samples samples) {
  if (samples.empty()) return {};
  std::ranges::sort(samples);
  const std::size_t middle = samples.size() / 2;
  const bool even = samples.size() % 2 == 0;
  return seconds(even ? (samples[middle - 1] + samples[middle]) / 2 : samples[middle]);
}

struct DoneStep {
  Nanoseconds at = 0;
  int generation = 0;
  Step step = 0;
};

std::vector<DoneStep> steps_of(const RunLog& log) {
  std::vector<DoneStep> out;
  for (const LoggedEvent& one : log.told) {
    const auto* it = std::get_if<policy::Trained>(&one.event);
    if (it != nullptr) out.push_back({one.at, it->generation, it->step});
  }
  return out;
}

bool is_disturbed(const RunLog& log, const DoneStep& from, const DoneStep& to) {
  return std::ranges::any_of(log.faults, [&](const LoggedFault& fault) {
    if (fault.at >= from.at && fault.at <= to.at) return true;
    if (fault.kind != "slow" || fault.at > to.at) return false;
    const Step steps = fault.lasts_steps.value_or(0);
    return fault.step + steps + steps_measured >= from.step ||
           (fault.lasts && fault.at + nanoseconds(*fault.lasts) >= from.at);
  });
}

}  // namespace

void TimesMeasured::add_steps(const RunLog& log) {
  std::map<int, int> replicas;  // of each generation
  for (const Deed& deed : log.deeds) {
    if (deed.replicas > 0) replicas[deed.generation] = deed.replicas;
  }
  const std::vector<DoneStep> steps = steps_of(log);
  const DoneStep* from = nullptr;
  for (const DoneStep& to : steps) {
    if (from == nullptr || from->generation != to.generation || to.step <= from->step) {
      from = &to;
      continue;
    }
    if (to.step - from->step < steps_measured) continue;
    if (!is_disturbed(log, *from, to)) {
      steps_[replicas[to.generation]].push_back((to.at - from->at) / (to.step - from->step));
    }
    from = &to;
  }
}

namespace {

// From a deed to the first event at or behind it that `ends` it; nothing: none did.
template <typename Ends>
std::optional<Nanoseconds> until(const RunLog& log, const Deed& deed, const Ends& ends) {
  for (const LoggedEvent& one : log.told) {
    if (one.at >= deed.at && ends(one.event)) return one.at - deed.at;
  }
  return std::nullopt;
}

void append(Samples& to, const std::optional<Nanoseconds>& sample) {
  if (sample) to.push_back(*sample);
}
void append(Samples& to, const Samples& from) { to.insert(to.end(), from.begin(), from.end()); }

// How far apart most of them are: some are made by a wish, or again.
Samples apart(const std::vector<Step>& steps) {
  Samples out;
  for (std::size_t i = 1; i < steps.size(); ++i) {
    if (steps[i] > steps[i - 1]) out.push_back(steps[i] - steps[i - 1]);
  }
  return out;
}

Step middle_of(Samples samples) {
  if (samples.empty()) return 0;
  const auto middle = samples.begin() + std::ssize(samples) / 2;
  std::ranges::nth_element(samples, middle);
  return *middle;
}

}  // namespace

void TimesMeasured::add_deeds(const RunLog& log) {
  int before = 0;  // replicas
  for (const Deed& deed : log.deeds) {
    const auto ended = [&](const policy::Event& event) {
      const auto* it = std::get_if<policy::GenerationEnded>(&event);
      return it != nullptr && it->generation == deed.generation;
    };
    const auto stepped = [&](const policy::Event& event) {
      const auto* it = std::get_if<policy::Trained>(&event);
      return it != nullptr && it->generation == deed.generation;
    };
    if (deed.action == "stop") append(stops_, until(log, deed, ended));
    if (deed.action == "start") {
      const bool grows = deed.how == "resized" && deed.replicas >= before;
      append(starts_[grows ? "grows" : deed.how], until(log, deed, stepped));
    }
    if (deed.replicas > 0) before = deed.replicas;
    if (deed.action == "regroup") {
      append(deed.how == "joins" ? joins_ : regroups_, until(log, deed, stepped));
    }
  }
}

void TimesMeasured::add_saves(const RunLog& log) {
  std::vector<Step> saves, checks;
  for (const LoggedEvent& one : log.told) {
    if (const auto* it = std::get_if<policy::CheckpointCommitted>(&one.event)) {
      saves.push_back(it->step);
      const auto done = log.done_at(it->step);
      // (Not of a step that was done again.)
      const bool again = std::ranges::any_of(log.deeds, [&](const Deed& deed) {
        return done && deed.action == "start" && deed.at >= *done && deed.at <= one.at;
      });
      if (done && one.at >= *done && !again) commits_.push_back(one.at - *done);
    }
    if (const auto* it = std::get_if<policy::CleanCheck>(&one.event)) checks.push_back(it->step);
  }
  append(saves_apart_, apart(saves));
  append(checks_apart_, apart(checks));
}

void TimesMeasured::add_faults(const RunLog& log) {
  for (const LoggedFault& fault : log.faults) {
    const auto told = told_of(log, fault);
    if (!told) continue;
    const std::optional<Stand> stand = stand_of(log, fault);
    noticed_[fault.kind].push_back(
        std::max<Nanoseconds>(0, *told - (stand ? stand->at : fault.at)));
    const bool leaves =
        fault.kind == "kill_agent" || fault.kind == "lose_node" || fault.kind == "preempt";
    if (!leaves) continue;
    const Nanoseconds due =
        fault.at + nanoseconds(fault.notice) + nanoseconds(fault.lasts.value_or(Seconds{}));
    for (const LoggedEvent& one : log.told) {
      const auto* joined = std::get_if<policy::NodeJoined>(&one.event);
      // One that comes back before it is away was away for something else.
      if (joined == nullptr || one.at < std::max(*told, due) || joined->node != fault.node)
        continue;
      back_[fault.kind].push_back(one.at - due);
      break;
    }
  }
}

void TimesMeasured::add(const RunLog& log) {
  replicas_ = std::max(replicas_, log.shape.replicas);
  add_steps(log);
  add_deeds(log);
  add_saves(log);
  add_faults(log);
}

MachineTimes TimesMeasured::times() const {
  MachineTimes out;
  for (const auto& [replicas, samples] : steps_) out.step[replicas] = median(samples);
  // No stretch was long enough: then all steps are as nothing beside the rest.
  if (out.step.empty()) out.step[replicas_] = Seconds::of(1e-3);
  // A step is done a step after all are ready.
  const auto ready = [&](const Samples& samples) {
    return max(Seconds{}, median(samples) - out.step.rbegin()->second);
  };
  const auto starts = [&](const char* how) {
    const auto found = starts_.find(how);
    return found == starts_.end() ? Samples{} : found->second;
  };
  Samples elsewhere = starts("spare");
  append(elsewhere, starts("elsewhere"));
  Samples again = starts("in place");
  if (again.empty()) again = elsewhere;
  if (again.empty()) again = starts("first");
  out.first = ready(starts("first"));
  out.restart = ready(again);
  if (!elsewhere.empty()) out.replace = max(Seconds{}, ready(elsewhere) - out.restart);
  const Samples resized = starts("resized");
  if (!resized.empty()) out.change = ready(resized) - out.restart;
  out.stop = median(stops_);
  // One that joins is awaited longer; a life has one time for both.
  out.regroup = ready(regroups_.empty() ? joins_ : regroups_);
  out.commit = median(commits_);
  out.save_every = middle_of(saves_apart_);
  out.check_every = middle_of(checks_apart_);
  for (const auto& [kind, samples] : noticed_) out.noticed[kind] = median(samples);
  for (const auto& [kind, samples] : back_) out.back[kind] = median(samples);
  return out;
}

namespace {

bool tells_of(const policy::Event& event, const LoggedFault& fault) {
  if (const auto* it = std::get_if<policy::WorkerExited>(&event)) {
    return fault.kind == "kill_worker" && !it->done && !it->stopped && it->node == fault.node;
  }
  if (const auto* it = std::get_if<policy::NodeGone>(&event)) {
    return (fault.kind == "kill_agent" || fault.kind == "lose_node") && it->node == fault.node;
  }
  if (const auto* it = std::get_if<policy::BadNumbers>(&event)) {
    return (fault.kind == "nan" && it->kind == policy::Sick::not_finite) ||
           (fault.kind == "flip_bit" && it->kind != policy::Sick::spike);
  }
  if (const auto* it = std::get_if<policy::Slow>(&event)) {
    return fault.kind == "slow" && it->node == fault.node;
  }
  if (const auto* it = std::get_if<policy::Preemption>(&event)) {
    return fault.kind == "preempt" && it->node == fault.node;
  }
  return std::holds_alternative<policy::Overdue>(event) && fault.kind == "hang";
}

// What recovery is told of one may be of the other.
bool are_alike(const LoggedFault& one, const LoggedFault& other) {
  const auto spoils = [](const LoggedFault& it) {
    return it.kind == "nan" || it.kind == "flip_bit";
  };
  return one.kind == other.kind || (spoils(one) && spoils(other));
}

}  // namespace

std::optional<Nanoseconds> told_of(const RunLog& log, const LoggedFault& fault) {
  const auto told = std::ranges::find_if(log.told, [&](const LoggedEvent& one) {
    return one.at >= fault.at && tells_of(one.event, fault);
  });
  if (told == log.told.end()) return std::nullopt;
  // Behind another fault of its kind it is not known whose it is.
  const bool another = std::ranges::any_of(log.faults, [&](const LoggedFault& other) {
    return are_alike(other, fault) && other.at > fault.at && other.at < told->at;
  });
  return another ? std::nullopt : std::optional(told->at);
}

Step furthest(const RunLog& log, const Deed& deed) {
  int next = deed.action == "regroup" ? deed.generation : 0;
  for (const Deed& other : log.deeds) {
    if (next == 0 && other.at >= deed.at && other.action == "start") next = other.generation;
  }
  Step step = 0;
  for (const LoggedEvent& one : log.told) {
    const auto* trained = std::get_if<policy::Trained>(&one.event);
    if (trained == nullptr) continue;
    if (next > 0 && trained->generation >= next) break;
    step = std::max(step, trained->step);
  }
  return step;
}

std::optional<Stand> stand_of(const RunLog& log, const LoggedFault& fault) {
  const auto told = told_of(log, fault);
  const auto deed = std::ranges::find_if(log.deeds, [&](const Deed& it) {
    return told && it.at == *told && (it.action == "stop" || it.action == "regroup");
  });
  if (deed == log.deeds.end()) return std::nullopt;
  const Step step = furthest(log, *deed);
  const auto at = log.done_at(step);
  if (!at) return std::nullopt;
  return Stand{step, std::max(*at, fault.at)};
}

}  // namespace celere::life

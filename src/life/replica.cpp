#include "life/replica.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace celere::life {
namespace {

// What repairs and deliveries draw moves no failure.
constexpr std::uint64_t repair_seed = 0x9E3779B97F4A7C15, late_seed = 0x165667B19E3779F9;

Nanoseconds draw_late(const Scene& scene, std::uint64_t seed, std::uint64_t index) {
  Prng prng(seed ^ late_seed, index);
  return nanoseconds(scene.late_min + (scene.late_max - scene.late_min) * prng.uniform());
}

policy::Shape shape_of(const Layout& layout) {
  policy::Shape out{.slots = layout.nodes, .replicas = layout.replicas};
  out.replicas_whole = layout.replicas_whole;
  if (!layout.replicas_whole) return out;
  const int row = layout.row > 0 ? layout.row : layout.nodes / layout.replicas;
  out.replica_of_slot = policy::SlotReplicas::rows(layout.nodes, layout.replicas, row);
  return out;
}

}  // namespace

// Nodes come by number; one trains from when it and the power for all before it are there.
std::vector<Arrival> arrivals_of(const Scene& scene, Nanoseconds late) {
  std::vector<Arrival> out;
  const auto add = [&](Nanoseconds there, Node end) {
    const Node first = out.empty() ? 0 : out.back().end;
    if (end <= first) return;
    if (out.empty() || out.back().at != there) out.push_back({there, first, first});
    out.back().end = end;
  };
  std::size_t power = 0;
  for (const Tranche& tranche : scene.tranches) {
    const Nanoseconds there = there_at(tranche, late);
    for (; power < scene.powered.size(); ++power) {
      const Tranche& powered = scene.powered[power];
      add(std::max(there, nanoseconds(powered.at)), std::min(powered.nodes, tranche.nodes));
      if (powered.nodes > tranche.nodes) break;
    }
    if (scene.powered.empty()) add(there, tranche.nodes);
  }
  return out;
}

Beginning::Beginning(const Scene& scene)
    : recovery(scene.recovery, shape_of(scene.layouts.front())), begun(scene.dead_on_arrival == 0) {
  if (!begun) return;
  for (const Arrival& arrival : arrivals_of(scene)) {
    if (arrival.at != 0) continue;
    for (Node node = arrival.first; node < arrival.end; ++node) {
      recovery.on(policy::NodeJoined{node}, {});
    }
  }
  actions = recovery.begin({});
}

Replica::Replica(const Scene& scene, const Beginning& beginning, std::uint64_t seed,
                 std::uint64_t index, LifeOptions options)
    : scene_(scene),
      options_(options),
      failures_(seed, index),
      repairs_(seed ^ repair_seed, index),
      policy_(beginning.recovery),
      begun_(beginning.begun),
      first_actions_(beginning.actions),
      up_(static_cast<std::size_t>(scene.nodes())),
      full_pace_(nanoseconds(scene.layouts.front().step)),
      blocking_(nanoseconds(scene.checkpoints.blocking)),
      background_(nanoseconds(scene.checkpoints.background)),
      late_(draw_late(scene, seed, index)),
      layout_(&scene.layouts.front()) {
  life_.causes.resize(scene.causes.size());
}

// Of last steps only the newest counts, and it is far away: thousands of old ones would make the
// queue slow.
void Replica::at(Nanoseconds time, Kind kind, std::int64_t a, std::int64_t b) {
  const Event event{time, numbered_++, kind, a, b};
  if (kind == Kind::last_step) {
    last_step_ = event;
  } else {
    queue_.push(event);
  }
}

std::optional<Replica::Event> Replica::next_event() {
  std::optional<Event> out;
  if (last_step_ && (queue_.empty() || queue_.top() > *last_step_)) {
    out.swap(last_step_);
  } else if (!queue_.empty()) {
    out = queue_.top();
    queue_.pop();
  }
  return out;
}

void Replica::after(Nanoseconds wait, Kind kind, std::int64_t a, std::int64_t b) {
  at(now_ + wait, kind, a, b);
}

Life Replica::live() {
  lemons_ = draw_lemons(scene_, repairs_);
  sources_ = failure_sources(scene_, late_);
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    coming_.push_back(sources_[i].next(failures_, lemons_));
    at(coming_.back().at, Kind::failure, static_cast<std::int64_t>(i));
  }
  for (std::size_t i = 0; i < scene_.given.size(); ++i) {
    at(nanoseconds(scene_.given[i].at), Kind::given, static_cast<std::int64_t>(i));
  }
  for (std::size_t i = 0; i < scene_.slowdowns.size(); ++i) {
    at(nanoseconds(scene_.slowdowns[i].at), Kind::slowdown, static_cast<std::int64_t>(i));
  }
  arrivals_ = arrivals_of(scene_, late_);
  for (std::size_t i = 0; i < arrivals_.size(); ++i) {
    if (arrivals_[i].at == 0) {
      arrive(arrivals_[i]);
    } else {
      at(arrivals_[i].at, Kind::arrive, static_cast<std::int64_t>(i));
    }
  }
  carry_out(begun_ ? std::move(first_actions_) : policy_.begin({now_}));
  const Nanoseconds horizon = nanoseconds(scene_.horizon);
  while (job_ != Job::over) {
    const std::optional<Event> event = next_event();
    if (!event || event->at > horizon) {
      now_ = horizon;
      life_.why_not = "it was not done by the horizon";
      if (job_ == Job::running) end_stretch(false);
      break;
    }
    now_ = event->at;
    happen(*event);
  }
  settle();
  life_.time = now_;
  life_.undetected += corrupt_since_ ? 1 : 0;
  for (const Arrival& arrival : arrivals_) {
    life_.node_time +=
        (arrival.end - arrival.first) * seconds(std::max<Nanoseconds>(0, now_ - arrival.at));
  }
  const Charges& charges = scene_.charges;
  if (charges.power) life_.energy = *charges.power * life_.node_time;
  if (charges.price && (!charges.energy || life_.energy)) {
    life_.dollars = *charges.price * life_.node_time;
    if (charges.energy) *life_.dollars += *life_.energy * *charges.energy;
  }
  return std::move(life_);
}

void Replica::arrive(const Arrival& arrival) {
  int dead = 0;
  for (Node node = arrival.first; node < arrival.end; ++node) {
    if (scene_.dead_on_arrival > 0 && repairs_.uniform() < scene_.dead_on_arrival) {
      ++dead;
      after(nanoseconds(repairs_.exponential(scene_.dead_repair)), Kind::join, node);
    } else if (begun_ && arrival.at == 0) {  // recovery knows
      up_[static_cast<std::size_t>(node)] = 1;
    } else {
      join(node);
    }
  }
  say("{} nodes are there, {} of them need repair first", arrival.end - arrival.first, dead);
}

void Replica::join(Node node) {
  up_[static_cast<std::size_t>(node)] = 1;
  tell_in_order(policy::NodeJoined{node});
}

void Replica::happen(const Event& event) {
  const bool mine = event.a == epoch_ && (job_ == Job::running || job_ == Job::finishing);
  switch (event.kind) {
    case Kind::failure: {
      const auto source = static_cast<std::size_t>(event.a);
      const Failure failure = coming_[source];
      coming_[source] = sources_[source].next(failures_, lemons_);
      at(coming_[source].at, Kind::failure, event.a);
      return strike(failure);
    }
    case Kind::given: {
      const Given& given = scene_.given[static_cast<std::size_t>(event.a)];
      return strike(given.cause, given.node);
    }
    case Kind::report:
      return report(outages_[static_cast<std::size_t>(event.a)]);
    case Kind::arrive:
      return arrive(arrivals_[static_cast<std::size_t>(event.a)]);
    case Kind::join:
      return join(static_cast<Node>(event.a));
    case Kind::clear:
      return tell_in_order(policy::NodeCleared{static_cast<Node>(event.a)});
    case Kind::generation_ended:
      return tell(policy::GenerationEnded{static_cast<int>(event.a)});
    case Kind::ready:
      return ready(static_cast<int>(event.a));
    case Kind::went_on:
      return went_on(static_cast<int>(event.a));
    case Kind::planned:
      return planned(static_cast<int>(event.a));
    case Kind::first_step:
      if (mine) tell(policy::Trained{policy_.generation(), stretch_.from + 1});
      return;
    case Kind::last_step:
      if (!mine) return;
      end_stretch(false);
      return save_last();
    case Kind::save:
      if (mine) save_at(event.b);
      return;
    case Kind::commit:
      if (job_ != Job::running || event.a != policy_.generation()) return;
      deliver_commits();
      return watch_commits();
    case Kind::pace:
      if (mine) go_on();
      return;
    case Kind::check:
      if (mine) check_failed(event.b);
      return;
    case Kind::spike:
      if (mine) spike_seen(event.b);
      return;
    case Kind::slowdown:
    case Kind::slowdown_ends:
      return slow_down(event);
    case Kind::leave:
      return leave(outages_[static_cast<std::size_t>(event.a)]);
    case Kind::again:
      return strike(static_cast<int>(event.a), static_cast<Node>(event.b));
    case Kind::slow_ends:
      return slow_ends(static_cast<Node>(event.a));
    case Kind::finish:
      if (mine) finish();
      return;
    case Kind::tick:
      if (tick_at_ == now_) tick_at_.reset();
      return tell(policy::Tick{});
  }
}

// ---- what was ordered is done ----

// What of the new generation is down already, its nodes will find.
bool Replica::is_whole() {
  settle();
  if (!has_unreported()) return true;
  job_ = Job::halted;
  part_ = Part::detection;
  return false;
}

void Replica::ready(int generation) {
  if (job_ != Job::starting || generation != policy_.generation() || !is_whole()) return;
  // Who measures finds the slow ones again.
  for (const SlowNode& slow : slow_) {
    const Cause& cause = scene_.causes[static_cast<std::size_t>(slow.cause)];
    after(nanoseconds(cause.detect + cause.localise), Kind::report, slow.outage);
  }
  begin_stretch(reached_);
}

void Replica::went_on(int generation) {
  if (job_ != Job::regrouping || generation != policy_.generation() || !is_whole()) return;
  tell(policy::WentOn{generation, reached_});
  if (job_ == Job::regrouping && policy_.generation() == generation) begin_stretch(reached_);
}

void Replica::slow_down(const Event& event) {
  const Slowdown& slowdown = scene_.slowdowns[static_cast<std::size_t>(event.a)];
  const bool begins = event.kind == Kind::slowdown;
  say("{} {}", slowdown.name, begins ? "begins" : "ends");
  if (begins) {
    after(nanoseconds(slowdown.lasts), Kind::slowdown_ends, event.a);
    if (slowdown.every > Seconds{}) after(nanoseconds(slowdown.every), Kind::slowdown, event.a);
  }
  change_pace();
}

void Replica::planned(int nodes) {
  for (const Layout& layout : scene_.layouts) {
    if (layout.nodes <= nodes) return tell_in_order(policy::Planned{shape_of(layout)});
  }
  tell_in_order(policy::Planned{});
}

void Replica::finish() {
  settle();
  job_ = Job::stopping;
  tell(policy::Trained{policy_.generation(), scene_.steps});
  tell(policy::CheckpointCommitted{scene_.steps});
  // One says it for all.
  tell(policy::WorkerExited{.generation = policy_.generation(),
                            .node = policy_.nodes().front(),
                            .rank = 0,
                            .code = 0,
                            .done = true});
  tell(policy::GenerationEnded{policy_.generation()});
}

}  // namespace celere::life

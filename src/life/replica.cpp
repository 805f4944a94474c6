#include "life/replica.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace celere::life {
namespace {

constexpr std::uint64_t repair_seed = 0x9E3779B97F4A7C15;  // what repairs draw moves no failure

policy::Shape shape_of(const Layout& layout) {
  policy::Shape out{.slots = layout.nodes, .replicas = layout.replicas};
  out.replicas_whole = layout.replicas_whole;
  if (!layout.replicas_whole) return out;
  const int each = layout.nodes / layout.replicas;
  out.replica_of_slot.reserve(static_cast<std::size_t>(layout.nodes));
  for (int slot = 0; slot < layout.nodes; ++slot) out.replica_of_slot.push_back(slot / each);
  return out;
}

}  // namespace

// Nodes come by number; one trains from when it and the power for all before it are there.
std::vector<Arrival> arrivals_of(const Scene& scene) {
  std::vector<Arrival> out;
  const auto time_of = [](const std::vector<Tranche>& tranches, Node node) {
    const auto found = std::ranges::upper_bound(tranches, node, {}, &Tranche::nodes);
    return found == tranches.end() ? std::optional<Nanoseconds>() : nanoseconds(found->at);
  };
  for (Node node = 0; node < scene.nodes(); ++node) {
    Nanoseconds there = *time_of(scene.tranches, node);
    if (!scene.powered.empty()) {
      const auto powered = time_of(scene.powered, node);
      if (!powered) break;  // never
      there = std::max(there, *powered);
    }
    if (out.empty() || out.back().at != there) out.push_back({there, node, node});
    ++out.back().end;
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
      layout_(&scene.layouts.front()) {
  life_.causes.resize(scene.causes.size());
}

void Replica::at(Nanoseconds time, Kind kind, std::int64_t a, std::int64_t b) {
  queue_.push({time, numbered_++, kind, a, b});
}

void Replica::after(Nanoseconds wait, Kind kind, std::int64_t a, std::int64_t b) {
  at(now_ + wait, kind, a, b);
}

Life Replica::live() {
  lemons_ = draw_lemons(scene_, repairs_);
  sources_ = failure_sources(scene_);
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    coming_.push_back(sources_[i].next(failures_, lemons_));
    at(coming_.back().at, Kind::failure, static_cast<std::int64_t>(i));
  }
  for (std::size_t i = 0; i < scene_.given.size(); ++i) {
    at(nanoseconds(scene_.given[i].at), Kind::given, static_cast<std::int64_t>(i));
  }
  arrivals_ = arrivals_of(scene_);
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
    if (queue_.empty() || queue_.top().at > horizon) {
      now_ = horizon;
      life_.why_not = "it was not done by the horizon";
      if (job_ == Job::running) end_stretch(false);
      break;
    }
    const Event event = queue_.top();
    queue_.pop();
    now_ = event.at;
    happen(event);
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
      ++told_nodes_;
    } else {
      join(node);
    }
  }
  say("{} nodes are there, {} of them need repair first", arrival.end - arrival.first, dead);
}

void Replica::join(Node node) {
  up_[static_cast<std::size_t>(node)] = 1;
  ++told_nodes_;
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
      --drained_;
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
      if (job_ == Job::running && event.a == policy_.generation()) deliver_commits();
      return;
    case Kind::pace:
      if (mine) go_on();
      return;
    case Kind::check:
      if (mine) check_failed(event.b);
      return;
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

// ---- failures ----

bool Replica::is_live() const {
  return job_ == Job::starting || job_ == Job::running || job_ == Job::regrouping ||
         job_ == Job::finishing;
}

bool Replica::has_unreported() const {
  return std::ranges::any_of(unreported_, [&](Node node) { return trains(node); });
}

Nanoseconds Replica::repair_time(const Cause& cause) {
  return nanoseconds(cause.repair_varies ? repairs_.exponential(cause.repair) : cause.repair);
}

void Replica::strike(const Failure& failure) {
  Node node = failure.target;
  if (scene_.by_slot) {
    const std::vector<Node>& nodes = policy_.nodes();
    if (failure.target >= std::ssize(nodes)) return;
    node = nodes[static_cast<std::size_t>(failure.target)];
  }
  const bool works = trains(node) && job_ != Job::none;
  if (works || failure.idle_draw < scene_.idle_rate_share) strike(failure.cause, node);
}

void Replica::strike(int index, Node node) {
  if (up_[static_cast<std::size_t>(node)] == 0) return;
  const Cause& cause = scene_.causes[static_cast<std::size_t>(index)];
  if (cause.effect == Effect::lost) return strike_group(cause, index, node);
  if (trains(node) && is_live()) strike_worker(cause, index, node);
}

void Replica::strike_group(const Cause& cause, int index, Node node) {
  Outage outage{.cause = index, .nodes = {}};
  bool hit = false;
  const Node first = node / cause.group * cause.group;
  const Node end = std::min(first + cause.group, scene_.nodes());
  for (Node other = first; other < end; ++other) {
    if (up_[static_cast<std::size_t>(other)] == 0) continue;
    up_[static_cast<std::size_t>(other)] = 0;
    outage.nodes.push_back(other);
    unreported_.push_back(other);
    hit = hit || trains(other);
  }
  hit = hit && job_ != Job::none;
  CauseCount& count = life_.causes[static_cast<std::size_t>(index)];
  ++(hit ? count.hits : count.idle_hits);
  say("{}: {} nodes from node {} on fail{}", cause.name, outage.nodes.size(), first,
      hit ? "" : ", which do not train");
  if (hit && is_live()) halt(index);
  outages_.push_back(std::move(outage));
  after(nanoseconds(cause.detect + cause.localise), Kind::report, std::ssize(outages_) - 1);
}

void Replica::strike_worker(const Cause& cause, int index, Node node) {
  CauseCount& count = life_.causes[static_cast<std::size_t>(index)];
  ++count.hits;
  say("{}: on node {}", cause.name, node);
  if (cause.effect == Effect::silent) {
    if (corrupt_since_ || job_ != Job::running) return;
    corrupt_since_ = stretch_.done_by(now_) + 1;
    corrupt_node_ = node;
    corrupt_cause_ = index;
    return plan_check();
  }
  if (cause.effect == Effect::slow) {
    slow_.push_back({node, index, cause.factor, std::ssize(outages_)});
    after(nanoseconds(cause.lasts), Kind::slow_ends, node);
    if (job_ == Job::running) at(stretch_.done_at(stretch_.done_by(now_) + 1), Kind::pace, epoch_);
  } else {
    halt(index);
  }
  outages_.push_back({.cause = index, .nodes = {node}});
  after(nanoseconds(cause.detect + cause.localise), Kind::report, std::ssize(outages_) - 1);
}

void Replica::halt(int cause) {
  ++life_.failures;
  Nanoseconds partial = 0;
  if (job_ == Job::running) {
    partial = end_stretch(true);
  } else {
    settle();
  }
  ++epoch_;
  cause_ = cause;
  life_.causes[static_cast<std::size_t>(cause)].lost += partial;
  job_ = Job::halted;
  part_ = Part::detection;
}

void Replica::slow_ends(Node node) {
  const auto of_node = [&](const SlowNode& slow) { return slow.node == node; };
  const bool reported = std::ranges::any_of(
      slow_, [&](const SlowNode& slow) { return of_node(slow) && slow.reported; });
  std::erase_if(slow_, of_node);
  if (job_ == Job::running) at(stretch_.done_at(stretch_.done_by(now_) + 1), Kind::pace, epoch_);
  if (reported && !policy_.is_drained(node)) tell_in_order(policy::NodeCleared{node});
}

void Replica::report(const Outage& outage) {
  const Cause& cause = scene_.causes[static_cast<std::size_t>(outage.cause)];
  const int generation = policy_.generation();
  const Node node = outage.nodes.front();
  switch (cause.effect) {
    case Effect::lost:
      for (const Node other : std::vector<Node>(outage.nodes)) {
        std::erase(unreported_, other);
        --told_nodes_;
        after(repair_time(cause), Kind::join, other);
        tell_in_order(policy::NodeGone{other});
      }
      return;
    case Effect::preempt:
    case Effect::nan:
    case Effect::spike:
      return;
    case Effect::crash:
      if (job_ == Job::halted && trains(node)) {
        tell(policy::WorkerExited{.generation = generation, .node = node, .rank = 0, .code = 1});
      }
      return;
    case Effect::hang:
      if (job_ == Job::halted) tell(policy::Overdue{generation, {node}});
      return;
    case Effect::silent:
      if (job_ == Job::halted) {
        tell(policy::BadNumbers{generation, policy::Sick::mismatch, reached_, node});
      }
      return;
    case Effect::slow:
      for (SlowNode& slow : slow_) {
        if (slow.node != node || !is_live()) continue;
        slow.reported = true;
        return tell_in_order(policy::Slow{generation, node, 0, cause.factor});
      }
      return;
  }
}

// ---- what was ordered is done ----

void Replica::ready(int generation) {
  if (job_ != Job::starting || generation != policy_.generation()) return;
  if (has_unreported()) {
    settle();
    job_ = Job::halted;
    part_ = Part::detection;
    return;
  }
  settle();
  // Who measures finds the slow ones again.
  for (const SlowNode& slow : slow_) {
    const Cause& cause = scene_.causes[static_cast<std::size_t>(slow.cause)];
    after(nanoseconds(cause.detect + cause.localise), Kind::report, slow.outage);
  }
  begin_stretch(reached_, 0);
}

void Replica::went_on(int generation) {
  if (job_ != Job::regrouping || generation != policy_.generation()) return;
  settle();
  if (has_unreported()) {
    job_ = Job::halted;
    part_ = Part::detection;
    return;
  }
  tell(policy::WentOn{generation, reached_});
  if (job_ == Job::regrouping && policy_.generation() == generation) begin_stretch(reached_, 0);
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

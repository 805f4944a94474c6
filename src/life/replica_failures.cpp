// What fails, and who hears of it.
#include <algorithm>

#include "life/replica.hpp"

namespace celere::life {

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

void Replica::halt(int cause) {
  ++life_.failures;
  const Nanoseconds partial = stand(Job::halted, Part::detection, true);
  cause_ = cause;
  life_.causes[static_cast<std::size_t>(cause)].lost += partial;
}

// ---- what strikes ----

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
  if (cause.effect == Effect::lost || cause.effect == Effect::preempt) {
    return strike_group(cause, index, node);
  }
  if (trains(node) && is_live()) strike_worker(cause, index, node);
}

void Replica::strike_group(const Cause& cause, int index, Node node) {
  Outage outage{.cause = index, .nodes = {}};
  bool hit = false;
  const Node first = node / cause.group * cause.group;
  const Node end = std::min(first + cause.group, scene_.nodes());
  for (Node other = first; other < end; ++other) {
    if (up_[static_cast<std::size_t>(other)] == 0) continue;
    outage.nodes.push_back(other);
    hit = hit || trains(other);
  }
  hit = hit && job_ != Job::none;
  CauseCount& count = life_.causes[static_cast<std::size_t>(index)];
  ++(hit ? count.hits : count.idle_hits);
  const bool announced = cause.effect == Effect::preempt;
  say_failure("{}: {} nodes from node {} on {}{}", cause.name, outage.nodes.size(), first,
              announced ? "will be taken away" : "fail", hit ? "" : ", which do not train");
  if (!announced) return fall(std::move(outage));
  for (const Node other : outage.nodes) {
    tell_in_order(policy::Preemption{other, cause.notice});
  }
  outages_.push_back(std::move(outage));
  after(nanoseconds(cause.notice), Kind::leave, std::ssize(outages_) - 1);
}

void Replica::leave(Outage outage) {
  std::erase_if(outage.nodes, [&](Node node) { return up_[static_cast<std::size_t>(node)] == 0; });
  if (!outage.nodes.empty()) fall(std::move(outage));
}

void Replica::fall(Outage outage) {
  bool hit = false;
  for (const Node node : outage.nodes) {
    up_[static_cast<std::size_t>(node)] = 0;
    unreported_.push_back(node);
    hit = hit || trains(node);
  }
  if (hit && is_live()) halt(outage.cause);
  report_later(std::move(outage));
}

void Replica::report_later(Outage outage) {
  const Cause& cause = scene_.causes[static_cast<std::size_t>(outage.cause)];
  outages_.push_back(std::move(outage));
  after(nanoseconds(cause.detect + cause.localise), Kind::report, std::ssize(outages_) - 1);
}

void Replica::strike_worker(const Cause& cause, int index, Node node) {
  ++life_.causes[static_cast<std::size_t>(index)].hits;
  say_failure("{}: on node {}", cause.name, node);
  switch (cause.effect) {
    case Effect::silent:
      if (corrupt_since_ || job_ != Job::running) return;
      corrupt_since_ = stretch_.done_by(now_) + 1;
      corrupt_node_ = node;
      corrupt_cause_ = index;
      return plan_check();
    case Effect::spike:
      if (spike_since_ || job_ != Job::running) return;
      spike_since_ = stretch_.done_by(now_) + 1;
      spike_cause_ = index;
      return plan_spike();
    case Effect::slow:
      slow_.push_back({node, index, cause.factor, std::ssize(outages_)});
      after(nanoseconds(cause.lasts), Kind::slow_ends, node);
      change_pace();
      break;
    case Effect::nan:
      if (job_ != Job::running) return;
      halt(index);
      break;
    case Effect::crash:
    case Effect::hang:
    case Effect::lost:
    case Effect::preempt:
      halt(index);
      break;
  }
  report_later({.cause = index, .nodes = {node}});
}

void Replica::slow_ends(Node node) {
  const auto of_node = [&](const SlowNode& slow) { return slow.node == node; };
  const bool reported = std::ranges::any_of(
      slow_, [&](const SlowNode& slow) { return of_node(slow) && slow.reported; });
  std::erase_if(slow_, of_node);
  change_pace();
  if (reported && !policy_.is_drained(node)) tell_in_order(policy::NodeCleared{node});
}

void Replica::check_failed(Step step) {
  say("the check behind step {} finds that replicas differ", step);
  halt(corrupt_cause_);
  const Cause& cause = scene_.causes[static_cast<std::size_t>(corrupt_cause_)];
  outages_.push_back({.cause = corrupt_cause_, .nodes = {corrupt_node_}});
  after(nanoseconds(cause.localise), Kind::report, std::ssize(outages_) - 1);
}

// Told where it begins, and once more when it has had its time to heal.
void Replica::spike_seen(Step step) {
  deliver_commits();
  if (job_ != Job::running) return;
  const bool lasts = step > *spike_since_;
  const int cause = cause_;
  if (lasts) {
    spike_since_.reset();
    cause_ = spike_cause_;
  }
  tell(policy::BadNumbers{policy_.generation(), policy::Sick::spike, step});
  if (!lasts || job_ != Job::running) return;
  cause_ = cause;
  ++life_.unhealed;
}

// ---- what is known of it ----

Node Replica::named(Node sick) {
  const std::vector<Node>& nodes = policy_.nodes();
  const int slot = policy_.slot_of(sick);
  if (scene_.misdiagnosis.share == 0 || slot < 0 || nodes.size() < 2) return sick;
  if (repairs_.uniform() >= scene_.misdiagnosis.share) return sick;
  const std::size_t other = repairs_.below(nodes.size() - 1);
  const Node out = nodes[other + (other >= static_cast<std::size_t>(slot) ? 1 : 0)];
  ++life_.misdiagnosed;
  say("node {} is sick, and node {} is taken for it", sick, out);
  return out;
}

void Replica::report_lost(const Outage& outage) {
  const Cause& cause = scene_.causes[static_cast<std::size_t>(outage.cause)];
  for (const Node node : std::vector<Node>(outage.nodes)) {
    std::erase(unreported_, node);
    after(repair_time(cause), Kind::join, node);
    tell_in_order(policy::NodeGone{node});
  }
}

void Replica::report_hang(int cause, Node node) {
  const Node taken = named(node);
  if (taken != node) {
    after(nanoseconds(repairs_.exponential(scene_.misdiagnosis.again)), Kind::again, cause, node);
  }
  tell(policy::Overdue{policy_.generation(), {taken}});
}

// Who is taken for a slow one is looked at, and is well.
void Replica::report_slow(const Cause& cause, Node node) {
  const auto slow = std::ranges::find(slow_, node, &SlowNode::node);
  if (slow == slow_.end() || !is_live()) return;
  const Node taken = named(node);
  slow->reported = slow->reported || taken == node;
  if (taken != node) after(repair_time(cause), Kind::clear, taken);
  tell_in_order(policy::Slow{policy_.generation(), taken, 0, cause.factor});
}

void Replica::report(const Outage& outage) {
  const Cause& cause = scene_.causes[static_cast<std::size_t>(outage.cause)];
  const int generation = policy_.generation();
  const Node node = outage.nodes.front();
  const bool halted = job_ == Job::halted;
  switch (cause.effect) {
    case Effect::lost:
    case Effect::preempt:
      return report_lost(outage);
    case Effect::slow:
      return report_slow(cause, node);
    case Effect::hang:
      if (halted) report_hang(outage.cause, node);
      return;
    case Effect::crash:
      if (halted && trains(node)) {
        tell(policy::WorkerExited{.generation = generation, .node = node, .rank = 0, .code = 1});
      }
      return;
    case Effect::nan:
      if (halted) {
        tell(policy::BadNumbers{generation, policy::Sick::not_finite, reached_ + 1});
      }
      return;
    case Effect::silent:
      if (halted) {
        tell(policy::BadNumbers{generation, policy::Sick::mismatch, reached_, named(node)});
      }
      return;
    case Effect::spike:
      return;  // seen where it is (spike_seen)
  }
}

}  // namespace celere::life

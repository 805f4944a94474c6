// What a failure does, and whose it is.
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <set>

#include "policy/decision.hpp"
#include "policy/straggler.hpp"

namespace celere::policy {

// ---- whose it is ----

void Decision::forget_old_failures(NodeMemory& node) const {
  std::erase_if(node.failures, [&](Instant at) { return at + settings_.node_window < m_.latest; });
}

void Decision::blame(Node node) {
  NodeMemory& it = m_.nodes[node];
  forget_old_failures(it);
  it.failures.push_back(m_.latest);
  // More than the limit tells no more.
  const auto most = static_cast<std::size_t>(std::max(settings_.node_failures, 1));
  if (it.failures.size() > most) it.failures.erase(it.failures.begin());
  index_.changed(node);
  drain_if_lemon(node);
}

// Only where another can take its place: a node that fails often is better than none.
void Decision::drain_if_lemon(Node node) {
  NodeMemory& it = m_.nodes.at(node);
  if (it.drained) return;
  forget_old_failures(it);
  index_.changed(node);
  if (std::ssize(it.failures) < settings_.node_failures) return;
  if (usable_count() - (usable(it) ? 1 : 0) < m_.next.shape.slots) return;
  it.drained = true;
  index_.changed(node);
  act(Drain{node}, fmt::format("node {} failed {} times within {:.1f} h", node, it.failures.size(),
                               settings_.node_window.in_base() / 3600));
}

// A worker that ended with an error may only have seen that another was gone. It counts against
// its node once all are gone and nothing worse was found.
void Decision::settle_suspect() {
  if (m_.present.suspect) blame(*m_.present.suspect);
  m_.present.suspect.reset();
}

// ---- what it does ----

void Decision::count_failure() {
  m_.present.failed = true;
  if (m_.present.progressed) {
    m_.fruitless = 0;
    return;
  }
  ++m_.fruitless;
  const double doublings = std::min((m_.fruitless - 1) / scale_of(m_.full.shape), 60);
  m_.start_at = m_.latest + min(settings_.back_off * std::exp2(doublings), settings_.back_off_max);
}

void Decision::kill(const Why& why) {
  m_.phase = Phase::stopping;
  m_.present.killed = true;
  m_.present.regroup.reset();
  act(Stop{m_.generation}, why);
}

// Where they were about to regroup, each still carries what it brought; who was joining joins
// again.
bool Decision::go_on_without(const std::vector<Node>& lost, const Why& why) {
  const bool carries = m_.present.stepped || m_.present.regrouped;
  if (settings_.on_lost_replica != LostReplica::go_on || !lives() || lost.empty() || !carries ||
      m_.present.done || !m_.shape.replicas_whole || m_.shape.replicas < 2 ||
      m_.shape.replica_of_slot.empty()) {
    return false;
  }
  std::set<int> replicas;
  for (const Node node : lost) {
    const int slot = slot_of(node);
    replicas.insert(slot < 0 ? -1 : m_.shape.replica_of_slot[static_cast<std::size_t>(slot)]);
  }
  if (replicas.size() != 1 || *replicas.begin() < 0) return false;
  const int replica = *replicas.begin();
  const std::vector<std::size_t> gone = m_.shape.replica_of_slot.slots_of(replica);
  // Who is joining has the last slots.
  const std::size_t joining = m_.present.regroup ? m_.present.regroup->joining.size() : 0;
  const std::size_t carrying = m_.slots.size() - joining;
  const auto gone_carrying =
      static_cast<std::size_t>(std::ranges::lower_bound(gone, carrying) - gone.begin());
  if (gone_carrying == carrying) return false;  // none is left who carries
  m_.present.regroup.reset();  // which would share the list of slots, and make them be copied
  index_.change_slots(m_, {.gone = gone});
  lose_replica(m_.shape, replica, gone);
  const auto first_joining = static_cast<std::ptrdiff_t>(carrying - gone_carrying);
  regroup(replica, {m_.slots.begin() + first_joining, m_.slots.end()},
          Why("{}; the others go on without replica {}", why, replica));
  return true;
}

void Decision::fail(const std::vector<Node>& lost, const Why& why) {
  if (go_on_without(lost, why)) return;
  count_failure();
  kill(Why("{}; all workers are stopped", why));
}

// ---- events ----

void Decision::on(const NodeJoined& event) {
  NodeMemory& it = m_.nodes[event.node];
  if (it.present) return;
  it.present = true;
  it.slow = false;
  it.leaves.reset();
  index_.changed(event.node);
  index_.settle(m_);
  const std::set<Node> lemons = index_.lemons();
  for (const Node node : lemons) drain_if_lemon(node);
  if (m_.phase == Phase::waiting) return start_or_wait(Why("node {} is there", event.node));
  improve();
}

void Decision::on(const NodeCleared& event) {
  NodeMemory& it = m_.nodes[event.node];
  it.drained = it.slow = false;
  it.failures.clear();
  index_.changed(event.node);
  if (m_.phase == Phase::waiting) {
    return start_or_wait(Why("node {} may work again", event.node));
  }
  improve();
}

void Decision::on(const NodeGone& event) {
  NodeMemory& it = m_.nodes[event.node];
  const bool mine = has_slot(event.node);
  const bool expected = it.leaves.has_value();
  const bool was_there = it.present;
  it.present = false;
  it.leaves.reset();
  index_.changed(event.node);
  if (was_there && mine) m_.present.suspect.reset();
  const Why why("node {} is gone", event.node);
  if (mine && lives()) {
    fail({event.node}, why);
  } else if (mine && saving_to_stop()) {
    m_.present.failed = true;
    kill(Why("{} while saving to stop: ends without", why));
  }
  if (was_there && !expected) blame(event.node);
}

void Decision::on(const WorkerExited& event) {
  const bool old = m_.phase == Phase::regrouping && event.generation == m_.generation - 1;
  if (!is_present(event.generation) && !old) return;
  if (!has_slot(event.node)) return;
  const auto& regroup = m_.present.regroup;
  if (old && std::ranges::find(regroup->joining, event.node) != regroup->joining.end()) return;
  if (event.done || event.stopped) {
    if (m_.phase == Phase::regrouping) return;  // it may end so before it heard of it
    m_.present.done = m_.present.done || event.done;
    return;
  }
  const bool killed_here = event.signal == SIGKILL || event.signal == SIGTERM;
  if (m_.phase == Phase::stopping && m_.present.killed) {
    // One that crashes by itself after others saw it and ended: the cause came last.
    if (event.signal && !killed_here && m_.present.suspect) {
      m_.present.suspect = event.node;
    }
    return;
  }
  const Why how = event.signal ? Why("was killed by signal {}", *event.signal)
                               : Why("ended with code {}", event.code.value_or(-1));
  const Why why("rank {} on node {} {}", event.rank, event.node, how);
  if (saving_to_stop()) {
    m_.present.failed = true;
    return kill(Why("{} while saving to stop: ends without", why));
  }
  if (!lives()) return;
  fail({event.node}, why);
  if (event.signal || m_.phase == Phase::regrouping) {
    blame(event.node);
  } else {
    m_.present.suspect = event.node;
  }
}

void Decision::on(const GenerationEnded& event) {
  if (!is_present(event.generation)) return;
  if (m_.phase == Phase::stopping) {
    settle_suspect();
    if (m_.present.done && !m_.present.failed && !m_.present.killed) {
      return over(End::done, "the training is done");
    }
    return start_or_wait("the workers are gone");
  }
  if (!lives()) return;
  if (m_.phase == Phase::training && m_.present.done && !m_.present.failed) {
    return over(End::done, "the training is done");
  }
  count_failure();
  settle_suspect();
  start_or_wait("all workers ended, and nobody had asked them to");
}

void Decision::on(const Trained& event) {
  const bool counts = m_.phase == Phase::training || m_.phase == Phase::stopping;
  if (!is_present(event.generation) || !counts) return;
  const bool first = !m_.present.stepped;
  m_.present.stepped = true;
  if (event.step > m_.best) {
    m_.best = event.step;
    m_.present.progressed = true;
    m_.fruitless = 0;
  }
  // It has healed, or it would have been told of again.
  if (m_.spike_step && event.step > *m_.spike_step + 2 * settings_.spike_heals) {
    m_.spike_step.reset();
  }
  if (first) improve();
}

void Decision::on(const Overdue& event) {
  if (!is_present(event.generation)) return;
  std::vector<Node> absent;
  for (const Node node : event.absent) {
    if (has_slot(node)) absent.push_back(node);
  }
  const std::string why = absent.empty() ? std::string("a step is overdue")
                                         : fmt::format("a step is overdue: node {} did not arrive",
                                                       fmt::join(absent, ", "));
  if (saving_to_stop()) {
    m_.present.failed = true;
    return kill(Why("{} while saving to stop: ends without", why));
  }
  if (!lives()) return;
  const auto slots = std::ssize(m_.slots);
  fail(absent, why);
  // Where most are absent, the cause is elsewhere: in the network, or in who is not.
  if (absent.size() == 1 || std::ssize(absent) * 2 < slots) {
    for (const Node node : absent) blame(node);
  }
}

void Decision::on(const Slow& event) {
  if (!is_present(event.generation) || m_.phase != Phase::training ||
      event.factor < least_slow(settings_.straggler_factor) || !has_slot(event.node)) {
    return;
  }
  NodeMemory& it = m_.nodes.at(event.node);
  if (!it.slow) {
    act(Note{}, fmt::format("rank {} on node {} takes {:.2f} times as long as the others",
                            event.rank, event.node, event.factor));
  }
  it.slow = true;
  index_.changed(event.node);
  improve();
}

// The checkpoint comes in any case: even without a spare it saves what was done.
void Decision::on(const Preemption& event) {
  NodeMemory& it = m_.nodes[event.node];
  if (!it.present) return;
  it.leaves = m_.latest + event.notice;
  index_.changed(event.node);
  if (m_.phase != Phase::training || !has_slot(event.node)) return;
  ask_save(
      fmt::format("node {} will be taken away in {:.0f} s", event.node, event.notice.in_base()));
}

void Decision::on(const WentOn& event) {
  if (!is_present(event.generation) || m_.phase != Phase::regrouping) return;
  m_.phase = Phase::training;
  m_.present.regroup.reset();
  if (m_.stops_asked > 0) return stop_saved();
  improve();
}

void Decision::on(const CouldNotGoOn& event) {
  if (!is_present(event.generation) || m_.phase != Phase::regrouping) return;
  fail({}, "the others could not go on");
}

}  // namespace celere::policy

// When and with which nodes a generation begins, is moved, or ends for good.
#include <fmt/ranges.h>

#include <algorithm>

#include "policy/decision.hpp"

namespace celere::policy {
namespace {

// "node 3", "nodes 3, 4": written when it is read, as they may be thousands.
struct Listed {
  std::vector<Node> nodes;
};

}  // namespace
}  // namespace celere::policy

template <>
struct fmt::formatter<celere::policy::Listed> : fmt::formatter<std::string_view> {
  auto format(const celere::policy::Listed& of, fmt::format_context& context) const {
    return fmt::format_to(context.out(), "{} {}", of.nodes.size() == 1 ? "node" : "nodes",
                          fmt::join(of.nodes, ", "));
  }
};

namespace celere::policy {

bool is_valid(const Shape& shape) {
  const SlotReplicas& named = shape.replica_of_slot;
  return shape.slots >= 1 && shape.replicas >= 1 &&
         (named.empty() || std::ssize(named) == shape.slots) &&
         named.is_within(-1, shape.replicas - 1);
}

void lose_replica(Shape& shape, int replica, const std::vector<std::size_t>& slots) {
  shape.replica_of_slot.lose(replica, slots);
  shape.slots = static_cast<int>(shape.replica_of_slot.size());
  --shape.replicas;
}

void add_replica(Shape& shape, int slots) {
  shape.replica_of_slot.add(shape.replicas, slots);
  shape.slots += slots;
  ++shape.replicas;
}

int slots_of_replica(const Shape& shape) {
  return shape.replica_of_slot.slots_of_each(shape.replicas);
}

bool Decision::usable(const NodeMemory& node) const {
  const bool leaves = node.leaves && m_.latest < *node.leaves + settings_.node_patience;
  return node.present && !node.drained && !leaves;
}

bool Decision::usable(Node node) const {
  const NodeMemory* found = m_.nodes.find(node);
  return found != nullptr && usable(*found);
}

int Decision::usable_count() {
  index_.settle(m_);
  return index_.steady() + static_cast<int>(std::ranges::count_if(
                               index_.leaving(), [&](Node node) { return usable(node); }));
}

std::vector<Node> Decision::spares(std::size_t most) {
  index_.settle(m_);
  std::vector<NodeIndex::Rank> leaving;
  for (const Node number : index_.leaving()) {
    const NodeMemory& node = m_.nodes.at(number);
    if (usable(node) && slot_of(number) < 0) {
      leaving.push_back({node.slow, static_cast<int>(node.failures.size()), number});
    }
  }
  std::ranges::sort(leaving);
  auto next = leaving.begin();
  std::vector<Node> out;
  const auto take = [&](const NodeIndex::Rank& rank) {
    if (out.size() < most) out.push_back(rank.node);
  };
  index_.each_spare([&](const NodeIndex::Rank& rank) {
    while (next != leaving.end() && *next < rank) take(*next++);
    take(rank);
    return out.size() < most;
  });
  while (next != leaving.end()) take(*next++);
  return out;
}

// The slots of those odd ones that cannot stay, or need not: of slow ones that are usable as many
// stay as are missing beside all that are not slow. In the order of the odd ones.
std::vector<std::size_t> Decision::giving_way(std::ptrdiff_t missing,
                                              const std::vector<Node>& others) {
  std::vector<std::size_t> out;
  const auto is_slow = [&](Node node) { return m_.nodes.at(node).slow; };
  std::ptrdiff_t slow_stay = missing - std::ssize(others) + std::ranges::count_if(others, is_slow);
  for (const auto& [place, node] : index_.odd()) {
    if (usable(node) && !is_slow(node)) --slow_stay;
  }
  for (const auto& [place, node] : index_.odd()) {
    if (usable(node) && (!is_slow(node) || slow_stay-- > 0)) continue;
    out.push_back(static_cast<std::size_t>(slot_of(node)));
  }
  return out;
}

// Nodes keep their slots where they can: what they hold on local disks and in caches stays of use.
// A slow one gives way to a spare that is not. REQUIRES: so many are usable.
SlotChange Decision::chosen(int count) {
  SlotChange out;
  if (count == std::ssize(m_.slots)) {
    out.put = with_spares();
    return out;
  }
  index_.settle(m_);
  const auto& odd = index_.odd();  // all others are usable and not slow
  const std::ptrdiff_t missing = count - std::ssize(m_.slots) + std::ssize(odd);
  const std::vector<Node> others =
      spares(static_cast<std::size_t>(std::max<std::ptrdiff_t>(missing, 0)));
  out.gone = giving_way(missing, others);
  std::ptrdiff_t stay = std::ssize(m_.slots) - std::ssize(out.gone);
  std::vector<std::size_t> last;  // of too many the last go
  auto gone = out.gone.rbegin();
  for (std::size_t slot = m_.slots.size(); stay > count && slot-- > 0;) {
    if (gone != out.gone.rend() && *gone == slot) {
      ++gone;
      continue;
    }
    last.push_back(slot);
    --stay;
  }
  out.gone.insert(out.gone.end(), last.begin(), last.end());
  std::ranges::sort(out.gone);
  out.added.assign(others.begin(), others.begin() + (count - stay));
  return out;
}

std::vector<Moved> Decision::with_spares() {
  index_.settle(m_);
  std::vector<Moved> out;
  const auto& odd = index_.odd();
  if (odd.empty()) return out;
  const std::vector<Node> others = spares(odd.size());
  auto next = others.begin();
  for (const std::size_t slot : giving_way(std::ssize(odd), others)) out.push_back({slot, *next++});
  return out;
}

int Decision::nodes_wanted() { return std::min(usable_count(), m_.full.shape.slots); }

void Decision::over(End end, const Why& why) {
  m_.phase = Phase::over;
  m_.end = end;
  if (end == End::gave_up) {
    act(GiveUp{}, why);
  } else {
    act(Finish{.done = end == End::done}, why);
  }
}

void Decision::wait(const Why& why) {
  if (m_.phase != Phase::waiting) act(Note{}, why);
  m_.phase = Phase::waiting;
}

void Decision::ask_plan(int nodes, const Why& why) {
  const bool asked = !m_.plans_asked.empty() && m_.plans_asked.back() == nodes;
  if (asked) return;
  m_.plans_asked.push_back(nodes);
  act(Replan{nodes}, why);
}

std::string Decision::why_over() const {
  if (!m_.give_up.empty()) return m_.give_up;
  const std::int64_t scale = scale_of(m_.full.shape);
  if (m_.fruitless >= settings_.retries * scale) {
    return fmt::format("{} starts in a row came no further than step {}", m_.fruitless, m_.best);
  }
  if (m_.started && m_.restarts >= settings_.restarts * scale) {
    return fmt::format("all {} restarts are used up", settings_.restarts * scale);
  }
  return "";
}

void Decision::start_or_wait(const Why& why) {
  if (m_.stops_asked > 0) return over(End::stopped, "stopped as asked");
  if (const std::string reason = why_over(); !reason.empty()) return over(End::gave_up, reason);
  if (m_.latest < m_.start_at) {
    return wait(Why("{}; the next start is in {:.0f} s: start {} in a row came no further", why,
                    (m_.start_at - m_.latest).in_base(), m_.fruitless));
  }
  const int wanted = nodes_wanted();
  if (settings_.resizes && wanted > m_.next.nodes) {
    ask_plan(wanted, fmt::format("{}; {} nodes are there, and the layout is for {}", why, wanted,
                                 m_.next.nodes));
    m_.phase = Phase::planning;
    return;
  }
  if (usable_count() >= m_.next.shape.slots) return start(why);
  if (!m_.short_since) m_.short_since = m_.latest;
  // (Where a larger layout was planned and never begun, those that are there are enough already.)
  const bool patient = usable_count() < m_.origin.shape.slots &&
                       m_.latest < *m_.short_since + settings_.node_patience;
  const Why few("{}; {} of {} nodes are there", why, usable_count(), m_.next.shape.slots);
  if (!settings_.resizes || wanted <= m_.unfit || patient) return wait(few);
  ask_plan(wanted, few);
  m_.phase = Phase::planning;
}

void Decision::start(const Why& why) {
  const SlotChange change = chosen(m_.next.shape.slots);
  std::vector<Node> come = change.added, fresh, other;
  for (const Moved& one : change.put) come.push_back(one.node);
  for (const Node node : come) {
    NodeMemory& it = m_.nodes.at(node);
    (it.used ? other : fresh).push_back(node);
    it.used = true;
  }
  const auto count = static_cast<std::size_t>(m_.next.shape.slots);
  const bool moves_up = !change.gone.empty() && change.gone.front() < count;
  const bool resized = m_.next.shape != m_.shape;
  GenerationMemory present;
  Why how = "on the same nodes";
  if (!m_.started) {
    present.how = How::first;
    how = Why("on {}", Listed{std::move(come)});
  } else if (resized) {
    present.how = How::resized;
    how = Why("in a layout for {} nodes", m_.next.shape.slots);
  } else if (come.empty() && !moves_up) {
    present.how = How::in_place;
  } else {
    present.how = fresh.empty() ? How::elsewhere : How::spare;
    how = fresh.empty() ? Why("with {}", Listed{std::move(other)})
                        : Why("with spare {}", Listed{std::move(fresh)});
  }
  const Step from = m_.commits.empty() ? 0 : m_.commits.back();
  if (m_.distrusted && *m_.distrusted > from) present.from_step = from;
  // What was found clean behind it was found so of steps that are done anew now.
  m_.clean = std::min(m_.clean, from);
  m_.rolling_back = false;
  if (m_.started) ++m_.restarts;
  m_.started = true;
  m_.short_since.reset();
  if (m_.origin != m_.next) {
    m_.origin = m_.next;
    index_.origin_changed();
  }
  if (resized) m_.shape = m_.next.shape;
  index_.change_slots(m_, change);
  m_.present = present;
  m_.phase = Phase::training;
  ++m_.generation;
  act(Start{m_.generation, present.how, m_.slots, present.from_step, m_.skipped},
      Why("{}; starts {} from step {}", why, how, from));
}

// ---- what a living generation gains by other nodes ----

// As many at once as can be: the others stand while they regroup.
bool Decision::join_replicas() {
  if (settings_.on_lost_replica != LostReplica::go_on || !m_.shape.replicas_whole ||
      m_.shape.replicas >= m_.origin.shape.replicas || !m_.present.stepped) {
    return false;
  }
  const int slots = index_.slots_of_replica(m_);
  if (slots == 0) return false;
  const int missing = m_.origin.shape.replicas - m_.shape.replicas;
  std::vector<Node> joining = spares(static_cast<std::size_t>(slots * missing));
  const int replicas = static_cast<int>(joining.size()) / slots;
  if (replicas == 0) return false;
  joining.resize(static_cast<std::size_t>(replicas * slots));
  index_.change_slots(m_, {.added = joining});
  for (int i = 0; i < replicas; ++i) add_replica(m_.shape, slots);
  for (const Node node : joining) m_.nodes.at(node).used = true;
  const std::string as = replicas == 1 ? "the last replica" : fmt::format("{} replicas", replicas);
  regroup(std::nullopt, joining, Why("{} can train as {} again", Listed{joining}, as));
  return true;
}

void Decision::regroup(std::optional<int> lost, std::vector<Node> joining, Why why) {
  m_.present = {.how = m_.present.how, .regrouped = true};
  m_.phase = Phase::regrouping;
  ++m_.generation;
  m_.present.regroup =
      Regroup{m_.generation, m_.slots, m_.shape.replicas, lost, std::move(joining)};
  act(*m_.present.regroup, std::move(why));
}

std::optional<Why> Decision::why_move() {
  if (m_.phase != Phase::training) return std::nullopt;
  if (m_.next.shape.slots > m_.origin.shape.slots && usable_count() >= m_.next.shape.slots) {
    return Why("there are nodes for a layout of {}", m_.next.shape.slots);
  }
  index_.settle(m_);
  if (index_.odd().empty()) return std::nullopt;
  const std::vector<Node> others = spares(1);
  for (const auto& [place, node] : index_.odd()) {
    const NodeMemory& it = m_.nodes.at(node);
    if (it.present && !usable(it) && usable_count() >= m_.next.shape.slots) {
      return Why("node {} {}", node, it.drained ? "is drained" : "will be taken away");
    }
    if (it.slow && !others.empty() && !m_.nodes.at(others.front()).slow) {
      return Why("node {} is slow, and a spare is there", node);
    }
  }
  return std::nullopt;
}

void Decision::ask_save(const Why& why) {
  if (m_.present.save_asked) return;
  m_.present.save_asked = true;
  act(SaveNow{m_.generation}, why);
}

void Decision::improve() {
  if (m_.phase != Phase::training || join_replicas()) return;
  if (settings_.resizes && m_.plans_asked.empty() && m_.next.nodes < m_.full.shape.slots &&
      nodes_wanted() == m_.full.shape.slots) {
    ask_plan(m_.full.shape.slots, "there are nodes for the full layout again");
  }
  if (const std::optional<Why> why = why_move()) {
    ask_save(Why("{}: saves first, then starts there", *why));
  }
}

void Decision::on(const Planned& event) {
  if (m_.plans_asked.empty()) return;
  const int asked = m_.plans_asked.front();
  m_.plans_asked.erase(m_.plans_asked.begin());
  if (!m_.plans_asked.empty()) return;  // a later one is what counts
  const bool fits = event.shape && is_valid(*event.shape) && event.shape->slots <= asked;
  if (fits) {
    m_.next = {*event.shape, asked};
  } else if (asked > m_.next.nodes) {
    m_.next.nodes = asked;  // what is known is the best for so many, too
  } else {
    m_.unfit = asked;
  }
  if (m_.phase == Phase::training) return improve();
  if (m_.phase != Phase::planning) return;
  start_or_wait(fits ? fmt::format("a layout for {} nodes was found", asked)
                     : fmt::format("no layout for {} nodes was found", asked));
}

// ---- ends ----

void Decision::stop_saved() {
  m_.phase = Phase::stopping;
  m_.present.killed = false;
  act(StopSaved{m_.generation}, "a stop was asked for: saves and ends");
}

void Decision::on(const StopAsked&) {
  ++m_.stops_asked;
  switch (m_.phase) {
    case Phase::training:
      return stop_saved();
    case Phase::regrouping:  // it saves once it knows who it is
      if (m_.stops_asked > 1) kill("a stop was asked for twice: ends without saving");
      return;
    case Phase::stopping:
      if (!m_.present.killed) kill("a stop was asked for twice: ends without saving");
      return;
    case Phase::idle:
    case Phase::waiting:
    case Phase::planning:
      return over(End::stopped, "stopped as asked");
    case Phase::over:
      return;
  }
}

void Decision::on(const Tick&) {
  if (m_.phase == Phase::waiting) start_or_wait("it is time");
}

}  // namespace celere::policy

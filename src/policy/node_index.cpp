#include "policy/node_index.hpp"

#include <algorithm>

#include "policy/decision.hpp"

namespace celere::policy {

void NodeIndex::rebuild(const Memory& memory, int node_failures) {
  *this = {};
  node_failures_ = std::max(node_failures, 0);
  for (std::size_t i = 0; i < memory.slots.size(); ++i) {
    places_.push_back(static_cast<Place>(i));
    entries_[memory.slots[i]].place = places_.back();
  }
  memory.nodes.each([&](Node node, const NodeMemory& it) { count_anew(node, entries_[node], it); });
}

void NodeIndex::count_anew(Node node, IndexedNode& entry, const NodeMemory& memory) {
  IndexedNode now = entry;
  const bool there = memory.present && !memory.drained;
  now.steady = there && !memory.leaves;
  now.slow = memory.slow;
  now.failures = static_cast<int>(memory.failures.size());
  now.leaving = there && memory.leaves.has_value();
  now.lemon = !memory.drained && now.failures >= node_failures_;
  now.odd = now.place >= 0 && (!now.steady || now.slow);
  now.spare = now.place < 0 && now.steady;
  const IndexedNode before = std::exchange(entry, now);
  if (now == before) return;  // mostly what changed does not count here
  steady_ += (now.steady ? 1 : 0) - (before.steady ? 1 : 0);
  if (before.spare) spares_like(before).erase(node);
  if (now.spare) spares_like(now).insert(node);
  if (before.leaving) leaving_.erase(node);
  if (now.leaving) leaving_.insert(node);
  if (before.lemon) lemons_.erase(node);
  if (now.lemon) lemons_.insert(node);
  if (before.odd) odd_.erase({before.place, node});
  if (now.odd) odd_.emplace(now.place, node);
}

void NodeIndex::move_to(Place place, Node node, IndexedNode& entry) {
  if (entry.odd) odd_.erase({entry.place, node});
  if (entry.spare) spares_like(entry).erase(node);
  entry.place = place;
  entry.odd = place >= 0 && (!entry.steady || entry.slow);
  entry.spare = place < 0 && entry.steady;
  if (entry.odd) odd_.emplace(place, node);
  if (entry.spare) spares_like(entry).insert(node);
}

NodeSet& NodeIndex::spares_like(const IndexedNode& entry) {
  std::vector<NodeSet>& like = spares_[entry.slow ? 1 : 0];
  const auto failures = static_cast<std::size_t>(entry.failures);
  if (failures >= like.size()) like.resize(failures + 1);
  return like[failures];
}

void NodeIndex::settle(const Memory& memory) {
  for (const Node node : changed_) {
    const NodeMemory* found = memory.nodes.find(node);
    if (found != nullptr) count_anew(node, entries_[node], *found);
  }
  changed_.clear();
}

void NodeIndex::change_slots(Memory& memory, const SlotChange& change) {
  settle(memory);
  std::vector<Node>& slots = memory.slots.change();
  const auto lose = [&](std::size_t slot) { move_to(-1, slots[slot], entries_[slots[slot]]); };
  const auto gain = [&](Node node, Place place) {
    IndexedNode& entry = entries_[node];
    CHECK(entry.place < 0);
    move_to(place, node, entry);
  };
  for (const Moved& one : change.put) lose(one.slot);
  for (const std::size_t slot : change.gone) lose(slot);
  for (const Moved& one : change.put) {
    slots[one.slot] = one.node;
    gain(one.node, places_[one.slot]);
  }
  erase_at(slots, change.gone);
  erase_at(places_, change.gone);
  for (const Node node : change.added) {
    slots.push_back(node);
    places_.push_back(places_.empty() ? 0 : places_.back() + 1);
    gain(node, places_.back());
  }
  // Places only grow.
  constexpr Place most = 2'000'000'000;
  if (!places_.empty() && places_.back() > most) rebuild(memory, node_failures_);
}

bool NodeIndex::has_slot(Node node) const {
  const IndexedNode* found = entries_.find(node);
  return found != nullptr && found->place >= 0;
}

int NodeIndex::slot_of(Node node) const {
  const IndexedNode* found = entries_.find(node);
  if (found == nullptr || found->place < 0) return -1;
  // As many slots have gone before it as places are missing in all, at most.
  const auto slots = static_cast<Place>(places_.size());
  const Place missing = places_.back() + 1 - slots;
  const auto first = places_.begin() + std::max(found->place - missing, 0);
  const auto last = places_.begin() + std::min(found->place + 1, slots);
  return static_cast<int>(std::lower_bound(first, last, found->place) - places_.begin());
}

int NodeIndex::slots_of_replica(const Memory& memory) {
  if (!slots_of_replica_) slots_of_replica_ = policy::slots_of_replica(memory.origin.shape);
  return *slots_of_replica_;
}

}  // namespace celere::policy

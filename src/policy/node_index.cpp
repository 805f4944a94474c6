#include "policy/node_index.hpp"

#include <algorithm>

#include "policy/decision.hpp"

namespace celere::policy {

void NodeIndex::rebuild(const Memory& memory, int node_failures) {
  *this = {};
  node_failures_ = static_cast<std::size_t>(std::max(node_failures, 0));
  for (std::size_t i = 0; i < memory.slots.size(); ++i) {
    places_.push_back(static_cast<Place>(i));
    entries_[memory.slots[i]].place = places_.back();
  }
  memory.nodes.each([&](Node node, const NodeMemory& it) { enter(node, entries_[node], it); });
}

void NodeIndex::leave(Node node, IndexedNode& entry) {
  if (!entry.known) return;
  if (entry.steady) {
    --steady_;
    if (entry.spare) spares_.erase({entry.slow, entry.failures, node});
  }
  if (entry.leaving) leaving_.erase(node);
  if (entry.lemon) lemons_.erase(node);
  if (entry.odd) odd_.erase({entry.odd_place, node});
  entry.known = false;
}

void NodeIndex::enter(Node node, IndexedNode& entry, const NodeMemory& memory) {
  entry = counted(entry.place, memory);
  if (entry.steady) {
    ++steady_;
    if (entry.spare) spares_.emplace(entry.slow, entry.failures, node);
  }
  if (entry.leaving) leaving_.insert(node);
  if (entry.lemon) lemons_.insert(node);
  if (entry.odd) odd_.emplace(entry.place, node);
}

IndexedNode NodeIndex::counted(Place place, const NodeMemory& memory) const {
  const bool there = memory.present && !memory.drained;
  IndexedNode out{
      .place = place, .known = true, .steady = there && !memory.leaves, .slow = memory.slow};
  out.failures = memory.failures.size();
  out.odd = place >= 0 && (!out.steady || out.slow);
  out.odd_place = place;
  out.spare = out.steady && place < 0;
  out.leaving = there && memory.leaves.has_value();
  out.lemon = !memory.drained && out.failures >= node_failures_;
  return out;
}

void NodeIndex::settle(const Memory& memory) {
  if (changed_.empty()) return;
  // Mostly what changed does not count here.
  std::erase_if(changed_, [&](Node node) {
    const NodeMemory* found = memory.nodes.find(node);
    const IndexedNode* entry = entries_.find(node);
    return found != nullptr && entry != nullptr && *entry == counted(entry->place, *found);
  });
  // All leave first: one may take the slot of another.
  for (const Node node : changed_) leave(node, entries_[node]);
  for (const Node node : changed_) {
    IndexedNode& entry = entries_[node];
    const NodeMemory* found = memory.nodes.find(node);
    if (!entry.known && found != nullptr) enter(node, entry, *found);
  }
  changed_.clear();
}

void NodeIndex::change_slots(Memory& memory, const SlotChange& change) {
  settle(memory);
  std::vector<Node>& slots = memory.slots.change();
  const auto lose = [&](std::size_t slot) {
    entries_[slots[slot]].place = -1;
    changed(slots[slot]);
  };
  const auto gain = [&](Node node, Place place) {
    IndexedNode& entry = entries_[node];
    CHECK_EQ(entry.place, -1);
    entry.place = place;
    changed(node);
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
  settle(memory);
}

int NodeIndex::slot_of(Node node) const {
  const IndexedNode* found = entries_.find(node);
  if (found == nullptr || found->place < 0) return -1;
  return static_cast<int>(std::ranges::lower_bound(places_, found->place) - places_.begin());
}

int NodeIndex::slots_of_replica(const Memory& memory) {
  if (!slots_of_replica_) slots_of_replica_ = policy::slots_of_replica(memory.origin.shape);
  return *slots_of_replica_;
}

}  // namespace celere::policy

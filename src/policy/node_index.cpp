#include "policy/node_index.hpp"

#include <algorithm>

namespace celere::policy {

std::vector<Moved> differing(const std::vector<Node>& before, const std::vector<Node>& after) {
  std::vector<Moved> out;
  for (std::size_t slot = 0; slot < after.size(); ++slot) {
    if (slot >= before.size() || before[slot] != after[slot]) out.push_back({slot, after[slot]});
  }
  return out;
}

void NodeIndex::rebuild(const Memory& memory, int node_failures) {
  *this = {};
  node_failures_ = static_cast<std::size_t>(std::max(node_failures, 0));
  for (std::size_t i = 0; i < memory.slots.size(); ++i) {
    entries_[memory.slots[i]].slot = static_cast<int>(i);
  }
  memory.nodes.each([&](Node node, const NodeMemory& it) { enter(node, entries_[node], it); });
}

void NodeIndex::leave(Node node, Entry& entry) {
  if (!entry.known) return;
  if (entry.steady) {
    --steady_;
    if (entry.spare) spares_.erase({entry.slow, entry.failures, node});
  }
  if (entry.leaving) leaving_.erase(node);
  if (entry.lemon) lemons_.erase(node);
  if (entry.odd) odd_slots_.erase(entry.odd_slot);
  entry.known = false;
}

void NodeIndex::enter(Node node, Entry& entry, const NodeMemory& memory) {
  entry = counted(entry.slot, memory);
  if (entry.steady) {
    ++steady_;
    if (entry.spare) spares_.emplace(entry.slow, entry.failures, node);
  }
  if (entry.leaving) leaving_.insert(node);
  if (entry.lemon) lemons_.insert(node);
  if (entry.odd) odd_slots_.insert(entry.slot);
}

NodeIndex::Entry NodeIndex::counted(int slot, const NodeMemory& memory) const {
  const bool there = memory.present && !memory.drained;
  Entry out{.slot = slot, .known = true, .steady = there && !memory.leaves, .slow = memory.slow};
  out.failures = memory.failures.size();
  out.odd = slot >= 0 && (!out.steady || out.slow);
  out.odd_slot = slot;
  out.spare = out.steady && slot < 0;
  out.leaving = there && memory.leaves.has_value();
  out.lemon = !memory.drained && out.failures >= node_failures_;
  return out;
}

void NodeIndex::settle(const Memory& memory) {
  if (changed_.empty()) return;
  // Mostly what changed does not count here.
  std::erase_if(changed_, [&](Node node) {
    const NodeMemory* found = memory.nodes.find(node);
    const Entry* entry = entries_.find(node);
    return found != nullptr && entry != nullptr && *entry == counted(entry->slot, *found);
  });
  // All leave first: one may take the slot of another.
  for (const Node node : changed_) leave(node, entries_[node]);
  for (const Node node : changed_) {
    Entry& entry = entries_[node];
    const NodeMemory* found = memory.nodes.find(node);
    if (!entry.known && found != nullptr) enter(node, entry, *found);
  }
  changed_.clear();
}

void NodeIndex::set_slots(Memory& memory, int count, const std::vector<Moved>& moved) {
  settle(memory);
  std::vector<Node>& slots = memory.slots.change();
  const auto lose = [&](std::size_t slot) {
    entries_[slots[slot]].slot = -1;
    changed(slots[slot]);
  };
  for (const Moved& one : moved) {
    if (one.slot < slots.size()) lose(one.slot);
  }
  for (auto slot = static_cast<std::size_t>(count); slot < slots.size(); ++slot) lose(slot);
  slots.resize(static_cast<std::size_t>(count));
  for (const Moved& one : moved) {
    slots[one.slot] = one.node;
    entries_[one.node].slot = static_cast<int>(one.slot);
    changed(one.node);
  }
  settle(memory);
}

void NodeIndex::set_slots(Memory& memory, const std::vector<Node>& slots) {
  set_slots(memory, static_cast<int>(slots.size()), differing(memory.slots, slots));
}

int NodeIndex::slot_of(Node node) const {
  const Entry* found = entries_.find(node);
  return found == nullptr ? -1 : found->slot;
}

}  // namespace celere::policy

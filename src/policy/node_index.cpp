#include "policy/node_index.hpp"

#include <algorithm>
#include <utility>

namespace celere::policy {

// In blocks, which the machine compares at once: mostly one place of thousands differs.
std::vector<std::size_t> differing(const std::vector<Node>& one, const std::vector<Node>& other) {
  constexpr std::size_t block = 64;
  const std::size_t common = std::min(one.size(), other.size());
  std::vector<std::size_t> out;
  for (std::size_t begin = 0; begin < common; begin += block) {
    const std::size_t end = std::min(begin + block, common);
    if (std::equal(one.data() + begin, one.data() + end, other.data() + begin)) continue;
    for (std::size_t i = begin; i < end; ++i) {
      if (one[i] != other[i]) out.push_back(i);
    }
  }
  for (std::size_t i = common; i < std::max(one.size(), other.size()); ++i) out.push_back(i);
  return out;
}

void NodeIndex::rebuild(const Memory& memory, int node_failures) {
  *this = {};
  node_failures_ = static_cast<std::size_t>(std::max(node_failures, 0));
  for (std::size_t i = 0; i < memory.slots.size(); ++i) {
    entries_[memory.slots[i]].slot = static_cast<int>(i);
  }
  for (const auto& [node, it] : memory.nodes) enter(node, entries_[node], it);
}

void NodeIndex::leave(Node node, Entry& entry) {
  if (!entry.known) return;
  if (entry.steady) {
    --steady_;
    spares_.erase({entry.slow, entry.failures, node});
  }
  leaving_.erase(node);
  lemons_.erase(node);
  if (entry.odd) odd_slots_.erase(entry.odd_slot);
  entry.known = false;
}

void NodeIndex::enter(Node node, Entry& entry, const NodeMemory& memory) {
  const bool there = memory.present && !memory.drained;
  entry.known = true;
  entry.steady = there && !memory.leaves;
  entry.slow = memory.slow;
  entry.failures = memory.failures.size();
  entry.odd = entry.slot >= 0 && (!entry.steady || entry.slow);
  entry.odd_slot = entry.slot;
  if (entry.steady) {
    ++steady_;
    if (entry.slot < 0) spares_.emplace(entry.slow, entry.failures, node);
  }
  if (there && memory.leaves) leaving_.insert(node);
  if (!memory.drained && entry.failures >= node_failures_) lemons_.insert(node);
  if (entry.odd) odd_slots_.insert(entry.slot);
}

void NodeIndex::settle(const Memory& memory) {
  if (changed_.empty()) return;
  // All leave first: one may take the slot of another.
  for (const Node node : changed_) leave(node, entries_[node]);
  for (const Node node : changed_) {
    Entry& entry = entries_[node];
    const auto found = memory.nodes.find(node);
    if (!entry.known && found != memory.nodes.end()) enter(node, entry, found->second);
  }
  changed_.clear();
}

void NodeIndex::set_slots(Memory& memory, const std::vector<Node>& slots,
                          const std::vector<std::size_t>& places) {
  settle(memory);
  const std::vector<Node>& old = memory.slots;
  constexpr int left = -2;
  for (const std::size_t i : places) {
    if (i < old.size()) entries_[old[i]].slot = left;
  }
  for (const std::size_t i : places) {
    if (i >= slots.size()) break;
    Entry& entry = entries_[slots[i]];
    // One that only moves, as all behind a lost replica do, counts as before.
    const bool moves = entry.slot == left && !entry.odd;
    entry.slot = static_cast<int>(i);
    if (!moves) changed(slots[i]);
  }
  for (const std::size_t i : places) {
    if (i >= old.size()) break;
    Entry& entry = entries_[old[i]];
    if (entry.slot != left) continue;
    entry.slot = -1;
    changed(old[i]);
  }
  memory.slots.resize(slots.size());
  for (const std::size_t i : places) {
    if (i < slots.size()) memory.slots[i] = slots[i];
  }
  settle(memory);
}

int NodeIndex::slot_of(Node node) const {
  const auto found = entries_.find(node);
  return found == entries_.end() ? -1 : found->second.slot;
}

}  // namespace celere::policy

// What recovery asks of all nodes at once, kept up as single nodes change, so that a failure among
// forty thousand nodes costs what one among eight does. It follows from Memory alone: whoever has
// read that back builds it anew, and decides the same.
#pragma once

#include <set>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "policy/memory.hpp"

namespace celere::policy {

// Where two lists of nodes differ, ascending; so does every place that only one of them has.
std::vector<std::size_t> differing(const std::vector<Node>& one, const std::vector<Node>& other);

class NodeIndex {
 public:
  void rebuild(const Memory& memory, int node_failures);
  // What is remembered of this node was changed: said behind the change, before the next question.
  void changed(Node node) { changed_.push_back(node); }
  // Takes the changes in. The questions below are answered as of the last time.
  void settle(const Memory& memory);
  // Memory's slots become these; `places`: where they differ.
  void set_slots(Memory& memory, const std::vector<Node>& slots,
                 const std::vector<std::size_t>& places);
  void set_slots(Memory& memory, const std::vector<Node>& slots) {
    set_slots(memory, slots, differing(memory.slots, slots));
  }

  int slot_of(Node node) const;  // -1: none
  // Nodes that are there, not drained and not leaving: can be used whatever the time is.
  int steady() const { return steady_; }
  // Those that are there, not drained, and have been told that they leave.
  const std::set<Node>& leaving() const { return leaving_; }
  // Steady nodes without a slot, the best first: by slow, failures, number.
  const std::set<std::tuple<bool, std::size_t, Node>>& spares() const { return spares_; }
  // Slots whose node is not steady, or is slow.
  const std::set<int>& odd_slots() const { return odd_slots_; }
  // Nodes with so many failures that they are to be drained, and are not.
  const std::set<Node>& lemons() const { return lemons_; }

 private:
  struct Entry {
    int slot = -1;
    bool known = false;  // the rest is what it counts as
    bool steady = false, slow = false, odd = false;
    int odd_slot = -1;
    std::size_t failures = 0;
  };
  void leave(Node node, Entry& entry);
  void enter(Node node, Entry& entry, const NodeMemory& memory);

  std::unordered_map<Node, Entry> entries_;
  std::vector<Node> changed_;
  std::size_t node_failures_ = 1;
  int steady_ = 0;
  std::set<Node> leaving_, lemons_;
  std::set<std::tuple<bool, std::size_t, Node>> spares_;
  std::set<int> odd_slots_;
};

}  // namespace celere::policy

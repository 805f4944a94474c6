// What recovery asks of all nodes at once, kept up as single nodes change, so that a failure among
// forty thousand nodes costs what one among eight does. It follows from Memory alone: whoever has
// read that back builds it anew, and decides the same.
#pragma once

#include <set>
#include <tuple>
#include <vector>

#include "policy/memory.hpp"

namespace celere::policy {

// A node comes into a slot.
struct Moved {
  std::size_t slot = 0;
  Node node = 0;
};
// Who came where, ascending; slots may be fewer or more than before.
std::vector<Moved> differing(const std::vector<Node>& before, const std::vector<Node>& after);

class NodeIndex {
 public:
  void rebuild(const Memory& memory, int node_failures);
  // What is remembered of this node was changed: said behind the change, before the next question.
  void changed(Node node) { changed_.push_back(node); }
  // Takes the changes in. The questions below are answered as of the last time.
  void settle(const Memory& memory);
  // Memory's slots are so many, with these nodes in these; the others stay who they are.
  void set_slots(Memory& memory, int count, const std::vector<Moved>& moved);
  void set_slots(Memory& memory, const std::vector<Node>& slots);

  int slot_of(Node node) const;  // -1: none
  // Nodes that are there, not drained and not leaving: can be used whatever the time is.
  int steady() const { return steady_; }
  // Those that are there, not drained, and have been told that they leave.
  const std::set<Node>& leaving() const { return leaving_; }
  // Steady nodes without a slot, the best first: by slow, failures, number.
  using Rank = std::tuple<bool, std::size_t, Node>;
  const std::set<Rank>& spares() const { return spares_; }
  // Slots whose node is not steady, or is slow.
  const std::set<int>& odd_slots() const { return odd_slots_; }
  // Nodes with so many failures that they are to be drained, and are not.
  const std::set<Node>& lemons() const { return lemons_; }

 private:
  struct Entry {
    int slot = -1;
    bool known = false;  // the rest is what it counts as
    bool steady = false, slow = false, odd = false, spare = false, leaving = false, lemon = false;
    int odd_slot = -1;
    std::size_t failures = 0;
    friend bool operator==(const Entry&, const Entry&) = default;
  };
  Entry counted(int slot, const NodeMemory& memory) const;
  void leave(Node node, Entry& entry);
  void enter(Node node, Entry& entry, const NodeMemory& memory);

  NodeTable<Entry> entries_;
  std::vector<Node> changed_;
  std::size_t node_failures_ = 1;
  int steady_ = 0;
  std::set<Node> leaving_, lemons_;
  std::set<Rank> spares_;
  std::set<int> odd_slots_;
};

}  // namespace celere::policy

// What recovery asks of all nodes at once, kept up as single nodes change, so that a failure among
// forty thousand nodes costs what one among eight does. It follows from Memory alone: whoever has
// read that back builds it anew, and decides the same.
//
// Slots come and go, too: one that goes moves all behind it up by one. So each slot has a place, a
// number that it keeps, which grows with the slots; the number of a slot is counted from its place
// when it is asked for, and a replica that is lost or joins changes its own nodes alone.
#pragma once

#include <array>
#include <compare>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "policy/memory.hpp"
#include "policy/node_set.hpp"

namespace celere::policy {

// A node comes into a slot.
struct Moved {
  std::size_t slot = 0;
  Node node = 0;
};
// In this order: who comes into slots that are there, which slots go (those behind move up), and
// who comes into new ones at the end. Slots are numbered as before it, and ascend.
struct SlotChange {
  std::vector<Moved> put = {};
  std::vector<std::size_t> gone = {};
  std::vector<Node> added = {};
};

// What one node counts as.
struct IndexedNode {
  int place = -1;  // of its slot; -1: none
  int failures = 0;
  bool steady = false, slow = false, odd = false, spare = false, leaving = false, lemon = false;
  friend bool operator==(const IndexedNode&, const IndexedNode&) = default;
};

class NodeIndex {
 public:
  void rebuild(const Memory& memory, int node_failures);
  // What is remembered of this node was changed: said behind the change, before the next question.
  void changed(Node node) { changed_.push_back(node); }
  // Takes the changes in. The questions below are answered as of the last time.
  void settle(const Memory& memory);
  // Who is put or added has no slot before, or loses it by the same change.
  void change_slots(Memory& memory, const SlotChange& change);
  // Memory's origin is another.
  void origin_changed() { slots_of_replica_.reset(); }

  int slot_of(Node node) const;  // -1: none
  bool has_slot(Node node) const;
  // Nodes that are there, not drained and not leaving: can be used whatever the time is.
  int steady() const { return steady_; }
  // Those that are there, not drained, and have been told that they leave.
  const std::set<Node>& leaving() const { return leaving_; }
  // Steady nodes without a slot, the best first: by slow, failures, number. Until `visit` says
  // false.
  struct Rank {
    bool slow = false;
    int failures = 0;
    Node node = 0;
    friend auto operator<=>(const Rank&, const Rank&) = default;
  };
  template <typename Visit>
  void each_spare(const Visit& visit) const {
    for (const bool slow : {false, true}) {
      int failures = 0;
      for (const NodeSet& nodes : spares_[slow ? 1 : 0]) {
        const auto of_rank = [&](Node node) { return visit(Rank{slow, failures, node}); };
        if (!nodes.each(of_rank)) return;
        ++failures;
      }
    }
  }
  // Nodes with a slot that are not steady, or slow, in the order of their slots.
  using Place = int;
  const std::set<std::pair<Place, Node>>& odd() const { return odd_; }
  // Nodes with so many failures that they are to be drained, and are not.
  const std::set<Node>& lemons() const { return lemons_; }
  // Of Memory's origin, as slots_of_replica() of decision.hpp has it.
  int slots_of_replica(const Memory& memory);

 private:
  void count_anew(Node node, IndexedNode& entry, const NodeMemory& memory);
  void move_to(Place place, Node node, IndexedNode& entry);  // all else stays; -1: out of its slot
  NodeSet& spares_like(const IndexedNode& entry);

  NodeTable<IndexedNode> entries_;
  std::vector<Place> places_;  // of each slot, ascending
  std::vector<Node> changed_;
  int node_failures_ = 1;
  int steady_ = 0;
  std::set<Node> leaving_, lemons_;
  std::array<std::vector<NodeSet>, 2> spares_;  // by slow, failures
  std::set<std::pair<Place, Node>> odd_;
  std::optional<int> slots_of_replica_;  // nothing: not counted yet
};

}  // namespace celere::policy

// What the index says of nodes and slots after thousands of changes is what counting says.
#include "policy/node_index.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/prng.hpp"
#include "policy/decision.hpp"

namespace celere::policy {
namespace {

constexpr int nodes = 40, lemon_from = 2;

// Counts all anew.
struct Slow {
  explicit Slow(const Memory& of) : memory(of) {
    memory.nodes.each([&](Node node, const NodeMemory& it) {
      const bool there = it.present && !it.drained, is_steady = there && !it.leaves;
      const int slot = slot_of(node);
      steady += is_steady ? 1 : 0;
      if (there && it.leaves) leaving.insert(node);
      const auto failures = static_cast<int>(it.failures.size());
      if (is_steady && slot < 0) spares.push_back({it.slow, failures, node});
      if (slot >= 0 && (!is_steady || it.slow)) odd.emplace_back(slot, node);
      if (!it.drained && failures >= lemon_from) lemons.insert(node);
    });
    std::ranges::sort(odd);
    std::ranges::sort(spares);
  }
  int slot_of(Node node) const {
    const auto at = std::ranges::find(memory.slots, node);
    return at == memory.slots.end() ? -1 : static_cast<int>(at - memory.slots.begin());
  }
  const Memory& memory;
  int steady = 0;
  std::set<Node> leaving, lemons;
  std::vector<NodeIndex::Rank> spares;
  std::vector<std::pair<int, Node>> odd;  // slot, node
};

void expect_same(const NodeIndex& index, const Memory& memory) {
  const Slow slow(memory);
  EXPECT_EQ(index.steady(), slow.steady);
  EXPECT_EQ(index.leaving(), slow.leaving);
  EXPECT_EQ(index.lemons(), slow.lemons);
  std::vector<NodeIndex::Rank> spares;
  index.each_spare([&](const NodeIndex::Rank& rank) {
    spares.push_back(rank);
    return true;
  });
  EXPECT_EQ(spares, slow.spares);
  std::vector<std::pair<int, Node>> odd;
  for (const auto& [place, node] : index.odd()) odd.emplace_back(index.slot_of(node), node);
  EXPECT_EQ(odd, slow.odd);
  for (Node node = -1; node <= nodes; ++node) {
    EXPECT_EQ(index.slot_of(node), slow.slot_of(node));
    EXPECT_EQ(index.has_slot(node), slow.slot_of(node) >= 0);
  }
}

class Changes {
 public:
  explicit Changes(std::uint64_t seed) : prng_(seed, 0) {}

  bool one_of(std::uint64_t n) { return prng_.below(n) == 0; }
  NodeMemory node() {
    NodeMemory out{.present = !one_of(8), .drained = one_of(8), .slow = one_of(8)};
    if (one_of(8)) out.leaves = Instant{};
    out.failures.resize(prng_.below(lemon_from + 2));
    return out;
  }
  // Some slots go, some get another node, and some are new: of nodes that have none.
  SlotChange slots(const Memory& memory) {
    std::vector<Node> free;
    for (Node node = 0; node < nodes; ++node) {
      if (std::ranges::find(memory.slots, node) == memory.slots.end()) free.push_back(node);
    }
    const auto take = [&] {
      std::swap(free[prng_.below(free.size())], free.back());
      const Node out = free.back();
      free.pop_back();
      return out;
    };
    SlotChange out;
    for (std::size_t slot = 0; slot < memory.slots.size(); ++slot) {
      if (one_of(4)) {
        out.gone.push_back(slot);
      } else if (one_of(8) && !free.empty()) {
        out.put.push_back({slot, take()});
      }
    }
    while (!free.empty() && !one_of(5)) out.added.push_back(take());
    return out;
  }

 private:
  Prng prng_;
};

TEST(NodeIndex, says_what_counting_says) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Changes changes(seed);
    Memory memory;
    NodeIndex index;
    index.rebuild(memory, lemon_from);
    for (Node node = 0; node < nodes; ++node) {
      memory.nodes[node] = changes.node();
      index.changed(node);
    }
    for (int round = 0; round < 200; ++round) {
      for (Node node = 0; node < nodes; ++node) {
        if (!changes.one_of(10)) continue;
        memory.nodes[node] = changes.node();
        index.changed(node);
      }
      const SlotChange change = changes.slots(memory);
      std::vector<Node> after = memory.slots;
      for (const Moved& one : change.put) after[one.slot] = one.node;
      for (auto slot = change.gone.rbegin(); slot != change.gone.rend(); ++slot) {
        after.erase(after.begin() + static_cast<std::ptrdiff_t>(*slot));
      }
      after.insert(after.end(), change.added.begin(), change.added.end());
      index.change_slots(memory, change);
      ASSERT_EQ(memory.slots.list(), after);
      expect_same(index, memory);
      if (round % 50 == 49) index.rebuild(memory, lemon_from);
      expect_same(index, memory);
      if (HasFailure()) return;
    }
  }
}

// The bits of a word, of its neighbours, of another thousand, and numbers that have no bit.
TEST(NodeSet, holds_what_a_set_holds) {
  Prng prng(2, 0);
  constexpr std::array<Node, 5> from = {0, 60, 5000, (1 << 20) - 3, -2};
  NodeSet set;
  std::set<Node> held;
  for (int round = 0; round < 20'000; ++round) {
    const Node node = from[prng.below(from.size())] + static_cast<Node>(prng.below(9));
    if (prng.below(2) == 0) {
      set.insert(node);
      held.insert(node);
    } else {
      set.erase(node);
      held.erase(node);
    }
    if (round % 50 != 0) continue;
    std::vector<Node> all(held.begin(), held.end()), found;
    const std::size_t most = prng.below(all.size() + 2);
    const bool whole = set.each([&](Node one) {
      if (found.size() == most) return false;
      found.push_back(one);
      return true;
    });
    EXPECT_EQ(whole, most >= all.size());
    all.resize(std::min(most, all.size()));
    ASSERT_EQ(found, all) << "round " << round;
  }
}

// Replicas of rows of two slots, in turn: 0 0 1 1 2 2 0 0 1 1 2 2.
TEST(Shape, loses_a_replica_and_gets_one) {
  Shape shape{.slots = 12, .replicas = 3, .replica_of_slot = {0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2}};
  EXPECT_EQ(slots_of_replica(shape), 4);
  const std::vector<std::size_t> gone = shape.replica_of_slot.slots_of(1);
  EXPECT_EQ(gone, (std::vector<std::size_t>{2, 3, 8, 9}));
  lose_replica(shape, 1, gone);
  EXPECT_EQ(shape, (Shape{.slots = 8, .replicas = 2, .replica_of_slot = {0, 0, 1, 1, 0, 0, 1, 1}}));
  add_replica(shape, 2);
  EXPECT_EQ(shape,
            (Shape{.slots = 10, .replicas = 3, .replica_of_slot = {0, 0, 1, 1, 0, 0, 1, 1, 2, 2}}));
  EXPECT_EQ(slots_of_replica(shape), 0);  // not equally many
}

// Of a thousand slots in any order, and of those in rows: those of the lost one are left out, and
// the numbers above are one less; a list and rows that are the same are equal.
TEST(SlotReplicas, lose_any_replica_of_many) {
  Prng prng(1, 0);
  for (int kind = 0; kind < 12; ++kind) {
    const int row = kind / 2, count = row > 0 ? 9 * row * (1 + kind % 2) : 1000;
    std::vector<int> list;
    for (int slot = 0; slot < count; ++slot) {
      list.push_back(row > 0 ? slot / row % 9 : static_cast<int>(prng.below(9)));
    }
    SlotReplicas replicas = list;
    EXPECT_TRUE(row == 0 || replicas == SlotReplicas::rows(count, 9, row));
    for (int left = 9; left > 1; --left) {
      SCOPED_TRACE(testing::Message() << "kind " << kind << ", " << left << " left");
      const int lost = static_cast<int>(prng.below(static_cast<std::uint64_t>(left)));
      std::vector<int> expected;
      std::vector<std::size_t> slots;
      for (std::size_t slot = 0; slot < list.size(); ++slot) {
        const int replica = list[slot];
        if (replica == lost) slots.push_back(slot);
        if (replica != lost) expected.push_back(replica > lost ? replica - 1 : replica);
      }
      ASSERT_EQ(replicas.slots_of(lost), slots);
      EXPECT_EQ(replicas.slots_of_each(left), row > 0 ? count / 9 : 0);
      EXPECT_TRUE(replicas.is_within(0, left - 1) && !replicas.is_within(0, left - 2));
      replicas.lose(lost, slots);
      ASSERT_EQ(replicas.list(), expected);
      ASSERT_EQ(replicas, SlotReplicas(expected));
      ASSERT_NE(replicas, SlotReplicas(list));
      list = expected;
    }
    // Those that have joined are lost like the others.
    const int more = row > 0 ? count / 9 : 3;
    for (const int joins : {1, 2, 3}) {
      replicas.add(joins, more);
      list.insert(list.end(), static_cast<std::size_t>(more), joins);
      ASSERT_EQ(replicas.list(), list);
      ASSERT_EQ(replicas, SlotReplicas(list));
    }
    for (const int lost : {2, 0, 1}) {
      const std::vector<std::size_t> slots = replicas.slots_of(lost);
      ASSERT_EQ(slots, SlotReplicas(list).slots_of(lost));
      replicas.lose(lost, slots);
      erase_at(list, slots);
      for (int& replica : list) replica -= replica > lost ? 1 : 0;
      ASSERT_EQ(replicas.list(), list);
      ASSERT_EQ(replicas, SlotReplicas(list));
    }
  }
}

}  // namespace
}  // namespace celere::policy

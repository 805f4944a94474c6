// Layouts as recovery sees them: which ranks a slot holds, which replica could be lost alone, and
// what the same layout is with fewer or more replicas.
//
// Slot i holds the ranks [i n, (i + 1) n) of n ranks a node. The layout that recovery means by a
// shape is that with its number of replicas (layout/replicas.hpp): it keeps tp, cp, pp and the
// experts' axes, so its ranks hold the shards that they held.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "layout/layout.hpp"
#include "layout/legal.hpp"
#include "layout/replicas.hpp"
#include "policy/recovery.hpp"
#include "wire/agent_message.hpp"

namespace celere::launch {

struct Slots {
  int ranks_per_node = 1;
  int count(const layout::Layout& layout) const {
    return static_cast<int>((layout.ranks() + ranks_per_node - 1) / ranks_per_node);
  }
  wire::Ranks ranks_of(const layout::Layout& layout, int slot) const;
  int slot_of(std::int64_t rank) const { return static_cast<int>(rank / ranks_per_node); }
};

policy::Shape shape_of(const layout::Layout& layout, const Slots& slots);

// The nodes of recovery's slots, of `shape`, in the order of the layout's. They differ where a
// replica has joined: recovery adds its slots at the end, and a layout with stages far apart has
// each of them behind the other replicas' of its stage. Slots of one replica keep their order.
// REQUIRES: the shape of that layout, but for the order of its slots.
std::vector<policy::Node> placed(const policy::Shape& shape, const std::vector<policy::Node>& nodes,
                                 const layout::Layout& layout, const Slots& slots);

// The greatest number of replicas, at most those of `full`, that is legal on so many nodes; nothing
// where not one replica fits. `counts`: of the model and the run (spec/layout_shape.hpp).
std::optional<layout::Layout> fitting(const layout::Layout& full, const layout::Shape& counts,
                                      const Slots& slots, int nodes);

// A layout and those that differ from it in the number of replicas alone: what a shape of the
// policy means.
struct Family {
  layout::Layout layout;
  bool micro_batch_said = false;  // else workers choose it, by the layout
  friend bool operator==(const Family&, const Family&) = default;
};
// One line, and back. Errors: bad_input.
std::string written(const Family& family);
Result<Family> parse_family(std::string_view text);

// As --layout takes it; without micro-batch where workers are to choose it.
std::string layout_text(const layout::Layout& layout, bool with_micro_batch);

}  // namespace celere::launch

#include "launch/layouts.hpp"

#include <algorithm>
#include <map>

#include "base/check.hpp"
#include "layout/place.hpp"
#include "spec/layout_wish.hpp"

namespace celere::launch {
namespace {

// Of all ranks of a slot; -1 where they are of several.
int replica_of(const layout::Layout& layout, const wire::Ranks& ranks) {
  const int first = layout::place_of(layout, ranks.front()).dp;
  const bool same = std::all_of(ranks.begin(), ranks.end(), [&](std::int64_t rank) {
    return layout::place_of(layout, rank).dp == first;
  });
  return same ? first : -1;
}

}  // namespace

wire::Ranks Slots::ranks_of(const layout::Layout& layout, int slot) const {
  wire::Ranks ranks;
  const std::int64_t first = std::int64_t{slot} * ranks_per_node;
  for (std::int64_t rank = first; rank < std::min(layout.ranks(), first + ranks_per_node); ++rank) {
    ranks.push_back(rank);
  }
  return ranks;
}

policy::Shape shape_of(const layout::Layout& layout, const Slots& slots) {
  std::vector<int> replicas;
  for (int slot = 0; slot < slots.count(layout); ++slot) {
    replicas.push_back(replica_of(layout, slots.ranks_of(layout, slot)));
  }
  return {.slots = slots.count(layout),
          .replicas = layout.dp,
          .replica_of_slot = std::move(replicas),
          .replicas_whole = layout::replicas_whole(layout)};
}

std::vector<policy::Node> placed(const policy::Shape& shape, const std::vector<policy::Node>& nodes,
                                 const layout::Layout& layout, const Slots& slots) {
  const policy::SlotReplicas wanted = shape_of(layout, slots).replica_of_slot;
  if (shape.replica_of_slot == wanted) return nodes;
  std::map<int, std::vector<policy::Node>> of_replica;
  for (std::size_t slot = 0; slot < nodes.size(); ++slot) {
    of_replica[shape.replica_of_slot[slot]].push_back(nodes[slot]);
  }
  std::map<int, std::size_t> taken;
  std::vector<policy::Node> out;
  for (const int replica : wanted.list()) {
    const std::vector<policy::Node>& those = of_replica[replica];
    const std::size_t next = taken[replica]++;
    CHECK_LT(next, those.size());
    out.push_back(those[next]);
  }
  return out;
}

std::string layout_text(const layout::Layout& layout, bool with_micro_batch) {
  std::string text = layout::written(layout);
  const std::size_t begin = text.find(",micro_batch=");
  if (!with_micro_batch && begin != std::string::npos) {
    text.erase(begin, text.find(',', begin + 1) - begin);
  }
  return text;
}

std::string written(const Family& family) {
  return layout_text(family.layout, family.micro_batch_said);
}

Result<Family> parse_family(std::string_view text) {
  ASSIGN_OR_RETURN(const spec::LayoutWish wish, spec::parse_layout_text(text));
  return Family{spec::layout_of(wish), wish.micro_batch.has_value()};
}

std::optional<layout::Layout> fitting(const layout::Layout& full, const layout::Shape& counts,
                                      const Slots& slots, int nodes) {
  for (int replicas = full.dp; replicas >= 1; --replicas) {
    const layout::Layout layout = layout::with_replicas(full, replicas);
    if (slots.count(layout) > nodes) continue;
    layout::Shape shape = counts;
    shape.gpus = layout.ranks();
    if (layout.ranks() == 1 || !layout::illegal(layout, shape)) return layout;
  }
  return std::nullopt;
}

}  // namespace celere::launch

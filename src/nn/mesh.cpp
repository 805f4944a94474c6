#include "nn/mesh.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace celere::nn {
namespace {

// Makes each set of ranks one group, whatever axes it serves.
class GroupMaker {
 public:
  GroupMaker(const Meeting& meeting, const Mesh::Member& member)
      : meeting_(meeting), member_(member) {}

  Result<ProcessGroup> shared(layout::Axis axis, const std::vector<int>& ranks) {
    if (const auto known = made_.find(ranks); known != made_.end()) return known->second;
    ASSIGN_OR_RETURN(ProcessGroup group, make("group", ranks, layout::name_of(axis)));
    made_.emplace(ranks, group);
    return group;
  }

  // `shown`: as what the flight record has it.
  Result<ProcessGroup> make(std::string_view what, const std::vector<int>& ranks,
                            std::string_view shown) const {
    const auto own = std::find(ranks.begin(), ranks.end(), member_.rank);
    CHECK(own != ranks.end());
    return ProcessGroup::make(meeting_, {.name = fmt::format("{} {}", what, fmt::join(ranks, ",")),
                                         .rank = static_cast<int>(own - ranks.begin()),
                                         .size = static_cast<int>(ranks.size()),
                                         .device = member_.device,
                                         .interface = member_.interface,
                                         .patience = member_.patience,
                                         .watch = member_.watch,
                                         .label = label(shown, ranks)});
  }

 private:
  // Short: "dp 0,4,8", or "world 0..4095 (4096)".
  static std::string label(std::string_view shown, const std::vector<int>& ranks) {
    const std::string whole = fmt::format("{} {}", shown, fmt::join(ranks, ","));
    if (whole.size() <= 23) return whole;
    return fmt::format("{} {}..{} ({})", shown, ranks.front(), ranks.back(), ranks.size());
  }

  const Meeting& meeting_;
  const Mesh::Member& member_;
  std::map<std::vector<int>, ProcessGroup> made_;
};

}  // namespace

Result<Mesh> Mesh::make(const Meeting& meeting, const layout::Layout& layout,
                        const Member& member) {
  Mesh mesh;
  mesh.layout_ = layout;
  mesh.rank_ = member.rank;
  mesh.place_ = layout::place_of(layout, member.rank);
  GroupMaker maker(meeting, member);
  for (int i = 0; i < layout::axis_count; ++i) {
    const auto axis = static_cast<layout::Axis>(i);
    ASSIGN_OR_RETURN(
        mesh.groups_[static_cast<std::size_t>(i)],
        maker.shared(axis, layout::members(layout, axis, member.rank, member.kv_heads)));
  }
  const std::vector<int> stages = layout::members(layout, layout::Axis::pp, member.rank);
  ASSIGN_OR_RETURN(mesh.forward_, maker.make("forward", stages, "forward"));
  ASSIGN_OR_RETURN(mesh.backward_, maker.make("backward", stages, "backward"));
  return mesh;
}

}  // namespace celere::nn

// The ranks of one training as this rank sees them: its place in the layout, and the group of each
// axis (layout/place.hpp), whose members are found at a Meeting.
//
// Axes with the same members share one group. A Mesh of one rank needs no Meeting and costs
// nothing.
#pragma once

#include <array>
#include <string>

#include "base/result.hpp"
#include "layout/layout.hpp"
#include "layout/place.hpp"
#include "nn/process_group.hpp"

namespace celere::nn {

class Mesh {
 public:
  Mesh() = default;  // one rank

  struct Member {
    int rank = 0;
    int kv_heads = 1;  // of the model
    Device device = Device::cpu;
    std::string interface;  // Membership::interface
    Seconds patience = Seconds::of(1800);
    Watch* watch = nullptr;  // of all its collectives
  };
  // Waits for all ranks of the layout. Errors: those of ProcessGroup::make. REQUIRES: a legal
  // layout; member.rank < layout.ranks().
  static Result<Mesh> make(const Meeting& meeting, const layout::Layout& layout,
                           const Member& member);

  const layout::Layout& layout() const { return layout_; }
  const layout::Place& place() const { return place_; }
  int rank() const { return rank_; }
  const ProcessGroup& operator[](layout::Axis axis) const {
    return groups_[static_cast<std::size_t>(axis)];
  }
  // Messages between stages: activations go forward, their gradients backward. Two groups, so that
  // neither waits for the other where messages have no tags (NCCL).
  const ProcessGroup& forward_messages() const { return forward_; }
  const ProcessGroup& backward_messages() const { return backward_; }

  // Puts a group of one in the place of an axis' group: so a test leaves a sum out.
  void leave_alone(layout::Axis axis) { groups_[static_cast<std::size_t>(axis)] = ProcessGroup(); }

  bool is_first_stage() const { return place_.pp == 0; }
  bool is_last_stage() const { return place_.pp == layout_.pp - 1; }

 private:
  layout::Layout layout_;
  layout::Place place_;
  int rank_ = 0;
  std::array<ProcessGroup, layout::axis_count> groups_;
  ProcessGroup forward_, backward_;
};

}  // namespace celere::nn

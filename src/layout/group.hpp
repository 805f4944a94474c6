// Where the ranks of a process group lie.
//
// Ranks are placed on GPUs in order. A group is a progression of blocks: member i is rank
//
//   base + (i / inner) * jump + (i mod inner) * stride
//
// A group along one axis is one block (inner = size). A group over two axes that are not neighbours
// in the rank order, as data x context parallel when the pipeline lies between them, is several.
#pragma once

#include <algorithm>
#include <cstdint>

namespace celere::layout {

struct GroupShape {
  int size = 1;
  std::int64_t stride = 1;
  int inner = 1;          // members of a block; size where there is one block
  std::int64_t jump = 1;  // between the first members of two blocks

  static constexpr GroupShape line(int size, std::int64_t stride) {
    return {size, stride, size, stride * size};
  }
};

// How many members of the group lie in one aligned domain of `gpus` GPUs: at least the member
// itself.
constexpr int members_within(GroupShape group, std::int64_t gpus) {
  if (group.inner < group.size && gpus >= group.jump) {
    return static_cast<int>(std::min<std::int64_t>(group.size, group.inner * (gpus / group.jump)));
  }
  return static_cast<int>(std::clamp<std::int64_t>(gpus / group.stride, 1, group.inner));
}

}  // namespace celere::layout

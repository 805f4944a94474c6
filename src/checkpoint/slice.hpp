// Boxes of a tensor: a piece that a rank holds, and what two pieces have in common.
//
// A Slice is a box inside a tensor's global shape: an offset and an extent for each dimension. The
// bytes of a slice lie in memory in row-major order without gaps. One rank that holds all is the
// special case of the whole slice. To go from one layout to another, each wanted slice is cut with
// each stored one, and the common box is copied:
//
//   offset = max(offset_a, offset_b),  end = min(end_a, end_b),  nothing where end <= offset
//
// A scalar has no dimensions, one item and one slice, the whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace celere::checkpoint {

inline constexpr std::size_t dimensions_max = 8;

using Shape = std::vector<std::int64_t>;

struct Slice {
  Shape offset;
  Shape extent;
  friend bool operator==(const Slice&, const Slice&) = default;
};

Slice whole(const Shape& shape);
std::string written(const Shape& shape);  // "[4, 8]"
std::string written(const Slice& slice);  // "[0:2, 4:8]"

// Items of a shape; nothing where a number is negative, there are too many dimensions or the count
// times `item_size` does not fit std::int64_t.
std::optional<std::int64_t> checked_count(const Shape& shape, std::size_t item_size = 1);
// REQUIRES: checked_count(shape) has a value.
std::int64_t count(const Shape& shape);

// The slice has as many dimensions as the shape and lies within it.
bool lies_within(const Slice& slice, const Shape& shape);
// What both hold; nothing where that is empty. REQUIRES: equally many dimensions.
std::optional<Slice> intersection(const Slice& a, const Slice& b);

// The boxes that `count` neighbours from `begin` on are, in row-major order of the shape; they lie
// one behind the other as the run does. No more than 2 d - 1 of d dimensions. REQUIRES: the run
// lies in the shape, which has a dimension.
std::vector<Slice> boxes_of_run(const Shape& shape, std::int64_t begin, std::int64_t count);

// The slices are disjoint and together all of the shape. Each lies_within(shape).
//
// The corners of boxes, with sign (-1)^(upper ends), are the mixed derivative of the sum of their
// indicator functions; so the boxes tile the shape exactly where their signed corners cancel down
// to those of the shape itself. n boxes of d cut dimensions take n 2^d corners and one sort; more
// than 2^24 are refused.
bool tile(const std::vector<Slice>& slices, const Shape& shape);

// The bytes of one slice.
template <typename Byte>
struct SliceBytes {
  const Slice& slice;
  Byte* bytes;
};

// Copies `box` from one slice's bytes into another's. REQUIRES: the box lies in both.
void copy_box(const Slice& box, SliceBytes<const std::byte> from, SliceBytes<std::byte> to,
              std::size_t item_size);

}  // namespace celere::checkpoint

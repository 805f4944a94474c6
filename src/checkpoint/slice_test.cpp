#include "checkpoint/slice.hpp"

#include <gtest/gtest.h>

#include <numeric>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/prng.hpp"

namespace celere::checkpoint {
namespace {

TEST(Slice, counts_items_and_refuses_what_does_not_fit) {
  EXPECT_EQ(checked_count({}), 1);  // a scalar
  EXPECT_EQ(checked_count({4, 8}), 32);
  EXPECT_EQ(checked_count({4, 0, 8}), 0);
  EXPECT_FALSE(checked_count({4, -1}).has_value());
  EXPECT_FALSE(checked_count({0, -1}).has_value());
  // 2^62 items of one byte fit 2^63 - 1, of two bytes they do not.
  EXPECT_TRUE(checked_count({std::int64_t{1} << 31, std::int64_t{1} << 31}, 1).has_value());
  EXPECT_FALSE(checked_count({std::int64_t{1} << 31, std::int64_t{1} << 31}, 2).has_value());
  EXPECT_FALSE(checked_count({std::int64_t{1} << 40, std::int64_t{1} << 40, 0}).has_value());
  EXPECT_TRUE(checked_count(Shape(8, 2)).has_value());
  EXPECT_FALSE(checked_count(Shape(9, 2)).has_value());
}

TEST(Slice, lies_within_a_shape_or_not) {
  EXPECT_TRUE(lies_within({{1, 2}, {3, 6}}, {4, 8}));
  EXPECT_FALSE(lies_within({{1, 2}, {4, 6}}, {4, 8}));
  EXPECT_FALSE(lies_within({{-1, 2}, {1, 1}}, {4, 8}));
  EXPECT_FALSE(lies_within({{1}, {1}}, {4, 8}));
  EXPECT_FALSE(lies_within({{INT64_MAX}, {INT64_MAX}}, {4}));  // a sum of both would wrap
  EXPECT_EQ(written(Slice{{1, 2}, {3, 6}}), "[1:4, 2:8]");
}

// Rows 1 to 3 and 2 to 5 have row 2 in common, columns 0 to 4 and 3 to 8 column 3.
TEST(Slice, is_cut_with_another) {
  const auto both = intersection({{1, 0}, {2, 4}}, {{2, 3}, {3, 5}});
  ASSERT_TRUE(both.has_value());
  EXPECT_EQ(*both, (Slice{{2, 3}, {1, 1}}));
  EXPECT_FALSE(intersection({{0}, {2}}, {{2}, {2}}).has_value());
  EXPECT_TRUE(intersection({{}, {}}, {{}, {}}).has_value());
}

TEST(Tiling, sees_gaps_and_overlaps) {
  EXPECT_TRUE(tile({{{0, 0}, {2, 8}}, {{2, 0}, {2, 8}}}, {4, 8}));
  EXPECT_TRUE(tile({{{}, {}}}, {}));
  EXPECT_FALSE(tile({}, {4}));
  EXPECT_FALSE(tile({{{}, {}}, {{}, {}}}, {}));                      // twice the whole
  EXPECT_FALSE(tile({{{0, 0}, {2, 8}}, {{3, 0}, {1, 8}}}, {4, 8}));  // row 2 is missing
  // As many items as the shape has: two hold the first half, none the second.
  EXPECT_FALSE(tile({{{0}, {2}}, {{0}, {2}}}, {4}));
  // Five boxes around a middle, which no cut through all separates.
  const std::vector<Slice> pinwheel{
      {{0, 0}, {1, 2}}, {{0, 2}, {2, 1}}, {{2, 1}, {1, 2}}, {{1, 0}, {2, 1}}, {{1, 1}, {1, 1}}};
  EXPECT_TRUE(tile(pinwheel, {3, 3}));
  EXPECT_FALSE(tile({pinwheel.begin(), pinwheel.end() - 1}, {3, 3}));
}

Slice random_box(Prng& prng, const Shape& shape) {
  Slice box;
  for (const std::int64_t extent : shape) {
    const auto from = static_cast<std::int64_t>(prng.below(static_cast<std::uint64_t>(extent)));
    box.offset.push_back(from);
    box.extent.push_back(
        1 + static_cast<std::int64_t>(prng.below(static_cast<std::uint64_t>(extent - from))));
  }
  return box;
}

Shape random_shape(Prng& prng, std::uint64_t dimensions_most, std::uint64_t extent_most) {
  Shape shape(prng.below(dimensions_most + 1));
  for (auto& extent : shape) extent = 1 + static_cast<std::int64_t>(prng.below(extent_most));
  return shape;
}

// Visits each index of a box.
template <typename Visit>
void for_each_index(const Slice& box, const Visit& visit) {
  Shape index = box.offset;
  while (true) {
    visit(index);
    std::size_t d = index.size();
    while (true) {
      if (d == 0) return;
      --d;
      if (++index[d] < box.offset[d] + box.extent[d]) break;
      index[d] = box.offset[d];
    }
  }
}

std::size_t place_in(const Slice& slice, const Shape& index) {
  std::int64_t place = 0;
  for (std::size_t d = 0; d < index.size(); ++d) {
    place = place * slice.extent[d] + index[d] - slice.offset[d];
  }
  return static_cast<std::size_t>(place);
}

// The slow twin counts how often each item is held.
TEST(Tiling, agrees_with_counting_each_item) {
  int tiled = 0;
  for (std::uint64_t seed = 0; seed < 4000; ++seed) {
    Prng prng(seed, 0);
    const Shape shape = random_shape(prng, 3, 3);
    std::vector<Slice> slices;
    if (seed % 2 == 0 && !shape.empty()) {  // split the whole again and again, then spoil a few
      slices.push_back(whole(shape));
      for (int i = 0; i < 5; ++i) {
        Slice& one = slices[prng.below(slices.size())];
        const std::size_t d = prng.below(shape.size());
        if (one.extent[d] < 2) continue;
        Slice rest = one;
        one.extent[d] = 1;
        rest.offset[d] += 1;
        rest.extent[d] -= 1;
        slices.push_back(rest);
      }
      if (seed % 8 == 0) slices.pop_back();
    } else {
      for (std::uint64_t i = 0; i <= prng.below(4); ++i) slices.push_back(random_box(prng, shape));
    }
    std::vector<int> held(static_cast<std::size_t>(count(shape)));
    for (const Slice& slice : slices) {
      for_each_index(slice, [&](const Shape& at) { ++held[place_in(whole(shape), at)]; });
    }
    const bool once = std::all_of(held.begin(), held.end(), [](int times) { return times == 1; });
    ASSERT_EQ(tile(slices, shape), once) << "seed " << seed;
    tiled += once ? 1 : 0;
  }
  EXPECT_GT(tiled, 1000);
}

// The slow twin copies item by item; what lies outside the box keeps its bytes.
TEST(CopyBox, agrees_with_copying_each_item) {
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    Prng prng(seed, 1);
    const Shape shape = random_shape(prng, 5, 4);
    const Slice box = random_box(prng, shape);
    const std::size_t size = std::size_t{1} << prng.below(4);
    Slice from = box, to = box;  // both reach beyond the box as far as they like
    for (std::size_t d = 0; d < shape.size(); ++d) {
      for (Slice* slice : {&from, &to}) {
        const auto below =
            static_cast<std::int64_t>(prng.below(static_cast<std::uint64_t>(box.offset[d]) + 1));
        const std::int64_t above = shape[d] - box.offset[d] - box.extent[d];
        slice->offset[d] -= below;
        slice->extent[d] +=
            below + static_cast<std::int64_t>(prng.below(static_cast<std::uint64_t>(above) + 1));
      }
    }
    std::vector<std::byte> source(static_cast<std::size_t>(count(from.extent)) * size);
    for (std::byte& byte : source) byte = static_cast<std::byte>(prng.bits());
    std::vector<std::byte> copied(static_cast<std::size_t>(count(to.extent)) * size);
    std::vector<std::byte> expected = copied;
    for_each_index(box, [&](const Shape& at) {
      for (std::size_t i = 0; i < size; ++i) {
        expected[place_in(to, at) * size + i] = source[place_in(from, at) * size + i];
      }
    });
    copy_box(box, {from, source.data()}, {to, copied.data()}, size);
    ASSERT_EQ(copied, expected) << "seed " << seed;
  }
}

// 3 x 4 numbered by rows, from 2 on seven of them: 2 3 | 4 5 6 7 | 8.
TEST(BoxesOfRun, cuts_the_first_and_the_last_row) {
  EXPECT_EQ(boxes_of_run({3, 4}, 2, 7),
            (std::vector<Slice>{{{0, 2}, {1, 2}}, {{1, 0}, {1, 4}}, {{2, 0}, {1, 1}}}));
}

// Every run of a small shape: its boxes hold its elements, in order and once.
TEST(BoxesOfRun, hold_every_element_in_order) {
  const Shape shape{2, 3, 4};
  for (std::int64_t begin = 0; begin < 24; ++begin) {
    for (std::int64_t length = 0; begin + length <= 24; ++length) {
      std::vector<std::int64_t> seen;
      const std::vector<Slice> boxes = boxes_of_run(shape, begin, length);
      EXPECT_LE(boxes.size(), 5u);
      for (const Slice& box : boxes) {
        for (std::int64_t i = 0; i < count(box.extent); ++i) {
          const std::int64_t z = i % box.extent[2] + box.offset[2];
          const std::int64_t y = i / box.extent[2] % box.extent[1] + box.offset[1];
          const std::int64_t x = i / box.extent[2] / box.extent[1] + box.offset[0];
          seen.push_back((x * 3 + y) * 4 + z);
        }
      }
      std::vector<std::int64_t> right(static_cast<std::size_t>(length));
      std::iota(right.begin(), right.end(), begin);
      EXPECT_EQ(seen, right);
    }
  }
}

}  // namespace
}  // namespace celere::checkpoint

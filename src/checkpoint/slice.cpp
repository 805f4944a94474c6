#include "checkpoint/slice.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <numeric>

#include "base/check.hpp"

namespace celere::checkpoint {
namespace {

constexpr std::size_t corners_max = std::size_t{1} << 24;

// The dimensions in which some slice is not as long as the shape.
std::vector<std::size_t> cut_dimensions(const std::vector<Slice>& slices, const Shape& shape) {
  std::vector<std::size_t> cut;
  for (std::size_t d = 0; d < shape.size(); ++d) {
    const auto shorter = [&](const Slice& slice) { return slice.extent[d] != shape[d]; };
    if (std::any_of(slices.begin(), slices.end(), shorter)) cut.push_back(d);
  }
  return cut;
}

// Signed corners of boxes: the coordinates of each beside each other, and its sign.
struct Corners {
  std::size_t dimensions = 0;
  std::vector<std::int64_t> coordinates;
  std::vector<int> signs;

  void add(const Slice& slice, const std::vector<std::size_t>& cut, int sign) {
    for (std::size_t corner = 0; corner < std::size_t{1} << cut.size(); ++corner) {
      int corner_sign = sign;
      for (std::size_t i = 0; i < cut.size(); ++i) {
        const bool upper = (corner >> i & 1) != 0;
        if (upper) corner_sign = -corner_sign;
        coordinates.push_back(slice.offset[cut[i]] + (upper ? slice.extent[cut[i]] : 0));
      }
      signs.push_back(corner_sign);
    }
  }

  bool cancel() const {
    std::vector<std::size_t> order(signs.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    const auto begin = [&](std::size_t i) {
      return coordinates.begin() + static_cast<std::ptrdiff_t>(i * dimensions);
    };
    const auto end = [&](std::size_t i) {
      return begin(i) + static_cast<std::ptrdiff_t>(dimensions);
    };
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return std::lexicographical_compare(begin(a), end(a), begin(b), end(b));
    });
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < order.size(); ++i) {
      if (i > 0 && !std::equal(begin(order[i]), end(order[i]), begin(order[i - 1]))) {
        if (sum != 0) return false;
      }
      sum += signs[order[i]];
    }
    return sum == 0;
  }
};

}  // namespace

Slice whole(const Shape& shape) { return {Shape(shape.size(), 0), shape}; }

std::string written(const Shape& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

std::string written(const Slice& slice) {
  std::string out;
  for (std::size_t d = 0; d < slice.offset.size(); ++d) {
    out += fmt::format("{}{}:{}", d > 0 ? ", " : "", slice.offset[d],
                       slice.offset[d] + slice.extent[d]);
  }
  return "[" + out + "]";
}

std::optional<std::int64_t> checked_count(const Shape& shape, std::size_t item_size) {
  if (shape.size() > dimensions_max) return std::nullopt;
  bool empty = false;
  auto product = static_cast<std::int64_t>(item_size);
  for (const std::int64_t extent : shape) {
    if (extent < 0) return std::nullopt;
    if (extent == 0) {
      empty = true;  // the others must be possible all the same
      continue;
    }
    if (product > std::numeric_limits<std::int64_t>::max() / extent) return std::nullopt;
    product *= extent;
  }
  return empty ? 0 : product / static_cast<std::int64_t>(item_size);
}

std::int64_t count(const Shape& shape) {
  const std::optional<std::int64_t> items = checked_count(shape);
  CHECK(items.has_value());
  return *items;
}

bool lies_within(const Slice& slice, const Shape& shape) {
  if (slice.offset.size() != shape.size() || slice.extent.size() != shape.size()) return false;
  for (std::size_t d = 0; d < shape.size(); ++d) {
    if (slice.offset[d] < 0 || slice.extent[d] < 0) return false;
    if (slice.offset[d] > shape[d] || slice.extent[d] > shape[d] - slice.offset[d]) return false;
  }
  return true;
}

std::optional<Slice> intersection(const Slice& a, const Slice& b) {
  CHECK_EQ(a.offset.size(), b.offset.size());
  Slice both;
  for (std::size_t d = 0; d < a.offset.size(); ++d) {
    const std::int64_t offset = std::max(a.offset[d], b.offset[d]);
    const std::int64_t end = std::min(a.offset[d] + a.extent[d], b.offset[d] + b.extent[d]);
    if (end <= offset) return std::nullopt;
    both.offset.push_back(offset);
    both.extent.push_back(end - offset);
  }
  return both;
}

namespace {

void add_boxes(const Shape& shape, Slice fixed, std::int64_t begin, std::int64_t end,
               std::vector<Slice>& out) {
  const std::size_t d = fixed.offset.size();
  const std::int64_t inner =
      count(Shape(shape.begin() + static_cast<std::ptrdiff_t>(d) + 1, shape.end()));
  const auto with_rows = [&](std::int64_t row, std::int64_t rows) {
    Slice box = fixed;
    box.offset.push_back(row);
    box.extent.push_back(rows);
    return box;
  };
  std::int64_t row = begin / inner;
  if (begin % inner != 0) {
    const std::int64_t stop = std::min(inner, end - row * inner);
    add_boxes(shape, with_rows(row, 1), begin % inner, stop, out);
    ++row;
  }
  if (end / inner > row) {
    Slice box = with_rows(row, end / inner - row);
    for (std::size_t i = d + 1; i < shape.size(); ++i) {
      box.offset.push_back(0);
      box.extent.push_back(shape[i]);
    }
    out.push_back(std::move(box));
    row = end / inner;
  }
  if (end > row * inner) add_boxes(shape, with_rows(row, 1), 0, end - row * inner, out);
}

}  // namespace

std::vector<Slice> boxes_of_run(const Shape& shape, std::int64_t begin, std::int64_t count) {
  std::vector<Slice> out;
  if (count > 0) add_boxes(shape, {}, begin, begin + count, out);
  return out;
}

bool tile(const std::vector<Slice>& slices, const Shape& shape) {
  if (slices.empty()) return false;
  if (slices.size() == 1) return slices.front() == whole(shape);
  const std::vector<std::size_t> cut = cut_dimensions(slices, shape);
  if (slices.size() >= corners_max >> cut.size()) return false;
  Corners corners{.dimensions = cut.size(), .coordinates = {}, .signs = {}};
  for (const Slice& slice : slices) corners.add(slice, cut, 1);
  corners.add(whole(shape), cut, -1);
  return corners.cancel();
}

void copy_box(const Slice& box, SliceBytes<const std::byte> from, SliceBytes<std::byte> to,
              std::size_t item_size) {
  const std::size_t dimensions = box.extent.size();
  CHECK_LE(dimensions, dimensions_max);
  if (count(box.extent) == 0) return;
  // Bytes from one index of a dimension to the next, and where the box begins.
  std::array<std::size_t, dimensions_max> from_stride{}, to_stride{}, index{};
  std::size_t from_size = item_size, to_size = item_size, from_at = 0, to_at = 0;
  for (std::size_t d = dimensions; d-- > 0;) {
    from_stride[d] = from_size;
    to_stride[d] = to_size;
    from_size *= static_cast<std::size_t>(from.slice.extent[d]);
    to_size *= static_cast<std::size_t>(to.slice.extent[d]);
    from_at += from_stride[d] * static_cast<std::size_t>(box.offset[d] - from.slice.offset[d]);
    to_at += to_stride[d] * static_cast<std::size_t>(box.offset[d] - to.slice.offset[d]);
  }
  // The last dimensions make one run as long as the box is as wide as both slices.
  std::size_t outer = dimensions, run = item_size;
  while (outer > 0) {
    --outer;
    run *= static_cast<std::size_t>(box.extent[outer]);
    if (box.extent[outer] != from.slice.extent[outer] ||
        box.extent[outer] != to.slice.extent[outer]) {
      break;
    }
  }
  while (true) {
    std::memcpy(to.bytes + to_at, from.bytes + from_at, run);
    std::size_t d = outer;
    while (true) {
      if (d == 0) return;
      --d;
      from_at += from_stride[d];
      to_at += to_stride[d];
      const auto extent = static_cast<std::size_t>(box.extent[d]);
      if (++index[d] < extent) break;
      from_at -= extent * from_stride[d];
      to_at -= extent * to_stride[d];
      index[d] = 0;
    }
  }
}

}  // namespace celere::checkpoint

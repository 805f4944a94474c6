#include "cost/log_table.hpp"

#include <algorithm>
#include <cmath>

#include "base/check.hpp"

namespace celere::cost {
namespace {

std::vector<double> logs_of(const std::vector<double>& values, double unit) {
  std::vector<double> logs;
  logs.reserve(values.size());
  for (const double value : values) {
    CHECK_GT(value, 0);
    logs.push_back(std::log(value * unit));
  }
  return logs;
}

}  // namespace

LogTable::LogTable(const Grid& grid)
    : x_(logs_of(grid.x, 1)),
      y_(logs_of(grid.y, 1)),
      z_(logs_of(grid.z, 1)),
      values_(logs_of(grid.values, grid.unit)) {
  CHECK_EQ(values_.size(), x_.size() * y_.size() * z_.size());
  for (const std::vector<double>* axis : {&x_, &y_, &z_}) {
    CHECK(!axis->empty());
    CHECK(std::is_sorted(axis->begin(), axis->end(), std::less_equal<>()));
  }
  first_x_ = grid.x.front();
}

// Axes have about eight points, so counting those below is faster than a binary search.
LogTable::Place LogTable::place(const std::vector<double>& axis, double value) {
  if (axis.size() == 1) return {0, 0};
  const double x = std::log(value);
  if (x <= axis.front()) return {0, 0};
  if (x >= axis.back()) return {axis.size() - 2, 1};
  std::size_t low = 0;
  while (axis[low + 1] <= x) ++low;
  return {low, (x - axis[low]) / (axis[low + 1] - axis[low])};
}

double LogTable::at(double x, double y, double z) const {
  const Place a = place(x_, x), b = place(y_, y), c = place(z_, z);
  const auto line = [&](std::size_t i, std::size_t j) {
    const double* row = &values_[(i * y_.size() + j) * z_.size() + c.low];
    return c.weight > 0 ? row[0] + c.weight * (row[1] - row[0]) : row[0];
  };
  const auto plane = [&](std::size_t i) {
    const double low = line(i, b.low);
    return b.weight > 0 ? low + b.weight * (line(i, b.low + 1) - low) : low;
  };
  const double low = plane(a.low);
  return std::exp(a.weight > 0 ? low + a.weight * (plane(a.low + 1) - low) : low);
}

}  // namespace celere::cost

#include "cost/log_table.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace celere::cost {
namespace {

LogTable made(const LogTable::Grid& grid) { return LogTable(grid); }

// Two points a side, so that each of the eight corners is one value.
LogTable cube() {
  return made({.x = {1, 4}, .y = {1, 100}, .z = {2, 8}, .values = {1, 2, 3, 4, 5, 6, 7, 8}});
}

TEST(LogTable, gives_a_grid_point_its_own_value) {
  const LogTable table = cube();
  EXPECT_DOUBLE_EQ(table.at(1, 1, 2), 1);
  EXPECT_DOUBLE_EQ(table.at(1, 1, 8), 2);
  EXPECT_DOUBLE_EQ(table.at(1, 100, 2), 3);
  EXPECT_DOUBLE_EQ(table.at(4, 1, 2), 5);
  EXPECT_DOUBLE_EQ(table.at(4, 100, 8), 8);
}

// 2 lies half way from 1 to 4 in logarithms, 10 from 1 to 100, 4 from 2 to 8: the value is the
// geometric mean of all corners, (8!)^(1/8) = 40320^(1/8) = 3.7643506.
TEST(LogTable, is_the_geometric_mean_in_the_middle) {
  EXPECT_NEAR(cube().at(2, 10, 4), 3.7643506, 1e-6);
}

// A power law is a plane in logarithms, so the table reproduces it between its points: x^0.5 y^-2 z
// at (3, 7, 5) is 1.7320508 / 49 * 5 = 0.1767399.
TEST(LogTable, reproduces_a_power_law) {
  LogTable::Grid grid{.x = {1, 2, 9}, .y = {5, 11}, .z = {1, 4, 6}, .values = {}};
  for (const double x : grid.x) {
    for (const double y : grid.y) {
      for (const double z : grid.z) grid.values.push_back(std::sqrt(x) / (y * y) * z);
    }
  }
  EXPECT_NEAR(made(grid).at(3, 7, 5), 0.1767399, 1e-7);
}

TEST(LogTable, stays_at_the_edge_beyond_it) {
  const LogTable table = cube();
  EXPECT_DOUBLE_EQ(table.at(0.1, 0.1, 0.1), 1);
  EXPECT_DOUBLE_EQ(table.at(1e9, 1e9, 1e9), 8);
}

TEST(LogTable, is_constant_along_an_axis_of_one_point) {
  const LogTable table = made({.x = {1, 4}, .y = {1}, .z = {1}, .values = {10, 1000}});
  EXPECT_NEAR(table.at(2, 77, 1e-3), 100, 1e-9);
}

TEST(LogTable, counts_values_in_its_unit) {
  const LogTable table = made({.x = {1}, .y = {1}, .z = {1}, .values = {3}, .unit = 1e12});
  EXPECT_NEAR(table.at(1, 1, 1), 3e12, 1);
}

TEST(LogTableDeathTest, refuses_a_table_of_another_size) {
  EXPECT_DEATH(made({.x = {1, 2}, .y = {1}, .z = {1}, .values = {1}}), "values_.size");
}

}  // namespace
}  // namespace celere::cost

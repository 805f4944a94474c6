// A table on a grid of up to three axes, linear in the logarithms of the axes and of the value.
//
//   log v(x, y, z) = sum over the 8 corners of weight * log v(corner),  weights linear in log x,
//   ...
//
// Beyond an edge the value is that of the edge. The logarithms are taken once, so that a look-up
// costs three logarithms, one exponential and seven products.
#pragma once

#include <vector>

namespace celere::cost {

class LogTable {
 public:
  LogTable() = default;
  // `values` are [x][y][z] times `unit`. An axis of one point is constant: {1} for fewer axes.
  // REQUIRES: axes increase, are positive and not empty; one positive value a grid point.
  struct Grid {
    std::vector<double> x, y, z;
    std::vector<double> values;
    double unit = 1;
  };
  explicit LogTable(const Grid& grid);

  // REQUIRES: x, y, z > 0.
  double at(double x, double y, double z) const;

  double first_x() const { return first_x_; }

 private:
  struct Place {
    std::size_t low;
    double weight;  // of the next point
  };
  static Place place(const std::vector<double>& axis, double value);

  std::vector<double> x_, y_, z_;  // logarithms, as are the values
  std::vector<double> values_;
  double first_x_ = 1;
};

}  // namespace celere::cost

// A chart with two axes as SVG: lines, boxes and points in the units of the axes, dark text on
// white. Labels are set in the reader's own sans serif, so their width is guessed (7 px a letter).
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/date.hpp"

namespace celere::report {

struct Tick {
  double at = 0;
  std::string text = {};
};

struct PlotAxis {
  std::string title = {};  // with its unit
  double from = 0, to = 1;
  std::vector<Tick> ticks = {};
  bool grid = true;
};

// From 0 or from the least, at 1, 2 or 5 times a power of ten, about six ticks; ends widened to
// them.
PlotAxis number_axis(std::string title, double from, double to);
// Days since `start` as dates; without a start as days.
PlotAxis day_axis(std::optional<Date> start, double from, double to);
// One name at each whole number from 0 on, the first at the top.
PlotAxis name_axis(const std::vector<std::string>& names);

// Colours that the colour-blind can tell apart, and with them dashes of lines and shapes of points.
std::string color_of(std::size_t place);
std::string color_of_part(std::size_t part);  // of life::Part

class Plot {
 public:
  using Points = std::vector<std::pair<double, double>>;

  Plot(std::string title, PlotAxis x, PlotAxis y, int height = 420);

  // `place` chooses colour and dashes; a name goes to the legend.
  void line(const Points& points, std::size_t place, const std::string& name = {});
  void dot(double x, double y, std::size_t place);
  void box(std::pair<double, double> x, std::pair<double, double> y, const std::string& color);
  void mark(double x, const std::string& text);  // an upright line
  void key(const std::string& name, const std::string& color);

  std::string svg() const;

 private:
  double x_of(double value) const;
  double y_of(double value) const;
  std::string axes() const;
  struct Legend {
    int height = 0;  // below the chart
    std::string text = {};
  };
  Legend legend() const;

  std::string title_;
  PlotAxis x_, y_;
  int height_;
  double left_;
  std::string drawn_;
  struct Key {
    std::string name, color, dashes;
    bool line = false;
  };
  std::vector<Key> keys_;
};

}  // namespace celere::report

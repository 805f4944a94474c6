// A chart as one SVG file: axes, labels and dark text on white, for slides and print.
#pragma once

#include <string>

namespace celere::report {

struct Svg {
  std::string name;  // "completion": of a file, without its ending
  std::string text;  // the whole file
};

}  // namespace celere::report

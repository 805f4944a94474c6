// A table for a terminal: columns as wide as their widest cell, numbers to the right.
#pragma once

#include <string>
#include <vector>

namespace celere::report {

class Table {
 public:
  enum class Align { left, right };

  explicit Table(std::vector<std::pair<std::string, Align>> columns);
  void row(std::vector<std::string> cells);
  // Each line indented by `indent` spaces.
  std::string text(int indent) const;

 private:
  std::vector<std::pair<std::string, Align>> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// `width` characters of which `share` (0 to 1) are full.
std::string bar(double share, int width);

// Text wrapped at `width` columns, the lines after the first indented by `indent` spaces.
std::string wrapped(const std::string& text, int width, int indent);

// A line of a list, "  - " before its text, wrapped at `width` columns.
std::string item(const std::string& text, int width, int indent = 2);

}  // namespace celere::report

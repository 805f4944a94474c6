#include "report/table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "base/check.hpp"

namespace celere::report {
namespace {

// Columns of UTF-8 text, one for each character.
std::size_t columns_of(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

}  // namespace

Table::Table(std::vector<std::pair<std::string, Align>> columns) : columns_(std::move(columns)) {}

void Table::row(std::vector<std::string> cells) {
  CHECK_EQ(cells.size(), columns_.size());
  rows_.push_back(std::move(cells));
}

std::string Table::text(int indent) const {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t width = columns_of(columns_[i].first);
    for (const auto& cells : rows_) width = std::max(width, columns_of(cells[i]));
    widths.push_back(width);
  }
  std::string out;
  const auto line = [&](const auto& cell_of) {
    std::string text(static_cast<std::size_t>(indent), ' ');
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (i > 0) text += "  ";
      const bool right = columns_[i].second == Align::right;
      text += right ? fmt::format("{:>{}}", cell_of(i), widths[i])
                    : fmt::format("{:<{}}", cell_of(i), widths[i]);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out += text + '\n';
  };
  line([&](std::size_t i) { return columns_[i].first; });
  for (const auto& cells : rows_) {
    line([&](std::size_t i) { return cells[i]; });
  }
  return out;
}

std::string bar(double share, int width) {
  const int full = static_cast<int>(std::lround(std::clamp(share, 0.0, 1.0) * width));
  return std::string(static_cast<std::size_t>(full), '#') +
         std::string(static_cast<std::size_t>(width - full), '.');
}

std::string wrapped(const std::string& text, int width, int indent) {
  std::istringstream words(text);
  std::string out, word;
  int column = 0;
  while (words >> word) {
    const int size = static_cast<int>(word.size());
    if (column > 0 && column + 1 + size > width) {
      out += fmt::format("\n{:{}}", "", indent);
      column = indent;
    } else if (column > 0) {
      out += ' ';
      ++column;
    }
    out += word;
    column += size;
  }
  return out;
}

std::string item(const std::string& text, int width, int indent) {
  return fmt::format("{:{}}- {}\n", "", indent, wrapped(text, width - indent - 2, indent + 2));
}

}  // namespace celere::report

#include "study/cells.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

namespace celere::study {

std::string Cells::text(std::string_view column) const {
  const auto place = table_.column(column);
  return place ? row_.cells[*place] : std::string();
}

Error Cells::wrong(std::string_view column, std::string_view what) const {
  return bad_input(fmt::format("{}:{}: {}: {}", table_.file, row_.line, column, what));
}

Result<std::optional<double>> Cells::number(std::string_view column) const {
  const std::string cell = text(column);
  if (cell.empty()) return std::optional<double>();
  double value = 0;
  const char* end = cell.data() + cell.size();
  const auto [stop, error] = std::from_chars(cell.data(), end, value);
  if (error != std::errc() || stop != end || !std::isfinite(value)) {
    return wrong(column, fmt::format("\"{}\" is no number", cell));
  }
  return std::optional<double>(value);
}

}  // namespace celere::study

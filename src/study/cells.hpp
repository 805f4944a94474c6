// One row of a table of measured runs, asked by the name of a column.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/csv.hpp"
#include "base/result.hpp"

namespace celere::study {

class Cells {
 public:
  // Both outlive it.
  Cells(const CsvTable& table, const CsvRow& row) : table_(table), row_(row) {}

  // Empty where the column is missing.
  std::string text(std::string_view column) const;
  // Nothing where the cell is empty. Errors: bad_input with file, line and column.
  Result<std::optional<double>> number(std::string_view column) const;
  // What is wrong with this cell, with its place.
  Error wrong(std::string_view column, std::string_view what) const;

 private:
  const CsvTable& table_;
  const CsvRow& row_;
};

}  // namespace celere::study
